"""Undoing a broadcast: the transpose of copying is summing.

NumPy's rule lines shapes up at the last axis, puts ones in front of the shorter one, and repeats what has size 1.
So an axis of g was stretched if it is new or has size 1 in `shape`, and along those the chain rule sums.
"""

import numpy as np

from grader.marks import alternative, mistake


def unbroadcast(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum the gradient `g` of a stretched operand over its copies, back to the shape the operand had."""
    new = g.ndim - len(shape)
    if new < 0 or any(size not in (1, g.shape[new + axis]) for axis, size in enumerate(shape)):
        raise ValueError(f"{shape} cannot be broadcast to {g.shape}")
    stretched = tuple(range(new)) + tuple(new + axis for axis, size in enumerate(shape) if size == 1)
    return np.sum(g, axis=stretched).reshape(shape)


# Alternatives -------------------------------------------------------------------------------------------------------


@alternative("First the axes in front, then those of size 1, one at a time with keepdims.", of="unbroadcast")
def axis_by_axis(g, shape):
    if np.broadcast_shapes(shape, g.shape) != g.shape:
        raise ValueError("not a broadcast")
    while g.ndim > len(shape):
        g = g.sum(axis=0)
    for axis, size in enumerate(shape):
        if size == 1 and g.shape[axis] != 1:
            g = g.sum(axis=axis, keepdims=True)
    return g


@alternative("Number the places of y, broadcast the numbers, and add each entry of g at its source.", of="unbroadcast")
def at_the_source(g, shape):
    size = int(np.prod(shape, dtype=int))
    source = np.broadcast_to(np.arange(size).reshape(shape), g.shape)
    result = np.zeros(size, g.dtype)
    np.add.at(result, source.ravel(), g.ravel())
    return result.reshape(shape)


@alternative("einsum: the axes that were stretched do not stand on its right side.", of="unbroadcast")
def with_einsum(g, shape):
    np.broadcast_to(np.empty(shape), g.shape)
    new = g.ndim - len(shape)
    kept = [axis for axis in range(g.ndim) if axis >= new and shape[axis - new] != 1]
    return np.einsum(g, list(range(g.ndim)), kept).astype(g.dtype).reshape(shape)


# Mistakes -----------------------------------------------------------------------------------------------------------


@mistake(
    "Only the new axes in front are summed. An axis of size 1 was stretched too, and has to come back to size 1.",
    of="unbroadcast",
    hint=2,
)
def only_new_axes(g, shape):
    _check(g, shape)
    while g.ndim > len(shape):
        g = g.sum(axis=0)
    return g


@mistake(
    "Only axes of size 1 are summed. Where the operand had fewer axes, new ones were put in front of it, and they have "
    "to be summed away.",
    of="unbroadcast",
    hint=2,
)
def only_axes_of_one(g, shape):
    _check(g, shape)
    new = g.ndim - len(shape)
    return g.sum(axis=tuple(new + a for a, size in enumerate(shape) if size == 1), keepdims=True)


@mistake(
    "Axes of size 1 are gone from your result: it has lost them in the sum. The gradient must have exactly the "
    "operand's shape; (4, 1) is not (4,).",
    of="unbroadcast",
    hint=2,
)
def ones_lost(g, shape):
    _check(g, shape)
    new = g.ndim - len(shape)
    return g.sum(axis=(*range(new), *(new + a for a, size in enumerate(shape) if size == 1)))


@mistake(
    "The new axes are still there, with size 1. They were not in the operand's shape, so they have to go.",
    of="unbroadcast",
    hint=2,
)
def new_axes_kept(g, shape):
    _check(g, shape)
    new = g.ndim - len(shape)
    return g.sum(axis=(*range(new), *(new + a for a, size in enumerate(shape) if size == 1)), keepdims=True)


@mistake(
    "You take means where the chain rule sums. A number that was used in n places has n contributions; if the loss "
    "is a mean, that division is in g already.",
    of="unbroadcast",
    hint=1,
)
def means(g, shape):
    total = _right(g, shape)
    return total * np.asarray(total.size / max(g.size, 1), g.dtype)


@mistake(
    "You keep the contribution of the first copy only. All copies of a number contribute to its gradient, and what "
    "comes back from them adds up.",
    of="unbroadcast",
    hint=1,
)
def first_copy(g, shape):
    new = g.ndim - len(_check(g, shape))
    return g[(0,) * new + tuple(slice(0, size) for size in shape)]


@mistake(
    "You line the shapes up at their first axis. Broadcasting lines them up at the last: new axes come in front.",
    of="unbroadcast",
    hint=2,
)
def lined_up_in_front(g, shape):
    _check(g, shape)
    padded = (*shape, *(1,) * (g.ndim - len(shape)))
    total = g.sum(axis=tuple(a for a, size in enumerate(padded) if size == 1 or size != g.shape[a]), keepdims=True)
    return total.reshape(shape) if total.size == np.prod(shape, dtype=int) else total


@mistake(
    "You sum the last axes, where the operand has fewer. New axes come in front, so it is the first ones that have to "
    "be summed away.",
    of="unbroadcast",
    hint=2,
)
def last_axes_summed(g, shape):
    _check(g, shape)
    while g.ndim > len(shape):
        g = g.sum(axis=-1)
    for axis, size in enumerate(shape):
        if size == 1:
            g = g.sum(axis=axis, keepdims=True)
    return g


@mistake(
    "Axes of size 1 are counted from the front of the longer shape, while the operand has fewer axes: they are that "
    "many places further back in g.",
    of="unbroadcast",
    hint=3,
)
def axes_not_moved(g, shape):
    _check(g, shape)
    g = g.sum(axis=tuple(a for a, size in enumerate(shape) if size == 1), keepdims=True)
    while g.ndim > len(shape):
        g = g.sum(axis=0)
    return g


@mistake(
    "You sum along axes that were not stretched: an axis of the same size on both sides has one source for each place.",
    of="unbroadcast",
    hint=2,
)
def sums_everything(g, shape):
    _check(g, shape)
    return np.broadcast_to(g.sum(), shape).copy() if shape != g.shape else g


@mistake(
    "You reshape or crop g where it has to be summed: most of what came back is lost.",
    of="unbroadcast",
    hint=1,
)
def cropped(g, shape):
    _check(g, shape)
    return np.resize(g, shape)


@mistake(
    "g comes back as it is, with the shape of the stretched operand. The gradient must have the shape of the operand.",
    of="unbroadcast",
    hint=1,
)
def as_it_is(g, shape):
    _check(g, shape)
    return g


@mistake(
    "The result is float64 whatever came in. A float32 gradient stays float32.",
    of="unbroadcast",
    hint=2,
)
def always_float64(g, shape):
    return _right(g.astype(np.float64), shape)


@mistake(
    "For the shape () a Python float comes back. A NumPy scalar or an array of shape () is wanted, with g's dtype.",
    of="unbroadcast",
    hint=2,
)
def python_float(g, shape):
    total = _right(g, shape)
    return total if shape else float(total)


@mistake(
    "A shape that cannot be broadcast to g's goes unnoticed. Raise a ValueError: otherwise a wrong shape in the "
    "forward pass turns into a wrong gradient here.",
    of="unbroadcast",
    hint=2,
)
def shapes_unchecked(g, shape):
    while g.ndim > len(shape):
        g = g.sum(axis=0)
    for axis, size in enumerate(shape[: g.ndim]):
        if size == 1:
            g = g.sum(axis=axis, keepdims=True)
    return g


@mistake(
    "Your check allows sizes of 1 on both sides, so an operand of size 3 and a g of size 1 pass. Only the operand was "
    "stretched: g is never the smaller one.",
    of="unbroadcast",
    hint=2,
)
def ones_on_both_sides(g, shape):
    if g.ndim >= len(shape):
        np.broadcast_shapes(shape, g.shape)
        new = g.ndim - len(shape)
        g = g.sum(axis=(*range(new), *(new + a for a, size in enumerate(shape) if size == 1)), keepdims=True)
        return g.reshape(g.shape[new:])
    raise ValueError


@mistake(
    "The result is right, but you worked in the caller's own g: it is only to be read.",
    of="unbroadcast",
    hint=4,
)
def in_place(g, shape):
    total = np.array(_right(g, shape))
    g[...] = total
    return total


def _check(g, shape):
    np.broadcast_to(np.empty(shape, bool), g.shape)
    return shape


def _right(g, shape):
    _check(g, shape)
    new = g.ndim - len(shape)
    return g.sum(axis=(*range(new), *(new + a for a, size in enumerate(shape) if size == 1))).reshape(shape)


@mistake(
    "You line the shapes up at their first axis, and refuse shapes that fit when they are lined up at the last one, as "
    "broadcasting does: new axes come in front.",
    of="unbroadcast",
    hint=2,
)
def lined_up_in_front_and_refused(g, shape):
    padded = (*shape, *(1,) * (g.ndim - len(shape)))
    if len(padded) > g.ndim or any(size not in (1, wide) for size, wide in zip(padded, g.shape, strict=True)):
        raise ValueError("cannot be broadcast")
    return g.sum(axis=tuple(a for a, size in enumerate(padded) if size != g.shape[a]), keepdims=True).reshape(shape)


@mistake(
    "Where an axis of size 1 was stretched to size 0 you do not sum it, and the shapes do not fit. It was stretched "
    "all the same: the sum of no numbers is 0.",
    of="unbroadcast",
    hint=2,
)
def stretched_to_nothing(g, shape):
    new = g.ndim - len(_check(g, shape))
    if any(size == 1 and g.shape[new + axis] == 0 for axis, size in enumerate(shape)):
        raise ValueError("cannot reshape array of size 0")
    return _right(g, shape)
