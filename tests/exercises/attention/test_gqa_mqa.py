"""Hidden suite of attention/gqa_mqa.

Expected values are worked out here one sequence and one query head at a time, over the keys that the mask leaves.
Random inputs are float64 and compared at 1e-9 (relative) + 1e-12, where right orders of operations differ by about
1e-15; float32 has the default 1e-5 + 1e-6. The check with huge scores uses integers and √d_k = 2. No check is
statistical.
"""

import math

import torch

from grader.testing import LearnerError, Mismatch, assert_close, assert_gradients, assert_unchanged, vjp


def randn(rng, *shape):
    return torch.from_numpy(rng.standard_normal(shape))


def heads(rng, batch=2, h=6, g=2, n_q=4, n_k=5, d_k=3, d_v=7):
    return 1.5 * randn(rng, batch, h, n_q, d_k), 1.5 * randn(rng, batch, g, n_k, d_k), randn(rng, batch, g, n_k, d_v)


def random_mask(rng, *shape):
    """A mask in which every row hides at least one key and keeps at least one."""
    mask = torch.from_numpy(rng.random(shape) < 0.5)
    mask[..., 0], mask[..., -1] = True, False
    order = torch.from_numpy(rng.permuted(torch.arange(shape[-1]).expand(shape).numpy(), axis=-1))
    return mask.gather(-1, order)


def by_heads(Q, K, V, mask=None):
    """Each sequence and query head alone, with the keys and values of its group."""
    (b, h, n_q, d_k), (g, n_k) = Q.shape, K.shape[1:3]
    keep = torch.ones(b, h, n_q, n_k, dtype=torch.bool) if mask is None else mask.expand(b, h, n_q, n_k)
    rows = []
    for s in range(b):
        for i in range(h):
            c = i // (h // g)
            S = Q[s, i] @ K[s, c].T / math.sqrt(d_k)
            top = torch.where(keep[s, i], S, -math.inf).detach().amax(-1, keepdim=True)
            E = torch.where(keep[s, i], torch.where(keep[s, i], S - top, 0.0).exp(), 0.0)
            total = E.sum(-1, keepdim=True)
            rows.append(E / torch.where(total > 0, total, 1.0) @ V[s, c])
    return torch.stack(rows).unflatten(0, (b, h))


def by_blocks(W, n_heads, n_kv):
    """The mean of the blocks, column by column."""
    d_head, r = W.shape[1] // n_heads, n_heads // n_kv
    columns = []
    for c in range(n_kv):
        for e in range(d_head):
            columns.append(sum(W[:, (c * r + i) * d_head + e] for i in range(r)) / r)
    return torch.stack(columns, dim=1)


def test_by_hand(solution, rng):
    """The examples of the statement come out, and random ones worked out head by head"""
    Q = torch.tensor([math.log(3), 0, math.log(3), 0], dtype=torch.float64).reshape(1, 4, 1, 1)
    K = torch.tensor([[1.0, 0], [0, 1]], dtype=torch.float64).reshape(1, 2, 2, 1)
    V = torch.tensor([[4.0, 8], [0, 20]], dtype=torch.float64).reshape(1, 2, 2, 1)
    W = torch.tensor([[1.0, 2, 3, 4, 5, 6, 9, 8]], dtype=torch.float64)
    actual, pooled = solution.gqa(Q, K, V), solution.pool(W, 4, 2)
    inputs, mask, M = heads(rng), random_mask(rng, 2, 6, 4, 5), randn(rng, 5, 18)
    # Other numbers, on which all mistakes differ: six query heads of two groups, a mask for each head.
    plain, masked, other = solution.gqa(*inputs), solution.gqa(*inputs, mask), solution.pool(M, 6, 2)
    assert_close(
        actual.reshape(4), torch.tensor([5.0, 6, 15, 10], dtype=torch.float64), what="the answers of the four heads"
    )
    assert_close(pooled, torch.tensor([[2.0, 3, 7, 7]], dtype=torch.float64), what="the pooled weights")
    assert_close(plain, by_heads(*inputs), why="Random numbers: 6 query heads, 2 key-value heads.")
    assert_close(
        masked, by_heads(*inputs, mask), why="Random numbers: 6 query heads, 2 key-value heads, a mask for each head."
    )
    assert_close(other, by_blocks(M, 6, 2), what="the pooled weights", why="6 heads of 3 columns become 2.")


