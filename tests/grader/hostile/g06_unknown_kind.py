"""Sends frames of kinds there are not, and the judge's own."""
# exercise: attention/scaled_dot_product
# status: error
# says: wrote to the grader's own channel

import os
import socket
import stat

import msgspec


def wire():
    """The socket among the descriptors."""
    for fd in range(3, 64):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                return fd
        except OSError:
            pass


def send(kind, body):
    data = body if isinstance(body, bytes) else msgspec.msgpack.encode(body)
    data = len(data).to_bytes(4, "big") + kind + data
    while data:
        data = data[os.write(wire(), data) :]


kinds = [b"v", b"q", b"r", b"l", b"s", b"\x00", b"\xff"]


def sdpa(Q, K, V, mask=None):
    kinds.append(kinds.pop(0))
    send(kinds[0], ["list", "a", None])
    return V
