"""Attention with a prefix against a loop over sequences, heads and queries in float64; gradients by autograd through
that loop.

λ is the sum of the loop's weights; the MLP is written out row by row and column by column. Tolerances: float64 1e-9
relative and 1e-10 absolute (right orders of operations differ by some 1e-15); float32 1e-4 relative and 1e-5 absolute,
for three products of width 6 and a softmax, each rounding at 6e-8. Inputs are random, but no check is statistical.
"""

import math

import torch

from grader.testing import assert_close, assert_gradients, assert_unchanged, vjp

D, HEADS, N, P, BATCH = 6, 3, 5, 4, 2


def _randn(*shape, dtype=torch.float64):
    return torch.randn(shape, dtype=torch.float64).to(dtype)


def _case(p=P, n=N, batch=BATCH, dtype=torch.float64):
    """x, the four matrices, P_k, P_v: weights far from even, and no two parts alike."""
    x, *W = (
        t * 1.5 / D**0.5 if i else t for i, t in enumerate([_randn(batch, n, D), *(_randn(D, D) for _ in range(4))])
    )
    return [t.to(dtype) for t in (x, *W, 1.5 * _randn(p, D), 2.0 * _randn(p, D) + 1.0)]


def _mask(*shape):
    """Random; the first query sees no token at all, the last sees one."""
    mask = torch.rand(shape) < 0.6
    if shape[-2] > 1:
        mask[..., 0, :], mask[..., -1, :], mask[..., -1, 0] = False, False, True
    return mask


def _masks():
    return {
        "without a mask": None,
        "with a causal mask": torch.ones(N, N, dtype=torch.bool).tril(),
        "with a mask of shape (n, n), in which query 0 sees no token": _mask(N, N),
        "with a mask for each sequence and head": _mask(BATCH, HEADS, N, N),
        "with a mask of shape (batch, 1, 1, n) that hides padding": _mask(BATCH, 1, 1, N),
        "with a mask of shape (batch, 1, n, 1)": torch.tensor([1, 0, 1, 1, 0, 0, 1, 1, 0, 1])
        .bool()
        .reshape(2, 1, N, 1),
    }


def _loop(x, W_q, W_k, W_v, W_o, P_k, P_v, mask=None, heads=HEADS):
    """The result and λ, in float64, a sequence, a head and a query at a time."""
    x, W_q, W_k, W_v, W_o, P_k, P_v = (t.double() for t in (x, W_q, W_k, W_v, W_o, P_k, P_v))
    (b, n, d), p = x.shape, len(P_k)
    w = d // heads
    keep = torch.ones(b, heads, n, n, dtype=torch.bool) if mask is None else mask.expand(b, heads, n, n)
    rows, shares = [], []
    for s in range(b):
        K, V = torch.cat([P_k, x[s] @ W_k]), torch.cat([P_v, x[s] @ W_v])
        for i in range(n):
            parts = []
            for h in range(heads):
                own = slice(h * w, (h + 1) * w)
                js = [j for j in range(p + n) if j < p or keep[s, h, i, j - p]]
                S = K[js, own] @ (x[s, i] @ W_q[:, own]) / math.sqrt(w)
                E = (S - S.max()).exp()
                A = E / E.sum()
                parts.append(A @ V[js, own])
                shares.append(A[:p].sum())
            rows.append(torch.cat(parts) @ W_o)
    return torch.stack(rows).reshape(b, n, d), torch.stack(shares).reshape(b, n, heads).transpose(1, 2)


def _attention(side, x, W_q, W_k, W_v, W_o, P_k, P_v, mask=None, heads=HEADS):
    return side.prefix_attention(x, W_q, W_k, W_v, W_o, heads, P_k, P_v, mask)


def _share(side, x, W_q, W_k, _W_v, _W_o, P_k, _P_v, mask=None, heads=HEADS):
    return side.prefix_share(x, W_q, W_k, heads, P_k, mask)


def _close(actual, expected, what, why="", dtype=torch.float64):
    if isinstance(actual, torch.Tensor) and actual.ndim == 3 and actual.ndim == expected.ndim:
        rows, n = actual.shape[1], expected.shape[1]
        assert not (what.startswith("the result") and rows > n), (
            f"Your result {what[11:]} has {rows} rows for {n} tokens. The prefix is not to ask: no row is its own."
        )
    if isinstance(actual, torch.Tensor) and actual.shape == expected.shape and not bool(actual.isfinite().all()):
        why = "There is a NaN or an infinity in it: every query sees the prefix, so no softmax is empty. " + why
    rtol, atol = (1e-9, 1e-10) if dtype == torch.float64 else (1e-4, 1e-5)
    assert_close(actual, expected.to(dtype), rtol=rtol, atol=atol, what=what, why=why)


