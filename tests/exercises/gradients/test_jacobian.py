"""The hidden suite of gradients/jacobian.

Expected Jacobians come from calculus, and are written out here entry by entry. Where the central difference is exact
(linear maps, products of two entries) or its error is known (x³: h² too much), the step is large, so rounding, about
1e-15 |f| / h, is far below the default tolerance of float64 (1e-9 relative), with 1e-11 beside it where a slope is 0.
With h = 1e-5 rounding is 1e-11 |f| and the error 1e-10 f''' / 6: 1e-8 is allowed there. No check fails by chance. All
call-backs are pure, and return new arrays.
"""

import numpy as np

from grader.testing import Mismatch, assert_close, assert_equal, observe


def _map(rng, into, out):
    """f: Σ_j B_ij x_j³ + c_i x_first x_last, from the shape `into` to `out`; and its Jacobian with the step h."""
    n, m = int(np.prod(into)), int(np.prod(out))
    B, c = rng.uniform(0.5, 2.0, size=(m, n)) * rng.choice([-1, 1], size=(m, n)), rng.uniform(1.0, 2.0, size=m)

    def f(x):
        if np.shape(x) != into:
            raise AssertionError(f"f was given an array of shape {np.shape(x)}, expected that of x, {into}.")
        if getattr(x, "dtype", None) != np.float64:
            raise AssertionError(f"f was given {getattr(x, 'dtype', type(x).__name__)}, expected a float64 array.")
        flat = x.reshape(-1)
        return (B @ flat**3 + c * flat[0] * flat[-1]).reshape(out)

    def measured(x, h):
        flat = x.astype(np.float64).reshape(-1)
        J = np.zeros((m, n))
        for i in range(m):
            for j in range(n):
                J[i, j] = B[i, j] * (3 * flat[j] ** 2 + h * h)
            J[i, 0] += c[i] * flat[-1]
            J[i, n - 1] += c[i] * flat[0]
        return J.reshape(out + into)

    return f, measured


def _same(answer, expected, what, why="", rtol=1e-9, atol=1e-10):
    if np.shape(answer) != expected.shape:
        raise Mismatch(
            f"{what} has shape {np.shape(answer)}; expected is {expected.shape}: outputs first, inputs last."
        )
    assert_close(answer, expected, rtol=rtol, atol=atol, what=what, why=why)


def _points(rng, *shape):
    return rng.uniform(0.5, 2.0, size=shape) * rng.choice([-1, 1], size=shape)


def test_formula(solution, rng):
    """Each column is a central difference, with more inputs than outputs and with fewer"""
    h = float(rng.uniform(0.3, 0.6))
    cases = []
    for n, m in ((3, 2), (2, 4)):
        x, (f, measured) = _points(rng, n), _map(rng, (n,), (m,))
        cases.append((f"the Jacobian from {n} numbers to {m}", solution.jac(f, x.copy(), h), measured(x, h)))
    for what, answer, expected in cases:
        _same(answer, expected, what)


def test_worked_example(solution):
    """The example of the statement"""
    answer = solution.jac(lambda x: np.array([x[0] * x[1], x[0] ** 2, 5 * x[1]]), np.array([3.0, 2.0]), 0.5)
    _same(answer, np.array([[2.0, 3.0], [6.0, 0.0], [0.0, 5.0]]), "the Jacobian")


def test_linear_map(solution, rng):
    """The Jacobian of a linear map is its matrix, at every point and with every step"""
    A, shift = rng.normal(size=(4, 3)), rng.normal(size=4)
    answers = [solution.jac(lambda x: A @ x + shift, rng.normal(size=3), h) for h in (0.25, 3.0)]
    for answer in answers:
        _same(answer, A, "the Jacobian of x → A x + b", "It is A, whatever x is.")


def test_chain_rule(solution, rng):
    """One layer after the other: the Jacobians are multiplied"""
    A, C, x = rng.normal(size=(4, 3)), rng.normal(size=(2, 4)), rng.normal(size=3)

    def first(x):
        return np.tanh(A @ x)

    def second(y):
        return C @ (y * y)

    inner, outer = solution.jac(first, x.copy()), solution.jac(second, first(x))
    whole = solution.jac(lambda x: second(first(x)), x.copy())
    y = first(x)
    by_hand = (2 * C * y) @ ((1 - y**2)[:, None] * A)
    _same(inner, (1 - y**2)[:, None] * A, "the Jacobian of tanh(A x)", rtol=1e-7, atol=1e-8)
    _same(whole, by_hand, "the Jacobian of both layers", rtol=1e-7, atol=1e-8)
    _same(np.asarray(outer) @ np.asarray(inner), by_hand, "the product of the two Jacobians", rtol=1e-7, atol=1e-8)


def test_softmax(solution, rng):
    """The Jacobian of softmax is diag(s) - s sᵀ"""
    x = rng.normal(size=5)

    def softmax(x):
        e = np.exp(x - np.max(x))
        return e / np.sum(e)

    answer, s = solution.jac(softmax, x.copy()), softmax(x)
    _same(answer, np.diag(s) - np.outer(s, s), "the Jacobian of softmax", rtol=1e-7, atol=1e-9)


