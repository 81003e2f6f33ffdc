"""Hidden suite of attention/scaled_dot_product.

Random inputs are float64 and compared at 1e-9 (relative) + 1e-12: a right order of operations differs by about 1e-15. The
one float32 check on random inputs allows 1e-5 + 1e-6, some fifty roundings. The checks with huge scores use integers and
√d_k = 2, so that every right order of operations makes exactly the same scores. No check is statistical: none fails a
right solution by chance.
"""

import math

import torch

from grader.testing import assert_close, assert_equal, assert_gradients, assert_unchanged, observe, vjp

INF = math.inf


def randn(rng, *shape):
    return torch.from_numpy(rng.standard_normal(shape))


def random_mask(rng, *shape):
    """A mask in which every row hides at least one key and keeps at least one."""
    mask = torch.from_numpy(rng.random(shape) < 0.5)
    mask[..., 0], mask[..., -1] = True, False
    order = torch.from_numpy(rng.permuted(torch.arange(shape[-1]).expand(shape).numpy(), axis=-1))
    return mask.gather(-1, order)


def weights(Q, K, mask=None):
    """Softmax over the keys, worked out here: hidden keys are left out of the sum; no key at all gives zeros."""
    S = (Q @ K.mT) / Q.shape[-1] ** 0.5
    keep = torch.ones_like(S, dtype=torch.bool) if mask is None else mask.expand_as(S)
    top = torch.where(keep, S, -INF).amax(dim=-1, keepdim=True)
    E = torch.where(keep, (S - top).exp(), 0.0)
    total = E.sum(dim=-1, keepdim=True)
    return E / torch.where(total > 0, total, 1.0)


def test_by_hand(solution):
    """The example worked out by hand in the statement comes out"""
    Q = torch.tensor([[2 * math.log(3), 0, 0, 0]], dtype=torch.float64)
    K = torch.eye(2, 4, dtype=torch.float64)
    V = torch.tensor([[4, 0, 8], [0, 4, 0]], dtype=torch.float64)
    plain = solution.sdpa(Q, K, V)
    masked = solution.sdpa(Q, K, V, torch.tensor([[True, False]]))
    # Sharper weights, on which more mistakes differ: the second key has a weight of 1/3800.
    sharp = solution.sdpa(7.5 * Q, K, V), solution.sdpa(7.5 * Q, K, V, torch.tensor([[False, True]]))
    assert_close(plain, torch.tensor([[3.0, 1, 6]], dtype=torch.float64), why="The weights are 3/4 and 1/4.")
    expected = torch.tensor([[4.0, 0, 8]], dtype=torch.float64)
    assert_close(masked, expected, what="the result with the second key hidden", why="True means keep.")
    turned = solution.sdpa(Q, K, V.flip(-1))  # the answers above are in the statement; this one has to be computed
    assert_close(turned, torch.tensor([[6.0, 1, 3]], dtype=torch.float64), what="the result with the columns of V reversed")
    assert_close(sharp[0], weights(7.5 * Q, K) @ V, what="the result for a query 7.5 times as large")
    expected = torch.tensor([[0.0, 4, 0]], dtype=torch.float64)
    assert_close(sharp[1], expected, what="the result with the first key hidden", why="The query is 7.5 times as large.")


def test_values(solution, reference, rng):
    """Random queries, keys and values of different sizes give the right averages"""
    Q, K, V = randn(rng, 2, 3, 5, 6), randn(rng, 2, 3, 7, 6), randn(rng, 2, 3, 7, 4)
    actual = solution.sdpa(Q, K, V)
    assert_close(actual, weights(Q, K) @ V, why="Here n_q = 5, n_k = 7, d_k = 6 and d_v = 4.")
    Q, K, V = 2 * randn(rng, 4, 3), 2 * randn(rng, 6, 3), randn(rng, 6, 5)
    assert_close(solution.sdpa(Q, K, V), reference.sdpa(Q, K, V), what="the result for plain matrices")


