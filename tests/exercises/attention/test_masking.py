"""Hidden suite of attention/masking.

Expected weights are worked out here, row by row, in float64 and over the keys that are left alone: no mask is ever
applied. Random inputs are float64 and compared at 1e-9 (relative) + 1e-12: a right order of operations differs by
about 1e-15. float32 has the default 1e-5 + 1e-6. In bfloat16 and float16 (8 and 11 bits) scores are integers up to 4,
so that differences of scores are exact; left are the roundings of a few operations of size 2^-9: 5 % relative + 0.01
is allowed, and a wrong mask is off by far more. The checks with huge scores use integers. No check is statistical.
"""

import math

import torch

from grader.testing import assert_close, assert_equal, assert_gradients, assert_unchanged, vjp

INF, NAN = math.inf, math.nan


def randn(rng, *shape):
    return torch.from_numpy(rng.standard_normal(shape))


def random_mask(rng, *shape):
    """A boolean mask in which every row hides at least one key and keeps at least one."""
    mask = torch.from_numpy(rng.random(shape) < 0.5)
    mask[..., 0], mask[..., -1] = True, False
    order = torch.from_numpy(rng.permuted(torch.arange(shape[-1]).expand(shape).numpy(), axis=-1))
    return mask.gather(-1, order)


def random_bias(rng, *shape):
    """An additive mask: finite numbers and zeros where `random_mask` keeps, -inf where it hides."""
    numbers = torch.from_numpy(rng.integers(-2, 3, shape)).double()
    return numbers.masked_fill(~random_mask(rng, *shape), -INF)


def weights(S, mask=None):
    """Row by row: the shares of the keys that are left; the others stay zero."""
    n_k = S.shape[-1]
    bias = torch.zeros(S.shape, dtype=torch.float64)
    if mask is not None and mask.dtype == torch.bool:
        bias = torch.zeros(mask.shape, dtype=torch.float64).masked_fill(~mask, -INF).expand(S.shape)
    elif mask is not None:
        bias = mask.double().expand(S.shape)
    A = torch.zeros(S.shape, dtype=torch.float64)
    for row, b, out in zip(S.double().reshape(-1, n_k), bias.reshape(-1, n_k), A.view(-1, n_k), strict=True):
        left = [j for j in range(n_k) if b[j] != -INF]
        if left:
            scores = [float(row[j] + b[j]) for j in left]
            shares = [math.exp(s - max(scores)) for s in scores]
            out[left] = torch.tensor([share / math.fsum(shares) for share in shares], dtype=torch.float64)
    return A


def averages(S, V, mask=None):
    """The weights times the values; values without any weight in any row are taken as zero."""
    A = weights(S, mask)
    return A @ torch.where((A > 0).any(-2).unsqueeze(-1), V.double(), 0.0)


def test_by_hand(solution):
    """The examples worked out by hand in the statement come out"""
    S = torch.tensor([[math.log(3), 0, 5]], dtype=torch.float64)
    V = torch.tensor([[4.0, 0], [0, 4], [NAN, NAN]], dtype=torch.float64)
    keep, bias = torch.tensor([[True, True, False]]), torch.tensor([[math.log(2), 0, -INF]], dtype=torch.float64)
    cases = [
        (keep, [0.75, 0.25, 0], [3.0, 1]),
        (bias, [6 / 7, 1 / 7, 0], [24 / 7, 4 / 7]),
        (torch.zeros(1, 3, dtype=torch.bool), [0.0, 0, 0], [0.0, 0]),
    ]
    answers = [(solution.masked_softmax(S, mask), solution.attend(S, V, mask)) for mask, _, _ in cases]
    # Other numbers than in the statement, on which all mistakes differ.
    more = torch.tensor([[2.0, -1, 3, 0], [1, 0, 2, -2], [0, 3, 1, 1]], dtype=torch.float64)
    some = torch.tensor([[True, False, True, True], [True, True, False, True], [False, False, False, False]])
    added = torch.tensor([[0, 1, -INF, 0.5], [-1, -INF, 0, 0], [-INF] * 4], dtype=torch.float64)
    other = [(mask, solution.masked_softmax(more, mask)) for mask in (some, added, None)]
    for (mask, A, result), (own_A, own) in zip(cases, answers, strict=True):
        why = f"The mask is {mask.tolist()}."
        assert_close(own_A, torch.tensor([A], dtype=torch.float64), what="the weights", why=why)
        assert_close(own, torch.tensor([result], dtype=torch.float64), what="the averages", why=why)
    for mask, own_A in other:
        why = f"The scores are {more.tolist()}, the mask is {None if mask is None else mask.tolist()}."
        assert_close(own_A, weights(more, mask), what="the weights", why=why)


