"""A learner's way through the mini-course, with the real engine."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.cli.show import reflow

from .conftest import CLAMP, MINICOURSE, RIGHT, WRONG

REFERENCE = MINICOURSE / "reference"


def test_from_the_stub_to_the_next_exercise(workspace, at):
    ran = at("run")
    assert ran.code == 1
    assert "numbers/clamp  not started" in ran.out
    assert at("history", "--json").json["attempts"] == []

    (workspace / CLAMP).write_text(WRONG)
    ran = at("run")
    assert ran.code == 1
    assert "numbers/clamp  failed  0 of 3 checks" in ran.out
    assert "What went wrong: min and max are exchanged" in ran.out
    assert "gradlings hint numbers/clamp" in ran.out
    assert "Traceback" not in ran.out + ran.err

    (workspace / CLAMP).write_text(RIGHT)
    ran = at("run", CLAMP)
    assert ran.code == 0
    assert "Learnt: Two comparisons bound a number" in ran.out
    assert "Next: " in ran.out
    assert "exercises/words/frequencies.py" in ran.out

    listed = at("list")
    assert "✓ numbers/clamp" in listed.out
    assert "> · words/frequencies" in listed.out
    assert "1 of 4 passed." in listed.out


def test_history_restore_and_reset_lose_nothing(workspace, at):
    for source in (WRONG, RIGHT):
        (workspace / CLAMP).write_text(source)
        at("run", "clamp")
    attempts = at("history", "clamp", "--json").json["attempts"]
    assert [(a["sequence"], a["status"]) for a in attempts] == [(1, "failed"), (2, "passed")]
    assert at("history", "--source", "1").out == WRONG
    assert at("history", "--verdict", "1", "--json").json["checks"][0]["diagnosis"]["mistake"] == "exchanged"

    unsaved = RIGHT + "# not graded yet\n"
    (workspace / CLAMP).write_text(unsaved)
    restored = at("restore", "clamp", "1", "--json").json
    assert (workspace / CLAMP).read_text() == WRONG
    assert at("history", "--source", str(restored["kept"])).out == unsaved

    assert at("reset", "clamp").code == 0
    assert (workspace / CLAMP).read_text() == (MINICOURSE / CLAMP).read_text()
    told = at("restore", "clamp", str(restored["kept"]))
    assert told.code == 0
    assert (workspace / CLAMP).read_text() == unsaved
    assert "numbers/clamp" in at("history").out

    assert at("restore", "clamp", "99").code == 2
    assert at("restore", "slope", "1").code == 2


def test_hints_come_in_stages_and_open_the_solution(at):
    closed = at("solution", "clamp")
    assert closed.code == 2
    assert "gradlings hint numbers/clamp" in closed.err
    assert at("hint", "clamp", "--all").out.startswith("No hint of numbers/clamp")
    numbers = [at("hint", "clamp", "--json").json["hints"][0]["number"] for _ in range(5)]
    assert numbers == [1, 2, 3, 4, 4]
    assert len(at("hint", "clamp", "--all", "--json").json["hints"]) == 4

    unconfirmed = at("solution", "clamp")
    assert unconfirmed.code == 2
    assert "--yes" in unconfirmed.err
    opened = at("solution", "clamp", "--yes", "--json").json
    assert opened["assisted"] is True
    assert "return max(low, min(x, high))" in opened["source"]
    assert "@mistake" not in opened["source"]
    assert "return max(low, min(x, high))" in at("solution", "clamp").out


def test_a_pass_after_the_solution_is_assisted(workspace, at):
    for _ in range(4):
        at("hint", "clamp")
    at("solution", "clamp", "--yes")
    (workspace / CLAMP).write_text(RIGHT)
    assert at("run", "clamp").code == 0
    assert at("list", "--json").json["exercises"][0]["assisted"] is True
    assert "assisted" in at("list").out


def test_verify_grades_all(workspace, at):
    for id in ("numbers/clamp", "words/frequencies"):
        (workspace / "exercises" / f"{id}.py").write_text((REFERENCE / f"{id}.py").read_text())
    (workspace / "exercises/words/vocabulary.py").write_text("def (:\n")
    found = at("verify", "--json", "--jobs", "2")
    assert found.code == 1
    assert (found.json["passed"], found.json["total"]) == (2, 4)
    statuses = {verdict["exercise"]: verdict["status"] for verdict in found.json["verdicts"]}
    assert statuses == {
        "numbers/clamp": "passed", "words/frequencies": "passed", "words/vocabulary": "error", "numbers/slope": "not_started",
    }  # fmt: skip
    some = at("verify", "clamp", "words/frequencies")
    assert some.code == 0
    assert "2 of 2 exercises passed" in some.out
    assert some.err == ""


def test_list_and_show_as_json(at, monkeypatch):
    listed = at("list", "--json").json
    assert (listed["schema"], listed["course"], listed["passed"], listed["total"]) == (1, "mini", 0, 4)
    assert [row["id"] for row in listed["exercises"]][:1] == ["numbers/clamp"]
    assert [row["current"] for row in listed["exercises"]].count(True) == 1
    shown = at("show", "vocabulary", "--json").json
    assert shown["id"] == "words/vocabulary"
    assert shown["hints"] == {"taken": 0, "total": 4}
    assert "counts" in shown["statement"]
    monkeypatch.setenv("COLUMNS", "200")
    assert " ".join(shown["statement"].split()) in " ".join(at("show", "vocabulary").out.split())


STATEMENT = """\
# A heading that is not broken, however long it is, because it is one

