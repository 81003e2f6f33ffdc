"""Looks at a learner's source before it is graded, and at a reference before it is shown. Runs neither."""

from __future__ import annotations

import ast
import warnings
from typing import TYPE_CHECKING, Any

from grader.course.files import SourceError
from grader.course.syntax import parse
from grader.course.workspace import Workspace
from grader.model import Course, Exercise

if TYPE_CHECKING:
    from grader.model import Verdict

TITLE = "The file can be read as Python"
MARKS = ("mistake", "alternative")


def readable(workspace: Workspace, exercise: Exercise) -> str | Verdict:
    """The source to grade; of a file that is none, the verdict that says so.

    Raises UsageError where the file is missing or cannot be opened.
    """
    text = ""
    try:
        # A byte order mark is no part of the program, and Python takes it for a stray character.
        text = workspace.read(exercise.id).removeprefix("\ufeff")
        check_source(text, f"{exercise.id}.py")
    except SourceError as error:
        message = f"{error.message} {error.hint}" if error.hint else error.message
        return refusal(workspace.course, exercise, message, error.line, text)
    return text


def check_source(source: str, name: str) -> None:
    """Raise SourceError where `source`, the text of the file `name`, is empty or does not parse."""
    if not source.strip():
        raise SourceError("The file is empty.", "`gradlings reset` puts the stub back, `gradlings restore` an attempt.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape in a string is no business of ours
            parse(source, name)
    except SyntaxError as error:
        line = error.lineno
        place = f" on line {line}" if line else ""
        raise SourceError(f"{error.msg}{place}.", "Python cannot read the file from there on.", line) from None
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        reason = str(error) or "its expressions are nested too deeply"
        raise SourceError(f"Python cannot read the file: {reason}.", "Write it in simpler expressions.") from None


def refusal(course: Course, exercise: Exercise, message: str, line: int | None = None, source: str = "") -> Verdict:
    """The verdict on a file that is not graded: status "error" and one check, at `line` of `source`."""
    import hashlib

    from grader.model import Check, Frame, Verdict

    lines = source.splitlines()
    shown = lines[line - 1].strip()[:200] if line and line <= len(lines) else ""
    frames = (Frame(f"{exercise.id}.py", line, shown),) if line else ()
    return Verdict(
        course.name,
        exercise.id,
        "error",
        0.0,
        (Check("source", TITLE, "error", message, traceback=frames),),
        message=message,
        source_sha256=hashlib.sha256(source.encode()).hexdigest(),
        suite_version=exercise.suite_version,
    )


def statement(course: Course, exercise: str) -> str:
    """The docstring of the exercise's stub. The learner's own file may have lost it.

    Raises OSError; ValueError or SyntaxError where the stub is no Python.
    """
    source = course.stub(exercise).read_text(encoding="utf-8")
    return ast.get_docstring(parse(source)) or ""


def worked_solution(reference: str) -> str:
    """A reference file up to its first mistake or alternative, without the import of the marks."""
    lines = reference.splitlines(keepends=True)
    end = len(lines)
    dropped: set[int] = set()
    for node in parse(reference).body:
        if isinstance(node, ast.ImportFrom) and node.module == "grader.marks":
            dropped.update(range(node.lineno - 1, node.end_lineno or node.lineno))
        elif isinstance(node, ast.FunctionDef | ast.ClassDef) and mark_of(node):
            end = node.decorator_list[0].lineno - 1
            break
    kept = [line for number, line in enumerate(lines[:end]) if number not in dropped]
    # A comment above the first mark is about the marks.
    while end < len(lines) and kept and (not kept[-1].strip() or kept[-1].startswith("#")):
        kept.pop()
    return "".join(kept).rstrip() + "\n"


def mark_of(node: ast.stmt) -> tuple[str, dict[str, Any]] | None:
    """The mark on a definition of a reference, without executing it: "mistake" or "alternative", and the keywords it is given."""
    for item in getattr(node, "decorator_list", []):
        if isinstance(item, ast.Call) and isinstance(item.func, ast.Name) and item.func.id in MARKS:
            return item.func.id, {
                k.arg: k.value.value for k in item.keywords if k.arg and isinstance(k.value, ast.Constant)
            }
    return None