def _words(found, right, plain):
    """What is wrong with the results, from which of them are right."""
    sizes = {name: isinstance(t, torch.Tensor) and t.shape == right[name].shape for name, t in found.items()}
    good = {name: sizes[name] and torch.allclose(found[name].double(), right[name], 1e-9, 1e-9) for name in found}
    if not plain:
        return "With n_prefix = 0 it is wrong already, where it is the multi-head attention of the tokens alone."
    if not good["without a mask"]:
        some = sizes["without a mask"] and [
            torch.allclose(a, b, 1e-9, 1e-9)
            for a, b in zip(found["without a mask"], right["without a mask"], strict=True)
        ]
        if some and any(some):
            return "One sequence of the batch is right, another is not: all have the same prefix."
        return (
            "Without a prefix your result is right, so the prefix is at fault: its rows stand before the keys and "
            "values of the tokens as they are, and are divided among the heads as those are."
        )
    return "Without a mask your result is right, so the mask is at fault: it hides tokens, never the prefix."


def test_result(solution):
    """Each token attends to the prefix and to the tokens that the mask leaves"""
    case, masks = _case(), _masks()
    none = [*case[:5], case[5][:0], case[6][:0]]
    found = {name: _attention(solution, *case, mask) for name, mask in masks.items()}
    without = _attention(solution, *none)
    right = {name: _loop(*case, mask)[0] for name, mask in masks.items()}
    plain = _loop(*none)[0]
    same = (
        isinstance(without, torch.Tensor)
        and without.shape == plain.shape
        and torch.allclose(without, plain, 1e-9, 1e-9)
    )
    for name in masks:
        _close(found[name], right[name], f"the result {name}", _words(found, right, same))


def test_share(solution):
    """λ is how much of a query's attention falls on the prefix, in each head"""
    case, masks = _case(), _masks()
    found = {name: _share(solution, *case, mask) for name, mask in masks.items()}
    for name, mask in masks.items():
        what = f"λ {name}"
        if isinstance(found[name], torch.Tensor) and found[name].shape == (BATCH, HEADS, N):
            outside = bool(((found[name] < -1e-9) | (found[name] > 1 + 1e-9)).any())
            assert not outside, f"{what} is not between 0 and 1: it is a sum of weights that sum to one with others."
        _close(found[name], _loop(*case, mask)[1], what, "λ sums the softmax's weights of the prefix.")


