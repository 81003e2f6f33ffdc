"""A `@mistake` to start from, made of what students wrote. Text in, text out: nothing is run."""

from __future__ import annotations

import ast
import re

from grader.course.source import mark_of, worked_solution
from grader.course.syntax import parse

Definition = ast.FunctionDef | ast.ClassDef


def draft_mistake(reference: str, source: str, seen: int) -> str:
    """A mistake for each definition of `source` that the reference has too and that is another program there.

    `seen`: how many students wrote it. Where there is none, a comment says so.
    """
    theirs, ours = _definitions(source), _definitions(worked_solution(reference))
    taken = {node.name for node in _tree(reference).body if isinstance(node, Definition) and mark_of(node)}
    parts = []
    for name, node in theirs.items():
        if name in ours and _bare(node) != _bare(ours[name]):
            new = _free(f"seen_{seen}_times", taken)
            taken.add(new)
            parts.append(_marked(source, node, new, seen))
    helpers = [ast.get_source_segment(source, node) or "" for name, node in theirs.items() if name not in ours]
    if not parts:
        return "# What they wrote differs from the reference in no function or class that both have.\n"
    note = ["# Several differ: keep the one that is wrong.\n"] if len(parts) > 1 else []
    return "\n\n".join([*note, *helpers, *parts]) + "\n"


def _marked(source: str, node: Definition, new: str, seen: int) -> str:
    body = ast.get_source_segment(source, node) or ""
    renamed = re.sub(rf"^(\s*(?:def|class)\s+){re.escape(node.name)}\b", rf"\g<1>{new}", body, count=1)
    says = f"You ... ({seen} students: what they did, why it is wrong, what should happen)."
    return f'@mistake("{says}", of="{node.name}")\n{renamed}'


def _definitions(source: str) -> dict[str, Definition]:
    return {node.name: node for node in _tree(source).body if isinstance(node, Definition)}


def _tree(source: str) -> ast.Module:
    try:
        return parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


def _bare(node: Definition) -> str:
    """The definition without docstrings and annotations, by which two programs do not differ."""
    copy = parse(ast.unparse(node))
    for inner in ast.walk(copy):
        if isinstance(inner, ast.arg):
            inner.annotation = None
        elif isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                inner.returns = None
            if ast.get_docstring(inner) is not None:
                inner.body = inner.body[1:]
    return ast.dump(copy)


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name
