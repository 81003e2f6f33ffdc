"""A look at the source for forbidden calls, under any alias an import gives them.

Names the line. The cell catches the rest when it is called; deliberate evasion is not this module's business.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from grader.model import Forbidden


def forbidden_uses(tree: ast.Module, forbid: tuple[Forbidden, ...]) -> list[tuple[int, Forbidden]]:
    """The lines that use a forbidden name, in order. What stands under `if __name__ == "__main__":` is not looked at."""
    wanted = {item.name: item for item in forbid}
    nodes = list(_graded(tree)) if wanted else []
    aliases = dict(_imports(nodes))
    found: list[tuple[int, Forbidden]] = []
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found += [
                (node.lineno, wanted[name]) for alias in node.names if (name := f"{node.module}.{alias.name}") in wanted
            ]
        elif isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load):
            dotted = _dotted(node, aliases)
            if dotted in wanted:
                found.append((node.lineno, wanted[dotted]))
    return sorted(set(found), key=lambda use: use[0])


def _imports(nodes: list[ast.AST]) -> Iterator[tuple[str, str]]:
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (
                    (alias.asname or alias.name.partition(".")[0]),
                    (alias.name if alias.asname else alias.name.partition(".")[0]),
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _graded(tree: ast.Module) -> Iterator[ast.AST]:
    for statement in tree.body:
        if not _is_main_block(statement):
            yield from ast.walk(statement)


def _is_main_block(node: ast.stmt) -> bool:
    """By the tree's own nodes: `ast.unparse` recurses, and a condition may be as deep as its author likes."""
    match node:
        case ast.If(test=ast.Compare(left=left, ops=[ast.Eq()], comparators=[right])):
            pass
        case _:
            return False
    match left, right:
        case (ast.Name("__name__"), ast.Constant("__main__")) | (ast.Constant("__main__"), ast.Name("__name__")):
            return True
    return False


def _dotted(node: ast.expr, aliases: dict[str, str]) -> str | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in aliases:
        return None
    return ".".join([aliases[node.id], *reversed(parts)])
