"""Answers with tensors whose bytes, sizes, strides and types do not agree."""
# exercise: attention/scaled_dot_product
# status: error
# says: wrote to the grader's own channel
# variants: 11

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


nodes = [
    ["tensor", "float64", [1, 3], [3, 1], False, b"short"],
    ["tensor", "float64", [2**40, 2**40, 2**40], [1, 1, 1], False, b""],
    ["tensor", "float64", [0, 2**62, 2**62], [2**62, 1, 1], False, b""],
    ["tensor", "object", [1], [1], False, b"12345678"],
    ["tensor", "__class__", [1], [1], False, b"12345678"],
    ["tensor", "float64", [-1], [1], False, b""],
    ["tensor", "float64", [2, 2], [-8, 0], False, b"12345678"],
    ["tensor", "bool", [1], [1], False, b"\x07"],
    ["array", "O", [1], [1], b"12345678"],
    ["array", "f", [2], [2**60], b"12345678"],
    ["scalar", "O", b"12345678"],
]


def sdpa(Q, K, V, mask=None):
    send(b"a", ["list", "a", nodes[{{VARIANT}}]])
    return V