def test_boolean(solution, reference, rng):
    """A boolean mask keeps the keys where it is True, and their weights sum to one"""
    S, V, mask = randn(rng, 2, 5, 7), randn(rng, 2, 7, 3), random_mask(rng, 2, 5, 7)
    A, result = solution.masked_softmax(S, mask), solution.attend(S, V, mask)
    assert_close(A, weights(S, mask), what="the weights", why="Every row hides some keys and keeps some.")
    assert_close(A.sum(-1), torch.ones(2, 5, dtype=torch.float64), what="the sum of each query's weights")
    assert_equal(A[~mask], torch.zeros_like(A[~mask]), what="the weights of hidden keys")
    assert_close(result, averages(S, V, mask), what="the averages")
    assert_close(result, reference.attend(S, V, mask), what="the averages beside the reference's")


def test_additive(solution, rng):
    """An additive mask is added to the scores, and hides where it is -∞"""
    S, V, mask = randn(rng, 2, 5, 7), randn(rng, 2, 7, 3), random_bias(rng, 2, 5, 7)
    A, result = solution.masked_softmax(S, mask), solution.attend(S, V, mask)
    assert_close(A, weights(S, mask), what="the weights", why="The mask holds -∞ and small numbers, zeros among them.")
    assert_close(result, averages(S, V, mask), what="the averages")
    low = torch.tensor([[-1e9, -1e9, -1e9], [0, -1e9, -INF], [-1e9, -INF, -INF]], dtype=torch.float64)
    S = torch.tensor([[1.0, 2, 0], [3, 1, 9], [4, 5, 6]], dtype=torch.float64)
    why = "A finite number only is added, even -10⁹: a row full of it has the weights it would have without."
    # Near 10⁹ float64 numbers are 1e-7 apart, which a logarithm of the sum rounds to.
    actual = solution.masked_softmax(S, low)
    assert_close(actual, weights(S, low), rtol=1e-6, what="the weights", why=why)


def test_both_kinds_agree(solution, rng):
    """0 and -∞ added are the same as True and False, and no mask is the same as all True"""
    S, V, keep = randn(rng, 3, 4, 6), randn(rng, 3, 6, 2), random_mask(rng, 4, 6)
    added = torch.zeros(4, 6, dtype=torch.float64).masked_fill(~keep, -INF)
    first, second = solution.attend(S, V, keep), solution.attend(S, V, added)
    plain, full = solution.attend(S, V), solution.attend(S, V, torch.ones(4, 6, dtype=torch.bool))
    assert_close(second, first, what="the averages with the additive mask", why="The boolean mask hides the same keys.")
    assert_close(first, averages(S, V, keep), what="the averages with the boolean mask")
    assert_close(plain, averages(S, V), what="the averages without a mask")
    assert_close(full, plain, what="the averages with a mask of True throughout")


def test_broadcast(solution, rng):
    """A mask may be smaller than the scores: one for all queries, all keys, all heads or all sequences"""
    S, V = randn(rng, 2, 3, 4, 5), randn(rng, 2, 3, 5, 6)
    for shape in ((5,), (4, 5), (2, 1, 1, 5), (3, 1, 5), (2, 1, 4, 5)):
        for mask in (random_mask(rng, *shape), random_bias(rng, *shape)):
            A, result = solution.masked_softmax(S, mask), solution.attend(S, V, mask)
            why = f"The mask has the shape {shape} and the dtype {mask.dtype}; the scores have {tuple(S.shape)}."
            assert_close(A, weights(S, mask), what="the weights", why=why)
            assert_close(result, averages(S, V, mask), what="the averages", why=why)
    mask = torch.tensor([[True], [False], [True], [True]])
    result = solution.attend(S, V, mask)
    assert_close(result, averages(S, V, mask), what="the averages", why="The mask has the shape (4, 1).")


