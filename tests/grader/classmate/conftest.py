"""A server that answers as it is told, for what a real one never says."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from grader.classmate.membership import Membership


@dataclass
class Odd:
    """Its address, what it answers next (status, headers, body), and what it was asked."""

    address: str
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    asked: list[tuple[str, str, str, Any]] = field(default_factory=list)

    def says(self, status: int, body: Any, **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers.append((status, headers, data))

    @property
    def member(self) -> Membership:
        return Membership(self.address, "gl_x", "ada", "A class", "mini")


@pytest.fixture
def odd() -> Iterator[Odd]:
    found = Odd("")

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            given = self.rfile.read(length)
            found.asked.append(
                (self.command, self.path, self.headers.get("Authorization", ""), json.loads(given) if given else None)
            )
            status, headers, body = found.answers.pop(0) if found.answers else (500, {}, b"")
            if status == 0:
                return  # closes without a word
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) + (100 if "short" in headers else 0)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = _answer

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace's folder."""
    (tmp_path / ".gradlings").mkdir()
    return tmp_path
