"""Relations that hold are told; what may hold by chance is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from grader.judge.relation import relation

Gather = Callable[..., Any]
REFERENCE = "import numpy as np\ndef f(x):\n    return x\n"
FIRST, SECOND = np.arange(1.0, 7.0).reshape(2, 3), np.arange(1.0, 10.0).reshape(3, 3) ** 1.5


def told(gathered: Gather, body: str, *inputs: Any) -> str | None:
    source = f"import numpy as np\ndef f(x):\n    return {body}\n"
    inputs = inputs or (FIRST, SECOND)
    _, evidence = gathered(REFERENCE, source, {f"check {i}": lambda s, x=x: s.f(x) for i, x in enumerate(inputs)})
    return relation(evidence)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("8 * x", "Yours is 8 times the expected."),
        ("x / 3", "Yours is 0.333333 times the expected."),
        ("-x", "Yours is the expected with its sign turned."),
        ("-2.5 * x", "Yours is -2.5 times the expected."),
        ("x + 1", "Yours is the expected plus 1."),
        ("x - 0.5", "Yours is the expected plus -0.5."),
        ("x.T", "Yours is the expected, transposed (last two axes exchanged)."),
        ("x[:, ::-1]", "Yours is the expected, reversed along its last axis."),
        ("x[::-1]", "Yours is the expected, reversed along its first axis."),
        ("x * x", "Yours is the expected, squared."),
        ("x * (1 + 1e-7)", None),
        ("x ** 3", None),
        ("x * np.arange(3)", None),
        ("x * x.shape[0]", None),
        ("x + x.shape[0]", None),
        ("x[:1]", None),
        ("x * np.nan", None),
        ("x * 0", None),
        ("list(x)", None),
        ("1 / 0", None),
        ("x", None),
    ],
)
def test_relations(gathered: Gather, body: str, sentence: str | None) -> None:
    assert told(gathered, body) == sentence


def test_one_shape_is_not_enough(gathered: Gather) -> None:
    assert told(gathered, "2 * x", FIRST, FIRST + 1) is None


def test_few_values_are_not_enough(gathered: Gather) -> None:
    few = np.array([1.0, 2.0, 3.0] * 4)
    assert told(gathered, "2 * x", few, few.reshape(3, 4)) is None
    assert told(gathered, "2 * x", FIRST, few) is None


def test_it_must_hold_of_every_array_that_differs(gathered: Gather) -> None:
    odd = np.array([1.0, 2.0])  # too few values to tell anything, and enough to contradict
    assert told(gathered, "2 * x", FIRST, SECOND, odd) == "Yours is 2 times the expected."
    assert told(gathered, "2 * x if x.ndim == 2 else 3 * x", FIRST, SECOND, odd) is None
    assert told(gathered, "2 * x if x.ndim == 2 else x * np.nan", FIRST, SECOND, odd) is None
    assert told(gathered, "2 * x if x.ndim == 2 else x[:1]", FIRST, SECOND, odd) is None


def test_arrays_that_agree_do_not_contradict(gathered: Gather) -> None:
    masked = np.array([1.0, -np.inf, np.nan, 5.0])
    assert told(gathered, "2 * x if x.ndim == 2 else x", FIRST, SECOND, masked, np.arange(4.0)) == (
        "Yours is 2 times the expected."
    )


def test_arrays_inside_containers_count(gathered: Gather) -> None:
    source = "def f(x):\n    return (2 * x, [x])\n"
    _, evidence = gathered("def f(x):\n    return (x, [x])\n", source, {"a": lambda s: (s.f(FIRST), s.f(SECOND))})
    assert relation(evidence) == "Yours is 2 times the expected."


def test_integers_count_and_bools_do_not(gathered: Gather) -> None:
    whole = np.arange(1, 7)
    assert told(gathered, "3 * x", whole, whole.reshape(2, 3)) == "Yours is 3 times the expected."
    mask = np.array([True, False, True, False])
    assert told(gathered, "~x", mask, mask.reshape(2, 2)) is None
