"""A program in a real pseudo-terminal, and when it has painted what."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from pathlib import Path

from benchmarks.common import environment

# What is no text: control sequences (CSI), operating system commands such as hyperlinks (OSC), and the other escapes.
SEQUENCE = re.compile(rb"\x1b\[[0-9;?<>=]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[^\[\]]")
PATIENCE_S = 60.0
COLUMNS, ROWS = 160, 45


class Terminal:
    """Runs `command` in a terminal of its own. A context manager: at its end the program is killed."""

    def __init__(self, command: list[str], cwd: Path | None = None, size: tuple[int, int] = (COLUMNS, ROWS)) -> None:
        self.started = time.perf_counter()
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            try:
                os.chdir(cwd or Path.cwd())
                colours = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
                kept = {name: value for name, value in environment().items() if name != "NO_COLOR"}
                os.execve(command[0], command, {**kept, **colours})
            finally:
                os._exit(127)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self._said = b""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGTERM)
        end = time.monotonic() + 5
        with contextlib.suppress(RuntimeError):  # its end of the terminal is closed first
            while time.monotonic() < end:
                self._read(0.02)
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        os.close(self._fd)

    def press(self, keys: str) -> float:
        """Send keys; what was painted before does not count any more. The moment they were sent."""
        self.forget()
        now = time.perf_counter()
        os.write(self._fd, keys.encode())
        return now

    def forget(self) -> None:
        """What was painted so far does not count any more."""
        self._said = b""

    def painted(self, *words: str) -> float:
        """Wait until all of these words are painted; the moment the last one was read. Raises where they do not come."""
        wanted = [word.encode() for word in words]
        end = time.perf_counter() + PATIENCE_S
        while True:
            text = SEQUENCE.sub(b"", self._said)
            if all(word in text for word in wanted) and self._said:
                return time.perf_counter()
            if not self._read(1.0) and time.perf_counter() > end:
                raise RuntimeError(f"not painted: {words}; the last was {text[-400:]!r}")

    def settle(self, quiet_s: float = 0.3) -> None:
        """Wait until nothing is painted for so long."""
        while self._read(quiet_s):
            pass

    def _read(self, wait_s: float) -> bool:
        if not select.select([self._fd], [], [], wait_s)[0]:
            return False
        try:
            chunk = os.read(self._fd, 1 << 16)
        except OSError as error:
            raise RuntimeError(f"the program ended: {SEQUENCE.sub(b'', self._said)[-1000:]!r}") from error
        self._said += chunk
        return bool(chunk)
