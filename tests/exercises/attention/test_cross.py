"""Hidden suite of attention/cross.

Expected values are worked out here one sequence and one head at a time, with the padding cut out of the memory: no
mask is ever applied. Random inputs are float64 and compared at 1e-9 (relative) + 1e-12, where right orders of
operations differ by some 1e-15. The float32 check allows 1e-4 relative + 1e-5: four products of width up to 9 and a
softmax, each rounding at 6e-8. No check is statistical.
"""

import math

import torch

from grader.testing import assert_close, assert_gradients, assert_unchanged, vjp

NAMES = ("W_q", "W_k", "W_v", "W_o")


def randn(rng, *shape):
    return torch.from_numpy(rng.standard_normal(shape))


def sides(rng, batch=2, n=4, m=5, d_model=6, d_mem=3, d_attn=8):
    """x, memory and the four weights, large enough that the attention is far from even."""
    shapes = ((d_model, d_attn), (d_mem, d_attn), (d_mem, d_attn), (d_attn, d_model))
    return (
        randn(rng, batch, n, d_model),
        randn(rng, batch, m, d_mem),
        [randn(rng, *s) * 1.4 / s[0] ** 0.5 for s in shapes],
    )


def by_heads(x, memory, mem_mask, weights, n_heads):
    """One sequence and one head at a time, over the real tokens of the memory alone."""
    W_q, W_k, W_v, W_o = weights
    d_head = W_q.shape[1] // n_heads
    rows = []
    for b in range(len(x)):
        real = memory[b] if mem_mask is None else memory[b][mem_mask[b]]
        heads = []
        for h in range(n_heads):
            own = slice(h * d_head, (h + 1) * d_head)
            S = (x[b] @ W_q[:, own]) @ (real @ W_k[:, own]).T / math.sqrt(d_head)
            E = (S - S.detach().amax(-1, keepdim=True)).exp() if len(real) else S
            heads.append((E / E.sum(-1, keepdim=True)) @ (real @ W_v[:, own]))
        rows.append(torch.cat(heads, dim=-1) @ W_o)
    return torch.stack(rows)


def some_real(rng, batch, m):
    """Masks with at least one real token and at least one of padding, not the same in any two neighbouring rows."""
    mask = torch.zeros(batch, m, dtype=torch.bool)
    for b in range(batch):
        mask[b, torch.from_numpy(rng.permutation(m))[: 1 + (b + int(rng.integers(1, 3))) % (m - 1)]] = True
    return mask


def test_by_hand(solution, rng):
    """The example of the statement comes out, and random ones worked out head by head"""
    eye = torch.eye(2, dtype=torch.float64)
    x = torch.tensor([[[math.log(3), 0]]], dtype=torch.float64)
    memory = torch.tensor([[[1.0, 4], [0, 8], [9, 9]]], dtype=torch.float64)
    real = torch.tensor([[True, True, False]])
    actual = solution.cross(x, memory, real, math.sqrt(2) * eye, eye, eye, eye, 1)
    swapped = solution.cross(x, memory[:, [1, 0, 2]], real, math.sqrt(2) * eye, eye, eye, eye, 1)
    # Random numbers of many sizes, on which all mistakes differ: general, all sizes alike, as many sequences as heads.
    cases = []
    for sizes, n_heads in (
        ({}, 4),
        ({"batch": 3, "n": 4, "m": 4, "d_model": 6, "d_mem": 6, "d_attn": 6}, 3),
        ({"batch": 4, "n": 4, "m": 4, "d_model": 6, "d_mem": 6, "d_attn": 8}, 4),
    ):
        *inputs, weights = sides(rng, **sizes)
        for mask in (None, some_real(rng, len(inputs[0]), inputs[1].shape[1])):
            cases.append((inputs, mask, weights, n_heads, solution.cross(*inputs, mask, *weights, n_heads)))
    expected = torch.tensor([[[0.75, 5.0]]], dtype=torch.float64)
    assert_close(actual, expected)
    assert_close(swapped, expected, what="the result with the first two tokens of the memory swapped")
    for (x, memory), mask, weights, n_heads, own in cases:
        why = f"x has the shape {tuple(x.shape)}, the memory {tuple(memory.shape)}, and there are {n_heads} heads"
        why += "." if mask is None else f"; mem_mask = {mask.int().tolist()} (1 is a real token)."
        assert_close(own, by_heads(x, memory, mask, weights, n_heads), why=why)


