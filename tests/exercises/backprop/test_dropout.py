"""The hidden suite of backprop/dropout.

The generator lives on the learner's side; here one of the same seed draws the same numbers, so every mask is known and
nothing is left to chance: no check fails a right solution, whatever the seed. Default tolerances (float64 1e-9,
float32 1e-5 relative; a right order of operations differs by one rounding). The cache stays on the learner's side.
"""

import numpy as np

from grader.testing import Mismatch, assert_close, assert_equal, keep, keep_item, library


def _generator(solution, seed):
    """A generator on the learner's side, and one here that draws the same numbers."""
    return keep(library(solution, "numpy.random.default_rng"), seed), np.random.default_rng(seed)


def _factor(x, p, rng):
    """What each entry is multiplied with, entry by entry."""
    factor = np.zeros(x.shape)
    for place, u in np.ndenumerate(rng.random(x.shape)):
        if not u < p:
            factor[place] = 1.0 / (1.0 - p)
    return factor


def _forward(solution, x, p, rng, training, there=None):
    """y by value, as the function `there` gives it, and the cache as a handle."""
    pair = keep(solution.dropout_forward, x, p, rng, training)
    kind = repr(pair).split()[0].removeprefix("<")
    try:
        size = 0 if kind in ("ndarray", "dict") else len(pair)
    except TypeError:
        size = 0
    if size != 2:
        hint = " Is a return missing?" if kind == "NoneType" else ""
        raise Mismatch(f"dropout_forward has to return the pair (y, cache); what came is of type {kind}.{hint}")
    return pair[0] if there is None else there(keep_item(pair, 0)), keep_item(pair, 1)


def _shaped(value, shape, what):
    if getattr(value, "shape", None) != shape:
        assert_close(value, np.zeros(shape), what=what)
        raise Mismatch(f"{what[:1].upper()}{what[1:]} is no NumPy array of shape {shape}.")
    return value


def _draw(rng, *shape):
    """x and dy without a zero in them."""
    return [rng.uniform(0.5, 3.0, size=shape) * rng.choice([-1.0, 1.0], size=shape) for _ in range(2)]


def test_training(solution, rng, seed):
    """In training entries are dropped or scaled up, and backward does the same to dy"""
    x, dy = _draw(rng, 6, 5)
    theirs, ours = _generator(solution, seed % 1000)
    answers = []
    for p in (0.3, 0.6):
        y, cache = _forward(solution, x, p, theirs, True)
        answers.append((p, y, solution.dropout_backward(dy, cache), _factor(x, p, ours)))
    for p, y, dx, factor in answers:
        assert_close(y, x * factor, what=f"the output y in training with p = {p}")
        assert_close(dx, dy * factor, what=f"the gradient dx in training with p = {p}")


def test_evaluation(solution, rng, seed):
    """In evaluation x and dy are handed on"""
    x, dy = _draw(rng, 4, 3)
    theirs, _ = _generator(solution, seed % 1000)
    answers = []
    for p in (0.3, 0.0, 1.0):
        y, cache = _forward(solution, x, p, theirs, False)
        answers.append((p, y, solution.dropout_backward(dy, cache)))
    for p, y, dx in answers:
        assert_close(y, x, what=f"the output y in evaluation with p = {p}")
        assert_close(dx, dy, what=f"the gradient dx in evaluation with p = {p}")


def test_generator(solution, rng, seed):
    """Training draws one number for each entry, evaluation and backward none"""
    x, dy = _draw(rng, 3, 4)
    theirs, ours = _generator(solution, seed % 1000)
    found = []
    for what, training in (("after an evaluation", False), ("after a training step", True), ("after all", False)):
        y, cache = _forward(solution, x, 0.4, theirs, training)
        factor = _factor(x, 0.4, ours) if training else np.ones(x.shape)
        found.append((f"the next number of the generator {what}", float(theirs.random()), float(ours.random())))
        dx = solution.dropout_backward(dy, cache)
        found.append(
            (f"the next number of the generator {what} and its backward", float(theirs.random()), float(ours.random()))
        )
        found += [(f"the output y, {what}", y, x * factor), (f"the gradient dx, {what}", dx, dy * factor)]
    for what, mine, expected in found:
        why = "Training draws rng.random(x.shape), and nothing else draws." if "generator" in what else ""
        assert_close(mine, expected, what=what, why=why)


