"""What the engine asks of the judge: one grading, with everything read from the course and nothing from the learner's disk."""

from __future__ import annotations

import ast
import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from grader.model import Forbidden, Limits


@dataclass(frozen=True)
class Request:
    """One grading. Paths are the course's; `source` is the learner's text."""

    course: str
    exercise: str
    source: str
    suite: Path
    reference: Path
    stub: Path
    data: dict[str, Path]
    limits: Limits
    forbid: tuple[Forbidden, ...]
    suite_version: int = 1
    salt: str = ""
    class_key: str = ""
    budget_s: float = 0.3
    want_calls: bool = False

    @property
    def file(self) -> str:
        """The learner's file as tracebacks name it."""
        return f"{self.exercise}.py"


@dataclass
class Materials:
    """The course's files of one exercise, read once and kept while they do not change."""

    suite: str
    reference: str
    stub: str
    data: dict[str, bytes]
    sha256: str


def read_materials(request: Request) -> Materials:
    """Read suite, reference, stub and data. Raises OSError or UnicodeDecodeError."""
    suite = request.suite.read_text(encoding="utf-8")
    reference = request.reference.read_text(encoding="utf-8")
    stub = request.stub.read_text(encoding="utf-8")
    data = {name: path.read_bytes() for name, path in request.data.items()}
    digest = hashlib.sha256()
    limits = msgspec.json.encode([request.limits, request.forbid])
    for part in (
        suite.encode(),
        reference.encode(),
        limits,
        *(b for pair in sorted(data.items()) for b in (pair[0].encode(), pair[1])),
    ):
        digest.update(len(part).to_bytes(8, "big") + part)
    return Materials(suite, reference, stub, data, digest.hexdigest())


def base_seed(request: Request, suite_sha256: str) -> bytes:
    """HMAC of (class key or empty; exercise, source, suite, salt): the same source gets the same verdict."""
    parts = (request.exercise, request.source, suite_sha256, request.salt)
    message = b"".join(len(part.encode()).to_bytes(8, "big") + part.encode("utf-8", "surrogatepass") for part in parts)
    return hmac.new(request.class_key.encode(), message, hashlib.sha256).digest()


def check_seed(base: bytes, check: str, side: str) -> int:
    """A check's seed for one side. The two sides differ, so that a cell cannot draw what the judge draws."""
    return int.from_bytes(hmac.new(base, f"{side}:{check}".encode(), hashlib.sha256).digest()[:8], "big") >> 1


def same_program(source: str, stub: str) -> bool:
    """Whether two sources are the same program but for comments, white space and docstrings."""
    return _skeleton(source) == _skeleton(stub)


def _skeleton(source: str) -> str | None:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    for node in ast.walk(tree):
        body: Any = getattr(node, "body", None)
        if (
            isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
            and isinstance(body[0].value.value, str)
        ):
            del body[0]
    return ast.dump(tree)
