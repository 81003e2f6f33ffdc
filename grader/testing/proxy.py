"""The proxy a suite calls: what is a value comes back by value, what is not as a handle that takes further operations.

A handle refuses whatever would let the learner's object answer for the judge: `==`, ordering, truth, `in`, `float()`.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any, NoReturn

from grader.wire.values import Node, WireError, decode, encode

MAX_CALLBACKS_DEEP = 20


# StopIteration would end a loop of the suite (`map`, `zip`) as if there were nothing more to compare.
_PLAIN = (Exception, StopIteration, StopAsyncIteration)


class LearnerError(Exception):
    """The learner's code raised. Also an instance of the builtin it derives from, so `pytest.raises(ValueError)` works.

    `kind` is the type's name, `text` its message, `frames` the lines of the learner's file, `(line, function)`.
    """

    def __init__(self, kind: str, text: str, frames: list[tuple[int, str]]) -> None:
        super().__init__(f"{kind}: {text}" if text else kind)
        self.kind = kind
        self.text = text
        self.frames = frames

    def __str__(self) -> str:  # KeyError would quote it
        return f"{self.kind}: {self.text}" if self.text else self.kind


def learner_error(kind: str, base: str, text: str, frames: list[tuple[int, str]]) -> LearnerError:
    """A LearnerError that is also a `base`, where that names a builtin Exception with a plain constructor."""
    builtin = getattr(builtins, base, None)
    if isinstance(builtin, type) and issubclass(builtin, Exception) and builtin not in _PLAIN:
        try:
            cls = type("LearnerError", (LearnerError, builtin), {"__module__": __name__})
            return cls(kind, text, frames)  # type: ignore[no-any-return]
        except TypeError:  # a builtin whose layout or constructor does not mix, such as UnicodeDecodeError
            pass
    return LearnerError(kind, text, frames)


class Channel:
    """A way to an interpreter. Subclasses carry bytes; this class turns operations into messages and answers into values."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.callbacks: list[Callable[..., Any]] = []
        # Functions and classes of the module, once asked for: half of all round trips would fetch them again.
        self.known: dict[str, Handle] = {}
        self._raised_here: BaseException | None = None
        self._depth = 0

    def exchange(self, request: bytes) -> bytes:
        """Send a request and return its answer, answering the call-backs that come between with `answer`."""
        raise NotImplementedError

    @property
    def root(self) -> Handle:
        """The module itself."""
        return Handle(self, 0, self.label, "module", False)

    def request(self, label: str, op: str, *fields: Any) -> Any:
        """Ask for one operation. Raises LearnerError where the other side raised."""
        outer, self._raised_here = self._raised_here, None
        try:
            answer = decode(self.exchange(encode(["q", op, *fields], self._on_object)), self._node_for(label))
            raised = self._raised_here
        finally:
            self._raised_here = outer
        if isinstance(raised, AssertionError):
            # A call-back's own verdict stands, whatever the learner's code did with the exception.
            raise raised
        return self._unwrap(answer)

    def answer(self, message: bytes) -> bytes:
        """Run the call-back a message asks for; the reply."""
        call = decode(message, self._node_for("argument"))
        match call:
            case ["c", int() as number, list() as args, dict() as kwargs] if 0 <= number < len(self.callbacks) and all(
                isinstance(key, str) for key in kwargs
            ):
                pass
            case _:
                raise WireError("not a call-back")
        if self._depth >= MAX_CALLBACKS_DEEP:
            raise WireError(f"call-backs nested more than {MAX_CALLBACKS_DEEP} deep")
        self._depth += 1
        try:
            return encode(["r", self.callbacks[number](*args, **kwargs)], self._on_object)
        except Exception as error:
            if not isinstance(self._raised_here, AssertionError):  # a later error must not hide a verdict
                self._raised_here = error
            return encode(["x", type(error).__name__, str(error)[:500]])
        finally:
            self._depth -= 1

    def _unwrap(self, answer: Any) -> Any:
        match answer:
            case ["a", value]:
                return value
            case ["e", str() as kind, str() as base, str() as text, list() as frames]:
                raise learner_error(kind[:80], base[:80], text[:2000], _clean_frames(frames))
            case _:
                raise WireError("neither an answer nor an exception")

    def _on_object(self, value: object) -> Node:
        if isinstance(value, Handle):
            if value._channel is not self:
                raise TypeError(f"an object of the {value._channel.label} was given to the {self.label}")
            return ["handle", value._id]
        if callable(value):
            self.callbacks.append(value)
            return ["callback", len(self.callbacks) - 1]
        raise TypeError(f"a {type(value).__name__} cannot be handed to the {self.label}")

    def _node_for(self, label: str) -> Callable[[str, list[Any]], Any]:
        def on_node(tag: str, fields: list[Any]) -> Any:
            match tag, fields:
                case "handle", [int() as number, str() as kind, bool() as is_callable] if 0 <= number < 2**40:
                    return Handle(self, number, label, kind[:80], is_callable)
                case "callback", [int() as number] if 0 <= number < len(self.callbacks):
                    return self.callbacks[number]
            raise WireError(f"unknown tag {tag[:20]!r}")

        return on_node


