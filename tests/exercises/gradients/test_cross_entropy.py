"""The hidden suite of gradients/cross_entropy.

The expected losses are added up row by row in Python floats with math.fsum, from log p = x - max - log Σ exp(x - max).
The expected gradients do not come from the formula: each logit is moved by 1e-30 i (the complex step, Squire and Trapp
1998). Default tolerances, float64 1e-9 relative, float32 1e-5 and 1e-6 (the judge rounds the logits to the dtype first;
rows are at most 30 wide there). No check fails by chance.
"""

import math

import numpy as np

from grader.testing import Mismatch, assert_close, assert_equal, observe

STEP = 1e-30


def _row(x, y, smoothing):
    """The loss of one row, for real or complex logits."""
    m = max(value.real for value in x)
    log_sum = m + np.log(sum(np.exp(value - m) for value in x))
    q = [(1 - smoothing) * (v == y) + smoothing / len(x) for v in range(len(x))]
    return sum(share * (log_sum - value) for share, value in zip(q, x, strict=True) if share > 0)


def _expected(logits, y, ignore=-100, smoothing=0.0):
    wide = logits.astype(np.float64)
    rows = [i for i in range(len(y)) if y[i] != ignore]
    gradient = np.zeros(wide.shape)
    if not rows:
        return 0.0, gradient.astype(logits.dtype)
    for i in rows:
        for v in range(wide.shape[1]):
            if wide[i, v] == -np.inf:
                continue
            moved = [complex(value) if value > -np.inf else complex(-1e6) for value in wide[i]]
            moved[v] += STEP * 1j
            gradient[i, v] = _row(moved, y[i], smoothing).imag / STEP / len(rows)
    loss = math.fsum(float(_row(wide[i].tolist(), y[i], smoothing)) for i in rows) / len(rows)
    return loss, gradient.astype(logits.dtype)


def _compare(answer, expected, where, why=""):
    if not isinstance(answer, tuple) or len(answer) != 2:
        raise Mismatch(f"ce returned {type(answer).__name__}, expected the pair (loss, dlogits).")
    loss, gradient = answer
    if not isinstance(loss, float | np.floating) and getattr(loss, "shape", None) != ():
        raise Mismatch(f"The loss is a {type(loss).__name__} of shape {getattr(loss, 'shape', '?')}, expected one number.")
    rtol = 1e-5 if expected[1].dtype == np.float32 else 1e-9
    assert_close(float(loss), expected[0], rtol=rtol, what=f"the loss {where}", why=why)
    assert_close(gradient, expected[1], what=f"the gradient dlogits {where}", why=why)


def _batch(rng, N, V):
    return 2 * rng.normal(size=(N, V)), rng.integers(0, V, size=N)


def test_values(solution, rng):
    """Loss and gradient of a batch"""
    logits, y = _batch(rng, 5, 7)
    answer = solution.ce(logits.copy(), y.copy())
    _compare(answer, _expected(logits, y), "of 5 rows and 7 tokens")


def test_smoothing(solution, rng):
    """Label smoothing shares ε among all tokens, in the loss and in the gradient"""
    logits, y = _batch(rng, 4, 6)
    answers = {e: solution.ce(logits.copy(), y.copy(), smoothing=e) for e in (0.1, 0.35, 1.0)}
    why = "All V tokens share ε, the target among them: q adds up to 1."
    for e, answer in answers.items():
        _compare(answer, _expected(logits, y, -100, e), f"with smoothing={e:g}", why)


def test_ignored_rows(solution, rng):
    """Ignored rows count neither in the sum nor in the number of rows"""
    logits, y = _batch(rng, 6, 4)
    y[[1, 4]] = -100
    moved = logits.copy()
    moved[[1, 4]] = 5 * rng.normal(size=(2, 4))
    answers = [solution.ce(x.copy(), y.copy(), -100, e) for x in (logits, moved) for e in (0.0, 0.3)]
    expected = [_expected(logits, y, -100, e) for e in (0.0, 0.3)]
    for answer, e in zip(answers[:2], (0, 1), strict=True):
        _compare(answer, expected[e], f"where 2 of 6 rows are ignored, with smoothing={0.3 * e:g}")
    for answer, e in zip(answers[2:], (0, 1), strict=True):
        where = f"with other logits in the ignored rows and smoothing={0.3 * e:g}"
        _compare(answer, expected[e], where, "They have no say.")


def test_worked_example(solution):
    """The example of the statement"""
    logits, y = np.array([[0.0, math.log(3)], [math.log(4), 0.0], [5.0, 5.0]]), np.array([1, 1, -100])
    plain, smooth = solution.ce(logits.copy(), y.copy()), solution.ce(logits.copy(), y.copy(), smoothing=0.2)
    gradient = np.array([[0.125, -0.125], [0.4, -0.4], [0.0, 0.0]])
    _compare(plain, ((-math.log(0.75) - math.log(0.2)) / 2, gradient), "of the example")
    _compare(smooth, _expected(logits, y, -100, 0.2), "of the example with smoothing=0.2")


def test_large_logits(solution, rng):
    """Logits of 1e4 neither overflow nor vanish, and rows may be far apart"""
    logits, y = _batch(rng, 6, 5)
    logits[0] += 1e4
    logits[1] -= 1e4
    logits[2, y[2]] -= 2e4
    logits[3, y[3]] += 2e4
    logits[4, (y[4] + 1) % 5] += 800.0
    answers = [solution.ce(logits.copy(), y.copy(), -100, e) for e in (0.0, 0.2)]
    rows = [solution.ce(logits[i : i + 1].copy(), y[i : i + 1].copy()) for i in range(6)]
    _compare(answers[0], _expected(logits, y), "with rows near 1e4, -1e4 and 0")
    _compare(answers[1], _expected(logits, y, -100, 0.2), "with rows near 1e4, -1e4 and 0, and smoothing=0.2")
    names = ("near 1e4", "near -1e4", "whose target is 2e4 below the rest", "whose target is 2e4 above the rest",
             "whose target is 800 below another", "near 0")  # fmt: skip
    for i, name in enumerate(names):
        _compare(rows[i], _expected(logits[i : i + 1], y[i : i + 1]), f"of one row {name}")


