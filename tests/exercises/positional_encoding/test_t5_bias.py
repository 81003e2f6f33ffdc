"""Hidden suite of positional_encoding/t5_bias.

Buckets are worked out here in whole numbers: bucket m + e begins where n^k ≥ D^e · m^(k-e), k = s - m, so that no logarithm
is rounded. They are compared exactly. The nearest that (s - m) ln(n/m) / ln(D/m) comes to a whole number without being one
is 0.0015 for all that is asked here, so any guard from 1e-12 to 0.001 is right. Scores in float64 are compared to 1e-9, in
float32 to 1e-4 (sums of 6 products of numbers up to 3.5). Nothing is statistical.
"""

import torch

from grader.testing import assert_close, assert_equal, assert_gradients, assert_unchanged, vjp

TIGHT = {"rtol": 1e-9, "atol": 1e-9}


def randn(rng, *shape):
    """Float64 in [-3.5, 3.5]."""
    return torch.from_numpy(rng.standard_normal(shape).clip(-3.5, 3.5))


def ints(*values):
    return torch.tensor(values, dtype=torch.int64)


def bucket_of(r, both, nb, D):
    s = nb // 2 if both else nb
    n = abs(r) if both else max(-r, 0)
    m = s // 2
    side = s if both and r > 0 else 0
    if n < m:
        return side + n
    k = s - m
    # Never more than s - 1: e stops at k - 1.
    return side + m + max(e for e in range(k) if n**k >= D**e * m ** (k - e))


def buckets(rel, both=True, nb=32, D=128):
    flat = [bucket_of(r, both, nb, D) for r in rel.flatten().tolist()]
    return torch.tensor(flat, dtype=torch.int64).reshape(rel.shape)


def looked_up(table, pos_q, pos_k, both=True, D=128):
    rows = buckets(pos_k[None, :] - pos_q[:, None], both, len(table), D)
    return torch.stack([table[:, a][rows] for a in range(table.shape[1])])


def test_by_hand(solution):
    """The examples worked out by hand in the statement come out"""
    both = ints(-9, -6, -5, -2, -1, 0, 1, 2, 5, 6, 9)
    behind = ints(2, 0, -1, -3, -4, -7, -8, -16, -31, -32, -500)
    first = solution.bucket(both, True, 8, 16)
    second = solution.bucket(behind, False, 8, 64)
    why = f"r is {both.tolist()}, with 8 buckets up to 16, both ways."
    assert_equal(first, ints(3, 3, 2, 2, 1, 0, 5, 6, 6, 7, 7), what="the buckets", why=why)
    why = f"r is {behind.tolist()}, with 8 buckets up to 64, one way."
    assert_equal(second, ints(0, 0, 1, 3, 4, 4, 5, 6, 6, 7, 7), what="the buckets", why=why)


def test_as_in_t5(solution, reference):
    """With 32 buckets up to 128, as T5 has them, every distance finds its bucket"""
    rel = torch.arange(-300, 301)
    encoder, decoder = solution.bucket(rel), solution.bucket(rel, bidirectional=False)
    assert_equal(encoder, buckets(rel), what="the encoder's buckets", why="r runs from -300 to 300.")
    assert_equal(decoder, buckets(rel, False), what="the decoder's buckets", why="r runs from -300 to 300.")
    assert_equal(encoder, reference.bucket(rel), what="the encoder's buckets beside the reference's")


def test_other_sizes(solution):
    """Other numbers of buckets and largest distances are honoured"""
    rel = torch.cat((torch.arange(-70, 71), ints(-1_000_000, -5000, 5000, 1_000_000)))
    for both, nb, D in ((True, 12, 50), (False, 10, 37), (True, 4, 9), (False, 4, 30), (True, 6, 1000), (True, 10, 11)):
        actual = solution.bucket(rel, bidirectional=both, num_buckets=nb, max_distance=D)
        why = f"{nb} buckets up to {D}, {'both ways' if both else 'one way'}; r runs from -70 to 70 and then far."
        assert_equal(actual, buckets(rel, both, nb, D), what="the buckets", why=why)


