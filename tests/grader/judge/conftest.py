"""Transcripts as a grading records them, made in this process: a suite's requests asked of a learner's source."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from grader.judge.channel import Exchange, Transcript
from grader.judge.evidence import Evidence, gather
from grader.judge.replay import Reference
from grader.testing.local import LocalChannel, module_from_source
from grader.testing.proxy import Handle


class Recording(LocalChannel):
    """A channel that records what it asks, by check."""

    def __init__(self, source: str) -> None:
        super().__init__(module_from_source(source, "<solution>/a/b.py"), "solution")
        self.check = ""
        self.transcript = Transcript(callbacks=self.callbacks)
        self._open: list[Exchange] = []

    def exchange(self, request: bytes) -> bytes:
        record = Exchange(self.check, request)
        if not self._open:
            self.transcript.exchanges.append(record)
        self._open.append(record)
        try:
            record.answer = super().exchange(request)
        finally:
            self._open.pop()
        return record.answer

    def answer(self, message: bytes) -> bytes:
        reply = super().answer(message)
        self._open[0].callbacks.append((message, reply))
        return reply


Suite = dict[str, Callable[[Handle], Any]]


def record(source: str, suite: Suite) -> Transcript:
    """What the checks of `suite` ask of `source`. What they raise is not looked at."""
    channel = Recording(source)
    for channel.check, check in suite.items():
        try:
            check(channel.root)
        except Exception:
            continue
    return channel.transcript


Gather = Callable[[str, str, Suite], tuple[Reference, Evidence]]


@pytest.fixture
def gathered(monkeypatch: pytest.MonkeyPatch) -> Gather:
    """Compiles a reference and gathers the evidence of running a suite on a source."""
    for name in ("solution", "reference"):
        monkeypatch.setitem(sys.modules, name, sys)  # put back afterwards

    def make(reference: str, source: str, suite: Suite) -> tuple[Reference, Evidence]:
        compiled = Reference(reference, "reference/a/b.py")
        return compiled, gather(compiled, [record(source, suite)])

    return make
