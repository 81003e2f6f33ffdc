"""Hidden suite of positional_encoding/rope_layouts.

Rotations are worked out here with complex numbers in float64, in both layouts; rows are moved by lists of row numbers. Moved
values are compared exactly. Rotations of float32 vectors (entries up to 3.5) at near positions allow 5e-5, of float64 ones 1e-9;
at position 100,000 they allow 4e-5 and 4e-8, which angles in float64 meet a thousand times over. Scores made of them, sums over
up to 8 products, are compared in float64 to 1e-8. Nothing is statistical.
"""

import math

import pytest
import torch

from grader.testing import assert_close, assert_equal, assert_gradients, assert_unchanged, vjp

NEAR = {"rtol": 0.0, "atol": 5e-5}
NEAR64 = {"rtol": 0.0, "atol": 1e-9}


def randn(rng, *shape):
    """Float64 in [-3.5, 3.5]."""
    return torch.from_numpy(rng.standard_normal(shape).clip(-3.5, 3.5))


def ints(*values):
    return torch.tensor(values, dtype=torch.int64)


def rotated(a, b, pos, theta):
    half = a.shape[-1]
    frequency = torch.tensor([theta ** (-i / half) for i in range(half)], dtype=torch.float64)
    phi = pos.double().unsqueeze(-1) * frequency
    z = torch.complex(a.double(), b.double()) * torch.complex(phi.cos(), phi.sin())
    return z.real, z.imag


def turned_half(x, pos, theta=10000.0):
    half = x.shape[-1] // 2
    return torch.cat(rotated(x[..., :half], x[..., half:], pos, theta), dim=-1)


def turned_neighbours(x, pos, theta=10000.0):
    return torch.stack(rotated(x[..., 0::2], x[..., 1::2], pos, theta), dim=-1).flatten(-2)


