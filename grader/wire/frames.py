"""Frames on a stream socket: four bytes of length, one byte of kind, the body.

Kinds: judge to cell `l` load, `s` seed (not answered), `q` request, `r` reply to a call-back; cell to
judge `a` answer, `c` call-back.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable

# Sent from outside to a cell that is late: faulthandler answers from C, also in the middle of a matmul.
LATE_SIGNAL = getattr(signal, "SIGUSR2", None)
# The learner's file, as tracebacks name it: nothing on disk has such a path.
FILE_PREFIX = "<solution>/"
MAX_FRAME = 96 << 20
# How long both sides look for the next frame before they sleep: to be woken costs more than most answers do. At 1 ms a
# suite of a thousand calls took 65 ms where it took 112; longer gained nothing (measured on two cores).
AWAKE_S = 0.001
HEADER = 5


class FrameError(ValueError):
    """The stream does not hold frames."""


def pack(kind: bytes, body: bytes) -> bytes:
    """One frame. Raises FrameError where the body is larger than the other side would take."""
    if len(body) > MAX_FRAME:
        raise FrameError(f"a message of {len(body) >> 20} MiB, more than {MAX_FRAME >> 20}")
    return len(body).to_bytes(4, "big") + kind + body


def header(data: bytes) -> tuple[bytes, int]:
    """Kind and length from the first five bytes of a frame."""
    size = int.from_bytes(data[:4], "big")
    if size > MAX_FRAME:
        raise FrameError(f"a frame that claims {size} bytes")
    return data[4:5], size


# Between two looks whoever else wants this core has it.
give_way: Callable[[], None] = getattr(os, "sched_yield", lambda: None)
_NOT_WAITING = getattr(socket, "MSG_DONTWAIT", 0)


def receive(sock: socket.socket, awake_s: float = 0.0) -> tuple[bytes, bytes] | None:
    """The next frame as kind and body, blocking, for the first `awake_s` without sleeping; None at the end of the stream."""
    head = _exactly(sock, HEADER, awake_s)
    if head is None:
        return None
    kind, size = header(head)
    body = _exactly(sock, size)
    return None if body is None else (kind, body)


def _exactly(sock: socket.socket, size: int, awake_s: float = 0.0) -> bytes | None:
    asleep = time.perf_counter() + awake_s
    chunks = bytearray()
    while len(chunks) < size:
        flags = _NOT_WAITING if awake_s and time.perf_counter() < asleep else 0
        try:
            chunk = sock.recv(min(size - len(chunks), 1 << 20), flags)
        except BlockingIOError:
            give_way()
            continue
        if not chunk:
            return None
        chunks += chunk
    return bytes(chunks)
