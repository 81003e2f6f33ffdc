"""The hidden suite of gradients/numerical_gradient.

Expected gradients come from calculus. Where the formula is exact (quadratics), or its error known (x³: h² too much), the
step is large, so rounding (about 1e-15 |f| / h) is far below the default tolerance of float64, 1e-9 relative. With
h = 1e-5 the error is 1e-10 f''' / 6 and rounding 1e-16 |f| / h = 1e-11 |f|: 1e-7 is allowed there. No check fails by
chance. All call-backs are pure, and keep copies.
"""

import math

import numpy as np

from grader.testing import Mismatch, assert_close, assert_equal, observe


def _weights(shape):
    """Different numbers for different entries, in the order of the rows."""
    return np.linspace(0.5, 2.0, int(np.prod(shape))).reshape(shape)


def _cubic(shape):
    """Σ c x³ + Σ of neighbours' products, and its measured gradient: what a central difference gives exactly."""
    c = _weights(shape)

    def f(x):
        if np.shape(x) != shape:
            raise AssertionError(f"f was given an array of shape {np.shape(x)}, expected that of x, {shape}.")
        if getattr(x, "dtype", None) != np.float64:
            raise AssertionError(f"f was given {getattr(x, 'dtype', type(x).__name__)}, expected a float64 array.")
        flat = x.reshape(-1)
        return float(np.sum(c * x**3) + np.sum(flat[1:] * flat[:-1]))

    def measured(x, h):
        flat = x.astype(np.float64).reshape(-1)
        beside = np.zeros(flat.shape)
        beside[1:] += flat[:-1]
        beside[:-1] += flat[1:]
        return c * (3 * x.astype(np.float64) ** 2 + h * h) + beside.reshape(shape)

    return f, measured


def test_formula(solution, rng):
    """Each entry is the central difference of that entry, with a large step"""
    x, h = rng.uniform(-3.0, 3.0, size=(2, 3)), float(rng.uniform(0.3, 0.6))
    f, measured = _cubic((2, 3))
    answer = solution.num_grad(f, x.copy(), h)
    assert_close(answer, measured(x, h), what=f"the gradient with h = {h:.3g}")


def test_worked_example(solution):
    """The example of the statement: x₁² x₂ at [3, 2]"""
    answer = solution.num_grad(lambda x: float(x[0] * x[0] * x[1]), np.array([3.0, 2.0]), 0.5)
    assert_close(answer, np.array([12.0, 9.0]), what="the gradient")


def test_quadratic_form(solution, rng):
    """Exact on quadratics, where every entry has to do with every other one"""
    A, b, x = rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=3)
    answers = [solution.num_grad(lambda v: float(v @ A @ v + b @ v), x.copy(), h) for h in (0.25, 2.0)]
    for h, answer in zip((0.25, 2.0), answers, strict=True):
        assert_close(answer, (A + A.T) @ x + b, what=f"the gradient of xᵀA x + bᵀx with h = {h:g}")


def test_loss(solution, rng):
    """The gradient of a real loss with the usual step: cross-entropy of a linear layer"""
    W, v, target = rng.normal(size=(3, 2)), rng.normal(size=2), 2

    def loss(W):
        scores = W @ v
        return float(math.log(np.sum(np.exp(scores))) - scores[target])

    answer = solution.num_grad(loss, W.copy())
    p = np.exp(W @ v) / np.sum(np.exp(W @ v))
    p[target] -= 1
    assert_close(answer, np.outer(p, v), rtol=1e-7, atol=1e-8, what="the gradient for the weights")


def test_default_step(solution):
    """Without h the step is 1e-5"""
    answer = solution.num_grad(lambda x: float(1e10 * np.sum(x**3)), np.zeros(2))
    assert_close(answer, np.ones(2), rtol=1e-6, what="the gradient of 1e10 x³ at 0", why="It is 1e10 h² there.")


