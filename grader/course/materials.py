"""What decides about a solution besides its source: suite, reference, limits, data. Its hash, the same for whoever asks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from grader.course.uses import closure
from grader.errors import CourseError
from grader.model import Course, Forbidden, Limits


def digest(
    suite: str,
    reference: str,
    limits: Limits,
    forbid: tuple[Forbidden, ...],
    data: Mapping[str, bytes],
    uses: Mapping[str, str],
) -> str:
    """The SHA-256 of it all; `uses` holds the references that the exercise's own may import, by id."""
    parts = [suite.encode(), reference.encode(), msgspec.json.encode([limits, forbid])]
    parts += [part for name, content in sorted(data.items()) for part in (name.encode(), content)]
    parts += [text.encode() for pair in sorted(uses.items()) for text in pair]
    found = hashlib.sha256()
    for part in parts:
        found.update(len(part).to_bytes(8, "big") + part)
    return found.hexdigest()


def suite_sha256(course: Course, exercise: str) -> str:
    """The digest of an exercise of `course`, as its verdicts carry it. Raises CourseError where a file cannot be read."""
    about = course.exercises[exercise]
    try:
        return digest(
            course.suite(exercise).read_text(encoding="utf-8"),
            course.reference(exercise).read_text(encoding="utf-8"),
            about.limits,
            about.forbid,
            {name: course.data(exercise, name).read_bytes() for name in about.data},
            {id: course.reference(id).read_text(encoding="utf-8") for id in closure(course, exercise)},
        )
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(exercise, f"one of its files cannot be read: {error}", "Install the course again.") from error