def test_groups(solution, reference, rng):
    """Neighbouring query heads share a key-value head, whatever the number of groups"""
    for h, g in ((6, 3), (6, 2), (8, 2), (4, 2), (12, 4)):
        inputs = heads(rng, h=h, g=g)
        actual = solution.gqa(*inputs)
        assert_close(actual, by_heads(*inputs), why=f"{h} query heads, {g} key-value heads: groups of {h // g}.")
    assert_close(actual, reference.gqa(*inputs), what="the result beside the reference's")


def test_multi_head(solution, rng):
    """As many key-value heads as query heads is multi-head attention"""
    inputs = heads(rng, h=3, g=3)
    Q, K, V = inputs
    expected = torch.softmax(Q @ K.mT / math.sqrt(3), -1) @ V
    assert_close(solution.gqa(*inputs), expected, why="3 query heads and 3 key-value heads.")


def test_multi_query(solution, rng):
    """A single key-value head is shared by all query heads"""
    inputs = heads(rng, h=5, g=1)
    Q, K, V = inputs
    expected = torch.softmax(Q @ K.mT / math.sqrt(3), -1) @ V  # broadcasting shares the one head
    assert_close(solution.gqa(*inputs), expected, why="5 query heads and 1 key-value head.")


def test_which_heads_see_a_change(solution, rng):
    """Changing one key-value head changes its group of query heads, and no other"""
    Q, K, V = heads(rng, h=6, g=3)
    before = solution.gqa(Q, K, V)
    for c in range(3):
        changed = [t.clone() for t in (K, V)]
        for t in changed:
            t[:, c] += 1 + randn(rng, *t[:, c].shape)
        after = solution.gqa(Q, *changed)
        moved = [i for i in range(6) if (after[:, i] != before[:, i]).any()]
        why = f"Key-value head {c} of 3 was changed; of 6 query heads {moved} moved, not {[2 * c, 2 * c + 1]}."
        assert moved == [2 * c, 2 * c + 1], why
        assert_close(after, by_heads(Q, *changed))


def test_mask(solution, rng):
    """The mask keeps keys where it is True: one for all, per sequence, or per query head"""
    inputs = heads(rng)
    for shape in ((5,), (4, 5), (2, 1, 1, 5), (6, 1, 5), (1, 6, 4, 5), (2, 6, 4, 5)):
        mask = random_mask(rng, *shape)
        assert_close(solution.gqa(*inputs, mask), by_heads(*inputs, mask), why=f"The mask has the shape {shape}.")


def test_nothing_to_look_at(solution, rng):
    """A query that may look at no key gives zeros in that head, and no NaN"""
    inputs, mask = heads(rng), random_mask(rng, 2, 6, 4, 5)
    mask[0, 1, 2] = mask[1, 4, 0] = False
    why = "Query 2 of head 1 in sequence 0 and query 0 of head 4 in sequence 1 see nothing."
    assert_close(solution.gqa(*inputs, mask), by_heads(*inputs, mask), why=why)


def test_large_scores(solution):
    """Huge scores, differently in each head and row, neither overflow nor vanish"""
    S = torch.tensor([[10000, 9998, 9999], [-10000, -10001, -9999], [2, 0, 1], [10**6, -(10**6), 0]])
    S = torch.stack([S, S.flip(0), S.roll(1, 0), S - 1])[None]
    for dtype in (torch.float64, torch.float32):
        Q = torch.nn.functional.pad(2 * S, (0, 1)).to(dtype)
        K = torch.eye(3, 4, dtype=dtype).repeat(1, 2, 1, 1)
        V = torch.tensor([[[1, -2], [3, 5], [-4, 7]], [[0, 9], [-6, 2], [8, 1]]], dtype=dtype)[None]
        for mask in (None, torch.tensor([True, True, False])):
            expected = by_heads(Q.double(), K.double(), V.double(), mask).to(dtype)
            assert_close(solution.gqa(Q, K, V, mask), expected, why=f"Scores between -10⁶ and 10⁶ (in {dtype}).")


