"""Which exercise a word means: its id, an older id, or its last part where only one has it."""

from __future__ import annotations

from grader.course.fields import nearest
from grader.errors import UsageError
from grader.model import Course


def find(course: Course, text: str) -> str | None:
    """The id of the exercise meant, None where it is none's. Raises UsageError where it can be several."""
    exercises = course.exercises
    if text in exercises:
        return text
    found = [id for id, exercise in exercises.items() if text in exercise.aliases]
    found = found or [id for id, exercise in exercises.items() if text == exercise.name]
    if len(found) > 1:
        raise UsageError(f'More than one exercise is called "{text}".', f"Name one of: {', '.join(found)}.")
    return found[0] if found else None


def resolve(course: Course, text: str) -> str:
    """The id of the exercise meant. Raises UsageError with the nearest ids."""
    found = find(course, text)
    if found is None:
        raise unknown(course, text)
    return found


def unknown(course: Course, text: str) -> UsageError:
    """What to say of a word that means none."""
    names = [*course.exercises, *(exercise.name for exercise in course.exercises.values())]
    return UsageError(
        f'There is no exercise "{text}" in {course.title}.', f"{nearest(text, names)}`gradlings list` shows all."
    )
