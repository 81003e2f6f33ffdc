"""Which kind of file system a path is on, where that decides what works there: shared locks, memory maps, file events.

Asks the kernel (statfs on Linux, the drive's type on Windows); changes nothing. Elsewhere the answer is "local".
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

# The kernel's numbers (linux/magic.h and the file systems' own headers) for what more than one machine can write to, or
# what passes through a translator that does not carry locks, shared memory maps or events faithfully.
SHARED = {
    0x6969: "NFS",
    0x517B: "SMB",
    0xFE534D42: "SMB",
    0xFF534D42: "CIFS",
    0x01021997: "9P (a Windows drive under WSL, or a virtual machine's shared folder)",
    0x53464846: "a Windows drive under WSL",
    0x65735546: "FUSE",
    0x00C36400: "Ceph",
    0x0BD00BD0: "Lustre",
    0x47504653: "GPFS",
    0x19830326: "BeeGFS",
    0x5346414F: "AFS",
    0x73757245: "Coda",
    0x01161970: "GFS2",
    0x7461636F: "OCFS2",
    0xAAD7AAEA: "PanFS",
    0x786F4256: "a VirtualBox shared folder",
    0xBACBACBC: "a VMware shared folder",
    0x7C7C6673: "a Parallels shared folder",
}
_REMOTE_DRIVE = 4  # DRIVE_REMOTE of GetDriveTypeW


def shared_kind(path: Path) -> str | None:
    """The name of the shared or translated file system that holds `path`; None where it is local or cannot be told.

    `path` need not exist: its nearest existing parent is asked.
    """
    place = path.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    if sys.platform == "linux":
        number = magic(place)
        return SHARED.get(number) if number is not None else None
    if sys.platform == "win32":
        drive = place.resolve().drive
        return "a network drive" if drive.startswith("\\\\") or _drive_type(drive) == _REMOTE_DRIVE else None
    return None


def magic(path: Path) -> int | None:
    """The kernel's number for the file system of an existing `path` (Linux); None where it does not say."""
    libc = ctypes.CDLL(None, use_errno=True)
    # struct statfs begins with f_type, a long everywhere but on s390; it is 120 bytes on 64-bit machines.
    buffer = (ctypes.c_long * 64)()
    if libc.statfs(os.fsencode(path), ctypes.byref(buffer)) != 0:
        return None
    return int(buffer[0]) & 0xFFFFFFFF


def _drive_type(drive: str) -> int:
    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009  (exists on Windows only)
    return int(kernel.GetDriveTypeW(f"{drive}\\"))
