"""The writers of `export`, on values no mini-course would hold."""

from __future__ import annotations

import csv
import io
import json
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.cli.exports import WRITERS, Exported
from grader.model import Check, Diagnosis, Exercise, Progress, Verdict
from grader.session import Row

anything = st.text(st.characters(exclude_categories=()), max_size=40)


def exported(text: str, state: str = "failed", best: float = 0.5) -> Exported:
    exercise = Exercise("a/one", text, points=3)
    checks = (
        Check("x", text, "passed", output=text),
        Check("y", text, "failed", text, Diagnosis("m", text)),
        Check("z", text, "timeout", text),
        Check("w", text, "not_run"),
    )
    progress = Progress("a/one", attempts=2, best_score=best, last_status="failed")
    row = Row(exercise, state, progress, current=True, ready=True, on_path=True)  # type: ignore[arg-type]
    other = Row(Exercise("a/two", text), "not_started", Progress("a/two"), current=False, ready=False, on_path=False)
    return Exported(text, (row, other), {"a/one": Verdict("c", "a/one", "failed", best, checks)}, ())


@given(anything)
def test_no_cell_begins_a_formula(text):
    out = WRITERS["csv"](exported(text))
    out.encode("utf-8")
    rows = list(csv.reader(io.StringIO(out)))
    assert [len(row) for row in rows] == [len(rows[0])] * 3
    for row in rows:
        for cell in row:
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


@given(anything)
def test_junit_is_xml_that_parses(text):
    root = ElementTree.fromstring(WRITERS["junit"](exported(text)).encode("utf-8"))
    suite = root.find("testsuite")
    assert suite is not None
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "4", "failures": "1", "errors": "1", "skipped": "1"}


@given(anything)
def test_json_is_json(text):
    for form in ("json", "gradescope"):
        json.loads(WRITERS[form](exported(text)))


@pytest.mark.parametrize(
    ("state", "best", "score", "status"),
    [
        ("failed", 0.5, 1.5, "failed"),
        ("passed", 1.0, 3.0, "passed"),
        ("pending", 1.0, 3.0, "passed"),
        ("failed", 0.0, 0.0, "failed"),
    ],
)
def test_gradescope_counts_points(state, best, score, status):
    results = json.loads(WRITERS["gradescope"](exported("t", state, best)))
    assert results["score"] == score
    assert [test["status"] for test in results["tests"]] == [status, "failed"]
    assert {test["max_score"] for test in results["tests"]} == {3, 10}
