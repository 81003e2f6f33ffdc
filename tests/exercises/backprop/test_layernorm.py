"""The hidden suite of backprop/layernorm.

The expected gradients do not come from the formulas for the backward pass: the forward formula is run here
with each input moved by 1e-30 i (the complex-step derivative, Squire and Trapp 1998), which gives every
slope to the last digit. Default tolerances for float64 (1e-9 relative, 1e-12 absolute, far above the
rounding of numbers of about 1) unless a reason stands beside another; for float32 1e-5 and 1e-5, as
rounding of single numbers (6e-8) adds up over features and tokens and partly cancels. No check fails by
chance. The cache stays on the learner's side: what is in it is nobody's business here.
"""

import numpy as np

from grader.testing import Mismatch, assert_close, assert_equal, keep, keep_item, library

STEP = 1e-30


def _formula(x, gamma, beta, eps):
    centred = x - x.mean(-1, keepdims=True)
    return gamma * centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps) + beta


def _gradients(x, gamma, beta, eps, dy):
    """d sum(dy * y) by x, gamma and beta, one number at a time."""
    inputs = [np.asarray(value, np.float64) for value in (x, gamma, beta)]
    found = []
    for k, value in enumerate(inputs):
        grad = np.zeros(value.shape)
        for place in np.ndindex(value.shape):
            moved = value.astype(complex)
            moved[place] += STEP * 1j
            grad[place] = (
                np.sum(dy * _formula(*(moved if i == k else other for i, other in enumerate(inputs)), eps).imag) / STEP
            )
        found.append(grad)
    return found


def _forward(solution, x, gamma, beta, eps):
    """y by value, and the cache as a handle."""
    pair = keep(solution.ln_forward, x, gamma, beta, eps)
    kind = repr(pair).split()[0].removeprefix("<")
    try:
        size = 0 if kind in ("ndarray", "dict") else len(pair)
    except TypeError:
        size = 0
    if size != 2:
        hint = " Is a return missing?" if kind == "NoneType" else ""
        raise Mismatch(f"ln_forward has to return the pair (y, cache); what came is of type {kind}.{hint}")
    return pair[0], keep_item(pair, 1)


def _backward(solution, dy, cache):
    grads = solution.ln_backward(dy, cache)
    if not isinstance(grads, tuple | list) or len(grads) != 3:
        kind = f"{len(grads)} values" if isinstance(grads, tuple | list) else f"a {type(grads).__name__}"
        raise Mismatch(f"ln_backward has to return dx, dgamma and dbeta; what came is {kind}.")
    return grads


def _compare(grads, expected, where="", **tolerance):
    for name, mine, theirs in zip(("dx", "dgamma", "dbeta"), grads, expected, strict=True):
        assert_close(mine, theirs, what=f"the gradient {name}{where}", **tolerance)


def _shaped(value, shape, what):
    """`value`, once it is an array of that shape: only then can its rows be looked at."""
    if getattr(value, "shape", None) != shape:
        assert_close(value, np.zeros(shape), what=what)
        raise Mismatch(f"{what[:1].upper()}{what[1:]} is no NumPy array of shape {shape}.")
    return value


def _draw(rng, shape, dtype=np.float64):
    """x, gamma, beta, dy: nothing is 0 or 1, and no feature is like another."""
    d = shape[-1]
    x = rng.normal(size=shape) * 1.5 + 0.7
    gamma, beta = rng.uniform(0.5, 2.0, size=d) * rng.choice([-1.0, 1.0], size=d), rng.normal(size=d)
    return tuple(value.astype(dtype) for value in (x, gamma, beta, rng.normal(size=shape)))


def test_forward(solution, rng):
    """y is the normalised token, scaled by gamma and shifted by beta"""
    x, gamma, beta, _ = _draw(rng, (4, 6))
    answers = {eps: _forward(solution, x, gamma, beta, eps)[0] for eps in (1e-5, 0.4)}
    for eps, y in answers.items():
        assert_close(y, _formula(x, gamma, beta, eps), what=f"the output y with eps = {eps:g}")


def test_values(solution, rng):
    """Forward and backward are right for tokens along two axes"""
    eps = 0.3
    x, gamma, beta, dy = _draw(rng, (2, 3, 5))
    y, cache = _forward(solution, x, gamma, beta, eps)
    grads = _backward(solution, dy, cache)
    assert_close(y, _formula(x, gamma, beta, eps), what="the output y")
    _compare(grads, _gradients(x, gamma, beta, eps, dy))


def test_worked_example(solution):
    """The example of the statement"""
    x, gamma, beta = np.array([1.0, 2.0, 6.0]), np.array([1.0, 2.0, 1.0]), np.array([0.0, 0.5, 0.0])
    y, cache = _forward(solution, x, gamma, beta, 1 / 3)
    grads = _backward(solution, np.array([1.0, 0.0, 0.0]), cache)
    assert_close(y, np.array([-2.0, -2.0 + 0.5 * 5**0.5, 3.0]) / 5**0.5, what="the output y")
    dx = np.array([0.4, -14 / 30, 2 / 30]) / 5**0.5
    _compare(grads, [dx, np.array([-2.0, 0.0, 0.0]) / 5**0.5, np.array([1.0, 0.0, 0.0])])


