"""Undoes its own protections: limits, capabilities, dumpability, filters."""
# exercise: attention/scaled_dot_product
# status: failed
# says: expected

import ctypes
import os
import resource

libc = ctypes.CDLL(None, use_errno=True)
for number in range(16):
    try:
        resource.setrlimit(number, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print("BREACH limit", number)
    except (OSError, ValueError):
        pass
for deed in (
    lambda: os.setuid(0),
    lambda: os.setgid(0),
    lambda: os.setsid(),
    lambda: os.nice(-5),
    lambda: os.chroot("/tmp"),
    lambda: os.unshare(0x10000000) if hasattr(os, "unshare") else os.close(-1),
    lambda: os.chdir("/tmp") or os.listdir("."),
):
    try:
        deed()
        print("BREACH", deed)
    except OSError:
        pass
for option, value in ((4, 1), (1, 0), (22, 0), (24, 0), (28, 0), (8, 1)):
    if libc.prctl(option, value, 0, 0, 0) == 0:
        print("BREACH prctl", option)


def sdpa(Q, K, V, mask=None):
    return V
