"""`Sandbox`: prepared once in the cell's parent, applied in every forked child."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from types import MappingProxyType

from grader.cell.sandbox import landlock, process, readable, seccomp
from grader.cell.sandbox.kernel import Kernel, is_linux
from grader.cell.sandbox.numbers import Machine, machine
from grader.errors import EngineError

PRACTICE = "practice"


class SandboxError(EngineError):
    """A protection that held when the sandbox was prepared cannot be put in force now."""


@dataclass(frozen=True)
class Order:
    """What one child is given: CPU seconds, MiB of address space above the parent's, descriptors that stay open."""

    seconds: float
    memory_mib: int
    keep_fds: tuple[int, ...]


Step = Callable[[Order], None]


class Sandbox:
    """What this system can hold, proved by a trial child.

    `protections`: the names in force in every child: `landlock-N` (N the ABI in use), `seccomp`, `rlimits`,
    `capabilities`, `no-new-privs`, `not-dumpable`, `dies-with-parent`, `descriptors`; or `practice` alone.
    `missing`: a sentence for each thing this system cannot hold. `hidden`: the roots of the courses.
    """

    def __init__(
        self,
        steps: Mapping[str, Step],
        missing: tuple[str, ...] = (),
        hidden: tuple[Path, ...] = (),
        ages: Mapping[Path, int] = MappingProxyType({}),
    ) -> None:
        self.protections = tuple(steps) if is_linux() else (PRACTICE,)
        self.missing = missing
        self.hidden = hidden
        self._steps = steps
        self._ages = ages

    @classmethod
    def prepare(cls, hidden: Iterable[Path] = ()) -> Sandbox:
        """Find out what can be held, and choose the files that may be read.

        For a process of one thread, after its imports; on Linux it forks a trial child. `hidden`: roots of courses;
        nothing of theirs may be read, wherever they lie. This package is always hidden.
        """
        roots = tuple(hidden)
        if not is_linux():
            return cls({"rlimits": _limit_where_possible}, ("only Linux can hold a cell",), roots)
        found = readable.find(roots, sys.path)
        ages = {root: _age(root) for root in found.roots}
        _fill_import_caches()
        importlib.import_module("resource")  # now, not in each child
        kernel = Kernel()
        steps, missing = _linux_steps(kernel, machine(kernel.machine), found)
        held = _try(steps)
        refused = tuple(f"this system refuses {name}" for name in steps if name not in held)
        return cls({name: steps[name] for name in steps if name in held}, missing + refused, roots, ages)

    def apply(self, *, keep_fds: Iterable[int], seconds: float, memory_mib: int) -> None:
        """In a forked child of one thread: give everything up, for good.

        `seconds`: CPU time of the whole child, rounded up, then SIGKILL. `memory_mib`: address space on top of the
        parent's. `keep_fds`: the only descriptors that stay open. The working folder becomes `/`. Raises SandboxError
        where what `protections` names cannot be put in force: the child must then end without running anything.
        """
        order = Order(seconds, memory_mib, tuple(keep_fds))
        os.chdir("/")
        for name, step in self._steps.items():
            try:
                step(order)
            except (OSError, ValueError) as error:
                problem = f"the cell's protection `{name}` could not be put in force: {error}"
                raise SandboxError(problem, "`gradlings doctor` says what this system can hold.") from error

    def is_current(self) -> bool:
        """False where a folder of packages changed since `prepare`: lazy imports may fail, so prepare again."""
        return all(_age(root) == age for root, age in self._ages.items())


def _linux_steps(
    kernel: Kernel, table: Machine | None, found: readable.Readable
) -> tuple[dict[str, Step], tuple[str, ...]]:
    """The steps in the order they must be taken, and what cannot be tried at all."""
    missing: list[str] = []
    parent = os.getpid()
    ruleset: int | None = None
    version = landlock.abi(kernel)
    if version:
        ruleset = landlock.create(kernel, version, found.paths)
        missing += landlock.gaps(version)
    else:
        missing.append("this kernel has no Landlock, or it is switched off: files can be read")

    def close(order: Order) -> None:
        process.close_descriptors([*order.keep_fds, *([] if ruleset is None else [ruleset])])

    steps: dict[str, Step] = {
        "descriptors": close,
        "rlimits": lambda order: process.limit_resources(order.seconds, order.memory_mib),
    }
    if table is not None:
        steps["capabilities"] = lambda _: process.drop_capabilities(kernel, table)
        steps["dies-with-parent"] = lambda _: process.die_with_parent(kernel, table, parent)
        steps["not-dumpable"] = lambda _: process.hide_from_debuggers(kernel, table)
        steps["no-new-privs"] = lambda _: process.refuse_new_privileges(kernel, table)
    else:
        missing.append(f"the system calls of {kernel.machine} are not known here: no seccomp, privileges are kept")
    if ruleset is not None and table is not None:
        steps[f"landlock-{version}"] = lambda _: landlock.restrict(kernel, version, ruleset)
    if table is not None and seccomp.is_available(kernel, table):
        assembled = seccomp.assemble(table)
        steps["seccomp"] = lambda _: seccomp.install(kernel, table, assembled)
    elif table is not None:
        missing.append("this kernel has no seccomp filters: processes and sockets can be made")
    return steps, tuple(missing)


def _try(steps: Mapping[str, Step]) -> frozenset[str]:
    """Take the steps in a trial child, and see that files and signals are refused where they should be.

    A child that dies on the way has still told what it held until then.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            order = Order(seconds=5.0, memory_mib=64, keep_fds=(writing,))
            for name, step in steps.items():
                with contextlib.suppress(OSError, ValueError):
                    step(order)
                    if _is_proved(name):
                        os.write(writing, f"{name}\n".encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        names = told.read().decode().split()
    os.waitpid(child, 0)
    return frozenset(names)


def _is_proved(name: str) -> bool:
    """Some systems accept a filter and do not hold it: what is cheap to see is seen here, the rest by probes."""
    try:
        if name.startswith("landlock"):
            os.close(os.open("/", os.O_RDONLY))
            return False
        if name == "seccomp":
            os.kill(os.getpid(), 0)
            return False
    except PermissionError:
        pass
    return True


def _limit_where_possible(order: Order) -> None:
    with contextlib.suppress(ImportError, OSError, ValueError):
        process.limit_resources(order.seconds, order.memory_mib)


def _fill_import_caches() -> None:
    """Let each finder on the path list its folder now: in the child the folder itself cannot be listed."""
    for entry in sys.path:
        PathFinder.find_spec("gradlings_absent", [entry])


def _age(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0