def test_nothing_to_look_at(solution, rng):
    """A query without any key has weights of zero and leaves the others alone"""
    S, V = randn(rng, 2, 4, 5), randn(rng, 2, 5, 3)
    for mask in (random_mask(rng, 2, 4, 5), random_bias(rng, 2, 4, 5)):
        mask[0, 1] = mask[1, 3] = False if mask.dtype == torch.bool else -INF
        A, result = solution.masked_softmax(S, mask), solution.attend(S, V, mask)
        why = f"Rows [0, 1] and [1, 3] of the mask ({mask.dtype}) hide every key."
        assert_close(A, weights(S, mask), what="the weights", why=why)
        assert_close(result, averages(S, V, mask), what="the averages", why=why)


def test_far_below(solution):
    """A hidden key has no weight even where the keys that are left score far lower"""
    S = torch.tensor(
        [[-20000.0, 5, -20001], [-9000, -30000, 10000], [-1e6, -1e6 - 1, 1e6], [1, 3, 2]], dtype=torch.float64
    )
    keep = torch.tensor([[True, False, True], [True, True, False], [True, True, False], [False, True, True]])
    V = torch.tensor([[1.0, -2], [300, 500], [-4, 7]], dtype=torch.float64)
    added = torch.zeros(4, 3, dtype=torch.float64).masked_fill(~keep, -INF)
    why = "The keys that are left score about -20,000, -9,000, -1,000,000 and 2 in the four rows."
    for mask in (keep, added):
        A, result = solution.masked_softmax(S, mask), solution.attend(S, V, mask)
        assert_close(A, weights(S, mask), what="the weights", why=why)
        assert_close(result, averages(S, V, mask), what="the averages", why=why)


def test_hidden_scores(solution, rng):
    """Hidden scores may be NaN or infinite and leave no trace"""
    S, V = randn(rng, 4, 6), randn(rng, 6, 3)
    for mask in (random_mask(rng, 4, 6), random_bias(rng, 4, 6)):
        hidden = ~mask if mask.dtype == torch.bool else mask == -INF
        for junk in (NAN, INF, -INF, 1e300):
            dirty = S.masked_fill(hidden, junk)
            A, result = solution.masked_softmax(dirty, mask), solution.attend(dirty, V, mask)
            why = f"Every hidden score is {junk} here; the mask is of {mask.dtype}."
            assert_close(A, weights(S, mask), what="the weights", why=why)
            assert_close(result, averages(S, V, mask), what="the averages", why=why)


def test_padding(solution, rng):
    """Values that no query may see may be NaN or infinite; each sequence has its own padding"""
    S, V = randn(rng, 2, 3, 4, 6), randn(rng, 2, 3, 6, 5)
    lengths = torch.tensor([4, 5])
    padding = (torch.arange(6) >= lengths[:, None])[:, None, None]  # (batch, 1, 1, n_k)
    clean = V.masked_fill(padding.mT, 0.0)
    causal = torch.ones(4, 6, dtype=torch.bool).tril(1)  # key 5 is seen by none here, keys 2 to 4 by some
    for junk in (NAN, INF):
        dirty = V.masked_fill(padding.mT, junk)
        for mask in (
            ~padding,
            ~padding & causal,
            torch.zeros(2, 1, 1, 6, dtype=torch.float64).masked_fill(padding, -INF),
        ):
            result = solution.attend(S, dirty, mask)
            why = f"The values of the padding (two keys in sequence 0, one in sequence 1) are {junk}."
            assert_close(result, averages(S, clean, mask), what="the averages", why=why)


def test_seen_values_come_through(solution, rng):
    """A value that queries may see comes through as it is, infinite or NaN"""
    S, V = randn(rng, 3, 4), randn(rng, 4, 3)
    V[1, 0], V[2, 1], V[3] = INF, NAN, NAN
    mask = torch.tensor([True, True, True, False])
    masked, plain = solution.attend(S, V, mask), solution.attend(S, V)
    assert (masked[:, 0] == INF).all(), "An infinite value that every query may see does not make the results infinite."
    assert masked[:, 1].isnan().all(), "A value of NaN that every query may see does not show in the results."
    assert_close(
        masked[:, 2], averages(S, V[:, 2:].nan_to_num(0.0), mask)[:, 0], what="the column whose seen values are finite"
    )
    assert plain[:, 1].isnan().all(), "Without a mask a value of NaN does not show in the results."


