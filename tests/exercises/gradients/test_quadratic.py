"""The hidden suite of gradients/quadratic.

Expected gradients are worked out here in three ways that do not know the formula: a loop over the terms of the double
sum, the complex step (Im f(x + i h eₖ) / h, exact to rounding for h = 1e-20), and central differences, which are exact
on quadratics up to rounding of 1e-16 |f| / h. All numbers are of the size of 1 to 100, so the default tolerances
(float64 1e-9, float32 1e-5 relative) are far above rounding; where entries may cancel, an absolute tolerance stands
beside it. No check fails by chance.
"""

import numpy as np

from grader.testing import Mismatch, assert_close, assert_equal, observe


def _case(rng, n, *lead, dtype=np.float64):
    """A, b and points of the shape (*lead, n); A is far from symmetric, and no diagonal entry is near 0."""
    A = rng.uniform(-2.0, 2.0, size=(n, n)) + np.triu(rng.uniform(1.0, 3.0, size=(n, n)))
    b, x = rng.uniform(1.0, 3.0, size=n), rng.uniform(0.5, 2.0, size=(*lead, n)) * rng.choice([-1, 1], size=(*lead, n))
    return A.astype(dtype), b.astype(dtype), x.astype(dtype)


def _term_by_term(A, b, x):
    """Each term xᵢ Aᵢⱼ xⱼ gives Aᵢⱼ xⱼ to entry i and Aᵢⱼ xᵢ to entry j; in float64."""
    A, b, x = (np.asarray(array, np.float64) for array in (A, b, x))
    result = np.zeros(x.shape)
    for place in np.ndindex(x.shape[:-1]):
        point, slopes = x[place], np.array(b)
        for i in range(len(b)):
            for j in range(len(b)):
                slopes[i] += A[i, j] * point[j]
                slopes[j] += A[i, j] * point[i]
        result[place] = slopes
    return result


def _shaped(answer, x, what):
    if np.shape(answer) != np.shape(x):
        raise Mismatch(f"{what} has shape {np.shape(answer)}; expected is the shape of x, {np.shape(x)}.")


def test_points(solution, rng):
    """The gradient at one point and at many, for a matrix that is not symmetric"""
    A, b, x = _case(rng, 3, 2)
    one, many = solution.grad(A.copy(), b.copy(), x[0].copy()), solution.grad(A.copy(), b.copy(), x.copy())
    _shaped(one, x[0], "The gradient at one point")
    assert_close(one, _term_by_term(A, b, x[0]), what="the gradient at one point")
    _shaped(many, x, "The gradient at two points")
    assert_close(many, _term_by_term(A, b, x), what="the gradient at two points")


def test_worked_example(solution):
    """The example worked out by hand in the statement"""
    A, b = np.array([[1.0, 4.0], [2.0, 3.0]]), np.array([10.0, 20.0])
    answer = solution.grad(A, b, np.array([1.0, 2.0]))
    assert_close(answer, np.array([24.0, 38.0]), what="the gradient at [1, 2]")


def test_complex_step(solution, rng):
    """What a complex step measures, entry by entry"""
    A, b, x = _case(rng, 5)
    answer = solution.grad(A, b, x)
    h = 1e-20
    measured = [((z := x + 1j * h * e) @ A @ z + b @ z).imag / h for e in np.eye(5)]
    assert_close(answer, np.array(measured), atol=1e-11, what="the gradient", why="It is not the slope of f.")


def test_central_differences(solution, rng):
    """What central differences measure with a large step"""
    A, b, x = _case(rng, 4, 3)
    answer = solution.grad(A, b, x)

    def f(x):
        return np.sum((x @ A) * x, axis=-1) + x @ b

    measured = np.stack([(f(x + e) - f(x - e)) / 2 for e in np.eye(4)], axis=-1)
    assert_close(answer, measured, atol=1e-11, what="the gradient", why="It is not the slope of f.")


def test_only_the_symmetric_part_counts(solution, rng):
    """A and Aᵀ give the same f, so they give the same gradient"""
    A, b, x = _case(rng, 4, 2)
    one, other = solution.grad(A, b, x), solution.grad(A.T.copy(), b, x)
    why = "xᵀ A x and xᵀ Aᵀ x are the same number for every x."
    assert_close(other, one, atol=1e-11, what="the gradient for Aᵀ", why=why)
    assert_close(one, _term_by_term(A, b, x), what="the gradient for A")