def test_gradients(solution, rng):
    """The gradients have the right values; those of a shared head add up over its group"""
    blind = random_mask(rng, 2, 6, 4, 5)
    blind[1, 2, 3] = False
    for g, mask in ((2, None), (3, blind), (1, random_mask(rng, 4, 5))):
        inputs, G = heads(rng, g=g), randn(rng, 2, 6, 4, 7)
        leaves = [t.clone().requires_grad_() for t in inputs]
        expected = torch.autograd.grad(by_heads(*leaves, mask), leaves, G)
        _, actual = vjp(solution.gqa, *inputs, mask, cotangent=G, wrt=(0, 1, 2))
        why = f"6 query heads, {g} key-value heads" + (", one query sees nothing." if mask is blind else ".")
        assert_gradients(actual, list(expected), ("Q", "K", "V"), why=why)


def test_pool(solution, rng):
    """Pooled weights are the mean of each group's blocks of columns"""
    for n_heads, n_kv, d_head in ((6, 2, 5), (6, 3, 4), (4, 1, 3), (3, 3, 2)):
        W = randn(rng, 7, n_heads * d_head)
        why = f"{n_heads} heads of {d_head} columns become {n_kv}."
        actual = assert_unchanged(solution.pool, W, n_heads, n_kv)
        assert_close(actual, by_blocks(W, n_heads, n_kv), what="the pooled weights", why=why)
    W = randn(rng, 5, 12).float().T.contiguous().T
    expected = by_blocks(W.double(), 4, 2).float()
    assert_close(solution.pool(W, 4, 2), expected, what="the pooled weights", why="In float32, a transposed view.")


def test_pool_meets_gqa(solution, rng):
    """Where the heads of a group are alike already, the pooled model gives what the old one gave"""
    x, W_q = randn(rng, 2, 4, 6), randn(rng, 6, 12)
    W_k, W_v = (randn(rng, 6, 2, 3).repeat_interleave(2, dim=1).flatten(1) for _ in range(2))

    def split(t, n):
        return t.unflatten(-1, (n, -1)).transpose(1, 2)

    Q = split(x @ W_q, 4)
    old = solution.gqa(Q, split(x @ W_k, 4), split(x @ W_v, 4))
    new = solution.gqa(Q, split(x @ solution.pool(W_k, 4, 2), 2), split(x @ solution.pool(W_v, 4, 2), 2))
    assert_close(new, old, why="4 heads, of which 0 and 1 have the same keys and values, and so have 2 and 3.")
    assert_close(old, by_heads(Q, split(x @ W_k, 4), split(x @ W_v, 4)))


def refused(name, fn, *args, heads):
    """Calls, and asks for a ValueError."""
    try:
        fn(*args)
    except ValueError:
        return
    except LearnerError as error:
        raise Mismatch(f"{name} with {heads} raised {error.text}; asked is ValueError.") from None
    raise Mismatch(f"{name} accepts {heads}. It should raise ValueError.")


def test_uneven(solution, rng):
    """Numbers of heads that do not divide raise ValueError"""
    for h, g in ((6, 4), (5, 2), (2, 3)):
        names = f"{h} query heads and {g} key-value heads"
        refused("gqa", solution.gqa, *heads(rng, h=h, g=g), heads=names)
        refused("pool", solution.pool, randn(rng, 3, 30), h, g, heads=names)


def test_inputs_and_dtype(solution, rng):
    """float32 stays float32, and the arguments are neither changed nor asked to be contiguous"""
    shapes = ((2, 4, 6, 3), (2, 5, 2, 3), (2, 5, 2, 7))
    Q, K, V = (randn(rng, *shape).float().transpose(1, 2) for shape in shapes)
    mask = random_mask(rng, 4, 5)
    actual = assert_unchanged(solution.gqa, Q, K, V, mask)
    expected = by_heads(Q.double(), K.double(), V.double(), mask).float()
    assert_close(actual, expected, why="Q, K and V are transposed views here.")


def test_small_sizes(solution, rng):
    """One sequence, one query, one key, one feature, no query"""
    for batch, n_q, n_k, d_k, d_v in ((1, 1, 4, 2, 3), (1, 3, 1, 1, 1), (2, 1, 1, 3, 2)):
        inputs = heads(rng, batch=batch, n_q=n_q, n_k=n_k, d_k=d_k, d_v=d_v)
        why = f"batch = {batch}, n_q = {n_q}, n_k = {n_k}, d_k = {d_k}, d_v = {d_v}."
        assert_close(solution.gqa(*inputs), by_heads(*inputs), why=why)
    empty = solution.gqa(*heads(rng, n_q=0))
    assert_close(empty, torch.zeros(2, 6, 0, 7, dtype=torch.float64), what="the result for n_q = 0")
