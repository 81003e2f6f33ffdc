"""What is found in an exercise's files without running them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from grader.authoring.statement import static_findings
from grader.course.read import find_course
from grader.model import Course

MINI = Path(__file__).parents[2] / "minicourse"
LONG_BODY = "    total = 0\n    for i in range(10):\n        total += i * i\n    return total\n"


@pytest.fixture(scope="module")
def course() -> Course:
    return find_course(str(MINI))


def found(course: Course, exercise: str = "numbers/clamp", **changed: Any) -> list[tuple[str, str]]:
    stub, reference, suite = (
        changed.pop(name, None) or path(exercise).read_text()
        for name, path in (("stub", course.stub), ("reference", course.reference), ("suite", course.suite))
    )
    one = replace(course.exercises[exercise], **changed)
    findings = list(static_findings(course, one, stub, reference, suite))
    assert all(finding.remedy for finding in findings)
    return [(finding.where, finding.problem) for finding in findings]


@pytest.mark.parametrize("exercise", ["numbers/clamp", "numbers/slope", "words/frequencies", "words/vocabulary"])
def test_the_mini_course_has_none(course: Course, exercise: str) -> None:
    assert found(course, exercise) == []


def test_a_short_statement(course: Course) -> None:
    stub = '"""Too short: a number, float, in section 1."""\ndef clamp(x): ...\n'
    at = "exercises/numbers/clamp.py"
    assert found(course, stub=stub) == [(at, "the statement (the stub's docstring) is too short")]
    assert found(course, stub=stub, level="draft") == []
    assert found(course, stub="def clamp(x): ...\n", level="class") == [
        (at, "the statement (the stub's docstring) is too short")
    ]


@pytest.mark.parametrize(
    ("missing", "problem"),
    [
        ("shapes", "the statement names no shapes"),
        ("types", "the statement names no types or dtypes"),
        ("source", "the statement names no a source"),
    ],
)
def test_a_statement_names_shapes_dtypes_and_a_source(course: Course, missing: str, problem: str) -> None:
    words = {"shapes": "of shape (n, d)", "types": "float32", "source": "arXiv 1706.03762"}
    words.pop(missing)
    text = " ".join([*words.values(), *["word"] * 60])
    stub = f'"""{text}"""\nimport numpy as np\n'
    assert found(course, stub=stub) == [("exercises/numbers/clamp.py", problem.replace("no a source", "no source"))]
    assert found(course, stub=stub, level="class") == []


def test_missing_hints(course: Course) -> None:
    at = "exercises/numbers/topic.toml"
    reference = "def clamp(x): ...\n"
    assert found(course, hints=("one",), reference=reference) == [(at, "numbers/clamp has 1 hints")]
    assert found(course, hints=("one",), reference=reference, level="class") == []
    assert found(course, hints=(), reference=reference, level="class") == [(at, "numbers/clamp has 0 hints")]
    assert found(course, hints=(), reference=reference, level="draft") == []


def test_an_answer_left_in_the_stub(course: Course) -> None:
    stub = course.stub("numbers/clamp").read_text() + f"\n\ndef squares():\n    '''Doc.'''\n{LONG_BODY}"
    reference = course.reference("numbers/clamp").read_text() + f"\n\ndef squares():\n{LONG_BODY}"
    assert found(course, stub=stub, reference=reference) == [
        ("exercises/numbers/clamp.py", "`squares` is already the reference's")
    ]


def test_untitled_checks(course: Course) -> None:
    suite = 'def test_a(solution):\n    pass\ndef test_b(solution):\n    """A title."""\ndef helper(): pass\n'
    where = "tests/exercises/numbers/test_clamp.py"
    assert found(course, suite=suite) == [(where, "test_a has no docstring")]
    inside = "class TestIt:\n    def test_c(self, solution):\n        pass\n"
    assert found(course, suite=inside) == [(where, "test_c has no docstring")]


def test_missing_data(course: Course) -> None:
    assert found(course, data=("nothing.txt",)) == [
        ("exercises/numbers/topic.toml", "numbers/clamp: nothing.txt is not there")
    ]


def test_marks_that_lead_nowhere(course: Course) -> None:
    reference = course.reference("numbers/clamp").read_text() + (
        '\n\n@mistake("Of nothing.", of="clmap")\ndef lost(x): ...\n'
        '\n\n@mistake("No such hint.", of="clamp", hint=9)\ndef unhinted(x): ...\n'
    )
    at = "reference/numbers/clamp.py"
    assert found(course, reference=reference) == [
        (at, "`lost` stands for `clmap`, which is not in the file"),
        (at, "`unhinted` points to hint 9 of 4"),
    ]
