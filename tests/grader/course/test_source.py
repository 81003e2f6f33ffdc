"""What is no source is refused with its line; what a learner is shown of a reference has no mistakes in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.course.files import SourceError
from grader.course.read import read_course
from grader.course.source import check_source, refusal, worked_solution

MINICOURSE = Path(__file__).parents[2] / "minicourse"


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("", None, "is empty"),
        (" \n\t\n", None, "is empty"),
        ("x = 1\ndef f(:\n    pass\n", 2, "invalid syntax on line 2"),
        ("def f():\n    x = (1,\n", 2, "'(' was never closed on line 2"),
        ("def f():\nreturn 1\n", 2, "expected an indented block"),
        ("if x:\n\ty\n        z\n", 3, "on line 3"),
        ("x = 'abc\n", 1, "unterminated string"),
        ("(" * 500, 1, "too many nested parentheses"),
        ("x = " + "9" * 5000, 1, "4300 digits"),
        ("-" * 100_000 + "1", None, "cannot read the file"),
        ("x = \ud800", None, "cannot read the file"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_refuses_what_does_not_parse(source, line, words):
    with pytest.raises(SourceError) as caught:
        check_source(source, "a.py")
    assert words in caught.value.message
    assert caught.value.hint
    if line:
        assert caught.value.line == line


@pytest.mark.parametrize(
    "source", ["x = 1", "x = 1\r\ny = 2\r\n", "x = '\\d'", "raise SystemExit", "1 / 0", "# only this"]
)
def test_accepts_what_parses_and_runs_nothing(source):
    check_source(source, "a.py")


def test_refusal_shows_the_line():
    course = read_course(MINICOURSE)
    verdict = refusal(course, course.exercises["numbers/clamp"], "Wrong.", 2, "x = 1\n  y = (\n")
    assert (verdict.status, verdict.score, verdict.exercise) == ("error", 0.0, "numbers/clamp")
    [check] = verdict.checks
    assert (check.status, check.message) == ("error", "Wrong.")
    [frame] = check.traceback
    assert (frame.file, frame.line, frame.code) == ("numbers/clamp.py", 2, "y = (")


def test_refusal_past_the_end_has_no_code():
    course = read_course(MINICOURSE)
    verdict = refusal(course, course.exercises["numbers/clamp"], "Wrong.", 9, "x = (\n")
    assert verdict.checks[0].traceback[0].code == ""


@pytest.mark.parametrize("id_", ["numbers/clamp", "numbers/slope", "words/frequencies", "words/vocabulary"])
def test_worked_solution_is_the_reference_alone(id_):
    shown = worked_solution(read_course(MINICOURSE).reference(id_).read_text())
    assert "mistake" not in shown
    assert "alternative" not in shown
    compile(shown, id_, "exec")
    name = {"vocabulary": "class Vocabulary"}.get(id_.split("/")[1], f"def {id_.split('/')[1]}")
    assert name in shown
    assert shown.startswith('"""')


def test_worked_solution_without_marks_is_whole():
    assert worked_solution("x = 1\n\n\ndef f():\n    return 1\n") == "x = 1\n\n\ndef f():\n    return 1\n"
