"""Hidden suite of positional_encoding/relative_shift.

Scores are worked out here pair by pair: for each query and key the vector of their distance is looked up and a dot product
taken, O(n² d), no shift. Moved values are compared exactly, scores in float64 to 1e-9 and in float32 to 2e-4 (sums of 6
products of numbers up to 7). Nothing is statistical.
"""

import math

import torch

from grader.testing import assert_close, assert_equal, assert_gradients, assert_unchanged, vjp

TIGHT = {"rtol": 1e-9, "atol": 1e-9}
FLOAT32 = {"rtol": 0.0, "atol": 2e-4}


def randn(rng, *shape):
    """Float64 in [-3.5, 3.5]."""
    return torch.from_numpy(rng.standard_normal(shape).clip(-3.5, 3.5))


def ints(*values):
    return torch.tensor(values, dtype=torch.int64)


def shifted(x):
    n, L = x.shape[-2:]
    out = torch.zeros_like(x)
    for i in range(n):
        for j in range(L - n + i + 1):
            out[..., i, j] = x[..., i, n - 1 - i + j]
    return out


def shaw(q, k, table, pos_q, pos_k):
    c = (len(table) - 1) // 2
    columns = []
    for i, p in enumerate(pos_q.tolist()):
        row = [((k[..., j, :] + table[c + max(-c, min(c, s - p))]) * q[..., i, :]).sum(-1) for j, s in enumerate(pos_k.tolist())]
        columns.append(torch.stack(row, dim=-1))
    return torch.stack(columns, dim=-2) / math.sqrt(q.shape[-1])


def xl(q, k, R, u, v):
    n, L = q.shape[-2], k.shape[-2]
    rows = []
    for i in range(n):
        at = L - n + i
        row = []
        for j in range(L):
            score = ((q[..., i, :] + u) * k[..., j, :]).sum(-1)
            if j <= at:
                row.append((score + ((q[..., i, :] + v) * R[L - 1 - (at - j)]).sum(-1)) / math.sqrt(q.shape[-1]))
            else:
                row.append(torch.full_like(score, -math.inf))
        rows.append(torch.stack(row, dim=-1))
    return torch.stack(rows, dim=-2)


def firsts(*values):
    """Vectors of width 4 with these first numbers, zeros behind."""
    return torch.tensor([[value, 0.0, 0.0, 0.0] for value in values])


def test_by_hand(solution):
    """The examples worked out by hand in the statement come out"""
    whole, memory = torch.arange(1.0, 10).reshape(3, 3), torch.arange(1.0, 7).reshape(2, 3)
    first, second = solution.rel_shift(whole), solution.rel_shift(memory)
    third = solution.shaw_scores(firsts(2), firsts(3, 3, 3), firsts(1, 0, 5), ints(4), ints(1, 4, 9))
    fourth = solution.xl_scores(firsts(2), firsts(1, 3), firsts(5, 7), firsts(1)[0], firsts(-1)[0])
    expected = torch.tensor([[3.0, 0, 0], [5, 6, 0], [7, 8, 9]])
    assert_equal(first, expected, what="rel_shift([[1, 2, 3], [4, 5, 6], [7, 8, 9]])")
    expected = torch.tensor([[2.0, 3, 0], [4, 5, 6]])
    assert_equal(second, expected, what="rel_shift([[1, 2, 3], [4, 5, 6]])", why="Two queries after a memory of one token.")
    assert_close(third, torch.tensor([[4.0, 3, 8]]), **FLOAT32, what="the scores of Shaw")
    assert_close(fourth, torch.tensor([[4.0, 8]]), **FLOAT32, what="the scores of Transformer-XL")


def test_shift_with_memory(solution, reference, rng):
    """After a memory, each row moves to the left by its own number of places"""
    for n, L in ((3, 5), (4, 9), (2, 4), (5, 6)):
        x = randn(rng, 2, n, L)
        actual = solution.rel_shift(x)
        why = f"{n} queries after a memory of {L - n}."
        assert_equal(actual, shifted(x), what="rel_shift of random numbers", why=why)
        assert_equal(actual, reference.rel_shift(x), what="rel_shift beside the reference's")


def test_shift_without_memory(solution, rng):
    """Without a memory, what is ahead is zero in every row but the last"""
    x = randn(rng, 6, 6)
    actual = solution.rel_shift(x)
    assert_equal(actual, shifted(x), what="rel_shift of random numbers", why="As many queries as tokens.")
    assert (actual.triu(1) == 0).all(), "Something stands above the diagonal: keys ahead of their query."


