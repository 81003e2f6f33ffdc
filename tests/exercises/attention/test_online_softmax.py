"""Hidden suite of attention/online_softmax.

Expected values come from the whole table of scores, made here in float64: softmax over the seen keys, and
torch.logsumexp. Random inputs are float64 and compared at 1e-9 (relative) + 1e-12, where another order of the sums
differs by about 1e-15. The checks with huge scores use integers and √d_k = 2, so that every right order of operations
makes exactly the same scores. The float32 checks allow 1e-5 + 1e-6; the one with 16,384 keys 1e-4 + 1e-4, since a
carried sum is rounded once for each block. Those with huge scores allow 1e-8 + 1e-9, as L is rounded at 10⁶ times
1e-16. No check is statistical: none fails a right solution by chance.
"""

import math

import numpy as np
import pytest
import torch

from grader.testing import Mismatch, assert_close, assert_equal, assert_unchanged


def randn(rng, *shape):
    return torch.from_numpy(rng.standard_normal(shape))


def draw(rng, n_q=3, n_k=7, d_k=4, d_v=2, leading=()):
    """Scores that are far from even, and not the largest at the beginning."""
    return tuple(2.0 * randn(rng, *leading, n, d) for n, d in ((n_q, d_k), (n_k, d_k), (n_k, d_v)))


def expect(Q, K, V, mask=None):
    """Attention and logsumexp from the whole table, row by row over the keys that are seen."""
    S = Q @ K.mT / math.sqrt(Q.shape[-1])
    seen = torch.ones(S.shape, dtype=torch.bool) if mask is None else mask.expand(S.shape)
    S = torch.where(seen, S, -math.inf)
    L = torch.logsumexp(S, dim=-1) if S.shape[-1] else S.sum(-1) - math.inf
    A = torch.exp(S - L.masked_fill(torch.isneginf(L), 0.0)[..., None])
    return A @ V, L


def run(solution, *args):
    """flash_forward's answer, where it has the right form."""
    return checked(solution.flash_forward(*args), *args[:3])


def checked(answer, Q, _, V):
    if not (isinstance(answer, tuple | list) and len(answer) == 2 and all(isinstance(t, torch.Tensor) for t in answer)):
        raise Mismatch("flash_forward has to return two tensors: (O, L).")
    O, L = answer
    assert_equal(tuple(O.shape), (*Q.shape[:-1], V.shape[-1]), what="the shape of O", why="O is (..., n_q, d_v).")
    assert_equal(tuple(L.shape), tuple(Q.shape[:-1]), what="the shape of L", why="L is (..., n_q).")
    return O, L


def compare(actual, expected, why, **tolerance):
    """Both results; where L holds infinities, these have to be in the same places."""
    O, L = actual
    if torch.isnan(O).any() or torch.isnan(L).any():
        raise Mismatch(f"There is a NaN in {'O' if torch.isnan(O).any() else 'L'}. {why}")
    if (torch.isinf(L) != torch.isinf(expected[1])).any():
        rows = (torch.isinf(L) != torch.isinf(expected[1])).nonzero()[0].tolist()
        wanted = "-inf: this query sees no key" if torch.isinf(expected[1][tuple(rows)]) else "finite"
        raise Mismatch(f"L is {L[tuple(rows)].item():g} at {rows}; it should be {wanted}. {why}")
    assert_close(O, expected[0], what="O", why=why, **tolerance)
    assert_close(L, expected[1], what="L", why=why, **tolerance)


def test_by_hand(solution, rng):
    """The example worked out by hand in the statement comes out"""
    Q, V = torch.ones(1, 1, dtype=torch.float64), torch.tensor([[8.0], [0], [16]], dtype=torch.float64)
    K = torch.tensor([[0.0], [math.log(2)], [math.log(5)]], dtype=torch.float64)
    hand = solution.flash_forward(Q, K, V, 2)
    turned = solution.flash_forward(Q, K.flip(0), V.flip(0), 2)
    other = solution.flash_forward(Q, K, V.flip(0), 2)
    # Random numbers, on which all mistakes differ: keys hidden from some rows, scores of some thousands.
    Q4, K4, V4 = draw(rng, n_q=4)
    mask = torch.ones(4, 7, dtype=torch.bool)
    mask[1, :3] = mask[1, 4] = mask[2, 5:] = mask[3] = False
    free, hidden = solution.flash_forward(Q4, K4, V4, 3), solution.flash_forward(Q4, K4, V4, 3, mask)
    steep = torch.tensor([[2000.0, 0], [-2000, 0], [0, 1]], dtype=torch.float64)
    places = torch.tensor([[-1.0, 0], [0, 3], [1, 1], [2, -1], [1.5, 0]], dtype=torch.float64)
    values = randn(rng, 5, 3)
    wild = solution.flash_forward(steep, places, values, 2)
    hint = "the three keys of the statement, in blocks of 2"
    compare(
        checked(hand, Q, K, V),
        (torch.full_like(Q, 11.0), torch.tensor([math.log(8)], dtype=torch.float64)),
        f"It is {hint}.",
    )
    compare(checked(turned, Q, K, V), (torch.full_like(Q, 11.0), torch.tensor([math.log(8)], dtype=torch.float64)),
            f"It is {hint}, in reverse order: the largest score comes first.")  # fmt: skip
    compare(checked(other, Q, K, V), (torch.full_like(Q, 7.0), torch.tensor([math.log(8)], dtype=torch.float64)),
            f"It is {hint}, with the values in reverse order.")  # fmt: skip
    compare(checked(free, Q4, K4, V4), expect(Q4, K4, V4), "Seven random keys in blocks of 3.")
    why = "Seven random keys in blocks of 3. From query 1 the first block is hidden, from query 3 every key."
    compare(checked(hidden, Q4, K4, V4), expect(Q4, K4, V4, mask), why)
    why = "Scores of some ±3000: in one row the largest comes late, in another early."
    compare(checked(wild, steep, places, values), expect(steep, places, values), why)


