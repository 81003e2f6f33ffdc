"""Earlier solutions that a submission builds on: which it imports by their ids, and their sources. Executes nothing."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable

from grader.course.syntax import parse
from grader.model import Course


def imported(source: str, allowed: Iterable[str]) -> tuple[str, ...]:
    """Those of the ids `allowed` that `source` imports (`from topic.name import ...`), in the order of `allowed`."""
    try:
        tree = parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return tuple(id for id in allowed if id.replace("/", ".") in names)


def gather(course: Course, exercise: str, source: str, find: Callable[[str], str]) -> dict[str, str]:
    """The sources of what `source`, a submission for `exercise`, imports, and of what these import; by id.

    `find` gives the source for an id; what it raises goes through.
    """
    found: dict[str, str] = {}
    todo = [(exercise, source)]
    while todo:
        id, text = todo.pop()
        for other in imported(text, course.exercises[id].uses):
            if other not in found:
                found[other] = find(other)
                todo.append((other, found[other]))
    return found


def closure(course: Course, exercise: str) -> tuple[str, ...]:
    """Every exercise that a solution of `exercise` may import, by whatever way; sorted."""
    found: set[str] = set()
    todo = [*course.exercises[exercise].uses]
    while todo:
        id = todo.pop()
        if id not in found:
            found.add(id)
            todo += course.exercises[id].uses
    return tuple(sorted(found))


def of_references(course: Course, exercise: str, source: str) -> dict[str, str]:
    """As `gather`, with the course's own solutions in the place of a learner's: for authors."""
    return gather(course, exercise, source, lambda id: course.reference(id).read_text(encoding="utf-8"))
