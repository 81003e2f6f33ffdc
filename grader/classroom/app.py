"""Puts the class server together: API, pages, headers, what becomes of errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from grader import __version__
from grader.classroom import api, pages
from grader.classroom.access import HEADERS, Limits
from grader.classroom.events import Hub
from grader.classroom.limits import BodyLimit
from grader.classroom.room import Room
from grader.errors import GradlingsError, UsageError

STATIC = Path(__file__).parent / "static"


def create_app(room: Room, hub: Hub) -> FastAPI:
    """The server's application on an open class. `hub` must be what the class tells of its gradings."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        hub.open()
        yield

    app = FastAPI(
        title="gradlings", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None,
        responses={422: {"model": api.Failure}},
    )  # fmt: skip
    app.state.room = room
    app.state.hub = hub
    app.state.limits = Limits()
    app.include_router(api.router)
    app.include_router(pages.router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_exception_handler(GradlingsError, _ours)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _misshapen)
    app.add_middleware(BodyLimit)
    app.add_middleware(_Headers)
    return app


async def _ours(request: Request, error: Exception) -> Response:
    """Our errors as people read them; the database's are the server's fault, the others the asker's."""
    assert isinstance(error, GradlingsError)
    return _answer(request, 422 if isinstance(error, UsageError) else 503, error.message, error.hint)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail: Any = error.detail
    told: dict[str, Any] = detail if isinstance(detail, dict) else {"message": str(detail), "hint": None}
    answer = _answer(request, error.status_code, told["message"], told["hint"])
    answer.headers.update(error.headers or {})
    return answer


async def _misshapen(request: Request, error: Exception) -> Response:
    """What is wrong with a request, without what was in it."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "body")
    return _answer(request, 422, f"{where or 'The request'}: {first['msg']}.", None)


def _answer(request: Request, code: int, message: str, hint: str | None) -> Response:
    if request.url.path.startswith("/api/") or request.headers.get("hx-request"):
        return JSONResponse({"detail": {"message": message, "hint": hint}}, code)
    return pages.render("problem.html.j2", request.app.state.room, None, code, code=code, message=message, hint=hint)


class _Headers:
    """Puts what browsers must know on every answer; as plain ASGI, so that a stream of events stays one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                if not scope["path"].startswith("/static/"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)
