"""What a server may answer, and what a learner is told then."""

from __future__ import annotations

from typing import Any

import pytest

from grader.classmate.connection import MAX_ANSWER, Offline, Refused, ask, server_of
from grader.errors import UsageError
from tests.grader.classmate.conftest import Odd


def test_what_is_asked(odd: Odd) -> None:
    odd.says(200, {"a": 1})
    assert ask(odd.address, "POST", "/x", "gl_1", {"b": 2}) == {"a": 1}
    assert odd.asked == [("POST", "/api/x", "Bearer gl_1", {"b": 2})]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 429])
def test_a_refusal_is_told_as_the_server_says_it(odd: Odd, status: int) -> None:
    odd.says(status, {"detail": {"message": "No \x1b[31m\u202ered", "hint": None}})
    with pytest.raises(Refused) as raised:
        ask(odd.address, "GET", "/x")
    assert raised.value.message == "No ␛[31m<U+202E>red"
    assert raised.value.for_good is (status not in (401, 429))


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (500, b"<html>", {}),
        (502, b"", {}),
        (200, b"<html>not json", {}),
        (200, b"[" * 200_000, {}),
        (200, b'"' + b"x" * (MAX_ANSWER + 1) + b'"', {}),
        (404, b"<html>", {}),
        (404, b'{"detail": "x"}', {}),
        (403, b'{"detail": {"message": 1, "hint": []}}', {}),
        (302, b"", {"Location": "http://127.0.0.1:9/"}),
        (301, b"", {"Location": "file:///etc/passwd"}),
        (0, b"", {}),
        (200, b'{"id": 1', {"short": "yes"}),
    ],
)
def test_what_is_no_answer_of_a_class(odd: Odd, status: int, body: bytes, headers: dict[str, str]) -> None:
    odd.says(status, body, **headers)
    with pytest.raises(Offline) as raised:
        ask(odd.address, "GET", "/x", "gl_secret")
    assert raised.value.exit_code == 3
    assert "gl_secret" not in raised.value.message
    assert len(odd.asked) == 1


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "http://nowhere.invalid", "http://127.0.0.1:99999"])
def test_nobody_is_there(address: str) -> None:
    with pytest.raises(Offline, match="cannot be reached"):
        ask(address, "GET", "/x")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://x.test", "https://x.test"),
        ("x.test:8765/", "https://x.test:8765"),
        ("http://127.0.0.1:8765/", "http://127.0.0.1:8765"),
        ("http://[::1]:8765", "http://[::1]:8765"),
        ("https://x.test/class/", "https://x.test/class"),
    ],
)
def test_addresses(given: str, kept: str) -> None:
    assert server_of(given) == kept


@pytest.mark.parametrize(
    "given",
    [
        "",
        "ftp://x",
        "file:///etc/passwd",
        "https://",
        "https://a:b@x",
        "https://x?y",
        "http://x.test",
        "https://x:y",
        "//[",
    ],
)
def test_what_is_no_address(given: str) -> None:
    with pytest.raises(UsageError):
        server_of(given)
    if given == "http://x.test":
        assert server_of(given, insecure=True) == given


def test_an_unreadable_body_is_not_sent() -> None:
    with pytest.raises(TypeError):
        ask("http://127.0.0.1:1", "POST", "/x", given=Any)
