"""Small edits of a reference solution: each is a wrong program, or an equal one, that the suite must tell.

Edits operators, comparisons, constants, axes and flags, and drops statements, in what a learner writes: not in what is
marked as a mistake or an alternative, nor in helpers only these use. Mutation analysis as in DeMillo, Lipton and
Sayward (1978).
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

from grader.course.source import mark_of

_BINARY: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
}
_COMPARE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}

_TWINS = [("min", "max"), ("amin", "amax"), ("argmin", "argmax"), ("sin", "cos"), ("sum", "mean"), ("ones", "zeros"),
          ("floor", "ceil"), ("minimum", "maximum"), ("any", "all"),
          ("ones_like", "zeros_like"), ("append", "extend")]  # fmt: skip
_NAMES = {**dict(_TWINS), **{b: a for a, b in _TWINS}}


@dataclass(frozen=True)
class Mutant:
    """One edit. `label` names it without line numbers (`softmax: a - b -> a + b`), so that it survives edits elsewhere."""

    label: str
    line: int
    source: str


def mutants(source: str) -> list[Mutant]:
    """Every mutant of `source`, each label once."""
    tree = ast.parse(source)
    found: dict[str, Mutant] = {}
    targets = _solution_nodes(tree)
    for path, node in _walk(tree, targets):
        for changed in _edits(node):
            mutated = _replaced(tree, path, changed)
            before, after = _text(node), _text(changed)
            plain = label = f"{_owner(tree, path)}: {before} -> {after or 'dropped'}"
            number = 2
            while label in found:
                label = f"{plain} #{number}"
                number += 1
            found[label] = Mutant(label, getattr(node, "lineno", 0), ast.unparse(mutated))
    return list(found.values())


def variant(source: str, of: str, name: str) -> str:
    """`source` with its function or class `of` replaced by `name`: how a mistake or an alternative is submitted."""
    return f"{source}\n\n{of} = {name}\n"


Path = tuple[tuple[str, int | None], ...]


def _solution_nodes(tree: ast.Module) -> set[int]:
    """Indices of the top-level definitions that belong to the solution itself."""
    definitions = {node.name: i for i, node in enumerate(tree.body) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    open_names = [name for name, i in definitions.items() if not mark_of(tree.body[i]) and not name.startswith("_")]
    reached: set[str] = set()
    while open_names:
        name = open_names.pop()
        if name in reached:
            continue
        reached.add(name)
        used = {node.id for node in ast.walk(tree.body[definitions[name]]) if isinstance(node, ast.Name)}
        open_names += [other for other in used if other in definitions and not mark_of(tree.body[definitions[other]])]
    return {definitions[name] for name in reached}


def _walk(tree: ast.Module, targets: set[int]) -> Iterator[tuple[Path, ast.AST]]:
    for i in sorted(targets):
        yield from _below(tree.body[i], (("body", i),))


def _below(node: ast.AST, path: Path) -> Iterator[tuple[Path, ast.AST]]:
    yield path, node
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "type_comment"):
            continue
        if isinstance(value, list):
            for i, item in enumerate(value):
                if isinstance(item, ast.AST) and not (field == "body" and i == 0 and _is_docstring(item)):
                    yield from _below(item, (*path, (field, i)))
        elif isinstance(value, ast.AST):
            yield from _below(value, (*path, (field, None)))


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _edits(node: ast.AST) -> Iterator[ast.AST]:
    changed = copy.deepcopy(node)
    match node:
        case ast.BinOp(op=op) if type(op) in _BINARY:
            changed.op = _BINARY[type(op)]()  # type: ignore[attr-defined]
            yield changed
        case ast.AugAssign(op=op) if type(op) in _BINARY:
            changed.op = _BINARY[type(op)]()  # type: ignore[attr-defined]
            yield changed
            yield ast.Pass()
        case ast.Compare(ops=[op]):
            if type(op) in _COMPARE:
                changed.ops = [_COMPARE[type(op)]()]  # type: ignore[attr-defined]
                yield changed
        case ast.Attribute(attr=name) if name in _NAMES:
            changed.attr = _NAMES[name]  # type: ignore[attr-defined]
            yield changed
        case ast.Call(func=ast.Name(id=name)) if name in _NAMES:
            changed.func.id = _NAMES[name]  # type: ignore[attr-defined]
            yield changed
        case ast.Call(func=ast.Name() | ast.Attribute(), args=[argument], keywords=[]) if not isinstance(
            argument, ast.Starred
        ):
            yield copy.deepcopy(argument)
        case ast.Call(func=ast.Attribute(value=receiver), args=[]):
            yield copy.deepcopy(receiver)
        case ast.UnaryOp(op=ast.USub() | ast.Not() | ast.Invert(), operand=operand):
            yield copy.deepcopy(operand)
        case ast.BoolOp(op=op):
            changed.op = ast.Or() if isinstance(op, ast.And) else ast.And()  # type: ignore[attr-defined]
            yield changed
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() as value):
            yield ast.Constant(value + 1)
            if value:
                yield ast.Constant(value - 1)
        case ast.Constant(value=float() as value):
            yield ast.Constant(value * 2 if value else 1.0)
        case ast.IfExp(body=body, orelse=orelse):
            yield copy.deepcopy(body)
            yield copy.deepcopy(orelse)
        case ast.Expr(value=value) if not isinstance(value, ast.Constant):
            yield ast.Pass()
        case ast.If(body=body, orelse=orelse):
            changed.body = [ast.Pass()]  # type: ignore[attr-defined]
            yield changed
        case ast.Raise():
            yield ast.Pass()


def _replaced(tree: ast.Module, path: Path, changed: ast.AST) -> ast.Module:
    copied = copy.deepcopy(tree)
    parent: ast.AST = copied
    for field, index in path[:-1]:
        value = getattr(parent, field)
        parent = value if index is None else value[index]
    field, index = path[-1]
    if index is None:
        setattr(parent, field, changed)
    else:
        getattr(parent, field)[index] = changed
    return ast.fix_missing_locations(copied)


def _owner(tree: ast.Module, path: Path) -> str:
    names = []
    node: ast.AST = tree
    for field, index in path:
        value = getattr(node, field)
        node = value if index is None else value[index]
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.append(node.name)
    return ".".join(names) or "module"


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Pass):
        return ""
    text = " ".join(ast.unparse(ast.fix_missing_locations(copy.deepcopy(node))).split())
    return text if len(text) <= 90 else text[:87] + "..."
