"""Calls to the Linux kernel by ctypes. Knows numbers and errors, no policy."""

from __future__ import annotations

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
PR_GET_DUMPABLE = 3
PR_SET_DUMPABLE = 4
PR_GET_SECCOMP = 21
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_GET_NO_NEW_PRIVS = 39
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4


class Kernel:
    """The C library's `syscall` with 64-bit arguments, for one machine."""

    def __init__(self) -> None:
        self.machine = os.uname().machine
        call = ctypes.CDLL(None, use_errno=True).syscall
        call.restype = ctypes.c_long
        call.argtypes = [ctypes.c_long] * 7
        self._call = call

    def call(self, number: int, *args: int) -> int:
        """Make a system call with integers and addresses. Raises OSError."""
        result: int = self._call(number, *args, *(0,) * (6 - len(args)))
        if result < 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))
        return result


def is_linux() -> bool:
    """Whether the kernel's own protections can be asked for at all."""
    return sys.platform == "linux"


def address(buffer: ctypes.Array[ctypes.c_char]) -> int:
    """Where a buffer lies; the caller keeps it alive during the call."""
    return ctypes.addressof(buffer)
