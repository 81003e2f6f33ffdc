"""Who is asking, and what a browser may do with our pages."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Request
from starlette.responses import Response

from grader.classroom.limits import Buckets
from grader.classroom.room import Room
from grader.store.classbook.values import Person

COOKIE = "gradlings"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": over plain http browsers then say "null" where our own forms come from.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_SAFE = ("GET", "HEAD", "OPTIONS")


class Limits:
    """The buckets of one server."""

    def __init__(self) -> None:
        # A whole class joins in one lesson from behind one address; whoever tries codes is slowed down much earlier.
        self.joins = Buckets(burst=400, per_minute=120)
        self.wrong_codes = Buckets(burst=10, per_minute=6)
        self.any_wrong_code = Buckets(burst=200, per_minute=60)
        self.wrong_tokens = Buckets(burst=60, per_minute=60)
        self.submissions = Buckets(burst=120, per_minute=60)


def room_of(request: Request) -> Room:
    """The class that is served."""
    room: Room = request.app.state.room
    return room


def limits_of(request: Request) -> Limits:
    """The server's buckets."""
    limits: Limits = request.app.state.limits
    return limits


def address(request: Request) -> str:
    """The client's address; behind a proxy that the server was told to trust, what that says."""
    return request.client.host if request.client else "unknown"


def slow_down(seconds: float) -> HTTPException:
    """The answer to whoever asks too often."""
    wait = max(1, round(seconds + 0.5))
    detail = {"message": "Too many requests.", "hint": f"Try again in {wait} s."}
    return HTTPException(429, detail, headers={"Retry-After": str(wait)})


def maybe_person(request: Request) -> Person | None:
    """Who is asking, by a token in the header or, for a browser, in its cookie. None where there is neither, or a wrong one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        token = request.cookies.get(COOKIE, "")
        if token and request.method not in _SAFE and not same_origin(request):
            raise HTTPException(403, {"message": "This did not come from a page of the class.", "hint": None})
    token = token.strip()
    if not token:
        return None
    limits, where = limits_of(request), address(request)
    wait = limits.wrong_tokens.wait(where)
    if wait > 0:
        raise slow_down(wait)
    person = room_of(request).holder(token)
    if person is None:
        limits.wrong_tokens.take(where)
    return person


def person(found: Annotated[Person | None, Depends(maybe_person)]) -> Person:
    """Who is asking; 401 where nobody known is."""
    if found is None:
        detail = {"message": "Nobody is known by this token.", "hint": "`gradlings join URL CODE` gives you one."}
        raise HTTPException(401, detail, headers={"WWW-Authenticate": "Bearer"})
    return found


def teacher(found: Annotated[Person, Depends(person)]) -> Person:
    """A teacher; 403 for others."""
    if found.role != "teacher":
        raise HTTPException(403, {"message": "This is for teachers.", "hint": None})
    return found


def same_origin(request: Request) -> bool:
    """Whether a browser says that one of our own pages asks: what a foreign page can neither leave out nor forge."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin", "")
    return bool(origin) and urlsplit(origin).netloc == request.headers.get("host", "")


def set_cookie(request: Request, response: Response, token: str, seconds: int) -> None:
    """Let this browser act as whoever has the token."""
    response.set_cookie(
        COOKIE, token, max_age=seconds, httponly=True, samesite="strict", secure=request.url.scheme == "https", path="/"
    )
