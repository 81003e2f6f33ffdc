"""The allow-list of system calls, as a program for the kernel's filter. What is not listed is refused with EPERM.

The list is what CPython, glibc, NumPy and torch need to compute in one thread with files already opened or
readable. The filter repeats what Landlock holds (no file is opened for writing), so that an old Landlock leaves no
gap. `sendmsg` is absent on purpose: the wire needs no descriptors passed, and those in flight count against the user.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from grader.cell.sandbox.kernel import Kernel, address
from grader.cell.sandbox.numbers import Machine

PLAIN = """
    read readv pread64 write writev close lseek dup dup2 dup3 select pselect6 poll ppoll
    fstat stat lstat newfstatat statx access faccessat faccessat2 readlink readlinkat getdents64 getcwd umask
    mmap munmap mremap mprotect madvise brk futex
    sched_yield nanosleep clock_nanosleep clock_gettime clock_getres gettimeofday time times
    getrusage getrlimit getcpu sched_getaffinity sysinfo uname getrandom capget
    getpid gettid getppid getuid geteuid getgid getegid
    rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigsuspend sigaltstack pause
    alarm getitimer setitimer restart_syscall exit exit_group
    sendto recvfrom getsockname getsockopt
"""

# glibc asks for these first and falls back on ENOSYS to a call that is filtered by its arguments.
ABSENT = ("clone3", "openat2")

# Opening may neither write, create nor truncate; O_TRUNC cuts a file off even where it is opened for reading.
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | 0o20000000  # the last is __O_TMPFILE
# DUPFD, GETFD, SETFD, GETFL, SETFL, DUPFD_CLOEXEC: no owner, lease, lock or size of a pipe.
FCNTL = (0, 1, 2, 3, 4, 1030)
# TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX.
IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
# GET_PDEATHSIG, GET_DUMPABLE, SET_NAME, GET_NAME, GET_NO_NEW_PRIVS: nothing is undone.
PRCTL = (2, 3, 15, 16, 39)
# Stands for the child's own id in a program assembled before the child exists; no system has so many processes.
SELF = 0x5E1F5E1F

_SECCOMP_SET_MODE_FILTER = 1
_SECCOMP_GET_ACTION_AVAIL = 2
_ALLOW, _ERRNO, _KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _JUMP_EQUAL, _JUMP_GE, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, constant
_REFUSE: Instruction = (_RETURN, 0, 0, _ERRNO | errno.EPERM)


@dataclass(frozen=True)
class OneOf:
    """The low half of argument `index` is one of `values`. The kernel itself reads no more of an int."""

    index: int
    values: tuple[int, ...]

    def program(self) -> Iterator[Instruction]:
        """Falls through where the test holds; refuses where not."""
        yield _load(self.index)
        for place, value in enumerate(self.values):
            yield (_JUMP_EQUAL, len(self.values) - place, 0, value)
        yield _REFUSE


@dataclass(frozen=True)
class NoneOf:
    """The low half of argument `index` is none of `values`."""

    index: int
    values: tuple[int, ...]

    def program(self) -> Iterator[Instruction]:
        """Falls through where the test holds; refuses where not."""
        yield _load(self.index)
        for value in self.values:
            yield (_JUMP_EQUAL, 0, 1, value)
            yield _REFUSE


@dataclass(frozen=True)
class NoBits:
    """The low half of argument `index` has no bit of `mask`."""

    index: int
    mask: int

    def program(self) -> Iterator[Instruction]:
        """Falls through where the test holds; refuses where not."""
        yield _load(self.index)
        yield (_JUMP_ANY_BIT, 0, 1, self.mask)
        yield _REFUSE


@dataclass(frozen=True)
class Null:
    """Argument `index` is a null pointer, both halves."""

    index: int

    def program(self) -> Iterator[Instruction]:
        """Falls through where the test holds; refuses where not."""
        for half in (0, 4):
            yield _load(self.index, half)
            yield (_JUMP_EQUAL, 1, 0, 0)
            yield _REFUSE


Test = OneOf | NoneOf | NoBits | Null


def guarded() -> Mapping[str, tuple[Test, ...]]:
    """The calls that are allowed with certain arguments only, in a process of one thread.

    Signals go to itself alone (abort and faulthandler raise them), and never one that stops it.
    """
    stops = tuple(int(s) for s in (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU))
    return {
        "open": (NoBits(1, WRITING),),
        "openat": (NoBits(2, WRITING),),
        "fcntl": (OneOf(1, FCNTL),),
        "ioctl": (OneOf(1, IOCTL),),
        "prctl": (OneOf(0, PRCTL),),
        "prlimit64": (OneOf(0, (0, SELF)), Null(2)),
        "tgkill": (OneOf(0, (SELF,)), OneOf(1, (SELF,)), NoneOf(2, stops)),
    }


def program(machine: Machine) -> list[Instruction]:
    """The whole filter, for a process `SELF`. A call of a foreign ABI kills: its numbers mean other calls."""
    numbers = machine.numbers
    kill = (_RETURN, 0, 0, _KILL_PROCESS)
    lines: list[Instruction] = [(_LOAD, 0, 0, _ARCH), (_JUMP_EQUAL, 1, 0, machine.audit), kill]
    lines.append((_LOAD, 0, 0, _NUMBER))
    if machine.foreign_from is not None:
        lines += [(_JUMP_GE, 0, 1, machine.foreign_from), kill]
    for name in PLAIN.split():
        if name in numbers:
            lines += [(_JUMP_EQUAL, 0, 1, numbers[name]), (_RETURN, 0, 0, _ALLOW)]
    for name in ABSENT:
        lines += [(_JUMP_EQUAL, 0, 1, numbers[name]), (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]
    for name, tests in guarded().items():
        if name in numbers:
            body = [line for test in tests for line in test.program()] + [(_RETURN, 0, 0, _ALLOW)]
            lines += [(_JUMP_EQUAL, 0, len(body), numbers[name]), *body]
    return [*lines, _REFUSE]


def assemble(machine: Machine) -> bytes:
    """The program as the kernel reads it, made once in the parent: a fresh child has no time to spare."""
    return b"".join(struct.pack("=HBBI", *line) for line in program(machine))


def is_available(kernel: Kernel, machine: Machine) -> bool:
    """Whether the kernel has filters that kill a process. A container may forbid them still: a trial tells."""
    action = ctypes.create_string_buffer(struct.pack("=I", _KILL_PROCESS), 4)
    try:
        kernel.call(machine.numbers["seccomp"], _SECCOMP_GET_ACTION_AVAIL, 0, address(action))
    except OSError:
        return False
    return True


def install(kernel: Kernel, machine: Machine, assembled: bytes) -> None:
    """Put the filter in force for this thread, for good. Needs no-new-privs. Raises OSError."""
    code = assembled.replace(struct.pack("=I", SELF), struct.pack("=I", os.getpid()))
    filters = ctypes.create_string_buffer(code, len(code))
    header = ctypes.create_string_buffer(struct.pack("=H6xQ", len(code) // 8, address(filters)), 16)
    kernel.call(machine.numbers["seccomp"], _SECCOMP_SET_MODE_FILTER, 0, address(header))


def _load(index: int, half: int = 0) -> Instruction:
    return (_LOAD, 0, 0, _ARGUMENTS + 8 * index + half)
