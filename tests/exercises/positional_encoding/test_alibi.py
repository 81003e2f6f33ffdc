"""Hidden suite of positional_encoding/alibi.

Slopes are worked out here by Python's powers, one head at a time, in the authors' own recursion; biases by loops over heads,
queries and keys. Both are float64 and compared to 1e-12 relative: a right solution is off by a few roundings of 1e-16. Scores in
float32 are sums of 5 products of numbers up to 3.5, so they allow 1e-4; in float64 1e-9. Nothing is statistical.
"""

import math

import torch

from grader.testing import assert_close, assert_equal, assert_gradients, assert_unchanged, vjp

EXACT = {"rtol": 1e-12, "atol": 0.0}
FLOAT32 = {"rtol": 0.0, "atol": 1e-4}


def randn(rng, *shape):
    """Float64 in [-3.5, 3.5]."""
    return torch.from_numpy(rng.standard_normal(shape).clip(-3.5, 3.5))


def ints(*values):
    return torch.tensor(values, dtype=torch.int64)


def slope_list(h):
    p = 1
    while 2 * p <= h:
        p *= 2
    first = [2.0 ** (-8 * a / p) for a in range(1, p + 1)]
    return first + [2.0 ** (-8 * a / (2 * p)) for a in range(1, 2 * (h - p), 2)]


def slope_tensor(h):
    return torch.tensor(slope_list(h), dtype=torch.float64)


def biases(h, pos_q, pos_k):
    rows = [
        [[-m * (i - j) if j <= i else -math.inf for j in pos_k.tolist()] for i in pos_q.tolist()] for m in slope_list(h)
    ]
    return torch.tensor(rows, dtype=torch.float64).reshape(h, len(pos_q), len(pos_k))


def scored(q, k, pos_q, pos_k):
    return (q.double() @ k.double().mT) / math.sqrt(q.shape[-1]) + biases(q.shape[-3], pos_q, pos_k)


def test_by_hand(solution):
    """The examples worked out by hand in the statement come out"""
    four, three = solution.slopes(4), solution.slopes(3)
    bias = solution.alibi(2, ints(5, 3), ints(3, 4, 5))
    score = solution.scores(torch.tensor([[[6.0, 0, 0, 0]]]), torch.tensor([[[1.0, 0, 0, 0]]]), ints(256), ints(0))
    assert_close(four, torch.tensor([1 / 4, 1 / 16, 1 / 64, 1 / 256], dtype=torch.float64), **EXACT, what="slopes(4)")
    assert_close(three, torch.tensor([1 / 16, 1 / 256, 1 / 4], dtype=torch.float64), **EXACT, what="slopes(3)")
    expected = torch.tensor([[-2 / 16, -1 / 16, 0], [0, -math.inf, -math.inf]], dtype=torch.float64)
    expected = torch.stack((expected, expected / 16))
    assert_close(bias, expected, **EXACT, what="alibi(2, [5, 3], [3, 4, 5])")
    assert_close(score, torch.tensor([[[2.0]]]), **FLOAT32, what="the score at a distance of 256")


def test_scores(solution, reference, rng):
    """Scores are scaled dot products plus the bias, head by head"""
    q, k = randn(rng, 2, 6, 3, 5).float(), randn(rng, 2, 6, 4, 5).float()
    pos_q, pos_k = ints(7, 2, 4), ints(3, 8, 1, 4)
    actual = solution.scores(q, k, pos_q, pos_k)
    bias = solution.alibi(6, pos_q, pos_k)
    m = solution.slopes(6)
    assert_close(m, slope_tensor(6), **EXACT, what="slopes(6)")
    assert_close(bias, biases(6, pos_q, pos_k), **EXACT, what="the bias of 6 heads")
    why = f"Six heads; the positions are {pos_q.tolist()} and {pos_k.tolist()}."
    assert_close(actual, scored(q, k, pos_q, pos_k).float(), **FLOAT32, what="the scores", why=why)
    assert_close(actual, reference.scores(q, k, pos_q, pos_k), **FLOAT32, what="the scores beside the reference's")
    q, k = randn(rng, 3, 2, 7), randn(rng, 3, 4, 7)
    actual = solution.scores(q, k, pos_q[:2], pos_k)
    expected = scored(q, k, pos_q[:2], pos_k)
    assert_close(actual, expected, rtol=1e-9, atol=1e-9, what="the scores in float64, without a batch")


def test_powers_of_two(solution):
    """For 1, 2, 8, 16 and 32 heads the slopes are one geometric sequence that ends at 2⁻⁸"""
    for h in (8, 2, 16, 32, 1):
        actual = solution.slopes(h)
        assert_close(actual, slope_tensor(h), **EXACT, what=f"slopes({h})", why=f"The ratio is 2^(-8/{h}).")


def test_other_numbers_of_heads(solution):
    """For 12 heads, and for other numbers between powers of two, the slopes of twice as many heads fill in"""
    for h in (12, 5, 6, 7, 9, 15, 20, 40):
        actual = solution.slopes(h)
        p = 2 ** int(math.log2(h))
        why = f"The {p} slopes of {p} heads, then the first {h - p} of every second one of {2 * p} heads."
        assert_close(actual, slope_tensor(h), **EXACT, what=f"slopes({h})", why=why)


def test_each_head_its_slope(solution):
    """Each head falls off at its own slope, in the order of `slopes`"""
    pos_q, pos_k = ints(9), ints(0, 4, 8, 9)
    for h in (8, 12):
        actual = solution.alibi(h, pos_q, pos_k)
        why = "The distances are 9, 5, 1 and 0."
        assert_close(actual, biases(h, pos_q, pos_k), **EXACT, what=f"alibi({h}, [9], [0, 4, 8, 9])", why=why)