def _clean_frames(frames: list[Any]) -> list[tuple[int, str]]:
    good = []
    for frame in frames[-30:]:
        match frame:
            case [int() as line, str() as function] if 0 < line < 10**6:
                good.append((line, function[:80]))
    return good


class Handle:
    """An object on the other side, known here by number. See the module's docstring for what it refuses."""

    __slots__ = ("_callable", "_channel", "_id", "_kind", "_label")

    _channel: Channel
    _id: int
    _label: str
    _kind: str
    _callable: bool

    def __init__(self, channel: Channel, number: int, label: str, kind: str, is_callable: bool) -> None:
        for name, value in zip(
            ("_channel", "_id", "_label", "_kind", "_callable"),
            (channel, number, label, kind, is_callable),
            strict=True,
        ):
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return f"<{self._kind} object from {self._label}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self._id:
            return self._channel.request(f"{self._label}.{name}", "get", self, name)
        known = self._channel.known.get(name)
        if known is not None:
            return known
        value = self._channel.request(name, "get", self, name)
        if isinstance(value, Handle) and value._callable:
            self._channel.known[name] = value
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        self._channel.known.pop(name, None)
        self._channel.request(self._label, "set", self, name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._channel.request(f"{self._label}(...)", "call", self, list(args), kwargs)

    def __getitem__(self, key: Any) -> Any:
        return self._channel.request(f"{self._label}[...]", "item", self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._channel.request(self._label, "set_item", self, key, value)

    def __len__(self) -> int:
        size = self._channel.request(self._label, "len", self)
        if type(size) is not int or not 0 <= size < 2**31:
            raise WireError("a length that is no int")
        return size

    def __iter__(self) -> NoReturn:
        raise TypeError(f"{self!r} does not iterate here: fetch_list(it, limit) brings its items over")

    def _operate(self, name: str, *operands: Any) -> Any:
        return self._channel.request(f"{self._label} {name}", "operator", name, list(operands))

    def _refuse(self, *_: Any) -> NoReturn:
        raise TypeError(f"{self!r} cannot answer for itself: fetch a value and compare that")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __bool__ = __contains__ = __float__ = __int__ = __complex__ = __index__ = _refuse
    __hash__ = object.__hash__


def _binary(name: str, reflected: bool) -> Callable[[Handle, Any], Any]:
    def operate(self: Handle, other: Any) -> Any:
        return self._operate(name, other, self) if reflected else self._operate(name, self, other)

    return operate


def _unary(name: str) -> Callable[[Handle], Any]:
    def operate(self: Handle) -> Any:
        return self._operate(name, self)

    return operate


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"):
    setattr(Handle, f"__{_name}__", _binary(_name, reflected=False))
    setattr(Handle, f"__r{_name}__", _binary(_name, reflected=True))
for _name in ("neg", "pos", "abs", "invert"):
    setattr(Handle, f"__{_name}__", _unary(_name))
