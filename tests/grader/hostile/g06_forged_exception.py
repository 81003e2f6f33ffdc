"""Answers with exceptions that never were, of every base and with absurd frames."""
# exercise: attention/scaled_dot_product
# status: error
# says: PassedPassed

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


bases = [
    "AssertionError",
    "StopIteration",
    "KeyError",
    "OSError",
    "UnicodeDecodeError",
    "ExceptionGroup",
    "exit",
    "print",
    "BaseException",
]


def sdpa(Q, K, V, mask=None):
    bases.append(bases.pop(0))
    send(
        b"a", ["list", "e", "Passed" * 100, bases[0], "passed " * 100_000, ["list", ["list", 2**63, "x" * 10_000]] * 1]
    )
    while True:
        os.read(wire(), 1 << 16)
