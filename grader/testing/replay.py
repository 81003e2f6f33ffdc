"""The program behind `gradlings debug`: asks recorded requests of the learner's file in this terminal, under pdb.

`python -m grader.testing.replay RECORDING`. Calls of earlier checks are made silently, since later ones use their objects.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import pdb
import sys
from pathlib import Path
from typing import Any

import msgspec

from grader.testing.local import module_from_file
from grader.text import clean
from grader.wire.interpreter import Interpreter
from grader.wire.modules import install
from grader.wire.values import decode

# Not shown: what the suite asks on the way to the calls.
QUIET = ("seed", "get")


class Debugger(pdb.Pdb):
    """pdb that steps over everything but the learner's own module."""

    def __init__(self) -> None:
        super().__init__(skip=["*"], nosigint=True)

    def is_skipped_module(self, module_name: str | None) -> bool:
        return module_name != "solution"


class Recorded:
    """Answers call-backs with what the suite's own functions answered, in their order."""

    def __init__(self) -> None:
        self._replies: list[bytes] = []

    def load(self, exchanges: list[list[bytes]]) -> None:
        """The call-backs of the request that comes next."""
        self._replies = [reply for _, reply in exchanges]

    def answer(self, _message: bytes) -> bytes:
        """The next recorded reply."""
        if not self._replies:
            raise RuntimeError("your code calls the function more often than when this was recorded")
        return self._replies.pop(0)


def replay(order: dict[str, Any]) -> int:
    """Replay a recording; 0, or 1 where the learner quit the debugger."""
    for name in order["warm"]:
        importlib.import_module(name)
    print(f"{clean(order['title'])} ({order['check']})")
    print(f"{clean(order['message'])}\n")
    recorded = Recorded()
    path = Path(order["file"])
    install(order["uses"], str(path.parents[1]) + "/")
    interpreter = Interpreter(module_from_file(path), recorded.answer)
    names: dict[str, str] = {}
    for check, request, callbacks in order["calls"]:
        recorded.load(callbacks)
        _, op, *fields = _decoded(request)
        if check != order["check"] or op in QUIET:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                answer = _decoded(interpreter.run(request))
            if op == "get":
                names[str(answer[1])] = fields[1]
            continue
        print(f"-> {describe_request(op, fields, names)}")
        answer = _decoded(Debugger().runcall(interpreter.run, request) or b"")
        if answer[:1] == ["e"]:
            if answer[1] == "BdbQuit":
                return 1
            print(f"<- raised {clean(str(answer[1]))}: {clean(str(answer[3]))}")
        else:
            print(f"<- {describe(answer[1])}")
    return 0


def describe_request(op: str, fields: list[Any], names: dict[str, str]) -> str:
    """A recorded request in a line: `sdpa(float32 (2, 5, 4), ...)`, or the operation and what it is done to."""
    if op in ("call", "observe", "vjp"):
        target, args, kwargs = fields[:3]
        given = [describe(arg) for arg in args] + [f"{name}={describe(arg)}" for name, arg in kwargs.items()]
        return f"{clean(names.get(str(target), str(target)))}({', '.join(given)})"
    return f"{op} {', '.join(describe(field) for field in fields)}"


def describe(value: Any) -> str:
    """A value in a few words."""
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        head = f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
        return head if len(value.reshape(-1)) > 8 else f"{head} {value.tolist()}"
    if isinstance(value, list | tuple):
        return "(" + ", ".join(describe(item) for item in value[:8]) + (", ...)" if len(value) > 8 else ")")
    text = clean(repr(value))
    return text if len(text) <= 80 else text[:77] + "..."


def _decoded(message: bytes) -> Any:
    return decode(message, lambda tag, fields: _Mark(f"<{tag} {fields[0] if fields else ''}>"))


class _Mark(str):
    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


if __name__ == "__main__":
    sys.exit(replay(msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes())))
