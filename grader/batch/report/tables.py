"""The report in the formats of other programs, written student by student: CSV, JSON, JUnit's XML, Gradescope's results.json."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO
from xml.etree import ElementTree

from grader.batch.report.standings import Student, Tried
from grader.interchange import XML_HEAD, gradescope_results, gradescope_test, in_words, junit_suite, write_csv
from grader.model import Course
from grader.text import clean
from grader.verdict_json import to_json

COLUMNS = ("student", "exercise", "status", "score", "points", "of", "attempts", "mistake", "file", "note")
_NO_NAME = re.compile(r"[^A-Za-z0-9._-]+")


def to_csv(out: TextIO, course: Course, students: Iterator[Student]) -> None:
    """A row for each student and exercise, and for each file that was not taken."""
    write_csv(out, COLUMNS, (row for student in students for row in _rows(course, student)))


def to_json_file(out: TextIO, course: Course, students: Iterator[Student]) -> None:
    """A document whose `students` stand on a line each."""
    head = json.dumps({"schema": 1, "course": course.name, "version": course.version})
    out.write(head[:-1] + ', "students": [')
    for number, student in enumerate(students):
        out.write(("," if number else "") + "\n" + json.dumps(_value(course, student)))
    out.write("\n]}\n")


def to_junit(out: TextIO, course: Course, students: Iterator[Student]) -> None:
    """A `testsuite` for each student and exercise."""
    root = ElementTree.Element("testsuites", name=course.name)
    out.write(XML_HEAD + ElementTree.tostring(root, encoding="unicode").replace(" />", ">") + "\n")
    for student in students:
        for tried in student.tried:
            name = f"{student.name}: {tried.exercise}"
            suite = junit_suite(name, course.exercises[tried.exercise], tried.best.verdict, _why(tried))
            out.write(ElementTree.tostring(suite, encoding="unicode") + "\n")
    out.write("</testsuites>\n")


def to_gradescope(folder: Path, course: Course, exercises: list[str], students: Iterator[Student]) -> None:
    """A folder for each student with a results.json in it: a test for each of `exercises`. `students.csv` tells whose it is."""
    named = []
    for student in students:
        place = folder / file_name(student.name)
        place.mkdir(parents=True, exist_ok=True)
        tried = {found.exercise: found for found in student.tried}
        tests = [_test(course, id, tried.get(id)) for id in exercises]
        (place / "results.json").write_text(json.dumps(gradescope_results(tests), indent=1) + "\n", encoding="utf-8")
        named.append((student.name, place.name))
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "students.csv").open("w", encoding="utf-8", newline="") as out:
        write_csv(out, ("student", "folder"), named)


def file_name(student: str) -> str:
    """A folder's name for a student, whatever theirs is: no two are the same, and none leads elsewhere."""
    safe = _NO_NAME.sub("_", student).strip("._")[:60] or "student"
    return f"{safe}-{hashlib.sha256(student.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def _rows(course: Course, student: Student) -> Iterator[tuple[object, ...]]:
    for tried in student.tried:
        best, of = tried.best, course.exercises[tried.exercise].points
        told = {check.diagnosis.message for check in best.verdict.checks if check.diagnosis} if best.verdict else set()
        note = _why(tried) if best.verdict is None else ""
        yield (
            student.name, tried.exercise, tried.status, round(tried.score, 4), round(tried.score * of, 2), of,
            tried.attempts, " ".join(sorted(told)), best.work.place, note,
        )  # fmt: skip
    for work in student.refused:
        yield (student.name, "", "refused", 0, 0, 0, 0, "", work.place, work.note)


def _value(course: Course, student: Student) -> dict[str, Any]:
    return {
        "student": clean(student.name),
        "points": student.points(course),
        "exercises": [
            {
                "exercise": tried.exercise,
                "status": tried.status,
                "score": tried.score,
                "attempts": tried.attempts,
                "file": clean(tried.best.work.place),
                "note": clean(_why(tried)) if tried.best.verdict is None else "",
                "verdict": json.loads(to_json(tried.best.verdict)) if tried.best.verdict else None,
            }
            for tried in student.tried
        ],
        "refused": [{"file": clean(work.place), "reason": clean(work.note)} for work in student.refused],
    }


def _test(course: Course, id: str, tried: Tried | None) -> dict[str, Any]:
    exercise = course.exercises[id]
    if tried is None:
        return gradescope_test(exercise, 0.0, False, "Nothing was handed in.")
    verdict = tried.best.verdict
    output = in_words(verdict) if verdict else clean(_why(tried))
    return gradescope_test(exercise, tried.score, tried.status == "passed", output)


def _why(tried: Tried) -> str:
    """Why there is no verdict."""
    best = tried.best
    if best.work.key is None:
        return f"Not taken: {best.work.note}."
    return f"Not graded, and this says nothing about the work: {best.trouble or 'the batch was ended before'}."
