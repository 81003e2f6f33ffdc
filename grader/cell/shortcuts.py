"""Forbidden shortcuts: calls that would skip the point of an exercise raise, whatever alias they are called by.

Catches honest shortcuts only. A dotted name is replaced by a function that raises; an operator (`aten::name`) is caught
where torch dispatches it, however it was reached: by an alias, `torch._C`, `torch.ops`, a compiled graph or another operator.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any, NoReturn


class ForbiddenCall(Exception):
    """The exercise asks for this to be written by hand."""


def guard(forbidden: dict[str, str]) -> None:
    """Make every name in `forbidden` (name -> why) raise ForbiddenCall. For the rest of the process's life."""
    operators = {name: why for name, why in forbidden.items() if name.startswith("aten::")}
    for name, why in forbidden.items():
        if name not in operators:
            _replace(name, why)
    if operators and "torch" in sys.modules:
        _refuse(operators)


def message(name: str, why: str) -> str:
    """What the learner is told."""
    return f"{name} is not allowed here: {why}"


def _replace(dotted: str, why: str) -> None:
    parts = dotted.split(".")
    owner: Any = sys.modules.get(parts[0])
    for part in parts[1:-1]:
        owner = getattr(owner, part, None)
    if owner is not None and hasattr(owner, parts[-1]):
        setattr(owner, parts[-1], _raiser(dotted, why))


def _raiser(name: str, why: str) -> Callable[..., NoReturn]:
    def refuse(*_args: Any, **_kwargs: Any) -> NoReturn:
        raise ForbiddenCall(message(name, why))

    return refuse


def _refuse(operators: dict[str, str]) -> None:
    """Put kernels that raise in the place of operators, those that torch would take apart before it dispatches included."""
    import torch.library

    make: Any = torch.library.Library  # untyped
    library = make("aten", "IMPL")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns that a kernel is overridden: that is the purpose
        for name, why in operators.items():
            refuse: Any = _raiser(name, why)
            refuse.library = library  # whose end would give the kernels back
            for key in ("CPU", "AutogradCPU"):
                library.impl(name.removeprefix("aten::"), refuse, key)