def test_each_row_sums_to_one(solution, rng):
    """Each query's weights are positive, favour the best key and sum to one"""
    Q, K = randn(rng, 5, 3), randn(rng, 4, 3)
    A = solution.sdpa(Q, K, torch.eye(4, dtype=torch.float64))
    why = "With the identity as V the result is the weights themselves."
    assert_equal(tuple(A.shape), (5, 4), what="the shape of the weights", why=why)
    assert_close(A.sum(-1), torch.ones(5, dtype=torch.float64), what="the sum of each query's weights", why=why)
    assert (A > 0).all(), "A weight is not positive, although no key is hidden."
    assert torch.equal(A.argmax(-1), (Q @ K.T).argmax(-1)), "A query's largest weight is not at its best match."
    assert_close(A, weights(Q, K), what="the matrix of weights", why=why)


def test_order(solution, rng):
    """Shuffling the keys with their values changes nothing, shuffling the queries shuffles the rows"""
    Q, K, V = randn(rng, 5, 3), randn(rng, 6, 3), randn(rng, 6, 2)
    mask = random_mask(rng, 5, 6)
    keys, queries = torch.from_numpy(rng.permutation(6)), torch.tensor([3, 0, 4, 2, 1])
    expected = weights(Q, K, mask) @ V
    moved = solution.sdpa(Q, K[keys], V[keys], mask[:, keys])
    assert_close(moved, expected, why="The keys, their values and the mask's columns were put in another order.")
    moved = solution.sdpa(Q[queries], K, V, mask[queries])
    assert_close(moved, expected[queries], why="The queries and the mask's rows were put in another order.")


def test_leading_axes(solution, rng):
    """Every index of the leading axes is an attention of its own"""
    for leading in ((), (1,), (4,), (2, 3)):
        Q, K, V = (randn(rng, *leading, n, d) for n, d in ((3, 5), (4, 5), (4, 2)))
        mask = random_mask(rng, *leading, 3, 4)
        why = f"The leading axes are {leading}."
        assert_close(solution.sdpa(Q, K, V, mask), weights(Q, K, mask) @ V, why=why)


def test_mask(solution, rng):
    """The mask keeps the keys where it is True, and their weights sum to one"""
    Q, K, V, mask = randn(rng, 5, 6), randn(rng, 7, 6), randn(rng, 7, 3), random_mask(rng, 5, 7)
    actual = solution.sdpa(Q, K, V, mask)
    # Independent of how a mask is made: each query alone, with only the keys that it may look at.
    rows = [weights(Q[i : i + 1], K[mask[i]]) @ V[mask[i]] for i in range(5)]
    assert_close(actual, torch.cat(rows), why="A query with hidden keys must give what it gives without those keys.")


def test_mask_broadcasts(solution, rng):
    """A mask may be smaller than the scores: one for all queries, all keys or all heads"""
    Q, K, V = randn(rng, 2, 3, 4, 6), randn(rng, 2, 3, 5, 6), randn(rng, 2, 3, 5, 2)
    for shape in ((5,), (4, 5), (2, 1, 1, 5), (3, 1, 5), (2, 1, 4, 5)):
        mask = random_mask(rng, *shape)
        assert_close(solution.sdpa(Q, K, V, mask), weights(Q, K, mask) @ V, why=f"The mask has the shape {shape}.")
    # One truth value for all keys of a query: it looks at all of them or at none.
    mask = torch.tensor([[True], [False], [True], [True]])
    assert_close(solution.sdpa(Q, K, V, mask), weights(Q, K, mask) @ V, why="The mask has the shape (4, 1).")


def test_nothing_to_look_at(solution, rng):
    """A query that may look at no key gives zeros and leaves the others alone"""
    Q, K, V, mask = randn(rng, 2, 4, 3), randn(rng, 2, 5, 3), randn(rng, 2, 5, 6), random_mask(rng, 2, 4, 5)
    mask[0, 1] = mask[1, 3] = False
    actual = solution.sdpa(Q, K, V, mask)
    why = "Rows [0, 1] and [1, 3] of the mask are False throughout: they give zeros."
    assert_close(actual, weights(Q, K, mask) @ V, why=why)
    actual = solution.sdpa(Q, K[:, :0], V[:, :0])
    expected = torch.zeros(2, 4, 6, dtype=torch.float64)
    assert_close(actual, expected, what="the result for n_k = 0", why="There is no key to look at: zeros.")


