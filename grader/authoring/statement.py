"""What can be told of an exercise's files without running them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from grader.authoring.report import Finding
from grader.course.source import mark_of
from grader.model import Course, Exercise

# Levels ask for more as an exercise grows up.
MISTAKES = {"draft": 0, "class": 1, "published": 3}
ALTERNATIVES = {"draft": 0, "class": 0, "published": 1}
HINTS = {"draft": 0, "class": 1, "published": 3}
MIN_WORDS = {"draft": 0, "class": 20, "published": 60}
_SHAPE = re.compile(r"\bshape|\(\s*[.…]{0,3},?\s*[a-zA-Z_0-9]+\s*,.*?\)|\bscalar|\bnumber", re.IGNORECASE)
_DTYPE = re.compile(r"\b(float\d*|int\d*|bool|str|bytes|complex\d*|dtype|number|class)\b", re.IGNORECASE)
_SOURCE = re.compile(r"\b(arxiv|et al|section|sect\.|§|chapter|doi|isbn|source|sources|rfc)\b|§", re.IGNORECASE)


def static_findings(course: Course, exercise: Exercise, stub: str, reference: str, suite: str) -> Iterator[Finding]:
    """Statement, stub, suite titles and hints."""
    at = f"exercises/{exercise.id}.py"
    statement = ast.get_docstring(ast.parse(stub)) or ""
    if len(statement.split()) < MIN_WORDS[exercise.level]:
        yield Finding(
            at,
            "the statement (the stub's docstring) is too short",
            "say what, why, formula, shapes, an example, the source",
        )
    if exercise.level == "published":
        arrays = re.search(r"^\s*(import|from) (numpy|torch)\b", stub, re.MULTILINE)
        for pattern, what in ((_SHAPE, "shapes"), (_DTYPE, "types or dtypes"), (_SOURCE, "source")):
            if (arrays or what != "shapes") and not pattern.search(statement):
                yield Finding(at, f"the statement names no {what}", f"add {what} to the docstring")
    if len(exercise.hints) < HINTS[exercise.level]:
        yield Finding(
            f"exercises/{exercise.topic}/topic.toml",
            f"{exercise.id} has {len(exercise.hints)} hints",
            "write the idea, the shapes, the equation, the line",
        )
    yield from _answer_in_stub(at, stub, reference)
    yield from _lost_marks(f"reference/{exercise.id}.py", reference, len(exercise.hints))
    yield from _own_names(f"reference/{exercise.id}.py", reference)
    yield from _untitled(f"tests/exercises/{exercise.topic}/test_{exercise.name}.py", suite)
    for data in exercise.data:
        if not course.data(exercise.id, data).is_file():
            problem = f"{exercise.id}: {data} is not there"
            yield Finding(f"exercises/{exercise.topic}/topic.toml", problem, "put it into the topic's data folder")


def _answer_in_stub(at: str, stub: str, reference: str) -> Iterator[Finding]:
    """No function of the stub may already be what the reference has."""
    given = dict(_bodies(ast.parse(stub)))
    for name, body in _bodies(ast.parse(reference)):
        if given.get(name) == body and "NotImplementedError" not in body and len(body) > 120:
            yield Finding(at, f"`{name}` is already the reference's", "leave the body for the learner")


def _bodies(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            yield node.name, "".join(ast.dump(statement) for statement in body)


def _lost_marks(at: str, reference: str, hints: int) -> Iterator[Finding]:
    """Mistakes and alternatives that stand for nothing, or point to a hint that is not there."""
    tree = ast.parse(reference)
    defined = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    for name, node in defined.items():
        _, given = mark_of(node) or ("", {})
        of, hint = given.get("of"), given.get("hint")
        # Of a method only the class is looked for: it may be inherited.
        if isinstance(of, str) and of.partition(".")[0] not in defined:
            yield Finding(at, f"`{name}` stands for `{of}`, which is not in the file", "name what it replaces")
        if isinstance(hint, int) and not 1 <= hint <= hints:
            yield Finding(at, f"`{name}` points to hint {hint} of {hints}", "hints are counted from 1")


def _own_names(at: str, reference: str) -> Iterator[Finding]:
    """No marked function may use the name that it takes the place of: there it is the function itself."""
    for node in ast.parse(reference).body:
        mark = mark_of(node)
        if mark is None or not isinstance(node, ast.FunctionDef):
            continue
        of = mark[1].get("of")
        if any(isinstance(each, ast.Name) and each.id == of for line in node.body for each in ast.walk(line)):
            yield Finding(
                at, f"{node.name} uses `{of}`, which is {node.name} itself in its place", "use a helper of another name"
            )


def _untitled(at: str, suite: str) -> Iterator[Finding]:
    for node in ast.walk(ast.parse(suite)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and not ast.get_docstring(node):
            yield Finding(at, f"{node.name} has no docstring", "its first line is the check's title")