def test_antisymmetric(solution, rng):
    """Where Aᵀ is -A, f is bᵀx alone, and its gradient b everywhere"""
    A, b, x = _case(rng, 4, 3)
    answer = solution.grad(A - A.T, b, x)
    why = "xᵀ A x is 0 for every x there."
    assert_close(answer, np.broadcast_to(b, x.shape).copy(), atol=1e-11, what="the gradient", why=why)


def test_at_zero(solution, rng):
    """At x = 0 the gradient is b"""
    A, b, x = _case(rng, 3, 4)
    answer = solution.grad(A, b, 0 * x)
    assert_close(
        answer, np.broadcast_to(b, x.shape).copy(), what="the gradient at 0", why="All of xᵀ A x is flat there."
    )


def test_lowest_point(solution, rng):
    """At the lowest point of a bowl the gradient is zero, and elsewhere it leads there"""
    L, b = rng.normal(size=(3, 3)), rng.uniform(1.0, 3.0, size=3)
    twist = rng.normal(size=(3, 3))
    bowl = L @ L.T + np.eye(3)
    A = bowl + twist - twist.T
    lowest = np.linalg.solve(2 * bowl, -b)
    x = lowest + rng.normal(size=3)
    at_lowest, beside = solution.grad(A, b, lowest), solution.grad(A, b, x)
    assert_close(
        at_lowest, np.zeros(3), atol=1e-10, what="the gradient at the lowest point", why="f rises on all sides."
    )
    step = np.linalg.solve(2 * bowl, np.asarray(beside, np.float64))
    assert_close(x - step, lowest, rtol=1e-7, atol=1e-8, what="the point after a Newton step along the gradient")


def test_self_attention_score(solution, rng):
    """The score of a token that looks at itself, (W_q x) · (W_k x)"""
    W_q, W_k, x = rng.normal(size=(2, 5)), rng.normal(size=(2, 5)), rng.normal(size=(3, 5))
    answer = solution.grad(W_q.T @ W_k, np.zeros(5), x)
    expected = np.stack([W_q.T @ (W_k @ token) + W_k.T @ (W_q @ token) for token in x])
    assert_close(answer, expected, atol=1e-11, what="the gradient", why="Query and key both depend on x.")


def test_leading_axes(solution, rng):
    """Every index of the leading axes is a point of its own"""
    A, b, x = _case(rng, 3, 2, 4)
    answer = solution.grad(A, b, x)
    moved = x.copy()
    moved[1, 2] += 1.0
    other = solution.grad(A, b, moved)
    _shaped(answer, x, "The gradient")
    assert_close(answer, _term_by_term(A, b, x), what="the gradient for x of shape (2, 4, 3)")
    untouched = np.ones((2, 4), dtype=bool)
    untouched[1, 2] = False
    assert_equal(np.asarray(other)[untouched], np.asarray(answer)[untouched],
                 what="the gradient at the points that stayed, after another one was moved")  # fmt: skip


def test_float32(solution, rng):
    """float32 stays float32"""
    A, b, x = _case(rng, 4, 3, dtype=np.float32)
    answer = solution.grad(A, b, x)
    assert_close(answer, _term_by_term(A, b, x).astype(np.float32), atol=1e-4, what="the gradient in float32")


def test_only_read(solution, rng):
    """A, b and x hold the same numbers afterwards, whatever their strides"""
    A, b, x = _case(rng, 6, 5)
    for views in ((A, b, x), (A[::2, ::2].T, b[::-2], x[::2, 1::2])):
        seen = observe(solution.grad, *views)
        for name, after, before in zip(("A", "b", "x"), seen.args, views, strict=True):
            if not np.array_equal(after, before):
                raise Mismatch(f"{name} was changed in place; it may only be read.")
        assert_close(seen.value, _term_by_term(*views), what="the gradient")


def test_small_sizes(solution, rng):
    """One entry, one point, no points"""
    for n, lead in ((1, ()), (1, (3,)), (3, (1,)), (3, (0,)), (2, (2, 0))):
        A, b, x = _case(rng, n, *lead)
        answer = solution.grad(A, b, x)
        _shaped(answer, x, f"The gradient for x of shape {x.shape}")
        assert_close(answer, _term_by_term(A, b, x), what=f"the gradient for x of shape {x.shape}")