def test_entry_by_entry(solution, rng):
    """Where each output depends on one input, all else is zero"""
    x, order = _points(rng, 4), rng.permutation(4)
    squares = solution.jac(lambda x: x * x, x.copy(), 0.5)
    shuffled = solution.jac(lambda x: 3 * x[order], x.copy(), 0.5)
    _same(squares, np.diag(2 * x), "the Jacobian of x²")
    _same(
        shuffled,
        3 * np.eye(4)[order],
        "the Jacobian of a shuffle",
        "Output i depends on one input, and not on input i.",
    )


def test_one_number(solution, rng):
    """Where f returns one number the Jacobian is the gradient, with the shape of x"""
    x, w = _points(rng, 2, 3), _points(rng, 2, 3)
    as_float = solution.jac(lambda x: float(np.sum(w * x * x)), x.copy(), 0.5)
    as_vector = solution.jac(lambda x: np.array([np.sum(w * x * x)]), x.copy(), 0.5)
    _same(as_float, 2 * w * x, "the Jacobian of a function that returns a float")
    _same(as_vector, (2 * w * x)[None], "the Jacobian of a function that returns an array of one number")


def test_shapes(solution, rng):
    """Any shapes: the axes of f(x), then the axes of x"""
    cases = []
    for into, out in (
        ((2, 3), (4,)),
        ((3,), (2, 2)),
        ((2, 1, 2), (3, 2)),
        ((1,), (3,)),
        ((), (2,)),
        ((3, 2), (1, 1, 2)),
    ):
        x, (f, measured) = np.array(_points(rng, *into)), _map(rng, into, out)
        cases.append((f"the Jacobian from {into} to {out}", solution.jac(f, x.copy(), 0.375), measured(x, 0.375)))
    for what, answer, expected in cases:
        _same(answer, expected, what)


def test_steps(solution, rng):
    """The step is taken as it is given; without one it is 1e-5"""
    x = np.array([100.0, -20.0]) + rng.uniform(size=2)
    f, measured = _map(rng, (2,), (3,))
    answers = {h: solution.jac(f, x.copy(), h) for h in (0.5, 8.0)}
    default = solution.jac(lambda x: 1e10 * np.array([x[0] ** 3, x[1] ** 3, 2 * x[0] ** 3]), np.zeros(2))
    for h, answer in answers.items():
        _same(answer, measured(x, h), f"the Jacobian with h = {h:g}", rtol=1e-8, atol=1e-8)
    expected = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 0.0]])
    _same(default, expected, "the Jacobian of 1e10 x³ at 0", "It is 1e10 h² there.", rtol=1e-6)


def test_dtypes(solution, rng):
    """Integers and float32 are nudged in float64, and the Jacobian is float64"""
    cases = []
    for dtype, h in ((np.int64, 0.25), (np.int64, 1e-3), (np.float32, 1e-4)):
        x, (f, measured) = rng.uniform(1.0, 4.0, size=3).astype(dtype), _map(rng, (3,), (2,))
        cases.append((f"the Jacobian for x in {np.dtype(dtype)}, h = {h:g}", solution.jac(f, x, h), measured(x, h)))
    for what, answer, expected in cases:
        # Rounding: 1e-16 · 500 / 1e-4 = 5e-10, and float32 would be off by 1e-2.
        _same(answer, expected, what, rtol=1e-7, atol=1e-8)


def test_two_calls_for_each_entry(solution, rng):
    """f is called twice for each entry of x, however many outputs there are"""
    x, h, asked = _points(rng, 2, 2), 0.25, []
    f, measured = _map(rng, (2, 2), (7,))

    def watched(point):
        asked.append(np.array(point))
        return f(point)

    answer = solution.jac(watched, x.copy(), h)
    if len(asked) != 8:
        raise Mismatch(f"f was called {len(asked)} times for 4 entries and 7 outputs; two calls for each entry are 8.")
    for place in np.ndindex(2, 2):
        for step in (h, -h):
            point = x.copy()
            point[place] += step
            if not any(np.allclose(point, other, rtol=0.0, atol=1e-12) for other in asked):
                raise Mismatch(
                    f"f was never asked at x with entry {place} moved by {step:g} and all others as they were."
                )
    _same(answer, measured(x, h), "the Jacobian")


def test_x_is_only_read(solution, rng):
    """x holds the same numbers afterwards, to the last digit, whatever its strides"""
    x = _points(rng, 3, 2)
    x[0, 0] = 1e-20  # there and back again by 0.5, in place, makes this 0
    for view in (x, x.T, x[::2, ::-1]):
        f, measured = _map(rng, view.shape, (2,))
        seen = observe(solution.jac, f, view, 0.5)
        assert_equal(seen.args[1], view, what="x after the call (it must not be changed in place)")
        _same(seen.value, measured(view, 0.5), "the Jacobian")
