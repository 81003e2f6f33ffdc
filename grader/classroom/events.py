"""Tells open pages that something changed: one queue a listener, filled from any thread. Nothing is kept for who is not there.

An event says what changed and never how: whoever hears it asks for what they may see.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

# A page that does not read is told once more when it does; what piles up in between says nothing new.
_QUEUE = 8
MAX_LISTENERS = 2000
HEARTBEAT_S = 15.0


class Hub:
    """Listeners of one event loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: dict[asyncio.Queue[str | None], int | None] = {}
        self._closed = False

    def open(self) -> None:
        """Bind to the running loop."""
        self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        """Send everybody home. On the loop's own thread."""
        self._closed = True
        for queue in list(self._listeners):
            _put(queue, None)

    @property
    def full(self) -> bool:
        """Whether too many listen already."""
        return len(self._listeners) >= MAX_LISTENERS

    def tell(self, event: str, person: int | None = None) -> None:
        """Tell everybody, or what only concerns `person` to them. From any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._spread, event, person)

    def _spread(self, event: str, person: int | None) -> None:
        for queue, listener in self._listeners.items():
            if person is None or person == listener:
                _put(queue, event)

    async def listen(self, person: int | None) -> AsyncIterator[str]:
        """Server-sent events, with a comment now and then so that proxies keep the line open."""
        queue: asyncio.Queue[str | None] = asyncio.Queue(_QUEUE)
        self._listeners[queue] = person
        try:
            yield ": hello\n\n"
            while not self._closed:
                try:
                    event = await asyncio.wait_for(queue.get(), HEARTBEAT_S)
                except TimeoutError:
                    yield ": still here\n\n"
                    continue
                if event is None:
                    return
                yield f"event: {event}\ndata: -\n\n"
        finally:
            del self._listeners[queue]


def _put(queue: asyncio.Queue[str | None], event: str | None) -> None:
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(event)
