"""The cell parent's replies as they come on a loaded machine: several at once, or in pieces, with their descriptors."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from grader.judge.cells import CellParent, ParentGone


@contextmanager
def parent_and_wire() -> Iterator[tuple[CellParent, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield CellParent(ours), theirs


def send_cell(wire: socket.socket, pid: int) -> int:
    """A `cell` reply with the reading ends of three pipes; the writing end of the first, to know it again by."""
    ends = [os.pipe() for _ in range(3)]
    socket.send_fds(wire, [json.dumps({"pid": pid}).encode() + b"\n"], [reading for reading, _ in ends])
    for reading, _ in ends:
        os.close(reading)
    for _, writing in ends[1:]:
        os.close(writing)
    return ends[0][1]


def test_descriptors_are_not_lost_to_the_reply_before() -> None:
    """A cell is given up without waiting, and the next one's reply is there before the first is read."""
    with parent_and_wire() as (parent, wire):
        parent.send("reap", pid=1)
        wire.sendall(b'{"status": 0}\n')
        mark = send_cell(wire, 7)
        reply, fds = parent.order("cell")
        assert (reply, len(fds)) == ({"pid": 7}, 3)
        os.write(mark, b"mine")
        assert os.read(fds[0], 10) == b"mine"
        for fd in (mark, *fds):
            os.close(fd)


def test_reply_after_a_cell_has_no_descriptors() -> None:
    with parent_and_wire() as (parent, wire):
        mark = send_cell(wire, 7)
        wire.sendall(b'{"status": -9}\n')
        _, fds = parent.order("cell")
        assert len(fds) == 3
        assert parent.order("reap", pid=7) == ({"status": -9}, [])
        for fd in (mark, *fds):
            os.close(fd)


def test_reply_in_pieces() -> None:
    with parent_and_wire() as (parent, wire):
        for piece in (b'{"sta', b'tus": ', b"0}\n"):
            wire.sendall(piece)
        assert parent.order("reap", pid=1) == ({"status": 0}, [])


def test_end_of_the_parent_is_told() -> None:
    with parent_and_wire() as (parent, wire):
        parent.send("reap", pid=1)
        wire.close()
        with pytest.raises(ParentGone):
            parent.receive()
