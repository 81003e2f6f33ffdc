"""The pages of a class, made on the server; HTMX brings in again what changed. Nothing a student wrote is markup."""

from __future__ import annotations

import json
from pathlib import Path as FilePath
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse
from jinja2 import Environment, FileSystemLoader
from starlette.background import BackgroundTask
from starlette.responses import Response

from grader.batch import report
from grader.classroom import access, exports, secrets, views
from grader.classroom.access import Limits, limits_of, room_of
from grader.classroom.names import nickname_of
from grader.classroom.room import Room
from grader.errors import UsageError
from grader.store.classbook.values import Person
from grader.text import clean

router = APIRouter(include_in_schema=False)
Seen = Annotated[Person | None, Depends(access.maybe_person)]
Asking = Annotated[Person, Depends(access.person)]
Teaching = Annotated[Person, Depends(access.teacher)]
TheRoom = Annotated[Room, Depends(room_of)]
TheLimits = Annotated[Limits, Depends(limits_of)]
ID = Annotated[int, Path(ge=1, lt=1 << 62)]
After = Annotated[int, Query(ge=0, le=1_000_000)]

LINES = 100
COLUMNS = 40


def _shown(value: Any) -> Any:
    # Escaped by Jinja, and before that every control character made visible.
    return clean(value) if type(value) is str else value


_TEMPLATES = Environment(
    loader=FileSystemLoader([FilePath(__file__).parent / "templates", FilePath(report.__file__).parent]),
    autoescape=True, trim_blocks=True, lstrip_blocks=True, finalize=_shown,
)  # fmt: skip
_TEMPLATES.filters.update(time=views.time_of, percent=views.percent)


def render(name: str, room: Room, me: Person | None, status: int = 200, **values: Any) -> HTMLResponse:
    """The page of a template."""
    text = _TEMPLATES.get_template(name).render(room=room, me=me, **values)
    return HTMLResponse(text.encode("utf-8", "replace"), status)


@router.get("/")
def home(me: Seen, room: TheRoom) -> Response:
    """The leaderboard, or the door."""
    if me is None:
        return render("enter.html.j2", room, None)
    return RedirectResponse("/class" if me.role == "teacher" else "/me", 303)


@router.get("/enter")
def enter(room: TheRoom) -> Response:
    """The door: takes a token typed in, or the one behind the `#` of the link, which browsers send to nobody."""
    return render("enter.html.j2", room, None)


@router.post("/session")
def sign_in(
    request: Request, room: TheRoom, limits: TheLimits, token: Annotated[str, Form(max_length=200)] = ""
) -> Response:
    """Let this browser act as whoever has the token."""
    if not access.same_origin(request):
        raise HTTPException(403, {"message": "This did not come from a page of the class.", "hint": None})
    where = access.address(request)
    wait = limits.wrong_tokens.wait(where)
    if wait > 0:
        raise access.slow_down(wait)
    person = room.holder(token.strip())
    if person is None:
        limits.wrong_tokens.take(where)
        return render("enter.html.j2", room, None, 403, wrong=True)
    response = RedirectResponse("/", 303)
    # A token of its own: signing out here leaves the program's alone.
    access.set_cookie(request, response, room.token(person, "browser"), int(secrets.BROWSER.total_seconds()))
    return response


@router.post("/sign-out")
def sign_out(request: Request, me: Asking, room: TheRoom) -> Response:  # noqa: ARG001
    """Make this browser's token worthless."""
    room.book.revoke(secrets.hashed(request.cookies.get(access.COOKIE, "")))
    response = RedirectResponse("/enter", 303)
    response.delete_cookie(access.COOKIE, path="/")
    return response


@router.get("/leaderboard")
def leaderboard(me: Asking, room: TheRoom, after: After = 0) -> Response:
    """The leaderboard; its table comes again when somebody passes something."""
    return render("leaderboard.html.j2", room, me, **_board(room, me, after))


@router.get("/leaderboard/table")
def leaderboard_table(me: Asking, room: TheRoom, after: After = 0) -> Response:
    """The table alone."""
    return render("leaderboard_table.html.j2", room, me, **_board(room, me, after))


def _board(room: Room, me: Person, after: int) -> dict[str, Any]:
    rows = room.book.leaderboard(LINES + 1, after)
    mine = room.book.place(me.id)
    shown = rows[:LINES]
    return {
        "rows": shown,
        "mine": mine if mine and all(row.person != me.id for row in shown) else None,
        "after": after,
        "more": len(rows) > LINES,
        "today": views.today(),
        "lines": LINES,
    }


