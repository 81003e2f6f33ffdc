"""The hidden suite of backprop/rnn_bptt.

Expected states and gradients come from a forward pass that is written here and differentiated by torch's autograd in
float64; a window is a detached state at every cut. No formula for the backward pass is used. Default tolerances for
float64 (1e-9 relative, 1e-12 absolute: right orders of operations differ by about 1e-15). float32 has 2e-5 and 2e-5,
as roundings of 6e-8 add up over steps and sequences. No check fails by chance.
"""

import numpy as np
import torch

from grader.testing import Mismatch, assert_close, assert_equal, keep, keep_item, library

GIVEN = ("x", "h0", "Wx", "Wh", "b")
NAMES = ("dx", "dh0", "dWx", "dWh", "db")


def _draw(rng, T, N, D, H, scale=0.5):
    """x, h0, Wx, Wh, b and dh; bias and first state are not 0."""
    shapes = ((T, N, D), (N, H), (D, H), (H, H), (H,), (T, N, H))
    x, h0, Wx, Wh, b, dh = (rng.normal(size=shape) for shape in shapes)
    return [x, 0.7 * h0, scale * Wx, scale * Wh, 0.3 * b + 0.1], dh


def _expected(given, dh, window=None):
    """h and the gradients; before the first step of each block but the first the state is cut off."""
    leaves = [torch.tensor(np.asarray(value, np.float64), requires_grad=True) for value in given]
    x, state, Wx, Wh, b = leaves
    states = []
    for t in range(len(x)):
        if window is not None and t and t % window == 0:
            state = state.detach()
        state = torch.tanh(x[t] @ Wx + state @ Wh + b)
        states.append(state)
    h = torch.stack(states)
    loss = (torch.tensor(np.asarray(dh, np.float64)) * h).sum()
    grads = torch.autograd.grad(loss, leaves, allow_unused=True)
    return h.detach().numpy(), [
        np.zeros(leaf.shape) if grad is None else grad.numpy() for leaf, grad in zip(leaves, grads, strict=True)
    ]


def _run(solution, given):
    """h by value, and the cache where it is."""
    out = keep(solution.rnn_forward, *given)
    return out[0], keep_item(out, 1)


def _compare(grads, expected, where="", why="", **tolerance):
    if not isinstance(grads, tuple | list) or len(grads) != 5:
        kind = f"{len(grads)} values" if isinstance(grads, tuple | list) else f"a {type(grads).__name__}"
        raise Mismatch(f"rnn_backward has to return dx, dh0, dWx, dWh and db; what came is {kind}.")
    for name, mine, theirs in zip(NAMES, grads, expected, strict=True):
        assert_close(mine, theirs, what=f"the gradient {name}{where}", why=why, **tolerance)


def test_values(solution, rng):
    """States and gradients of five steps, without a window and with one of two steps"""
    given, dh = _draw(rng, 5, 3, 4, 6)
    h, cache = _run(solution, given)
    whole, cut = solution.rnn_backward(dh, cache), solution.rnn_backward(dh, cache, 2)
    expected, grads = _expected(given, dh)
    assert_close(h, expected, what="the states h")
    _compare(whole, grads)
    _compare(cut, _expected(given, dh, 2)[1], " with window=2 of five steps")


def test_worked_example(solution):
    """The example of the statement, with window=None and window=1"""
    L = np.log(3)
    x, one = np.array([[[0.5]], [[0.5]]]), np.array([[L]])
    h, cache = _run(solution, [x, np.zeros((1, 1)), one, one, np.zeros(1)])
    dh = np.array([[[0.0]], [[1.0]]])
    whole, cut = solution.rnn_backward(dh, cache), solution.rnn_backward(dh, cache, 1)
    assert_close(h, np.array([[[0.5]], [[0.8]]]), what="the states h")
    da = 0.27 * L, 0.36
    expected = [
        np.array([[[da[0] * L]], [[da[1] * L]]]),
        np.array([[da[0] * L]]),
        np.array([[sum(da) / 2]]),
        np.array([[0.18]]),
        np.array([sum(da)]),
    ]
    _compare(whole, expected)
    zero = np.zeros((1, 1))
    alone = [np.array([[[0.0]], [[0.36 * L]]]), zero, zero + 0.18, zero + 0.18, np.array([0.36])]
    _compare(cut, alone, " with window=1")


