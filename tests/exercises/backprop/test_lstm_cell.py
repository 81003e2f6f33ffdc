"""The hidden suite of backprop/lstm_cell.

Expected states and gradients come from a forward pass that is written here, gate by gate with weights cut out of the
blocks, and differentiated by torch's autograd in float64; one check compares with PyTorch's own LSTMCell. No formula for
the backward pass is used. Default tolerances for float64 (1e-9 relative, 1e-12 absolute: right orders of operations
differ by about 1e-15). float32 has 2e-5 and 2e-5, as roundings of 6e-8 add up. No check fails by chance.
"""

import numpy as np
import torch

from grader.testing import Mismatch, assert_close, assert_equal, keep, keep_item, library

GIVEN = ("x", "h", "c", "Wx", "Wh", "b")
NAMES = ("dx", "dh_prev", "dc_prev", "dWx", "dWh", "db")


def _draw(rng, N, D, H):
    """x, h, c, Wx, Wh, b, and dh, dc; bias and states are not 0."""
    shapes = ((N, D), (N, H), (N, H), (D, 4 * H), (H, 4 * H), (4 * H,), (N, H), (N, H))
    x, h, c, Wx, Wh, b, dh, dc = (rng.normal(size=shape) for shape in shapes)
    return [x, 0.7 * h, 1.2 * c, 0.5 * Wx, 0.5 * Wh, 0.4 * b + 0.2], dh, dc


def _step(x, h, c, Wx, Wh, b):
    H = h.shape[1]
    i, f, g, o = (
        x @ Wx[:, k * H : (k + 1) * H] + h @ Wh[:, k * H : (k + 1) * H] + b[k * H : (k + 1) * H] for k in range(4)
    )
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def _tensor(value, requires_grad=False):
    return torch.tensor(np.asarray(value, np.float64), requires_grad=requires_grad)


def _expected(given, dh, dc):
    """h, c and the gradients of one step."""
    leaves = [_tensor(value, True) for value in given]
    h, c = _step(*leaves)
    grads = torch.autograd.grad((_tensor(dh) * h + _tensor(dc) * c).sum(), leaves)
    return h.detach().numpy(), c.detach().numpy(), [grad.numpy() for grad in grads]


def _run(solution, given):
    """h and c by value, and the cache where it is."""
    out = keep(solution.lstm_step, *given)
    return out[0], out[1], keep_item(out, 2)


def _shaped(value, shape, what):
    if np.shape(value) != shape:
        raise Mismatch(f"{what} has the shape {np.shape(value)}, expected {shape}.")


def _six(grads):
    if not isinstance(grads, tuple | list) or len(grads) != 6:
        kind = f"{len(grads)} values" if isinstance(grads, tuple | list) else f"a {type(grads).__name__}"
        raise Mismatch(f"lstm_step_backward has to return dx, dh_prev, dc_prev, dWx, dWh and db; what came is {kind}.")


def _compare(grads, expected, where="", why="", **tolerance):
    _six(grads)
    for name, mine, theirs in zip(NAMES, grads, expected, strict=True):
        assert_close(mine, theirs, what=f"the gradient {name}{where}", why=why, **tolerance)


def _states(h, c, expected_h, expected_c, where="", why="", **tolerance):
    assert_close(c, expected_c, what=f"the new cell c{where}", why=why, **tolerance)
    assert_close(h, expected_h, what=f"the new state h{where}", why=why, **tolerance)


def test_values(solution, rng):
    """States and gradients of one step"""
    given, dh, dc = _draw(rng, 3, 4, 5)
    h, c, cache = _run(solution, given)
    grads = solution.lstm_step_backward(dh, dc, cache)
    expected_h, expected_c, expected = _expected(given, dh, dc)
    _states(h, c, expected_h, expected_c)
    _compare(grads, expected)


def test_worked_example(solution):
    """The example of the statement"""
    L, one = np.log(3), np.ones((1, 1))
    given = [one, one, one, np.array([[L, 0, L / 2, 0]]), np.array([[0, -L, 0, 0]]), np.zeros(4)]
    h, c, cache = _run(solution, given)
    grads = solution.lstm_step_backward(one, 0.5 * one, cache)
    t = np.tanh(0.625)
    _states(h, c, 0.5 * t * one, 0.625 * one, " of the worked example")
    reaches = 0.5 + 0.5 * (1 - t * t)
    da = np.array([[reaches * 0.5 * 3 / 16, reaches * 3 / 16, reaches * 0.75 * 0.75, t / 4]])
    expected = [(da[0, 0] + da[0, 2] / 2) * L * one, -da[0, 1] * L * one, reaches / 4 * one, da, da, da[0]]
    _compare(grads, expected, " of the worked example")


