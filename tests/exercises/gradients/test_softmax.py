"""The hidden suite of gradients/softmax.

The expected probabilities come from another form of the definition, one entry at a time in Python floats:
softmax(x)ᵢ = 1 / Σⱼ exp(xⱼ - xᵢ), which needs no shift. Default tolerances: float64 1e-9 relative, float32 1e-5;
where the scores are large the judge rounds them to the dtype first, so both sides start from the same numbers. exp
of a difference d is off by |d| 2⁻²⁴ in float32: scores there lie within 20 of one another, which is 1e-6. No check
fails by chance.
"""

import math

import numpy as np

from grader.testing import Mismatch, assert_close, assert_equal, observe


def _exp(value):
    return math.inf if value > 709 else math.exp(value)


def _line(scores):
    return [0.0 if a == -math.inf else 1 / math.fsum(_exp(b - a) for b in scores) for a in scores]


def _softmax(x, axis):
    wide = np.moveaxis(np.asarray(x, np.float64), axis, -1)
    out = np.zeros(wide.shape)
    for place in np.ndindex(wide.shape[:-1]):
        out[place] = _line(wide[place].tolist())
    return np.moveaxis(out, -1, axis)


def test_values(solution, rng):
    """The probabilities along the axis that is named"""
    x = 2 * rng.normal(size=(3, 4, 2))
    answers = {axis: solution.softmax(x.copy(), axis) for axis in (1, 0, -1)}
    for axis, answer in answers.items():
        assert_close(answer, _softmax(x, axis), what=f"the probabilities with axis={axis}")


def test_worked_examples(solution):
    """The examples of the statement"""
    given = ([0.0, math.log(2), math.log(5)], [1000.0, 1000.0], [-math.inf, 3.0])
    answers = [solution.softmax(np.array(x)) for x in given]
    for x, answer, expected in zip(given, answers, ([0.125, 0.25, 0.625], [0.5, 0.5], [0.0, 1.0]), strict=True):
        assert_close(answer, np.array(expected), what=f"softmax({[round(score, 4) for score in x]})")


def test_default_axis(solution, rng):
    """Without an axis it is the last one"""
    x = rng.normal(size=(4, 4))
    answer = solution.softmax(x.copy())
    assert_close(answer, _softmax(x, 1), what="the probabilities of a 4 × 4 array, no axis given")


def test_every_axis(solution, rng):
    """Every axis of a four-dimensional array, counted from either end"""
    x = rng.normal(size=(2, 3, 4, 2))
    for axis in range(4):
        answers = [solution.softmax(x.copy(), number) for number in (axis, axis - 4)]
        assert_close(answers[0], _softmax(x, axis), what=f"the probabilities with axis={axis} for shape (2, 3, 4, 2)")
        assert_equal(answers[1], answers[0], what=f"the probabilities with axis={axis - 4}, which is axis {axis}")


def test_large_scores(solution, rng):
    """Large scores do not overflow, and very negative ones do not vanish"""
    for dtype, level in ((np.float64, 1e4), (np.float32, 500.0)):
        x = rng.normal(size=(3, 5))
        up, down = (x + level).astype(dtype), (x - level).astype(dtype)
        answers = solution.softmax(up.copy(), 1), solution.softmax(down.copy(), 1)
        for given, answer, sign in ((up, answers[0], ""), (down, answers[1], "-")):
            assert_close(answer, _softmax(given, 1).astype(dtype), what=f"the probabilities of scores near {sign}{level:g}",
                         why="Only the differences between the scores of a line matter.")  # fmt: skip


def test_scale_of_each_line(solution, rng):
    """Lines that are far apart come out right in the same array"""
    level = np.array([[-1e6], [-1e3], [0.0], [1e3], [1e6]])
    x = rng.normal(size=(5, 4)) + level
    answers = solution.softmax(x.copy(), 1), solution.softmax(x.T.copy(), 0)
    why = "Each line needs a shift of its own."
    assert_close(answers[0], _softmax(x, 1), what="the probabilities of lines near -1e6, -1e3, 0, 1e3 and 1e6", why=why)
    assert_close(answers[1], _softmax(x, 1).T, what="the same lines as columns, with axis=0", why=why)


def test_wide_lines(solution, rng):
    """Scores far apart within one line: one token takes all, and the others keep their digits"""
    x = rng.normal(size=(4, 5))
    x[0, 2] += 400.0
    x[1, 0] -= 600.0
    x[2, 3] += 1e5
    x[3, 1], x[3, 4] = x[3, 1] - 1e5, x[3, 4] - 350.0
    answer = solution.softmax(x.copy(), 1)
    # exp of a difference of 600 is off by 600 · 2⁻⁵³ = 7e-14 at the most.
    assert_close(answer, _softmax(x, 1), rtol=1e-9, atol=0.0, what="the probabilities, where scores of a line are far apart",
                 why="Probabilities of 1e-170 are small, but not 0.")  # fmt: skip