def test_gradients(solution, rng):
    """The gradients of scores, values and an additive mask are right, with no NaN where all is hidden"""
    S, V, G = randn(rng, 2, 4, 5), randn(rng, 2, 5, 3), randn(rng, 2, 4, 3)
    keep, added = random_mask(rng, 2, 4, 5), random_bias(rng, 2, 4, 5)
    keep[1, 2], added[0, 3] = False, -INF
    keep[0, :, 1], added[1, :, 4] = False, -INF
    for mask in (None, keep, added):
        hidden = torch.zeros(2, 4, 5, dtype=torch.bool) if mask is None else ~mask if mask is keep else mask == -INF
        dirty = S.masked_fill(hidden, NAN)
        junk = V.masked_fill(hidden.all(-2).unsqueeze(-1), NAN)
        wrt = (0, 1, 2) if mask is added else (0, 1)
        _, actual = vjp(solution.attend, dirty, junk, mask, cotangent=G, wrt=wrt)
        # The backward pass by hand: dS = A * (dA - sum(dA * A)), with dA = G Vᵀ.
        A, dA = weights(S, mask), G @ V.mT
        dS = A * (dA - (dA * A).sum(-1, keepdim=True))
        why = (
            ""
            if mask is None
            else f"Hidden scores and unseen values are NaN, one query sees nothing; the mask: {mask.dtype}."
        )
        expected = [dS, A.mT @ G, dS][: len(wrt)]
        assert_gradients(actual, expected, ("S", "V", "mask")[: len(wrt)], why=why)


def test_dtypes(solution, rng):
    """float32, bfloat16 and float16 stay what they are, and their masks hide as well"""
    keep, finite = random_mask(rng, 4, 6), torch.from_numpy(rng.integers(-2, 3, (4, 6))).double()
    keep[2] = False
    S, V = (
        torch.from_numpy(rng.integers(-4, 5, (4, 6))).double(),
        torch.from_numpy(rng.integers(-4, 5, (6, 3))).double(),
    )
    added = finite.masked_fill(~keep, -INF)
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        tolerance = {} if dtype == torch.float32 else {"rtol": 0.05, "atol": 0.01}
        for mask in (keep, added.to(dtype), None):
            A, result = solution.masked_softmax(S.to(dtype), mask), solution.attend(S.to(dtype), V.to(dtype), mask)
            why = f"Scores and values are {dtype}; row 2 of the mask hides every key."
            assert_close(A, weights(S, mask).to(dtype), what="the weights", why=why, **tolerance)
            slack = {} if dtype == torch.float32 else {"rtol": 0.05, "atol": 0.1}  # values up to 4, six terms
            assert_close(result, averages(S, V, mask).to(dtype), what="the averages", why=why, **slack)


def test_inputs(solution, rng):
    """The arguments are not changed and need not be contiguous"""
    S, V = randn(rng, 2, 5, 4).mT, randn(rng, 2, 3, 5).mT
    for mask in (random_mask(rng, 2, 4, 5), random_bias(rng, 2, 4, 5)):
        mask[..., 2] = False if mask.dtype == torch.bool else -INF
        A = assert_unchanged(solution.masked_softmax, S, mask)
        result = assert_unchanged(solution.attend, S, V, mask)
        assert_close(A, weights(S, mask), what="the weights", why="The scores are a transposed view.")
        assert_close(result, averages(S, V, mask), what="the averages", why="Scores and values are transposed views.")


def test_small_sizes(solution, rng):
    """One key, one query, no query, no key"""
    for n_q, n_k in ((3, 1), (1, 4), (0, 3), (2, 0)):
        S, V = randn(rng, 2, n_q, n_k), randn(rng, 2, n_k, 5)
        for mask in (None, torch.ones(n_q, n_k, dtype=torch.bool), torch.zeros(n_k, dtype=torch.float64)):
            A, result = solution.masked_softmax(S, mask), solution.attend(S, V, mask)
            why = f"Here n_q = {n_q} and n_k = {n_k}, and nothing is hidden."
            assert_close(A, weights(S, mask) if n_k and n_q else torch.zeros_like(S), what="the weights", why=why)
            expected = averages(S, V, mask) if n_k and n_q else torch.zeros(2, n_q, 5, dtype=torch.float64)
            assert_close(result, expected, what="the averages", why=why)
