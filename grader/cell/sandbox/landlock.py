"""Landlock: a set of files that may be read; no other file, no TCP, no abstract socket or signal to outside.

Holds what the kernel's ABI can hold and says in words what an older one cannot. Lets nothing be written.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from pathlib import Path

from grader.cell.sandbox.kernel import Kernel, address

NEWEST = 7  # the newest ABI whose rights are known here
_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same numbers on every machine
_VERSION = 1
_PATH_BENEATH = 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_BASIC = (1 << 13) - 1  # execute, write, read, remove, make: ABI 1
_SINCE = {2: 1 << 13, 3: 1 << 14, 5: 1 << 15}  # refer, truncate, ioctl on devices
_TCP = 0b11  # bind, connect: ABI 4
_SCOPES = 0b11  # abstract unix sockets, signals: ABI 6
_QUIET = 1  # no audit records of refusals, ABI 7: a loop of refused calls would fill the log

_LATER = {
    2: "Landlock before ABI 2 cannot tell links and renames between folders apart",
    3: "Landlock before ABI 3 does not hold truncation",
    4: "Landlock before ABI 4 does not hold TCP",
    5: "Landlock before ABI 5 does not hold ioctl on devices",
    6: "Landlock before ABI 6 does not hold abstract unix sockets and signals",
}


def abi(kernel: Kernel) -> int:
    """The ABI in use: the kernel's, at most `NEWEST`; 0 where Landlock is missing or switched off."""
    try:
        return min(kernel.call(_CREATE, 0, 0, _VERSION), NEWEST)
    except OSError:
        return 0


def gaps(version: int) -> tuple[str, ...]:
    """What an ABI cannot hold, a sentence each; seccomp covers all of it where it is in force."""
    return tuple(sentence for since, sentence in _LATER.items() if version < since)


def create(kernel: Kernel, version: int, readable: Iterable[Path]) -> int:
    """A descriptor of the ruleset that allows reading `readable`: files, and folders with all beneath them.

    A path that is gone, or cannot be opened, is left out: it is then not readable. Raises OSError.
    """
    files = _BASIC
    for since, right in _SINCE.items():
        files |= right if version >= since else 0
    fields = [files] + [_TCP] * (version >= 4) + [_SCOPES] * (version >= 6)
    attributes = ctypes.create_string_buffer(struct.pack(f"={len(fields)}Q", *fields), 8 * len(fields))
    ruleset = kernel.call(_CREATE, address(attributes), 8 * len(fields), 0)
    os.set_inheritable(ruleset, False)
    for path in readable:
        _allow(kernel, ruleset, path)
    return ruleset


def restrict(kernel: Kernel, version: int, ruleset: int) -> None:
    """Put the ruleset in force for this thread, for good, and close it. Needs no-new-privs. Raises OSError."""
    kernel.call(_RESTRICT, ruleset, _QUIET if version >= 7 else 0)
    os.close(ruleset)


def _allow(kernel: Kernel, ruleset: int, path: Path) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        is_folder = stat.S_ISDIR(os.fstat(fd).st_mode)
        rights = _READ_FILE | _READ_DIR if is_folder else _READ_FILE
        rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, fd), 12)
        kernel.call(_ADD, ruleset, _PATH_BENEATH, address(rule), 0)
    finally:
        os.close(fd)