@router.get("/me")
def own(me: Asking, room: TheRoom) -> Response:
    """One's own page."""
    return render("student.html.j2", room, me, **views.student(room, me))


@router.get("/me/progress")
def own_progress(me: Asking, room: TheRoom) -> Response:
    """The part of it that changes."""
    return render("student_progress.html.j2", room, me, **views.student(room, me))


@router.post("/me")
def change(
    me: Asking, room: TheRoom, nickname: Annotated[str, Form(max_length=200)], listed: Annotated[str, Form()] = ""
) -> Response:
    """Change what others see."""
    try:
        room.book.rename(me.id, nickname_of(nickname), bool(listed))
    except ValueError:
        return render(
            "student.html.j2", room, me, 409, problem="Somebody has this nickname already.", **views.student(room, me)
        )
    except UsageError as error:
        return render("student.html.j2", room, me, 422, problem=error.message, **views.student(room, me))
    return RedirectResponse("/me", 303)


@router.get("/submissions/{id}")
def submission(id: ID, me: Asking, room: TheRoom) -> Response:
    """One submission with its verdict."""
    found = room.submitted(me, id)
    if found is None:
        raise HTTPException(404, {"message": "You have no such submission.", "hint": None})
    return render(
        "submission.html.j2", room, me, one=found, who=room.book.person(found.person), source=room.book.source(id),
        receipt=room.receipt(found),
    )  # fmt: skip


@router.get("/class")
def klass(me: Teaching, room: TheRoom, after: After = 0) -> Response:
    """The teacher's page: where the class is stuck, and the map of students and exercises."""
    return render("class.html.j2", room, me, **views.klass(room, after, COLUMNS))


@router.get("/class/map")
def klass_map(me: Teaching, room: TheRoom, after: After = 0) -> Response:
    """The part of it that changes."""
    return render("class_map.html.j2", room, me, **views.klass(room, after, COLUMNS))


@router.get("/class/roster")
def roster_page(me: Teaching, room: TheRoom) -> Response:
    """Who is in the class, and how more come in."""
    return render("roster.html.j2", room, me, **views.roster(room))


@router.post("/class/roster")
def take_roster(me: Teaching, room: TheRoom, text: Annotated[str, Form(max_length=1 << 20)]) -> Response:
    """Take in a roster; the invitations are shown this once."""
    try:
        enrolled = room.enroll(me, text)
    except UsageError as error:
        return render("roster.html.j2", room, me, 422, problem=error, given=text, **views.roster(room))
    return render("roster.html.j2", room, me, enrolled=enrolled, **views.roster(room))


@router.post("/class/open")
def set_open(me: Teaching, room: TheRoom, open: Annotated[str, Form(max_length=10)] = "") -> Response:
    """Let the class code work, or not."""
    room.set_open(me, bool(open))
    return RedirectResponse("/class/roster", 303)


@router.post("/students/{id}/invite")
def invite(id: ID, me: Teaching, room: TheRoom) -> Response:
    """A new invitation for a student who lost what they had."""
    who = _student(room, id)
    return render("student.html.j2", room, me, invitation=room.invite(me, who), **views.student(room, who))