def test_never_above_zero(solution, rng):
    """The bias is never above zero, it falls with the distance, and ahead of the query it is minus infinity"""
    pos_q, pos_k = torch.from_numpy(rng.permutation(9)[:5]), torch.from_numpy(rng.permutation(9)[:7])
    bias = solution.alibi(4, pos_q, pos_k)
    assert_equal(tuple(bias.shape), (4, 5, 7), what="the shape of the bias")
    assert not (bias > 0).any(), "Some bias is above zero: a key would gain by standing where it does."
    ahead = (pos_k > pos_q[:, None]).expand(4, 5, 7)
    assert (bias[ahead] == -math.inf).all(), "Some key ahead of its query (by position) is not at minus infinity."
    assert torch.isfinite(bias[~ahead]).all(), "Some key at or before its query (by position) is hidden or NaN."
    assert_close(bias, biases(4, pos_q, pos_k), **EXACT, why=f"The positions are {pos_q.tolist()} and {pos_k.tolist()}.")


def test_shift(solution, rng):
    """Shifting all positions by the same number changes nothing"""
    pos_q, pos_k = ints(6, 1, 4), ints(2, 5, 0, 6, 3)
    before = solution.alibi(6, pos_q, pos_k)
    for shift in (int(rng.integers(1, 50)), 100_000, -20):
        moved = solution.alibi(6, pos_q + shift, pos_k + shift)
        why = f"All positions moved by {shift}: no distance changed, and your bias did."
        assert_close(moved, before, **EXACT, what="the bias", why=why)
    moved = solution.alibi(6, pos_q + 3, pos_k)
    assert not torch.equal(moved, before), "The queries alone moved by 3, and your bias is the same."


def test_written_token_by_token(solution, rng):
    """One query at a far position, as in writing, gets the last row of the whole text"""
    q, k, pos = randn(rng, 5, 7, 6), randn(rng, 5, 7, 6), torch.arange(40, 47)
    whole = solution.scores(q, k, pos, pos)
    last = solution.scores(q[:, -1:], k, pos[-1:], pos)
    assert_close(whole, scored(q, k, pos, pos), rtol=1e-9, atol=1e-9, what="the scores of the whole text")
    assert_close(last, scored(q, k, pos, pos)[:, -1:], rtol=1e-9, atol=1e-9, what="the scores of the last token alone")


def test_far_apart(solution):
    """A million tokens apart, and for a row without any visible key, the bias is still right"""
    pos_q, pos_k = ints(1_000_000, 0, -5), ints(3, 999_999, 0)
    actual = solution.alibi(3, pos_q, pos_k)
    why = "The query at -5 stands before every key: its row is minus infinity throughout."
    assert_close(actual, biases(3, pos_q, pos_k), **EXACT, what="the bias", why=why)


def test_only_what_is_seen_gets_weight(solution):
    """After a softmax hidden keys have weight 0, and alike keys weigh e^(-slope) for each step back"""
    h, pos = 12, ints(0, 1, 2, 3, 4, 5)
    same = torch.zeros(h, 1, 4, dtype=torch.float64)
    actual = solution.scores(same, same.expand(h, 6, 4), ints(3), pos)
    weights = torch.softmax(actual, dim=-1)[:, 0]
    assert (weights[:, 4:] == 0).all(), "A key ahead of the query has weight after the softmax."
    ratio = weights[:, :3] / weights[:, 1:4]
    expected = torch.exp(-slope_tensor(h))[:, None].expand(h, 3)
    assert_close(ratio, expected, rtol=1e-9, atol=0.0, what="the weight of each key by that of the next", why="Keys are alike.")


def test_gradients(solution, rng):
    """The gradients of q and k have the right values; hidden keys pass none back"""
    q, k, pos_q, pos_k = randn(rng, 3, 2, 5), randn(rng, 3, 4, 5), ints(6, 3), ints(2, 9, 3, 5)
    G = randn(rng, 3, 2, 4) * (pos_k <= pos_q[:, None])
    _, actual = vjp(solution.scores, q, k, pos_q, pos_k, cotangent=G, wrt=(0, 1))
    expected = [G @ k / math.sqrt(5), G.mT @ q / math.sqrt(5)]
    assert_gradients(actual, expected, ("q", "k"), rtol=1e-9, atol=1e-9)


def test_inputs(solution, rng):
    """The arguments are neither changed nor asked to be contiguous, and sizes may be one or zero"""
    q, k = randn(rng, 4, 5, 3).float().mT, randn(rng, 4, 5, 6).float().mT
    pos_q, pos_k = ints(5, 0, 1, 0, 3, 0)[::2], ints(2, 4, 1, 6, 0, 3)
    actual = assert_unchanged(solution.scores, q, k, pos_q, pos_k)
    assert_close(actual, scored(q, k, pos_q, pos_k).float(), **FLOAT32, what="the scores of transposed views")
    actual = assert_unchanged(solution.alibi, 5, pos_q, pos_k)
    assert_close(actual, biases(5, pos_q, pos_k), **EXACT, what="the bias of strided positions")
    q = randn(rng, 1, 1, 1)
    assert_close(solution.scores(q, 2 * q, ints(8), ints(6)), scored(q, 2 * q, ints(8), ints(6)), what="one of everything")
    actual = solution.alibi(3, ints(), pos_k)
    assert_close(actual, torch.zeros(3, 0, 6, dtype=torch.float64), what="the bias of no query")
    actual = solution.scores(randn(rng, 2, 3, 5), randn(rng, 2, 0, 5), pos_q, ints())
    assert_close(actual, torch.zeros(2, 3, 0, dtype=torch.float64), what="the scores of no key")