def test_values(solution, reference, rng):
    """The result equals attention sequence by sequence and head by head"""
    for n_heads in (2, 1, 4, 8):
        x, memory, weights = sides(rng)
        actual = solution.cross(x, memory, None, *weights, n_heads)
        assert_close(actual, by_heads(x, memory, None, weights, n_heads), why=f"n_heads = {n_heads}, d_attn = 8.")
    assert_close(actual, reference.cross(x, memory, None, *weights, 8), what="the result beside the reference's")


def test_sides(solution, rng):
    """Queries come from x, keys and values from the memory, also where all sizes are alike"""
    for n, m, width in ((4, 4, 6), (3, 5, 6), (5, 3, 6)):
        x, memory, weights = sides(rng, n=n, m=m, d_model=width, d_mem=width, d_attn=width)
        actual = solution.cross(x, memory, None, *weights, 3)
        assert_close(
            actual, by_heads(x, memory, None, weights, 3), why=f"n = {n}, m = {m}, and all widths are {width}."
        )


def test_each_token_by_itself(solution, rng):
    """Every token of x asks by itself: alone it gets what it gets beside others"""
    x, memory, weights = sides(rng, n=5)
    real = some_real(rng, 2, 5)
    together = solution.cross(x, memory, real, *weights, 2)
    for i in range(5):
        alone = solution.cross(x[:, i : i + 1], memory, real, *weights, 2)
        assert_close(together[:, i : i + 1], alone, what=f"the row of token {i} of x", why="Asked alone it differs.")
    assert_close(together, by_heads(x, memory, real, weights, 2))


def test_order_of_memory(solution, rng):
    """The order of the memory does not matter, if its mask goes with it"""
    x, memory, weights = sides(rng, n=4, m=6)
    real = some_real(rng, 2, 6)
    order = torch.tensor([4, 2, 5, 0, 3, 1])
    expected = by_heads(x, memory, real, weights, 4)
    moved = solution.cross(x, memory[:, order], real[:, order], *weights, 4)
    assert_close(moved, expected, why="The tokens of the memory were put in another order, and mem_mask with them.")


def test_padding_does_not_matter(solution, rng):
    """Padding changes nothing: not how much there is, nor what it holds, nor where it stands"""
    x, memory, weights = sides(rng, n=3, m=4)
    expected = by_heads(x, memory, None, weights, 2)
    for junk in (0.0, 1.0, -1e7, 1e7):
        for places in ((4, 5), (0, 1), (1, 4)):
            padded, real = torch.full((2, 6, 3), junk, dtype=torch.float64), torch.ones(2, 6, dtype=torch.bool)
            real[:, list(places)] = False
            padded[:, real[0]] = memory
            actual = solution.cross(x, padded, real, *weights, 2)
            why = f"Two tokens of padding were put at {places}; they hold {junk:g}."
            assert_close(actual, expected, rtol=1e-9, atol=1e-11, why=why)


def test_each_sequence_its_own_padding(solution, rng):
    """Each sequence has its own padding, the same for all its queries and heads"""
    for batch, n, m, n_heads in ((3, 4, 5, 2), (2, 4, 5, 2), (4, 4, 4, 4), (1, 3, 5, 2), (3, 3, 5, 4)):
        x, memory, weights = sides(rng, batch=batch, n=n, m=m)
        real = some_real(rng, batch, m)
        why = f"batch = {batch}, n = {n}, m = {m}, n_heads = {n_heads}; mem_mask = {real.int().tolist()}."
        assert_close(
            solution.cross(x, memory, real, *weights, n_heads), by_heads(x, memory, real, weights, n_heads), why=why
        )


def test_nothing_hidden_but_padding(solution, rng):
    """Every token of x sees the whole memory: the first one the last, and the last one the first"""
    x, memory, weights = sides(rng, n=5, m=5)
    before = solution.cross(x, memory, None, *weights, 2)
    for j in (0, 4):
        other = memory.clone()
        other[:, j] += 1 + randn(rng, 2, 3)
        after = solution.cross(x, other, None, *weights, 2)
        for i in (0, 4):
            seen = (after[:, i] != before[:, i]).any()
            assert seen, f"Token {j} of the memory was changed, and the result of token {i} of x is just as before."
        assert_close(after, by_heads(x, other, None, weights, 2))


