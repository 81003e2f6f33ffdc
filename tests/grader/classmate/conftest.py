"""A server that answers as it is told, for what a real one never says."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from grader.classmate.membership import Membership


@dataclass
class Odd:
    """Its address, what it answers next (status, headers, body), and what it was asked.

    Told nothing it answers as a class: a submission of the same source is the same one.
    """

    address: str
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    asked: list[tuple[str, str, str, Any]] = field(default_factory=list)
    kept: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def says(self, status: int, body: Any, **headers: str) -> None:
        """One more answer. Status 0 closes without a word; the header "short" promises more than comes, "drip" is slow."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers.append((status, headers, data))

    @property
    def member(self) -> Membership:
        return Membership(self.address, "gl_x", "ada", "A class", "mini")

    @property
    def sources(self) -> list[str]:
        """What was handed in, in that order."""
        return [given["source"] for method, _, _, given in self.asked if method == "POST"]

    def line(self, exercise: str, source: str) -> dict[str, Any]:
        """What a class says of a submission."""
        sha256 = hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()
        return {
            "id": self.kept.setdefault(sha256, len(self.kept) + 1), "exercise": exercise, "at": "2026-01-01T00:00:00+00:00",
            "status": "waiting", "score": 0.0, "trouble": "", "source_sha256": sha256, "receipt": sha256[::-1],
        }  # fmt: skip


@pytest.fixture
def odd() -> Iterator[Odd]:
    found = Odd("")

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            data = self.rfile.read(length)
            if len(data) < length:
                return  # whoever asked was killed in the middle
            given = json.loads(data) if data else None
            with found.lock:
                found.asked.append((self.command, self.path, self.headers.get("Authorization", ""), given))
                if found.answers:
                    status, headers, body = found.answers.pop(0)
                else:
                    status, headers, body = 202, {}, json.dumps(found.line(given["exercise"], given["source"])).encode()
            if status == 0:
                return
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) + (100 if "short" in headers else 0)))
            self.end_headers()
            try:
                for part in [body[at : at + 1] for at in range(len(body))] if "drip" in headers else [body]:
                    self.wfile.write(part)
                    time.sleep(0.02 if "drip" in headers else 0)
            except OSError:
                pass  # whoever asked has had enough

        do_GET = do_POST = do_PATCH = _answer

        def log_message(self, *_: Any) -> None:
            return

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            """Clients that are killed in the middle are what some tests are about."""

    server = Quiet(("127.0.0.1", 0), Handler)
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
    (tmp_path / "ws" / ".gradlings").mkdir(parents=True)
    return tmp_path / "ws"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder outside the workspace."""
    (tmp_path / "elsewhere").mkdir()
    return tmp_path / "elsewhere"
