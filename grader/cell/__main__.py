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
from pathlib import Path
from typing import Any

import grader.marks  # noqa: F401  (references import it; the sandbox closes the package's own folder)
from grader.cell import server
from grader.cell.sandbox import Sandbox
from grader.warm import warm_up

CPU_FACTOR = 40


class Parent:
    """Answers orders of the engine's judge, one at a time."""

    def __init__(self, control: socket.socket, spare: bool) -> None:
        self._control = control
        self._spare_mode = spare
        self._spare: tuple[int, list[int]] | None = None
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
        if self._spare_mode:
            self._spare = self._start_spare()
            self._reply({"ready": True, "protections": ["practice"]})
            return
        warm_up(order["imports"], order["code"])
        self._sandbox = Sandbox.prepare(hidden=[Path(path) for path in order["hidden"]])
        gc.freeze()
        self._reply({"ready": True, "protections": list(self._sandbox.protections)})

    def _cell(self, order: dict[str, Any]) -> None:
        if self._spare_mode:
            assert self._spare is not None
            pid, fds = self._spare
            self._reply({"pid": pid}, fds)
            self._spare = self._start_spare()
        else:
            pid, fds = self._fork(order["seconds"], order["memory_mib"])
            self._reply({"pid": pid}, fds)
        for fd in fds:
            os.close(fd)

    def _fork(self, seconds: float, memory_mib: int) -> tuple[int, list[int]]:
        ends, theirs = _channels()
        pid = os.fork()
        if pid:
            for fd in theirs:
                os.close(fd)
            return pid, ends
        # From here on the child; it never returns.
        with contextlib.suppress(BaseException):
            wire, out, fault = theirs
            null = os.open(os.devnull, os.O_RDONLY)
            os.dup2(null, 0)
            os.dup2(out, 1)
            os.dup2(out, 2)
            assert self._sandbox is not None
            # Processor time is the second wall: the judge's clock is the first, and checks share one cell.
            self._sandbox.apply(keep_fds=(0, 1, 2, wire, fault), seconds=CPU_FACTOR * seconds, memory_mib=memory_mib)
            server.serve(socket.socket(fileno=wire), fault)
        os._exit(0)

    def _start_spare(self) -> tuple[int, list[int]]:
        ends, (wire, out, fault) = _channels()
        # -u is not needed: the server flushes. The order travels as an argument; it holds nothing secret.
        command = [sys.executable, "-P", "-m", "grader.cell", "--serve", str(wire), str(fault), json.dumps(self._order)]
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, pass_fds=(wire, fault), start_new_session=True
        )
        child.returncode = 0  # reaped by `_reap`; Popen must not wait for it
        for fd in (wire, out, fault):
            os.close(fd)
        return child.pid, ends

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
    warm_up(order["imports"], order["code"])
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