def test_mean_and_variance(solution, rng):
    """Before scale and shift each token has mean 0 and, but for eps, variance 1"""
    x, gamma, beta, _ = _draw(rng, (3, 2, 8))
    y = _shaped(_forward(solution, x, gamma, beta, 0.2)[0], x.shape, "the output y")
    x_hat = (y - beta) / gamma
    variance = x.var(-1)
    assert_close(x_hat.mean(-1), np.zeros((3, 2)), what="the mean of each token of (y - beta) / gamma")
    assert_close(x_hat.var(-1), variance / (variance + 0.2), what="the variance of each token of (y - beta) / gamma")


def test_eps_inside_the_root(solution, rng):
    """eps is added to the variance, inside the root"""
    size, eps = 0.01, 0.0025
    signs = np.array([1.0, -1.0, -1.0, 1.0])
    gamma, beta, dy = _draw(rng, (2, 4))[1:]
    x = np.stack([3.0 + size * signs, -size * signs])
    y, cache = _forward(solution, x, gamma, beta, eps)
    root = (size**2 + eps) ** 0.5
    assert_close(
        y,
        gamma * np.stack([signs, -signs]) * size / root + beta,
        what=f"the output y for tokens of variance {size**2:g} with eps = {eps:g}",
    )
    _compare(
        _backward(solution, dy, cache),
        _gradients(x, gamma, beta, eps, dy),
        f" for tokens of variance {size**2:g} with eps = {eps:g}",
    )


def test_shift_and_scale(solution, rng):
    """Adding a number to a token changes nothing, nor, with eps = 0, does multiplying it"""
    x, gamma, beta, _ = _draw(rng, (3, 5))
    shift, factor = rng.normal(size=(3, 1)) * 4, rng.uniform(2.0, 9.0, size=(3, 1))
    shifted = _forward(solution, x + shift, gamma, beta, 0.1)[0]
    scaled = _forward(solution, x * factor, gamma, beta, 0.0)[0]
    assert_close(
        shifted, _formula(x, gamma, beta, 0.1), what="the output y after a number was added to all features of a token"
    )
    assert_close(
        scaled,
        _formula(x, gamma, beta, 0.0),
        what="the output y after a token was multiplied with a number, with eps = 0",
    )


def test_far_from_zero(solution, rng):
    """Tokens far from zero are normalised as well as those near it"""
    near = rng.integers(-40, 40, size=(4, 6)) / 8.0
    near[:, 0] += 7.0
    far = near + np.array([[2.0**20], [-(2.0**23)], [0.0], [2.0**26]])  # eighths stay exact in all of them
    gamma, beta, dy = _draw(rng, (4, 6))[1:]
    y, cache = _forward(solution, far, gamma, beta, 0.5)
    grads = _backward(solution, dy, cache)
    # The mean of a far token is rounded to 1e-8; deviations of about 5 are right to 3e-9 of that.
    assert_close(
        y,
        _formula(near, gamma, beta, 0.5),
        rtol=1e-7,
        atol=1e-7,
        what="the output y for tokens near 0, 1e6, -8e6 and 7e7",
    )
    _compare(
        grads, _gradients(near, gamma, beta, 0.5, dy), " for tokens near 0, 1e6, -8e6 and 7e7", rtol=1e-7, atol=1e-7
    )


def test_tokens_on_their_own(solution, rng):
    """Changing one token changes nothing for the others"""
    x, gamma, beta, dy = _draw(rng, (3, 4))
    changed = x.copy()
    changed[1] = 30.0 * x[1] + 100.0
    answers = []
    for given in (x, changed):
        y, cache = _forward(solution, given, gamma, beta, 0.2)
        dx = _backward(solution, dy, cache)[0]
        answers.append((_shaped(y, x.shape, "the output y"), _shaped(dx, x.shape, "the gradient dx")))
    for name, before, after in zip(("y", "dx"), *answers, strict=True):
        assert_close(after[[0, 2]], before[[0, 2]], what=f"{name} for tokens 0 and 2 after token 1 was changed",
                     why="Mean and variance are those of the token itself.")  # fmt: skip
    assert_close(answers[1][0], _formula(changed, gamma, beta, 0.2), what="the output y")


def test_directions_of_dx(solution, rng):
    """Each token of dx sums to zero and, with eps = 0, is at right angles to x̂"""
    x, gamma, beta, dy = _draw(rng, (2, 3, 6))
    cache = _forward(solution, x, gamma, beta, 0.0)[1]
    dx = _shaped(_backward(solution, dy, cache)[0], x.shape, "the gradient dx")
    x_hat = _formula(x, 1.0, 0.0, 0.0)
    assert_close(
        dx.sum(-1),
        np.zeros((2, 3)),
        what="the sum of each token of dx",
        why="Adding a number to a token changes nothing.",
    )
    assert_close((dx * x_hat).sum(-1), np.zeros((2, 3)), what="the dot product of each token of dx with x̂",
                 why="With eps = 0 multiplying x - μ with a number changes nothing.")  # fmt: skip
    assert_close(dx, _gradients(x, gamma, beta, 0.0, dy)[0], what="dx")


