"""What opens doors: tokens, class codes, receipts. Stateless.

A token has 192 bits from the system's generator, so a plain SHA-256 of it is what the database keeps. A class code is short, to
be read aloud; whoever guesses at it is slowed down elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta

# None of 0 O 1 I L U: read aloud and copied from a board.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 8
DEVICE = timedelta(days=400)
BROWSER = timedelta(days=30)


def new_token() -> str:
    """A token for a program or a browser."""
    return "gl_" + secrets.token_urlsafe(24)


def hashed(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def new_key() -> str:
    """A key of the class: for seeds, or for receipts."""
    return secrets.token_hex(32)


def new_code() -> str:
    """A class code."""
    return "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))


def new_invitation() -> str:
    """A code for one person, in three groups: 59 bits, used once."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(3))


def typed(code: str) -> str:
    """A code as it is compared: case, spaces and dashes do not matter."""
    return "".join(char for char in code.upper() if char.isalnum())


def same_code(given: str, code: str) -> bool:
    """Whether the class code was typed."""
    return hmac.compare_digest(typed(given).encode("utf-8", "surrogatepass"), code.encode())


def ends_at(lasts: timedelta) -> str:
    """When something that is made now ends, as the database keeps times."""
    return (datetime.now(UTC) + lasts).isoformat(timespec="milliseconds")


def receipt(key: str, submission: int, person: int, exercise: str, source_sha256: str, at: str) -> str:
    """The class's signature under "this was accepted at that time": HMAC-SHA256, hexadecimal."""
    text = "\n".join(["gradlings receipt 1", str(submission), str(person), exercise, source_sha256, at])
    return hmac.new(bytes.fromhex(key), text.encode(), hashlib.sha256).hexdigest()