def test_large_scores(solution):
    """Huge scores, differently in each row, neither overflow nor lose to padding"""
    S = [[-20000, -20001, 5], [10000, 9999, 10000], [-(10**6), -(10**6) - 1, 10**6], [1, 2, 3], [800, 799, -800]]
    for dtype in (torch.float64, torch.float32):
        eye = torch.eye(4, dtype=dtype)
        x = torch.nn.functional.pad(2 * torch.tensor([S]), (0, 1)).to(dtype)
        W_v = torch.tensor([[1, -2, 0, 3], [3, 5, 1, 0], [-4, 7, 2, 1], [0, 0, 0, 0]], dtype=dtype)
        for real in (torch.tensor([[True, True, False]]), None):
            actual = solution.cross(x, eye[None, :3], real, eye, eye, W_v, eye, 1)
            double = [t.double() for t in (eye, eye, W_v, eye)]
            expected = by_heads(x.double(), eye[None, :3].double(), real, double, 1).to(dtype)
            why = f"The rows of scores are {S}; " + ("nothing" if real is None else "the last column") + " is padding."
            assert_close(actual, expected, why=why)


def test_nothing_to_read(solution, rng):
    """A sequence whose memory is all padding gives zeros, and the others are right"""
    x, memory, weights = sides(rng, batch=3)
    real = some_real(rng, 3, 5)
    real[1] = False
    actual = solution.cross(x, memory, real, *weights, 2)
    assert_close(actual, by_heads(x, memory, real, weights, 2), why="The memory of sequence 1 is all padding.")
    empty = solution.cross(x, memory[:, :0], None, *weights, 2)
    assert_close(empty, torch.zeros(3, 4, 6, dtype=torch.float64), what="the result for m = 0")


def test_gradients(solution, rng):
    """The gradients of x, the memory and all four weights have the right values"""
    for blind in (False, True):
        x, memory, weights = sides(rng, batch=3)
        real, G = some_real(rng, 3, 5), randn(rng, 3, 4, 6)
        real[1] = real[1] & (not blind)
        leaves = [t.clone().requires_grad_() for t in (x, memory, *weights)]
        expected = torch.autograd.grad(by_heads(leaves[0], leaves[1], real, leaves[2:], 4), leaves, G)
        _, actual = vjp(solution.cross, x, memory, real, *weights, 4, cotangent=G, wrt=(0, 1, 3, 4, 5, 6))
        why = "The memory of sequence 1 is all padding." if blind else "Each sequence has some padding."
        assert_gradients(actual, list(expected), ("x", "memory", *NAMES), why=why)


def test_inputs_and_dtype(solution, rng):
    """float32 stays float32, and the arguments are neither changed nor asked to be contiguous"""
    x, memory, weights = randn(rng, 2, 6, 4).float().mT, randn(rng, 2, 3, 5).float().mT, sides(rng)[2]
    weights = [W.T.contiguous().T.float() for W in weights]
    real = some_real(rng, 5, 2).T
    real[0] = True
    actual = assert_unchanged(solution.cross, x, memory, real, *weights, 4)
    expected = by_heads(x.double(), memory.double(), real, [W.double() for W in weights], 4).float()
    assert_close(actual, expected, rtol=1e-4, atol=1e-5, why="All arguments are transposed views here.")


def test_small_sizes(solution, rng):
    """One sequence, one token, no token"""
    for batch, n, m, n_heads in ((1, 1, 3, 2), (1, 3, 1, 4), (2, 0, 3, 2)):
        x, memory, weights = sides(rng, batch=batch, n=n, m=m)
        real = torch.ones(batch, m, dtype=torch.bool)
        why = f"batch = {batch}, n = {n}, m = {m}."
        expected = by_heads(x, memory, None, weights, n_heads) if n else torch.zeros(batch, 0, 6, dtype=torch.float64)
        assert_close(solution.cross(x, memory, real, *weights, n_heads), expected, why=why)
