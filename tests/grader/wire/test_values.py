"""Values cross as what they were; what is too large, too deep or no value is refused."""

from __future__ import annotations

import random
from collections import Counter, OrderedDict, defaultdict, namedtuple
from enum import IntEnum
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.wire.values import MAX_DEPTH, MAX_INT_BYTES, MAX_NODES, MAX_TEXT, WireError, decode, encode

Point = namedtuple("Point", "x y")


class Colour(IntEnum):
    RED = 3


def crossed(value: object) -> Any:
    return decode(encode(value))


def same(a: Any, b: Any) -> bool:
    """Equal, of one type all the way down; NaN equals NaN and -0.0 differs from 0.0."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return a.hex() == b.hex()
    if isinstance(a, complex):
        return same(a.real, b.real) and same(a.imag, b.imag)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return same(list(a), list(b)) and same(list(a.values()), list(b.values()))
    if isinstance(a, slice):
        return same((a.start, a.stop, a.step), (b.start, b.stop, b.step))
    return bool(a == b)


big_ints = st.integers(-(2 ** (8 * MAX_INT_BYTES - 1)), 2 ** (8 * MAX_INT_BYTES - 1) - 1)
hashable = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.floats(allow_nan=False),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=5,
)
leaves = hashable | big_ints | st.floats() | st.complex_numbers() | st.just(...)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(hashable, inner, max_size=4),
        st.sets(hashable, max_size=4),
        st.builds(slice, inner, inner, inner),
    ),
    max_leaves=12,
)


@given(values)
@settings(max_examples=150, deadline=None)
def test_every_kind_of_value_comes_back_as_it_was(value: object) -> None:
    assert same(crossed(value), value)


@pytest.mark.parametrize("value", [2**63, 2**63 - 1, -(2**63), -(2**63) - 1, 2**64, 0, -1, True, False])
def test_ints_around_the_machine_word(value: int) -> None:
    assert same(crossed(value), value)


@given(st.integers(0, 2**32), st.integers(0, 5))
@settings(max_examples=20, deadline=None)
def test_generator_goes_on_where_it_was(seed: int, drawn: int) -> None:
    generator = random.Random(seed)
    for _ in range(drawn):
        generator.gauss(0, 1)
    copy = crossed(generator)
    assert [copy.random(), copy.gauss(0, 1), copy.gauss(0, 1)] == [
        generator.random(),
        generator.gauss(0, 1),
        generator.gauss(0, 1),
    ]


class MyFloat(float):
    pass


class MyComplex(complex):
    pass


class MyFrozenSet(frozenset[int]):
    pass


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        (Point(1, 2), (1, 2)),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (Counter("aab"), {"a": 2, "b": 1}),
        (defaultdict(list, x=[1]), {"x": [1]}),
        (Colour.RED, 3),
        (bytearray(b"ab"), b"ab"),
        (MyFloat(0.5), 0.5),
        (MyComplex(1, 2), 1 + 2j),
        (MyFrozenSet([1]), frozenset([1])),
    ],
)
def test_subclasses_arrive_as_their_plain_type(given: object, plain: object) -> None:
    assert same(crossed(given), plain)


def test_lone_surrogates_are_made_visible() -> None:
    assert crossed("a\udc80b") == "a\\udc80b"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (2 ** (8 * MAX_INT_BYTES), f"an int of more than {MAX_INT_BYTES} bytes"),
        (10**1_000_000, f"an int of more than {MAX_INT_BYTES} bytes"),
        ("x" * (MAX_TEXT // 4 + 1), "a string of"),
        ([0] * MAX_NODES, f"more than {MAX_NODES} values"),
        (object(), "a object is not a value"),
        (lambda: 0, "a function is not a value"),
        ([1, (n for n in ())], "a generator is not a value"),
    ],
    ids=["int", "million digits", "text", "nodes", "object", "function", "generator"],
)
def test_what_cannot_cross_is_refused(value: object, says: str) -> None:
    with pytest.raises(WireError, match=says):
        encode(value)


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def test_depth_is_bounded_and_the_bound_is_sharp() -> None:
    assert crossed(nested(MAX_DEPTH)) == nested(MAX_DEPTH)
    with pytest.raises(WireError, match="nested more than"):
        encode(nested(MAX_DEPTH + 1))
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(WireError, match="contains itself"):
        encode(endless)


def test_largest_message_still_crosses() -> None:
    largest = [0] * (MAX_NODES - 1)  # the list itself is the last value
    assert crossed(largest) == largest
    assert crossed(2 ** (8 * MAX_INT_BYTES - 1) - 1) == 2 ** (8 * MAX_INT_BYTES - 1) - 1


def test_objects_are_handed_over() -> None:
    thing = object()
    seen: list[object] = []

    def on_object(value: object) -> list[Any]:
        seen.append(value)
        return ["handle", 7]

    message = encode([1, thing], on_object)
    assert seen == [thing]
    assert decode(message, lambda tag, fields: (tag, fields)) == [1, ("handle", [7])]


@pytest.mark.parametrize(
    "tree",
    [
        [],
        {"a": 1},
        [1],
        b"raw",
        ["nothing of that name"],
        ["int", 5],
        ["int", b"", b""],
        ["int", b"\1" * (MAX_INT_BYTES + 1)],
        ["bytes", "text"],
        ["complex", 1.0],
        ["complex", 1, 2],
        ["set", ["list"]],
        ["frozenset", ["list"]],
        ["dict", 1],
        ["dict", ["list"], 1],
        ["slice", 1, 2],
        ["ellipsis", 1],
        ["random"],
        ["random", ["tuple", 3, ["tuple", 1], None]],
        ["tensor", "float32", [2], [1], False, b"123"],
    ],
    ids=repr,
)
def test_malformed_trees_are_refused(tree: object) -> None:
    with pytest.raises(WireError):
        decode(msgspec.msgpack.encode(tree))


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x91" * 100_000, msgspec.msgpack.encode(1) + b"\0"])
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(WireError, match="not a message"):
        decode(data)