def test_expand(solution):
    """expand puts P' through two layers and sorts the columns by layer, then key and value"""
    for p, d_in, hidden, layers, d in ((4, 3, 5, 2, 6), (2, 4, 3, 3, 2), (3, 2, 6, 1, 4)):
        width = layers * 2 * d
        P_, W_1, b_1, W_2, b_2 = (_randn(*s) for s in ((p, d_in), (d_in, hidden), (hidden,), (hidden, width), (width,)))
        found = solution.expand(P_, W_1, b_1, W_2, b_2, layers)
        expected = torch.empty(layers, 2, p, d, dtype=torch.float64)
        for i in range(p):
            h = [
                math.tanh(float(b_1[k]) + sum(float(P_[i, m] * W_1[m, k]) for m in range(d_in))) for k in range(hidden)
            ]
            z = [float(b_2[c]) + sum(h[k] * float(W_2[k, c]) for k in range(hidden)) for c in range(width)]
            for c, value in enumerate(z):
                expected[c // (2 * d), c // d % 2, i, c % d] = value
        why = "[l, 0] is P_k of layer l and [l, 1] its P_v, each d_model neighbouring columns of Z."
        if isinstance(found, torch.Tensor) and found.shape == expected.shape:
            numbers = [torch.sort(t.detach().flatten().double()).values for t in (found, expected)]
            if torch.allclose(*numbers, rtol=1e-9, atol=1e-9):
                why = "The numbers are right, and stand in other places. " + why
            else:
                why = "The numbers are other ones: Z = tanh(P' W_1 + b_1) W_2 + b_2. " + why
        _close(found, expected, f"expand with n_prefix = {p}, d_model = {d}, {layers} layers", why)


def test_one_softmax(solution):
    """What the prefix gets, the tokens lose: the result is (1 - λ) tokens + λ prefix"""
    x, W_q, W_k, W_v, _, P_k, P_v = _case()
    eye, mask = torch.eye(D, dtype=torch.float64), torch.ones(N, N, dtype=torch.bool).tril()
    found, share = (f(solution, x, W_q, W_k, W_v, eye, P_k, P_v, mask) for f in (_attention, _share))
    level = _attention(solution, torch.zeros_like(x), W_q, W_k, W_v, eye, P_k, P_v, None)
    ones = _attention(solution, torch.ones_like(x), W_q, W_k, eye, eye, P_k, torch.ones_like(P_v), mask)
    plain, alone = (_loop(x, W_q, W_k, W_v, eye, k, v, m)[0] for k, v, m in (
        (P_k[:0], P_v[:0], mask), (P_k, P_v, torch.zeros_like(mask))))  # fmt: skip
    why = "All values are 1, and weights that sum to one over prefix and tokens together average them to 1."
    _close(ones, torch.ones_like(x), "the result where all values are ones", why)
    lam = _loop(x, W_q, W_k, W_v, eye, P_k, P_v, mask)[1]
    wide = lam.transpose(1, 2).repeat_interleave(D // HEADS, -1)
    _close(share, lam, "λ with a causal mask")
    why = "It is (1 - λ) times attention to the tokens plus λ times attention to the prefix."
    _close(found, (1 - wide) * plain + wide * alone, "the result with W_o the identity", why)
    why = "All scores are zero, so it is the sum of the rows of P_v, divided by n_prefix + n."
    _close(level, (P_v.sum(0) / (P + N)).expand_as(x), "the result for x = 0", why)


def test_acts_like_tokens(solution):
    """A prefix with the keys and values of real tokens acts as if those tokens stood before"""
    _, W_q, W_k, W_v, W_o, *_ = _case()
    before, x = _randn(P, D), _randn(BATCH, N, D)
    tokens = torch.cat([before.expand(BATCH, -1, -1), x], 1)
    causal = torch.ones(P + N, P + N, dtype=torch.bool).tril()
    found = _attention(solution, x, W_q, W_k, W_v, W_o, before @ W_k, before @ W_v, causal[P:, P:])
    expected = _loop(tokens, W_q, W_k, W_v, W_o, before[:0], before[:0], causal)[0][:, P:]
    _close(
        found,
        expected,
        "the result with keys and values of four real tokens for a prefix",
        "They come without queries.",
    )


def test_a_prefix_is_shared(solution):
    """All sequences have the same prefix, none sees another, and a longer batch changes nothing"""
    case = _case(batch=3)
    mask = _mask(3, 1, N, N)
    whole, share = _attention(solution, *case, mask), _share(solution, *case, mask)
    single = [_attention(solution, case[0][i : i + 1], *case[1:], mask[i]) for i in range(3)]
    order = torch.tensor([2, 0, 3, 1])
    mixed = _attention(solution, *case[:5], case[5][order], case[6][order], mask)
    result, lam = _loop(*case, mask)
    for i, one in enumerate(single):
        _close(one, result[i : i + 1], f"the result for sequence {i} by itself")
    _close(whole, result, "the result for three sequences", "Each of them alone comes out right.")
    _close(share, lam, "λ for three sequences")
    _close(mixed, result, "the result with the rows of the prefix in another order", "They have no positions.")


def test_gradients(solution):
    """Gradients by x, P_k and P_v are right, and so are those by P' and its layers"""
    case, mask, g = _case(), _mask(N, N), _randn(BATCH, N, D)
    x, W_q, W_k, W_v, W_o, P_k, P_v = case
    out, grads = vjp(
        solution.prefix_attention, x, W_q, W_k, W_v, W_o, HEADS, P_k, P_v, mask, cotangent=g, wrt=(0, 6, 7)
    )
    inner = (_randn(4, 3), _randn(3, 5), _randn(5), _randn(5, 2 * 2 * D), _randn(2 * 2 * D))
    c = _randn(2, 2, 4, D)
    made, inner_grads = vjp(solution.expand, *inner, 2, cotangent=c, wrt=(0, 1, 2, 3, 4))

    mine = [t.clone().requires_grad_() for t in (x, P_k, P_v)]
    expected, _ = _loop(mine[0], W_q, W_k, W_v, W_o, *mine[1:], mask)
    expected.backward(g)
    _close(out, expected.detach(), "the result")
    assert_gradients(grads, [t.grad for t in mine], ("x", "P_k", "P_v"), atol=1e-9)

    P_, W_1, b_1, W_2, b_2 = inner
    h, dZ = torch.tanh(P_ @ W_1 + b_1), torch.cat([c[layer, kind] for layer in range(2) for kind in range(2)], dim=1)
    Z = h @ W_2 + b_2
    da = (dZ @ W_2.T) * (1 - h * h)
    by_hand = (da @ W_1.T, P_.T @ da, da.sum(0), h.T @ dZ, dZ.sum(0))
    _close(made, torch.stack(Z.split(D, 1)).reshape(2, 2, 4, D), "expand with 2 layers")
    assert_gradients(inner_grads, by_hand, ("P", "W_1", "b_1", "W_2", "b_2"), atol=1e-9)


def test_large_scores(solution):
    """Large scores do not overflow, in the prefix nor in the tokens"""
    x, W_q, W_k, W_v, W_o, P_k, P_v = _case()
    x[0, 1], x[1, 3], P_k[2] = x[0, 1] * 100, x[1, 3] * 100, P_k[2] * 30
    for dtype in (torch.float64, torch.float32):
        # Numbers with few digits, so that float32 holds the products exactly up to the softmax.
        given = [(t * 8).round().div(8).to(dtype) for t in (x, W_q, W_k, W_v, W_o, P_k, P_v)]
        found, share = _attention(solution, *given), _share(solution, *given)
        result, lam = _loop(*given)
        if dtype == torch.float64:
            _close(
                found, result, "the result with large scores", "One token and one row of the prefix are large.", dtype
            )
            _close(share, lam, "λ with large scores", dtype=dtype)
            continue
        for what, value in (("the result", found), ("λ", share)):
            finite = bool(torch.as_tensor(value).isfinite().all())
            assert finite, f"{what} has a NaN or an infinity with large scores in float32. Use a stable softmax."


def test_sizes(solution):
    """No prefix, one row of it, one token, one sequence, one head"""
    cases = {
        "without a prefix": (_case(p=0), HEADS),
        "with a prefix of one row": (_case(p=1), HEADS),
        "of one token": (_case(n=1), HEADS),
        "of one sequence and one head": (_case(batch=1), 1),
        "with six heads of width one": (_case(), D),
    }
    found = {}
    for name, (case, heads) in cases.items():
        n = case[0].shape[1]
        mask = torch.ones(n, n, dtype=torch.bool).tril()
        found[name] = [f(solution, *case, mask, heads) for f in (_attention, _share)], _loop(*case, mask, heads)
    for name, (mine, expected) in found.items():
        _close(mine[0], expected[0], f"the result {name}")
        _close(mine[1], expected[1], f"λ {name}")


def test_dtypes_and_arguments(solution):
    """float32 stays float32, arguments stay as they are, and views that are not contiguous will do"""
    case, mask = _case(dtype=torch.float32), _mask(BATCH, 1, N, N)
    x, W_q, W_k, W_v, W_o, P_k, P_v = case
    found = assert_unchanged(solution.prefix_attention, x, W_q, W_k, W_v, W_o, HEADS, P_k, P_v, mask)
    share = assert_unchanged(solution.prefix_share, x, W_q, W_k, HEADS, P_k, mask)
    inner = [_randn(*s, dtype=torch.float32) for s in ((4, 3), (3, 5), (5,), (5, 4 * D), (4 * D,))]
    made = assert_unchanged(solution.expand, *inner, 2)
    case64 = _case()
    turned = [t.mT.contiguous().mT for t in case64]
    views = [f(solution, *turned, mask.mT.contiguous().mT) for f in (_attention, _share)]
    for mine, right, name in zip((found, share), _loop(*case, mask), ("the result", "λ"), strict=True):
        _close(mine, right, f"{name} in float32", dtype=torch.float32)
    for mine, right, name in zip(views, _loop(*case64, mask), ("the result", "λ"), strict=True):
        _close(mine, right, f"{name} for arguments that are not contiguous")
    P_, W_1, b_1, W_2, b_2 = (t.double() for t in inner)
    Z = torch.tanh(P_ @ W_1 + b_1) @ W_2 + b_2
    _close(made, torch.stack(Z.split(D, 1)).reshape(2, 2, 4, D), "expand in float32", dtype=torch.float32)


def test_example_of_the_statement(solution):
    """The example worked by hand comes out"""
    one, zero = torch.ones(1, 1), torch.zeros(1, 1)
    x, mask = torch.tensor([[[1.0], [3.0]]]), torch.ones(2, 2, dtype=torch.bool).tril()
    P_k, P_v = torch.tensor([[math.log(2)]]), torch.tensor([[6.0]])
    found = solution.prefix_attention(x, one, zero, one, one, 1, P_k, P_v, mask)
    share = solution.prefix_share(x, one, zero, 1, P_k, mask)
    made = solution.expand(5 * one, zero, zero[0], torch.ones(1, 4), torch.tensor([1.0, 2.0, 3.0, 4.0]), 2)
    assert_close(found, torch.tensor([[[13 / 3], [5.2]]]), what="the result of the example")
    assert_close(share, torch.tensor([[[2 / 3, 0.8]]]), what="λ of the example")
    assert_close(made, torch.tensor([1.0, 2.0, 3.0, 4.0]).reshape(2, 2, 1, 1), what="expand of the example")