A paragraph whose lines
are broken anew, with a
[markup] and `code`.

- an item that goes on
  in a second line
- another
12. a number and more of it
in line

| a | table of more than thirty columns |
|---|---|

    a formula = that stays as it is, in one line
        as it was

```
fenced lines stay as they are as well
```
end"""

REFLOWED = """\
# A heading that is not broken, however long it is, because it is one

A paragraph whose lines are
broken anew, with a [markup]
and `code`.

- an item that goes on in a
  second line
- another
12. a number and more of it in
    line

| a | table of more than thirty columns |
|---|---|

    a formula = that stays as it is, in one line
        as it was

```
fenced lines stay as they are as well
```
end"""


def test_paragraphs_are_broken_anew_and_nothing_else():
    assert reflow(STATEMENT, 30) == REFLOWED
    assert reflow(REFLOWED, 30) == REFLOWED


@given(
    st.text(st.characters(categories=("L", "N", "P", "S"), include_characters=" \n#-|`"), max_size=200),
    st.integers(20, 100),
)
def test_no_word_is_lost(text, width):
    assert reflow(text, width).split() == text.split()


def test_another_path(at):
    names = at("list", "--json").json["paths"]
    assert len(names) == 2
    assert at("list", "--path", names[1], "--json").json["path"] == names[1]
    assert at("list", "--json").json["path"] == names[1]
    assert at("list", "--path", "nowhere").code == 2


def test_update_has_nothing_to_do(at):
    assert at("update", "--json").json["changes"] == []
    assert "Nothing to do" in at("update").out


def test_init_twice_overwrites_nothing(workspace, inside):
    (workspace / CLAMP).write_text(WRONG)
    (workspace / "exercises/numbers/slope.py").unlink()
    again = inside("init", workspace, "--course", MINICOURSE, "--json").json
    assert (workspace / CLAMP).read_text() == WRONG
    assert again["created"] == [str(workspace / "exercises/numbers/slope.py")]
    assert "nothing was missing" in inside("init", workspace, "--course", MINICOURSE).out


@pytest.fixture
def tried(workspace, at) -> None:
    """A pass, a failure that prints hostile text, and two exercises not begun."""
    (workspace / CLAMP).write_text(RIGHT)
    at("run", "clamp")
    hostile = "def slope(f, x, h=1e-6):\n    print('=cmd|x \\x1b[31m<b>&\\x00\\ufffe')\n    return 0.0\n"
    (workspace / "exercises/numbers/slope.py").write_text(hostile)
    assert at("run", "slope").code == 1


@pytest.mark.usefixtures("tried")
def test_export(at, tmp_path):
    rows = [line.split(",") for line in at("export", "--format", "csv").out.splitlines()]
    assert rows[0][:3] == ["exercise", "title", "state"]
    assert {row[0]: row[2] for row in rows[1:]}["numbers/clamp"] == "passed"

    everything = json.loads(at("export", "--format", "json").out)
    assert len(everything["exercises"]) == 4
    assert [attempt["status"] for attempt in everything["attempts"]] == ["passed", "failed"]

    suites = ElementTree.fromstring(at("export", "--format", "junit").out)
    by_name = {suite.get("name"): suite for suite in suites}
    assert (by_name["numbers/clamp"].get("tests"), by_name["numbers/clamp"].get("failures")) == ("3", "0")
    assert int(by_name["numbers/slope"].get("failures") or 0) > 0
    assert by_name["words/vocabulary"].find("testcase/skipped") is not None

    results = json.loads(at("export", "--format", "gradescope").out)
    points = {test["name"].split(":")[0]: (test["score"], test["max_score"]) for test in results["tests"]}
    assert points["numbers/clamp"] == (5.0, 5)
    assert points["words/vocabulary"] == (0.0, 20)
    assert results["score"] == pytest.approx(sum(score for score, _ in points.values()))

    assert at("export", "--format", "csv", "--output", tmp_path / "out.csv").out == ""
    assert (tmp_path / "out.csv").read_text().startswith("exercise,title")
    assert at("export", "--format", "csv", "--output", tmp_path / "no" / "out.csv").code == 2


def test_a_file_that_cannot_be_graded_is_told(workspace, at):
    path = workspace / CLAMP
    for content, told in ((b"", "empty"), (b"def f(:\n", "line 1"), (b"x = '\xff'\n", "UTF-8")):
        path.write_bytes(content)
        ran = at("run", "clamp")
        assert ran.code in (1, 2), content
        assert told in ran.out + ran.err, content
        assert "Traceback" not in ran.out + ran.err
    path.unlink()
    ran = at("run", "clamp")
    assert ran.code == 2
    assert "clamp.py" in ran.err
    assert at("history", "--json").json["attempts"] == []


def test_a_newer_course_is_told(workspace, at):
    record = workspace / ".gradlings/workspace.toml"
    record.write_text(record.read_text().replace('"1.0"', '"0.9"'))
    for args in (["list"], ["run"], ["verify", "clamp"]):
        assert "`gradlings update` brings them up" in " ".join(at(*args).out.split()), args
    assert at("update").code == 0
    assert "`gradlings update`" not in at("list").out
