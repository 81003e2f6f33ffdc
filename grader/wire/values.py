"""Values to msgpack and back, each tagged so that a tuple stays a tuple. Never pickle.

None, bool, float, str and 64-bit ints cross as themselves; everything else as a list that begins with a tag. What is
not a value (a function, a generator, an object of a learner's class) is handed to `on_object`, which answers with an
opaque node or refuses. The decoder trusts nothing: sizes, shapes, depth and counts are bounded and checked.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from grader.wire import arrays
from grader.wire.scan import check_items

MAX_NODES = 200_000
MAX_DEPTH = 60
MAX_TEXT = 4 << 20
MAX_INT_BYTES = 512
# What msgpack calls an item: a node is a list of some, a tensor of about ten.
MAX_ITEMS = 4 * MAX_NODES
# Keys that share a hash cost time by the square of their number. Honest ones hardly ever do.
MAX_SAME_HASH = 32

Node = Any
OnObject = Callable[[object], Node]
OnNode = Callable[[str, list[Any]], Any]


class WireError(ValueError):
    """What came, or was to be sent, is not a value this wire carries."""


@dataclass
class _Budget:
    nodes: int = MAX_NODES

    def spend(self, depth: int) -> None:
        self.nodes -= 1
        if self.nodes < 0:
            raise WireError(f"more than {MAX_NODES} values in one message")
        if depth > MAX_DEPTH:
            raise WireError(f"values nested more than {MAX_DEPTH} deep, or a list that contains itself")


def _refuse_object(value: object) -> Node:
    raise WireError(f"a {type(value).__name__} is not a value that can cross")


def _refuse_node(tag: str, _fields: list[Any]) -> Any:
    raise WireError(f"unknown tag {tag!r}")


def encode(value: object, on_object: OnObject = _refuse_object) -> bytes:
    """`value` as msgpack. Raises WireError where it is too large, too deep or cannot cross."""
    return msgspec.msgpack.encode(_encode(value, on_object, _Budget(), 0))


def decode(data: bytes, on_node: OnNode = _refuse_node) -> Any:
    """The value in `data`. `on_node` resolves tags this module does not know. Raises WireError on anything else."""
    try:
        check_items(data, MAX_ITEMS)
        tree = msgspec.msgpack.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, ValueError) as error:
        raise WireError(f"not a message: {error}") from None
    return _decode(tree, on_node, _Budget(), 0)


def _encode(value: object, on_object: OnObject, budget: _Budget, depth: int) -> Node:
    budget.spend(depth)
    kind = type(value)
    if value is None or kind is bool or kind is float:
        return value
    encoder = _ENCODERS.get(kind)
    if encoder is not None:
        return encoder(value, on_object, budget, depth)
    node = arrays.encode(value)
    if node is not None:
        return node
    if isinstance(value, random.Random):
        return ["random", _encode(value.getstate(), on_object, budget, depth + 1)]
    for base in _SUBCLASSES:  # a subclass crosses as its plain type, read by that type's own methods
        if isinstance(value, base):
            return _ENCODERS[base](base(value), on_object, budget, depth)
    return on_object(value)


def _encode_int(value: Any, *_: Any) -> Node:
    if -(2**63) <= value < 2**63:
        return value
    size = (~value if value < 0 else value).bit_length() // 8 + 1
    if size > MAX_INT_BYTES:
        raise WireError(f"an int of more than {MAX_INT_BYTES} bytes")
    return ["int", value.to_bytes(size, "big", signed=True)]


def _encode_str(value: Any, *_: Any) -> Node:
    if len(value) > MAX_TEXT // 4:
        raise WireError(f"a string of {len(value)} characters")
    return value.encode("utf-8", "backslashreplace").decode()


def _encode_bytes(value: Any, *_: Any) -> Node:
    return ["bytes", bytes(value)]


def _encode_complex(value: Any, *_: Any) -> Node:
    return ["complex", value.real, value.imag]


def _sequence(tag: str) -> Callable[[Any, OnObject, _Budget, int], Node]:
    def encoder(value: Any, on_object: OnObject, budget: _Budget, depth: int) -> Node:
        return [tag, *(_encode(item, on_object, budget, depth + 1) for item in value)]

    return encoder


def _encode_dict(value: Any, on_object: OnObject, budget: _Budget, depth: int) -> Node:
    return ["dict", *(_encode(part, on_object, budget, depth + 1) for pair in value.items() for part in pair)]


def _encode_slice(value: Any, on_object: OnObject, budget: _Budget, depth: int) -> Node:
    parts = (value.start, value.stop, value.step)
    return ["slice", *(_encode(part, on_object, budget, depth + 1) for part in parts)]


_ENCODERS: dict[type, Callable[[Any, OnObject, _Budget, int], Node]] = {
    int: _encode_int,
    float: lambda value, *_: value,
    str: _encode_str,
    bytes: _encode_bytes,
    bytearray: _encode_bytes,
    complex: _encode_complex,
    list: _sequence("list"),
    tuple: _sequence("tuple"),
    set: _sequence("set"),
    frozenset: _sequence("frozenset"),
    dict: _encode_dict,
    slice: _encode_slice,
    type(Ellipsis): lambda *_: ["ellipsis"],
}
_SUBCLASSES: tuple[type, ...] = (int, float, complex, str, bytes, bytearray, tuple, list, set, frozenset, dict)


def _decode(node: Node, on_node: OnNode, budget: _Budget, depth: int) -> Any:
    budget.spend(depth)
    if node is None or isinstance(node, bool | float | int):
        return node
    if isinstance(node, str):
        if len(node) > MAX_TEXT:
            raise WireError("a string too long")
        return node
    if not isinstance(node, list) or not node or not isinstance(node[0], str):
        raise WireError("a node without a tag")
    tag, fields = node[0], node[1:]
    decoder = _DECODERS.get(tag)
    if decoder is not None:
        return decoder(fields, on_node, budget, depth)
    if tag in arrays.TAGS:
        try:
            return arrays.decode(tag, fields)
        except (ValueError, TypeError, OverflowError, KeyError, RuntimeError, IndexError) as error:
            raise WireError(f"a malformed {tag}: {error}") from None
    return on_node(tag, fields)


def _parts(fields: list[Any], on_node: OnNode, budget: _Budget, depth: int) -> list[Any]:
    return [_decode(field, on_node, budget, depth + 1) for field in fields]


def _decode_int(fields: list[Any], *_: Any) -> int:
    if len(fields) != 1 or not isinstance(fields[0], bytes) or len(fields[0]) > MAX_INT_BYTES:
        raise WireError("a malformed int")
    return int.from_bytes(fields[0], "big", signed=True)


def _decode_bytes(fields: list[Any], *_: Any) -> bytes:
    if len(fields) != 1 or not isinstance(fields[0], bytes):
        raise WireError("malformed bytes")
    return fields[0]


def _decode_complex(fields: list[Any], *_: Any) -> complex:
    if len(fields) != 2 or not all(isinstance(part, float) for part in fields):
        raise WireError("a malformed complex")
    return complex(fields[0], fields[1])


def _decode_set(fields: list[Any], on_node: OnNode, budget: _Budget, depth: int) -> set[Any]:
    parts = _parts(fields, on_node, budget, depth)
    try:
        _spread(parts)
        return set(parts)
    except TypeError:
        raise WireError("a set of what cannot be hashed") from None


def _decode_frozenset(*given: Any) -> frozenset[Any]:
    return frozenset(_decode_set(*given))


def _decode_dict(fields: list[Any], on_node: OnNode, budget: _Budget, depth: int) -> dict[Any, Any]:
    if len(fields) % 2:
        raise WireError("a dict with a key that has no value")
    parts = _parts(fields, on_node, budget, depth)
    try:
        _spread(parts[::2])
        return dict(zip(parts[::2], parts[1::2], strict=True))
    except TypeError:
        raise WireError("a dict whose key cannot be hashed") from None


def _spread(keys: list[Any]) -> None:
    """Refuse keys chosen to collide. Raises TypeError where one cannot be hashed."""
    if len(keys) > MAX_SAME_HASH and max(Counter(map(hash, keys)).values()) > MAX_SAME_HASH:
        raise WireError(f"more than {MAX_SAME_HASH} keys with one hash")


def _decode_slice(fields: list[Any], on_node: OnNode, budget: _Budget, depth: int) -> slice:
    if len(fields) != 3:
        raise WireError("a malformed slice")
    return slice(*_parts(fields, on_node, budget, depth))


def _decode_ellipsis(fields: list[Any], *_: Any) -> Any:
    if fields:
        raise WireError("a malformed ellipsis")
    return ...


def _decode_random(fields: list[Any], on_node: OnNode, budget: _Budget, depth: int) -> random.Random:
    if len(fields) != 1:
        raise WireError("a malformed generator state")
    generator = random.Random()
    try:
        generator.setstate(_decode(fields[0], on_node, budget, depth + 1))
    except (TypeError, ValueError, OverflowError, KeyError, IndexError, AttributeError):
        raise WireError("a malformed generator state") from None
    return generator


_DECODERS: dict[str, Callable[[list[Any], OnNode, _Budget, int], Any]] = {
    "int": _decode_int,
    "bytes": _decode_bytes,
    "complex": _decode_complex,
    "list": _parts,
    "tuple": lambda *given: tuple(_parts(*given)),
    "set": _decode_set,
    "frozenset": _decode_frozenset,
    "dict": _decode_dict,
    "slice": _decode_slice,
    "ellipsis": _decode_ellipsis,
    "random": _decode_random,
}
