"""The hidden suite of gradients/hessian_hvp.

Expected second derivatives come from calculus. Differences of either formula are exact on cubics but for the mixed term
of x³ y, which is h² too much, so with a large step rounding alone is left: 1e-15 |f| / h² for `hess`, far below the
1e-8 that is allowed. With the default step it is 1e-8 |f|, and the error is as large: 1e-6 is allowed there. `hvp`
loses one power of h only. No check fails by chance. All call-backs are pure, and return new values.
"""

import numpy as np

from grader.testing import Mismatch, assert_close, assert_equal, observe


def _points(rng, *shape):
    return rng.uniform(0.5, 2.0, size=shape) * rng.choice([-1, 1], size=shape)


def _seen(x, shape, who):
    if np.shape(x) != shape:
        raise AssertionError(f"{who} was given an array of shape {np.shape(x)}, expected that of x, {shape}.")
    if getattr(x, "dtype", None) != np.float64:
        raise AssertionError(f"{who} was given {getattr(x, 'dtype', type(x).__name__)}, expected a float64 array.")


def _quartic(rng, n):
    """f = Σ_ij C_ij xᵢ³ xⱼ (i ≠ j) + Σ xᵢ³ dᵢ + bᵀx, and its Hessian as `hess` measures it with the step h."""
    C = rng.uniform(0.5, 1.5, size=(n, n)) * rng.choice([-1, 1], size=(n, n)) * (1 - np.eye(n))
    d, b = rng.uniform(1.0, 2.0, size=n), rng.uniform(1.0, 2.0, size=n)

    def f(x):
        _seen(x, (n,), "f")
        return float(x**3 @ C @ x + d @ x**3 + b @ x)

    def measured(x, h):
        x = x.astype(np.float64)
        H = np.zeros((n, n))
        for i in range(n):
            H[i, i] += 6 * d[i] * x[i]
            for j in range(n):
                H[i, i] += 6 * C[i, j] * x[i] * x[j]
                H[i, j] += C[i, j] * (3 * x[i] ** 2 + h * h)
                H[j, i] += C[i, j] * (3 * x[i] ** 2 + h * h)
        return H

    return f, measured


def _cubes(rng, *shape):
    """df = A x³ + S x over the flat x; H v, as `hvp` measures it with the step h. (A need not be symmetric.)"""
    n = int(np.prod(shape))
    A, S = rng.uniform(0.5, 1.5, size=(n, n)), rng.normal(size=(n, n))

    def df(x):
        _seen(x, shape, "df")
        flat = x.reshape(-1)
        return (A @ flat**3 + S @ flat).reshape(shape)

    def measured(x, v, h):
        p, q = x.astype(np.float64).reshape(-1), v.astype(np.float64).reshape(-1)
        return (A @ (3 * p * p * q + h * h * q**3) + S @ q).reshape(shape)

    return df, measured


def _same(answer, expected, what, why="", rtol=1e-8, atol=1e-8):
    if np.shape(answer) != np.shape(expected):
        raise Mismatch(f"{what} has shape {np.shape(answer)}; expected is {np.shape(expected)}.")
    assert_close(answer, expected, rtol=rtol, atol=atol, what=what, why=why)


def test_hess_formula(solution, rng):
    """`hess`: each entry is the difference of four corners, with a large step"""
    x, h = _points(rng, 3), float(rng.uniform(0.2, 0.4))
    f, measured = _quartic(rng, 3)
    answer = solution.hess(f, x.copy(), h)
    _same(answer, measured(x, h), f"the Hessian with h = {h:.3g}")


def test_hvp_formula(solution, rng):
    """`hvp`: the change of the gradient along v, with a large step"""
    x, v, h = _points(rng, 3), _points(rng, 3), float(rng.uniform(0.2, 0.4))
    df, measured = _cubes(rng, 3)
    answer = solution.hvp(df, x.copy(), v.copy(), h)
    _same(answer, measured(x, v, h), f"H v with h = {h:.3g}")


def test_worked_example(solution):
    """The example of the statement"""
    x, v = np.array([1.0, 2.0]), np.array([2.0, 1.0])
    H = solution.hess(lambda x: float(x[0] ** 3 + 5 * x[0] * x[1]), x.copy(), 0.5)
    Hv = solution.hvp(lambda x: np.array([3 * x[0] ** 2 + 5 * x[1], 5 * x[0]]), x, v, 1.0)
    _same(H, np.array([[6.0, 5.0], [5.0, 0.0]]), "the Hessian")
    _same(Hv, np.array([17.0, 10.0]), "H v")