def test_scores_of_size(solution, rng):
    """Large scores a little apart keep their order and their distance"""
    x = np.array([[720.0, 721.0, 719.5], [-720.0, -719.0, -721.5]]) + rng.uniform(0.0, 0.25, size=(2, 3))
    answer = solution.softmax(x.copy(), 1)
    assert_close(answer, _softmax(x, 1), what="the probabilities of scores beyond ±700")


def test_hidden_scores(solution, rng):
    """A score of -inf gets probability 0 exactly, and the others share the rest"""
    for dtype in (np.float64, np.float32):
        x = (rng.normal(size=(3, 6)) + np.array([[0.0], [2000.0], [-2000.0]])).astype(dtype)
        hidden = np.zeros((3, 6), bool)
        hidden[0, 0] = hidden[0, 4] = hidden[1, 5] = hidden[2, [0, 1, 2, 4, 5]] = True
        x[hidden] = -np.inf
        answer = solution.softmax(x.copy(), 1)
        assert_close(answer, _softmax(x, 1).astype(dtype), what="the probabilities, some scores being -inf")
        assert_equal(answer[hidden], np.zeros(8, dtype), what="the probabilities of the scores that are -inf")


def test_hidden_line(solution, rng):
    """A line that is -inf throughout gives zeros, its neighbours their own"""
    x = rng.normal(size=(4, 3))
    x[1] = x[3] = -np.inf
    one = x[0].astype(np.float32)
    answers = (
        solution.softmax(x.copy(), 1),
        solution.softmax(x.T.copy(), 0),
        solution.softmax(np.full((2, 3), -np.inf, np.float32)),
        solution.softmax(np.stack([one, np.full(3, -np.inf, np.float32)])),
    )
    why = "Where nothing may be chosen, every probability is 0."
    assert_close(answers[0], _softmax(x, 1), what="the probabilities, two lines being -inf throughout", why=why)
    assert_close(answers[1], _softmax(x, 1).T, what="the same with axis=0", why=why)
    assert_close(answers[2], np.zeros((2, 3), np.float32), what="the probabilities of an array of -inf", why=why)
    assert_close(answers[3][0], _softmax(one, 0).astype(np.float32), what="the line beside one that is -inf")


def test_sums_and_order(solution, rng):
    """Every line adds up to 1, and the probabilities have the order of the scores"""
    x = 5 * rng.normal(size=(4, 3, 5))
    for axis in (0, 1, 2):
        p = solution.softmax(x.copy(), axis)
        if getattr(p, "shape", None) != x.shape:
            raise Mismatch(f"The result has no shape (4, 3, 5) like x: it is {type(p).__name__} {getattr(p, 'shape', '')}.")
        total = p.sum(axis)
        assert_close(total, np.ones(total.shape), rtol=1e-12, what=f"the sum of the probabilities along axis {axis}")
        assert_equal(np.argsort(p, axis), np.argsort(x, axis), what=f"the order of the probabilities along axis {axis}")


def test_float32(solution, rng):
    """float32 stays float32, and integers give float64"""
    x = (3 * rng.normal(size=(3, 7))).astype(np.float32)
    whole = np.array([[3, -2, 0, 5], [900, 901, 899, -900]])
    answers = solution.softmax(x.copy(), 1), solution.softmax(whole.copy(), 1), solution.softmax(whole.copy(), 0)
    assert_close(answers[0], _softmax(x, 1).astype(np.float32), what="the probabilities of float32 scores")
    assert_close(answers[1], _softmax(whole, 1), what="the probabilities of int64 scores")
    assert_close(answers[2], _softmax(whole, 0), what="the probabilities of int64 scores with axis=0")


def test_sizes_one_and_zero(solution, rng):
    """An axis of size one gives ones, an array without lines an empty one"""
    x = 1000 * rng.normal(size=(4, 1))
    answers = solution.softmax(x.copy(), 1), solution.softmax(x.copy(), 0), solution.softmax(np.ones((0, 5)), 1)
    assert_close(answers[0], np.ones((4, 1)), what="the probabilities of the shape (4, 1) with axis=1")
    assert_close(answers[1], _softmax(x, 0), what="the probabilities of the shape (4, 1) with axis=0")
    assert_close(answers[2], np.ones((0, 5)), what="the probabilities of the shape (0, 5) with axis=1")


def test_x_is_only_read(solution, rng):
    """x holds the same numbers afterwards, whatever its strides"""
    x = 3 * rng.normal(size=(4, 6))
    for view in (x, x.T, x[::2, ::-1]):
        seen = observe(solution.softmax, view, 0)
        assert_equal(seen.args[0], view, what="x after the call (it must not be changed in place)")
        assert_close(seen.value, _softmax(view, 0), what="the probabilities with axis=0")
