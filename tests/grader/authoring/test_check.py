"""`course check` on deliberately broken copies of the mini-course: each flaw is found, with its file and a remedy."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from grader.authoring.check import check_course, read_marks
from grader.authoring.report import Report
from grader.course.read import find_course

Edit = Callable[[str, str, str], None]
CLAMP = "reference/numbers/clamp.py"
SUITE = "tests/exercises/numbers/test_clamp.py"
TOML = "exercises/numbers/topic.toml"


def checked(folder: Path, *ids: str, mutation: bool = False) -> Report:
    (report,) = check_course(find_course(str(folder)), ids or ["numbers/clamp"], jobs=1, seeds=2, mutation=mutation)
    assert all(finding.remedy and finding.where for finding in report.findings)
    return report


def flaws(folder: Path) -> list[str]:
    return [f"{finding.where}: {finding.problem}" for finding in checked(folder).findings]


def test_a_sound_exercise_with_its_numbers(folder: Path) -> None:
    heard: list[tuple[int, int]] = []
    course = find_course(str(folder))
    (report,) = check_course(
        course, ["numbers/clamp"], jobs=1, seeds=2, on_progress=lambda done, total: heard.append((done, total))
    )
    assert report.findings == []
    assert report.sound
    assert (report.checks, report.alternatives, report.seeds) == (3, 2, 2)
    assert sorted((kill.mistake, kill.diagnosed) for kill in report.kills) == [
        (name, name) for name in ("exchanged", "lower_only", "symmetric", "upper_only")
    ]
    assert all(kill.failed and kill.checks == 3 for kill in report.kills)
    assert report.mutants > 0
    assert report.mutation_score == 1.0
    # the stub twice, 2 seeds of the reference and of 2 alternatives, 4 mistakes twice, the mutants
    total = 2 + 2 * 3 + 8 + report.mutants
    assert heard == [(n, total) for n in range(1, total + 1)]


def test_a_stub_that_passes(folder: Path) -> None:
    stub = folder / "exercises/numbers/clamp.py"
    stub.write_text(stub.read_text().replace("return min(x, high)", "return max(low, min(x, high))"))
    at = "exercises/numbers/clamp.py"
    assert flaws(folder) == [f"{at}: `clamp` is already the reference's", f"{at}: the stub passes every check"]


def test_a_stub_that_does_not_load(folder: Path, edit: Edit) -> None:
    edit("exercises/numbers/clamp.py", "def clamp", "import nothing_of_that_name\n\n\ndef clamp")
    start = "exercises/numbers/clamp.py: the stub is `error`, not `not_started`: "
    assert [line for line in flaws(folder) if line.startswith(start) and "nothing_of_that_name" in line]


def test_a_reference_and_an_alternative_that_fail(folder: Path, edit: Edit) -> None:
    edit(CLAMP, "return max(low, min(x, high))", "return max(low, min(x, high)) + 1")
    edit(CLAMP, "return sorted((low, x, high))[1]", "return sorted((low, x, high))[2]")
    found = flaws(folder)
    for what in ("reference seed 0", "reference seed 1", "alternative by_sorting, seed 0"):
        assert any(line.startswith(f"{CLAMP}: {what}: does not pass. ") for line in found), found


def test_a_mistake_that_is_not_killed(folder: Path, edit: Edit) -> None:
    edit(CLAMP, "return max(-high, min(x, high))", "return min(high, max(x, low))")
    assert f"{CLAMP}: mistake symmetric: passes: the suite is too weak" in flaws(folder)


def test_a_mistake_that_uses_the_name_it_replaces(folder: Path, edit: Edit) -> None:
    edit(CLAMP, "return max(-high, min(x, high))", "return clamp(x, -high, high)")
    assert f"{CLAMP}: symmetric uses `clamp`, which is symmetric itself in its place" in flaws(folder)


def test_mistakes_that_are_confused(folder: Path, edit: Edit) -> None:
    edit(CLAMP, "return max(-high, min(x, high))", "return min(high, x)")
    found = flaws(folder)
    assert f"{CLAMP}: mistake symmetric: is diagnosed as nothing" in found
    assert f"{CLAMP}: mistake upper_only: is diagnosed as nothing" in found


def test_a_mistake_that_is_another_by_the_way_of_the_code(folder: Path, edit: Edit) -> None:
    # Random, unseeded by the suite: two gradings differ.
    edit(CLAMP, "return max(-high, min(x, high))", "import time\n    return x + time.monotonic_ns() % 1000")
    assert any("two gradings of the same source differ" in line for line in flaws(folder))


def test_survivors_until_they_are_argued(folder: Path, edit: Edit) -> None:
    edit(
        CLAMP,
        "    return max(low, min(x, high))",
        "    if x is None:\n        raise ValueError\n    return max(low, min(x, high))",
    )
    report = checked(folder, mutation=True)
    assert report.survivors
    assert report.mutation_score < 1
    assert {finding.where for finding in report.findings} == {f"{CLAMP}: mutant {label}" for label in report.survivors}
    argued = "".join(f'"{label}" = "x is never None"\n' for label in report.survivors)
    edit(
        TOML,
        '\n[[exercise]]\nname = "slope"',
        f'\n[exercise.equivalent_mutants]\n{argued}\n[[exercise]]\nname = "slope"',
    )
    report = checked(folder, mutation=True)
    assert report.sound, report.findings
    assert set(report.argued.values()) == {"x is never None"}
    assert report.mutation_score == 1.0


def test_files_that_cannot_be_read_are_named(folder: Path) -> None:
    (folder / CLAMP).write_text("def clamp(:\n")
    (folder / SUITE).write_bytes(b"\xff\xfe")
    report = checked(folder)
    assert [re.sub(r":.*", "", finding.problem) for finding in report.findings] == ["does not parse", "is not UTF-8"]
    assert [finding.where for finding in report.findings] == [CLAMP, SUITE]
    assert "line 1" in report.findings[0].problem


def test_too_few_mistakes_and_alternatives(folder: Path) -> None:
    text = (folder / CLAMP).read_text()
    (folder / CLAMP).write_text(text.partition("@alternative")[0])
    assert flaws(folder) == [
        f"{CLAMP}: 0 mistakes; a published exercise has at least 3",
        f"{CLAMP}: has no alternative",
    ]


def test_a_broken_suite_is_told_and_is_no_pass(folder: Path) -> None:
    (folder / SUITE).write_text("import nothing_of_that_name\n")
    found = checked(folder).findings
    assert found
    assert all("test_clamp.py" in finding.problem for finding in found)


def test_untitled_checks_and_missing_hints_are_among_the_findings(folder: Path, edit: Edit) -> None:
    edit(SUITE, '    """The bounds belong to the interval"""\n', "")
    edit(TOML, '  "Put max(low, ...) around what the line returns now.",\n', "")
    edit(TOML, '  "clamp(x) = max(low, min(x, high))",\n', "")
    assert set(flaws(folder)) >= {
        f"{SUITE}: test_bounds_themselves has no docstring",
        f"{TOML}: numbers/clamp has 2 hints",
    }


def test_marks_are_read_without_running_the_file() -> None:
    source = (
        "raise SystemExit\n@mistake('a', of='f', hint=1)\ndef g(): ...\n@alternative('b', of='A.m')\nclass B: ...\n"
        "@other('c', of='f')\ndef h(): ...\n@mistake('d', of=name)\ndef i(): ...\n"
    )
    assert [(mark.kind, mark.name, mark.of) for mark in read_marks(source)] == [
        ("mistake", "g", "f"),
        ("alternative", "B", "A.m"),
    ]


@pytest.mark.parametrize("exercise", ["numbers/slope"])
def test_only_the_exercises_named_are_checked(folder: Path, exercise: str) -> None:
    (folder / CLAMP).write_text("broken (")
    assert checked(folder, exercise).exercise == exercise
