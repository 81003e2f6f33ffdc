"""What programs ask of a class: JSON under /api, described by /openapi.json."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from grader.classroom import access, secrets
from grader.classroom.access import Limits, limits_of, room_of
from grader.classroom.names import MAX_NAME, MAX_NICKNAME, nickname_of
from grader.classroom.room import Room, WrongCode
from grader.engine.core import MAX_SOURCE
from grader.store.classbook.values import Person, Submitted
from grader.verdict_json import to_json

router = APIRouter(prefix="/api")
ID = Annotated[int, Path(ge=1, lt=1 << 62)]
ExerciseId = Annotated[str, Field(pattern=r"^[a-z0-9_]+/[a-z0-9_]+$", max_length=120)]
Asking = Annotated[Person, Depends(access.person)]
Teaching = Annotated[Person, Depends(access.teacher)]
TheRoom = Annotated[Room, Depends(room_of)]
TheLimits = Annotated[Limits, Depends(limits_of)]


class Problem(BaseModel):
    """What is wrong, and what to do next."""

    message: str
    hint: str | None = None


class Failure(BaseModel):
    """The body of an answer that refuses."""

    detail: Problem


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Joining(_Given):
    """Who wants to join. `listed`: whether others see them on the leaderboard."""

    code: str = Field(max_length=40)
    name: str = Field(max_length=4 * MAX_NAME)
    nickname: str = Field("", max_length=4 * MAX_NICKNAME)
    listed: bool = False


class Me(BaseModel):
    """Who is asking."""

    id: int
    role: str
    name: str
    nickname: str
    listed: bool
    course: str
    title: str


class Joined(Me):
    """A new student and their token, which is shown this once."""

    token: str


class Changing(_Given):
    """What others see of whoever is asking."""

    nickname: str | None = Field(None, max_length=4 * MAX_NICKNAME)
    listed: bool | None = None


class HandingIn(_Given):
    """A solution. `uses` holds the earlier solutions it imports, by their ids."""

    exercise: ExerciseId
    source: str = Field(max_length=MAX_SOURCE)
    uses: dict[ExerciseId, Annotated[str, Field(max_length=MAX_SOURCE)]] = Field(default_factory=dict, max_length=50)


class Line(BaseModel):
    """A submission. `status` is "waiting" until it is graded; `receipt` is the class's signature that it was accepted `at`."""

    id: int
    exercise: str
    at: str
    status: str
    score: float
    trouble: str
    source_sha256: str
    receipt: str


class Detail(Line):
    """A submission with its verdict (docs/verdict.md), None as long as it waits."""

    verdict: dict[str, Any] | None


class Ranked(BaseModel):
    """A line of the leaderboard."""

    place: int
    nickname: str
    points: int
    passed: int
    firsts: int
    streak: int
    last_day: str
    you: bool


_REFUSALS: dict[int | str, dict[str, Any]] = {code: {"model": Failure} for code in (401, 403, 404, 409, 413, 429, 503)}


def _me(room: Room, person: Person) -> dict[str, Any]:
    return {
        "id": person.id, "role": person.role, "name": person.name, "nickname": person.nickname, "listed": person.listed,
        "course": room.course.name, "title": room.title,
    }  # fmt: skip


def _line(room: Room, one: Submitted) -> dict[str, Any]:
    return {
        "id": one.id, "exercise": one.exercise, "at": one.at, "status": one.status, "score": one.score,
        "trouble": one.trouble, "source_sha256": one.source_sha256, "receipt": room.receipt(one),
    }  # fmt: skip


@router.post("/join", status_code=201, responses=_REFUSALS)
def join(given: Joining, request: Request, room: TheRoom, limits: TheLimits) -> Joined:
    """Join the class with its code."""
    where = access.address(request)
    wait = max(limits.wrong_codes.wait(where), limits.any_wrong_code.wait(None)) or limits.joins.take(where)
    if wait > 0:
        raise access.slow_down(wait)
    try:
        person, token = room.join(given.code, given.name, given.nickname, listed=given.listed)
    except WrongCode as error:
        limits.wrong_codes.take(where)
        limits.any_wrong_code.take(None)
        raise HTTPException(403, {"message": error.message, "hint": error.hint}) from None
    return Joined(**_me(room, person), token=token)