def test_lengths(solution, rng):
    """One to six steps"""
    cases = []
    for T in range(1, 7):
        given, dh = _draw(rng, T, 2, 3, 4)
        h, cache = _run(solution, given)
        cases.append((T, h, solution.rnn_backward(dh, cache), *_expected(given, dh)))
    for T, h, grads, expected, expected_grads in cases:
        assert_close(h, expected, what=f"the states h for T = {T}")
        _compare(grads, expected_grads, f" for T = {T}")


def test_windows(solution, rng):
    """Every window: no gradient crosses a cut, every block counts, the last may be shorter"""
    given, dh = _draw(rng, 7, 2, 3, 4)
    _, cache = _run(solution, given)
    windows = (1, 2, 3, 4, 6, 7, 8, 50, None)
    answers = [solution.rnn_backward(dh, cache, window) for window in windows]
    for window, grads in zip(windows, answers, strict=True):
        _compare(grads, _expected(given, dh, window)[1], f" with window={window} of seven steps")


def test_nothing_crosses_a_cut(solution, rng):
    """A loss at the last step reaches no input before its block, and without a window all of them"""
    given, dh = _draw(rng, 8, 2, 3, 5)
    dh[:-1] = 0
    _, cache = _run(solution, given)
    cut, whole = solution.rnn_backward(dh, cache, 3), solution.rnn_backward(dh, cache)
    _compare(whole, _expected(given, dh)[1], " of a loss at the last step")
    assert not np.any(cut[0][:6]), (
        "With window=3 of eight steps the last block has steps 7 and 8, but a loss at step 8 reaches x of an "
        "earlier step."
    )
    assert not np.any(cut[1]), "With window=3 a loss at step 8 reaches h0, across two cuts."
    _compare(cut, _expected(given, dh, 3)[1], " of a loss at the last step, with window=3")


def test_weights_are_shared(solution, rng):
    """The gradient of a weight is the sum over steps and sequences"""
    given, dh = _draw(rng, 4, 3, 2, 5)
    _, cache = _run(solution, given)
    together = solution.rnn_backward(dh, cache)
    parts = []
    for n in range(3):
        one = [given[0][:, n : n + 1], given[1][n : n + 1], *given[2:]]
        parts.append(solution.rnn_backward(dh[:, n : n + 1], _run(solution, one)[1]))
    expected = _expected(given, dh)[1]
    _compare(together, expected)
    for which in (2, 3, 4):
        total = sum(part[which] for part in parts)
        assert_close(
            total,
            expected[which],
            what=f"the sum of {NAMES[which]} of three sequences, each run alone",
            why="Weights get the sum over the sequences, no mean.",
        )


def test_linear(solution, rng):
    """The gradients are linear in dh, and zero where dh is zero"""
    given, dh = _draw(rng, 4, 2, 3, 5)
    other = rng.normal(size=dh.shape)
    _, cache = _run(solution, given)
    mixed = solution.rnn_backward(3 * dh - 20 * other, cache)
    nothing = solution.rnn_backward(np.zeros_like(dh), cache)
    first, second = _expected(given, dh)[1], _expected(given, other)[1]
    # Terms of about 50 cancel here.
    _compare(mixed, [3 * a - 20 * b for a, b in zip(first, second, strict=True)], " for 3 dh - 20 dh'", atol=1e-11)
    _compare(
        nothing, [np.zeros_like(a) for a in first], " for dh = 0", why="Nothing flows back from a loss that is flat."
    )


def test_vanishing_and_exploding(solution, rng):
    """With states at zero the gradient shrinks or grows by W_h at each step: T steps back, T times"""
    T, H = 30, 4
    turn, _ = np.linalg.qr(rng.normal(size=(H, H)))
    start = rng.normal(size=(2, H))
    dh = np.zeros((T, 2, H))
    dh[-1] = start
    found = []
    for factor in (0.6, 1.0, 1.5):
        Wh = factor * turn
        _, cache = _run(solution, [np.zeros((T, 2, 3)), np.zeros((2, H)), rng.normal(size=(3, H)), Wh, np.zeros(H)])
        found.append((factor, Wh, solution.rnn_backward(dh, cache)))
    for factor, Wh, grads in found:
        dh0 = grads[1]
        assert_close(
            np.linalg.norm(dh0),
            factor**T * np.linalg.norm(start),
            what=f"the length of dh0, {T} steps back, where W_h stretches by {factor}",
            why="tanh has slope 1 at 0, so each step multiplies the length by that number.",
            rtol=1e-8,
        )
        assert_close(dh0, start @ np.linalg.matrix_power(Wh.T, T), what="dh0", rtol=1e-8, atol=1e-16)