@router.post("/students/{id}/points")
def set_points(
    id: ID,
    me: Teaching,
    room: TheRoom,
    exercise: Annotated[str, Form(max_length=120)],
    reason: Annotated[str, Form(max_length=1000)] = "",
    points: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Give points by hand; none means those that were earned."""
    who = _student(room, id)
    try:
        if points and not (points.isascii() and points.isdecimal()):
            raise UsageError("Points are a whole number.")
        room.set_points(me, who, exercise, int(points) if points else None, reason)
    except UsageError as error:
        return render("student.html.j2", room, me, 422, problem=error.message, **views.student(room, who))
    return RedirectResponse(f"/students/{id}", 303)


@router.post("/students/{id}/erase")
def erase(id: ID, me: Teaching, room: TheRoom, name: Annotated[str, Form(max_length=200)] = "") -> Response:
    """Forget a student; their name, typed in, says that it is meant."""
    who = _student(room, id)
    if name.strip() != who.name:
        told = "Nothing was erased: the name is another."
        return render("student.html.j2", room, me, 422, problem=told, **views.student(room, who))
    room.erase(me, who)
    return RedirectResponse("/class/roster", 303)


@router.get("/students/{id}/data.jsonl")
def data_of(id: ID, me: Teaching, room: TheRoom) -> Response:
    """All that the class knows of a student."""
    who = _student(room, id)
    room.book.log(me.id, "took the data of", str(id))
    return _data(room, who)


@router.post("/me/erase")
def erase_me(me: Asking, room: TheRoom, name: Annotated[str, Form(max_length=200)] = "") -> Response:
    """Leave the class with all one left there."""
    if me.role != "student" or name.strip() != me.name:
        told = "Nothing was erased: the name is another."
        return render("student.html.j2", room, me, 422, problem=told, **views.student(room, me))
    room.erase(me, me)
    response = RedirectResponse("/enter", 303)
    response.delete_cookie(access.COOKIE, path="/")
    return response


@router.get("/me/data.jsonl")
def own_data(me: Asking, room: TheRoom) -> Response:
    """All that the class knows of oneself."""
    return _data(room, me)


def _data(room: Room, who: Person) -> Response:
    lines = (json.dumps(line) + "\n" for line in room.data_of(who))
    disposition = {"Content-Disposition": f'attachment; filename="person-{who.id}.jsonl"'}
    return StreamingResponse(lines, media_type="application/jsonl", headers=disposition)


@router.get("/class/results.csv")
def results(me: Teaching, room: TheRoom, form: Annotated[str, Query(max_length=10)] = "plain") -> Response:
    """The points of all, for a spreadsheet, Canvas or Moodle."""
    if form not in exports.FORMS:
        raise HTTPException(404, {"message": f"There are the forms {', '.join(exports.FORMS)}.", "hint": None})
    room.book.log(me.id, "took the results", form)
    disposition = {"Content-Disposition": f'attachment; filename="results-{form}.csv"'}
    return Response(
        exports.results_csv(room, form).encode("utf-8"), media_type="text/csv; charset=utf-8", headers=disposition
    )


@router.get("/submissions/{id}/results.json")
def results_json(id: ID, me: Teaching, room: TheRoom) -> Response:
    """Gradescope's results.json of one submission."""
    found = room.submitted(me, id)
    if found is None or found.verdict is None or found.exercise not in room.course.exercises:
        raise HTTPException(404, {"message": "There is no such verdict.", "hint": None})
    return Response(exports.results_json(room, found), media_type="application/json")


@router.get("/class/backup.db")
def backup(me: Teaching, room: TheRoom) -> Response:
    """The whole class as it is now, a SQLite file: put in the place of `class.db`, it is the class again."""
    with TemporaryDirectory(prefix="gradlings-") as folder:
        copy = FilePath(folder) / "class.db"
        room.book.copy_to(copy)
        room.book.log(me.id, "took a copy of the class", "")
        # Open it stays readable when the folder is gone.
        file = copy.open("rb")
    disposition = {"Content-Disposition": 'attachment; filename="class.db"'}
    pieces = iter(lambda: file.read(1 << 20), b"")
    return StreamingResponse(
        pieces, media_type="application/vnd.sqlite3", headers=disposition, background=BackgroundTask(file.close)
    )


@router.get("/class/log")
def log(me: Teaching, room: TheRoom) -> Response:
    """What was done to the class."""
    names = {person.id: person.name for role in views.ROLES for person in room.book.people(role)}
    return render("log.html.j2", room, me, acts=room.book.acts(), names=names)


@router.get("/students/{id}")
def student(id: ID, me: Teaching, room: TheRoom) -> Response:
    """A student, for a teacher."""
    return render("student.html.j2", room, me, **views.student(room, _student(room, id)))


def _student(room: Room, id: int) -> Person:
    who = room.book.person(id)
    if who is None or who.role != "student":
        raise HTTPException(404, {"message": "There is no such student.", "hint": None})
    return who


@router.get("/exercises/{topic}/{name}")
def exercise(topic: str, name: str, me: Teaching, room: TheRoom) -> Response:
    """An exercise, for a teacher: how the class is doing, and which mistakes it makes."""
    found = room.course.exercises.get(f"{topic}/{name}")
    if found is None:
        raise HTTPException(404, {"message": "There is no such exercise.", "hint": None})
    return render(
        "exercise.html.j2", room, me, exercise=found, total=room.book.totals().get(found.id),
        mistakes=room.book.mistakes(found.id),
    )  # fmt: skip
