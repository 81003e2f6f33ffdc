"""Writes all files of a report, each whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TextIO

from grader import __version__
from grader.batch.report import tables
from grader.batch.report.page import write_page
from grader.batch.report.standings import Student, Summary, students, summarise
from grader.errors import UsageError
from grader.model import Course
from grader.store.ledger import Ledger

PAGE, CSV, JSON, JUNIT, GRADESCOPE = "report.html", "results.csv", "results.json", "junit.xml", "gradescope"


def write_report(folder: Path, ledger: Ledger, course: Course) -> Summary:
    """Write the report on the ledger's last run into `folder`, over an earlier one. Raises UsageError where that cannot be."""

    def again() -> Iterator[Student]:
        return students(ledger, course)

    summary = summarise(ledger, course)
    made = f"gradlings {__version__}, {datetime.now().astimezone():%Y-%m-%d %H:%M %Z}"
    writers: dict[str, Callable[[TextIO], None]] = {
        PAGE: lambda out: write_page(out, summary, again(), made),
        CSV: lambda out: tables.to_csv(out, course, again()),
        JSON: lambda out: tables.to_json_file(out, course, again()),
        JUNIT: lambda out: tables.to_junit(out, course, again()),
    }
    try:
        for name, write in writers.items():
            with _whole(folder / name) as out:
                write(out)
        tables.to_gradescope(folder / GRADESCOPE, course, list(summary.exercises), again())
    except OSError as error:
        raise UsageError(
            f"{error.filename or folder}: the report cannot be written: {error.strerror or error}.",
            "See that the folder can be written to and the disk has room; the same command then only writes the report.",
        ) from error
    return summary


@contextmanager
def _whole(path: Path) -> Iterator[TextIO]:
    beside = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    try:
        # The byte order mark is what makes Excel read a CSV as UTF-8.
        encoding = "utf-8-sig" if path.suffix == ".csv" else "utf-8"
        with beside.open("x", encoding=encoding, newline="", errors="backslashreplace") as out:
            yield out
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
