"""Calls the suite's function without end, each time with more."""
# exercise: gradients/central_difference
# status: error

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


def diff(f, x, h, kind):
    import numpy as np

    while True:
        f(np.zeros(1_000_000))
