"""Cells as the judge sees them: started, talked to, watched and killed from outside.

Wall clock, memory and output are measured here, by looking at the process, never by asking it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from grader.model import Limits
from grader.wire import frames

KEEP_OUTPUT = 64 << 10
SLICE_S = 0.1
DUMP_S = 0.3
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class Interrupted(BaseException):
    """The grading must end without a verdict. No check may take it for its own failure, and no suite can catch it as one."""


class ParentGone(Interrupted):
    """The cell parent has ended; the engine must start another."""


class CellGone(Exception):
    """The cell can answer no more. `reason` is died, late, memory, output or protocol; `lines` are where it was last seen."""

    def __init__(self, reason: str, message: str, lines: list[tuple[int, str]]) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.lines = lines


class CellParent:
    """The control socket of the cell parent."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._rest = b""
        self._fds: list[int] = []
        self._unread = 0

    def order(self, do: str, **fields: object) -> tuple[dict[str, object], list[int]]:
        """Send an order; the reply and the descriptors that came with it. Raises ParentGone."""
        self.send(do, **fields)
        while self._unread > 1:
            self.receive()
        return self.receive()

    def send(self, do: str, **fields: object) -> None:
        """Send an order whose reply is received later, by `receive` or before the next order's."""
        self._unread += 1
        try:
            self._control.sendall(json.dumps({"do": do, **fields}).encode() + b"\n")
        except OSError as error:
            raise ParentGone(f"the cell parent ended: {error}") from None

    def receive(self) -> tuple[dict[str, object], list[int]]:
        """The next reply and the descriptors that came with it."""
        self._unread -= 1
        while b"\n" not in self._rest:
            try:
                data, got, _, _ = socket.recv_fds(self._control, 1 << 16, 8)
            except OSError as error:
                raise ParentGone(f"the cell parent ended: {error}") from None
            if not data:
                raise ParentGone("the cell parent ended")
            self._fds += got
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        reply = json.loads(line)
        if "pid" not in reply:
            # They may have come in one piece with this reply; they belong to the `cell` reply behind it.
            return reply, []
        fds, self._fds = self._fds, []
        return reply, fds

    def cell(self, limits: Limits, idle: Callable[[], None]) -> Cell:
        """A fresh cell. `idle` is called between waits and may raise."""
        reply, fds = self.order("cell", seconds=limits.seconds, memory_mib=limits.memory_mib)
        pid = reply["pid"]
        assert isinstance(pid, int)
        return Cell(self, pid, fds, limits, idle)


