"""The integer parts against 64-bit integers, exactly; the real result against float64.

Where y is compared, two right programs may differ by the order in which float32 multiplies two scales and
adds a bias: a few units of 6e-8 of the larger summand. The default 1e-5 relative is joined by 1e-6 of the
largest entry, for the entries where the bias nearly cancels the rest; without a bias nothing cancels
after acc, so that there it may be left out. Where the scales are powers of two and the sums small nothing
is rounded at all, and y is compared exactly. No check depends on chance.
"""

import numpy as np
import torch

from grader.testing import assert_close, assert_equal, assert_unchanged

M, K, N = 4, 37, 6


def _case(rng, m=M, k=K, n=N, x_zp=131):
    """Codes of the whole range and zero points off the middle."""
    xq = torch.from_numpy(rng.integers(0, 256, (m, k), dtype=np.uint8))
    wq = torch.from_numpy(rng.integers(-128, 128, (n, k), dtype=np.int8))
    w_zp = torch.from_numpy(rng.integers(3, 90, n).astype(np.int32) * rng.choice([-1, 1], n).astype(np.int32))
    return xq, torch.tensor(x_zp, dtype=torch.int32), wq, w_zp


def _scales(rng, n=N):
    x_scale = torch.tensor(rng.uniform(0.02, 0.05), dtype=torch.float32)
    w_scale = torch.from_numpy(rng.uniform(0.001, 0.01, n).astype(np.float32))
    return x_scale, w_scale, torch.from_numpy(rng.uniform(5.0, 25.0, n).astype(np.float32))


def _raw(xq, wq):
    return torch.from_numpy(xq.numpy().astype(np.int64) @ wq.numpy().astype(np.int64).T)


def _acc(xq, x_zp, wq, w_zp):
    x = xq.numpy().astype(np.int64) - int(x_zp)
    w = wq.numpy().astype(np.int64) - (0 if w_zp is None else w_zp.numpy().astype(np.int64)[:, None])
    return torch.from_numpy(x @ w.T)


def _terms(xq, x_zp, wq, w_zp):
    return (_acc(xq, x_zp, wq, w_zp) - _raw(xq, wq)).to(torch.int32)


def _real(xq, x_scale, x_zp, wq, w_scale, w_zp=None, bias=None):
    y = _acc(xq, x_zp, wq, w_zp).double() * x_scale.double() * w_scale.double()
    return (y if bias is None else y + bias.double()).to(torch.float32)


def _assert_y(found, arguments, what="y"):
    expected = _real(*arguments)
    assert_close(found, expected, atol=1e-6 * float(expected.abs().max()), what=what)


def test_raw_product(solution, rng):
    """int_mm is the product of the codes, exactly and in int32"""
    xq, _, wq, _ = _case(rng)
    found = solution.int_mm(xq, wq)
    square = _case(rng, 5, 5, 5)
    other = solution.int_mm(square[0], square[2])
    assert_equal(found, _raw(xq, wq).to(torch.int32), what="the raw product")
    assert_equal(other, _raw(square[0], square[2]).to(torch.int32), what="the raw product for M = K = N")


def test_long_sums_do_not_overflow(solution, rng):
    """With K = 4096 and the largest codes, the raw product is still exact"""
    xq = torch.full((3, 4096), 255, dtype=torch.uint8)
    wq = torch.full((2, 4096), -128, dtype=torch.int8)
    xq[1:, ::3] = torch.from_numpy(rng.integers(200, 256, (2, 1366), dtype=np.uint8))
    wq[1] = 127
    wq[1, 1::5] = torch.from_numpy(rng.integers(90, 128, 819, dtype=np.int8))
    # Odd sums beyond 2²⁴, which no float32 holds.
    xq[:, 0] = torch.tensor([255, 253, 251], dtype=torch.uint8)
    wq[:, 0] = torch.tensor([-127, 125], dtype=torch.int8)
    found = solution.int_mm(xq, wq)
    assert_equal(found, _raw(xq, wq).to(torch.int32), what="the raw product for K = 4096")


def test_terms_of_the_zero_points(solution, rng):
    """zero_point_terms turns the raw product into Σ (xq - x_zp)(wq - w_zp), exactly and in int32"""
    cases = [_case(rng), _case(rng, 5, 8, 5, x_zp=7)]
    found = [solution.zero_point_terms(*case) for case in cases]
    for case, terms in zip(cases, found, strict=True):
        assert_equal(terms, _terms(*case), what=f"the zero-point terms for M, K = {tuple(case[0].shape)}")
    # A zero point of 0 among others: each term goes by its own.
    xq, x_zp, wq, w_zp = cases[0]
    some = torch.cat([torch.tensor([0, 17, -17, 0]), w_zp[4:]]).to(torch.int32)
    none = torch.tensor(0, dtype=torch.int32)
    why = f"w_zp is {some.tolist()}: rows whose zero point is 0 stand beside others."
    assert_equal(solution.zero_point_terms(xq, x_zp, wq, some), _terms(xq, x_zp, wq, some),
                 what="the zero-point terms where some w_zp are 0", why=why)  # fmt: skip
    assert_equal(solution.zero_point_terms(xq, none, wq, w_zp), _terms(xq, none, wq, w_zp),
                 what="the zero-point terms for x_zp = 0", why="The weights have zero points here.")  # fmt: skip
    others = wq.roll(1, 1) // 2
    why = "The calls before had weights of the same shape: nothing of them may be kept, each call sums its own."
    assert_equal(solution.zero_point_terms(xq, x_zp, others, w_zp), _terms(xq, x_zp, others, w_zp),
                 what="the zero-point terms of other weights", why=why)  # fmt: skip