def test_shift_of_distances(solution):
    """Columns of distances become the distances of the keys"""
    n, L = 4, 7
    x = torch.arange(L - 1, -1, -1.0).expand(3, n, L)
    actual = solution.rel_shift(x)
    back = (torch.arange(L - n, L)[:, None] - torch.arange(L)).clamp(min=0).float()
    why = "x holds the distance of each column, 6 to 0; query i is token 3 + i of 7."
    assert_equal(actual, back.expand(3, n, L), what="rel_shift of the distances", why=why)


def test_shaw(solution, reference, rng):
    """Shaw's scores: the vector of the clipped distance is added to each key"""
    q, k, table = randn(rng, 2, 3, 4, 6), randn(rng, 2, 3, 5, 6), randn(rng, 7, 6)
    pos_q, pos_k = ints(9, 4, 6, 20), ints(7, 3, 10, 4, 6)
    actual = solution.shaw_scores(q, k, table, pos_q, pos_k)
    why = f"Distances from -3 to 3 have a row; at {pos_q.tolist()} and {pos_k.tolist()}."
    assert_close(actual, shaw(q, k, table, pos_q, pos_k), **TIGHT, what="the scores of Shaw", why=why)
    assert_close(actual, reference.shaw_scores(q, k, table, pos_q, pos_k), **TIGHT, what="the scores beside the reference's")
    q, k, table = randn(rng, 5, 6), randn(rng, 3, 6), randn(rng, 3, 6)
    pos_q, pos_k = ints(2, 0, 1, 8, 3), ints(1, 4, 2)
    actual = solution.shaw_scores(q, k, table, pos_q, pos_k)
    why = "More queries than keys, no leading axis, a row each for -1, 0 and 1."
    assert_close(actual, shaw(q, k, table, pos_q, pos_k), **TIGHT, what="the scores of Shaw", why=why)


def test_far_is_clipped(solution, rng):
    """Beyond the table all distances are alike, on each side"""
    q, table = randn(rng, 2, 5), randn(rng, 9, 5)
    k = randn(rng, 1, 5).expand(6, 5)
    pos_q, pos_k = ints(50, 51), ints(45, 40, -1000, 57, 80, 100_000)
    actual = solution.shaw_scores(q, k, table, pos_q, pos_k)
    why = "The keys are all alike, and stand beyond the table of -4 to 4."
    assert_close(actual, shaw(q, k, table, pos_q, pos_k), **TIGHT, what="the scores of Shaw", why=why)


def test_shaw_moved(solution, rng):
    """Shaw's scores stay when all positions move, and change when the queries move alone"""
    q, k, table = randn(rng, 3, 6), randn(rng, 4, 6), randn(rng, 11, 6)
    pos_q, pos_k = ints(3, 7, 5), ints(4, 2, 8, 5)
    shift = int(rng.integers(1, 100))
    actual = solution.shaw_scores(q, k, table, pos_q + shift, pos_k + shift)
    why = f"All positions moved by {shift}."
    assert_close(actual, shaw(q, k, table, pos_q, pos_k), **TIGHT, what="the scores of Shaw", why=why)
    actual = solution.shaw_scores(q, k, table, pos_q + 1, pos_k)
    expected = shaw(q, k, table, pos_q + 1, pos_k)
    assert_close(actual, expected, **TIGHT, what="the scores of Shaw", why="The queries alone moved by 1.")


def test_xl(solution, reference, rng):
    """Transformer-XL's scores equal those worked out pair by pair, with and without a memory"""
    for lead, n, L in (((2, 3), 3, 5), ((), 4, 4), ((2,), 2, 7)):
        q, k, R = randn(rng, *lead, n, 6), randn(rng, *lead, L, 6), randn(rng, L, 6)
        u, v = randn(rng, 6), randn(rng, 6)
        actual = solution.xl_scores(q, k, R, u, v)
        why = f"{n} queries, {L} keys: a memory of {L - n}."
        assert_close(actual, xl(q, k, R, u, v), **TIGHT, what="the scores of Transformer-XL", why=why)
        assert_close(actual, reference.xl_scores(q, k, R, u, v), **TIGHT, what="the scores beside the reference's")