class Cell:
    """One cell process and its three channels: wire, output, fault report."""

    def __init__(self, parent: CellParent, pid: int, fds: list[int], limits: Limits, idle: Callable[[], None]) -> None:
        self._parent = parent
        self._pid = pid
        self._wire = socket.socket(fileno=fds[0])
        self._wire.setblocking(False)
        self._out, self._fault = fds[1], fds[2]
        for fd in (self._out, self._fault):
            os.set_blocking(fd, False)
        self._limits = limits
        self._idle = idle
        self._buffer = bytearray()
        self._printed = 0
        self._output = bytearray()
        self._memory_limit = _resident(pid) + (limits.memory_mib << 20)
        self._closed = False
        # Why this cell is not believed any more; whoever asks it again is told the same.
        self.gone: CellGone | None = None
        self._poll = select.poll()
        self._poll.register(self._wire.fileno(), select.POLLIN)
        self._poll.register(self._out, select.POLLIN)

    def send(self, kind: bytes, body: bytes, deadline: float) -> None:
        """Send a frame. Raises CellGone where the cell does not take it, or spoke out of turn before."""
        if self.gone is not None:
            raise self.gone
        if self._buffer or self._readable():
            raise self.fail("protocol", "Your code wrote to the grader's own channel.")
        data = memoryview(frames.pack(kind, body))
        while data:
            try:
                data = data[self._wire.send(data) :]
            except BlockingIOError:
                self._wait(deadline, writing=True)
            except OSError:
                raise self._died() from None

    def receive(self, deadline: float) -> tuple[bytes, bytes]:
        """The next frame, kind and body. Raises CellGone where it does not come by `deadline` (`time.monotonic`)."""
        asleep = time.perf_counter() + frames.AWAKE_S
        while self.gone is None:
            frame = self._frame()
            if frame is not None:
                return frame
            try:
                chunk = self._wire.recv(1 << 20)
            except BlockingIOError:
                if time.perf_counter() < asleep:
                    frames.give_way()
                else:
                    self._wait(deadline)
                continue
            except OSError:
                chunk = b""
            if not chunk:
                raise self._died()
            self._buffer += chunk
            if time.monotonic() > deadline:
                raise self._late()
        raise self.gone

    def output(self) -> str:
        """What was printed since the last call, at most 64 KiB of it, as text."""
        with contextlib.suppress(CellGone):  # too much of it: kept in `gone`
            self._drain()
        text = self._output.decode("utf-8", "replace")
        if len(self._output) >= KEEP_OUTPUT:
            text += "\n[more was printed than is shown]"
        self._output.clear()
        return text

    def end(self) -> None:
        """Have the cell killed without waiting until its memory is given back."""
        if not self._closed:
            self._closed = True
            self._parent.send("reap", pid=self._pid)
            self._close_ends()

    def close(self) -> int:
        """Kill and reap the cell; its exit status (negative: the signal that ended it). Closes every descriptor."""
        if self._closed:
            return 0
        self._closed = True
        reply, _ = self._parent.order("reap", pid=self._pid)
        with contextlib.suppress(OSError):
            self._drain()
        self._close_ends()
        status = reply["status"]
        assert isinstance(status, int)
        return status

    def _close_ends(self) -> None:
        self._wire.close()
        os.close(self._out)
        os.close(self._fault)
        # The numbers may soon be another file's.
        self._out = self._fault = -1
        self._poll = select.poll()

    def _frame(self) -> tuple[bytes, bytes] | None:
        if len(self._buffer) < frames.HEADER:
            return None
        try:
            kind, size = frames.header(bytes(self._buffer[: frames.HEADER]))
        except frames.FrameError:
            raise self.fail("protocol", "Your code wrote to the grader's own channel.") from None
        end = frames.HEADER + size
        if len(self._buffer) < end:
            return None
        body = bytes(self._buffer[frames.HEADER : end])
        del self._buffer[:end]
        return kind, body

    def _readable(self) -> bool:
        return any(fd == self._wire.fileno() and event & select.POLLIN for fd, event in self._poll.poll(0))

    def _wait(self, deadline: float, writing: bool = False) -> None:
        """Until something can be read (or written), at most a slice; looks at the limits in between."""
        self._idle()
        left = deadline - time.monotonic()
        if left <= 0:
            raise self._late()
        if writing:
            self._poll.modify(self._wire.fileno(), select.POLLIN | select.POLLOUT)
        try:
            events = self._poll.poll(min(left, SLICE_S) * 1000)
        finally:
            if writing:
                self._poll.modify(self._wire.fileno(), select.POLLIN)
        if any(fd == self._out for fd, _ in events):
            self._drain()
        if not events and _resident(self._pid) > self._memory_limit:
            raise self.fail("memory", f"Your code used more than {self._limits.memory_mib} MiB of memory.")

    def _drain(self) -> None:
        while self._out >= 0:
            try:
                chunk = os.read(self._out, 1 << 16)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                chunk = b""
            if not chunk:
                with contextlib.suppress(KeyError):
                    self._poll.unregister(self._out)
                return
            self._printed += len(chunk)
            self._output += chunk[: max(0, KEEP_OUTPUT - len(self._output))]
            if self._printed > self._limits.output_mib << 20:
                if self._closed:
                    return
                self._printed = 0  # said once
                raise self.fail("output", f"Your code printed more than {self._limits.output_mib} MiB.")

    def _late(self) -> CellGone:
        """Ask faulthandler where the code is, from outside, then end it."""
        lines: list[tuple[int, str]] = []
        if frames.LATE_SIGNAL is not None:
            self._parent.order("signal", pid=self._pid, signal=int(frames.LATE_SIGNAL))
            end = time.monotonic() + DUMP_S
            dump = b""
            while not dump.endswith(b"\n") or not lines:
                select.select([self._fault], [], [], max(0.0, min(0.02, end - time.monotonic())))
                dump += self._read_fault()
                lines = parse_dump(dump)
                if time.monotonic() > end:
                    break
        return self.fail(
            "late", f"No answer within {self._limits.seconds:g} s: an endless loop, or far too slow.", lines
        )

    def _died(self) -> CellGone:
        dump = self._read_fault()
        status = self.close()
        lines = parse_dump(dump)
        if status < 0:
            name = {
                11: "a segmentation fault",
                6: "an abort",
                24: "too much processor time",
                8: "an arithmetic fault",
                31: "a system call that is not allowed",
            }
            what = f"Your code crashed the Python process ({name.get(-status, f'signal {-status}')})."
            if -status == 9:  # also by us, where the wire was closed and the process lived on
                what = (
                    "Your code's Python process was killed, or cut itself off from the grader: it may have run out of memory, "
                    "or closed files that are not its own."
                )
        else:
            what = f"Your code ended the Python process (exit status {status}) instead of returning an answer."
        return self.fail("died", what, lines)

    def fail(self, reason: str, message: str, lines: Sequence[tuple[int, str]] = ()) -> CellGone:
        """End the cell, for good, and say why: the error to raise."""
        self.close()
        self.gone = CellGone(reason, message, list(lines))
        return self.gone

    def _read_fault(self) -> bytes:
        with contextlib.suppress(OSError):
            return os.read(self._fault, 1 << 16)
        return b""


def parse_dump(dump: bytes) -> list[tuple[int, str]]:
    """The lines of the learner's file in faulthandler's report, outermost first: `(line, function)`.

    The report comes through the cell: whatever else it holds is dropped.
    """
    pattern = re.compile(rf'^  File "{frames.FILE_PREFIX}[^"\n]*", line (\d{{1,6}}) in (\S{{1,80}})$', re.MULTILINE)
    text = dump[: 1 << 16].decode("ascii", "replace")
    return [(int(line), name) for line, name in pattern.findall(text)][:30][::-1]


def _resident(pid: int) -> int:
    """Resident bytes of a process, 0 where the system does not tell."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError, ValueError):
        return 0
