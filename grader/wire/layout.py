"""Memory layouts of arrays: which strides may cross, and how they are rebuilt from the elements in logical order.

A layout may cross when it is dense enough to rebuild: every element once, except that an expanded axis (stride 0) is
sent once. Overlapping windows cross as contiguous copies. Pure arithmetic; knows neither torch nor NumPy.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

# A strided view may lie in a buffer this many times larger than its elements; the rest crosses as a copy.
MAX_SPREAD = 8
SPREAD_FLOOR = 4096


def contiguous(shape: Sequence[int]) -> list[int]:
    """Row-major strides of `shape`, in elements."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return strides[::-1]


def collapse(shape: Sequence[int], strides: Sequence[int]) -> tuple[int, ...]:
    """`shape` with every expanded axis (stride 0) cut down to one element."""
    return tuple(1 if stride == 0 and size > 1 else size for size, stride in zip(shape, strides, strict=True))


def rebuildable(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether `strides` (elements; negative ones count by their size) address every element of `shape` once.

    Expanded axes are left out of the question. False also where the view is spread over a buffer much larger than it.
    """
    small = collapse(shape, strides)
    elements = prod(small)
    if elements == 0:
        return list(strides) == contiguous(shape)
    extent = 1
    for stride, size in sorted((abs(stride), size) for size, stride in zip(small, strides, strict=True) if size > 1):
        if stride < extent:
            return False
        extent += (size - 1) * stride
    return extent <= MAX_SPREAD * elements + SPREAD_FLOOR
