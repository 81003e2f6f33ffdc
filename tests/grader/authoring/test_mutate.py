"""Every kind of edit, where edits are made and where not, and labels that can be argued about."""

from __future__ import annotations

import ast

import pytest

from grader.authoring.mutate import mutants, variant


def edits(body: str, args: str = "x, y, f") -> list[str]:
    """What the mutants of a function with this body have in its place, without the function's name."""
    found = mutants(f"def g({args}):\n    {body}\n")
    return [mutant.label.removeprefix("g: ") for mutant in found]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return x + y", ["x + y -> x - y"]),
        ("return x - y", ["x - y -> x + y"]),
        ("return x * y", ["x * y -> x / y"]),
        ("return x / y", ["x / y -> x * y"]),
        ("return x // y", ["x // y -> x / y"]),
        ("return x % y", ["x % y -> x // y"]),
        ("return x ** y", ["x ** y -> x * y"]),
        ("return x @ y", []),
        ("x += y", ["x += y -> x -= y", "x += y -> dropped"]),
        ("return x < y", ["x < y -> x <= y"]),
        ("return x <= y", ["x <= y -> x < y"]),
        ("return x > y", ["x > y -> x >= y"]),
        ("return x >= y", ["x >= y -> x > y"]),
        ("return x == y", ["x == y -> x != y"]),
        ("return x != y", ["x != y -> x == y"]),
        ("return x is y", ["x is y -> x is not y"]),
        ("return x is not y", ["x is not y -> x is y"]),
        ("return x in y", ["x in y -> x not in y"]),
        ("return x not in y", ["x not in y -> x in y"]),
        ("return -x", ["-x -> x"]),
        ("return not x", ["not x -> x"]),
        ("return ~x", ["~x -> x"]),
        ("return x and y", ["x and y -> x or y"]),
        ("return x or y", ["x or y -> x and y"]),
        ("return True", ["True -> False"]),
        ("return 3", ["3 -> 4", "3 -> 2"]),
        ("return 0", ["0 -> 1"]),
        ("return 0.5", ["0.5 -> 1.0"]),
        ("return 0.0", ["0.0 -> 1.0"]),
        ("return 'text'", []),
        ("return None", []),
        ("return x if y else f", ["x if y else f -> x", "x if y else f -> f"]),
        ("return x.sum", ["x.sum -> x.mean"]),
        ("return min(x, y)", ["min(x, y) -> max(x, y)"]),
        ("return f(x)", ["f(x) -> x"]),
        ("return f(*x)", []),
        ("return x.clone()", ["x.clone() -> x"]),
        ("f(x, y)", ["f(x, y) -> dropped"]),
        ("raise x", ["raise x -> dropped"]),
        ("'a docstring'", []),
    ],
)
def test_operators(body: str, expected: list[str]) -> None:
    assert edits(body) == expected


def test_a_branch_is_emptied() -> None:
    labels = edits("if x:\n        y = f\n    return y")
    assert labels == ["if x: y = f -> if x: pass"]


def test_axes_and_defaults_are_constants_too() -> None:
    assert "-1 -> 1" in edits("return x.softmax(dim=-1)")
    assert edits("return x", "x, eps=1e-05") == ["1e-05 -> 2e-05"]


def test_types_and_docstrings_are_left_alone() -> None:
    source = 'def g(x: "3" = None) -> list[3]:\n    """Takes 3."""\n    y: tuple[3, 4] = x\n    return y\n'
    assert mutants(source) == []


SOURCE = '''
"""A reference."""
from grader.marks import alternative, mistake

def shown(x):
    return _used(x) + 1

def _used(x):
    return x * 2

def _of_mistakes(x):
    return x / 5

@mistake("wrong", of="shown")
def wrong(x):
    return _of_mistakes(x) - 7

@alternative("other", of="shown")
def other(x):
    return _of_mistakes(x) - 8

class Net:
    def forward(self, x):
        return x > 0
'''


def test_only_what_a_learner_writes_is_edited() -> None:
    owners = {mutant.label.partition(":")[0] for mutant in mutants(SOURCE)}
    assert owners == {"shown", "_used", "Net.forward"}


def test_every_mutant_is_a_program_that_differs_in_one_place() -> None:
    original = ast.unparse(ast.parse(SOURCE)).splitlines()
    for mutant in mutants(SOURCE):
        lines = mutant.source.splitlines()
        assert len(lines) == len(original)
        assert sum(a != b for a, b in zip(lines, original, strict=True)) == 1
        assert SOURCE.splitlines()[mutant.line - 1].strip() in " ".join(original)


def test_labels_are_unique_and_do_not_move() -> None:
    source = "def g(x):\n    return x + 1 + (x + 1) * (x + 1)\n"
    labels = [mutant.label for mutant in mutants(source)]
    assert len(set(labels)) == len(labels)
    assert {"g: x + 1 -> x - 1", "g: x + 1 -> x - 1 #2", "g: x + 1 -> x - 1 #3"} <= set(labels)
    moved = [mutant.label for mutant in mutants("import math\n\n\ndef before(y):\n    pass\n\n\n" + source)]
    assert moved == labels


def test_labels_with_a_number_sign_in_them_stay_whole() -> None:
    source = "def g(x):\n    return [x + ' # 1', x + ' # 1']\n"
    assert [mutant.label for mutant in mutants(source)] == [
        "g: x + ' # 1' -> x - ' # 1'",
        "g: x + ' # 1' -> x - ' # 1' #2",
    ]


def test_long_labels_are_cut() -> None:
    (label,) = [one for one in edits("return f(" + "x" * 200 + ", y) == 'z'") if "==" in one or "..." in one]
    assert len(label) < 200


def test_a_variant_has_the_other_in_its_place() -> None:
    names: dict[str, object] = {}
    exec(variant(SOURCE, "shown", "wrong"), names)
    assert names["shown"] is names["wrong"]