def test_any_number_of_axes(solution, rng):
    """gamma and beta get sums over all tokens, however many axes there are"""
    cases = []
    for shape in ((5,), (3, 5), (2, 3, 4), (2, 1, 3, 4)):
        x, gamma, beta, dy = _draw(rng, shape)
        y, cache = _forward(solution, x, gamma, beta, 0.25)
        cases.append(
            (
                shape,
                y,
                _backward(solution, dy, cache),
                _formula(x, gamma, beta, 0.25),
                _gradients(x, gamma, beta, 0.25, dy),
            )
        )
    for shape, y, grads, expected, gradients in cases:
        assert_close(y, expected, what=f"the output y for x of shape {shape}")
        _compare(grads, gradients, f" for x of shape {shape}")


def test_constant_token(solution, rng):
    """A token whose features are all equal gives beta, and a finite gradient"""
    x, gamma, beta, dy = _draw(rng, (3, 4))
    x[1] = 2.5
    y, cache = _forward(solution, x, gamma, beta, 0.04)
    grads = _backward(solution, dy, cache)
    assert_close(y, _formula(x, gamma, beta, 0.04), what="the output y where token 1 is [2.5, 2.5, 2.5, 2.5]")
    _compare(grads, _gradients(x, gamma, beta, 0.04, dy), " where token 1 is [2.5, 2.5, 2.5, 2.5]")


def test_gamma_zero(solution, rng):
    """Features that are switched off, gamma = 0, have gradients all the same"""
    x, gamma, beta, dy = _draw(rng, (3, 5))
    gamma[2] = 0.0
    y, cache = _forward(solution, x, gamma, beta, 0.2)
    grads = _backward(solution, dy, cache)
    assert_close(y, _formula(x, gamma, beta, 0.2), what="the output y where gamma[2] is 0")
    _compare(grads, _gradients(x, gamma, beta, 0.2, dy), " where gamma[2] is 0")


def test_float32(solution, rng):
    """float32 in, float32 out, in forward and backward"""
    x, gamma, beta, dy = _draw(rng, (3, 7), np.float32)
    y, cache = _forward(solution, x, gamma, beta, 0.1)
    grads = _backward(solution, dy, cache)
    wide = [value.astype(np.float64) for value in (x, gamma, beta)]
    assert_close(y, _formula(*wide, 0.1).astype(np.float32), atol=1e-5, what="the output y of float32 arrays")
    expected = [grad.astype(np.float32) for grad in _gradients(*wide, 0.1, dy.astype(np.float64))]
    _compare(grads, expected, " of float32 arrays", atol=1e-5)


def test_sizes_one_and_zero(solution, rng):
    """One feature, one token, no token"""
    for shape in ((3, 1), (1, 5), (0, 4), (2, 0, 3)):
        x, gamma, beta, dy = _draw(rng, shape)
        y, cache = _forward(solution, x, gamma, beta, 0.25)
        grads = _backward(solution, dy, cache)
        assert_close(y, _formula(x, gamma, beta, 0.25), what=f"the output y for x of shape {shape}")
        _compare(grads, _gradients(x, gamma, beta, 0.25, dy), f" for x of shape {shape}")


def test_arguments_are_only_read(solution, rng):
    """x, gamma, beta and dy hold the same numbers afterwards, whatever their strides"""
    x, gamma, beta, dy = (value.T if value.ndim == 2 else value for value in _draw(rng, (5, 5)))
    there = library(solution, "numpy.asarray")
    given = {name: keep(there, value) for name, value in (("x", x), ("gamma", gamma[::-1]), ("beta", beta), ("dy", dy))}
    y, cache = _forward(solution, given["x"], given["gamma"], given["beta"], 0.2)
    grads = _backward(solution, given["dy"], cache)
    after = {name: value[...] for name, value in given.items()}
    for name, before in (("x", x), ("gamma", gamma[::-1]), ("beta", beta), ("dy", dy)):
        assert_equal(after[name], before, what=f"{name} afterwards (it must not be changed in place)")
    assert_close(y, _formula(x, gamma[::-1], beta, 0.2), what="the output y")
    _compare(grads, _gradients(x, gamma[::-1], beta, 0.2, dy))


def test_caches(solution, rng):
    """Each cache belongs to its own call, and serves more than one backward"""
    calls = [_draw(rng, shape) for shape in ((3, 4), (3, 4))]
    caches = [_forward(solution, x, gamma, beta, 0.3)[1] for x, gamma, beta, _ in calls]
    order = (0, 1, 0)
    answers = [_backward(solution, (1.0 + k) * calls[i][3], caches[i]) for k, i in enumerate(order)]
    for k, (i, grads) in enumerate(zip(order, answers, strict=True)):
        x, gamma, beta, dy = calls[i]
        where = f" of backward number {k + 1}, with the cache of forward number {i + 1}"
        _compare(grads, _gradients(x, gamma, beta, 0.3, (1.0 + k) * dy), where)
