"""The data of a failed comparison is small and plain enough for JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

from grader.judge.comparison import MAX_ELEMENTS, comparison
from grader.testing import Mismatch, assert_close


def of(actual: Any, expected: Any) -> dict[str, Any] | None:
    with pytest.raises(Mismatch) as caught:
        assert_close(actual, expected)
    return comparison(caught.value)


def test_both_sides_travel() -> None:
    data = of(torch.tensor([[1.0, 2.0], [3.0, 9.0]]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert data == {
        "actual": {"dtype": "float32", "shape": [2, 2], "values": [1.0, 2.0, 3.0, 9.0]},
        "expected": {"dtype": "float32", "shape": [2, 2], "values": [1.0, 2.0, 3.0, 4.0]},
        "worst": [1, 1],
        "rtol": 1e-5,
        "atol": 1e-6,
    }


def test_what_json_does_not_know_travels_as_text() -> None:
    data = of(torch.tensor([float("nan"), float("inf"), -float("inf")]), torch.zeros(3))
    assert data is not None
    assert data["actual"]["values"] == ["NaN", "Infinity", "-Infinity"]
    assert data["worst"] == [0]
    json.dumps(data, allow_nan=False)
    data = of(np.array([1 + 2j]), np.array([1 - 2j]))
    assert data is not None
    assert data["actual"]["values"] == ["1+2j"]


def test_bools_and_ints_stay_what_they_are() -> None:
    data = of(np.array([True, False]), np.array([True, True]))
    assert data is not None
    assert data["actual"] == {"dtype": "bool", "shape": [2], "values": [True, False]}
    data = of(np.array([2**63 - 1]), np.array([0]))
    assert data is not None
    assert data["actual"]["values"] == [2**63 - 1]


@pytest.mark.parametrize(("size", "there"), [(MAX_ELEMENTS, True), (MAX_ELEMENTS + 1, False)])
def test_large_sides_travel_without_values(size: int, there: bool) -> None:
    data = of(np.ones(size), np.zeros(size))
    assert data is not None
    assert (data["actual"]["values"] is not None) is there
    assert data["actual"]["shape"] == [size]


def test_shapes_that_differ_can_be_drawn() -> None:
    data = of(np.ones((2, 1)), np.ones(2))
    assert data is not None
    assert (data["actual"]["shape"], data["expected"]["shape"], data["worst"]) == ([2, 1], [2], None)


@pytest.mark.parametrize(("actual", "expected"), [(1.0, 2.0), ("a", "b"), (None, np.ones(2)), ([1.0], np.ones(1))])
def test_without_two_arrays_there_is_none(actual: Any, expected: Any) -> None:
    assert of(actual, expected) is None


def test_a_number_beside_an_array_without_axes() -> None:
    data = of(10**400, np.float64(2.0))
    assert data is not None
    assert data["actual"] == {"dtype": "int", "shape": [], "values": ["Infinity"]}