def test_block_sizes(solution, rng):
    """The block size changes nothing, whether it divides the number of keys or not"""
    for n_k in (7, 6):
        Q, K, V = draw(rng, n_k=n_k)
        for block in (1, 2, 3, 4, 5, n_k, n_k + 1, 100):
            compare(run(solution, Q, K, V, block), expect(Q, K, V), f"{n_k} keys in blocks of {block}.")


def test_logsumexp(solution, rng):
    """L is the logsumexp of the scaled scores: exp(s - L) are the weights"""
    Q, K, V = draw(rng, n_q=4, n_k=9, d_v=5)
    _, L = run(solution, Q, K, V, 4)
    A = torch.exp(Q @ K.mT / 2 - L[:, None])
    ones = torch.ones(4, dtype=torch.float64)
    assert_close(
        A.sum(-1),
        ones,
        what="the sum of exp(s - L) over the keys",
        why="With the right L these are weights, and sum to 1.",
    )
    assert_close(L, expect(Q, K, V)[1], what="L", why="Nine keys in blocks of 4.")


def test_weights(solution, rng):
    """With the identity for V the result is the weights: they are positive and their rows sum to 1"""
    Q, K, _ = draw(rng, n_k=8)
    A, _ = run(solution, Q, K, torch.eye(8, dtype=torch.float64), 3)
    assert (A > 0).all(), "V is the identity, so O is the weights, and some of them are not positive."
    ones = torch.ones(3, dtype=torch.float64)
    assert_close(A.sum(-1), ones, what="the sum of each query's weights", why="V is the identity, so O is the weights.")
    assert_close(A, expect(Q, K, torch.eye(8, dtype=torch.float64))[0], what="the weights")


def test_order_of_keys(solution, rng):
    """The keys may come in any order, with their values: rising scores, falling scores"""
    Q, K, V = draw(rng, n_q=1, n_k=10)
    order = (Q @ K.T).flatten().argsort()
    for name, index in (
        ("rising", order),
        ("falling", order.flip(0)),
        ("random", torch.from_numpy(rng.permutation(10))),
    ):
        why = f"Scores in {name} order, in blocks of 3."
        compare(run(solution, Q, K[index], V[index], 3), expect(Q, K, V), why)


def test_parts_of_a_text(solution, rng):
    """Two halves of a text, read apart, are put together by their L"""
    Q, K, V = draw(rng, n_q=4, n_k=11, d_v=3)
    parts = [run(solution, Q, K[cut], V[cut], 3) for cut in (slice(0, 5), slice(5, 11))]
    L = torch.logaddexp(parts[0][1], parts[1][1])
    O = sum(torch.exp(own - L)[:, None] * part for part, own in parts)
    why = "Keys 0 to 4 and 5 to 10 were read in two calls, and put together as Σ exp(L_part - L) O_part."
    compare((O, L), expect(Q, K, V), why)


def test_large_scores(solution, rng):
    """Scores of ±10⁶, differently in each row, neither overflow nor vanish"""
    Q = torch.tensor(
        [[2e6, 0, 0, 0], [-2e6, 0, 0, 0], [0, 2, 0, 0], [2e4, 0, 0, 2], [0, 0, -2e5, 0]], dtype=torch.float64
    )
    K = torch.tensor(
        [[-1.0, 1, 0, 1], [0, 2, 1, 1], [1, 0, -1, 0], [1, 3, 2, 2], [-1, 0, -1, 1], [0, 1, 2, 0], [1, 1, 1, 0]],
        dtype=torch.float64,
    )
    V = randn(rng, 7, 3)
    for block in (1, 2, 3, 7):
        compare(
            run(solution, Q, K, V, block),
            expect(Q, K, V),
            f"Scores from -10⁶ to 10⁶ in blocks of {block}.",
            rtol=1e-8,
            atol=1e-9,
        )
    far = torch.tensor([[-1000.0, 1000, 1000, 1000]], dtype=torch.float64)
    low = K + torch.tensor([3.0, -3, -3, -3], dtype=torch.float64)
    compare(
        run(solution, far, low, V, 2),
        expect(far, low, V),
        "All scores of the row are below -2000: l must not become 0.",
    )


