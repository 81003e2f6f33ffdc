"""The proxy's way to a cell, which records what was asked and answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from grader.judge.cells import Cell, CellGone
from grader.testing.proxy import Channel
from grader.wire.frames import FrameError
from grader.wire.values import WireError, decode, encode

# All that one cell may answer: it is kept until the verdict, since a mistake is looked for in it.
MAX_RECEIVED = 128 << 20


@dataclass
class Exchange:
    """One request of a check with its answer (None where none came), and the call-backs in between."""

    check: str
    request: bytes
    answer: bytes | None = None
    callbacks: list[tuple[bytes, bytes]] = field(default_factory=list)


@dataclass
class Transcript:
    """What was asked of one cell. `callbacks` are the suite's own functions, by number."""

    exchanges: list[Exchange] = field(default_factory=list)
    callbacks: list[Callable[..., Any]] = field(default_factory=list)


class CellChannel(Channel):
    """A channel to one cell. `deadline` is moved by whoever runs the checks; `check` names the one that is running."""

    def __init__(self, cell: Cell) -> None:
        super().__init__("solution")
        self.cell = cell
        self.transcript = Transcript(callbacks=self.callbacks)
        self.deadline = float("inf")
        self.check = ""
        self._open: list[Exchange] = []
        self._received = 0

    def load(self, order: dict[str, Any]) -> None:
        """Hand the source over. Raises CellGone."""
        self.cell.send(b"l", encode(order), self.deadline)

    def loaded(self) -> None:
        """Wait until the source has been executed. Raises LearnerError or CellGone."""
        _, body = self.cell.receive(self.deadline)
        try:
            self._unwrap(decode(body))
        except WireError as error:
            raise self._confused(error) from None

    def seed(self, seed: int) -> None:
        """Reset the cell's generators; does not wait. Raises CellGone."""
        message = encode(["q", "seed", seed])
        self.transcript.exchanges.append(Exchange(self.check, message, encode(["a", None])))
        self.cell.send(b"s", message, self.deadline)

    def request(self, label: str, op: str, *fields: Any) -> Any:
        try:
            return super().request(label, op, *fields)
        except WireError as error:
            raise self._confused(error) from None

    def exchange(self, request: bytes) -> bytes:
        record = Exchange(self.check, request)
        if not self._open:  # what a call-back asks in turn is asked again when its own request is replayed
            self.transcript.exchanges.append(record)
        self._open.append(record)
        try:
            self.cell.send(b"q", request, self.deadline)
            while True:
                kind, body = self.cell.receive(self.deadline)
                self._received += len(body)
                if self._received > MAX_RECEIVED:
                    raise self.cell.fail(
                        "memory", f"Your code answered with more than {MAX_RECEIVED >> 20} MiB in all."
                    )
                if kind == b"c":
                    reply = self.answer(body)
                    self._received += len(reply)  # kept as well; a few bytes may stand for millions of elements
                    self._open[0].callbacks.append((body, reply))
                    self._reply(reply)
                elif kind == b"a":
                    record.answer = body
                    return body
                else:
                    raise WireError("a frame of no known kind")
        finally:
            self._open.pop()

    def _reply(self, reply: bytes) -> None:
        try:
            self.cell.send(b"r", reply, self.deadline)
        except FrameError as error:
            message = f"Your code had a function of the check compute more than can be handed back: {error}."
            raise self.cell.fail("memory", message) from None

    def _confused(self, error: WireError) -> CellGone:
        """What came is not something a cell says: whatever wrote it, this cell is not believed again."""
        return self.cell.fail("protocol", f"Your code wrote to the grader's own channel ({error}).")
