"""The decorators of a reference file: its known mistakes and its other right solutions.

A leaf: imports nothing of ours, so that a reference file is itself a submission and runs in the cell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeVar

T = TypeVar("T", bound=Callable[..., Any])

MARK = "__gradlings_mark__"


@dataclass(frozen=True)
class Mark:
    """What a decorated function or class stands for.

    `kind` is "mistake" or "alternative", `of` the name it replaces (`Class.method` for a method), `name` its own, `hint`
    the number (from 1) of the hint that helps against it.
    """

    kind: str
    message: str
    of: str
    name: str
    hint: int | None = None


def mistake(message: str, *, of: str, hint: int | None = None) -> Callable[[T], T]:
    """Mark a function or class as a known wrong version of `of`; `message` tells the learner what is wrong and why."""
    return _marker("mistake", message, of, hint)


def alternative(message: str, *, of: str) -> Callable[[T], T]:
    """Mark a function or class as another right version of `of`, which the suite must accept."""
    return _marker("alternative", message, of, None)


def _marker(kind: str, message: str, of: str, hint: int | None) -> Callable[[T], T]:
    def mark(target: T) -> T:
        # On the object's own dict: a class that subclasses a marked one must not inherit its mark.
        setattr(target, MARK, Mark(kind, message, of, target.__name__, hint))
        return target

    return mark


def marks(module: ModuleType) -> dict[str, Mark]:
    """The marks of a module by name, in the order of the file."""
    found = {}
    for name, value in vars(module).items():
        mark = getattr(value, "__dict__", {}).get(MARK)
        if isinstance(mark, Mark) and mark.name == name:
            found[name] = mark
    return found
