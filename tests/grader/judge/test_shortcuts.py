"""Forbidden names are seen in the source under whatever alias an import gives them."""

from __future__ import annotations

import ast

import pytest

from grader.judge.shortcuts import forbidden_uses
from grader.model import Forbidden

FORBID = (
    Forbidden("torch.softmax", "it is the exercise"),
    Forbidden("torch.nn.functional.softmax", "it is the exercise"),
    Forbidden("aten::_softmax", "it is the exercise"),
)


def lines(source: str) -> list[tuple[int, str]]:
    return [(line, item.name) for line, item in forbidden_uses(ast.parse(source), FORBID)]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import torch\ntorch.softmax(x, -1)", [(2, "torch.softmax")]),
        ("import torch as t\nt.softmax(x, -1)", [(2, "torch.softmax")]),
        ("import torch\nf = torch.softmax", [(2, "torch.softmax")]),
        ("import torch.nn.functional\ntorch.nn.functional.softmax(x)", [(2, "torch.nn.functional.softmax")]),
        ("import torch.nn.functional as F\nF.softmax(x)", [(2, "torch.nn.functional.softmax")]),
        ("from torch.nn import functional as F\nF.softmax(x)", [(2, "torch.nn.functional.softmax")]),
        ("from torch import nn\nnn.functional.softmax(x)", [(2, "torch.nn.functional.softmax")]),
        ("from torch import softmax", [(1, "torch.softmax")]),
        ("from torch import softmax as s\ns(x)", [(1, "torch.softmax"), (2, "torch.softmax")]),
        ("def f(x):\n    from torch import softmax\n    return softmax(x)", [(2, "torch.softmax"), (3, "torch.softmax")]),
        ("class A:\n    import torch\n    s = torch.softmax", [(3, "torch.softmax")]),
        ("import torch\nx = [torch.softmax(a, 0) + torch.softmax(b, 0)]", [(2, "torch.softmax")]),
        ("from torch.nn.functional import softmax\nimport torch\ntorch.softmax", [(1, "torch.nn.functional.softmax"), (3, "torch.softmax")]),  # noqa: E501
    ],
)  # fmt: skip
def test_found(source: str, found: list[tuple[int, str]]) -> None:
    assert lines(source) == found


@pytest.mark.parametrize(
    "source",
    [
        "def softmax(x):\n    return x\nsoftmax(1)",
        "import torch\ntorch.exp(x)",
        "import torch\ntorch.softmax = 1",
        "import other\nother.softmax(x)",
        "torch.softmax(x)",
        "from .torch import softmax\nsoftmax(x)",
        "x = 'torch.softmax'  # torch.softmax",
        "import torch\nif __name__ == '__main__':\n    print(torch.softmax(x, 0))",
        "import torch\nif '__main__' == __name__:\n    print(torch.softmax(x, 0))",
        # The learner's own softmax, compared with the library's when the file is run by itself.
        "def softmax(x):\n    return x\ndef loss(x):\n    return softmax(x)\n"
        "if __name__ == '__main__':\n    from torch import softmax\n    print(softmax(1))",
        "",
    ],
)
def test_not_found(source: str) -> None:
    assert lines(source) == []


def test_another_condition_is_looked_at() -> None:
    assert lines("import torch\nif __name__ != '__main__':\n    torch.softmax(x)") == [(3, "torch.softmax")]


def test_a_condition_of_any_depth_is_looked_at() -> None:
    tree = ast.parse("if x:\n    pass\n")
    test: ast.expr = ast.Constant(1)
    for _ in range(5000):
        test = ast.UnaryOp(ast.Not(), test)
    tree.body[0].test = test  # type: ignore[attr-defined]
    assert forbidden_uses(tree, FORBID) == []
