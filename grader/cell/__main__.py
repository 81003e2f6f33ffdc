"""The cell parent: a single-threaded program that imports what a course uses, nothing secret, and forks a cell per grading.

`python -m grader.cell CONTROL` talks on the inherited socket CONTROL, one JSON line an order: `warm`, `cell`, `signal`,
`reap`. Where there is no fork, or it is not safe (macOS), `--spare` keeps one warm process ahead instead. Ends when the
control socket closes.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grader.marks  # noqa: F401  (references import it; the sandbox closes the package's own folder)
from grader.cell import server
from grader.cell.sandbox import Sandbox
from grader.warm import warm_up

CPU_FACTOR = 40
# What grader.model.Limits has; later the limits of the last cell. One with others is forked when it is asked for.
DEFAULT_LIMITS = (5.0, 1024)


@dataclass(frozen=True)
class Started:
    """A cell that runs: its process, the judge's ends of its channels, and the limits it was given."""

    pid: int
    fds: list[int]
    limits: tuple[float, int]


class Parent:
    """Answers orders of the engine's judge, one at a time. Keeps one cell ahead, in its sandbox and empty."""

    def __init__(self, control: socket.socket, spare: bool) -> None:
        self._control = control
        self._spawns = spare
        self._ahead: Started | None = None
        self._limits = DEFAULT_LIMITS
        self._order: dict[str, Any] = {}
        self._sandbox: Sandbox | None = None

    def run(self) -> None:
        """Serve until the control socket closes."""
        lines = self._control.makefile("rb")
        for line in lines:
            order = json.loads(line)
            getattr(self, f"_{order['do']}")(order)

    def _reply(self, answer: dict[str, Any], fds: list[int] | None = None) -> None:
        line = json.dumps(answer).encode() + b"\n"
        if fds:
            socket.send_fds(self._control, [line], fds)
        else:
            self._control.sendall(line)

    def _warm(self, order: dict[str, Any]) -> None:
        self._order = order
        if self._spawns:
            self._reply({"ready": True, "protections": ["practice"]})
        else:
            warm_up(order["imports"], order["code"], closed=True)
            self._sandbox = Sandbox.prepare(hidden=[Path(path) for path in order["hidden"]])
            gc.freeze()
            self._reply({"ready": True, "protections": list(self._sandbox.protections)})
        self._ahead = self._start(self._limits)

    def _cell(self, order: dict[str, Any]) -> None:
        self._limits = limits = (order["seconds"], order["memory_mib"])
        if self._ahead is not None and self._ahead.limits != limits and not self._spawns:
            self._discard()
        started = self._ahead or self._start(limits)
        self._ahead = None
        self._reply({"pid": started.pid}, started.fds)
        for fd in started.fds:
            os.close(fd)

    def _start(self, limits: tuple[float, int]) -> Started:
        return self._spawn(limits) if self._spawns else self._fork(limits)

    def _fork(self, limits: tuple[float, int]) -> Started:
        if self._sandbox is not None and not self._sandbox.is_current():  # packages were installed meanwhile
            self._sandbox = Sandbox.prepare(hidden=[Path(path) for path in self._order["hidden"]])
        ends, theirs = _channels()
        pid = os.fork()
        if pid:
            for fd in theirs:
                os.close(fd)
            return Started(pid, ends, limits)
        # From here on the child; it never returns.
        with contextlib.suppress(BaseException):
            wire, out, fault = theirs
            null = os.open(os.devnull, os.O_RDONLY)
            os.dup2(null, 0)
            os.dup2(out, 1)
            os.dup2(out, 2)
            assert self._sandbox is not None
            # Processor time is the second wall: the judge's clock is the first, and checks share one cell.
            seconds, memory_mib = limits
            self._sandbox.apply(keep_fds=(0, 1, 2, wire, fault), seconds=CPU_FACTOR * seconds, memory_mib=memory_mib)
            server.serve(socket.socket(fileno=wire), fault)
        os._exit(0)

    def _spawn(self, limits: tuple[float, int]) -> Started:
        ends, (wire, out, fault) = _channels()
        # -u is not needed: the server flushes. The order travels as an argument; it holds nothing secret.
        command = [sys.executable, "-P", "-m", "grader.cell", "--serve", str(wire), str(fault), json.dumps(self._order)]
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, pass_fds=(wire, fault), start_new_session=True
        )
        child.returncode = 0  # reaped by `_reap`; Popen must not wait for it
        for fd in (wire, out, fault):
            os.close(fd)
        return Started(child.pid, ends, limits)

    def _signal(self, order: dict[str, Any]) -> None:
        # Only children that are not reaped yet are named here, so the number is never somebody else's.
        with contextlib.suppress(ProcessLookupError):
            os.kill(order["pid"], signal.SIGCONT)
            os.kill(order["pid"], order["signal"])
        self._reply({})

    def _reap(self, order: dict[str, Any]) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(order["pid"], signal.SIGKILL)
        try:
            _, status = os.waitpid(order["pid"], 0)
        except ChildProcessError:
            status = 0
        self._reply({"status": os.waitstatus_to_exitcode(status)})
        if self._ahead is None:  # now, while nobody waits
            self._ahead = self._start(self._limits)

    def _discard(self) -> None:
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            os.kill(ahead.pid, signal.SIGKILL)
            os.waitpid(ahead.pid, 0)
            for fd in ahead.fds:
                os.close(fd)

    def _probe(self, _order: dict[str, Any]) -> None:
        from grader.cell.probes import run_probes

        assert self._sandbox is not None
        found = run_probes(self._sandbox)
        self._reply({"probes": [[p.name, p.protection, p.held, p.detail] for p in found]})


def _channels() -> tuple[list[int], list[int]]:
    """The judge's ends and the cell's ends of wire, output and fault report."""
    ours, theirs = socket.socketpair()
    out_read, out_write = os.pipe()
    fault_read, fault_write = os.pipe()
    return [ours.detach(), out_read, fault_read], [theirs.detach(), out_write, fault_write]


def _serve_spare(wire: int, fault: int, order: dict[str, Any]) -> None:
    warm_up(order["imports"], order["code"], closed=True)
    server.serve(socket.socket(fileno=wire), fault)


def main(arguments: list[str]) -> None:
    """`CONTROL [--spare]`, or `--serve WIRE FAULT ORDER` for a spare cell."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the front end's to handle
    if arguments[0] == "--serve":
        _serve_spare(int(arguments[1]), int(arguments[2]), json.loads(arguments[3]))
    else:
        Parent(socket.socket(fileno=int(arguments[0])), "--spare" in arguments).run()


if __name__ == "__main__":
    main(sys.argv[1:])
