"""Whatever a cell could send: the decoder, the frames and the watchdog's report give a value or the error they name, in time."""

from __future__ import annotations

import contextlib
import socket
import time
import tracemalloc
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from grader.judge.cells import CellGone, parse_dump
from grader.judge.channel import MAX_RECEIVED, CellChannel
from grader.judge.replay import decoded
from grader.testing.proxy import LearnerError
from grader.wire import arrays, frames
from grader.wire.values import WireError, decode, encode

TAGS = sorted([*arrays.TAGS, *"int bytes complex list tuple set dict slice ellipsis random handle callback".split()])
DTYPES = [*arrays.TORCH_DTYPES, *arrays.NUMPY_DTYPES, "object", "O", "__class__", "", "float64\0"]
STEP = 2**61 - 1  # Python's ints that differ by it share a hash

numbers = st.one_of(
    st.integers(-3, 9), st.integers(-(2**63), 2**64 - 1), st.sampled_from([2**31, 2**32, 2**62, -1, 2**63, 2**64 - 1])
)
scalars = st.one_of(st.none(), st.booleans(), numbers, st.floats(), st.text(max_size=8), st.binary(max_size=64))
sizes = st.lists(numbers, max_size=20)
arrays_like = st.one_of(
    st.tuples(st.just("tensor"), st.sampled_from(DTYPES), sizes, sizes, scalars, st.binary(max_size=64)),
    st.tuples(st.just("array"), st.sampled_from(DTYPES), sizes, sizes, st.binary(max_size=64)),
    st.tuples(st.just("scalar"), st.sampled_from(DTYPES), st.binary(max_size=20)),
    st.tuples(st.sampled_from(["torch_dtype", "dtype", "dtype_class"]), st.sampled_from(DTYPES)),
    st.tuples(st.just("torch_rng"), st.one_of(st.binary(max_size=20), st.binary(min_size=5056, max_size=5056))),
    st.tuples(st.just("numpy_rng"), st.binary(max_size=17), st.binary(min_size=16, max_size=16), numbers, numbers),
)
trees = st.recursive(
    st.one_of(scalars, arrays_like.map(list)),
    lambda inner: st.tuples(st.one_of(st.sampled_from(TAGS), scalars), st.lists(inner, max_size=5)).map(
        lambda node: [node[0], *node[1]]
    ),
    max_leaves=12,
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.binary(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=4), st.tuples(inner, inner)
    ),
    max_leaves=10,
)
FAST = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def value_or_wire_error(data: bytes) -> None:
    with contextlib.suppress(WireError):
        decode(data)


@FAST
@given(st.binary(max_size=300))
@example(b"\xdd\xff\xff\xff\xff")
@example(b"\xdf\xff\xff\xff\xff")
@example(b"\xdb\xff\xff\xff\xffx")
@example(b"\x91" * 5000)
@example(b"\xd6\xff\x00\x00\x00\x00")
@example(b"\x81\x90\x00")
@example(b"\xa2\xed\xa0")
def test_any_bytes(data: bytes) -> None:
    value_or_wire_error(data)


@FAST
@given(trees)
@example(["torch_rng", b"\xff" * 5056])
@example(["tensor", "float64", [0, 2**62, 2**62], [2**62, 1, 1], False, b""])
@example(["array", "f", [2], [2**60], b"12345678"])
@example(["set", ["list"]])
@example(["random", ["list", 3, ["list", -1], None]])
def test_any_tree(tree: Any) -> None:
    data = msgspec.msgpack.encode(tree)
    value_or_wire_error(data)
    decoded(data)  # how the judge reads it again, to look for a mistake in it: raises nothing at all