@router.get("/me", responses=_REFUSALS)
def me(asking: Asking, room: TheRoom) -> Me:
    """Who is asking."""
    return Me(**_me(room, asking))


@router.patch("/me", responses=_REFUSALS)
def change(given: Changing, asking: Asking, room: TheRoom) -> Me:
    """Change what others see of whoever is asking."""
    nickname = None if given.nickname is None else nickname_of(given.nickname)
    try:
        changed = room.book.rename(asking.id, nickname, given.listed)
    except ValueError:
        raise HTTPException(409, {"message": "Somebody has this nickname already.", "hint": "Take another."}) from None
    return Me(**_me(room, changed or asking))


@router.delete("/token", status_code=204, responses=_REFUSALS)
def leave(request: Request, asking: Asking, room: TheRoom) -> Response:  # noqa: ARG001
    """Make the token that asks worthless."""
    token = request.headers.get("authorization", "").partition(" ")[2].strip() or request.cookies.get(access.COOKIE, "")
    room.book.revoke(secrets.hashed(token))
    return Response(status_code=204)


@router.post("/submissions", status_code=202, responses=_REFUSALS)
def submit(given: HandingIn, asking: Asking, room: TheRoom, limits: TheLimits) -> Line:
    """Hand in a solution: it is on the disk when this answers, and graded as soon as its turn comes.

    The same source again is the same submission, with its first time and receipt.
    """
    wait = limits.submissions.take(asking.id)
    if wait > 0:
        raise access.slow_down(wait)
    accepted = room.submit(asking, given.exercise, given.source, given.uses)
    return Line(**_line(room, accepted.submitted))


@router.get("/submissions", responses=_REFUSALS)
def submissions(
    asking: Asking,
    room: TheRoom,
    exercise: Annotated[str | None, Query(max_length=120)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[Line]:
    """One's own submissions, the newest first."""
    return [Line(**_line(room, one)) for one in room.book.submissions(asking.id, exercise, limit)]


@router.get("/submissions/{id}", responses=_REFUSALS)
def submission(id: ID, asking: Asking, room: TheRoom) -> Detail:
    """One submission with its verdict: one's own, or, for a teacher, anybody's."""
    found = room.submitted(asking, id)
    if found is None:
        raise HTTPException(404, {"message": "You have no such submission.", "hint": None})
    verdict = None if found.verdict is None else msgspec.json.decode(to_json(found.verdict))
    return Detail(**_line(room, found), verdict=verdict)


@router.get("/leaderboard", responses=_REFUSALS)
def leaderboard(
    asking: Asking,
    room: TheRoom,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> list[Ranked]:
    """Those who want to be seen, by points; among equals who got there first."""
    rows = room.book.leaderboard(limit, after)
    return [
        Ranked(
            place=row.place, nickname=row.nickname, points=row.points, passed=row.passed, firsts=row.firsts,
            streak=row.streak, last_day=row.last_day, you=row.person == asking.id,
        )
        for row in rows
    ]  # fmt: skip


@router.get("/events", response_class=StreamingResponse, include_in_schema=False)
async def events(request: Request, asking: Asking) -> StreamingResponse:
    """Server-sent events: `leaderboard` when somebody passed something, `mine` when something of one's own was graded."""
    hub = request.app.state.hub
    if hub.full:
        raise access.slow_down(30)
    return StreamingResponse(
        hub.listen(asking.id), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


@router.get("/class/code", responses=_REFUSALS)
def code(asking: Teaching, room: TheRoom) -> dict[str, str]:  # noqa: ARG001
    """The class code, for a teacher."""
    return {"code": room.code}