def test_exact_edges(solution):
    """A distance that is exactly an edge belongs to the bucket that begins there"""
    for both, nb, D in ((False, 10, 160), (True, 20, 160), (True, 18, 128), (False, 10, 15625), (True, 38, 288), (True, 38, 196)):
        rel = torch.arange(-170, 171)
        actual = solution.bucket(rel, both, nb, D)
        m = (nb // 2 if both else nb) // 2
        why = f"{nb} buckets up to {D}, {'both ways' if both else 'one way'}, m = {m}; r runs from -170 to 170."
        assert_equal(actual, buckets(rel, both, nb, D), what="the buckets", why=why)


def test_monotone(solution):
    """Buckets never fall as the distance grows, near ones are exact, and all of them are used"""
    for both in (True, False):
        n = torch.arange(0, 400)
        behind, ahead = solution.bucket(-n, both), solution.bucket(n[1:], both)
        s = 16 if both else 32
        assert (behind.diff() >= 0).all(), "A key further behind is in a lower bucket than a nearer one."
        assert_equal(behind[: s // 2], n[: s // 2], what="the buckets of the nearest keys behind")
        assert_equal(sorted(set(behind.tolist())), list(range(s)), what="the buckets that keys behind use")
        used = list(range(17, 32)) if both else [0]
        assert_equal(sorted(set(ahead.tolist())), used, what="the buckets that keys ahead use")


def test_bias(solution, reference, rng):
    """Each head's number for the pair's bucket stands at its query and key"""
    table, pos_q, pos_k = randn(rng, 12, 3), ints(7, 40, 2, 15), ints(3, 8, 60, 15, 0)
    for both, D in ((True, 30), (False, 30), (False, 128), (True, 128)):
        actual = solution.bias(table, pos_q, pos_k, bidirectional=both, max_distance=D)
        why = f"At {pos_q.tolist()} and {pos_k.tolist()}; {'both ways' if both else 'one way'}, up to {D}."
        assert_close(actual, looked_up(table, pos_q, pos_k, both, D), **TIGHT, what="the bias", why=why)
    table = randn(rng, 32, 2)
    actual = solution.bias(table, pos_q, pos_k)
    assert_close(actual, looked_up(table, pos_q, pos_k), **TIGHT, what="the bias of a table of 32, both ways up to 128")
    assert_close(actual, reference.bias(table, pos_q, pos_k), **TIGHT, what="the bias beside the reference's")


def test_unless_told(solution, rng):
    """bidirectional is True and max_distance is 128 where they are not given"""
    # At a distance of 16 or 64 both ways, or 112 one way, 127 or 129 would give another bucket.
    q, k, table = randn(rng, 2, 3, 5), randn(rng, 2, 4, 5), randn(rng, 32, 2)
    pos_q, pos_k = ints(200, 216, 264), ints(200, 152, 328, 104)
    for kwargs in ({}, {"bidirectional": False}):
        expected = looked_up(table, pos_q, pos_k, **({"both": False} if kwargs else {}))
        why = f"Given besides: {kwargs or 'nothing'}; at {pos_q.tolist()} and {pos_k.tolist()}."
        assert_close(solution.bias(table, pos_q, pos_k, **kwargs), expected, **TIGHT, what="the bias", why=why)
        actual = solution.scores(q, k, table, pos_q, pos_k, **kwargs)
        assert_close(actual, q @ k.mT + expected, **TIGHT, what="the scores", why=why)


def test_only_the_distance_counts(solution, rng):
    """Shifting all positions changes nothing, exchanging queries and keys does"""
    table, pos_q, pos_k = randn(rng, 10, 2), ints(6, 1, 14), ints(2, 9, 30, 5)
    for shift in (int(rng.integers(1, 50)), 100_000):
        actual = solution.bias(table, pos_q + shift, pos_k + shift)
        assert_close(actual, looked_up(table, pos_q, pos_k), **TIGHT, what="the bias", why=f"All positions moved by {shift}.")
    actual = solution.bias(table, pos_k, pos_q)
    assert_close(actual, looked_up(table, pos_k, pos_q), **TIGHT, what="the bias", why="Queries and keys changed places.")


def test_scores(solution, rng):
    """Scores are plain dot products plus the bias, not divided by √d, nothing hidden"""
    q, k, table = randn(rng, 2, 3, 4, 6), randn(rng, 2, 3, 5, 6), randn(rng, 8, 3)
    pos_q, pos_k = ints(4, 19, 0, 7), ints(8, 2, 25, 4, 11)
    for both, D in ((True, 20), (False, 20), (True, 128)):
        actual = solution.scores(q, k, table, pos_q, pos_k, both, D)
        why = f"d is 6; {'both ways' if both else 'one way'}, up to {D}."
        assert_close(actual, q @ k.mT + looked_up(table, pos_q, pos_k, both, D), **TIGHT, what="the scores", why=why)
    actual = solution.scores(q[0], k[0], table, pos_q, pos_k)
    assert_close(actual, q[0] @ k[0].mT + looked_up(table, pos_q, pos_k), **TIGHT, what="the scores without a batch")


def test_gradients(solution, rng):
    """Gradients reach table, q and k by value; a number used in many places collects them all"""
    q, k, table = randn(rng, 2, 4, 6), randn(rng, 2, 5, 6), randn(rng, 8, 2)
    pos_q, pos_k, G = ints(4, 19, 0, 7), ints(8, 2, 25, 4, 11), randn(rng, 2, 4, 5)
    _, actual = vjp(solution.scores, q, k, table, pos_q, pos_k, False, 20, cotangent=G, wrt=(0, 1, 2))
    rows = buckets(pos_k - pos_q[:, None], False, 8, 20)
    dtable = torch.stack([torch.stack([G[a][rows == b].sum() for a in range(2)]) for b in range(8)])
    assert_gradients(actual, [G @ k, G.mT @ q, dtable], ("q", "k", "table"), **TIGHT)
    # Two layers share one table: it gets the sum of both gradients.
    H = randn(rng, 2, 4, 5)
    _, actual = vjp(solution.bias, table, pos_q, pos_k, cotangent=G + H, wrt=(0,))
    rows = buckets(pos_k - pos_q[:, None], True, 8)
    dtable = torch.stack([torch.stack([(G + H)[a][rows == b].sum() for a in range(2)]) for b in range(8)])
    assert_gradients(actual, [dtable], ("table",), **TIGHT, why="Both ways, up to 128.")


def test_inputs_and_dtype(solution, rng):
    """float32 stays float32, shapes stay, arguments are neither changed nor asked to be contiguous"""
    rel = torch.from_numpy(rng.integers(-200, 200, (3, 2, 4))).mT
    assert_equal(assert_unchanged(solution.bucket, rel), buckets(rel), what="the buckets of a tensor with three axes")
    q, k, table = randn(rng, 3, 6, 4).float().mT, randn(rng, 3, 6, 5).float().mT, randn(rng, 3, 8).float().T
    pos_q, pos_k = ints(4, 0, 19, 0, 0, 0, 7, 0)[::2], ints(8, 2, 25, 4, 11)
    actual = assert_unchanged(solution.scores, q, k, table, pos_q, pos_k)
    expected = q @ k.mT + looked_up(table, pos_q, pos_k)
    assert_close(actual, expected, rtol=0.0, atol=1e-4, what="the scores in float32")
    actual = assert_unchanged(solution.bias, table, pos_q, pos_k)
    assert_close(actual, looked_up(table, pos_q, pos_k), what="the bias in float32")


def test_small_sizes(solution, rng):
    """One of everything, and nothing at all"""
    table = randn(rng, 4, 1)
    assert_equal(solution.bucket(torch.tensor(-200)), torch.tensor(15), what="the bucket of a single number, r = -200")
    assert_equal(solution.bucket(ints()), ints(), what="the buckets of no position")
    assert_close(solution.bias(table, ints(3), ints(9)), looked_up(table, ints(3), ints(9)), what="the bias of one pair")
    assert_close(solution.bias(table, ints(), ints(1, 2)), torch.zeros(1, 0, 2).double(), what="the bias of no query")
    actual = solution.scores(randn(rng, 1, 2, 5), randn(rng, 1, 0, 5), table, ints(1, 2), ints())
    assert_close(actual, torch.zeros(1, 2, 0).double(), what="the scores of no key")
