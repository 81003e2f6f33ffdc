"""Frames on a socket: whole, bounded, and None at the end of the stream."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from grader.wire import frames


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    a, b = socket.socketpair()
    with a, b:
        yield a, b


@pytest.mark.parametrize("body", [b"", b"x", b"y" * (3 << 20)], ids=["empty", "small", "larger than a buffer"])
def test_frames_arrive_whole_and_in_order(pair: tuple[socket.socket, socket.socket], body: bytes) -> None:
    sender, receiver = pair
    thread = threading.Thread(target=sender.sendall, args=(frames.pack(b"q", body) + frames.pack(b"a", b"next"),))
    thread.start()
    assert frames.receive(receiver) == (b"q", body)
    assert frames.receive(receiver) == (b"a", b"next")
    thread.join()


def test_a_frame_sent_in_pieces(pair: tuple[socket.socket, socket.socket]) -> None:
    sender, receiver = pair
    for byte in frames.pack(b"q", b"abc"):
        sender.send(bytes([byte]))
    assert frames.receive(receiver) == (b"q", b"abc")


@pytest.mark.parametrize("awake_s", [0.0, 60.0])
def test_a_frame_that_comes_late_is_waited_for_awake_or_asleep(
    pair: tuple[socket.socket, socket.socket], awake_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender, receiver = pair
    looks = 0

    def look_again() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:  # nothing had come the first three times: only now it is sent
            sender.sendall(frames.pack(b"q", b"abc"))

    monkeypatch.setattr(frames, "give_way", look_again)
    timer = threading.Timer(0.05, sender.sendall, (frames.pack(b"q", b"abc"),))
    if not awake_s:
        timer.start()
    assert frames.receive(receiver, awake_s) == (b"q", b"abc")
    # Awake it has looked again and again, giving way between two looks; asleep it has not.
    assert looks == (3 if awake_s else 0)
    if not awake_s:
        timer.join()


@pytest.mark.parametrize("sent", [b"", b"\0\0", frames.pack(b"q", b"abc")[:-1]])
def test_the_end_of_the_stream_is_none(pair: tuple[socket.socket, socket.socket], sent: bytes) -> None:
    sender, receiver = pair
    sender.sendall(sent)
    sender.close()
    assert frames.receive(receiver) is None


def test_a_length_beyond_the_bound_is_refused_before_it_is_read(pair: tuple[socket.socket, socket.socket]) -> None:
    sender, receiver = pair
    sender.sendall((frames.MAX_FRAME + 1).to_bytes(4, "big") + b"a")
    with pytest.raises(frames.FrameError, match="claims"):
        frames.receive(receiver)


def test_a_body_beyond_the_bound_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MAX_FRAME", 1 << 20)
    assert frames.header(frames.pack(b"a", b"x" * (1 << 20))) == (b"a", 1 << 20)
    with pytest.raises(frames.FrameError, match="a message of 2 MiB, more than 1"):
        frames.pack(b"a", b"x" * (2 << 20))