def test_terms_of_symmetric_weights(solution, rng):
    """Without zero points of the weights only - x_zp · Σ wq is left"""
    xq, x_zp, wq, _ = _case(rng)
    none = solution.zero_point_terms(xq, x_zp, wq, None)
    zeros = solution.zero_point_terms(xq, x_zp, wq, torch.zeros(N, dtype=torch.int32))
    assert_equal(none, _terms(xq, x_zp, wq, None), what="the terms for w_zp = None")
    assert_equal(zeros, _terms(xq, x_zp, wq, None), what="the terms for w_zp = 0")


def test_terms_of_long_sums(solution, rng):
    """With K = 4096 and zero points at the ends, the terms are exact"""
    xq, _, wq, _ = _case(rng, 2, 4096, 3)
    w_zp = torch.tensor([-128, 127, 5], dtype=torch.int32)
    x_zp = torch.tensor(255, dtype=torch.int32)
    found = solution.zero_point_terms(xq, x_zp, wq, w_zp)
    assert_equal(found, _terms(xq, x_zp, wq, w_zp), what="the zero-point terms for K = 4096")


def test_result_in_real_numbers(solution, rng):
    """int8_mm is x_scale · w_scale · acc + bias, a scale and a bias for each output"""
    # Large scales and a small sum: there the bias is a fraction of a unit.
    xq, wq = torch.tensor([[7], [8], [6]], dtype=torch.uint8), torch.tensor([[3], [-2]], dtype=torch.int8)
    x_zp, w_zp = torch.tensor(7, dtype=torch.int32), torch.tensor([2, -2], dtype=torch.int32)
    coarse = (xq, torch.tensor(2.0), x_zp, wq, torch.tensor([3.0, 5]), w_zp, torch.tensor([1.25, -2.5]))
    cases = [(coarse, "y for M, K, N = 3, 1, 2 and a bias of less than a unit", solution.int8_mm(*coarse))]
    for m, k, n in ((M, K, N), (5, 24, 5)):
        xq, x_zp, wq, w_zp = _case(rng, m, k, n)
        x_scale, w_scale, bias = _scales(rng, n)
        arguments = (xq, x_scale, x_zp, wq, w_scale, w_zp, bias)
        cases.append((arguments, f"y for M, K, N = {m}, {k}, {n}", solution.int8_mm(*arguments)))
    for arguments, what, y in cases[1:] + cases[:1]:
        _assert_y(y, arguments, what)


def test_without_zero_points_of_the_weights_and_bias(solution, rng):
    """w_zp and bias may be None, each by itself"""
    xq, x_zp, wq, w_zp = _case(rng)
    x_scale, w_scale, bias = _scales(rng)
    chosen = [(None, None), (w_zp, None), (None, bias)]
    found = [solution.int8_mm(xq, x_scale, x_zp, wq, w_scale, *last) for last in chosen]
    short = solution.int8_mm(xq, x_scale, x_zp, wq, w_scale)
    cases = ("w_zp = None, bias = None", "bias = None", "w_zp = None")
    for last, y, case in zip(chosen, found, cases, strict=True):
        _assert_y(y, (xq, x_scale, x_zp, wq, w_scale, *last), f"y with {case}")
    _assert_y(short, (xq, x_scale, x_zp, wq, w_scale), "y with w_zp and bias left out")


def test_exact_where_nothing_is_rounded(solution, rng):
    """With scales that are powers of two, the result is exact"""
    xq, x_zp, wq, w_zp = _case(rng)
    x_scale, w_scale = torch.tensor(0.5), 2.0 ** -torch.arange(1, N + 1)
    bias = torch.from_numpy(rng.integers(-40, 40, N)).float() + 0.25
    arguments = (xq, x_scale, x_zp, wq, w_scale, w_zp, bias)
    assert_equal(solution.int8_mm(*arguments), _real(*arguments), what="y")


