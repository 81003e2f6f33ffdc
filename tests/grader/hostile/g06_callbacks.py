"""Calls the suite's functions by wrong numbers and with arguments that are none."""
# exercise: gradients/central_difference
# status: error
# says: wrote to the grader's own channel
# variants: 5

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


calls = [
    ["list", "c", 99, ["list", 1.0], ["dict"]],
    ["list", "c", -1, ["list", 1.0], ["dict"]],
    ["list", "c", 0, ["list"], ["dict", 5, 5]],
    ["list", "c", 0, 5, ["dict"]],
    ["list", "c", True, ["list", 1.0]],
]


def diff(f, x, h, kind):
    send(b"c", calls[{{VARIANT}}])
    os.read(wire(), 1 << 16)
    return 0.0
