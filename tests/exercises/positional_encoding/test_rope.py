"""Hidden suite of positional_encoding/rope.

Expected values are worked out here with complex numbers in float64: pair i of a vector is a + bj, times e^(jφ). Checks at
near positions use float32 inputs and allow 5e-5, which rotations with float32 angles still meet there (an angle of 20 is
off by some 2e-6, the pairs are at most 5 long). Scores are sums of 8 such products, so they allow 2e-4. Far positions have a
check of their own; float64 inputs may be off by 1e-9 at near positions (right ones are by some 1e-14) and by 4e-8 there: an
angle of 100,000 has an error of 1e-11 or so for each rounding. They have d = 4, because every usual way of working out
10000^(-2/4), and its product with these positions, in float32 rounds alike: so the verdict recognises float32 angles. No
check is statistical.
"""

import torch

from grader.testing import assert_close, assert_equal, assert_gradients, assert_unchanged, vjp

NEAR = {"rtol": 0.0, "atol": 5e-5}
SUMS = {"rtol": 0.0, "atol": 2e-4}


def randn(rng, *shape):
    """Float32 in [-3.5, 3.5]: normal, the tails cut so that the stated tolerances hold for every seed."""
    return torch.from_numpy(rng.standard_normal(shape).clip(-3.5, 3.5)).float()


def ints(*values):
    return torch.tensor(values, dtype=torch.int64)


