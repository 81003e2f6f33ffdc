"""Asks the class server: JSON over HTTP. Whatever it answers is data, bounded and cleaned; every failure is told in words."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from grader.errors import EngineError, GradlingsError, UsageError
from grader.text import one_line

TIMEOUT_S = 20.0
MAX_ANSWER = 8 << 20
# Refusals that pass: whoever asks again later may be heard.
PASSING = (401, 408, 425, 429)


class Offline(EngineError):
    """The server cannot be reached, or does not answer as one."""


class Refused(UsageError):
    """The server said no. `status` is HTTP's."""

    def __init__(self, status: int, message: str, hint: str | None) -> None:
        super().__init__(message, hint)
        self.status = status

    @property
    def for_good(self) -> bool:
        """Whether asking the same again is of no use."""
        return self.status not in PASSING


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    # A token goes to the server it was given by, and to no other.
    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


def server_of(url: str, *, insecure: bool = False) -> str:
    """The server's address as it is kept. Raises UsageError where it is none, or others could listen on the way."""
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.query or parts.fragment:
        raise UsageError(
            f"{one_line(url, 100)} is no address of a class.",
            "Write it as your teacher did, such as https://HOST:8765.",
        )
    if parts.scheme == "http" and not insecure and host not in ("localhost", "127.0.0.1", "::1"):
        raise UsageError(
            "Over http:// everybody on the way could read your token.",
            "Use the https:// address, or say --insecure where you trust the network, as in a classroom.",
        )
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}{f':{port}' if port else ''}{parts.path.rstrip('/')}"


def ask(server: str, method: str, path: str, token: str = "", given: Any = None) -> Any:
    """What the server answers. Raises Offline, or Refused where it said no."""
    headers = {"Accept": "application/json", "User-Agent": "gradlings"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None
    if given is not None:
        data = json.dumps(given).encode()
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(f"{server}/api{path}", data, headers, method=method)
    try:
        with _OPENER.open(request, timeout=TIMEOUT_S) as answer:
            return _read(server, answer.read(MAX_ANSWER + 1))
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(server, error) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise Offline(
            f"The class at {server} cannot be reached: {one_line(str(reason) or type(error).__name__, 150)}.",
            "What you hand in waits in the workspace meanwhile.",
        ) from None


def _read(server: str, body: bytes) -> Any:
    if len(body) > MAX_ANSWER:
        raise Offline(f"{server} answered with more than {MAX_ANSWER >> 20} MiB.", "Is this the address of your class?")
    try:
        return json.loads(body) if body else None
    except (ValueError, RecursionError):
        raise Offline(f"{server} did not answer as a class does.", "Is this the address of your class?") from None


def _refusal(server: str, error: urllib.error.HTTPError) -> GradlingsError:
    if error.code >= 500 or 300 <= error.code < 400:
        what = "sends elsewhere" if error.code < 400 else f"has a problem of its own (HTTP {error.code})"
        return Offline(f"The class at {server} {what}.", "Try again later, or ask your teacher for the address.")
    try:
        detail = json.loads(error.read(MAX_ANSWER))["detail"]
        message, hint = detail["message"], detail["hint"]
        if not isinstance(message, str) or not isinstance(hint, str | None):
            raise TypeError
    except (OSError, http.client.HTTPException, ValueError, TypeError, KeyError, RecursionError):
        return Offline(
            f"{server} did not answer as a class does (HTTP {error.code}).", "Is this the address of your class?"
        )
    return Refused(error.code, one_line(message, 500), one_line(hint, 500) if hint else None)