def test_given_step(solution, rng):
    """The step is taken as it is given, for large entries too"""
    x = np.array([1000.0, -200.0, 0.5]) + rng.uniform(size=3)
    f, measured = _cubic((3,))
    answers = {h: solution.num_grad(f, x.copy(), h) for h in (0.5, 40.0)}
    for h, answer in answers.items():
        assert_close(answer, measured(x, h), rtol=1e-8, what=f"the gradient with h = {h:g}")


def test_shapes(solution, rng):
    """Any shape: f is given the shape of x, and so is the gradient"""
    for shape in ((4,), (1, 1), (3, 1), (2, 1, 3), ()):
        x, h = rng.uniform(-2.0, 2.0, size=shape), 0.375
        x = np.array(x)
        f, measured = _cubic(shape)
        answer = solution.num_grad(f, x.copy(), h)
        assert_close(np.asarray(answer), np.asarray(measured(x, h)), what=f"the gradient for x of shape {shape}")


def test_no_entries(solution):
    """An array without entries gives an empty gradient"""
    for shape in ((0,), (2, 0, 3)):
        answer = solution.num_grad(lambda x: float(np.sum(x)), np.zeros(shape), 0.5)
        assert_close(answer, np.zeros(shape), what=f"the gradient for x of shape {shape}")


def test_integers(solution, rng):
    """Integer entries are nudged by h, not by nothing"""
    x = rng.integers(-3, 4, size=(1, 3))
    f, measured = _cubic((1, 3))
    answers = {h: solution.num_grad(f, x.copy(), h) for h in (0.25, 1e-3)}
    for h, answer in answers.items():
        # Rounding with h = 1e-3 is 1e-15 · 50 / 1e-3 = 5e-11; entries may be as small as h².
        assert_close(answer, measured(x, h), atol=1e-9, what=f"the gradient for an int64 array, h = {h:g}")


def test_float32(solution, rng):
    """float32 entries are nudged in float64, and the gradient is float64"""
    x = rng.uniform(1.0, 2.0, size=(3, 2)).astype(np.float32)
    f, measured = _cubic((3, 2))
    answer = solution.num_grad(f, x.copy(), 1e-4)
    # Rounding: 1e-16 · 100 / 1e-4 = 1e-10, and float32 would be off by 1e-2.
    assert_close(answer, measured(x, 1e-4), rtol=1e-8, what="the gradient for a float32 array, h = 1e-4")


def test_two_calls_for_each_entry(solution, rng):
    """f is called exactly twice for each entry, and only that entry has moved"""
    x, h = rng.uniform(-1.0, 1.0, size=(2, 3)), 0.25
    asked = []
    f, measured = _cubic((2, 3))

    def watched(point):
        asked.append(np.array(point))
        return f(point)

    answer = solution.num_grad(watched, x.copy(), h)
    if len(asked) != 12:
        raise Mismatch(f"f was called {len(asked)} times for 6 entries; two calls for each entry are 12.")
    for number in range(6):
        for sign in (1, -1):
            point = x.copy()
            point[np.unravel_index(number, x.shape)] += sign * h
            if not any(np.allclose(point, other, rtol=0.0, atol=1e-12) for other in asked):
                place = tuple(int(i) for i in np.unravel_index(number, x.shape))
                raise Mismatch(
                    f"f was never asked at x with entry {place} moved by {sign * h:g} and all others where they were."
                )
    assert_close(answer, measured(x, h), what="the gradient")


def test_x_is_only_read(solution, rng):
    """x holds the same numbers afterwards, to the last digit, whatever its strides"""
    x = rng.uniform(-2.0, 2.0, size=(3, 2))
    x[0, 0] = 1e-20  # there and back again by 0.5, in place, makes this 0
    for view in (x, x.T, x[::2, ::-1]):
        f, measured = _cubic(view.shape)
        seen = observe(solution.num_grad, f, view, 0.5)
        why = "Adding h and taking it away again rounds, and may give another number: move the entries of a copy."
        assert_equal(seen.args[1], view, what="x after the call (it must not be changed in place)", why=why)
        assert_close(seen.value, measured(view, 0.5), what="the gradient")
