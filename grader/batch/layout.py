"""What folders and files are called by the systems that teachers download from, and by students. Reads nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable

from grader.course.names import find
from grader.errors import UsageError
from grader.model import Course

# Moodle's "download all submissions": "Ada Lovelace_123456_assignsubmission_file_".
_MOODLE = re.compile(r"^(?P<student>.+?)_\d+_assignsubmission_(?:file|onlinetext)_?$")
# Canvas's: "lovelaceada_LATE_123_45678_softmax-2.py"; what is handed in again is numbered.
_CANVAS = re.compile(r"^(?P<student>[^_]+)(?:_LATE)?_\d+_\d+_(?P<file>.+)$")
_AGAIN = re.compile(r"-\d+$")
_JOINTS = "_-. "


def of_folder_name(name: str) -> str:
    """The student whose folder is called `name`."""
    found = _MOODLE.match(name)
    return found["student"] if found else name


def of_file_name(stem: str, course: Course) -> tuple[str, str]:
    """The student whose file at the top is called `stem`, and what is left of it: the name of the file they handed in.

    "lovelaceada_12_345_softmax" and "ada_softmax" are ("lovelaceada", "softmax") and ("ada", "softmax"); "ada" is ("ada", "").
    """
    found = _CANVAS.match(stem)
    if found:
        return found["student"], found["file"]
    for id in sorted(course.exercises, key=len, reverse=True):
        topic, _, name = id.partition("/")
        for tail in (*(f"{topic}{joint}{name}" for joint in ("__", "_", "-", ".")), name):
            student = stem.removesuffix(tail)
            if student != stem and student[-1:] in _JOINTS and student.strip(_JOINTS):
                return student.strip(_JOINTS), tail
    return stem, ""


def exercise_of(course: Course, parts: tuple[str, ...]) -> str | None:
    """The exercise that the file at `parts` (its path) is for, by its name; None where it is none's, or could be several's."""
    stem = parts[-1].rpartition(".")[0]
    for candidate in (stem, _AGAIN.sub("", stem)):
        if len(parts) > 1 and f"{parts[-2]}/{candidate}" in course.exercises:
            return f"{parts[-2]}/{candidate}"
    for candidate in (stem, _AGAIN.sub("", stem)):
        for joint in ("__", "_", "-", "."):
            for id in course.exercises:
                if candidate == id.replace("/", joint):
                    return id
        try:
            found = find(course, candidate)
        except UsageError:  # several exercises are called so
            return None
        if found is not None:
            return found
    return None


def is_workspace(names: Iterable[str], course: Course) -> bool:
    """Whether folders called `names` are the course's own, so that what they lie in is one student's."""
    own = {topic.name for topic in course.topics} | {"exercises"}
    found = set(names)
    return bool(found) and found <= own | {"review", "data"} and bool(found & own)
