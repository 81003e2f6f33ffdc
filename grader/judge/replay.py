"""Recorded calls asked again of a reference, or of the reference with mistakes put in.

Values are compared with a tolerance of their own, tighter than any suite's: two programs that compute the same thing in another
order agree, two that differ do not.
"""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from types import CodeType, ModuleType
from typing import Any

from grader.judge.channel import Exchange, Transcript
from grader.marks import Mark, marks
from grader.testing.compare import as_array
from grader.testing.local import LocalChannel
from grader.wire.modules import install
from grader.wire.values import WireError, decode

RTOL = {"float64": 1e-7, "complex128": 1e-7, "float32": 2e-4, "complex64": 2e-4, "bfloat16": 3e-2, "float16": 4e-3}
REFERENCES = "<reference>/"
FLOOR = 1e-4  # of the largest magnitude, times RTOL: cancellation leaves noise near zero


class Reference:
    """A reference file, compiled once; `variant` gives fresh modules of it, with mistakes put in."""

    def __init__(self, source: str, file: str, uses: Mapping[str, str] | None = None) -> None:
        """`uses`: the references that this one imports, by their ids."""
        self._uses = uses or {}
        self._code: CodeType = compile(source, file, "exec")
        self._file = file
        self.marks: dict[str, Mark] = marks(self.variant())

    def variant(self, *chosen: Mark) -> ModuleType:
        """The reference, with each chosen mark in the place of what it replaces."""
        module = ModuleType("reference")
        module.__file__ = self._file
        sys.modules["reference"] = module
        install(self._uses, REFERENCES)
        exec(self._code, vars(module))
        for mark in chosen:
            *owner, last = mark.of.split(".")
            setattr(functools.reduce(getattr, owner, module), last, getattr(module, mark.name))
        return module

    @property
    def mistakes(self) -> list[Mark]:
        """The known mistakes, in the order of the file."""
        return [mark for mark in self.marks.values() if mark.kind == "mistake"]


class Replay:
    """Asks the requests of transcripts of one variant, in order."""

    def __init__(self, variant: ModuleType, transcript: Transcript) -> None:
        self._seen: list[bytes] = []
        self._channel = _Listening(variant, transcript.callbacks, self._seen)

    @property
    def handed(self) -> int:
        """How many handles were handed out so far."""
        return self._channel.interpreter.handed

    @handed.setter
    def handed(self, count: int) -> None:
        # Where requests are left out: the handles of those that follow are numbered as if they had been asked.
        self._channel.interpreter.handed = count

    def ask(self, exchange: Exchange) -> tuple[Any, list[Any]]:
        """The answer of the variant to one request, and what it asked the call-backs."""
        self._seen.clear()
        answer = decoded(self._channel.exchange(exchange.request))
        return answer, [decoded(message) for message in self._seen]


class _Listening(LocalChannel):
    def __init__(self, module: ModuleType, callbacks: list[Callable[..., Any]], seen: list[bytes]) -> None:
        super().__init__(module, "solution", callbacks)
        self._seen = seen

    def answer(self, message: bytes) -> bytes:
        self._seen.append(message)
        return super().answer(message)


def decoded(message: bytes) -> Any:
    """A message with its handles as plain marks. None where it cannot be read."""
    try:
        # Of a handle only whether it can be called; the rest may be anything a cell cares to send.
        return decode(message, lambda tag, fields: (f"<{tag}>", fields[2:3] == [True]))
    except WireError:
        return None


def handles(message: bytes) -> set[int]:
    """The numbers of the handles in a message of the judge's; of the module itself 0."""
    found: set[int] = set()
    decode(message, lambda tag, fields: found.add(fields[0]) if tag == "handle" else None)
    return found


def recorded(exchange: Exchange) -> tuple[Any, list[Any]]:
    """What was answered, and asked of the call-backs, when it was recorded."""
    answer = None if exchange.answer is None else decoded(exchange.answer)
    return answer, [decoded(message) for message, _ in exchange.callbacks]


def same_answer(a: Any, b: Any) -> bool:
    """Whether two answers are the same value, or exceptions of the same type."""
    if isinstance(a, list) and isinstance(b, list) and a[:1] == ["e"] == b[:1]:
        return bool(a[1:2] == b[1:2])
    return same(a, b)


def same(a: Any, b: Any) -> bool:
    """Whether two values agree: structure, types, dtypes and shapes exactly, numbers within a tolerance."""
    if isinstance(a, list | tuple) and type(a) is type(b):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if _real(a) and _real(b) and (isinstance(a, float) or isinstance(b, float)):
        # As in suites: an int, or a NumPy float64, where a float is expected is the same answer.
        return _same_numbers(a, b)
    if type(a) is not type(b) or a is None or isinstance(a, str | bytes | bool | set | slice):
        return type(a) is type(b) and bool(a == b)
    if isinstance(a, int):
        return bool(a == b)
    if isinstance(a, float | complex):
        return _same_numbers(a, b)
    if hasattr(a, "dtype") and hasattr(a, "shape"):
        return bool(a.shape == b.shape and a.dtype == b.dtype) and _same_arrays(a, b)
    return type(a).__name__ in ("dtype", "Random", "Generator", "ellipsis")


def _real(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same_numbers(a: Any, b: Any) -> bool:
    if a == b or (a != a and b != b):
        return True
    try:
        gap, size = abs(a - b), max(abs(a), abs(b))
    except OverflowError:  # an int beyond any float
        return False
    # Infinite or NaN: the tolerance would be as large as the gap.
    return bool(math.isfinite(size) and gap <= 1e-7 * size + 1e-12)


def _same_arrays(a: Any, b: Any) -> bool:
    import numpy as np

    rtol = RTOL.get(str(a.dtype).removeprefix("torch."), 0.0)
    x, y = as_array(a), as_array(b)
    if rtol == 0.0 or x.size == 0:
        return bool((x == y).all())
    with np.errstate(all="ignore"):
        finite = np.isfinite(x) & np.isfinite(y)
        odd = (x == y) | (np.isnan(x) & np.isnan(y))
        scale = np.abs(np.where(finite, y, 0)).max()
        near = np.abs(x - y) <= rtol * (np.abs(y) + FLOOR * scale) + 1e-12
    return bool((odd | (finite & near)).all())


def answers(variant: ModuleType, transcripts: Sequence[Transcript]) -> list[tuple[Any, list[Any]]]:
    """Every answer of a variant to all recorded requests."""
    found = []
    for transcript in transcripts:
        replay = Replay(variant, transcript)
        found += [replay.ask(exchange) for exchange in transcript.exchanges]
    return found
