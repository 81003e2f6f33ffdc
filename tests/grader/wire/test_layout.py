"""The arithmetic of strides, held against NumPy's own."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.wire.layout import MAX_SPREAD, SPREAD_FLOOR, collapse, contiguous, rebuildable

shapes = st.lists(st.integers(1, 4), max_size=4)


@given(shapes)
@settings(deadline=None)
def test_contiguous_is_numpys(shape: list[int]) -> None:
    array = np.zeros(shape, np.int8)
    assert contiguous(shape) == list(array.strides)
    assert rebuildable(shape, contiguous(shape))


def test_an_empty_axis_counts_as_one() -> None:
    assert contiguous([2, 0, 3]) == [3, 3, 1]
    assert contiguous([]) == []


@given(shapes.flatmap(lambda s: st.tuples(st.just(s), st.permutations(range(len(s))))), st.data())
@settings(deadline=None)
def test_any_order_and_direction_of_a_dense_buffer_is_rebuildable(
    case: tuple[list[int], list[int]], data: st.DataObject
) -> None:
    shape, order = case
    flips = tuple(slice(None, None, data.draw(st.sampled_from([1, -1]))) for _ in shape)
    view = np.zeros(shape, np.int8).transpose(order)[flips]
    assert rebuildable(view.shape, view.strides)


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 12)), min_size=1, max_size=3))
@settings(deadline=None, max_examples=300)
def test_rebuildable_layouts_never_address_an_element_twice(axes: list[tuple[int, int]]) -> None:
    shape, strides = [a for a, _ in axes], [b for _, b in axes]
    small = collapse(shape, strides)
    addresses = {int(np.dot(index, strides)) for index in np.ndindex(*small)}
    if rebuildable(shape, strides):
        assert len(addresses) == prod(small)


def test_overlapping_windows_are_not_rebuildable() -> None:
    assert not rebuildable([3, 2], [1, 1])


def test_expanded_axes_are_left_out() -> None:
    assert collapse([3, 4, 1], [0, 1, 0]) == (1, 4, 1)
    assert rebuildable([3, 4], [0, 1])
    assert rebuildable([1000, 1000], [0, 0])


@pytest.mark.parametrize(("more", "good"), [(0, True), (1, False)])
def test_a_view_may_be_spread_only_so_far(more: int, good: bool) -> None:
    # Two elements: the second lies at the end of the largest buffer that may be rebuilt.
    assert rebuildable([2], [MAX_SPREAD * 2 + SPREAD_FLOOR - 1 + more]) is good


def test_an_empty_layout_has_one_form() -> None:
    assert rebuildable([0, 3], [3, 1])
    assert not rebuildable([0, 3], [0, 1])
    assert not rebuildable([0, 3], [10**12, 1])
