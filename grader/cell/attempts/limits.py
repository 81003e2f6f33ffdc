"""Taking more than allowed, and keeping or regaining privileges."""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import struct
import time
from collections.abc import Callable, Iterator

from grader.cell.attempts.scene import Attempt, Scene, caller
from grader.cell.sandbox.kernel import (
    PR_GET_DUMPABLE,
    PR_GET_NO_NEW_PRIVS,
    PR_SET_DUMPABLE,
    PR_SET_PDEATHSIG,
    address,
)

PR_GET_PDEATHSIG = 2
MIB = 1 << 20


def limits() -> Iterator[Attempt]:
    """Using up memory, descriptors and processor time."""

    def allocate(scene: Scene) -> str:
        size = (scene.memory_mib + 16) * MIB
        mmap.mmap(-1, size).close()
        return f"mapped {size // MIB} MiB"

    def descriptors(scene: Scene) -> str:
        made = [os.dup(scene.pipe) for _ in range(200)]
        return f"opened {len(made)} descriptors"

    def burn(_: Scene) -> str:
        while time.process_time() < 2.5:
            pass
        return "computed for more than its second"

    def raise_limit(_: Scene) -> str:
        core, limit = 4, ctypes.create_string_buffer(16)  # RLIMIT_CORE: none, and none again
        return f"set a limit: {caller()('prlimit64', 0, core, address(limit), 0)}"

    yield Attempt("take more memory than allowed", "rlimits", allocate)
    yield Attempt("use up descriptors", "rlimits", descriptors)
    yield Attempt("compute longer than allowed", "rlimits", burn)
    yield Attempt("change its limits", "seccomp", raise_limit)


def privileges() -> Iterator[Attempt]:
    """Keeping or regaining what was dropped; asks the kernel what it holds of this process."""
    call = caller()

    def capabilities(_: Scene) -> str:
        header = ctypes.create_string_buffer(struct.pack("=Ii", 0x20080522, 0), 8)
        sets = ctypes.create_string_buffer(24)
        call("capget", address(header), address(sets))
        if not any(sets.raw):
            raise PermissionError("it has no capability")
        return f"it has capabilities: {sets.raw.hex()}"

    def state(option: int, good: int, means: str) -> Callable[[Scene], str]:
        def attempt(_: Scene) -> str:
            if option == PR_GET_PDEATHSIG:
                told = ctypes.create_string_buffer(4)
                call("prctl", option, address(told))
                value = int.from_bytes(told.raw, "little")
            else:
                value = call("prctl", option)
            if value == good:
                raise PermissionError(means)
            return f"the kernel says {value}, not {good}"

        return attempt

    def inherited(scene: Scene) -> str:
        extra = [fd for fd in range(3, 64) if fd != scene.pipe and _is_open(fd)]
        if not extra:
            raise PermissionError("no descriptor but its own is open")
        return f"inherited descriptors {extra}"

    yield Attempt("hold a capability", "capabilities", capabilities)
    yield Attempt("gain privileges by a program", "no-new-privs", state(PR_GET_NO_NEW_PRIVS, 1, "it cannot"))
    yield Attempt("be traced or dumped", "not-dumpable", state(PR_GET_DUMPABLE, 0, "it is not dumpable"))
    yield Attempt("become dumpable again", "seccomp", lambda _: f"{call('prctl', PR_SET_DUMPABLE, 1)}")
    yield Attempt(
        "outlive its parent",
        "dies-with-parent",
        state(PR_GET_PDEATHSIG, signal.SIGKILL, "it is killed with its parent"),
    )
    yield Attempt("be allowed to outlive it", "seccomp", lambda _: f"{call('prctl', PR_SET_PDEATHSIG, 0)}")
    yield Attempt("use an inherited descriptor", "descriptors", inherited)


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