def test_mask(solution, rng):
    """Hidden keys have no part, whatever their block"""
    Q, K, V = draw(rng, n_q=6, n_k=8)
    mask = torch.from_numpy(rng.random((6, 8)) < 0.6)
    mask[torch.arange(6), torch.tensor([0, 7, 3, 5, 2, 6])] = True
    mask[0, 1:] = mask[1, :7] = mask[2, :3] = False
    for block in (1, 3, 4, 8):
        compare(run(solution, Q, K, V, block, mask), expect(Q, K, V, mask), f"A random mask, blocks of {block}.")
    causal = torch.ones(6, 8, dtype=torch.bool).tril(2)
    compare(run(solution, Q, K, V, 3, causal), expect(Q, K, V, causal), "A causal mask, blocks of 3.")


def test_hidden_blocks(solution, rng):
    """Blocks may be hidden whole, the first ones, too; a query without any key has O = 0 and L = -∞"""
    Q, K, V = draw(rng, n_q=4, n_k=8)
    mask = torch.zeros(4, 8, dtype=torch.bool)
    mask[0, 6], mask[1, 1], mask[2, 2:5] = True, True, True
    for block in (2, 3, 8):
        why = f"Query 0 sees key 6 only, query 1 key 1, query 2 the keys 2 to 4, query 3 none; blocks of {block}."
        compare(run(solution, Q, K, V, block, mask), expect(Q, K, V, mask), why)


def test_hidden_and_large(solution, rng):
    """A hidden score far above those that are seen changes nothing"""
    Q, K, V = draw(rng, n_q=3, n_k=7)
    mask = torch.ones(3, 7, dtype=torch.bool)
    mask[0, 4] = mask[1, 4] = mask[2, 0] = mask[2, 4] = False
    Q = Q.abs()
    K[4] = 5000.0
    K[0] = K[0] + 3000.0
    why = "Scores of 3000 and more are hidden, those that are seen lie about 0: hide before the maximum is taken."
    for block in (2, 3):
        compare(run(solution, Q, K, V, block, mask), expect(Q, K, V, mask), why, rtol=1e-8, atol=1e-9)


def test_leading_axes(solution, rng):
    """Every index of the leading axes is an attention of its own, under the same mask"""
    mask = torch.ones(3, 7, dtype=torch.bool).tril(3)
    for leading in ((1,), (4,), (2, 5)):
        Q, K, V = draw(rng, leading=leading)
        for m in (None, mask):
            why = f"The leading axes are {leading}" + (", with a mask." if m is not None else ".")
            compare(run(solution, Q, K, V, 3, m), expect(Q, K, V, m), why)


def test_inputs_and_dtype(solution, rng):
    """float32 stays float32, and the arguments are neither changed nor asked to be contiguous"""
    mask = torch.ones(3, 7, dtype=torch.bool).tril(3)
    Q, K, V = (t.float().mT.contiguous().mT for t in draw(rng, leading=(2,)))
    O, L = expect(Q.double(), K.double(), V.double(), mask)
    actual = checked(assert_unchanged(solution.flash_forward, Q, K, V, 3, mask), Q, K, V)
    compare(actual, (O.float(), L.float()), "Q, K and V are transposed views here, in float32.")


def test_small_sizes(solution, rng):
    """One query, one key, one feature, no query, no key"""
    for n_q, n_k, d_k, d_v in ((1, 1, 1, 1), (1, 5, 2, 1), (4, 1, 1, 3), (0, 4, 2, 3), (3, 0, 2, 4)):
        Q, K, V = draw(rng, n_q=n_q, n_k=n_k, d_k=d_k, d_v=d_v)
        why = f"n_q = {n_q}, n_k = {n_k}, d_k = {d_k}, d_v = {d_v}, blocks of 2."
        compare(run(solution, Q, K, V, 2), expect(Q, K, V), why)


@pytest.mark.last
def test_memory(solution, rng):
    """3,000 queries read 16,384 keys without a table of 3,000 × 16,384"""
    # Tables of a block are large enough to be given back at once: small results kept beside them split no free memory.
    n_q, n_k = 3000, 16384
    Q, K, V = (
        torch.from_numpy(rng.standard_normal((n, d), dtype=np.float32)) for n, d in ((n_q, 4), (n_k, 4), (n_k, 3))
    )
    O, L = run(solution, Q, K, V, 3072)
    rows = torch.from_numpy(rng.choice(n_q, 40, replace=False))
    expected = expect(Q[rows].double(), K.double(), V.double())
    why = "3,000 queries, 16,384 keys, blocks of 3,072; 40 of the rows are looked at."
    compare((O[rows], L[rows]), tuple(t.float() for t in expected), why, rtol=1e-4, atol=1e-4)
