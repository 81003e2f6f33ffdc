"""What the engine asks of the judge: one grading, with everything read from the course and nothing from the learner's disk."""

from __future__ import annotations

import ast
import functools
import hashlib
import hmac
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader.course.materials import digest
from grader.model import Forbidden, Limits


@dataclass(frozen=True)
class Request:
    """One grading. Paths are the course's; `source` is the learner's text.

    `uses` holds the texts of the learner's earlier solutions that it may import, `reference_uses` the course's own of them.
    """

    course: str
    exercise: str
    source: str
    suite: Path
    reference: Path
    stub: Path
    data: dict[str, Path]
    limits: Limits
    forbid: tuple[Forbidden, ...]
    uses: dict[str, str] = field(default_factory=dict)
    reference_uses: dict[str, Path] = field(default_factory=dict)
    suite_version: int = 1
    salt: str = ""
    class_key: str = ""
    budget_s: float = 0.3
    want_calls: bool = False
    last: bool = True
    seed: str = ""

    @property
    def file(self) -> str:
        """The learner's file as tracebacks name it."""
        return f"{self.exercise}.py"


@dataclass
class Materials:
    """The course's files of one exercise. `program` is the stub's tree; `uses` are the references that its own imports."""

    suite: str
    reference: str
    uses: dict[str, str]
    program: ast.Module | None
    data: dict[str, bytes]
    sha256: str


def read_materials(request: Request) -> Materials:
    """Read suite, reference, stub and data. Raises OSError or UnicodeDecodeError."""
    suite = request.suite.read_text(encoding="utf-8")
    reference = request.reference.read_text(encoding="utf-8")
    stub = request.stub.read_text(encoding="utf-8")
    data = {name: path.read_bytes() for name, path in request.data.items()}
    uses = {id: path.read_text(encoding="utf-8") for id, path in sorted(request.reference_uses.items())}
    sha256 = digest(suite, reference, request.limits, request.forbid, data, uses)
    return Materials(suite, reference, uses, _stub(stub), data, sha256)


@functools.lru_cache(maxsize=64)
def _stub(text: str) -> ast.Module | None:
    return parsed(text)


def base_seed(request: Request, suite_sha256: str) -> bytes:
    """HMAC of (class key or empty; exercise, source, suite, salt, what it imports): the same source gets the same verdict.

    A `seed` that is given takes the place of the sources.
    """
    used = [text for pair in sorted(request.uses.items()) for text in pair]
    sources = ("seed", request.seed) if request.seed else (request.source,)
    parts = (request.exercise, *sources, suite_sha256, request.salt, *(() if request.seed else used))
    coded = [part.encode("utf-8", "surrogatepass") for part in parts]
    message = b"".join(len(part).to_bytes(8, "big") + part for part in coded)
    return hmac.new(request.class_key.encode(), message, hashlib.sha256).digest()


def check_seed(base: bytes, check: str, side: str) -> int:
    """A check's seed for one side. The two sides differ, so that a cell cannot draw what the judge draws."""
    return int.from_bytes(hmac.new(base, f"{side}:{check}".encode(), hashlib.sha256).digest()[:8], "big") >> 1


def parsed(source: str) -> ast.Module | None:
    """The source's tree, or None where it does not parse."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def same_program(a: Any, b: Any) -> bool:
    """Whether two trees are the same program but for comments, white space and docstrings. Stops at the first difference."""
    if type(a) is not type(b):
        return False
    if isinstance(a, ast.AST):
        for name in a._fields:
            x, y = getattr(a, name, None), getattr(b, name, None)
            if name == "body" and isinstance(x, list) and isinstance(y, list):
                x, y = _without_docstring(x), _without_docstring(y)
            if not same_program(x, y):
                return False
        return True
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same_program, a, b))
    return bool(a == b)


def _without_docstring(body: list[Any]) -> list[Any]:
    first = body[0] if body else None
    is_text = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    return body[1:] if is_text else body