@FAST
@given(values, st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=4), st.integers(0, 400))
def test_changed_messages(value: Any, changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(encode(value))
    for place, byte in changes:
        data[place % len(data)] = byte
    value_or_wire_error(bytes(data))
    value_or_wire_error(bytes(data[:cut]))


@FAST
@given(values)
def test_values_come_back(value: Any) -> None:
    assert repr(decode(encode(value))) == repr(value)


BOMBS = {
    "empty lists": b"\xdd" + (8 << 20).to_bytes(4, "big") + b"\x90" * (8 << 20),
    "empty strings in a tagged list": b"\xdd" + (8 << 20).to_bytes(4, "big") + b"\xa4list" + b"\xa0" * (8 << 20),
    "keys of one hash": msgspec.msgpack.encode(
        ["set", *(["int", (STEP * k).to_bytes(12, "big")] for k in range(1, 30_000))]
    ),
    "dict keys of one hash": msgspec.msgpack.encode(
        ["dict", *(part for k in range(1, 30_000) for part in (["int", (STEP * k).to_bytes(12, "big")], None))]
    ),
    "a wide empty axis": msgspec.msgpack.encode(["tensor", "float64", [0] + [2**62] * 15, [1] * 16, False, b""]),
    "a number expanded to a trillion": msgspec.msgpack.encode(["tensor", "float64", [2**40], [0], False, b"12345678"]),
    "an array expanded to a trillion": msgspec.msgpack.encode(["array", "d", [2**20, 2**20], [0, 0], b"12345678"]),
    "two hundred thousand tensors": msgspec.msgpack.encode(
        ["list", *(["tensor", "float64", [], [], False, b"12345678"] for _ in range(200_001))]
    ),
    "too deep": b"\x92\xa4list" * 100_000 + b"\xc0",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_at_once_and_in_little_memory(name: str) -> None:
    data = BOMBS[name]
    tracemalloc.start()
    started = time.process_time()
    with pytest.raises(WireError):
        decode(data)
    seconds, (_, peak) = time.process_time() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 10  # traced memory makes everything several times slower; unguarded these take minutes
    assert peak < 150 << 20


def test_honest_large_values_still_cross() -> None:
    """The bounds are far from what an exercise answers: a vocabulary, a dataset's rows, an image."""
    import numpy as np
    import torch

    vocabulary = {f"token {k}": k for k in range(20_000)}
    assert decode(encode(vocabulary)) == vocabulary
    pairs = {(k, k + 1): float(k) for k in range(20_000)}
    assert decode(encode(pairs)) == pairs
    rows = [[float(k), k, str(k)] for k in range(20_000)]
    assert decode(encode(rows)) == rows
    image = np.arange(4_000_000, dtype=np.float32).reshape(2000, 2000)
    assert (decode(encode(image)) == image).all()
    for tensor in (torch.zeros(1).expand(5), torch.arange(10.0)[::5][:1], torch.ones(3, 1)[:, :1], torch.ones(1, 1).T):
        assert torch.equal(decode(encode(tensor)), tensor)


@FAST
@given(st.binary(max_size=40), st.integers(0, 40))
def test_frames(data: bytes, size: int) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(size.to_bytes(4, "big") + b"a" + data)
        theirs.close()
        try:
            frame = frames.receive(ours)
        except frames.FrameError:
            raise AssertionError("this length is allowed") from None
        assert frame == (None if size > len(data) else (b"a", data[:size]))


@given(st.integers(frames.MAX_FRAME + 1, 2**32 - 1))
def test_frames_too_long(size: int) -> None:
    with pytest.raises(frames.FrameError):
        frames.header(size.to_bytes(4, "big") + b"a")


@FAST
@given(st.binary(max_size=500))
@example(f'  File "{frames.FILE_PREFIX}a", line 7 in f\n'.encode())
@example(f'  File "{frames.FILE_PREFIX}a", line 99999999 in f\n'.encode())
@example(f'  File "{frames.FILE_PREFIX}a", line 7 in {"f" * 200}\n'.encode() * 50)
@example((f'  File "{frames.FILE_PREFIX}' + 'a", line 7 in f ' * 5000).encode())
def test_reports_of_the_watchdog(data: bytes) -> None:
    for prefix in (b"", f'  File "{frames.FILE_PREFIX}x.py", line '.encode()):
        lines = parse_dump(prefix + data)
        assert len(lines) <= 30
        assert all(type(line) is int and 0 <= line < 10**6 and len(name) <= 80 for line, name in lines)


class FakeCell:
    """A cell that answers what it is told to, and remembers why it was given up."""

    def __init__(self, answers: list[tuple[bytes, bytes]]) -> None:
        self.answers = answers
        self.gone: CellGone | None = None

    def send(self, kind: bytes, body: bytes, deadline: float) -> None:  # noqa: ARG002
        if self.gone is not None:
            raise self.gone

    def receive(self, deadline: float) -> tuple[bytes, bytes]:  # noqa: ARG002
        if self.gone is not None:
            raise self.gone
        if not self.answers:
            raise self.fail("died", "no more answers")
        return self.answers.pop(0)

    def fail(self, reason: str, message: str, lines: Any = ()) -> CellGone:
        self.gone = CellGone(reason, message, list(lines))
        return self.gone


def channel(*answers: tuple[bytes, bytes]) -> CellChannel:
    made: Any = CellChannel
    return made(FakeCell(list(answers)))  # type: ignore[no-any-return]


calls = st.tuples(st.just("c"), st.one_of(st.integers(-1, 3), scalars), trees, trees).map(list)
answers = st.one_of(
    st.tuples(st.just("a"), trees).map(list),
    st.tuples(st.just("e"), scalars, scalars, scalars, trees).map(list),
    calls,
    trees,
)
sent = st.tuples(
    st.sampled_from([b"a", b"c", b"c", b"r", b"q", b"\0"]),
    st.one_of(
        st.binary(max_size=40), answers.map(lambda a: msgspec.msgpack.encode(["list", *a] if type(a) is list else a))
    ),
)


@FAST
@given(st.lists(sent, max_size=4))
@example([(b"a", msgspec.msgpack.encode(["list", "a", 1]))])
@example([(b"c", msgspec.msgpack.encode(["list", "c", 0, ["list", 2.0], ["dict"]])), (b"a", b"\x93\xa4list\xa1a\xc0")])
def test_channel_gives_a_value_or_one_of_two_errors(answers: list[tuple[bytes, bytes]]) -> None:
    asked = channel(*answers)
    cell: Any = asked.cell
    told: CellGone | None
    try:
        asked.request("f(...)", "call", 0, [lambda x: x * 2], {})
    except LearnerError:
        told = None
    except CellGone as error:
        told = error
    else:
        told = None
    assert cell.gone is told
    assert told is None or told.message
    assert not asked._open


@FAST
@given(answers.filter(lambda answer: type(answer) is list))
def test_loading_gives_nothing_or_one_of_two_errors(answer: list[Any]) -> None:
    asked = channel((b"a", msgspec.msgpack.encode(["list", *answer])))
    with contextlib.suppress(LearnerError, CellGone):
        asked.loaded()


def test_all_answers_together_are_bounded() -> None:
    body = encode(["a", b"x" * (20 << 20)])
    asked = channel(*[(b"a", body)] * 100)

    def ask_on() -> None:
        for _ in range(100):
            asked.request("f(...)", "call", 0, [], {})

    with pytest.raises(CellGone, match="MiB in all") as raised:
        ask_on()
    assert raised.value.reason == "memory"
    assert sum(len(exchange.answer or b"") for exchange in asked.transcript.exchanges) <= MAX_RECEIVED


def test_what_call_backs_answer_is_bounded() -> None:
    """A few bytes from a cell may stand for millions of elements in the reply that is kept."""
    import numpy as np

    small = encode(["c", 0, [np.broadcast_to(np.float64(1.0), (1000, 1000))], {}])
    asked = channel(*[(b"c", small)] * 1000)
    with pytest.raises(CellGone, match="MiB in all"):
        asked.request("f(...)", "call", 0, [lambda x: x + 1.0], {})


def test_a_gone_cell_stays_gone_although_a_call_back_hid_it() -> None:
    """The suite's function asks the learner's code in turn; what it catches there cannot be the end of it."""
    call = msgspec.msgpack.encode(["list", "c", 0, ["list", 1.0], ["dict"]])
    asked = channel((b"c", call), (b"a", b"\xc1"), (b"a", encode(["a", 1.0])))

    def ask_again(x: float) -> float:
        with contextlib.suppress(Exception):
            asked.request("g(...)", "call", 0, [], {})
        return x

    with pytest.raises(CellGone, match="own channel"):
        asked.request("f(...)", "call", 0, [ask_again], {})
