"""Runs the class server until it is told to stop."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from grader.classroom.app import create_app
from grader.classroom.events import Hub
from grader.classroom.room import Room
from grader.errors import UsageError
from grader.model import Course
from grader.store.classbook import open_classbook

# As many as work at once on requests; more wait.
THREADS = 16
BACKLOG = 512
STOP_S = 5


def open_room(course: Course, database: Path | str, title: str, jobs: int | None) -> tuple[Room, Hub]:
    """The class in `database`, not grading yet, and what its pages listen to."""
    hub = Hub()

    def told(people: list[int]) -> None:
        for person in people:
            hub.tell("mine", person)
        hub.tell("leaderboard")
        hub.tell("class")

    book = open_classbook(database, threads=THREADS)
    try:
        return Room(book, course, title=title, jobs=jobs or os.cpu_count() or 1, told=told), hub
    except BaseException:
        book.close()
        raise


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 takes a free one. Raises UsageError where it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"The server cannot listen on {host}, port {port}: {reason}.", "Name another --host or --port."
        ) from None
    return listening


def address_of(listening: socket.socket) -> str:
    """The address to open in a browser: this machine's in its network, where it listens on all."""
    host, port = listening.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = _in_the_network()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _in_the_network() -> str:
    """The address this machine would be reached by; connecting a datagram socket sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:  # no network
            return "127.0.0.1"


def serve(room: Room, hub: Hub, listening: socket.socket, proxies: str, ready: Callable[[], None]) -> None:
    """Serve and grade until SIGINT or SIGTERM. `ready` is called when submissions are taken.

    `proxies`: the addresses whose X-Forwarded-For and -Proto are believed.
    """
    config = uvicorn.Config(
        create_app(room, hub), log_level="warning", access_log=False, proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies or None, timeout_keep_alive=10, timeout_graceful_shutdown=STOP_S,
        h11_max_incomplete_event_size=64 << 10, server_header=False, lifespan="on",
    )  # fmt: skip
    server = _Server(config, hub, ready)
    room.graders.start()
    server.run(sockets=[listening])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, hub: Hub, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._hub = hub
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Open pages listen for ever: they are sent home first, so that stopping waits for requests alone.
        self._hub.close()
        await super().shutdown(sockets)
