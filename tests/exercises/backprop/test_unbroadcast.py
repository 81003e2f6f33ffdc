"""The hidden suite of backprop/unbroadcast.

The expected gradient follows the definition and not the rule about axes: every place of a broadcast array of running
numbers says which entry of the operand it was copied from, and g is added up there with Python's floats. float64
sums of at most 60 numbers of about 1 are compared with the default tolerance (1e-9 relative, 1e-12 absolute, far
above rounding in any order); float32 with 1e-5 and 1e-5. No check fails by chance.
"""

import numpy as np
import pytest

from grader.testing import Mismatch, assert_close, assert_unchanged, keep, library


def _expected(g, shape):
    size = int(np.prod(shape, dtype=int))
    source = np.broadcast_to(np.arange(size).reshape(shape), g.shape)
    total = [0.0] * size
    for place in np.ndindex(g.shape):
        total[source[place]] += float(g[place])
    return np.array(total, g.dtype).reshape(shape)


def _ask(solution, g, shape):
    """The answer as an array: for the shape () a NumPy scalar is as good as an array."""
    return library(solution, "numpy.asarray")(keep(solution.unbroadcast, g, shape))


def _judge(mine, g, shape, why="", **tolerance):
    what = f"the gradient for an operand of shape {shape} that was stretched to {g.shape}"
    if not isinstance(mine, np.ndarray):
        raise Mismatch(f"{what[:1].upper()}{what[1:]} is no NumPy array of numbers. Is a return missing?")
    assert_close(mine, _expected(g, shape), what=what, why=why, **tolerance)


def _check(solution, rng, cases, why="", dtype=np.float64, **tolerance):
    drawn = [(rng.normal(size=wide).astype(dtype), shape) for shape, wide in cases]
    answers = [_ask(solution, g, shape) for g, shape in drawn]
    for mine, (g, shape) in zip(answers, drawn, strict=True):
        _judge(mine, g, shape, why, **tolerance)


def test_both_at_once(solution, rng):
    """New axes in front and axes of size 1, each alone and both at once"""
    cases = [((1, 4), (2, 3, 4)), ((3, 1), (2, 3, 4)), ((4,), (2, 3, 4)), ((2, 1, 4), (2, 3, 4)), ((3, 1), (3, 4))]
    _check(solution, rng, cases)


def test_worked_example(solution):
    """The example of the statement"""
    g = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    shapes = ((3,), (1, 3), (2, 1), (), (2, 3))
    answers = [_ask(solution, g, shape) for shape in shapes]
    for mine, shape in zip(answers, shapes, strict=True):
        _judge(mine, g, shape)
    assert_close(answers[2], np.array([[6.0], [15.0]]), what="unbroadcast(g, (2, 1))")


def test_every_pattern(solution, rng):
    """Every way to stretch a shape to (2, 3, 4)"""
    cases = []
    for axes in range(4):
        tail = (2, 3, 4)[3 - axes :]
        for ones in range(2**axes):
            cases.append((tuple(1 if ones >> a & 1 else size for a, size in enumerate(tail)), (2, 3, 4)))
    _check(solution, rng, [*cases, ((2, 1, 1, 3), (2, 1, 4, 3)), ((1, 1, 3), (2, 4, 1, 3))])


def test_equal_sizes(solution, rng):
    """Axes of equal size are told apart by their place, counted from the last"""
    cases = [((3,), (3, 3)), ((3, 1), (3, 3)), ((1, 3), (3, 3)), ((3, 3), (3, 3, 3)), ((3, 1, 3), (3, 3, 3))]
    _check(solution, rng, cases, why="Shapes are lined up at their last axis.")


def test_nothing_stretched(solution, rng):
    """Where nothing was stretched, nothing is summed"""
    _check(solution, rng, [((2, 3), (2, 3)), ((1, 3), (1, 3)), ((4,), (4,)), ((1,), (1,))])


def test_single_number(solution, rng):
    """A single number, of shape () or (1,) or (1, 1), gets the sum of everything"""
    cases = [(shape, wide) for shape in ((), (1,), (1, 1)) for wide in ((3, 4), (2, 3, 2), (1, 5))]
    _check(solution, rng, [*cases, ((), (4,)), ((1,), (4,))])


