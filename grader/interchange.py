"""Verdicts in the formats of other programs: cells of a CSV, JUnit's XML, a test of Gradescope's results.json. No I/O."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from typing import Any, TextIO
from xml.etree import ElementTree

from grader.model import Check, Exercise, Verdict
from grader.text import clean

# A spreadsheet takes a cell that begins so for a formula, and runs it.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NOT_XML = re.compile("[\ufffe\uffff]")
XML_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def write_csv(out: TextIO, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """A heading and the rows. No cell begins a formula, and none holds a control character."""
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(cell) for cell in row])


def junit_suite(
    name: str, exercise: Exercise, verdict: Verdict | None, why: str = "not started"
) -> ElementTree.Element:
    """A `testsuite` with a `testcase` per check; one skipped where there is none, with the reason `why`."""
    checks = verdict.checks if verdict is not None else ()
    suite = ElementTree.Element("testsuite", name=_xml(name))
    for check in checks:
        _junit_case(suite, exercise, check)
    if not checks:
        case = ElementTree.SubElement(suite, "testcase", classname=exercise.id, name=_xml(exercise.title))
        ElementTree.SubElement(case, "skipped", message=_xml(why if verdict is None else verdict.status))
    suite.set("tests", str(max(len(checks), 1)))
    suite.set("failures", str(sum(check.status == "failed" for check in checks)))
    suite.set("errors", str(sum(check.status in ("error", "timeout") for check in checks)))
    suite.set("skipped", str(sum(check.status == "not_run" for check in checks) + (not checks)))
    suite.set("time", f"{sum(check.duration_s for check in checks):.3f}")
    return suite


def gradescope_test(exercise: Exercise, score: float, passed: bool, output: str) -> dict[str, Any]:
    """A test worth the exercise's points, of which `score` (0 to 1) were earned."""
    return {
        "name": f"{exercise.id}: {exercise.title}",
        "name_format": "text",
        "score": round(score * exercise.points, 2),
        "max_score": exercise.points,
        "status": "passed" if passed else "failed",
        "output": output,
        "output_format": "text",
        "visibility": "visible",
    }


def gradescope_results(tests: list[dict[str, Any]]) -> dict[str, Any]:
    """Gradescope's results.json of `tests`."""
    total = round(sum(float(test["score"]) for test in tests), 2)
    return {"score": total, "output_format": "text", "visibility": "visible", "tests": tests}


def in_words(verdict: Verdict) -> str:
    """A verdict as plain lines: each check, what it says, what went wrong."""
    lines = (
        [verdict.message] if verdict.message and not any(c.message == verdict.message for c in verdict.checks) else []
    )
    for check in verdict.checks:
        lines.append(f"{check.status}: {check.title}")
        lines += [f"    {text}" for text in (check.message, check.diagnosis.message if check.diagnosis else "") if text]
    return clean("\n".join(lines))


def _cell(value: object) -> object:
    text = clean(str(value))
    return "'" + text if isinstance(value, str) and text.startswith(FORMULA) else text


def _xml(text: str) -> str:
    # `clean` leaves nothing that XML 1.0 forbids but the two non-characters.
    return _NOT_XML.sub("\ufffd", clean(text))


def _junit_case(suite: ElementTree.Element, exercise: Exercise, check: Check) -> None:
    case = ElementTree.SubElement(
        suite, "testcase", classname=exercise.id, name=_xml(check.title or check.id), time=f"{check.duration_s:.3f}"
    )
    if check.status == "not_run":
        ElementTree.SubElement(case, "skipped", message="not run")
    elif check.status != "passed":
        element = "failure" if check.status == "failed" else "error"
        told = ElementTree.SubElement(case, element, message=_xml(check.message), type=check.status)
        told.text = _xml(check.diagnosis.message if check.diagnosis else check.message)
    if check.output:
        ElementTree.SubElement(case, "system-out").text = _xml(check.output)
