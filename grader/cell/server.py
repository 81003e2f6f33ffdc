"""The cell itself: holds the learner's module and answers requests on it until the wire closes.

Runs inside the sandbox, with the learner's code in the same process: nothing here is evidence, and nothing is secret.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import linecache
import os
import socket
import sys
from types import ModuleType
from typing import Any

from grader.cell.shortcuts import guard
from grader.wire import frames
from grader.wire.interpreter import Interpreter, describe, seed_everything
from grader.wire.modules import install
from grader.wire.values import decode, encode

EARLIER = "<earlier solution>/"
BREAKPOINT_NOTE = "[breakpoint() has no terminal in a graded run: use `gradlings debug`]"


def serve(wire: socket.socket, fault_fd: int) -> None:
    """Load the source the first frame brings, then answer until the judge closes the wire."""
    _stand_alone(fault_fd)
    interpreter: Interpreter | None = None

    def ask(message: bytes) -> bytes:
        _flush()
        wire.sendall(frames.pack(b"c", message))
        while (frame := frames.receive(wire, frames.AWAKE_S)) is not None:
            kind, body = frame
            if kind == b"r":
                return body
            assert interpreter is not None
            _answer(wire, interpreter.run(body))
        os._exit(0)

    while (frame := frames.receive(wire, frames.AWAKE_S)) is not None:
        kind, body = frame
        if kind == b"l":
            module, answer = _load(decode(body))
            interpreter = Interpreter(module, ask)
            _answer(wire, answer)
        elif kind == b"s" and interpreter is not None:
            interpreter.run(body)
        elif interpreter is not None:
            _answer(wire, interpreter.run(body))


def _load(order: dict[str, Any]) -> tuple[ModuleType, bytes]:
    file, source = order["file"], order["source"]
    module = ModuleType("solution")
    module.__file__ = file
    sys.modules["solution"] = module  # dataclasses look their module up
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    try:
        guard(order["forbid"])
        seed_everything(order["seed"])
        install(order["uses"], EARLIER)
        exec(compile(source, file, "exec"), vars(module))
        return module, encode(["a", None])
    except BaseException as error:
        return module, encode(["e", *describe(error, file)])


def _answer(wire: socket.socket, answer: bytes) -> None:
    _flush()
    try:
        frame = frames.pack(b"a", answer)
    except frames.FrameError as error:
        frame = frames.pack(b"a", encode(["e", "ValueError", "ValueError", f"the answer is too large: {error}", []]))
    wire.sendall(frame)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):  # the learner may have put anything there
            stream.flush()


def _stand_alone(fault_fd: int) -> None:
    sys.stdout = io.TextIOWrapper(
        io.FileIO(1, "w", closefd=False), "utf-8", "backslashreplace", line_buffering=True, write_through=False
    )
    sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), "utf-8", "backslashreplace", line_buffering=True)
    sys.stdin = io.TextIOWrapper(io.FileIO(0, "r", closefd=False), "utf-8")
    sys.argv = ["solution"]
    sys.breakpointhook = lambda *_args, **_kwargs: print(BREAKPOINT_NOTE)
    torch = sys.modules.get("torch")
    if torch is not None:
        # More threads cannot be had here, and asking libgomp for them ends the process.
        setattr(torch, "set_num_threads", lambda _number: None)  # noqa: B010  (mypy knows no such attribute)
    faulthandler.enable(fault_fd, all_threads=False)
    if frames.LATE_SIGNAL is not None:
        faulthandler.register(frames.LATE_SIGNAL, fault_fd, all_threads=False, chain=False)
