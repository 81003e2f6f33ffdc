"""Hidden suite of attention/causal.

Expected values are worked out here query by query: the keys and values up to the query's position are cut out and
attended to with no mask at all. Random inputs are float64 and compared at 1e-9 (relative) + 1e-12, where right orders
of operations differ by about 1e-15; the float32 check allows 1e-5 + 1e-6. Results that may not depend on something are
compared at 1e-12: a matrix product may add in another order when its sizes change. The check with huge scores uses
integers. No check is statistical.
"""

import math

import torch

from grader.testing import assert_close, assert_gradients, assert_unchanged, vjp


def randn(rng, *shape):
    return torch.from_numpy(rng.standard_normal(shape))


def tokens(rng, *leading, n_q=4, n_k=6, d_k=5, d_v=3):
    """Queries and keys large enough that the weights are far from even."""
    return 1.5 * randn(rng, *leading, n_q, d_k), 1.5 * randn(rng, *leading, n_k, d_k), randn(rng, *leading, n_k, d_v)


def by_query(Q, K, V, offset=None):
    """Each query alone, with the keys that it may see and no others."""
    start = K.shape[-2] - Q.shape[-2] if offset is None else offset
    rows = []
    for i in range(Q.shape[-2]):
        seen = max(0, min(K.shape[-2], start + i + 1))
        S = (Q[..., i : i + 1, :] @ K[..., :seen, :].mT) / math.sqrt(Q.shape[-1])
        E = (S - S.detach().amax(-1, keepdim=True)).exp() if seen else S
        rows.append((E / E.sum(-1, keepdim=True)) @ V[..., :seen, :])
    return torch.cat(rows, dim=-2)


def test_by_hand(solution, rng):
    """The example worked out by hand in the statement comes out"""
    Q = torch.tensor([[7, 8, 9, 0], [2 * math.log(3), 0, 4, 0], [0, 2 * math.log(2), 0, 0]], dtype=torch.float64)
    K = torch.eye(3, 4, dtype=torch.float64)
    V = torch.tensor([[4.0, 0], [0, 4], [8, 8]], dtype=torch.float64)
    whole, last, middle = (
        solution.causal(Q, K, V),
        solution.causal(Q[1:], K, V),
        solution.causal(Q[1:2], K, V, offset=1),
    )
    inputs = tokens(rng, 2)  # other numbers, on which all mistakes differ
    more, placed = solution.causal(*inputs), solution.causal(*inputs, offset=1)
    assert_close(whole, torch.tensor([[4.0, 0], [3, 1], [3, 4]], dtype=torch.float64))
    expected = torch.tensor([[3.0, 1], [3, 4]], dtype=torch.float64)
    assert_close(last, expected, what="the result of the last two queries with all three keys")
    assert_close(middle, expected[:1], what="the result of the second query alone, with offset=1")
    assert_close(
        more, by_query(*inputs), why="Random numbers: n_q = 4, n_k = 6, so the queries are the last four tokens."
    )
    assert_close(placed, by_query(*inputs, offset=1), why="n_q = 4, n_k = 6, offset = 1: nobody sees the last key.")


def test_values(solution, reference, rng):
    """Each token gets the weighted average of itself and what came before"""
    Q, K, V = tokens(rng, 2, 3, n_q=6, n_k=6)
    actual = solution.causal(Q, K, V)
    assert_close(actual, by_query(Q, K, V), why="n_q = n_k = 6, with a batch of 2 and 3 heads.")
    assert_close(actual, reference.causal(Q, K, V), what="the result beside the reference's")


def test_first_token(solution, rng):
    """The first token sees only itself, the last one all"""
    Q, K, V = tokens(rng, 2, n_q=5, n_k=5)
    actual = solution.causal(Q, K, V)
    assert_close(actual[:, 0], V[:, 0], what="the row of the first token", why="It sees itself alone: its own value.")
    S = Q[:, -1:] @ K.mT / math.sqrt(5)
    assert_close(actual[:, -1:], torch.softmax(S, -1) @ V, what="the row of the last token", why="It sees every token.")


def test_future_does_not_matter(solution, rng):
    """Changing the tokens after a place changes nothing up to it, and everything after it"""
    Q, K, V = tokens(rng, n_q=6, n_k=6)
    before = solution.causal(Q, K, V)
    for place in range(1, 6):
        others = [t.clone() for t in (Q, K, V)]
        for t in others:
            t[place:] += randn(rng, *t[place:].shape)
        after = solution.causal(*others)
        why = f"The tokens from {place} on were changed."
        assert_close(after[:place], before[:place], rtol=1e-12, what=f"the rows before {place}", why=why)
        assert_close(after, by_query(*others), why=why)
        assert (after[place:] != before[place:]).all(), (
            f"{why} The rows from there on see them, and are just as before."
        )


def test_prefix(solution, rng):
    """A text gives the same rows whether or not more text follows"""
    Q, K, V = tokens(rng, 2, n_q=7, n_k=7)
    whole = solution.causal(Q, K, V)
    for n in (1, 2, 4, 6):
        part = solution.causal(Q[:, :n], K[:, :n], V[:, :n])
        assert_close(part, whole[:, :n], rtol=1e-12, what=f"the result of the first {n} of 7 tokens")
    assert_close(whole, by_query(Q, K, V))


