"""The report as one HTML file that needs nothing else: no script, nothing from elsewhere, nothing a student wrote is markup."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from grader.batch.report.drafts import draft_mistake
from grader.batch.report.plots import Plot, plots
from grader.batch.report.standings import Student, Summary
from grader.errors import CourseError
from grader.model import Course
from grader.text import clean

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class _Drafted:
    exercise: str
    students: list[str]
    checks: tuple[str, ...]
    source: str
    draft: str


def write_page(out: TextIO, summary: Summary, students: Iterator[Student], made: str) -> None:
    """Write the page; `students` are written as they come. `made` says when and by what."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True, finalize=_shown
    )
    environment.filters.update(anchor=_anchor, picture=_picture, percent=_percent)
    course = summary.course
    template = environment.get_template("page.html.j2")
    values: dict[str, Any] = {
        "course": course,
        "summary": summary,
        "numbers": {name: number for number, name in enumerate(summary.students)},
        "plots": plots(summary),
        "clusters": [_drafted(course, cluster) for cluster in summary.clusters],
        "students": students,
        "made": made,
    }
    for piece in template.generate(values):
        # A lone surrogate has no place in UTF-8; `clean` has made it visible where it stood in a text.
        out.write(piece)


def _drafted(course: Course, cluster: Any) -> _Drafted:
    try:
        reference = course.reference(cluster.exercise).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(cluster.exercise, f"its reference cannot be read: {error}") from error
    draft = draft_mistake(reference, cluster.source, len(cluster.students))
    return _Drafted(cluster.exercise, cluster.students, cluster.checks, cluster.source, draft)


def _shown(value: Any) -> Any:
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _anchor(exercise: str) -> str:
    return "e-" + exercise.replace("/", "-")


def _picture(plot: Plot) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(plot.svg).decode()


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
