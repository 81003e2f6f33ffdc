"""What a child gives up besides files and calls: resources, privileges, descriptors. No policy of paths or calls."""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import signal
import struct
from collections.abc import Iterable
from pathlib import Path

from grader.cell.sandbox import kernel as k
from grader.cell.sandbox.kernel import Kernel, address, is_linux
from grader.cell.sandbox.numbers import Machine

MIB = 1 << 20
DESCRIPTORS = 64
# By the module's names, since not every system has every one. NPROC does not hold root; seccomp does.
ZERO = ("FSIZE", "CORE", "NPROC", "MEMLOCK", "MSGQUEUE", "NICE", "RTPRIO")


def limit_resources(seconds: float, memory_mib: int) -> None:
    """CPU seconds (rounded up), address space on top of the present one, descriptors; nothing written, dumped, locked.

    The limits are hard: none can be raised again. Raises OSError, ValueError; ImportError where there are no limits.
    """
    import resource  # here, because Windows has no such module

    limits = {"CPU": math.ceil(seconds), "NOFILE": DESCRIPTORS, **dict.fromkeys(ZERO, 0)}
    if is_linux():  # elsewhere the limit is not held, or cannot be told from the present size
        limits["AS"] = _address_space() + memory_mib * MIB
    for name, wanted in limits.items():
        number = getattr(resource, f"RLIMIT_{name}", None)
        if number is not None:
            _, hard = resource.getrlimit(number)
            limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(number, (limit, limit))


def close_descriptors(keep: Iterable[int]) -> None:
    """Close every descriptor but these."""
    start = 0
    for fd in sorted({*keep}):
        if start < fd:  # closerange(0, 0) would close them all
            os.closerange(start, fd)
        start = fd + 1
    os.closerange(start, max(start, _highest()) + 1)


def drop_capabilities(kernel: Kernel, machine: Machine) -> None:
    """Empty every set of capabilities that can be emptied. Raises OSError."""
    prctl = machine.numbers["prctl"]
    with contextlib.suppress(OSError):  # without CAP_SETPCAP the bounding set stays; nothing can be executed anyway
        for capability in range(64):
            kernel.call(prctl, k.PR_CAPBSET_DROP, capability)
    with contextlib.suppress(OSError):  # before Linux 4.3 there is no ambient set
        kernel.call(prctl, k.PR_CAP_AMBIENT, k.PR_CAP_AMBIENT_CLEAR_ALL)
    header = ctypes.create_string_buffer(struct.pack("=Ii", 0x20080522, 0), 8)
    none = ctypes.create_string_buffer(24)
    kernel.call(machine.numbers["capset"], address(header), address(none))


def refuse_new_privileges(kernel: Kernel, machine: Machine) -> None:
    """No executable may ever give back what was dropped. Landlock and seccomp require it. Raises OSError."""
    kernel.call(machine.numbers["prctl"], k.PR_SET_NO_NEW_PRIVS, 1)


def hide_from_debuggers(kernel: Kernel, machine: Machine) -> None:
    """No core dump, and no other process of the same user may trace this one. Raises OSError."""
    kernel.call(machine.numbers["prctl"], k.PR_SET_DUMPABLE, 0)


def die_with_parent(kernel: Kernel, machine: Machine, parent: int) -> None:
    """Be killed when the thread that forked us ends. Raises OSError, also where it ended already."""
    kernel.call(machine.numbers["prctl"], k.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise ProcessLookupError(f"process {parent}, which prepared the sandbox, is not this child's parent")


def _address_space() -> int:
    pages = Path("/proc/self/statm").read_bytes().split()[0]
    return int(pages) * os.sysconf("SC_PAGESIZE")


def _highest() -> int:
    """A number that no open descriptor lies above; far less than all numbers, where the kernel lacks close_range."""
    try:
        return max(int(entry.name) for entry in os.scandir("/proc/self/fd"))
    except OSError:
        return 1 << 20