def test_zeros_agree(solution, rng, seed):
    """Exactly what forward dropped is dropped in backward, and the rest has one factor"""
    x, dy = _draw(rng, 20, 30)
    theirs, ours = _generator(solution, seed % 1000)
    y, cache = _forward(solution, x, 0.35, theirs, True)
    dx = solution.dropout_backward(dy, cache)
    y, dx = _shaped(y, x.shape, "the output y"), _shaped(dx, x.shape, "the gradient dx")
    dropped = ours.random(x.shape) < 0.35
    assert not y[dropped].any(), "An entry whose number is below p is not exactly 0 in y."
    assert (y[~dropped] != 0).all(), "An entry whose number is not below p is 0 in y."
    assert_equal(dx == 0, y == 0, what="where dx is 0", why="dx is 0 exactly where y is 0: it is the same mask.")
    assert_close(dx[~dropped] / dy[~dropped], y[~dropped] / x[~dropped], what="dx / dy where nothing was dropped")
    assert_close(y[~dropped], x[~dropped] / 0.65, what="y where nothing was dropped")


def test_expectation(solution, seed):
    """On average y is x: over every mask, each with its probability"""
    # 4,000 steps on the learner's side, with numbers that are known: the share of steps that left an entry is exact.
    x = np.array([2.0, -5.0, 0.5])
    p, steps = 0.8, 4000
    theirs, ours = _generator(solution, seed % 1000)
    rows = np.broadcast_to(x, (steps, 3)).copy()
    y, _ = _forward(solution, rows, p, theirs, True)
    share = (ours.random((steps, 3)) >= p).mean(0)
    assert_close(
        _shaped(y, rows.shape, "the output y").mean(0),
        x * share / (1 - p),
        what="the mean of y over 4,000 copies of x",
        why=f"The entries were left in {share.tolist()} of them, about 1 - p = 0.2, so this is about x.",
    )


def test_nothing_and_everything(solution, rng, seed):
    """p = 0 drops nothing, p = 1 everything, and both draw as any other p"""
    x, dy = _draw(rng, 4, 3)
    theirs, ours = _generator(solution, seed % 1000)
    answers = []
    for p in (0.0, 1.0, 0.5):
        y, cache = _forward(solution, x, p, theirs, True)
        answers.append((p, y, solution.dropout_backward(dy, cache), ours.random(x.shape)))
    for p, y, dx, u in answers:
        factor = {0.0: 1.0, 1.0: 0.0, 0.5: 2.0 * (u >= 0.5)}[p] * np.ones(x.shape)
        why = "" if p != 0.5 else "Before this one p = 0 and p = 1 each drew rng.random(x.shape) too."
        assert_close(y, x * factor, what=f"the output y with p = {p}", why=why)
        assert_close(dx, dy * factor, what=f"the gradient dx with p = {p}", why=why)


def test_boundary(solution):
    """An entry is dropped where its number is below p, and not where it equals p"""
    u = np.random.default_rng(11).random(5)
    theirs = keep(library(solution, "numpy.random.default_rng"), 11)
    y, cache = _forward(solution, np.full(5, 3.0), float(u[2]), theirs, True)
    dx = solution.dropout_backward(np.full(5, -2.0), cache)
    left = (u >= u[2]) / (1 - u[2])
    assert_close(y, 3.0 * left, what="the output y where p is exactly the third of the random numbers")
    assert_close(dx, -2.0 * left, what="the gradient dx where p is exactly the third of the random numbers")