def test_each_gate(solution, rng):
    """Each gate does its own work: with biases of ±50 the gates are open or closed one by one"""
    given, _, _ = _draw(rng, 3, 2, 4)
    H = 4
    answers = {}
    for gate in range(4):
        for sign in (-50.0, 50.0):
            b = given[5].copy()
            b[gate * H : (gate + 1) * H] = sign
            answers[gate, sign] = (b, *_run(solution, [*given[:5], b])[:2])
    zero = np.zeros((3, H))
    expected = {}
    for key, (b, h, c) in answers.items():
        expected[key] = _expected([*given[:5], b], zero, zero)
        _shaped(h, (3, H), "h_next")
        _shaped(c, (3, H), "c_next")
    assert np.abs(answers[3, -50.0][1]).max() < 1e-12, (
        "With -50 in the last H numbers of b the output gate is closed and nothing is shown, but h is not 0."
    )
    old = given[2]
    closed, opened = answers[0, -50.0][2], answers[1, 50.0][2]
    assert (np.abs(closed) <= np.abs(old) + 1e-12).all(), (
        "With -50 in the first H numbers of b the input gate is closed and nothing is written, but the cell has grown."
    )
    assert (np.abs(opened - old) <= 1 + 1e-12).all(), (
        "With +50 in the second H numbers of b the forget gate is open: all of the cell is kept, and a number between "
        "-1 and 1 is added. Yours has changed by more."
    )
    names = ("input gate i", "forget gate f", "candidate g", "output gate o")
    for (gate, sign), (_, h, c) in answers.items():
        _states(h, c, *expected[gate, sign][:2], f" with {sign:+.0f} as the bias of the {names[gate]}")


def test_pytorch(solution, rng):
    """The same numbers as PyTorch's LSTMCell, and the same gradients"""
    given, dh, dc = _draw(rng, 2, 5, 3)
    h, c, cache = _run(solution, given)
    grads = solution.lstm_step_backward(dh, dc, cache)
    cell = torch.nn.LSTMCell(5, 3, dtype=torch.float64)
    leaves = [_tensor(value, True) for value in given]
    x, h0, c0, Wx, Wh, b = leaves
    weights = {"weight_ih": Wx.T, "weight_hh": Wh.T, "bias_ih": 0.25 * b, "bias_hh": 0.75 * b}
    theirs = torch.func.functional_call(cell, weights, (x, (h0, c0)))
    expected = torch.autograd.grad((_tensor(dh) * theirs[0] + _tensor(dc) * theirs[1]).sum(), leaves)
    why = "PyTorch's weights are transposed, and its two biases are added; the order of the gates is the same."
    _states(h, c, *(value.detach().numpy() for value in theirs), " beside PyTorch's", why)
    _compare(grads, [grad.numpy() for grad in expected], " beside PyTorch's", why)


def test_chain(solution, rng):
    """One to six steps in a chain: dh and dc go back from step to step, weights' gradients add up"""
    cases = []
    for T in range(1, 7):
        given, _, dc = _draw(rng, 2, 3, 4)
        xs, dhs = rng.normal(size=(T, 2, 3)), rng.normal(size=(T, 2, 4))
        h, c, caches = given[1], given[2], []
        for x in xs:
            h, c, cache = _run(solution, [x, h, c, *given[3:]])
            caches.append(cache)
        back_h, back_c, found = 0.0, dc, []
        for t in reversed(range(T)):
            grads = solution.lstm_step_backward(dhs[t] + back_h, back_c, caches[t])
            _six(grads)
            _shaped(grads[1], (2, 4), "dh_prev")
            _shaped(grads[2], (2, 4), "dc_prev")
            back_h, back_c = grads[1], grads[2]
            found.append(grads)
        cases.append((T, xs, given, dhs, dc, h, c, found[::-1]))
    for T, xs, given, dhs, dc, h, c, found in cases:
        leaves = [_tensor(value, True) for value in [xs, *given[1:]]]
        inputs, state, cell, *weights = leaves
        loss = 0.0
        for t in range(T):
            state, cell = _step(inputs[t], state, cell, *weights)
            loss = loss + (_tensor(dhs[t]) * state).sum()
        grads = torch.autograd.grad(loss + (_tensor(dc) * cell).sum(), leaves)
        _states(h, c, state.detach().numpy(), cell.detach().numpy(), f" after {T} steps")
        sums = [sum(step[which] for step in found) for which in (3, 4, 5)]
        mine = [np.stack([step[0] for step in found]), found[0][1], found[0][2], *sums]
        _compare(mine, [grad.numpy() for grad in grads], f" through a chain of {T} steps")


