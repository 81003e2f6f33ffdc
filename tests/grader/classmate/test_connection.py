"""What a server may answer, and what a learner is told then."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from typing import Any

import pytest
import trustme

from grader.classmate import connection
from grader.classmate.connection import MAX_ANSWER, Offline, Refused, ask, server_of
from grader.errors import UsageError
from tests.grader.classmate.conftest import Odd


def test_what_is_asked(odd: Odd) -> None:
    odd.says(200, {"a": 1})
    assert ask(odd.address, "POST", "/x", "gl_1", {"b": 2}) == {"a": 1}
    assert odd.asked == [("POST", "/api/x", "Bearer gl_1", {"b": 2})]


def test_nothing_is_an_answer_too(odd: Odd) -> None:
    odd.says(200, b"")
    assert ask(odd.address, "GET", "/x") is None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 429])
def test_a_refusal_is_told_as_the_server_says_it(odd: Odd, status: int) -> None:
    odd.says(status, {"detail": {"message": "No \x1b[31m\u202ered", "hint": "Do\nthis"}})
    with pytest.raises(Refused) as raised:
        ask(odd.address, "GET", "/x")
    assert (raised.value.message, raised.value.hint) == ("No ␛[31m<U+202E>red", "Do this")
    assert raised.value.exit_code == 2
    assert raised.value.for_good is (status not in (401, 403, 429))


@pytest.mark.parametrize(
    "body", [{"message": "Full."}, {"message": "Full.", "hint": None}, {"message": "Full.", "hint": 3}]
)
def test_a_refusal_without_a_hint(odd: Odd, body: dict[str, Any]) -> None:
    odd.says(409, {"detail": body})
    with pytest.raises(Refused) as raised:
        ask(odd.address, "GET", "/x")
    assert (raised.value.message, raised.value.hint) == ("Full.", None)


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (500, b"<html>", {}),
        (502, b"", {}),
        (503, b'{"detail": {"message": "The disk is full.", "hint": null}}', {}),
        (200, b"<html>not json", {}),
        (200, b"\xff\xfe\x00", {}),
        (200, b'{"score": NaN}', {}),
        (200, b"[" * 200_000, {}),
        (200, b"9" * 10_000, {}),
        (200, b'"' + b"x" * (MAX_ANSWER + 1) + b'"', {}),
        (404, b"x" * (MAX_ANSWER + 1), {}),
        (404, b"<html>", {}),
        (404, b'{"detail": "x"}', {}),
        (403, b'{"detail": {"message": 1, "hint": []}}', {}),
        (403, b'{"detail": {"message": "", "hint": ""}}', {}),
        (302, b"", {"Location": "http://127.0.0.1:9/"}),
        (307, b"", {"Location": "/elsewhere"}),
        (301, b"", {"Location": "file:///etc/passwd"}),
        (301, b"", {}),
        (0, b"", {}),
        (200, b'{"id": 1', {"short": "yes"}),
        (422, b'{"detail": {"message": "x', {"short": "yes"}),
    ],
)
def test_what_is_no_answer_of_a_class(odd: Odd, status: int, body: bytes, headers: dict[str, str]) -> None:
    odd.says(status, body, **headers)
    with pytest.raises(Offline) as raised:
        ask(odd.address, "POST", "/x", "gl_secret", {"source": "x"})
    assert raised.value.exit_code == 3
    assert raised.value.hint
    assert "gl_secret" not in raised.value.message
    assert len(raised.value.message) < 500
    assert len(odd.asked) == 1


def test_a_redirect_takes_the_token_nowhere(odd: Odd) -> None:
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(0.3)
        odd.says(302, b"", Location=f"http://127.0.0.1:{other.getsockname()[1]}/\x1b[31m")
        with pytest.raises(Offline, match="sends elsewhere: http://127") as raised:
            ask(odd.address, "GET", "/x", "gl_secret")
        with pytest.raises(TimeoutError):
            asked.append(other.accept()[0].recv(1))
    assert asked == []
    assert "\x1b" not in raised.value.message


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "http://nowhere.invalid", "http://127.0.0.1:99999"])
def test_nobody_is_there(address: str) -> None:
    with pytest.raises(Offline, match="cannot be reached"):
        ask(address, "GET", "/x")


def test_what_is_no_http() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_answer, args=(listening, b"SSH-2.0-\x1b[31m\r\n"))
        thread.start()
        with pytest.raises(Offline) as raised:
            ask(f"http://127.0.0.1:{listening.getsockname()[1]}", "GET", "/x")
        thread.join()
    assert "\x1b" not in raised.value.message


def _answer(listening: socket.socket, data: bytes) -> None:
    connected, _ = listening.accept()
    with connected:
        connected.recv(1 << 16)
        connected.sendall(data)


def test_silence_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SILENCE_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as listening, pytest.raises(Offline, match="timed out"):
        ask(f"http://127.0.0.1:{listening.getsockname()[1]}", "GET", "/x")


def test_an_answer_that_drips_ends(odd: Odd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "ANSWER_S", 0.1)
    odd.says(200, b" " * 300, drip="yes")
    begun = time.monotonic()
    with pytest.raises(Offline, match="to answer"):
        ask(odd.address, "GET", "/x")
    assert time.monotonic() - begun < 4


def test_a_certificate_that_nobody_vouches_for() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    told: list[bytes] = []

    def serve() -> None:
        connected, _ = listening.accept()
        with connected, pytest.raises(OSError), context.wrap_socket(connected, server_side=True) as secured:
            told.append(secured.recv(1 << 16))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(Offline, match="The certificate of https://localhost"):
            ask(f"https://localhost:{listening.getsockname()[1]}", "GET", "/x", "gl_secret")
        thread.join()
    assert told == []


def test_this_machine_is_not_asked_through_a_proxy(odd: Odd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    odd.says(200, {})
    assert ask(odd.address, "GET", "/x") == {}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://x.test", "https://x.test"),
        ("HTTPS://X.test", "https://x.test"),
        ("x.test:8765/", "https://x.test:8765"),
        ("localhost:8765", "http://localhost:8765"),
        ("127.0.0.1:8765", "http://127.0.0.1:8765"),
        ("http://127.0.0.1:8765/", "http://127.0.0.1:8765"),
        ("http://[::1]:8765", "http://[::1]:8765"),
        ("https://x.test/class/", "https://x.test/class"),
    ],
)
def test_addresses(given: str, kept: str) -> None:
    assert server_of(given) == kept
    assert server_of(kept) == kept


@pytest.mark.parametrize(
    "given",
    [
        "", "ftp://x", "file:///etc/passwd", "https://", "https://a:b@x", "https://@x", "https://x?y", "https://x#y",
        "http://x.test", "http://127.0.0.1.x.test", "http://localhost.x.test", "https://x:y", "https://x y", "//[",
        "https://x\x1b[31m", "https://x/\u202e",
    ],
)  # fmt: skip
def test_what_is_no_address(given: str) -> None:
    with pytest.raises(UsageError) as raised:
        server_of(given)
    assert "\x1b" not in raised.value.message


def test_what_others_can_read_is_said_to_be_so() -> None:
    with pytest.raises(UsageError, match="everybody on the way can read your token") as raised:
        server_of("http://x.test")
    assert "--insecure" in str(raised.value.hint)
    assert server_of("http://x.test", insecure=True) == "http://x.test"
