"""Executes requests on a module: the cell runs it on the learner's file, the judge on references and mistakes.

A request is `["q", op, *fields]`; the answer `["a", value]` or `["e", type, base, message, frames]`. What is not a value
stays in a table and is answered as `["handle", id, type name, callable]`; ids count up, so that the same requests on another
module get the same ids. A call-back, `["callback", id]`, becomes a function that asks the judge: `["c", id, args, kwargs]`
is answered by `["r", value]` or `["x", type, message]`.
"""

from __future__ import annotations

import builtins
import itertools
import operator
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType, TracebackType
from typing import Any

from grader.wire.gradients import load, parameters, state, vjp
from grader.wire.values import Node, WireError, decode, encode

MAX_HANDLES = 100_000
MAX_MESSAGE = 2_000
MAX_FRAMES = 30
LIBRARIES = ("torch", "numpy")
OPERATORS = frozenset(
    "add sub mul truediv floordiv mod pow matmul neg pos abs invert lshift rshift and_ or_ xor".split()
)

Ask = Callable[[bytes], bytes]


class CallBack:
    """A function of the suite, as the learner's code sees it."""

    def __init__(self, number: int, interpreter: Interpreter) -> None:
        self.__name__ = self.__qualname__ = "f"
        self._number = number
        self._interpreter = interpreter

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._interpreter.call_back(self._number, list(args), kwargs)


@dataclass(frozen=True)
class _Kept:
    """A result that stays here and is answered as a handle, also where it is a value."""

    value: object


class Interpreter:
    """The objects of one loaded module and the operations the judge may ask of them."""

    def __init__(self, module: ModuleType, ask: Ask) -> None:
        self._objects: dict[int, object] = {0: module}
        self.handed = 0  # how many handles were handed out
        self._ask = ask
        self._file = getattr(module, "__file__", None) or ""

    def run(self, data: bytes) -> bytes:
        """The answer to one request. Whatever the module's code raises becomes a described exception."""
        try:
            request = decode(data, self._on_node)
            value = getattr(self, f"_op_{request[1]}")(*request[2:])
            return encode(["a", value], self._on_object)
        except BaseException as error:
            return encode(["e", *describe(error, self._file)])

    def call_back(self, number: int, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Ask the suite's function number `number`; raises what it raised, as the builtin exception of that name."""
        reply = decode(self._ask(encode(["c", number, args, kwargs], self._on_object)), self._on_node)
        if reply[0] == "r":
            return reply[1]
        kind = getattr(builtins, reply[1], RuntimeError)
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            kind = RuntimeError
        try:
            error = kind(reply[2])
        except TypeError:  # a constructor that wants more, such as UnicodeDecodeError's
            error = RuntimeError(reply[2])
        raise error

    def _on_object(self, value: object) -> Node:
        if isinstance(value, CallBack):
            return ["callback", value._number]
        if isinstance(value, _Kept):
            value = value.value
        self.handed += 1
        if self.handed > MAX_HANDLES:
            raise WireError(f"more than {MAX_HANDLES} objects handed out")
        self._objects[self.handed] = value
        return ["handle", self.handed, type(value).__name__[:80], callable(value)]

    def _on_node(self, tag: str, fields: list[Any]) -> Any:
        if tag == "handle":
            return self._objects[fields[0]]
        if tag == "callback":
            return CallBack(fields[0], self)
        raise WireError(f"unknown tag {tag!r}")

    def _op_get(self, target: Any, name: str) -> Any:
        return getattr(target, name)

    def _op_set(self, target: Any, name: str, value: Any) -> None:
        setattr(target, name, value)

    def _op_call(self, target: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        return target(*args, **kwargs)

    def _op_item(self, target: Any, key: Any) -> Any:
        return target[key]

    def _op_keep(self, op: str, *fields: Any) -> _Kept:
        return _Kept(getattr(self, f"_op_{op}")(*fields))

    def _op_set_item(self, target: Any, key: Any, value: Any) -> None:
        target[key] = value

    def _op_len(self, target: Any) -> int:
        return len(target)

    def _op_list(self, target: Any, limit: int) -> list[Any]:
        return list(itertools.islice(iter(target), limit))

    def _op_operator(self, name: str, operands: list[Any]) -> Any:
        if name not in OPERATORS:
            raise WireError(f"no operator {name}")
        return getattr(operator, name)(*operands)

    def _op_library(self, dotted: str) -> Any:
        root, *names = dotted.split(".")
        if root not in LIBRARIES or root not in sys.modules:
            raise WireError(f"no library {root} here")
        return operator.attrgetter(".".join(names))(sys.modules[root])

    def _op_observe(self, target: Any, args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
        value = target(*args, **kwargs)
        given = [*args, *kwargs.values()]
        return {"value": value, "args": args, "kwargs": kwargs, "shares": [shares_memory(value, arg) for arg in given]}

    def _op_vjp(self, target: Any, args: list[Any], kwargs: dict[str, Any], cotangent: Any, wrt: list[Any]) -> Any:
        return vjp(target, args, kwargs, cotangent, wrt)

    def _op_parameters(self, target: Any) -> dict[str, Any]:
        return parameters(target)

    def _op_state(self, target: Any) -> dict[str, Any]:
        return state(target)

    def _op_load(self, target: Any, values: dict[str, Any]) -> None:
        load(target, values)

    def _op_seed(self, seed: int) -> None:
        seed_everything(seed)


def seed_everything(seed: int) -> None:
    """Reset the global generators of Python and of those of NumPy and torch that are loaded."""
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % 2**32)
    if "torch" in sys.modules:
        # The CPU's generator only: torch.manual_seed also formats a stack for every kind of accelerator there is not.
        sys.modules["torch"].default_generator.manual_seed(seed % 2**63)


def shares_memory(a: Any, b: Any) -> bool:
    """Whether two arrays, or two tensors, lie in the same memory; False for anything else."""
    torch, np = sys.modules.get("torch"), sys.modules.get("numpy")
    if torch is not None and isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return bool(a.numel() and b.numel() and a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr())
    if np is not None and isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return bool(np.may_share_memory(a, b))
    return False


def describe(error: BaseException, file: str) -> list[Any]:
    """An exception as `[type, builtin base, message, [[line, function], ...]]`; frames of `file` only, innermost last."""
    kind = type(error)
    base = next((cls.__name__ for cls in kind.__mro__ if getattr(builtins, cls.__name__, None) is cls), "Exception")
    try:
        message = str(error)[:MAX_MESSAGE]
    except BaseException:
        message = "(its message could not be made into text)"
    return [kind.__name__[:80], base, message, frames(error, file)]


def frames(error: BaseException, file: str) -> list[list[Any]]:
    """The lines of `file` in the traceback of `error`, `[line, function]`, and the line a SyntaxError names."""
    found: list[list[Any]] = []
    step: TracebackType | None = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == file:
            found.append([step.tb_lineno, step.tb_frame.f_code.co_name[:80]])
        step = step.tb_next
    if isinstance(error, SyntaxError) and error.filename == file and isinstance(error.lineno, int):
        found.append([error.lineno, ""])
    return found[-MAX_FRAMES:]
