"""What an attempt is and what it aims at, and system calls by name for those that need them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from grader.cell.sandbox.kernel import Kernel
from grader.cell.sandbox.numbers import machine


@dataclass(frozen=True)
class Scene:
    """What attempts aim at.

    `folder` is ours and holds the files `victim` and `doomed`; `bystander` is a process of ours that waits;
    `courses` are roots of courses; `pipe` is a descriptor that is open in the child.
    """

    folder: Path
    bystander: int
    courses: tuple[Path, ...]
    memory_mib: int
    pipe: int


@dataclass(frozen=True)
class Attempt:
    """A name in words, the protection that must refuse it, and the deed.

    `run` returns what it got, or raises what the system answered: PermissionError also where it saw itself that the
    protection is in force.
    """

    name: str
    protection: str
    run: Callable[[Scene], str]


def caller() -> Callable[..., int]:
    """System calls by name on this machine."""
    kernel = Kernel()
    table = machine(kernel.machine)

    def call(name: str, *arguments: int) -> int:
        if table is None or name not in table.numbers:
            raise NotImplementedError(f"the number of {name} is not known on {kernel.machine}")
        return kernel.call(table.numbers[name], *arguments)

    return call
