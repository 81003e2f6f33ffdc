"""Sends half a frame and ends."""
# exercise: attention/scaled_dot_product
# status: error
# says: exit status 0

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


def sdpa(Q, K, V, mask=None):
    os.write(wire(), b"\x00\x00\xff\xffa\x92\xa1")
    os._exit(0)
