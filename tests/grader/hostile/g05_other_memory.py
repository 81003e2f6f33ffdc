"""Traces the judge and the parent, and reads and writes their memory."""
# exercise: attention/scaled_dot_product
# status: failed
# says: expected

import ctypes
import struct

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long] * 4
buffer = ctypes.create_string_buffer(64)
here = struct.pack("QQ", ctypes.addressof(buffer), 64)
there = struct.pack("QQ", ctypes.addressof(buffer), 64)
for pid in ({{JUDGE}}, {{PARENT}}, 1):
    for request in (16, 0x4206):  # attach, seize
        if libc.ptrace(request, pid, 0, 0) == 0:
            print("BREACH traced", pid)
    for call in (libc.process_vm_readv, libc.process_vm_writev):
        if call(pid, here, 1, there, 1, 0) >= 0:
            print("BREACH memory", pid)
    if libc.syscall(434, pid, 0) >= 0 or libc.syscall(438, pid, 3, 0) >= 0:
        print("BREACH pidfd", pid)


def sdpa(Q, K, V, mask=None):
    return V