def test_large_scores(solution):
    """Scores of 10,000 and of -10,000, in different rows, neither overflow nor vanish"""
    S = torch.tensor([[10000, 9998, 9999], [-10000, -10001, -9999], [2, 0, 1], [10000, -10000, 0], [800, 799, -800]])
    for dtype in (torch.float64, torch.float32):
        K, V = torch.eye(3, 4, dtype=dtype), torch.tensor([[1, -2], [3, 5], [-4, 7]], dtype=dtype)
        Q = torch.nn.functional.pad(2 * S, (0, 1)).to(dtype)
        actual = solution.sdpa(Q, K, V)
        expected = weights(Q.double(), K.double()) @ V.double()
        why = f"The rows of scores are {S.tolist()}; each needs a care of its own (in {dtype})."
        assert_close(actual, expected.to(dtype), why=why)


def test_hidden_keys_never_win(solution):
    """A hidden key has no weight even where the others score far lower"""
    S = torch.tensor([[-20000.0, 5, -20001], [-9000, -30000, 10000], [-1e6, -1e6 - 1, 1e6]], dtype=torch.float64)
    mask = torch.tensor([[True, False, True], [True, True, False], [True, True, False]])
    Q, K = torch.nn.functional.pad(2 * S, (0, 1)), torch.eye(3, 4, dtype=torch.float64)
    V = torch.tensor([[1.0, -2], [300, 500], [-4, 7]], dtype=torch.float64)
    why = "The keys that are left score about -20,000, -9,000 and -1,000,000; the hidden ones 5, 10,000 and 1,000,000."
    assert_close(solution.sdpa(Q, K, V, mask), weights(Q, K, mask) @ V, why=why)


def test_gradients(solution, rng):
    """The gradients of queries, keys and values have the right values, with and without a mask"""
    Q, K, V = randn(rng, 2, 4, 6), randn(rng, 2, 5, 6), randn(rng, 2, 5, 3)
    G = randn(rng, 2, 4, 3)
    some = random_mask(rng, 2, 4, 5)
    blind = some.clone()
    blind[1, 2] = False
    for mask, why in ((None, ""), (some, "With a mask."), (blind, "One query may look at no key here.")):
        _, actual = vjp(solution.sdpa, Q, K, V, mask, cotangent=G, wrt=(0, 1, 2))
        # The backward pass by hand: dS = A * (dA - sum(dA * A)), with dA = G Vᵀ.
        A, dA = weights(Q, K, mask), G @ V.mT
        dS = A * (dA - (dA * A).sum(-1, keepdim=True)) / 6**0.5
        assert_gradients(actual, [dS @ K, dS.mT @ Q, A.mT @ G], ("Q", "K", "V"), why=why)


def test_inputs_and_dtype(solution, rng):
    """float32 stays float32, and the arguments are neither changed nor asked to be contiguous"""
    Q, K, V = (randn(rng, 2, d, n).float().mT for n, d in ((4, 3), (5, 3), (5, 6)))
    mask = random_mask(rng, 4, 5)
    actual = assert_unchanged(solution.sdpa, Q, K, V, mask)
    expected = weights(Q.double(), K.double(), mask) @ V.double()
    assert_close(actual, expected.float(), why="Q, K and V are transposed views here.")


def test_small_sizes(solution, rng):
    """One key, one query, one feature, no query"""
    Q, K, V = randn(rng, 3, 4), randn(rng, 1, 4), randn(rng, 1, 2)
    assert_close(solution.sdpa(Q, K, V), V.expand(3, 2), why="There is one key: every query gets its value.")
    Q, K, V = randn(rng, 1, 1), randn(rng, 3, 1), randn(rng, 3, 1)
    assert_close(solution.sdpa(Q, K, V), weights(Q, K) @ V, why="Here n_q = 1 and d_k = d_v = 1.")
    empty = observe(solution.sdpa, randn(rng, 2, 0, 4), randn(rng, 2, 3, 4), randn(rng, 2, 3, 5)).value
    assert_close(empty, torch.zeros(2, 0, 5, dtype=torch.float64), what="the result for n_q = 0")
