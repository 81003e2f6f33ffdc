"""Calls the suite's function out of turn, with wrong numbers, arguments and names."""
# exercise: gradients/central_difference
# status: error
# says: CALIB
# variants: 9

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
    ["c", 0, ["list", "text"], ["dict"]],
    ["c", 99, ["list", 1.0], ["dict"]],
    ["c", -1, ["list", 1.0], ["dict"]],
    ["c", 0, ["list"], ["dict", 5, 5]],
    ["c", 0, 5, ["dict"]],
    ["c", 0, ["list", ["callback", 0]], ["dict"]],
    ["c", 0, ["list", ["int", b"\x7f" * 500]], ["dict"]],
    ["c", 0, ["list", ["tensor", "float64", [4000, 4000], [0, 0], False, b"12345678"]], ["dict"]],
    ["c", 0, ["list", ["handle", 7, "float", True]], ["dict"]],
]


def diff(f, x, h, kind):
    send(b"c", calls[{{VARIANT}}])
    os.read(wire(), 1 << 16)
    return 0.0
