"""Frames on a stream socket: four bytes of length, one byte of kind, the body.

Kinds: judge to cell `l` load, `s` seed (not answered), `q` request, `r` reply to a call-back; cell to
judge `a` answer, `c` call-back.
"""

from __future__ import annotations

import signal
import socket

# Sent from outside to a cell that is late: faulthandler answers from C, also in the middle of a matmul.
LATE_SIGNAL = getattr(signal, "SIGUSR2", None)
# The learner's file, as tracebacks name it: nothing on disk has such a path.
FILE_PREFIX = "<solution>/"
MAX_FRAME = 96 << 20
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


def receive(sock: socket.socket) -> tuple[bytes, bytes] | None:
    """The next frame as kind and body, blocking; None at the end of the stream."""
    head = _exactly(sock, HEADER)
    if head is None:
        return None
    kind, size = header(head)
    body = _exactly(sock, size)
    return None if body is None else (kind, body)


def _exactly(sock: socket.socket, size: int) -> bytes | None:
    chunks = bytearray()
    while len(chunks) < size:
        chunk = sock.recv(min(size - len(chunks), 1 << 20))
        if not chunk:
            return None
        chunks += chunk
    return bytes(chunks)
