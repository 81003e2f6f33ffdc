"""Progress in the formats of other programs: CSV, JSON, JUnit's XML, Gradescope's results.json.

Each writer turns what `gather` took from a session into text; none of them does I/O.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from xml.etree import ElementTree

from grader.cli.verdicts import verdict_value
from grader.interchange import XML_HEAD, gradescope_results, gradescope_test, in_words, junit_suite, write_csv
from grader.model import Attempt, Verdict
from grader.session import Row, Session
from grader.text import clean

COLUMNS = (
    "exercise", "title", "state", "points", "score", "attempts", "hints", "assisted", "passed_at", "passed_version",
)  # fmt: skip


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
    write_csv(out, COLUMNS, map(_cells, exported.rows))
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
    root = ElementTree.Element("testsuites", name=clean(exported.course))
    for row in exported.rows:
        root.append(junit_suite(row.exercise.id, row.exercise, exported.verdicts.get(row.exercise.id)))
    ElementTree.indent(root)
    return XML_HEAD + ElementTree.tostring(root, encoding="unicode") + "\n"


def to_gradescope(exported: Exported) -> str:
    """Gradescope's results.json: a test per exercise, worth its points; of an exercise not passed, the share of its checks."""
    tests = [
        gradescope_test(
            row.exercise,
            _score(row),
            row.state in ("passed", "pending"),
            _words(row, exported.verdicts.get(row.exercise.id)),
        )
        for row in exported.rows
    ]
    return json.dumps(gradescope_results(tests), indent=2) + "\n"


WRITERS: dict[str, Callable[[Exported], str]] = {
    "csv": to_csv,
    "json": to_json,
    "junit": to_junit,
    "gradescope": to_gradescope,
}


def _score(row: Row) -> float:
    return 1.0 if row.state in ("passed", "pending") else row.progress.best_score


def _cells(row: Row) -> tuple[object, ...]:
    progress = row.progress
    return (
        row.exercise.id, row.exercise.title, row.state, row.exercise.points, _score(row), progress.attempts,
        progress.hints, "yes" if progress.assisted else "no", progress.passed_at or "", progress.passed_version or "",
    )  # fmt: skip


def _words(row: Row, verdict: Verdict | None) -> str:
    if verdict is None:
        return "Not started."
    tail = ["Passed after the solution was opened."] if row.progress.assisted else []
    return "\n".join([f"{row.progress.attempts} attempts, {row.progress.hints} hints.", in_words(verdict), *tail])
