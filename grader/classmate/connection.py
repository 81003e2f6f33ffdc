"""Asks the class server: JSON over HTTP. Whatever it answers is data, bounded and cleaned; every failure is told in words.

GradlingsError
|-- Offline        3  the server cannot be reached, has a problem of its own, or is no server of a class
`-- Refused        2  the server understood, and said no
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import ssl
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from grader.errors import GradlingsError, UsageError
from grader.text import one_line

# Silence may last so long, and an answer in all: a server that sends a byte now and then is not waited for without end.
SILENCE_S = 20.0
ANSWER_S = 60.0
MAX_ANSWER = 8 << 20
# Refusals that pass: whoever asks again later, or with another token, may be heard.
PASSING = (401, 403, 408, 425, 429)


class Offline(GradlingsError):
    """The server cannot be reached, or does not answer as one of a class does."""


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


def server_of(url: str, *, insecure: bool = False) -> str:
    """The server's address as it is kept. Raises UsageError where it is none, or others could listen on the way."""
    wrong = UsageError(
        f"{one_line(url, 100)} is no address of a class.",
        "Write it as your teacher did, such as https://HOST or http://localhost:8765.",
    )
    try:
        parts = urlsplit(url if "://" in url else f"//{url}", scheme="")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise wrong from None
    if not host or "@" in parts.netloc or parts.query or parts.fragment or not (host + parts.path).isprintable():
        raise wrong
    scheme = parts.scheme or ("http" if _is_loopback(host) else "https")
    if scheme not in ("http", "https") or " " in host + parts.path:
        raise wrong
    if scheme == "http" and not insecure and not _is_loopback(host):
        raise UsageError(
            "Over http:// everybody on the way can read your token, and hand in as you.",
            "Use the https:// address, or say --insecure where you trust the network, as in a classroom.",
        )
    name = f"[{host}]" if ":" in host else host
    return f"{scheme}://{name}{'' if port is None else f':{port}'}{parts.path.rstrip('/')}"


def no_class(server: str) -> Offline:
    """What is raised where something answers that is no server of a class."""
    return Offline(f"{server} did not answer as a class does.", "Is this the address of your class?")


def ask(server: str, method: str, path: str, token: str = "", given: Any = None) -> Any:
    """What the server answers, from JSON. Raises Offline, or Refused where it said no."""
    headers = {"Accept": "application/json", "User-Agent": "gradlings"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None
    if given is not None:
        data = json.dumps(given).encode()
        headers["Content-Type"] = "application/json"
    try:
        request = urllib.request.Request(f"{server}/api{path}", data, headers, method=method)
        try:
            with _opener(server).open(request, timeout=SILENCE_S) as answer:
                body = _body(server, answer)
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(server, error, _body(server, error)) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _unreached(server, getattr(error, "reason", None) or error) from None
    return _json(server, body) if body else None


def _opener(server: str) -> urllib.request.OpenerDirector:
    # What runs on this machine is not reached through a proxy, which would look for it on its own.
    own = _is_loopback(urlsplit(server).hostname or "")
    return urllib.request.build_opener(_NoRedirects, *([urllib.request.ProxyHandler({})] if own else []))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _body(server: str, answer: Any) -> bytes:
    """What is read of an answer, which is bounded in bytes and in time."""
    end = time.monotonic() + ANSWER_S
    body = bytearray()
    while chunk := answer.read1(1 << 16):
        body += chunk
        if len(body) > MAX_ANSWER:
            raise Offline(
                f"{server} answered with more than {MAX_ANSWER >> 20} MiB.", "Is this the address of your class?"
            )
        if time.monotonic() > end:
            raise Offline(f"{server} took more than {ANSWER_S:.0f} s to answer.", "Try again later.")
    return bytes(body)


def _json(server: str, body: bytes) -> Any:
    def refuse(name: str) -> None:
        raise ValueError(name)  # NaN and Infinity, which are no JSON

    try:
        return json.loads(body, parse_constant=refuse)
    except (ValueError, RecursionError):
        raise no_class(server) from None


def _refusal(server: str, error: urllib.error.HTTPError, body: bytes) -> GradlingsError:
    if 300 <= error.code < 400:
        return Offline(
            f"{server} sends elsewhere: {one_line(error.headers.get('Location') or 'it does not say where')}.",
            "Your token goes to no other server than the one you joined. Ask your teacher for the address.",
        )
    message, hint = _told(server, body)
    if error.code >= 500:
        told = f": {message}" if message else "."
        return Offline(f"The class at {server} has a problem of its own (HTTP {error.code}){told}", "Try again later.")
    if not message:
        return no_class(server)
    return Refused(error.code, message, hint)


def _told(server: str, body: bytes) -> tuple[str, str | None]:
    """The message and the hint of a refusal, made safe to show; "" where there is none of ours."""
    try:
        detail = _json(server, body)["detail"]
        message, hint = detail["message"], detail.get("hint")
    except (Offline, TypeError, KeyError, AttributeError):
        return "", None
    if not isinstance(message, str):
        return "", None
    return one_line(message, 500), one_line(hint, 500) if isinstance(hint, str) and hint else None


def _unreached(server: str, reason: object) -> Offline:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return Offline(
            f"The certificate of {server} does not hold: {one_line(reason.verify_message)}.",
            "Nothing was sent. Ask your teacher for the address; the clock of this computer has to be right.",
        )
    return Offline(
        f"The class at {server} cannot be reached: {one_line(str(reason)) or type(reason).__name__}.",
        "See that you are online, and that the class's server runs.",
    )
