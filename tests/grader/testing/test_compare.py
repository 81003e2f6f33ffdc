"""Comparisons fail where they should, and say what, where and by how much."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from grader.testing import Mismatch, assert_close, assert_equal, assert_gradients
from grader.testing.compare import as_array
from grader.testing.proxy import Channel, Handle

NAN, INF = float("nan"), float("inf")


def told(actual: Any, expected: Any, **options: Any) -> str:
    with pytest.raises(Mismatch) as caught:
        assert_close(actual, expected, **options)
    return caught.value.message


EQUAL = {
    "floats": (0.1 + 0.2, 0.3),
    "an int for a float": (2, 2.0),
    "NaN for NaN": (NAN, NAN),
    "infinity": (INF, INF),
    "complex": (1 + 1e-12j, 1 + 0j),
    "None": (None, None),
    "text": ("a", "a"),
    "bool": (True, True),
    "bytes": (b"a", b"a"),
    "large ints": (10**400, 10**400),
    "float32": (torch.tensor([1.0, 2.0]) * (1 + 5e-6), torch.tensor([1.0, 2.0])),
    "bfloat16": (torch.tensor([1.0078125], dtype=torch.bfloat16), torch.tensor([1.0], dtype=torch.bfloat16)),
    "NaN in an array": (np.array([1.0, NAN, -INF]), np.array([1.0, NAN, -INF])),
    "empty": (torch.ones(0, 3), torch.ones(0, 3)),
    "bool tensors": (torch.tensor([True]), torch.tensor([True])),
    "a NumPy scalar for a float": (np.float64(0.5), 0.5),
    "a tensor of no axes for a float": (torch.tensor(0.5), 0.5),
    "a float for a NumPy scalar": (0.5, np.float64(0.5)),
    "a tuple for a list": ((1, 2), [1, 2]),
    "dicts in another order": ({"b": 1, "a": 2.0}, {"a": 2.0, "b": 1}),
    "nested": ([{"a": (1.0, None)}], [{"a": (1.0, None)}]),
    "sets": ({1, 2}, {2, 1}),
    "a conjugated view": (torch.tensor([1 - 2j]), torch.tensor([1 + 2j]).conj()),
    "requires_grad": (torch.ones(2, requires_grad=True), torch.ones(2)),
    "float8": (torch.ones(2).to(torch.float8_e4m3fn), torch.ones(2).to(torch.float8_e4m3fn)),
}


@pytest.mark.parametrize("case", EQUAL)
def test_equal(case: str) -> None:
    assert_close(*EQUAL[case])


DIFFERENT = {
    "a bool for a number": (True, 1, "The result: expected 1, got True."),
    "a number for a bool": (1, True, "The result: expected True, got 1."),
    "None for a number": (None, 1.0, "The result: expected 1.0, got None (is a return missing?)."),
    "a number for None": (1.0, None, "The result: expected None, got 1.0."),
    "text for a number": ("1", 1, "The result: expected 1, got '1'."),
    "long text": ("x" * 500, 1, f"The result: expected 1, got '{'x' * 76}...."),
    "other text": ("a", "b", "The result: expected 'b', got 'a'."),
    "bytes for text": (b"a", "a", "The result: expected 'a', got b'a'."),
    "a set for a list": ({1}, [1], "The result: expected a list of 1, got a set of 1."),
    "a number for a tuple": (1, (1, 2), "The result: expected a tuple of 2, got 1."),
    "a short list": ([1], [1, 2], "The result: expected 2 items, got 1."),
    "an item": ([1, 3], [1, 2], "Item 1 of the result: expected 2, got 3 (off by 1)."),
    "an item of an item": ([[1], [3]], [[1], [2]], "Item 0 of item 1 of the result: expected 2, got 3 (off by 1)."),
    "a value of a dict": ({"a": 1.5}, {"a": 1.0}, "'a' of the result: expected 1.0, got 1.5 (off by 0.5)."),
    "no dict": ([1], {"a": 1}, "The result: expected a dict with the keys 'a', got a list of 1."),
    "a missing key": ({"a": 1}, {"a": 1, "b": 2}, "The result: it lacks the key 'b'."),
    "a key too many": ({"a": 1, 7: 1}, {"a": 1}, "The result: there should be no key 7."),
    "keys that print alike": ({1: 1}, {"1": 1}, "The result: it lacks the key '1', there should be no key 1."),
    "NaN": (NAN, 1.0, "The result: expected 1.0, got nan."),
    "no NaN": (1.0, NAN, "The result: expected nan, got 1.0."),
    "infinity": (INF, 1.0, "The result: expected 1.0, got inf."),
    "minus infinity": (-INF, INF, "The result: expected inf, got -inf."),
    "a huge int for a number": (10**1000, 5, "The result: expected 5, got an int of 3322 bits."),
    "a number for a huge int": (5, 10**1_000_000, "The result: expected an int of 3321929 bits, got 5."),
    "a huge int for a float": (10**1000, 0.5, "The result: expected 0.5, got an int of 3322 bits."),
    "complex": (1j, 1.0, "The result: expected 1.0, got 1j (off by 1.41)."),
    "torch for NumPy": (torch.ones(2), np.ones(2), "The result: expected a NumPy array, got a torch tensor."),
    "NumPy for torch": (np.ones(2), torch.ones(2), "The result: expected a torch tensor, got a NumPy array."),
    "a float for a tensor": (0.5, torch.tensor(0.5), "The result: expected a torch tensor, got a float."),
    "a list for a tensor": ([1.0], torch.ones(1), "The result: expected a float32 torch tensor of shape (1,), got a list of 1."),
    "shape": (np.ones((2, 3)), np.ones((3, 2)), "The result has the shape (2, 3), expected (3, 2)."),
    "no shape": (1.0, np.ones(3), "The result has the shape (), expected (3,)."),
    "dtype": (torch.ones(2).double(), torch.ones(2), "The result has the dtype float64, expected float32."),
    "int dtype": (np.ones(2, "i4"), np.ones(2, "i8"), "The result has the dtype int32, expected int64."),
    "ints beyond a float's precision": (np.array([2**53 + 1]), np.array([2**53]), "The result: expected 9007199254740992, got 9007199254740993 at [0]."),  # noqa: E501
    "int tensors beyond a float's precision": (torch.tensor(2**62), torch.tensor(2**62 + 1), "The result: expected 4611686018427387905, got 4611686018427387904."),  # noqa: E501
    "bools": (np.array([True, True]), np.array([True, False]), "The result: expected False, got True at [1]; 1 of 2 values differ."),  # noqa: E501
    "a huge int for a NumPy scalar": (10**400, np.float64(2.0), "The result: infinity where a finite number was expected; expected 2, got inf; allowed is 1e-12 + 1e-09 * |expected|."),  # noqa: E501
}  # fmt: skip


@pytest.mark.parametrize("case", DIFFERENT)
def test_different(case: str) -> None:
    actual, expected, message = DIFFERENT[case]
    assert told(actual, expected) == message


def test_arrays_tell_the_first_and_the_worst_place() -> None:
    actual, expected = np.zeros((2, 3)), np.zeros((2, 3))
    actual[0, 1], actual[1, 2] = 0.5, -4.0
    with pytest.raises(Mismatch) as caught:
        assert_close(actual, expected, what="the scores", why="Rows sum to one.")
    assert caught.value.message == (
        "The scores: expected 0, got 0.5 at [0, 1]; 2 of 6 values differ; the largest error is 4 at [1, 2]; "
        "allowed is 1e-12 + 1e-09 * |expected|. Rows sum to one."
    )
    assert caught.value.worst == (1, 2)
    assert caught.value.tolerance == (1e-9, 1e-12)
    assert caught.value.actual is actual
    assert caught.value.expected is expected


def test_nan_and_infinity_are_named_as_such() -> None:
    expected = torch.zeros(4)
    assert "NaN where a number was expected (2 of 4)" in told(torch.tensor([0.0, NAN, NAN, 0.0]), expected)
    assert "infinity where a finite number was expected" in told(torch.tensor([0.0, INF, 0.0, 0.0]), expected)
    assert "infinity where another value was expected" in told(torch.tensor([INF]), torch.tensor([-INF]))
    assert "NaN" not in told(torch.tensor([NAN, 1.0]), torch.tensor([NAN, 2.0]))


def test_a_nan_is_worse_than_any_number() -> None:
    with pytest.raises(Mismatch) as caught:
        assert_close(np.array([1e300, NAN, 5.0]), np.zeros(3))
    assert caught.value.worst == (1,)


@pytest.mark.parametrize(
    ("dtype", "inside", "outside"),
    [
        (torch.float64, 5e-10, 5e-9),
        (torch.float32, 5e-6, 5e-5),
        (torch.bfloat16, 2**-7, 2**-5),
        (torch.float16, 5e-3, 5e-2),
    ],
)
def test_tolerance_follows_the_dtype(dtype: torch.dtype, inside: float, outside: float) -> None:
    one = torch.ones(3, dtype=dtype)
    assert_close(one * (1 + inside), one)
    told(one * (1 + outside), one)


def test_tolerance_given_takes_the_place_of_the_default() -> None:
    assert_close(1.5, 1.0, atol=0.5)
    assert_close(1.5, 1.0, rtol=0.5)
    assert "off by 0.5" in told(1.5, 1.0, rtol=0.4)
    told(np.array([3]), np.array([2]), atol=0.5)
    assert_close(np.array([3]), np.array([2]), atol=1)


def test_equal_has_no_tolerance_but_nan_is_nan() -> None:
    assert_equal(np.array([NAN, 1.0]), np.array([NAN, 1.0]))
    with pytest.raises(Mismatch):
        assert_equal(0.1 + 0.2, 0.3)
    with pytest.raises(Mismatch, match=r"expected 1\.0, got 1\.0000001192"):
        assert_equal(torch.tensor([1.0000001]), torch.tensor([1.0]))


def test_dtype_may_be_left_open() -> None:
    assert_close(torch.ones(2).double(), torch.ones(2), check_dtype=False)
    assert_close(np.ones(2), torch.ones(2), check_dtype=False)
    assert_close(torch.ones(2, dtype=torch.int8), torch.ones(2), check_dtype=False)
    told(torch.ones(2, dtype=torch.int8), torch.zeros(2), check_dtype=False)
    told(np.array([0.5]), np.array([True]), check_dtype=False)


def test_containers_carry_the_options_down() -> None:
    assert_close([torch.ones(1).double()], [torch.ones(1)], check_dtype=False)
    assert_close({"a": [1.2]}, {"a": [1.0]}, rtol=0.5)
    assert told([1.0], [2.0], why="Because.").endswith(" Because.")


def test_a_long_list_of_keys_is_cut() -> None:
    message = told({}, dict.fromkeys(range(1000)))
    assert len(message) < 200
    assert "and 992 more" in message


def test_handles_are_described_and_never_compared() -> None:
    thing = Handle(Channel("solution"), 3, "solution.f(...)", "Value", False)
    function = Handle(Channel("solution"), 4, "solution.f", "function", True)
    assert told(thing, 1.0) == "The result: expected 1.0, got an object that is no value (Value)."
    assert told(function, np.ones(1)).endswith("got a function.")
    assert told(thing, "text") == "The result: expected 'text', got an object that is no value (Value)."
    assert (
        told({"a": thing}, {"a": None}) == "'a' of the result: expected None, got an object that is no value (Value)."
    )
    assert told(thing, {"a": 1}).endswith("got an object that is no value (Value).")


def test_gradients_are_named() -> None:
    ones = torch.ones(2)
    assert_gradients([ones, None], [ones, None], ("x", "y"))
    with pytest.raises(
        Mismatch, match=r"No gradient reaches y: the result does not depend on it through autograd.* Why."
    ):
        assert_gradients([ones, None], [ones, ones], ("x", "y"), why="Why.")
    with pytest.raises(Mismatch, match="The gradient of y: expected 1, got 2"):
        assert_gradients([ones, 2 * ones], [ones, ones], ("x", "y"))
    with pytest.raises(Mismatch, match="The gradient of x: expected None"):
        assert_gradients([ones], [None], ("x",))
    with pytest.raises(ValueError, match="zip"):
        assert_gradients([ones], [ones, ones], ("x", "y"))


def test_shape_and_dtype_mismatches_can_be_drawn_where_both_are_arrays() -> None:
    with pytest.raises(Mismatch) as caught:
        assert_close(np.ones(2), np.ones(3))
    assert caught.value.actual.shape == (2,)
    with pytest.raises(Mismatch) as caught:
        assert_close(1.0, np.ones(3))
    assert caught.value.actual is None


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (torch.ones(1, dtype=torch.bfloat16), "float64"),
        (torch.ones(1).to(torch.float8_e5m2), "float64"),
        (torch.ones(1, dtype=torch.complex64).conj(), "complex64"),
        (torch.ones(1, dtype=torch.complex64).conj().imag, "float64"),
        (np.float32(1), "float64"),
        (2, "int64"),
        (True, "bool"),
        (10**30, "float64"),
        (10**400, "float64"),
        (-(10**400), "float64"),
    ],
    ids=range(10),
)
def test_as_array(value: Any, dtype: str) -> None:
    array = as_array(value)
    assert isinstance(array, np.ndarray)
    assert array.dtype == dtype
    if isinstance(value, int) and value < 0:
        assert array == -INF


@pytest.mark.parametrize("actual", [1.0, -1e308, float("nan"), float("-inf")])
def test_an_infinite_number_is_not_met_by_a_finite_one(actual: float) -> None:
    assert_close(float("inf"), float("inf"))
    for got, wanted in ((actual, float("inf")), (float("inf"), actual)):
        with pytest.raises(Mismatch):
            assert_close(got, wanted)