def test_new_tokens(solution, rng):
    """New tokens alone, with the keys of all, give the last rows: by ones, twos or threes"""
    Q, K, V = tokens(rng, 2, n_q=7, n_k=7)
    expected = by_query(Q, K, V)
    for n in (1, 2, 3, 5):
        why = f"The last {n} queries with all 7 keys: offset is 7 - {n}."
        assert_close(solution.causal(Q[:, -n:], K, V), expected[:, -n:], why=why)
        assert_close(solution.causal(Q[:, -n:], K, V, offset=7 - n), expected[:, -n:], why=why + " Given explicitly.")
    steps = [solution.causal(Q[:, i : i + 1], K[:, : i + 1], V[:, : i + 1]) for i in range(7)]
    assert_close(torch.cat(steps, 1), expected, what="the rows made one token at a time")


def test_offset(solution, rng):
    """An explicit offset places the queries: in the midst of the keys, at their end, or beyond"""
    Q, K, V = tokens(rng, 2, n_q=3, n_k=6)
    for offset in (0, 1, 2, 3, 4, 9):
        why = f"n_q = 3, n_k = 6, offset = {offset}: query i sees the keys up to {offset} + i."
        assert_close(solution.causal(Q, K, V, offset), by_query(Q, K, V, offset), why=why)
    later = [t.clone() for t in (K, V)]
    for t in later:
        t[:, 4:] = 77.0
    expected = by_query(Q, K, V, 1)
    why = "offset = 1 and n_q = 3: the keys 4 and 5 are not written yet, and here they hold 77."
    assert_close(solution.causal(Q, *later, 1), expected, why=why)


def test_nothing_before(solution, rng):
    """A query before the first key gives zeros"""
    Q, K, V = tokens(rng, 2, n_q=6, n_k=4)
    why = "n_q = 6, n_k = 4: the first two queries stand before the first key."
    assert_close(solution.causal(Q, K, V), by_query(Q, K, V), why=why)
    for offset in (-1, -3, -6):
        why = f"n_q = 6, n_k = 4, offset = {offset}."
        assert_close(solution.causal(Q, K, V, offset), by_query(Q, K, V, offset), why=why)


def test_large_scores(solution):
    """Huge scores, visible or hidden, neither overflow nor win from the future"""
    S = torch.tensor(
        [[-20000, 10**6, 5, 7], [9999, 10000, 10**6, 0], [-(10**6), -(10**6) - 1, -(10**6) + 1, 3], [3, 1, 2, 0]]
    )
    for dtype in (torch.float64, torch.float32):
        Q, K = 2 * S.to(dtype), torch.eye(4, dtype=dtype)
        V = torch.tensor([[1.0, -2, 0], [3, 5, 1], [-4, 7, 2], [6, 0, 9]], dtype=dtype)
        expected = by_query(Q.double(), K.double(), V.double()).to(dtype)
        assert_close(solution.causal(Q, K, V), expected, why=f"The rows of scores are {S.tolist()} (in {dtype}).")


def test_gradients(solution, rng):
    """The gradients of queries, keys and values have the right values"""
    for n_q, n_k, offset in ((5, 5, None), (3, 6, None), (3, 6, 1), (6, 4, None)):
        Q, K, V = tokens(rng, 2, n_q=n_q, n_k=n_k)
        G = randn(rng, 2, n_q, 3)
        _, actual = vjp(solution.causal, Q, K, V, offset, cotangent=G, wrt=(0, 1, 2))
        # By hand: dS = A * (dA - sum(dA * A)), dA = G Vᵀ, with the weights made by the identity as values.
        A, dA = by_query(Q, K, torch.eye(n_k, dtype=torch.float64).expand(2, n_k, n_k), offset), G @ V.mT
        dS = A * (dA - (dA * A).sum(-1, keepdim=True)) / math.sqrt(5)
        why = f"Here n_q = {n_q}, n_k = {n_k}, offset = {offset}."
        assert_gradients(actual, [dS @ K, dS.mT @ Q, A.mT @ G], ("Q", "K", "V"), why=why)


def test_leading_axes(solution, rng):
    """Every index of the leading axes is an attention of its own"""
    for leading in ((), (1,), (3,), (2, 3), (2, 1, 3)):
        Q, K, V = tokens(rng, *leading)
        assert_close(solution.causal(Q, K, V), by_query(Q, K, V), why=f"The leading axes are {leading}.")


def test_inputs_and_dtype(solution, rng):
    """float32 stays float32, and the arguments are neither changed nor asked to be contiguous"""
    Q, K, V = (randn(rng, 2, d, n).float().mT for n, d in ((4, 3), (5, 3), (5, 6)))
    actual = assert_unchanged(solution.causal, Q, K, V)
    expected = by_query(Q.double(), K.double(), V.double()).float()
    assert_close(actual, expected, why="Q, K and V are transposed views here.")


def test_small_sizes(solution, rng):
    """One query, one key, one feature, no query"""
    for n_q, n_k, d_k, d_v in ((1, 1, 3, 2), (1, 4, 1, 1), (3, 1, 2, 4)):
        Q, K, V = tokens(rng, 2, n_q=n_q, n_k=n_k, d_k=d_k, d_v=d_v)
        assert_close(
            solution.causal(Q, K, V), by_query(Q, K, V), why=f"n_q = {n_q}, n_k = {n_k}, d_k = {d_k}, d_v = {d_v}."
        )
    Q, K, V = tokens(rng, 2, n_q=0)
    assert_close(solution.causal(Q, K, V), torch.zeros(2, 0, 3, dtype=torch.float64), what="the result for n_q = 0")
