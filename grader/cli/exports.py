"""Progress in the formats of other programs: CSV, JSON, JUnit's XML, Gradescope's results.json.

Each writer turns what `gather` took from a session into text; none of them does I/O.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from xml.etree import ElementTree

from grader.cli.verdicts import verdict_value
from grader.model import Attempt, Check, Verdict
from grader.session import Row, Session
from grader.text import clean

# A spreadsheet takes a cell that begins so for a formula, and runs it.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
COLUMNS = (
    "exercise", "title", "state", "points", "score", "attempts", "hints", "assisted", "passed_at", "passed_version",
)  # fmt: skip
NOT_XML = re.compile("[\ufffe\uffff]")


@dataclass(frozen=True)
class Exported:
    """What there is to write: the rows of `list`, the newest verdict of each exercise that has one, all attempts."""

    course: str
    rows: tuple[Row, ...]
    verdicts: dict[str, Verdict]
    attempts: tuple[Attempt, ...]


def gather(session: Session) -> Exported:
    """Read a session's progress."""
    rows = tuple(session.overview())
    found = {row.exercise.id: session.last_verdict(row.exercise.id) for row in rows if row.progress.attempts}
    verdicts = {id: verdict for id, verdict in found.items() if verdict is not None}
    return Exported(session.course.name, rows, verdicts, tuple(session.history()))


def to_csv(exported: Exported) -> str:
    """A heading and a row per exercise. No cell begins a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in exported.rows:
        progress = row.progress
        cells = (
            row.exercise.id, row.exercise.title, row.state, row.exercise.points, _score(row), progress.attempts,
            progress.hints, "yes" if progress.assisted else "no", progress.passed_at or "", progress.passed_version or "",
        )  # fmt: skip
        writer.writerow([_cell(cell) for cell in cells])
    return out.getvalue()


def to_json(exported: Exported) -> str:
    """Everything but the sources."""
    value = {
        "schema": 1,
        "course": exported.course,
        "exercises": [
            {
                "id": row.exercise.id,
                "title": row.exercise.title,
                "state": row.state,
                "points": row.exercise.points,
                "score": _score(row),
                "progress": asdict(row.progress),
                "verdict": verdict_value(exported.verdicts[row.exercise.id])
                if row.exercise.id in exported.verdicts
                else None,
            }
            for row in exported.rows
        ],
        "attempts": [asdict(attempt) for attempt in exported.attempts],
    }
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def to_junit(exported: Exported) -> str:
    """A `testsuite` per exercise, a `testcase` per check of its newest verdict; one skipped where there is none."""
    root = ElementTree.Element("testsuites", name=_xml(exported.course))
    for row in exported.rows:
        verdict = exported.verdicts.get(row.exercise.id)
        checks = verdict.checks if verdict is not None else ()
        suite = ElementTree.SubElement(root, "testsuite", name=row.exercise.id)
        for check in checks:
            _junit_case(suite, row, check)
        if not checks:
            case = ElementTree.SubElement(suite, "testcase", classname=row.exercise.id, name=_xml(row.exercise.title))
            ElementTree.SubElement(case, "skipped", message="not started" if verdict is None else verdict.status)
        suite.set("tests", str(max(len(checks), 1)))
        suite.set("failures", str(sum(check.status == "failed" for check in checks)))
        suite.set("errors", str(sum(check.status in ("error", "timeout") for check in checks)))
        suite.set("skipped", str(sum(check.status == "not_run" for check in checks) + (not checks)))
        suite.set("time", f"{sum(check.duration_s for check in checks):.3f}")
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def to_gradescope(exported: Exported) -> str:
    """Gradescope's results.json: a test per exercise, worth its points; of an exercise not passed, the share of its checks."""
    tests = []
    for row in exported.rows:
        verdict = exported.verdicts.get(row.exercise.id)
        tests.append(
            {
                "name": f"{row.exercise.id}: {row.exercise.title}",
                "name_format": "text",
                "score": round(_score(row) * row.exercise.points, 2),
                "max_score": row.exercise.points,
                "status": "passed" if row.state in ("passed", "pending") else "failed",
                "output": _words(row, verdict),
                "output_format": "text",
                "visibility": "visible",
            }
        )
    total = round(sum(float(str(test["score"])) for test in tests), 2)
    return (
        json.dumps({"score": total, "output_format": "text", "visibility": "visible", "tests": tests}, indent=2) + "\n"
    )


WRITERS: dict[str, Callable[[Exported], str]] = {
    "csv": to_csv,
    "json": to_json,
    "junit": to_junit,
    "gradescope": to_gradescope,
}


def _score(row: Row) -> float:
    return 1.0 if row.state in ("passed", "pending") else row.progress.best_score


def _cell(value: object) -> object:
    text = clean(str(value))
    return "'" + text if isinstance(value, str) and text.startswith(FORMULA) else text


def _xml(text: str) -> str:
    # `clean` leaves nothing that XML 1.0 forbids but the two non-characters.
    return NOT_XML.sub("\ufffd", clean(text))


def _junit_case(suite: ElementTree.Element, row: Row, check: Check) -> None:
    case = ElementTree.SubElement(
        suite, "testcase", classname=row.exercise.id, name=_xml(check.title or check.id), time=f"{check.duration_s:.3f}"
    )
    if check.status == "not_run":
        ElementTree.SubElement(case, "skipped", message="not run")
    elif check.status != "passed":
        element = "failure" if check.status == "failed" else "error"
        told = ElementTree.SubElement(case, element, message=_xml(check.message), type=check.status)
        told.text = _xml(check.diagnosis.message if check.diagnosis else check.message)
    if check.output:
        ElementTree.SubElement(case, "system-out").text = _xml(check.output)


def _words(row: Row, verdict: Verdict | None) -> str:
    if verdict is None:
        return "Not started."
    lines = [
        f"{check.status}: {check.title}" + (f"\n    {check.message}" if check.message else "")
        for check in verdict.checks
    ]
    tail = ["Passed after the solution was opened."] if row.progress.assisted else []
    return clean("\n".join([f"{row.progress.attempts} attempts, {row.progress.hints} hints.", *lines, *tail]))
