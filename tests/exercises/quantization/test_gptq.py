"""GPTQ against the slow way it is derived from: for every column the inverse of H over the columns that are left.

The suite's own codes come from this slow way, in float64, without a Cholesky factor and without blocks. They are
compared exactly: every case is drawn anew until no weight lies nearer than 1e-3 of a step (float64: 1e-6) to a
half-way case when it is rounded. H has a condition number of some hundreds at the most, so that float32 is off by
1e-4 of a step. H, U and E are compared at the default tolerances (float64 1e-9, float32 1e-5), U and E in float32
to 1e-3, for they come out of an inverse. In the check on the output's error GPTQ reached 0.03 to 0.45 of the
error of the nearest codes in 600 draws; 0.8 is allowed.
"""

import numpy as np
import torch

from grader.testing import Mismatch, assert_close, assert_equal, assert_unchanged

SAME = "Half-way cases play no part here: the codes follow from the shifted weights."


def _inputs(rng, n, k, dtype=torch.float64, dead=()):
    """Correlated inputs of different sizes, some of them dead."""
    mixed = rng.standard_normal((n, k)) + rng.standard_normal((n, 2)) @ rng.standard_normal((2, k))
    mixed *= rng.permutation(np.linspace(0.6, 1.8, k))
    mixed[:, list(dead)] = 0.0
    return torch.from_numpy(mixed + 0.2 * (mixed != 0)).to(dtype)


def _hessian(X, damp):
    n, k = X.shape
    x = X.double().numpy()
    H = np.array([[2 * sum(x[t, i] * x[t, j] for t in range(n)) / n for j in range(k)] for i in range(k)])
    for j in range(k):
        H[j, j] = H[j, j] or 1.0
    return H + damp * sum(H[j, j] for j in range(k)) / k * np.eye(k)


def _factor(H):
    """Row j: that of the inverse of H over what is left, over the root of its first entry."""
    U = np.zeros_like(H)
    for j in range(len(H)):
        inverse = np.linalg.inv(H[j:, j:])
        U[j, j:] = inverse[0] / np.sqrt(inverse[0, 0])
    return U


def _slow(W, H, scale, bits, order=None):
    """The codes, column by column, and how near the nearest half-way case was, in steps."""
    q_max, w = 2 ** (bits - 1) - 1, W.double().numpy().copy()
    s = scale.double().numpy()[:, 0]
    order = list(range(w.shape[1])) if order is None else list(order)
    codes, margin = np.zeros(w.shape, np.int8), 1.0
    for i, j in enumerate(order):
        left = order[i:]
        inverse = np.linalg.inv(H[np.ix_(left, left)])
        x = w[:, j] / s
        margin = min(margin, float(np.abs(np.abs(x - np.floor(x)) - 0.5).min()))
        codes[:, j] = np.clip(np.round(x), -q_max, q_max)
        w[:, left] -= np.outer((w[:, j] - s * codes[:, j]) / inverse[0, 0], inverse[0])
    return torch.from_numpy(codes), margin


def _scales(W, bits):
    return torch.tensor([[float(row.abs().max()) / (2 ** (bits - 1) - 1) or 1.0] for row in W], dtype=W.dtype)


