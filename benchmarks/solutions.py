"""Right solutions as a learner's file holds them: the reference without its mistakes and alternatives."""

from __future__ import annotations

import ast


def learners_file(reference: str) -> str:
    """`reference` without what is marked and without the import of the marks."""
    tree = ast.parse(reference)
    tree.body = [node for node in tree.body if not _is_marked(node) and not _is_import_of_marks(node)]
    return ast.unparse(tree)


def _is_marked(node: ast.stmt) -> bool:
    return any(
        isinstance(item, ast.Call) and isinstance(item.func, ast.Name) and item.func.id in ("mistake", "alternative")
        for item in getattr(node, "decorator_list", [])
    )


def _is_import_of_marks(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "grader.marks"
