"""A class in the formats of other programs: CSV for a spreadsheet, for Canvas and for Moodle, Gradescope's results.json."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

from grader.classroom.room import Room
from grader.interchange import gradescope_results, gradescope_test, in_words, write_csv
from grader.store.classbook.values import Person, Standing, Submitted

FORMS = ("plain", "canvas", "moodle")


def results_csv(room: Room, form: str) -> str:
    """A line a student, a column an exercise: points earned by the best attempt. `form` is one of FORMS."""
    exercises = list(room.course.exercises.values())
    ids = [exercise.id for exercise in exercises]
    out = io.StringIO(newline="")
    if form == "canvas":
        # As Canvas's own export: the second line says what each column is worth.
        columns = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *ids]
        possible: list[object] = ["    Points Possible", "", "", "", "", *(exercise.points for exercise in exercises)]
        rows = ([who.name, "", "", who.email, "", *_points(room, ids, had)] for who, had in _students(room))
        write_csv(out, columns, [possible, *rows])
    elif form == "moodle":
        rows = ([who.email, who.name, *_points(room, ids, had)] for who, had in _students(room))
        write_csv(out, ["Email address", "Full name", *ids], rows)
    else:
        rows = (
            [
                who.name,
                who.email,
                who.nickname,
                who.joined_at,
                sum(one.points for one in had.values()),
                *_points(room, ids, had),
            ]
            for who, had in _students(room)
        )
        write_csv(out, ["name", "email", "nickname", "joined_at", "points", *ids], rows)
    return out.getvalue()


def results_json(room: Room, one: Submitted) -> str:
    """Gradescope's results.json of a graded submission."""
    assert one.verdict is not None
    exercise = room.course.exercises[one.exercise]
    test = gradescope_test(exercise, one.score, one.verdict.passed, in_words(one.verdict))
    return json.dumps(gradescope_results([test]), indent=1) + "\n"


def _students(room: Room) -> Iterator[tuple[Person, dict[str, Standing]]]:
    for who in room.book.people("student"):
        yield who, {one.exercise: one for one in room.book.standing(who.id)}


def _points(room: Room, ids: list[str], had: dict[str, Standing]) -> list[object]:
    return [_earned(room, had[id]) if id in had else "" for id in ids]


def _earned(room: Room, one: Standing) -> float:
    """What the best attempt earned, or what a teacher gave."""
    return one.points if one.reason is not None else round(one.best * room.course.exercises[one.exercise].points, 2)