def test_saturated(solution, rng):
    """Where tanh is flat nothing goes back, and sums of 10,000 do no harm"""
    given, dh = _draw(rng, 4, 2, 3, 5)
    given[0][1, 0] = [30000.0, -20000, 10000]
    # Weights are fixed: their sums with this input are 4,000 at least, with either sign.
    given[2] = np.array([[0.3, -0.4, 0.2, -0.5, 0.1], [0.2, 0.1, -0.3, 0.4, -0.2], [-0.1, 0.2, 0.3, -0.2, 0.4]])
    h, cache = _run(solution, given)
    grads = solution.rnn_backward(dh, cache)
    expected, expected_grads = _expected(given, dh)
    assert_close(h, expected, what="the states h, with one input of 30,000")
    assert np.abs(grads[0][1, 0]).max() < 1e-12, (
        "tanh of sums of thousands is flat, but dx of that step and sequence is not 0."
    )
    _compare(grads, expected_grads, " with one input of 30,000")


def test_small_sizes(solution, rng):
    """One sequence, one feature, one unit, and sizes that are all alike"""
    cases = []
    for sizes in ((3, 1, 2, 4), (4, 3, 1, 2), (4, 2, 3, 1), (3, 3, 3, 3), (1, 1, 1, 1)):
        given, dh = _draw(rng, *sizes)
        h, cache = _run(solution, given)
        cases.append((sizes, h, solution.rnn_backward(dh, cache), *_expected(given, dh)))
    for sizes, h, grads, expected, expected_grads in cases:
        where = " for T = {}, N = {}, D = {}, H = {}".format(*sizes)
        assert_close(h, expected, what=f"the states h{where}")
        _compare(grads, expected_grads, where)


def test_caches(solution, rng):
    """Two forwards before the backwards, and a cache used twice"""
    pairs = [_draw(rng, 3, 2, 4, 5) for _ in range(2)]
    caches = [_run(solution, given)[1] for given, _ in pairs]
    answers = [(k, solution.rnn_backward(pairs[k][1], caches[k])) for k in (0, 1, 0)]
    for k, grads in answers:
        _compare(
            grads,
            _expected(*pairs[k])[1],
            f" with the cache of forward number {k + 1} of two",
            why="A cache belongs to its forward, and is not used up.",
        )


def test_float32(solution, rng):
    """float32 in, float32 out"""
    given, dh = _draw(rng, 5, 3, 4, 6)
    given, dh = [value.astype(np.float32) for value in given], dh.astype(np.float32)
    h, cache = _run(solution, given)
    grads = solution.rnn_backward(dh, cache, 3)
    expected, expected_grads = _expected(given, dh, 3)
    assert_close(h, expected.astype(np.float32), what="the states h of float32 arrays")
    _compare(grads, [g.astype(np.float32) for g in expected_grads], " of float32 arrays", rtol=2e-5, atol=2e-5)


def test_arguments_are_only_read(solution, rng):
    """Arguments hold the same afterwards, whatever their strides"""
    given, dh = _draw(rng, 5, 3, 4, 6)
    there = library(solution, "numpy.asfortranarray")
    kept, kept_dh = [keep(there, value) for value in given], keep(there, dh)
    h, cache = _run(solution, kept)
    after_forward = [value[...] for value in kept]
    grads = solution.rnn_backward(kept_dh, cache, 2)
    after_backward, dh_after = [value[...] for value in kept], kept_dh[...]
    for name, was, now in zip(GIVEN, given, after_forward, strict=True):
        assert_equal(now, was, what=f"{name} after forward (it must not be changed in place)")
    for name, was, now in zip(GIVEN, given, after_backward, strict=True):
        assert_equal(now, was, what=f"{name} after backward (it must not be changed in place)")
    assert_equal(dh_after, dh, what="dh after backward (it must not be changed in place)")
    expected, expected_grads = _expected(given, dh, 2)
    assert_close(h, expected, what="the states h of arrays in Fortran's order")
    _compare(grads, expected_grads, " of arrays in Fortran's order, with window=2")
