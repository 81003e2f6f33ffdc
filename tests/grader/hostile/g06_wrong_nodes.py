"""Answers with generators, handles, call-backs and tags that are none."""
# exercise: attention/scaled_dot_product
# status: error
# says: wrote to the grader's own channel
# variants: 14

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
    ["random", ["tuple", 3, ["tuple", -1], None]],
    ["torch_rng", b"\xff" * 5056],
    ["numpy_rng", b"", b"", 0, 0],
    ["int", b"\x01" * 100_000],
    ["complex", "1", "2"],
    ["dict", 1],
    ["set", ["list"]],
    ["callback", 99],
    ["handle", -1, "x", True],
    ["handle", 0, "x" * 1000, "yes"],
    ["pickle", b"cos\nsystem\n(S'true'\ntR."],
    [],
    ["a"],
    {"a": 1},
]


def sdpa(Q, K, V, mask=None):
    send(b"a", ["list", "a", nodes[{{VARIANT}}]])
    return V
