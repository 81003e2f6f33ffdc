"""`grade EXERCISE FILE`: any file, no workspace, nothing but the verdict."""

from __future__ import annotations

import pytest

from grader.verdict_json import from_json

from .conftest import MINICOURSE, RIGHT, WRONG

COURSE = ("--course", MINICOURSE)


def test_the_verdict_and_nothing_else(gradlings, tmp_path):
    (tmp_path / "mine.py").write_text(RIGHT)
    ran = gradlings("grade", "numbers/clamp", "mine.py", "--json", *COURSE)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.count("\n") == 1
    verdict = from_json(ran.out.encode())
    assert (verdict.exercise, verdict.status, verdict.score) == ("numbers/clamp", "passed", 1.0)
    assert {path.name for path in tmp_path.iterdir()} == {"mine.py"}


def test_a_wrong_file_is_1(gradlings, tmp_path):
    (tmp_path / "mine.py").write_text(WRONG)
    ran = gradlings("grade", "clamp", "mine.py", *COURSE)
    assert ran.code == 1
    assert "What went wrong: min and max are exchanged" in ran.out


def test_from_standard_input(gradlings):
    ran = gradlings("grade", "clamp", "-", "--json", *COURSE, stdin=RIGHT.encode())
    assert (ran.code, from_json(ran.out.encode()).status) == (0, "passed")


def test_a_reference_is_itself_a_submission(gradlings):
    assert gradlings("grade", "vocabulary", MINICOURSE / "reference/words/vocabulary.py", *COURSE).code == 0


def test_a_stub_is_not_started(gradlings):
    ran = gradlings("grade", "vocabulary", MINICOURSE / "exercises/words/vocabulary.py", "--json", *COURSE)
    assert (ran.code, from_json(ran.out.encode()).status) == (1, "not_started")


@pytest.mark.parametrize(
    "source", [b"", b"def f(:\n", b"\x00", b"import nothing_of_that_name\n", b"raise SystemExit(0)\n"]
)
def test_whatever_is_in_it_there_is_a_verdict_and_no_pass(gradlings, source):
    ran = gradlings("grade", "clamp", "-", "--json", *COURSE, stdin=source)
    assert ran.code == 1
    assert from_json(ran.out.encode()).status in ("error", "failed", "not_started")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("missing.py", None, "No such file"),
        ("latin.py", b"x = '\xe9'\n", "not UTF-8 text (byte 5)"),
        ("large.py", b"#" * (1 << 20) + b"\n", "larger than 1 MiB"),
    ],
)
def test_what_is_no_source_is_2(inside, tmp_path, name, content, told):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    ran = inside("grade", "clamp", name, "--json", *COURSE)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
    assert name in ran.err


def test_a_folder_is_2(inside, tmp_path):
    ran = inside("grade", "clamp", tmp_path, *COURSE)
    assert (ran.code, ran.out) == (2, "")


@pytest.mark.parametrize(("name", "told"), [("clam", "clamp"), ("nothing/like-it", "gradlings list")])
def test_an_unknown_exercise_is_2(inside, name, told):
    ran = inside("grade", name, "-", *COURSE)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