def test_quadratic(solution, rng):
    """On a quadratic both are exact: H is A + Aᵀ at every point, and H v is (A + Aᵀ) v"""
    A, b = rng.normal(size=(3, 3)), rng.normal(size=3)
    answers = []
    for h in (0.25, 2.0):
        x, v = rng.normal(size=3), rng.normal(size=3)
        H = solution.hess(lambda x: float(x @ A @ x + b @ x), x.copy(), h)
        Hv = solution.hvp(lambda x: (A + A.T) @ x + b, x.copy(), v.copy(), h)
        answers.append((h, v, H, Hv))
    for h, v, H, Hv in answers:
        _same(H, A + A.T, f"the Hessian of xᵀA x + bᵀx with h = {h:g}")
        _same(Hv, (A + A.T) @ v, f"H v for xᵀA x + bᵀx with h = {h:g}")


def test_log_sum_exp(solution, rng):
    """The curvature of log-sum-exp is the Jacobian of softmax, with small steps"""
    x, v = rng.normal(size=4), rng.normal(size=4)

    def softmax(x):
        return np.exp(x) / np.sum(np.exp(x))

    H = solution.hess(lambda x: float(np.log(np.sum(np.exp(x)))), x.copy(), 1e-3)
    Hv = solution.hvp(softmax, x.copy(), v.copy())
    s = softmax(x)
    expected = np.diag(s) - np.outer(s, s)
    # The error is h² / 3 times a fourth derivative of less than 1.
    _same(H, expected, "the Hessian of log Σ exp(x) with h = 0.001", rtol=1e-6, atol=5e-6)
    _same(Hv, expected @ v, "H v for log Σ exp(x)", rtol=1e-7, atol=1e-8)


def test_symmetric(solution, rng):
    """The Hessian is symmetric to the last digit"""
    x = _points(rng, 4)
    w = rng.normal(size=4)
    answer = solution.hess(lambda x: float(np.tanh(w @ x) * np.cos(x[0] * x[2]) + x[1] * x[3] ** 3), x.copy(), 0.01)
    H = np.asarray(answer)
    if H.shape != (4, 4):
        raise Mismatch(f"The Hessian has shape {H.shape}, expected (4, 4).")
    if not np.array_equal(H, H.T):
        i, j = (int(k) for k in np.argwhere(H != H.T)[0])
        raise Mismatch(f"H[{i}, {j}] is {H[i, j]:.12g} and H[{j}, {i}] is {H[j, i]:.12g}. "
                       "Each pair is worked out once and written to both places.")  # fmt: skip
    assert np.abs(H).max() > 0.1, "The Hessian is zero, and the function is curved."


def test_kinds_of_points(solution, rng):
    """Valley, hilltop and saddle are told by the signs of the eigenvalues, where the gradient is zero"""
    Q = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    cases = [("valley", [3.0, 1.0, 0.5]), ("hilltop", [-2.0, -1.0, -0.5]), ("saddle", [2.0, 1.0, -1.5])]
    answers = []
    for kind, curvatures in cases:
        S = Q @ np.diag(curvatures) @ Q.T
        H = solution.hess(lambda x, S=S: float(x @ S @ x / 2 + np.sum(x**4)), np.zeros(3))
        answers.append((kind, S, H))
    for kind, S, H in answers:
        _same(H, S, f"the Hessian at the bottom of x = 0, a {kind}", "The gradient is 0 there, and H is not.",
              rtol=1e-6, atol=1e-6)  # fmt: skip
        signs = np.sign(np.linalg.eigvalsh(np.asarray(H))).tolist()
        wanted = np.sign(np.linalg.eigvalsh(S)).tolist()
        assert signs == wanted, (
            f"At a {kind} the eigenvalues of your Hessian have the signs {signs}, expected {wanted}."
        )


def test_linear_in_v(solution, rng):
    """H v follows the length of v: twice v gives twice as much, no v gives zeros"""
    A, x, v = rng.normal(size=(4, 4)), rng.normal(size=4), rng.normal(size=4)
    S = A + A.T
    answers = {factor: solution.hvp(lambda x: S @ x, x.copy(), factor * v, 0.5) for factor in (1.0, 2.0, -0.125, 0.0)}
    for factor, answer in answers.items():
        _same(answer, factor * (S @ v), f"H times {factor:g} v", "The length of v counts.")