def test_window_after_window(solution, rng):
    """The last tokens get the same scores with the others as a memory as in one window, one token alone too"""
    q, k, R, u, v = randn(rng, 6, 4), randn(rng, 6, 4), randn(rng, 6, 4), randn(rng, 4), randn(rng, 4)
    whole = xl(q, k, R, u, v)
    for n in (6, 2, 1):
        actual = solution.xl_scores(q[-n:], k, R, u, v)
        assert_close(actual, whole[-n:], **TIGHT, what="the scores", why=f"The last {n} of 6 tokens are the queries.")


def test_gradients(solution, rng):
    """Gradients reach every float argument by value"""
    q, k, table, G = randn(rng, 2, 3, 5), randn(rng, 2, 4, 5), randn(rng, 5, 5), randn(rng, 2, 3, 4)
    pos_q, pos_k = ints(9, 4, 6), ints(7, 3, 10, 6)
    _, actual = vjp(solution.shaw_scores, q, k, table, pos_q, pos_k, cotangent=G, wrt=(0, 1, 2))
    leaves = [t.clone().requires_grad_() for t in (q, k, table)]
    expected = torch.autograd.grad(shaw(*leaves, pos_q, pos_k), leaves, G)
    assert_gradients(actual, list(expected), ("q", "k", "table"), **TIGHT, why="Through shaw_scores.")
    x, G = randn(rng, 2, 3, 5), randn(rng, 2, 3, 5)
    _, actual = vjp(solution.rel_shift, x, cotangent=G, wrt=(0,))
    leaf = x.clone().requires_grad_()
    assert_gradients(actual, list(torch.autograd.grad(shifted(leaf), leaf, G)), ("x",), **TIGHT, why="Through rel_shift.")
    args = (randn(rng, 2, 3, 4), randn(rng, 2, 5, 4), randn(rng, 5, 4), randn(rng, 4), randn(rng, 4))
    G = randn(rng, 2, 3, 5).tril(2)
    _, actual = vjp(solution.xl_scores, *args, cotangent=G, wrt=(0, 1, 2, 3, 4))
    leaves = [t.clone().requires_grad_() for t in args]
    finite = xl(*leaves).masked_fill(torch.ones(3, 5).triu(3).bool(), 0.0)
    expected = torch.autograd.grad(finite, leaves, G)
    assert_gradients(actual, list(expected), ("q", "k", "R", "u", "v"), **TIGHT, why="Through xl_scores.")


def test_inputs_and_dtype(solution, rng):
    """float32 stays float32; arguments are neither changed nor asked to be contiguous"""
    x = randn(rng, 2, 5, 3).float().mT
    assert_equal(assert_unchanged(solution.rel_shift, x), shifted(x), what="rel_shift of a transposed view")
    q, k, table = randn(rng, 2, 6, 3).float().mT, randn(rng, 2, 6, 5).float().mT, randn(rng, 6, 7).float().T
    pos_q, pos_k = ints(9, 0, 4, 0, 6, 0)[::2], ints(7, 3, 10, 4, 6)
    actual = assert_unchanged(solution.shaw_scores, q, k, table, pos_q, pos_k)
    assert_close(actual, shaw(q, k, table, pos_q, pos_k), **FLOAT32, what="the scores of Shaw in float32")
    R, u, v = randn(rng, 6, 5).float().T, randn(rng, 6).float(), randn(rng, 6).float()
    actual = assert_unchanged(solution.xl_scores, q, k, R, u, v)
    assert_close(actual, xl(q, k, R, u, v), **FLOAT32, what="the scores of Transformer-XL in float32")


def test_small_sizes(solution, rng):
    """One query, one key, a batch of none"""
    x = randn(rng, 1, 4)
    assert_equal(solution.rel_shift(x), x, what="rel_shift of a single row", why="The last row stays where it is.")
    x = randn(rng, 3, 1, 1)
    assert_equal(solution.rel_shift(x), x, what="rel_shift of one query and one key")
    assert_equal(tuple(solution.rel_shift(randn(rng, 0, 2, 3)).shape), (0, 2, 3), what="the shape for a batch of none")
    q, k, R, u = randn(rng, 1, 3), randn(rng, 1, 3), randn(rng, 1, 3), randn(rng, 3)
    assert_close(solution.xl_scores(q, k, R, u, -u), xl(q, k, R, u, -u), **TIGHT, what="the score of one query and one key")
    actual = solution.shaw_scores(q, k, R.expand(3, 3), ints(7), ints(2))
    assert_close(actual, shaw(q, k, R.expand(3, 3), ints(7), ints(2)), **TIGHT, what="the score of one query and one key")