def turned(x, pos, theta=10000.0):
    """Every pair of neighbours as a complex number, turned; in float64."""
    d = x.shape[-1]
    frequency = torch.tensor([theta ** (-2 * i / d) for i in range(d // 2)], dtype=torch.float64)
    phi = pos.double().unsqueeze(-1) * frequency
    z = torch.complex(x[..., 0::2].double(), x[..., 1::2].double()) * torch.complex(phi.cos(), phi.sin())
    return torch.stack((z.real, z.imag), dim=-1).flatten(-2)


def products(q, k, pos_q, pos_k, theta=10000.0):
    return turned(q, pos_q, theta) @ turned(k, pos_k, theta).mT


def test_by_hand(solution):
    """The examples worked out by hand in the statement come out"""
    first, second = torch.tensor([[1.0, 0, 1, 0]]), torch.tensor([[0.0, 1, 0, 2]])
    s, c = torch.tensor([1.0, 0.1]).sin(), torch.tensor([1.0, 0.1]).cos()
    forward = solution.rope(first, ints(1), 100.0)
    back = solution.rope(second, ints(-1), 100.0)
    score = solution.scores(first, first, ints(7), ints(5), 100.0)
    expected = torch.stack((c, s), -1).reshape(1, 4)
    assert_close(forward, expected, **NEAR, what="rope([[1, 0, 1, 0]], pos=[1], theta=100.0)")
    expected = (torch.tensor([1.0, 2.0])[:, None] * torch.stack((s, c), -1)).reshape(1, 4)
    assert_close(back, expected, **NEAR, what="rope([[0, 1, 0, 2]], pos=[-1], theta=100.0)")
    expected = torch.tensor([[2.0, 0.2]]).cos().sum(-1, keepdim=True)
    assert_close(score, expected, **SUMS, what="the score at the positions 7 and 5")


def test_values(solution, reference, rng):
    """Random vectors at given positions, in no order, are turned as the formula says"""
    x, pos = randn(rng, 2, 3, 5, 8), ints(3, 11, 1, 7, 4)
    actual = solution.rope(x, pos)
    why = f"The positions are {pos.tolist()}; pairs are the neighbours 2i and 2i + 1."
    assert_close(actual, turned(x, pos).float(), **NEAR, why=why)
    assert_close(actual, reference.rope(x, pos), **NEAR, what="the result beside the reference's")
    x, pos = randn(rng, 7, 6), torch.from_numpy(rng.integers(-12, 13, 7))
    why = f"The positions are {pos.tolist()}."
    assert_close(solution.rope(x, pos, 50.0), turned(x, pos, 50.0).float(), **NEAR, what="the result at d = 6", why=why)


def test_position_zero(solution, rng):
    """Position 0 turns nothing, and the other rows do turn"""
    x, pos = randn(rng, 4, 10), ints(0, 6, 0, 2)
    actual = solution.rope(x, pos)
    assert_close(actual[0::2], x[0::2], rtol=0.0, atol=1e-6, what="the rows at position 0")
    assert_close(actual, turned(x, pos).float(), **NEAR, why=f"The positions are {pos.tolist()}.")


def test_lengths(solution, rng):
    """Turning keeps the length of every pair"""
    x, pos = randn(rng, 2, 6, 8), ints(5, 2, 9, 13, 1, 8)
    actual = solution.rope(x, pos)
    assert_equal(tuple(actual.shape), (2, 6, 8), what="the shape of the result")
    before, after = (t.unflatten(-1, (4, 2)).square().sum(-1).sqrt() for t in (x, actual))
    why = "A rotation of the pair (2i, 2i + 1) changes its direction only."
    assert_close(after, before, **NEAR, what="the lengths of the pairs", why=why)
    assert_close(actual, turned(x, pos).float(), **NEAR)


def test_each_pair_has_its_speed(solution):
    """Each pair turns at a speed of its own, theta^(-2i/d)"""
    # Row i holds the point (1, 0) in pair i and nothing elsewhere.
    x = torch.zeros(6, 12)
    x[torch.arange(6), 2 * torch.arange(6)] = 1.0
    actual = solution.rope(x, ints(3, 3, 3, 3, 3, 3), 200.0)
    why = "Row i has the point (1, 0) in pair i; it must have turned by 3 · 200^(-2i/12), and the rest stay 0."
    assert_close(actual, turned(x, ints(3, 3, 3, 3, 3, 3), 200.0).float(), **NEAR, why=why)


def test_theta(solution, rng):
    """theta is honoured, in rope and in scores"""
    x, q, k, pos = randn(rng, 4, 8), randn(rng, 3, 8), randn(rng, 4, 8), ints(9, 2, 14, 5)
    for theta in (100.0, 500000.0):
        actual = solution.rope(x, pos, theta=theta)
        assert_close(actual, turned(x, pos, theta).float(), **NEAR, what=f"rope with theta = {theta:g}")
        actual = solution.scores(q, k, pos[:3], pos, theta=theta)
        expected = products(q, k, pos[:3], pos, theta).float()
        assert_close(actual, expected, **SUMS, what=f"scores with theta = {theta:g}")
    actual = solution.rope(x, pos)
    assert_close(actual, turned(x, pos).float(), **NEAR, what="rope without theta", why="It is 10000 if none is given.")


def test_scores(solution, rng):
    """Scores are dot products of turned queries with turned keys, each at its own position"""
    for n, m in ((4, 4), (3, 5)):
        q, k = randn(rng, 2, n, 8), randn(rng, 2, m, 8)
        pos_q, pos_k = ints(7, 3, 12, 5)[:n], ints(1, 10, 4, 6, 2)[:m]
        why = f"The positions are {pos_q.tolist()} and {pos_k.tolist()}."
        assert_close(solution.scores(q, k, pos_q, pos_k), products(q, k, pos_q, pos_k).float(), **SUMS, why=why)


def test_only_the_distance_counts(solution, rng):
    """Scores stay when query and key move together, and change when they move apart"""
    q, k, pos_q, pos_k = randn(rng, 3, 8), randn(rng, 3, 8), ints(4, 9, 2), ints(3, 1, 6)
    expected = products(q, k, pos_q, pos_k).float()
    for shift in (1, int(rng.integers(2, 12))):
        actual = solution.scores(q, k, pos_q + shift, pos_k + shift)
        assert_close(actual, expected, **SUMS, what="the scores", why=f"All positions moved by {shift}: no distance changed.")
    actual = solution.scores(q, k, pos_q + 1, pos_k)
    expected = products(q, k, pos_q + 1, pos_k).float()
    assert_close(actual, expected, **SUMS, what="the scores", why="The queries alone moved by 1.")


def test_there_and_back(solution, rng):
    """Negative positions turn backwards, repeated ones turn alike"""
    x, pos = randn(rng, 5, 8), ints(6, 11, 6, 3, 11)
    there = solution.rope(x, pos)
    assert_close(there, turned(x, pos).float(), **NEAR, why=f"The positions are {pos.tolist()}.")
    back = solution.rope(there, -pos)
    assert_close(back, x, rtol=0.0, atol=1e-4, what="x turned by pos, then by -pos")


def test_positions_of_a_batch(solution, rng):
    """Each sequence of a batch may have positions of its own, shared by its heads"""
    x, pos = randn(rng, 2, 3, 4, 6), torch.stack((ints(5, 1, 8, 2), ints(12, 7, 3, 9)))[:, None]
    assert_close(solution.rope(x, pos), turned(x, pos).float(), **NEAR, why="pos has the shape (2, 1, 4).")
    q, k, pos_k = randn(rng, 2, 3, 4, 6), randn(rng, 2, 3, 5, 6), ints(2, 6, 1, 9, 4)
    actual = solution.scores(q, k, pos, pos_k)
    why = "pos_q has the shape (2, 1, 4), pos_k the shape (5,)."
    assert_close(actual, products(q, k, pos, pos_k).float(), **SUMS, what="the scores", why=why)
    # As many sequences as heads: axes that are taken for others give wrong numbers, not an error.
    x, pos = randn(rng, 3, 3, 4, 6), torch.stack((ints(5, 1, 8, 2), ints(12, 7, 3, 9), ints(4, 11, 6, 10)))
    why = "x has the shape (3, 3, 4, 6), pos the shape (3, 4): broadcasting lines it up with heads and rows."
    assert_close(solution.rope(x, pos), turned(x, pos).float(), **NEAR, why=why)


def test_far_positions(solution, rng):
    """At position 100,000 the rotation is still exact, in float32 and float64"""
    # Near positions first: what is wrong there already is not a matter of float64.
    x, near = randn(rng, 4, 4), ints(5, 2, 8, 1)
    assert_close(solution.rope(x, near), turned(x, near).float(), **NEAR, what="the result at near positions")
    pos = ints(99_991, 100_000, 65_537, 31_415)
    why = f"The positions are {pos.tolist()}. Angles kept in float32 are off by up to 0.004; a larger error is something else."
    actual = solution.rope(x.double(), pos)
    assert_close(actual, turned(x, pos), rtol=0.0, atol=4e-8, what="the result in float64", why=why)
    actual = solution.rope(x, pos)
    assert_close(actual, turned(x, pos).float(), rtol=0.0, atol=4e-5, what="the result in float32", why=why)
    # 500^(-1/3) is no short number: a float32 frequency times a float64 position shows here.
    x = randn(rng, 4, 6).double()
    actual = solution.rope(x, pos, 500.0)
    assert_close(actual, turned(x, pos, 500.0), rtol=0.0, atol=4e-8, what="the result with theta = 500", why=why)
    q, k = randn(rng, 2, 8).double(), randn(rng, 2, 8).double()
    actual = solution.scores(q, k, pos[:2], pos[2:])
    assert_close(actual, products(q, k, pos[:2], pos[2:]), rtol=0.0, atol=1e-6, what="the scores in float64", why=why)


def test_gradients(solution, rng):
    """The gradients of x, and of queries and keys through the scores, have the right values"""
    x, G, pos = randn(rng, 2, 5, 8), randn(rng, 2, 5, 8), ints(3, 8, 1, 6, 10)
    _, actual = vjp(solution.rope, x, pos, cotangent=G, wrt=(0,))
    # The gradient of a rotation is the rotation back.
    assert_gradients(actual, [turned(G, -pos).float()], ("x",), **NEAR)
    q, k, pos_q, G = randn(rng, 4, 6), randn(rng, 5, 6), ints(2, 9, 4, 7), randn(rng, 4, 5)
    _, actual = vjp(solution.scores, q, k, pos_q, pos, cotangent=G, wrt=(0, 1))
    dq = turned(G.double() @ turned(k, pos), -pos_q)
    dk = turned(G.double().mT @ turned(q, pos_q), -pos)
    assert_gradients(actual, [dq.float(), dk.float()], ("q", "k"), rtol=0.0, atol=1e-3, why="Through scores.")


def test_inputs_and_dtype(solution, rng):
    """The result has the dtype of x; the arguments are neither changed nor asked to be contiguous"""
    x, pos = randn(rng, 2, 4, 5).mT, ints(4, 13, 2, 11, 6)
    actual = assert_unchanged(solution.rope, x, pos)
    assert_close(actual, turned(x, pos).float(), **NEAR, what="the result for a transposed view")
    actual = assert_unchanged(solution.rope, x.double(), pos)
    why = "For a float64 x, cosines and sines are float64 too."
    assert_close(actual, turned(x, pos), rtol=0.0, atol=1e-9, what="the result in float64", why=why)
    q, k = randn(rng, 8, 3).mT, randn(rng, 8, 5).mT
    actual = assert_unchanged(solution.scores, q, k, pos[:3], pos)
    assert_close(actual, products(q, k, pos[:3], pos).float(), **SUMS, what="the scores of transposed views")


def test_small_sizes(solution, rng):
    """One row at a far step, a single pair, no row"""
    x = randn(rng, 2, 1, 6)
    assert_close(solution.rope(x, ints(17)), turned(x, ints(17)).float(), **NEAR, what="one row at position 17")
    x = randn(rng, 3, 2)
    actual, expected = solution.rope(x, ints(5, 1, 2)), turned(x, ints(5, 1, 2)).float()
    assert_close(actual, expected, **NEAR, what="the result at d = 2")
    empty = ints()
    assert_close(solution.rope(torch.zeros(0, 4), empty), torch.zeros(0, 4), what="the result for n = 0")
    actual = solution.scores(randn(rng, 0, 4), randn(rng, 3, 4), empty, ints(1, 2, 3))
    assert_close(actual, torch.zeros(0, 3), what="the scores for n_q = 0")
