"""Hidden suite of attention/local_sparse.

Masks are compared exactly, with masks built here one entry at a time. Random inputs of `banded` are float64 and
compared at 1e-9 (relative) + 1e-12 with each query attending alone to the keys it may see: right orders of operations
differ by about 1e-15. The float32 checks allow 1e-5 + 1e-6, some fifty roundings. No check is statistical: none fails
a right solution by chance. The memory of the long text is measured from outside: one table of n × n bools has the
size of the limit.
"""

import math

import numpy as np
import torch

from grader.testing import assert_close, assert_equal, assert_gradients, assert_unchanged, vjp

INF = math.inf


def randn(rng, *shape):
    return torch.from_numpy(rng.standard_normal(shape))


def window_mask(n_q, n_k, window, dilation=1, causal=True):
    """One entry at a time: is the distance one of 0, dilation, ... (window - 1) dilation?"""
    mask = torch.zeros(n_q, n_k, dtype=torch.bool)
    for i in range(n_q):
        for j in range(n_k):
            steps, rest = divmod(i + n_k - n_q - j, dilation)
            mask[i, j] = rest == 0 and steps < window and -steps < (1 if causal else window)
    return mask


def blocks_mask(layout, block, n_q, n_k):
    rows = [[bool(layout[i // block, j // block]) for j in range(n_k)] for i in range(n_q)]
    return torch.tensor(rows)


def each_alone(Q, K, V, window):
    """Each query alone, with a softmax over just the keys that it may see."""
    rows = []
    for i in range(Q.shape[-2]):
        first = int(max(0, i + 1 - window))
        S = (K[..., first : i + 1, :] * Q[..., i : i + 1, :]).sum(-1) / Q.shape[-1] ** 0.5
        E = (S - S.amax(-1, keepdim=True)).exp()
        rows.append(((E / E.sum(-1, keepdim=True))[..., None] * V[..., first : i + 1, :]).sum(-2))
    return torch.stack(rows, dim=-2)


def rows_of(text):
    return torch.tensor([[mark == "1" for mark in row] for row in text.split()])


def test_by_hand(solution, rng):
    """The examples of the statement come out"""
    window = [
        (solution.sliding(4, 4, 2), "1000 1100 0110 0011", "sliding(4, 4, 2)"),
        (solution.sliding(2, 5, 2), "00110 00011", "sliding(2, 5, 2)"),
        (solution.sliding(5, 5, 2, dilation=2)[4:], "00101", "the last row of sliding(5, 5, 2, dilation=2)"),
        (solution.sliding(1, 5, 2, causal=False), "00011", "sliding(1, 5, 2, causal=False)"),
    ]
    layout = torch.tensor([[True, False, True], [False, True, False]])
    blocks = solution.block_sparse(layout, 2, 3, 5)
    still, V = torch.zeros(3, 2, dtype=torch.float64), torch.tensor([[2.0], [4], [8]], dtype=torch.float64)
    average = solution.banded(still, still, V, 2)
    other = solution.sliding(4, 9, 3, dilation=2), solution.sliding(4, 9, 3, dilation=2, causal=False)
    layout = torch.tensor([[True, False, False], [True, True, False], [False, False, True]])
    square = solution.block_sparse(layout, 3, 8, 7)
    Q, K, V7 = randn(rng, 7, 3), randn(rng, 7, 3), randn(rng, 7, 2)
    weighted = solution.banded(Q, K, V7, 3)
    for actual, text, what in window:
        assert_equal(actual, rows_of(text), what=what)
    assert_equal(blocks, rows_of("11001 11001 00110"), what="the block mask of the statement")
    expected = torch.tensor([[2.0], [3], [6]], dtype=torch.float64)
    assert_close(average, expected, what="the result of banded with Q = K = 0 and window = 2")
    # Those are in the statement; these had to be worked out.
    assert_equal(other[0], window_mask(4, 9, 3, 2), what="sliding(4, 9, 3, dilation=2)")
    assert_equal(other[1], window_mask(4, 9, 3, 2, False), what="sliding(4, 9, 3, dilation=2, causal=False)")
    assert_equal(square, blocks_mask(layout, 3, 8, 7), what="a block mask for 8 queries and 7 keys, in blocks of 3")
    assert_close(weighted, each_alone(Q, K, V7, 3), what="the result of banded for 7 tokens and window = 3")


def test_window(solution):
    """A causal window shows the query's own place and window - 1 keys before it"""
    for n_q, n_k, window in ((7, 7, 3), (5, 5, 1), (4, 9, 3), (1, 6, 4), (6, 6, 6), (3, 5, 11), (1, 1, 1)):
        actual = solution.sliding(n_q, n_k, window)
        assert_equal(actual, window_mask(n_q, n_k, window), what=f"sliding({n_q}, {n_k}, {window})")


def test_both_sides(solution):
    """With causal=False the same distances are seen on both sides"""
    for n_q, n_k, window, dilation in ((7, 7, 3, 1), (5, 5, 1, 1), (3, 9, 4, 1), (8, 8, 2, 3), (6, 10, 3, 2)):
        actual = solution.sliding(n_q, n_k, window, dilation, causal=False)
        what = f"sliding({n_q}, {n_k}, {window}, {dilation}, causal=False)"
        assert_equal(actual, window_mask(n_q, n_k, window, dilation, False), what=what)


def test_dilation(solution):
    """A dilated window has as many keys, spread out"""
    for n_q, n_k, window, dilation in ((9, 9, 3, 2), (10, 10, 2, 4), (4, 11, 3, 3), (7, 7, 1, 2), (6, 6, 5, 7)):
        actual = solution.sliding(n_q, n_k, window, dilation=dilation)
        expected = window_mask(n_q, n_k, window, dilation)
        assert_equal(actual, expected, what=f"sliding({n_q}, {n_k}, {window}, dilation={dilation})")


def test_cache(solution):
    """Fewer queries than keys: the mask is the last rows of the square one"""
    for window, dilation, causal in ((3, 1, True), (2, 2, True), (3, 2, False), (INF, 1, True)):
        square = solution.sliding(9, 9, window, dilation, causal)
        for n_q in (1, 4, 8):
            part = solution.sliding(n_q, 9, window, dilation, causal)
            why = f"The {n_q} queries are the last of 9 places; window = {window}, {dilation = }, {causal = }."
            assert_equal(part, square[9 - n_q :], what=f"the mask for {n_q} queries and 9 keys", why=why)
        assert_equal(square, window_mask(9, 9, window, dilation, causal), what="the mask for 9 queries and 9 keys")


def test_endless_window(solution):
    """window = inf is dense attention"""
    for n_q, n_k in ((6, 6), (3, 8)):
        actual = solution.sliding(n_q, n_k, INF)
        expected = torch.ones(n_q, n_k, dtype=torch.bool).tril(n_k - n_q)
        assert_equal(actual, expected, what=f"sliding({n_q}, {n_k}, inf)", why="Every key up to the query is visible.")
        both = solution.sliding(n_q, n_k, INF, causal=False)
        assert_equal(both, torch.ones(n_q, n_k, dtype=torch.bool), what=f"sliding({n_q}, {n_k}, inf, causal=False)")
    combed = solution.sliding(6, 6, INF, dilation=3)
    assert_equal(combed, window_mask(6, 6, INF, 3), what="sliding(6, 6, inf, dilation=3)")


def test_cost(solution):
    """The number of scores is n · window, less the corner where the text begins"""
    for n, window, dilation in ((20, 5, 1), (31, 4, 3), (16, 1, 2)):
        count = int(solution.sliding(n, n, window, dilation).sum())
        # Query i has min(window, i // dilation + 1) keys.
        expected = sum(min(window, i // dilation + 1) for i in range(n))
        what = f"the number of scores of {n} tokens with window = {window} and dilation = {dilation}"
        assert_equal(count, expected, what=what)


def test_receptive_field(solution):
    """After L layers a token has heard from L(window - 1) places back; growing dilations leave no gap"""
    layer = solution.sliding(16, 16, 4).int()
    for layers, heard in ((2, layer @ layer), (3, layer @ layer @ layer)):
        expected = window_mask(16, 16, layers * 3 + 1)
        assert_equal(heard > 0, expected, what=f"who has heard from whom after {layers} layers of window 4")
    layers = [solution.sliding(30, 30, 3, dilation=dilation).int() for dilation in (1, 3, 9)]
    ways = layers[0] @ layers[1] @ layers[2]
    what = "the number of ways between two tokens, through windows of 3 with the dilations 1, 3 and 9"
    assert_equal(ways, window_mask(30, 30, 27).int(), what=what, why="27 places in all, each reached in just one way.")


def test_blocks(solution, rng):
    """Every entry of the layout stands for block × block tokens"""
    sizes = (((3, 3), 4, 12, 12), ((2, 4), 3, 6, 12), ((5, 2), 2, 10, 4), ((3, 2), 1, 3, 2))
    for (rows, columns), block, n_q, n_k in sizes:
        layout = torch.from_numpy(rng.random((rows, columns)) < 0.5)
        layout[0, -1], layout[-1, 0] = True, False
        actual = solution.block_sparse(layout, block, n_q, n_k)
        what = f"the mask of a ({rows}, {columns}) layout in blocks of {block}"
        assert_equal(actual, blocks_mask(layout, block, n_q, n_k), what=what)


def test_blocks_cut_short(solution):
    """The last block may be cut short, and the layout may be larger than needed"""
    layout = rows_of("1001 0000 0110 1100")
    for block, n_q, n_k in ((3, 8, 11), (4, 13, 14), (5, 7, 16), (3, 4, 5), (6, 1, 1)):
        actual = solution.block_sparse(layout, block, n_q, n_k)
        what = f"the mask of {n_q} queries and {n_k} keys in blocks of {block}"
        why = "The layout is 4 by 4; its row 1 is False throughout, and stays so."
        assert_equal(actual, blocks_mask(layout, block, n_q, n_k), what=what, why=why)


def test_banded(solution, rng):
    """banded gives what attention with the window's mask gives"""
    for leading, n, window in (((), 9, 4), ((2,), 7, 3), ((2, 3), 5, 2), ((1, 4), 8, 5)):
        Q, K, V = randn(rng, *leading, n, 6), randn(rng, *leading, n, 6), randn(rng, *leading, n, 3)
        actual = solution.banded(Q, K, V, window)
        why = f"The leading axes are {leading}; n = {n} and window = {window}."
        assert_close(actual, each_alone(Q, K, V, window), what="the result of banded", why=why)


def test_banded_at_the_ends(solution, rng):
    """A window of one, one wider than the text, an endless one, and a text of one token"""
    Q, K, V = randn(rng, 2, 6, 3), randn(rng, 2, 6, 3), randn(rng, 2, 6, 4)
    for window in (1, 5, 6, 7, 40, INF):
        actual = solution.banded(Q, K, V, window)
        expected = each_alone(Q, K, V, window)
        assert_close(actual, expected, what=f"the result of banded for 6 tokens and window = {window}")
    single = solution.banded(Q[:, 2:3], K[:, 2:3], V[:, 2:3], 3)
    assert_close(single, V[:, 2:3], what="the result of banded for one token", why="It can only read itself.")


def test_banded_layers(solution, rng):
    """Through layers of banded a value travels window - 1 places a layer, and never back"""
    n, window = 12, 3
    Q, K = randn(rng, n, 4), randn(rng, n, 4)
    weights = torch.eye(n, dtype=torch.float64)
    for layers in (1, 2, 3):
        weights = solution.banded(Q, K, weights, window)
        expected = window_mask(n, n, layers * (window - 1) + 1)
        what = f"who has heard from whom after {layers} layers"
        assert_equal(weights > 0, expected, what=what, why="The identity is the value of the first layer; window = 3.")
        ones = torch.ones(n, dtype=torch.float64)
        assert_close(weights.sum(-1), ones, what=f"the sum of each token's weights after {layers} layers")


def test_large_scores(solution):
    """Scores of ±10,000, different from token to token, neither overflow nor vanish, at the beginning neither"""
    # Integers, and √d_k = 4 whose root is 2: every right order of operations makes the same scores.
    q = torch.tensor([-1.0, 1, -1, 0, 1, -1, 1])
    k = torch.tensor([40000.0, 39996, -40000, 6, -40004, 39992, 40000])
    Q, K = torch.zeros(7, 16), torch.zeros(7, 16)
    Q[:, 0], K[:, 0] = q, k
    V = torch.tensor([[1.0, -2], [3, 5], [-4, 7], [2, 2], [8, -1], [0, 6], [5, -3]])
    expected = each_alone(Q.double(), K.double(), V.double(), 3).float()
    why = "The scores of the seven tokens lie at -10,000, 10,000, ±10,000, 0 and so on."
    assert_close(solution.banded(Q, K, V, 3), expected, what="the result of banded", why=why)


def test_gradients(solution, rng):
    """The gradients of queries, keys and values have the right values"""
    for n, window in ((7, 3), (5, INF)):
        Q, K, V, G = randn(rng, 2, n, 6), randn(rng, 2, n, 6), randn(rng, 2, n, 4), randn(rng, 2, n, 4)
        _, actual = vjp(solution.banded, Q, K, V, window, cotangent=G, wrt=(0, 1, 2))
        leaves = [x.clone().requires_grad_() for x in (Q, K, V)]
        expected = torch.autograd.grad(each_alone(*leaves, window), leaves, G)
        assert_gradients(actual, list(expected), ("Q", "K", "V"), why=f"Here n = {n} and window = {window}.")


def test_inputs_and_dtype(solution, rng):
    """float32 stays float32, and the arguments are neither changed nor asked to be contiguous"""
    Q, K, V = (randn(rng, 2, d, 8).float().mT for d in (3, 3, 5))
    actual = assert_unchanged(solution.banded, Q, K, V, 3)
    expected = each_alone(Q.double(), K.double(), V.double(), 3).float()
    assert_close(actual, expected, what="the result of banded", why="Q, K and V are transposed views here.")
    layout = torch.from_numpy(rng.random((3, 4)) < 0.5).T
    mask = assert_unchanged(solution.block_sparse, layout, 2, 7, 6)
    assert_equal(mask, blocks_mask(layout, 2, 7, 6), what="the block mask", why="The layout is a transposed view here.")


def test_long_text(solution, rng):
    """banded reads 16,384 tokens without a table of 16,384 × 16,384"""
    n, window = 16384, 16
    Q, K, V = (torch.from_numpy(rng.standard_normal((n, 2), dtype=np.float32)) for _ in range(3))
    V = 1 + V.abs()  # averages of one sign: near 0 float32 would keep few digits, and two right orders would part
    actual = solution.banded(Q, K, V, window)
    index = torch.arange(n)[:, None] - torch.arange(window)
    S = (Q.double()[:, None] * K.double()[index.clamp(min=0)]).sum(-1) / 2**0.5
    A = torch.softmax(torch.where(index >= 0, S, -INF), dim=-1)
    expected = (A[..., None] * V.double()[index.clamp(min=0)]).sum(-2).float()
    assert_close(actual, expected, what="the result of banded for 16,384 tokens")
