"""How much one client may ask for: token buckets in memory, and a limit for what a request carries."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Forgotten when so many others came since.
_REMEMBERED = 50_000
# A source is at most 256 KiB; written as JSON a character may take six bytes.
MAX_BODY = 2 << 20
BODY_S = 30.0


class Buckets:
    """A bucket for each key: `burst` at once, then `per_minute`."""

    def __init__(self, burst: int, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = burst
        self._rate = per_minute / 60.0
        self._clock = clock
        self._lock = threading.Lock()
        self._levels: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, key: Hashable) -> float:
        """Take one. 0 where there was one; else in how many seconds there will be, and nothing is taken."""
        with self._lock:
            level = self._level(key)
            if level >= 1:
                self._levels[key] = (level - 1, self._clock())
                return 0.0
            return (1 - level) / self._rate

    def wait(self, key: Hashable) -> float:
        """In how many seconds there will be one; takes none."""
        with self._lock:
            return max(0.0, (1 - self._level(key)) / self._rate)

    def _level(self, key: Hashable) -> float:
        now = self._clock()
        level, since = self._levels.pop(key, (float(self._burst), now))
        level = min(float(self._burst), level + (now - since) * self._rate)
        self._levels[key] = (level, now)
        while len(self._levels) > _REMEMBERED:
            self._levels.popitem(last=False)
        return level


class BodyLimit:
    """Refuses a request that carries more than MAX_BODY, whatever it says of its length, or takes longer than BODY_S to come."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _declared(scope) > MAX_BODY:
            await _too_much(scope, receive, send)
            return
        # Read whole before anything of ours sees it: small, and nothing is begun for a client that stops in the middle.
        try:
            async with asyncio.timeout(BODY_S):
                body = await _whole(receive)
        except TimeoutError:
            await _refused(408, f"The request took more than {BODY_S:g} s to arrive.", scope, receive, send)
            return
        if body is None:
            return
        if len(body) > MAX_BODY:
            await _too_much(scope, receive, send)
            return
        given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)


def _declared(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:20])
    return 0


async def _whole(receive: Receive) -> bytes | None:
    """What a request carries, or the first of it where that is too much already; None where the client has gone."""
    chunks: list[bytes] = []
    size, more = 0, True
    while more and size <= MAX_BODY:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        size, more = size + len(chunks[-1]), message.get("more_body", False)
    return b"".join(chunks)


async def _too_much(scope: Scope, receive: Receive, send: Send) -> None:
    await _refused(413, f"A request holds at most {MAX_BODY >> 20} MiB.", scope, receive, send)


async def _refused(status: int, message: str, scope: Scope, receive: Receive, send: Send) -> None:
    detail: dict[str, Any] = {"message": message, "hint": None}
    await JSONResponse({"detail": detail}, status, headers={"Connection": "close"})(scope, receive, send)
