"""The judge as a program: `python -m grader.judge ENGINE CELLS`, two inherited sockets; ends when the engine's closes.

Frames hold msgpack. From the engine: `{"warm": ...}`, `{"grade": ...}`, `{"cancel": n}`; to it: `{"ready": ...}`,
`{"check": ...}`, `{"point": ...}`, `{"verdict": ..., "calls": ...}`, `{"cancelled": n}` and `{"fault": text}`.
"""

from __future__ import annotations

import faulthandler
import signal
import socket
import sys
import tempfile
from pathlib import Path
from select import select
from typing import Any

import msgspec

from grader.judge.cells import CellParent, Interrupted, ParentGone
from grader.judge.channel import Transcript
from grader.judge.curves import Curves
from grader.judge.judge import Judge, SuiteFault
from grader.judge.request import Request
from grader.judge.suite import Outcome, Stage, Suite
from grader.model import Point, Step
from grader.warm import warm_up
from grader.wire import frames

# Longer than any grading may take: past it this process is stuck, and ends itself even where no engine is left to see it.
STUCK_S = 900
# Nobody waits for a verdict then: what the next grading needs is made ready.
IDLE_S = 0.005


class Cancelled(Interrupted):
    """The engine wants no verdict any more."""


class Program:
    """Reads requests and writes verdicts."""

    def __init__(self, engine: socket.socket, cells: socket.socket) -> None:
        self._engine = engine
        self._parent = CellParent(cells)
        self._judge: Judge | None = None
        self._number = 0

    def run(self) -> None:
        """Serve until the engine's socket closes."""
        while (frame := self._next()) is not None:
            message = msgspec.msgpack.decode(frame[1])
            if "warm" in message:
                self._warm(message["warm"])
            elif "grade" in message:
                faulthandler.dump_traceback_later(STUCK_S, exit=True)
                self._grade(message)
                faulthandler.cancel_dump_traceback_later()

    def _next(self) -> tuple[bytes, bytes] | None:
        if self._judge is not None and not select([self._engine], [], [], IDLE_S)[0]:
            self._judge.get_ahead()
        return frames.receive(self._engine)

    def _send(self, **message: Any) -> None:
        self._engine.sendall(frames.pack(b"m", msgspec.msgpack.encode(message)))

    def _warm(self, order: dict[str, Any]) -> None:
        # The cell parent warms itself at the same time, on the other core.
        self._parent.send("warm", **order)
        versions = warm_up(order["imports"], order["code"], closed=False)
        _throw_away_session()
        reply = self._parent.receive()[0]
        protections = reply["protections"]
        assert isinstance(protections, list)
        self._judge = Judge(self._parent, tuple(map(str, protections)), versions)
        self._send(ready={"protections": protections, "versions": versions})

    def _grade(self, message: dict[str, Any]) -> None:
        assert self._judge is not None
        self._number = message["number"]
        request = msgspec.convert(message["grade"], Request, dec_hook=lambda kind, value: kind(value))
        try:
            verdict, transcripts = self._judge.grade(request, self._look_up, self._tell)
        except Cancelled:
            self._send(cancelled=self._number)
        except SuiteFault as error:
            self._send(fault=str(error), final=True)
        except ParentGone as error:
            self._send(fault=str(error), final=False)
            sys.exit(1)
        else:
            calls = _calls(transcripts) if request.want_calls else []
            self._send(verdict=verdict, calls=calls)

    def _tell(self, step: Step) -> None:
        if isinstance(step, Point):
            self._send(point=step)
        else:
            self._send(check=step)

    def _look_up(self) -> None:
        """Between waits: has the engine ended, or cancelled?"""
        while select([self._engine], [], [], 0)[0]:
            frame = frames.receive(self._engine)
            if frame is None:
                sys.exit(0)
            message = msgspec.msgpack.decode(frame[1])
            if message.get("cancel") == self._number:
                raise Cancelled


def _calls(transcripts: list[Transcript]) -> list[list[Any]]:
    """The recorded exchanges as plain values: segment, check, request, answer, call-backs."""
    return [
        [segment, exchange.check, exchange.request, exchange.answer, exchange.callbacks]
        for segment, transcript in enumerate(transcripts)
        for exchange in transcript.exchanges
    ]


class _NoStage(Stage):
    curves = Curves(lambda _: None)

    def begin(self, check: str) -> bool:  # noqa: ARG002
        return True

    def end(self, outcome: Outcome) -> Outcome:
        return outcome

    def seed(self, check: str) -> int:  # noqa: ARG002
        return 0


def _throw_away_session() -> None:
    """The first session imports and builds what later ones find there."""
    with tempfile.TemporaryDirectory() as folder:
        suite = Path(folder) / "test_nothing.py"
        suite.write_text('def test_nothing(seed):\n    """Nothing."""\n')
        Suite(suite).run(_NoStage())


def main(arguments: list[str]) -> None:
    """`ENGINE CELLS`: the numbers of two inherited sockets."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the front end's to handle
    sys.dont_write_bytecode = True  # a suite edited twice within a second must not run stale
    engine, cells = (socket.socket(fileno=int(number)) for number in arguments)
    Program(engine, cells).run()


if __name__ == "__main__":
    main(sys.argv[1:])