def test_bias_of_a_layer(solution, rng):
    """For x @ W + b the bias gets the slope that is measured by nudging it"""
    x, b, weight = rng.normal(size=(3, 4, 5)), rng.normal(size=5), rng.normal(size=(3, 4, 5))
    # The loss Σ weight · (x + b)² has the gradient 2 weight (x + b); by b it is a quadratic, so a nudge is exact.
    nudged = [np.sum(weight * ((x + b + h) ** 2 - (x + b - h) ** 2)) / 0.5 for h in 0.25 * np.eye(5)]
    mine = _ask(solution, 2 * weight * (x + b), (5,))
    assert_close(mine, np.array(nudged), what="the gradient of the bias of a linear layer")


def test_transpose(solution, rng):
    """Broadcasting and its undoing are each other's transposes"""
    cases = [((4, 1, 3), (2, 4, 5, 3)), ((1, 6), (7, 6)), ((2, 1), (3, 2, 5))]
    drawn = [(rng.normal(size=shape), rng.normal(size=wide)) for shape, wide in cases]
    answers = [_ask(solution, g, y.shape) for y, g in drawn]
    for mine, (y, g) in zip(answers, drawn, strict=True):
        _judge(mine, g, y.shape)
        assert_close(
            float(np.sum(mine * y)),
            float(np.sum(g * y)),
            what=f"Σ unbroadcast(g, shape) · y for shape {y.shape} and g of shape {g.shape}",
            why="It has to be Σ g · broadcast(y).",
        )


def test_empty(solution, rng):
    """An axis that was stretched to size 0 gives zeros; one of size 0 stays"""
    _check(solution, rng, [((1, 3), (0, 3)), ((3,), (0, 3)), ((), (0,)), ((0, 1), (0, 4)), ((0,), (2, 0))])


def test_float32(solution, rng):
    """A float32 gradient gives a float32 result"""
    cases = [((1, 4), (2, 3, 4)), ((3, 1), (3, 4)), ((), (3, 4)), ((3, 4), (3, 4))]
    _check(solution, rng, cases, dtype=np.float32, rtol=1e-5, atol=1e-5)


def test_impossible_shapes(solution, rng):
    """A shape that cannot be broadcast to the gradient's raises a ValueError"""
    cases = [((3,), (4, 2)), ((2, 3), (3,)), ((3,), (1,)), ((4, 2), (4, 1)), ((2, 1), (3, 4)), ((1, 3), (3,))]
    cases += [((2,), (2, 3)), ((2, 3), (3, 2)), ((3, 2), (2, 2, 3)), ((2, 3), (6,)), ((1, 1), (1,)), ((1,), ())]
    for shape, wide in cases:
        g = rng.normal(size=wide)
        with pytest.raises(ValueError):
            _impossible(_ask(solution, g, shape), shape, wide)


def _impossible(mine, shape, wide):
    raise Mismatch(
        f"unbroadcast returned something of shape {getattr(mine, 'shape', None)} for a g of shape {wide} and the shape "
        f"{shape}, but {shape} cannot be broadcast to {wide}. A ValueError has to say so."
    )


def test_gradient_is_only_read(solution, rng):
    """g holds the same numbers afterwards, whatever its strides"""
    cases = []
    for shape, wide in (((4, 1), (3, 4, 2)), ((2,), (3, 4, 2)), ((3, 1, 2), (3, 4, 2))):
        g = rng.normal(size=wide)
        cases.append((assert_unchanged(solution.unbroadcast, g, shape), g, shape))
    wide = rng.normal(size=(6, 5, 4))
    there = keep(library(solution, "numpy.transpose"), wide, (2, 0, 1))
    turned = wide.transpose(2, 0, 1)
    answers = [(_ask(solution, there, shape), shape) for shape in ((6, 1), (4, 1, 5), (1, 5))]
    for mine, g, shape in cases:
        _judge(mine, g, shape)
    for mine, shape in answers:
        _judge(mine, turned, shape, why="g was a transposed view here.")