def test_small_results_of_large_terms(solution, rng):
    """Where large products cancel, int8_mm is as right as the integers it is computed from"""
    xq, x_zp, wq, w_zp = _case(rng, 2, 2048, 3)
    # Codes far from their zero points, the second half of the weights minus the first: only the first column is left.
    xq[:, 1024:] = xq[:, :1024]
    half = wq[:, :1024].to(torch.int32).clamp(-70, 70)
    w_zp = torch.tensor([9, -4, 6], dtype=torch.int32)
    wq = torch.cat([w_zp[:, None] + half, w_zp[:, None] - half], 1).to(torch.int8)
    xq[:, 0], xq[:, 1024] = 141, 131
    wq[:, 0], wq[:, 1024] = (w_zp + torch.tensor([1, 2, 3])).to(torch.int8), w_zp.to(torch.int8)
    # Shuffled, so that what cancels does not stand side by side.
    order = torch.from_numpy(rng.permutation(2048))
    x_scale, w_scale, _ = _scales(rng, 3)
    arguments = (xq[:, order].contiguous(), x_scale, x_zp, wq[:, order].contiguous(), w_scale, w_zp)
    found, expected = solution.int8_mm(*arguments), _real(*arguments)
    why = "Products a thousand times as large cancel here. Summed as integers they do so exactly, as real numbers not."
    assert_close(found, expected, atol=0.0, what="y for K = 2048", why=why)


def test_example_of_the_statement(solution):
    """The example worked by hand comes out, step by step"""
    xq, wq = torch.tensor([[200, 10]], dtype=torch.uint8), torch.tensor([[3, -4]], dtype=torch.int8)
    x_zp, w_zp = torch.tensor(50, dtype=torch.int32), torch.tensor([1], dtype=torch.int32)
    raw, terms = solution.int_mm(xq, wq), solution.zero_point_terms(xq, x_zp, wq, w_zp)
    y = solution.int8_mm(xq, torch.tensor(0.5), x_zp, wq, torch.tensor([0.25]), w_zp, torch.tensor([1.0]))
    assert_equal(raw, torch.tensor([[560]], dtype=torch.int32), what="the raw product")
    assert_equal(terms, torch.tensor([[-60]], dtype=torch.int32), what="the zero-point terms")
    assert_equal(y, torch.tensor([[63.5]]), what="y")


def test_close_to_the_layer_it_stands_for(solution, rng):
    """Quantized inputs and weights give the float layer's result within the error of their rounding"""
    x = torch.from_numpy(rng.uniform(-1.0, 3.0, (5, 64)))
    W = torch.from_numpy(rng.normal(0.0, 0.1, (7, 64)))
    bias = torch.from_numpy(rng.normal(0.0, 1.0, 7))
    x_scale = (x.max() - x.min()) / 255
    x_zp = torch.round(-x.min() / x_scale)
    xq = (torch.round(x / x_scale) + x_zp).clamp(0, 255)
    w_scale = W.abs().amax(1) / 127
    wq = torch.round(W / w_scale[:, None])
    inputs = (xq.to(torch.uint8), x_scale.float(), x_zp.to(torch.int32))
    y = solution.int8_mm(*inputs, wq.to(torch.int8), w_scale.float(), None, bias.float())
    # For each product |x̂ŵ - xw| ≤ |ŵ| s_x / 2 + |x| s_w / 2, summed over k.
    bound = (x_scale / 2) * (w_scale[:, None] * wq).abs().sum(1) + x.abs().sum(1)[:, None] * w_scale / 2
    exact = x @ W.T + bias
    why = f"Rounding to codes explains an error of {float(bound.max()):.2g} at the most."
    assert_close(y, exact.float(), rtol=0.0, atol=float(bound.max()) + 1e-5, what="y against the float layer", why=why)


def test_shapes_and_layouts(solution, rng):
    """Axes of 1 and 0, arguments that are not contiguous; nothing is changed in place"""
    for m, k, n in ((1, 1, 1), (0, 9, 3), (3, 0, 2), (1, 12, 5)):
        xq, x_zp, wq, w_zp = _case(rng, m, k, n)
        x_scale, w_scale, bias = _scales(rng, n)
        case = f"for M, K, N = {m}, {k}, {n}"
        assert_equal(solution.int_mm(xq, wq), _raw(xq, wq).to(torch.int32), what=f"the raw product {case}")
        terms = solution.zero_point_terms(xq, x_zp, wq, w_zp)
        assert_equal(terms, _terms(xq, x_zp, wq, w_zp), what=f"the zero-point terms {case}")
        arguments = (xq, x_scale, x_zp, wq, w_scale, w_zp, bias)
        found, expected = solution.int8_mm(*arguments), _real(*arguments)
        assert_close(found, expected, atol=1e-4, what=f"y {case}")

    xq, x_zp, wq, w_zp = _case(rng, 9, 4, 8)
    x_scale, w_scale, bias = _scales(rng, 4)
    xq, wq, w_zp = xq.T, torch.cat([wq, wq[:1]]).T, w_zp[::2]  # (4, 9) and (4, 9)
    raw = assert_unchanged(solution.int_mm, xq, wq)
    terms = assert_unchanged(solution.zero_point_terms, xq, x_zp, wq, w_zp)
    arguments = (xq, x_scale, x_zp, wq, w_scale, w_zp, bias)
    y = assert_unchanged(solution.int8_mm, *arguments)
    assert_equal(raw, _raw(xq, wq).to(torch.int32), what="the raw product of transposed arguments")
    assert_equal(terms, _terms(xq, x_zp, wq, w_zp), what="the zero-point terms of transposed arguments")
    _assert_y(y, arguments, "y of transposed arguments")