def test_shapes(solution, rng, seed):
    """Any number of axes, size one, none, and no entry at all"""
    theirs, ours = _generator(solution, seed % 1000)
    there = library(solution, "numpy.asarray")  # of no axes, a NumPy scalar is as good as an array
    cases = []
    for shape in ((7,), (2, 3, 4), (1, 5), (5, 1), (), (0, 3), (2, 0)):
        x, dy = (np.asarray(value) for value in _draw(rng, *shape))
        y, cache = _forward(solution, x, 0.45, theirs, True, there)
        dx = there(keep(solution.dropout_backward, dy, cache))
        cases.append((x, dy, np.asarray(y), np.asarray(dx), _factor(x, 0.45, ours)))
    for x, dy, y, dx, factor in cases:
        assert_close(y, x * factor, what=f"the output y for x of shape {x.shape}")
        assert_close(dx, dy * factor, what=f"the gradient dx for x of shape {x.shape}")


def test_float32(solution, rng, seed):
    """float32 in, float32 out, with a mask from float64 numbers"""
    x, dy = (value.astype(np.float32) for value in _draw(rng, 4, 6))
    theirs, ours = _generator(solution, seed % 1000)
    answers = []
    for training in (True, False):
        y, cache = _forward(solution, x, 0.35, theirs, training)
        dx = solution.dropout_backward(dy, cache)
        answers.append(("training" if training else "evaluation", y, dx, _factor(x, 0.35, ours) if training else 1.0))
    for mode, y, dx, factor in answers:
        assert_close(y, (x * factor).astype(np.float32), what=f"the output y of float32 arrays in {mode}")
        assert_close(dx, (dy * factor).astype(np.float32), what=f"the gradient dx of float32 arrays in {mode}")


def test_arguments_are_only_read(solution, rng, seed):
    """x and dy hold the same numbers afterwards, whatever their strides"""
    x, dy = (value.T for value in _draw(rng, 5, 4))
    theirs, ours = _generator(solution, seed % 1000)
    there = library(solution, "numpy.asarray")
    answers = []
    for training in (True, False):
        given = {"x": keep(there, x), "dy": keep(there, dy)}
        y, cache = _forward(solution, given["x"], 0.4, theirs, training)
        dx = solution.dropout_backward(given["dy"], cache)
        after = {name: value[...] for name, value in given.items()}
        answers.append(
            ("training" if training else "evaluation", y, dx, after, _factor(x, 0.4, ours) if training else 1.0)
        )
    for mode, y, dx, after, factor in answers:
        for name, before in (("x", x), ("dy", dy)):
            assert_equal(after[name], before, what=f"{name} after {mode} (it must not be changed in place)")
        assert_close(y, x * factor, what=f"the output y in {mode}")
        assert_close(dx, dy * factor, what=f"the gradient dx in {mode}")


def test_caches(solution, rng, seed):
    """Each cache belongs to its own call and mode, and serves more than one backward"""
    calls = [(*_draw(rng, 3, 4), 0.3, True), (*_draw(rng, 3, 4), 0.5, False), (*_draw(rng, 3, 4), 0.6, True)]
    theirs, ours = _generator(solution, seed % 1000)
    caches, factors = [], []
    for x, _, p, training in calls:
        caches.append(_forward(solution, x, p, theirs, training)[1])
        factors.append(_factor(x, p, ours) if training else np.ones(x.shape))
    order = (0, 1, 2, 0)
    answers = [solution.dropout_backward((1.0 + k) * calls[i][1], caches[i]) for k, i in enumerate(order)]
    for k, (i, dx) in enumerate(zip(order, answers, strict=True)):
        where = f"the gradient dx of backward number {k + 1}, with the cache of forward number {i + 1}"
        assert_close(dx, (1.0 + k) * calls[i][1] * factors[i], what=where)