def _weights(rng, n, k, dtype=torch.float64):
    """Rows of different sizes; in some the largest magnitude is negative."""
    W = rng.standard_normal((n, k)) * rng.permutation(2.0 ** (np.arange(n) - 2))[:, None]
    W[0, k // 2] = -1.4 * np.abs(W[0]).max()
    return torch.from_numpy(W).to(dtype)


def _case(rng, n, k, bits, damp=0.01, act_order=False, dead=(), dtype=torch.float64, tokens=60, change=None):
    """W, X, the codes and the scales."""
    while True:
        W, X = _weights(rng, n, k, dtype), _inputs(rng, tokens, k, dtype, dead)
        if change is not None:
            change(W)
        H, scale = _hessian(X, damp), _scales(W, bits)
        order = sorted(range(k), key=lambda j: -H[j, j]) if act_order else None
        q, margin = _slow(W, H, scale, bits, order)
        if margin > (1e-6 if dtype == torch.float64 else 1e-3):
            return W, X, q, scale


def _pair(found, name, parts):
    if not isinstance(found, tuple | list) or len(found) != 2:
        raise Mismatch(f"{name} has to return two things: {parts}.")
    return found


def _gptq(solution, W, X, *args, **kwargs):
    return _pair(solution.gptq(W, X, *args, **kwargs), "gptq", "the codes and the scales")


def _assert_codes(found, q, scale, case, why=SAME):
    assert_close(found[1], scale, what=f"the scales {case}")
    assert_equal(found[0], q, what=f"the codes {case}", why=why)


def test_hessian(solution, rng):
    """hessian: 2/n Xᵀ X, and damp times the mean of the diagonal added to the diagonal"""
    cases = [(_inputs(rng, n, k), damp) for n, k, damp in ((7, 4, 0.0), (11, 5, 0.03), (3, 6, 0.5), (1, 2, 0.1))]
    found = [solution.hessian(X, damp) for X, damp in cases]
    for (X, damp), H in zip(cases, found, strict=True):
        case = f"H of {X.shape[0]} tokens, {X.shape[1]} inputs, damp = {damp}"
        assert_close(H, torch.from_numpy(_hessian(X, damp)), what=case)


def test_dead_inputs_in_hessian(solution, rng):
    """hessian: an input that is always 0 gets 1 on the diagonal, before the damping"""
    cases = [(_inputs(rng, 12, 5, dead=dead), damp) for dead, damp in (((2,), 0.0), ((0, 3), 0.04), ((4,), 0.3))]
    cases.append((torch.zeros(4, 3, dtype=torch.float64), 0.25))
    found = [solution.hessian(X, damp) for X, damp in cases]
    for (X, damp), H in zip(cases, found, strict=True):
        dead = [j for j in range(X.shape[1]) if not X[:, j].any()]
        what = f"H where the inputs {dead} are dead and damp = {damp}"
        why = "First 1 on the diagonal for each dead input, then λ from the mean of that diagonal."
        assert_close(H, torch.from_numpy(_hessian(X, damp)), what=what, why=why)


def test_factor(solution, rng):
    """inverse_factor: U is upper triangular, and Uᵀ U is the inverse of H"""
    cases = [
        torch.from_numpy(_hessian(_inputs(rng, n, k), damp)) for n, k, damp in ((9, 4, 0.01), (6, 8, 0.2), (3, 1, 0))
    ]
    found = [solution.inverse_factor(H) for H in cases]
    for H, U in zip(cases, found, strict=True):
        k = len(H)
        assert_equal(tuple(U.shape), (k, k), what="the shape of U")
        below = float(U.tril(-1).abs().max()) if k > 1 else 0.0
        assert below < 1e-9, f"U is not upper triangular: below its diagonal stand numbers up to {below:.3g}."
        product = U.T @ U @ H
        assert_close(product, torch.eye(k, dtype=H.dtype), atol=1e-8, what="Uᵀ U H, which is to be the identity")
        assert_close(U, torch.from_numpy(_factor(H.numpy())), what="U", why="Its diagonal is positive.")


def _loops(W, U, scale, bits):
    q_max, w = 2 ** (bits - 1) - 1, W.double().numpy().copy()
    q, E = np.zeros(w.shape, np.int8), np.zeros(w.shape)
    margin, cut = 1.0, 0
    for i in range(w.shape[0]):
        for j in range(w.shape[1]):
            x = w[i, j] / float(scale[i, 0])
            margin = min(margin, abs(abs(x - np.floor(x)) - 0.5))
            q[i, j] = np.clip(np.round(x), -q_max, q_max)
            cut += abs(x) > q_max + 0.5
            E[i, j] = (w[i, j] - float(scale[i, 0]) * q[i, j]) / float(U[j, j])
            for k in range(j + 1, w.shape[1]):
                w[i, k] -= E[i, j] * float(U[j, k])
    return torch.from_numpy(q), torch.from_numpy(E), margin, cut


def _triangle(rng, k):
    """An upper triangle with a diagonal that is not 1."""
    return torch.from_numpy(np.triu(rng.uniform(-0.9, 0.9, (k, k)), 1) + np.diag(rng.uniform(0.5, 2.2, k)))


def test_block(solution, rng):
    """quantize_block: each column is rounded after the shifts by those before it; E is the error over U[j, j]"""
    cases = []
    for n, k, bits in ((5, 6, 4), (3, 9, 3), (4, 1, 8), (1, 7, 2), (6, 8, 5)):
        margin, cut = 0.0, 0
        while margin < 1e-6 or (bits in (2, 3) and cut < 2):
            W, U, scale = _weights(rng, n, k), _triangle(rng, k), torch.from_numpy(rng.uniform(0.2, 0.6, (n, 1)))
            scale = scale * W.abs().amax(1, keepdim=True) * 2.0 ** (2 - bits)
            q, E, margin, cut = _loops(W, U, scale, bits)
        cases.append((W, U, scale, bits, q, E))
    found = [
        _pair(solution.quantize_block(*case[:4]), "quantize_block", "the codes and the errors E") for case in cases
    ]
    for (W, _, _, bits, q, E), answer in zip(cases, found, strict=True):
        case = f"of a block of {W.shape[1]} columns to {bits} bits"
        assert_equal(
            answer[0][:, 0], q[:, 0], what=f"the codes of the first column {case}", why="Nothing has shifted it."
        )
        assert_close(answer[1][:, 0], E[:, 0], what=f"the errors E of the first column {case}")
        assert_equal(answer[0], q, what=f"the codes {case}", why=SAME)
        assert_close(answer[1], E, what=f"the errors E {case}")


def test_equals_the_slow_way(solution, rng):
    """gptq gives the codes of the slow way: the inverse of H over what is left, for every column anew"""
    cases = [(4, 7, 4, 3), (5, 12, 3, 4), (3, 10, 8, 2), (6, 9, 2, 5), (2, 6, 4, 6)]
    made = [_case(rng, n, k, bits, damp=0.02) for n, k, bits, _ in cases]
    found = [
        _gptq(solution, W, X, bits, block, 0.02) for (_, _, bits, block), (W, X, _, _) in zip(cases, made, strict=True)
    ]
    for (n, k, bits, block), (_, _, q, scale), answer in zip(cases, made, found, strict=True):
        _assert_codes(answer, q, scale, f"of a ({n}, {k}) matrix to {bits} bits in blocks of {block}")


def test_blocks_change_nothing(solution, rng):
    """The size of the blocks changes no code, also where it does not divide the columns"""
    W, X, q, scale = _case(rng, 4, 11, 4)
    blocks = (1, 2, 4, 5, 10, 11, 128)
    found = [_gptq(solution, W, X, 4, block, 0.01) for block in blocks]
    fine = _case(rng, 6, 9, 8)
    while torch.equal(_slow(fine[0], _hessian(fine[1], 0.02), fine[3], 8)[0], fine[2]):
        fine = _case(rng, 6, 9, 8)
    default = _gptq(solution, *fine[:2], 8)
    for block, answer in zip(blocks, found, strict=True):
        _assert_codes(answer, q, scale, f"of 11 columns in blocks of {block}")
    _assert_codes(default, *fine[2:], "with block and damp left at their defaults, 128 and 0.01")


def test_act_order(solution, rng):
    """With act_order the largest inputs are rounded first, and the codes stand in the order of W"""
    cases = [(4, 9, 4, 4), (3, 8, 3, 128), (5, 7, 8, 2)]
    made = [_case(rng, n, k, bits, act_order=True) for n, k, bits, _ in cases]
    found = [
        _gptq(solution, W, X, bits, block, 0.01, True)
        for (_, _, bits, block), (W, X, _, _) in zip(cases, made, strict=True)
    ]
    for (n, k, bits, block), (_, _, q, scale), answer in zip(cases, made, found, strict=True):
        case = f"of a ({n}, {k}) matrix to {bits} bits in blocks of {block} by size"
        why = "Column j of the codes belongs to column j of W, whenever it was visited."
        _assert_codes(answer, q, scale, case, why)


def test_dead_inputs(solution, rng):
    """Weights of dead inputs are rounded to the nearest code, and the others as if they were not there"""
    cases = [((1,), 0.01, False), ((0, 4), 0.05, False), ((2, 6), 0.01, True), ((3,), 0.0, False)]
    made = [_case(rng, 4, 7, 4, damp=damp, act_order=order, dead=dead) for dead, damp, order in cases]
    found = [
        _gptq(solution, W, X, 4, 3, damp, order) for (_, damp, order), (W, X, _, _) in zip(cases, made, strict=True)
    ]
    for (dead, damp, order), (W, _, q, scale), answer in zip(cases, made, found, strict=True):
        case = f"where the inputs {list(dead)} are dead, damp = {damp}, act_order = {order}"
        near = torch.round(W / scale).to(torch.int8)[:, list(dead)]
        assert_equal(answer[0][:, list(dead)], near, what=f"the codes of the dead inputs {case}")
        _assert_codes(answer, q, scale, case)


def test_uncorrelated_inputs(solution, rng):
    """Where H is a multiple of the identity, nothing can be made up for: the nearest codes"""

    def near(W):
        scale = _scales(W, 4)
        return torch.round(W / scale).to(torch.int8), scale

    W = _weights(rng, 5, 8)
    while ((W / _scales(W, 4)).frac().abs() - 0.5).abs().min() < 1e-6:
        W = _weights(rng, 5, 8)
    X = torch.from_numpy(np.linalg.qr(rng.standard_normal((20, 8)))[0]) * 3.0
    one, blocks = _gptq(solution, W, X, 4), _gptq(solution, W, X, 4, 3, 0.1)
    for answer, case in ((one, "in one block"), (blocks, "in blocks of 3")):
        _assert_codes(answer, *near(W), f"for uncorrelated inputs, {case}", "Every error must stay where it is here.")


def test_output_error(solution, rng):
    """For correlated inputs the error of the output is well below that of the nearest codes"""
    X = torch.from_numpy(
        rng.standard_normal((200, 4)) @ rng.standard_normal((4, 24)) + 0.3 * rng.standard_normal((200, 24))
    )
    W = torch.from_numpy(rng.standard_normal((16, 24)))
    found = [_gptq(solution, W, X, 4, 7, 0.01, order) for order in (False, True)]
    scale = _scales(W, 4)
    plain = float(((W - scale * torch.round(W / scale)) @ X.T).square().sum())
    for (q, s), order in zip(found, (False, True), strict=True):
        assert_equal(tuple(q.shape), (16, 24), what="the shape of the codes")
        assert_close(s, scale, what="the scales")
        mine = float(((W - s * q) @ X.T).square().sum())
        assert mine <= 0.8 * plain, (
            f"With act_order={order} the squared error of the output is {mine / plain:.2f} times that of the nearest codes;"
            " it should be about half of it or less. The shifts do not make up for the errors."
        )


def test_scales(solution, rng):
    """The scales come from the W that was given: one for each row, 1 for a row of zeros"""

    def change(W):
        W[2] = 0.0
        W[3] *= 2.0**-40
        W[4, 6:] *= 5

    W, X, q, scale = _case(rng, 5, 9, 4, change=change)
    found = _gptq(solution, W, X, 4, 3, 0.01)
    small = _gptq(solution, W[:1], X, 4, 4, 0.01, True)
    assert_close(found[1][2], torch.ones(1, dtype=torch.float64), what="the scale of a row of zeros")
    assert_close(found[1], scale, atol=0.0, what="the scales", why="One row is some 10⁻¹² large: small, but not 0.")
    assert_equal(found[0], q, what="the codes beside a row of zeros and a tiny one", why=SAME)
    assert_close(small[1], scale[:1], what="the scale of a matrix of one row, with act_order")


def test_example_of_the_statement(solution):
    """The example worked by hand comes out, step by step"""
    X = torch.tensor([[1.0, 1, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]])
    W = torch.tensor([[1.4, 2.4, 7.0]])
    H, U = torch.tensor([[0.5, 0.5, 0], [0.5, 1, 0], [0, 0, 1]]), torch.tensor([[2.0, -1, 0], [0, 1, 0], [0, 0, 1]])
    made, factor = solution.hessian(X, 0.0), solution.inverse_factor(H)
    q, E = _pair(solution.quantize_block(W, U, torch.ones(1, 1), 4), "quantize_block", "the codes and the errors E")
    found = _gptq(solution, W, X, 4, 2, 0.0)
    assert_close(made, H, what="H of the example")
    assert_close(factor, U, what="U of the example")
    codes = torch.tensor([[1, 3, 7]], dtype=torch.int8)
    assert_equal(q, codes, what="the codes of the example")
    assert_close(E, torch.tensor([[0.2, -0.4, 0.0]]), what="the errors E of the example")
    _assert_codes(found, codes, torch.ones(1, 1), "of the example, by gptq")


def test_dtypes_and_layouts(solution, rng):
    """float32, strided arguments; nothing is changed in place, W least of all"""
    for dtype, tolerance in ((torch.float32, 1e-3), (torch.float64, 1e-9)):
        W, X, q, scale = _case(rng, 4, 8, 4, damp=0.05, dtype=dtype)
        apart = torch.stack([W, W], 2)[:, :, 0], X.T.contiguous().T
        H = assert_unchanged(solution.hessian, apart[1], 0.05)
        right = torch.from_numpy(_hessian(X, 0.05)).to(dtype)
        assert_close(H, right, atol=tolerance / 100, what=f"H in {dtype}")
        U = assert_unchanged(solution.inverse_factor, torch.stack([right, right], 2)[:, :, 0])
        factor = torch.from_numpy(_factor(_hessian(X, 0.05))).to(dtype)
        assert_close(U, factor, rtol=tolerance, atol=tolerance, what=f"U in {dtype}")
        answer = _pair(
            assert_unchanged(solution.quantize_block, apart[0], factor.T.contiguous().T, scale, 4),
            "quantize_block",
            "q and E",
        )
        _, E, _, _ = _loops(W, factor, scale, 4)
        assert_equal(answer[0], q, what=f"the codes of quantize_block in {dtype}", why=SAME)
        assert_close(answer[1], E.to(dtype), rtol=tolerance, atol=tolerance, what=f"E in {dtype}")
        for order in (False, True):
            W, X, q, scale = _case(rng, 4, 8, 4, damp=0.05, dtype=dtype, act_order=order)
            found = assert_unchanged(
                solution.gptq, torch.stack([W, W], 2)[:, :, 0], X.T.contiguous().T, 4, 3, 0.05, order
            )
            _assert_codes(_pair(found, "gptq", "q and scale"), q, scale, f"in {dtype}, act_order = {order}")