def rows_for_half(n_heads, d):
    return [a * d + m for a in range(n_heads) for m in [2 * i for i in range(d // 2)] + [2 * i + 1 for i in range(d // 2)]]


def halved(W, n_heads):
    return W[rows_for_half(n_heads, len(W) // n_heads)]


def interleaved(W, n_heads):
    back = torch.empty_like(W)
    back[rows_for_half(n_heads, len(W) // n_heads)] = W
    return back


def layer(rng, n_heads, n_kv_heads, d, width, biases):
    """The tensors of an attention layer; every one of another size than its neighbours where it can be."""
    sizes = {"q": n_heads * d, "k": n_kv_heads * d, "v": n_kv_heads * d}
    weights = {f"w{name}": randn(rng, rows, width) for name, rows in sizes.items()}
    weights["wo"] = randn(rng, width + (-width) % n_heads, n_heads * d)
    if biases:
        weights |= {f"b{name}": randn(rng, rows) for name, rows in sizes.items()}
    return weights


def attention_scores(weights, x, pos, n_heads, n_kv_heads, turn):
    """Scores (n_heads, n, n) of a layer; each key head serves n_heads / n_kv_heads query heads."""
    q = x @ weights["wq"].T + weights.get("bq", 0.0)
    k = x @ weights["wk"].T + weights.get("bk", 0.0)
    q, k = (t.unflatten(-1, (h, -1)).transpose(0, 1) for t, h in ((q, n_heads), (k, n_kv_heads)))
    k = k.repeat_interleave(n_heads // n_kv_heads, dim=0)
    return turn(q, pos) @ turn(k, pos).mT


def test_by_hand(solution):
    """The examples worked out by hand in the statement come out"""
    turned = solution.rope_half(torch.tensor([[1.0, 1, 0, 0]]), ints(1), 100.0)
    two_heads = solution.to_half(torch.tensor([10.0, 11, 12, 13, 20, 21, 22, 23]), 2)
    there, back = (f(torch.arange(6.0), 1) for f in (solution.to_half, solution.to_interleaved))
    expected = torch.tensor([[math.cos(1), math.cos(0.1), math.sin(1), math.sin(0.1)]])
    assert_close(turned, expected, **NEAR, what="rope_half([[1, 1, 0, 0]], pos=[1], theta=100.0)")
    expected = torch.tensor([10.0, 12, 11, 13, 20, 22, 21, 23])
    assert_equal(two_heads, expected, what="to_half([10, 11, ..., 22, 23], n_heads=2)")
    assert_equal(there, torch.tensor([0.0, 2, 4, 1, 3, 5]), what="to_half([0, 1, 2, 3, 4, 5], n_heads=1)")
    assert_equal(back, torch.tensor([0.0, 3, 1, 4, 2, 5]), what="to_interleaved([0, 1, 2, 3, 4, 5], n_heads=1)")


def test_rows(solution, rng):
    """Rows are moved within each head, whole, and columns stay"""
    # Entry (r, c) is 100 r + c; as many columns as a head that is turned round would need.
    W = 100.0 * torch.arange(18)[:, None] + torch.arange(12.0)
    there, back = solution.to_half(W, 3), solution.to_interleaved(W, 3)
    why = "Row r holds 100 r, 100 r + 1, ...; there are three heads of six rows."
    assert_equal(there, halved(W, 3), what="to_half(W, 3)", why=why)
    assert_equal(back, interleaved(W, 3), what="to_interleaved(W, 3)", why=why)
    for n_heads, d in ((2, 10), (5, 8)):
        W = randn(rng, n_heads * d, 7).float()
        why = f"{n_heads} heads, {d} rows each."
        assert_equal(solution.to_half(W, n_heads), halved(W, n_heads), what="to_half of random weights", why=why)
        actual = solution.to_interleaved(W, n_heads)
        assert_equal(actual, interleaved(W, n_heads), what="to_interleaved of random weights", why=why)


def test_round_trip(solution, rng):
    """There and back gives every row its place again, and one way alone does not"""
    W = randn(rng, 24, 5)
    there = solution.to_half(W, 3)
    assert_equal(there, halved(W, 3), what="to_half(W, 3)")
    assert_equal(solution.to_interleaved(there, 3), W, what="W moved there and back")
    assert_equal(solution.to_half(solution.to_interleaved(W, 4), 4), W, what="W moved back and there")


def test_rotation(solution, reference, rng):
    """rope_half turns column i with column i + d/2, by the angle of pair i"""
    x, pos = randn(rng, 2, 3, 5, 8).float(), ints(3, 11, 0, 7, -4)
    actual = solution.rope_half(x, pos)
    why = f"The positions are {pos.tolist()}; pairs are columns i and i + 4."
    assert_close(actual, turned_half(x, pos).float(), **NEAR, what="rope_half", why=why)
    assert_close(actual, reference.rope_half(x, pos), **NEAR, what="rope_half beside the reference's")
    x, pos = randn(rng, 7, 6), torch.from_numpy(rng.integers(-12, 13, 7))
    actual = solution.rope_half(x, pos, theta=50.0)
    assert_close(actual, turned_half(x, pos, 50.0), **NEAR64, what="rope_half in float64, theta = 50", why=f"At {pos.tolist()}.")
    x, pos = randn(rng, 2, 3, 4, 6), torch.stack((ints(5, 1, 8, 2), ints(12, 7, 3, 9)))[:, None]
    assert_close(solution.rope_half(x, pos), turned_half(x, pos), **NEAR64, what="rope_half", why="pos has the shape (2, 1, 4).")


def test_scores_are_the_same(solution, rng):
    """Halves with moved weights give the scores that neighbours gave with the old ones"""
    x, pos, h, d = randn(rng, 4, 7), ints(9, 2, 5, 14), 3, 6
    W_q, W_k = randn(rng, h * d, 7) / 2, randn(rng, h * d, 7) / 2

    def heads(W):
        return (x @ W.T).unflatten(-1, (h, d)).transpose(0, 1)

    moved = [solution.rope_half(heads(solution.to_half(W, h)), pos) for W in (W_q, W_k)]
    q, k = (turned_neighbours(heads(W), pos) for W in (W_q, W_k))
    for actual, W, name in ((moved[0], W_q, "queries"), (moved[1], W_k, "keys")):
        assert_close(actual, turned_half(heads(halved(W, h)), pos), rtol=0.0, atol=1e-8, what=f"the turned {name}")
    why = "The same layer in both layouts; a score is a sum over pairs."
    assert_close(moved[0] @ moved[1].mT, q @ k.mT, rtol=0.0, atol=1e-7, what="the scores", why=why)


def test_convert(solution, rng):
    """A layer with fewer key heads than query heads is converted: queries and keys, not values and output"""
    weights = layer(rng, 4, 2, 8, 12, biases=True)
    actual = solution.convert(weights, 4, 2)
    expected = dict(weights)
    for name, h in (("wq", 4), ("bq", 4), ("wk", 2), ("bk", 2)):
        expected[name] = halved(weights[name], h)
    assert sorted(actual) == sorted(weights), f"`convert` gives {sorted(actual)} for a layer with {sorted(weights)}."
    for name in sorted(weights):
        why = "Four query heads and two key heads, each of eight rows."
        assert_equal(actual[name], expected[name], what=f"{name} of the converted layer", why=why)


def test_converted_layer(solution, rng):
    """The scores of a converted layer, in code with halves, are the old ones"""
    for (h, h_kv, d), biases in (((6, 3, 6), False), ((4, 1, 10), True), ((2, 2, 8), True)):
        weights, x, pos = layer(rng, h, h_kv, d, 5, biases), randn(rng, 3, 5), ints(4, 17, 9)
        new = solution.convert(weights, h, h_kv)
        assert sorted(new) == sorted(weights), f"`convert` gives {sorted(new)} for a layer with {sorted(weights)}."
        before = attention_scores(weights, x, pos, h, h_kv, turned_neighbours)
        after = attention_scores(new, x, pos, h, h_kv, turned_half)
        why = f"{h} query heads, {h_kv} key heads, width {d}, {'with' if biases else 'without'} biases."
        assert_close(after, before, rtol=1e-9, atol=1e-7, what="the scores after `convert`", why=why)
        assert_equal(new["wv"], weights["wv"], what="wv", why="Values are not rotated.")


def test_other_tensors(solution, rng):
    """What a layer holds besides goes along, under any name"""
    weights = layer(rng, 2, 1, 6, 4, biases=False) | {"q_norm": randn(rng, 6), "wq_scale": randn(rng, 12)}
    actual = solution.convert(weights, 2, 1)
    assert sorted(actual) == sorted(weights), f"`convert` gives {sorted(actual)} for a layer with {sorted(weights)}."
    for name in ("wo", "wv", "q_norm", "wq_scale"):
        assert_equal(actual[name], weights[name], what=name, why="Only wq, wk, bq and bk are moved.")
    assert_equal(actual["wk"], halved(weights["wk"], 1), what="wk")


def test_rows_that_do_not_fit(solution, rng):
    """Rows that are not n_heads times an even number raise ValueError"""
    for rows, n_heads in ((15, 3), (14, 4), (9, 1), (10, 3)):
        for name in ("to_half", "to_interleaved"):
            with pytest.raises(ValueError):
                getattr(solution, name)(randn(rng, rows, 5), n_heads)


def test_far_positions(solution, rng):
    """At position 100,000 the rotation is still exact"""
    # Near positions first: what is wrong there already is not a matter of float64.
    x, near, far = randn(rng, 3, 4), ints(5, 2, 8), ints(99_991, 100_000, 65_537)
    why = f"The positions are {far.tolist()}. Angles kept in float32 are off by up to 0.004; a larger error is something else."
    first = solution.rope_half(x.float(), near)
    actual = solution.rope_half(x.float(), far), solution.rope_half(x, far)
    assert_close(first, turned_half(x.float(), near).float(), **NEAR, what="the result at near positions")
    assert_close(actual[0], turned_half(x.float(), far).float(), rtol=0.0, atol=4e-5, what="the result in float32", why=why)
    assert_close(actual[1], turned_half(x, far), rtol=0.0, atol=4e-8, what="the result in float64", why=why)


def test_gradients(solution, rng):
    """Gradients reach x and W, and have the right values"""
    x, G, pos = randn(rng, 5, 8), randn(rng, 5, 8), ints(3, 8, 1, 6, 10)
    _, actual = vjp(solution.rope_half, x, pos, cotangent=G, wrt=(0,))
    # The gradient of a rotation is the rotation back, that of a permutation the permutation back.
    assert_gradients(actual, [turned_half(G, -pos)], ("x",), **NEAR64)
    W, G = randn(rng, 12, 5), randn(rng, 12, 5)
    _, actual = vjp(solution.to_half, W, 2, cotangent=G, wrt=(0,))
    assert_gradients(actual, [interleaved(G, 2)], ("W",), why="Through to_half.")
    _, actual = vjp(solution.to_interleaved, W, 2, cotangent=G, wrt=(0,))
    assert_gradients(actual, [halved(G, 2)], ("W",), why="Through to_interleaved.")


def test_inputs_and_dtypes(solution, rng):
    """Dtypes stay, arguments are neither changed nor asked to be contiguous"""
    x, pos = randn(rng, 2, 6, 5).float().mT, ints(4, 0, 2, 0, 6, 0, 1, 0, 3, 0)[::2]
    actual = assert_unchanged(solution.rope_half, x, pos)
    assert_close(actual, turned_half(x, pos).float(), **NEAR, what="rope_half of a transposed view")
    for dtype in (torch.float64, torch.float16):
        W = randn(rng, 5, 12).to(dtype).mT
        assert_equal(assert_unchanged(solution.to_half, W, 2), halved(W, 2), what=f"to_half in {dtype}")
        actual = assert_unchanged(solution.to_interleaved, W, 2)
        assert_equal(actual, interleaved(W, 2), what=f"to_interleaved in {dtype}")
    weights = layer(rng, 2, 1, 6, 4, biases=True)
    actual = assert_unchanged(solution.convert, weights, 2, 1)
    assert_equal(actual["bq"], halved(weights["bq"], 2), what="bq of the converted layer")


def test_small_sizes(solution, rng):
    """A head of one pair stays as it is; no row gives no row"""
    W, x = randn(rng, 6, 5), randn(rng, 3, 2)
    assert_equal(solution.to_half(W, 3), W, what="to_half of heads with two rows")
    assert_equal(solution.to_interleaved(W, 3), W, what="to_interleaved of heads with two rows")
    assert_equal(solution.to_half(randn(rng, 8, 1), 2).shape[1], 1, what="the columns of a W with one column")
    actual = solution.rope_half(x, ints(5, 1, 2))
    assert_close(actual, turned_half(x, ints(5, 1, 2)), **NEAR64, what="rope_half at d = 2")
    assert_close(solution.rope_half(torch.zeros(0, 4), ints()), torch.zeros(0, 4), what="rope_half for n = 0")