def test_two_ways_to_the_cell(solution, rng):
    """dh alone, dc alone, and both: what reaches the cell is added up"""
    given, dh, dc = _draw(rng, 2, 3, 4)
    nothing = np.zeros_like(dh)
    _, _, cache = _run(solution, given)
    by_h, by_c, none, both = (
        solution.lstm_step_backward(*pair, cache)
        for pair in ((dh, nothing), (nothing, dc), (nothing, nothing), (3 * dh, -20 * dc))
    )
    first, second = _expected(given, dh, nothing)[2], _expected(given, nothing, dc)[2]
    _compare(by_h, first, " for dc = 0", "dh reaches the cell too: h is made of the new cell.")
    _compare(by_c, second, " for dh = 0", "What reaches the new cell goes back to the old one and to i, f and g.")
    _compare(none, [np.zeros_like(grad) for grad in first], " for dh = dc = 0", "A flat loss sends nothing back.")
    # Terms of about 50 cancel here.
    mixed = [3 * a - 20 * b for a, b in zip(first, second, strict=True)]
    _compare(both, mixed, " for 3 dh and -20 dc", "The gradients are linear in dh and dc.", atol=1e-11)


def test_long_memory(solution, rng):
    """Through an open forget gate dc goes back 40 steps unharmed; half open, it is halved at each"""
    H, T = 3, 40
    dc = rng.normal(size=(2, H))
    found = []
    for bias, kept in ((50.0, 1.0), (0.0, 0.5)):
        b = np.concatenate([np.full(H, -50.0), np.full(H, bias), np.zeros(H), np.full(H, -50.0)])
        h = np.zeros((2, H))
        c, start, caches = rng.normal(size=(2, H)), None, []
        start = c
        for x in 0.1 * rng.normal(size=(T, 2, 4)):
            h, c, cache = _run(solution, [x, h, c, np.zeros((4, 4 * H)), np.zeros((H, 4 * H)), b])
            caches.append(cache)
        back_h, back_c = np.zeros((2, H)), dc
        for cache in reversed(caches):
            grads = solution.lstm_step_backward(back_h, back_c, cache)
            _six(grads)
            back_h, back_c = grads[1], grads[2]
        found.append((kept, start, c, back_c))
    for kept, start, c, back in found:
        why = f"The forget gate is {kept}, the input gate 0: each step multiplies by {kept}, and nothing else."
        assert_close(c, kept**T * start, what=f"the cell after {T} steps", why=why, rtol=1e-8, atol=1e-20)
        assert_close(back, kept**T * dc, what=f"dc_prev, {T} steps back", why=why, rtol=1e-8, atol=1e-20)


def test_large_sums(solution, rng):
    """Sums of 10,000 close or open gates, with no NaN, and leave other sequences alone"""
    given, dh, dc = _draw(rng, 3, 2, 2)
    # Weights are fixed: with this input all eight sums are 8,000 at least, with either sign.
    given[3] = np.array([[0.3, -0.4, 0.2, -0.5, 0.4, -0.3, 0.5, 0.2], [-0.1, 0.2, 0.3, -0.2, 0.1, 0.2, -0.3, 0.4]])
    given[0][1] = [40000.0, 20000.0]
    given[0][2] = [-40000.0, -20000.0]
    h, c, cache = _run(solution, given)
    grads = solution.lstm_step_backward(dh, dc, cache)
    expected_h, expected_c, expected = _expected(given, dh, dc)
    for name, value in (("h", h), ("c", c), *zip(NAMES, grads, strict=False)):
        assert np.isfinite(value).all(), f"Sums of thousands, of either sign, make NaN or infinity in {name}."
    _states(h, c, expected_h, expected_c, " with inputs of 40,000")
    assert np.abs(grads[0][1:]).max() < 1e-12, (
        "Gates of sums of thousands are flat, but dx of those sequences is not 0."
    )
    _compare(grads, expected, " with inputs of 40,000")