def test_steps(solution, rng):
    """The steps are taken as they are given; without them they are 1e-4 for `hess` and 1e-5 for `hvp`"""
    x, v = 10 * _points(rng, 2), _points(rng, 2)
    f, H_measured = _quartic(rng, 2)
    df, Hv_measured = _cubes(rng, 2)
    given = [(h, solution.hess(f, x.copy(), h), solution.hvp(df, x.copy(), v.copy(), h)) for h in (0.75, 4.0)]
    H = solution.hess(lambda x: float(1e8 * x[0] ** 3 * x[1]), np.zeros(2))
    Hv = solution.hvp(lambda x: 1e10 * x**3, np.zeros(2), np.array([1.0, 2.0]))
    for h, answer_H, answer_Hv in given:
        _same(answer_H, H_measured(x, h), f"the Hessian with h = {h:g}", atol=1e-6)
        _same(answer_Hv, Hv_measured(x, v, h), f"H v with h = {h:g}", atol=1e-6)
    why = "It shows the step: it is 1e8 h² beside the diagonal."
    _same(H, np.array([[0.0, 1.0], [1.0, 0.0]]), "the Hessian of 1e8 x₁³ x₂ at 0", why, rtol=1e-6, atol=1e-6)
    why = "It shows the step: it is 1e10 h² v³."
    _same(Hv, np.array([1.0, 8.0]), "H v for the gradient 1e10 x³ at 0", why, rtol=1e-6)


def test_calls(solution, rng):
    """f is called four times for each pair at most, and df exactly twice"""
    x, v, asked, corners = _points(rng, 4), _points(rng, 4), [], []
    f, H_measured = _quartic(rng, 4)
    df, Hv_measured = _cubes(rng, 4)

    def watched(point):
        asked.append(np.array(point))
        return df(point)

    def counted(point):
        corners.append(1)
        return f(point)

    H, Hv = solution.hess(counted, x.copy(), 0.25), solution.hvp(watched, x.copy(), v.copy(), 0.25)
    if len(corners) > 40:
        raise Mismatch(f"`hess` called f {len(corners)} times for 4 entries; 10 pairs with four corners are 40.")
    if len(asked) != 2:
        raise Mismatch(f"`hvp` called df {len(asked)} times; two gradients are enough, however many entries x has.")
    _same(H, H_measured(x, 0.25), "the Hessian")
    _same(Hv, Hv_measured(x, v, 0.25), "H v")


def test_dtypes(solution, rng):
    """Integers and float32 are moved in float64, and both results are float64"""
    cases = []
    for dtype, h in ((np.int64, 0.25), (np.float32, 0.003), (np.float32, 0.3)):
        x, v = (rng.integers(1, 4, size=3) * rng.uniform(0.8, 1.2, size=3) for _ in range(2))
        x, v = x.astype(dtype), (v + 1).astype(dtype)
        f, H_measured = _quartic(rng, 3)
        df, Hv_measured = _cubes(rng, 3)
        what = f"for x in {np.dtype(dtype)}, h = {h:g}"
        cases.append((f"the Hessian {what}", solution.hess(f, x, h), H_measured(x, h), 1e-7))
        cases.append((f"H v {what}", solution.hvp(df, x, v, h), Hv_measured(x, v, h), 1e-9))
    for what, answer, expected, rtol in cases:
        # Rounding with h = 0.003: 1e-16 · 500 / 1e-5 = 5e-9 in H and 1e-11 in H v; float32 would be off by far more.
        _same(answer, expected, what, rtol=rtol, atol=1e-6 if "Hessian" in what else 1e-9)


def test_shapes(solution, rng):
    """`hvp` for x of any shape; both for a single entry"""
    cases = []
    for shape in ((2, 3), (1,), (), (1, 2, 2)):
        x, v = np.array(_points(rng, *shape)), np.array(_points(rng, *shape))
        df, measured = _cubes(rng, *shape)
        cases.append((f"H v for x of shape {shape}", solution.hvp(df, x, v, 0.375), measured(x, v, 0.375)))
    one = solution.hess(lambda x: float(x[0] ** 3), np.array([-2.0]), 0.5)
    for what, answer, expected in cases:
        _same(np.asarray(answer), expected, what)
    _same(one, np.array([[-12.0]]), "the Hessian of x³ at -2")


def test_only_read(solution, rng):
    """x and v hold the same numbers afterwards, whatever their strides"""
    x, v = _points(rng, 8), _points(rng, 8)
    x[0] = 1e-20  # there and back again by 0.25, in place, makes this 0
    for point, direction in ((x[:3], v[:3]), (x[::-3], v[::3])):
        f, H_measured = _quartic(rng, 3)
        df, Hv_measured = _cubes(rng, 3)
        seen_H = observe(solution.hess, f, point, 0.25)
        seen_Hv = observe(solution.hvp, df, point, direction, 0.25)
        assert_equal(seen_H.args[1], point, what="x after `hess` (it must not be changed in place)")
        assert_equal(seen_Hv.args[1], point, what="x after `hvp` (it must not be changed in place)")
        assert_equal(seen_Hv.args[2], direction, what="v after `hvp` (it must not be changed in place)")
        _same(seen_H.value, H_measured(point, 0.25), "the Hessian")
        _same(seen_Hv.value, Hv_measured(point, direction, 0.25), "H v")
