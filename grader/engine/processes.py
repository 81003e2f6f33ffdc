"""The judge and the cell parent as processes: started, joined by a socket of their own, talked to, ended."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from typing import Any

import msgspec

from grader.model import Course
from grader.wire import frames

WARM_S = 180
PRACTICE_PLATFORMS = ("darwin", "win32")


class Lost(Exception):
    """A process of ours ended or fell silent."""


class Processes:
    """A judge and a cell parent, joined by a socket of their own."""

    def __init__(self, course: Course) -> None:
        ours, theirs = socket.socketpair()
        judge_end, cell_end = socket.socketpair()
        self._engine = ours
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (closed in close)
        self._sending = threading.Lock()
        self.protections: tuple[str, ...] = ()
        self._is_ready = False
        spare = (
            ["--spare"] if sys.platform in PRACTICE_PLATFORMS or os.environ.get("GRADLINGS_CELLS") == "spare" else []
        )
        self._children = [
            self._start("grader.judge", theirs, judge_end),
            self._start("grader.cell", cell_end, extra=spare),
        ]
        for end in (theirs, judge_end, cell_end):
            end.close()
        warm = course.warm
        # Not the root itself: an environment may lie inside it, and the cell needs its packages.
        hidden = [str(course.root / folder) for folder in ("exercises", "reference", "tests")]
        self._engine.setblocking(False)
        self.send({"warm": {"imports": list(warm.imports), "code": warm.code, "hidden": hidden}})

    @property
    def pids(self) -> tuple[int, ...]:
        return tuple(child.pid for child in self._children)

    def _start(self, module: str, *ends: socket.socket, extra: Iterable[str] = ()) -> subprocess.Popen[bytes]:
        fds = [end.fileno() for end in ends]
        return subprocess.Popen(
            [sys.executable, "-P", "-B", "-m", module, *map(str, fds), *extra],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            pass_fds=fds,
            env=_environment(),
            cwd="/",
            start_new_session=True,  # Ctrl-C in the terminal is the front end's to handle
        )

    def send(self, message: dict[str, Any]) -> None:
        """Send a message to the judge. Raises Lost."""
        data = memoryview(frames.pack(b"m", msgspec.msgpack.encode(message)))
        with self._sending:
            while data:
                try:
                    data = data[self._engine.send(data) :]
                except BlockingIOError:
                    select.select([], [self._engine], [], 1.0)
                except OSError as error:
                    raise self._lost(error) from None

    def receive(self, deadline: float) -> dict[str, Any]:
        """The judge's next message. Raises Lost where none comes by `deadline`."""
        try:
            frame = self._exactly(frames.HEADER, deadline)
            _, size = frames.header(frame)
            message: dict[str, Any] = msgspec.msgpack.decode(self._exactly(size, deadline))
            return message
        except (OSError, ValueError) as error:
            raise self._lost(error) from None

    def has_spoken(self) -> bool:
        """Whether the judge has something to say: that it is ready, or that it ended."""
        return bool(select.select([self._engine], [], [], 0)[0])

    def wait_until_ready(self) -> None:
        """Until the judge says that both are warm. Raises Lost."""
        if not self._is_ready:
            ready = self.receive(time.monotonic() + WARM_S).get("ready")
            if ready is None:
                raise self._lost("the judge did not say it was ready")
            self.protections = tuple(ready["protections"])
            self._is_ready = True

    def close(self) -> None:
        """End both processes and whatever cell they had."""
        with contextlib.suppress(OSError):
            self._engine.shutdown(socket.SHUT_RDWR)
        for child in self._children:
            child.kill()
        for child in self._children:
            child.wait()
        self._engine.close()
        self._log.close()

    def _exactly(self, size: int, deadline: float) -> bytes:
        data = bytearray()
        while len(data) < size:
            left = deadline - time.monotonic()
            if left <= 0:
                raise OSError("the judge fell silent")
            if not select.select([self._engine], [], [], min(left, 5.0))[0]:
                continue
            with contextlib.suppress(BlockingIOError):
                chunk = self._engine.recv(size - len(data))
                if not chunk:
                    raise OSError("the judge ended")
                data += chunk
        return bytes(data)

    def _lost(self, error: object) -> Lost:
        """What happened, with the last line the processes wrote of their own."""
        with contextlib.suppress(OSError, ValueError):
            self._log.seek(0)
            lines = [line for line in self._log.read()[-4000:].decode("utf-8", "replace").splitlines() if line.strip()]
            if lines:
                return Lost(f"{error}: {lines[-1].strip()[:300]}")
        return Lost(str(error))


def _environment() -> dict[str, str]:
    """Nothing of the user's environment but where programs and temporary files lie; one thread for the numeric libraries."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "SYSTEMROOT", "LANG") if name in os.environ}
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    # torch._dynamo wants a temporary folder on import and settles for this one; a cell may write to none.
    one["TORCHINDUCTOR_CACHE_DIR"] = "/"
    return {**kept, **one, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}