def test_sequences_apart(solution, rng):
    """Sequences do not mix; the weights' gradients are sums over them"""
    given, dh, dc = _draw(rng, 3, 2, 5)
    h, c, cache = _run(solution, given)
    together = solution.lstm_step_backward(dh, dc, cache)
    alone = []
    for n in range(3):
        row = slice(n, n + 1)
        one = _run(solution, [*(value[row] for value in given[:3]), *given[3:]])
        alone.append((*one[:2], solution.lstm_step_backward(dh[row], dc[row], one[2])))
    expected_h, expected_c, expected = _expected(given, dh, dc)
    _states(h, c, expected_h, expected_c)
    _compare(together, expected)
    for n, (one_h, one_c, grads) in enumerate(alone):
        row = slice(n, n + 1)
        rows = [value[row] for value in (expected_h, expected_c)]
        _states(one_h, one_c, *rows, f" of sequence {n} run alone")
        for k in range(3):
            assert_close(grads[k], expected[k][row], what=f"the gradient {NAMES[k]} of sequence {n} run alone")
    for k in (3, 4, 5):
        total = sum(grads[k] for _, _, grads in alone)
        why = "Weights get the sum over the sequences, no mean."
        assert_close(total, expected[k], what=f"the sum of {NAMES[k]} of three sequences, each run alone", why=why)


def test_small_sizes(solution, rng):
    """One sequence, one feature, one unit, and sizes that are all alike"""
    cases = []
    for sizes in ((1, 2, 3), (3, 1, 2), (2, 3, 1), (4, 4, 4), (1, 1, 1)):
        given, dh, dc = _draw(rng, *sizes)
        h, c, cache = _run(solution, given)
        cases.append((sizes, h, c, solution.lstm_step_backward(dh, dc, cache), *_expected(given, dh, dc)))
    for sizes, h, c, grads, expected_h, expected_c, expected in cases:
        where = " for N = {}, D = {}, H = {}".format(*sizes)
        _states(h, c, expected_h, expected_c, where)
        _compare(grads, expected, where)


def test_caches(solution, rng):
    """Two steps before the backwards, and a cache used twice"""
    drawn = [_draw(rng, 2, 4, 3) for _ in range(2)]
    caches = [_run(solution, given)[2] for given, _, _ in drawn]
    answers = [(k, solution.lstm_step_backward(*drawn[k][1:], caches[k])) for k in (0, 1, 0)]
    for k, grads in answers:
        where, why = f" with the cache of step {k + 1} of two", "A cache belongs to its step, and is not used up."
        _compare(grads, _expected(*drawn[k])[2], where, why)


def test_float32(solution, rng):
    """float32 in, float32 out"""
    given, dh, dc = _draw(rng, 3, 4, 5)
    given, dh, dc = [value.astype(np.float32) for value in given], dh.astype(np.float32), dc.astype(np.float32)
    h, c, cache = _run(solution, given)
    grads = solution.lstm_step_backward(dh, dc, cache)
    expected_h, expected_c, expected = _expected(given, dh, dc)
    rough = {"rtol": 2e-5, "atol": 2e-5}
    _states(h, c, *(value.astype(np.float32) for value in (expected_h, expected_c)), " of float32 arrays", **rough)
    _compare(grads, [grad.astype(np.float32) for grad in expected], " of float32 arrays", **rough)


def test_arguments_are_only_read(solution, rng):
    """Arguments hold the same afterwards, dh and dc too, whatever their strides"""
    given, dh, dc = _draw(rng, 3, 4, 5)
    there = library(solution, "numpy.asfortranarray")
    kept, kept_dh, kept_dc = [keep(there, value) for value in given], keep(there, dh), keep(there, dc)
    h, c, cache = _run(solution, kept)
    after_forward = [value[...] for value in kept]
    grads = solution.lstm_step_backward(kept_dh, kept_dc, cache)
    after = [value[...] for value in (*kept, kept_dh, kept_dc)]
    for name, was, now in zip(GIVEN, given, after_forward, strict=True):
        assert_equal(now, was, what=f"{name} after forward (it must not be changed in place)")
    for name, was, now in zip((*GIVEN, "dh", "dc"), (*given, dh, dc), after, strict=True):
        assert_equal(now, was, what=f"{name} after backward (it must not be changed in place)")
    expected_h, expected_c, expected = _expected(given, dh, dc)
    _states(h, c, expected_h, expected_c, " of arrays in Fortran's order")
    _compare(grads, expected, " of arrays in Fortran's order")