def test_forbidden_tokens(solution, rng):
    """Logits of -inf are tokens of probability 0: no NaN, and a gradient of exactly 0"""
    logits, y = _batch(rng, 4, 6)
    for i in range(4):
        logits[i, [(y[i] + 1 + i) % 6, (y[i] + 5) % 6]] = -np.inf
    logits[3] = -np.inf
    logits[3, y[3]] = 1.5
    loss, gradient = solution.ce(logits.copy(), y.copy())
    _compare((loss, gradient), _expected(logits, y), "where logits are -inf")
    hidden = np.isneginf(logits)
    assert_equal(gradient[hidden], np.zeros(int(hidden.sum())), what="the gradient of the logits that are -inf")


def test_other_ignore_index(solution, rng):
    """`ignore_index` may be any number, a token's too"""
    logits, y = _batch(rng, 7, 5)
    y[:3] = [2, 3, 2]
    minus = np.where(y == 2, -1, y)
    answers = solution.ce(logits.copy(), y.copy(), 2), solution.ce(logits.copy(), minus.copy(), ignore_index=-1)
    zero = solution.ce(logits.copy(), np.where(y == 2, 0, y), 0, 0.25)
    _compare(answers[0], _expected(logits, y, 2), "with ignore_index=2")
    _compare(answers[1], _expected(logits, minus, -1), "with ignore_index=-1")
    _compare(zero, _expected(logits, np.where(y == 2, 0, y), 0, 0.25), "with ignore_index=0")


def test_no_row_counts(solution, rng):
    """If no row counts the loss is 0 and the gradient zeros"""
    logits = rng.normal(size=(3, 4))
    all_out = solution.ce(logits.copy(), np.full(3, -100)), solution.ce(logits.copy(), np.full(3, -100), smoothing=0.1)
    empty = solution.ce(np.zeros((0, 4)), np.zeros(0, np.int64))
    one = solution.ce(logits.copy(), np.array([-100, 2, -100]))
    for answer in all_out:
        _compare(answer, (0.0, np.zeros((3, 4))), "of a batch whose rows are all ignored")
    _compare(empty, (0.0, np.zeros((0, 4))), "of a batch without rows")
    _compare(one, _expected(logits, np.array([-100, 2, -100])), "where one row of three counts")


def test_properties(solution, rng):
    """Rows of the gradient sum to 0, a shift of a row changes nothing, equal logits cost log V"""
    logits, y = _batch(rng, 5, 8)
    y[3] = -100
    shifted = logits + rng.uniform(-5, 5, size=(5, 1))
    plain, other = solution.ce(logits.copy(), y.copy(), -100, 0.15), solution.ce(shifted, y.copy(), -100, 0.15)
    equal = solution.ce(np.full((3, 11), 2.5), np.array([0, 10, 4]), smoothing=0.4)
    _compare(other, _expected(logits, y, -100, 0.15), "with a number added to each row", "Only differences matter.")
    total = plain[1].sum(1)
    assert_close(total, np.zeros(total.shape), what="the sum of each row of the gradient dlogits")
    _compare(plain, _expected(logits, y, -100, 0.15), "with smoothing=0.15")
    assert_close(float(equal[0]), math.log(11), what="the loss of 11 equal logits")


def test_float32(solution, rng):
    """float32 logits give float32 gradients"""
    logits, y = _batch(rng, 5, 6)
    logits, y[1] = logits.astype(np.float32), -100
    logits[0] += np.float32(200.0)
    answers = [solution.ce(logits.copy(), y.copy(), -100, e) for e in (0.0, 0.1)]
    out = solution.ce(logits.copy(), np.full(5, -100))
    for answer, e in zip(answers, (0.0, 0.1), strict=True):
        _compare(answer, _expected(logits, y, -100, e), f"of float32 logits with smoothing={e:g}")
    _compare(out, (0.0, np.zeros((5, 6), np.float32)), "of float32 logits, all ignored")


def test_small_sizes(solution, rng):
    """A single row, a vocabulary of one, and a square batch"""
    logits, y = _batch(rng, 6, 6)
    row = solution.ce(logits[:1].copy(), y[:1].copy(), -100, 0.1)
    single = solution.ce(logits[:, :1].copy(), np.zeros(6, np.int64))
    square = solution.ce(logits.copy(), y.copy())
    _compare(row, _expected(logits[:1], y[:1], -100, 0.1), "of one row")
    _compare(single, (0.0, np.zeros((6, 1))), "of a vocabulary of one token")
    _compare(square, _expected(logits, y), "of 6 rows and 6 tokens")


def test_inputs_are_only_read(solution, rng):
    """logits and y hold the same numbers afterwards, whatever their strides"""
    logits, y = 2 * rng.normal(size=(4, 10)), rng.integers(0, 4, size=10)
    y[3] = -100
    for x, target in ((logits.T, y), (logits.T[::2], y[::2]), (logits.T[::-1, ::-1], y)):
        seen = observe(solution.ce, x, target, -100, 0.2)
        assert_equal(seen.args[0], x, what="logits after the call (it must not be changed in place)")
        assert_equal(seen.args[1], target, what="y after the call (it must not be changed in place)")
        _compare(seen.value, _expected(x, target, -100, 0.2), "of arrays with strides of their own")
