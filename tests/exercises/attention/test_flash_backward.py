"""Hidden suite of attention/flash_backward.

The expected gradients come from a forward pass that is written here, over the whole table and over the seen keys only,
and is differentiated by torch's autograd in float64, on this side; no formula for the backward pass is used, except for
the 16,384 keys, where only some rows are looked at. O and L are that forward pass's. Random inputs are float64,
compared at 1e-9 (relative) + 1e-12, where another order of the sums differs by about 1e-15.
The checks with huge scores use integers and
√d_k = 2, so that every right order of operations makes the same scores; L is rounded at 10⁶ times 1e-16 there, and the
slopes are multiplied by up to 2·10⁶: what they allow stands beside them. The float32 checks allow 1e-5 + 1e-5, the long
one 1e-3 + 1e-4, as L itself is rounded there. No check is statistical: none fails a right solution by chance.
"""

import math

import pytest
import torch

from grader.testing import Mismatch, assert_close, assert_equal, observe

NAMES = ("dQ", "dK", "dV")


def randn(rng, *shape, dtype="float64"):
    return torch.from_numpy(rng.standard_normal(shape, dtype=dtype))


def draw(rng, n_q=3, n_k=7, d_k=4, d_v=2, leading=()):
    """dO, Q, K, V with scores that are far from even."""
    shapes = ((n_q, d_v), (n_q, d_k), (n_k, d_k), (n_k, d_v))
    return [1.5 * randn(rng, *leading, *shape) + 0.2 for shape in shapes]


def forward(Q, K, V, mask=None):
    """Attention and logsumexp from the whole table; zeros and -∞ where a query sees nothing."""
    S = Q @ K.mT / math.sqrt(Q.shape[-1])
    seen = torch.ones(S.shape, dtype=torch.bool) if mask is None else mask.expand(S.shape)
    if not S.shape[-1]:
        return S @ V, S.sum(-1) - math.inf
    low = torch.where(seen, S, -math.inf)
    top = low.amax(-1, keepdim=True).detach()
    top = torch.where(top > -math.inf, top, 0.0)
    E = torch.where(seen, torch.where(seen, S - top, 0.0).exp(), 0.0)
    total = E.sum(-1, keepdim=True)
    blind = total == 0
    O = E / torch.where(blind, 1.0, total) @ V
    L = torch.where(blind, -math.inf, top + torch.log(torch.where(blind, 1.0, total)))
    return O, L.squeeze(-1)


def given(dO, Q, K, V, mask=None):
    """The six tensors that flash_backward is given."""
    return (dO, Q, K, V, *forward(Q, K, V, mask))


def expect(dO, Q, K, V, mask=None):
    leaves = [t.double().detach().clone().requires_grad_() for t in (Q, K, V)]
    return torch.autograd.grad((forward(*leaves, mask)[0] * dO.double()).sum(), leaves)


def checked(answer):
    if not (isinstance(answer, tuple | list) and len(answer) == 3 and all(isinstance(t, torch.Tensor) for t in answer)):
        raise Mismatch("flash_backward has to return three tensors: (dQ, dK, dV).")
    return answer


def run(solution, *args):
    return checked(solution.flash_backward(*args))


HINTS = {
    ("dQ", "dK"): "dV is right, and so are the weights: look at dS.",
    ("dQ",): "dK and dV are right, and so is every dS: look at how the blocks make up dQ.",
    ("dK",): "dQ and dV are right, and so is every dS: look at the product for dK.",
    ("dV",): "dQ and dK are right, and so are the weights: look at the product for dV.",
    ("dQ", "dK", "dV"): "All three are wrong: begin with the weights, exp(s - L).",
}


def compare(answer, expected, why, **tolerance):
    """All three; what is right and what is wrong tells where to look."""
    wrong = []
    for name, mine, theirs in zip(NAMES, checked(answer), expected, strict=True):
        assert_equal(tuple(mine.shape), tuple(theirs.shape), what=f"the shape of {name}", why=why)
        if torch.isnan(mine).any():
            raise Mismatch(f"There is a NaN in {name}. {why}")
        if torch.isinf(mine).any():
            raise Mismatch(f"There is an infinite number in {name}. {why}")
        try:
            assert_close(mine, theirs, **tolerance)
        except Mismatch:
            wrong.append((name, mine, theirs))
    hint = HINTS.get(tuple(name for name, *_ in wrong), "")
    for name, mine, theirs in wrong:
        assert_close(mine, theirs, what=name, why=f"{why} {hint}".strip(), **tolerance)


def test_by_hand(solution, rng):
    """The example worked out by hand in the statement comes out"""
    dO, Q = torch.full((1, 1), 2.0, dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64)
    K = torch.tensor([[0.0], [math.log(2)], [math.log(5)]], dtype=torch.float64)
    V = torch.tensor([[8.0], [0], [16]], dtype=torch.float64)
    O, L = torch.full_like(Q, 11.0), torch.tensor([math.log(8)], dtype=torch.float64)
    hand = solution.flash_backward(dO, Q, K, V, O, L, 2)
    # Random numbers, on which all mistakes differ: four queries of which one sees nothing, and half of a text.
    plain, hidden, half = draw(rng, n_q=4, d_v=3), draw(rng, n_q=4, d_v=3), draw(rng, n_q=5, n_k=8)
    mask = torch.ones(4, 7, dtype=torch.bool)
    mask[1, :3] = mask[1, 4] = mask[2, 5:] = mask[0, 2] = mask[3] = False
    high = [t.clone() for t in hidden]
    high[2][2] = 2000.0 * high[1][0]
    free = solution.flash_backward(*given(*plain), 3)
    masked = solution.flash_backward(*given(*hidden, mask), 3, mask)
    above = solution.flash_backward(*given(*high, mask), 3, mask)
    everything = given(*half)
    part = solution.flash_backward(*everything[:2], half[2][:5], half[3][:5], *everything[4:], 2)
    seen = observe(solution.flash_backward, *given(*hidden, mask), 3, mask)
    dS = torch.tensor([[-0.75], [-5.5], [6.25]], dtype=torch.float64)
    expected = ((dS * K).sum(0, keepdim=True), dS, torch.tensor([[0.25], [0.5], [1.25]], dtype=torch.float64))
    compare(hand, expected, "It is the example of the statement, in blocks of 2.")
    compare(free, expect(*plain), "Seven random keys in blocks of 3.")
    why = "Seven random keys in blocks of 3. From query 1 the first block is hidden, from query 3 every key."
    compare(masked, expect(*hidden, mask), why)
    why = "Key 2 is hidden from query 0, and its score there is far above those that are seen."
    compare(above, expect(*high, mask), why, rtol=1e-7, atol=1e-6)
    compare_part(part, half, slice(0, 5))
    compare(seen.value, expect(*hidden, mask), "Seven random keys in blocks of 3, with a mask.")


def compare_part(part, tensors, cut):
    """What a call for the keys of `cut` alone has to give, with the O and L of all keys."""
    dO, Q, K, V = tensors
    _, dK, dV = expect(*tensors)
    # Its share of dQ: the gradient through the scores of its own keys alone.
    S = (Q @ K.mT / math.sqrt(Q.shape[-1])).requires_grad_()
    dS = torch.autograd.grad((torch.softmax(S, -1) @ V * dO).sum(), S)[0]
    share = dS[:, cut] @ K[cut] / math.sqrt(Q.shape[-1])
    why = (
        f"Keys {cut.start} to {cut.stop - 1} of {len(K)}: O and L belong to all of them, and so do weights and D."
    )
    compare(part, (share, dK[cut], dV[cut]), why)


def test_block_sizes(solution, rng):
    """The block size changes nothing, whether it divides the number of keys or not"""
    for n_k in (7, 6):
        tensors = draw(rng, n_k=n_k)
        for block in (1, 2, 3, 4, n_k, n_k + 1, 100):
            compare(run(solution, *given(*tensors), block), expect(*tensors), f"{n_k} keys in blocks of {block}.")


def test_square(solution, rng):
    """As many queries as keys and features: nothing is turned the wrong way round where shapes cannot tell"""
    for sizes, block in (((4, 4, 4, 4), 4), ((4, 4, 4, 4), 2), ((3, 6, 3, 3), 3), ((5, 5, 2, 3), 5)):
        tensors = draw(rng, *sizes)
        why = "n_q = {}, n_k = {}, d_k = {}, d_v = {}, blocks of {}.".format(*sizes, block)
        compare(run(solution, *given(*tensors), block), expect(*tensors), why)


def test_parts_of_a_text(solution, rng):
    """Two machines with their own keys, and the O and L of all: dQ adds up, dK and dV stand side by side"""
    tensors = draw(rng, n_q=4, n_k=11, d_v=3)
    everything = given(*tensors)
    dO, Q, K, V, O, L = everything
    cuts = slice(0, 5), slice(5, 11)
    parts = [run(solution, dO, Q, K[cut], V[cut], O, L, 3) for cut in cuts]
    for part, cut in zip(parts, cuts, strict=True):
        compare_part(part, tensors, cut)
    whole = (parts[0][0] + parts[1][0], torch.cat((parts[0][1], parts[1][1])), torch.cat((parts[0][2], parts[1][2])))
    compare(whole, expect(*tensors), "Keys 0 to 4 and 5 to 10 in two calls, put together.")


def test_sums(solution, rng):
    """The rows of dK sum to 0, those of dV to those of dO, and Q ∘ dQ and K ∘ dK have one sum"""
    tensors = draw(rng, n_q=5, n_k=8, d_v=3)
    dO, Q, K, _ = tensors
    dQ, dK, dV = run(solution, *given(*tensors), 3)
    expected = expect(*tensors)
    for name, mine, like in zip(NAMES, (dQ, dK, dV), expected, strict=True):
        assert_equal(tuple(mine.shape), tuple(like.shape), what=f"the shape of {name}")
    assert_close(
        dK.sum(0),
        torch.zeros(4, dtype=torch.float64),
        what="the sum of the rows of dK",
        why="Adding one vector to all keys changes no weight: the dS of a query sum to 0 over all blocks.",
        atol=1e-11,
    )
    assert_close(dV.sum(0), dO.sum(0), what="the sum of the rows of dV", why="The weights of each query sum to one.")
    assert_close((Q * dQ).sum(), (K * dK).sum(), what="the sum of Q ∘ dQ", why="It equals the sum of K ∘ dK.")
    compare((dQ, dK, dV), expected, "Eight keys in blocks of 3.")


def test_mask(solution, rng):
    """Hidden pairs have no part, whatever their block"""
    tensors = draw(rng, n_q=6, n_k=8)
    mask = torch.from_numpy(rng.random((6, 8)) < 0.6)
    mask[torch.arange(6), torch.tensor([0, 7, 3, 5, 1, 6])] = True
    mask[0, 1:] = mask[1, :7] = mask[2, :3] = mask[:, 2] = False
    for block in (1, 3, 4, 8):
        answer = run(solution, *given(*tensors, mask), block, mask)
        compare(answer, expect(*tensors, mask), f"A random mask, blocks of {block}.")
        for name, grad in (("dK", answer[1]), ("dV", answer[2])):
            assert not grad[2].any(), (
                f"Key 2 is hidden from every query, but its row of {name} is {grad[2].tolist()}, not exactly 0."
            )
    causal = torch.ones(6, 8, dtype=torch.bool).tril(2)
    answer = run(solution, *given(*tensors, causal), 3, causal)
    compare(answer, expect(*tensors, causal), "A causal mask, blocks of 3.")


def test_nothing_to_look_at(solution, rng):
    """Blocks may be hidden whole; a query without any key gets zeros and gives nothing, without a NaN"""
    tensors = draw(rng, n_q=4, n_k=8)
    mask = torch.zeros(4, 8, dtype=torch.bool)
    mask[0, 6], mask[1, 1], mask[2, 2:5] = True, True, True
    for block in (2, 3, 8):
        answer = run(solution, *given(*tensors, mask), block, mask)
        why = f"Query 0 sees key 6 only, query 1 key 1, query 2 the keys 2 to 4, query 3 none; blocks of {block}."
        compare(answer, expect(*tensors, mask), why)
        assert not answer[0][3].any(), (
            f"Query 3 sees no key, but its dQ is {answer[0][3].tolist()}: it has to be zeros."
        )
    nobody = torch.zeros(4, 8, dtype=torch.bool)
    answer = run(solution, *given(*tensors, nobody), 3, nobody)
    compare(answer, [torch.zeros_like(t) for t in tensors[1:]], "No query sees any key.")


def test_large_scores(solution, rng):
    """Scores of ±10⁶, differently in each row, neither overflow nor vanish"""
    S = torch.tensor(
        [[10000.0, 9998, 9999], [-10000, -10001, -9999], [2, 0, 1], [1e6, -1e6, 1e6 - 1], [800, 799, -800]]
    ).double()
    K, V = torch.eye(3, 4, dtype=torch.float64), torch.tensor([[1.0, -2], [3, 5], [-4, 7]], dtype=torch.float64)
    Q, dO = torch.nn.functional.pad(2 * S, (0, 1)), randn(rng, 5, 2)
    for block in (1, 2, 3):
        why = f"The rows of scores are {S.int().tolist()}, in blocks of {block}."
        # A weight is off by 1e-10 where L is 10⁶, and its slope is multiplied by a query of 2·10⁶ in dK.
        compare(run(solution, *given(dO, Q, K, V), block), expect(dO, Q, K, V), why, rtol=1e-8, atol=1e-2)
        small = [0, 1, 2, 4]
        tensors = (dO[small], Q[small], K, V)
        compare(run(solution, *given(*tensors), block), expect(*tensors), why, rtol=1e-8, atol=1e-6)


def test_hidden_and_large(solution, rng):
    """A hidden score far above those that are seen changes nothing"""
    S = torch.tensor([[-20000.0, 5, -20001], [-9000, -9001, 10000], [-1000, -1001, 1e6]]).double()
    mask = torch.tensor([[True, False, True], [True, True, False], [True, True, False]])
    Q, K = torch.nn.functional.pad(2 * S, (0, 1)), torch.eye(3, 4, dtype=torch.float64)
    V, dO = torch.tensor([[1.0, -2], [3, 5], [-4, 7]], dtype=torch.float64), randn(rng, 3, 2)
    why = "The scores that are seen are about -20,000, -9,000 and -1,000, the hidden ones 5, 10,000 and 10⁶."
    for block in (1, 2, 3):
        # Slopes, off by 1e-11 where L is 10⁴, are multiplied by queries of up to 2·10⁶.
        answer = run(solution, *given(dO, Q, K, V, mask), block, mask)
        compare(answer, expect(dO, Q, K, V, mask), why, rtol=1e-8, atol=1e-4)


def test_leading_axes(solution, rng):
    """Every index of the leading axes is an attention of its own, under the same mask"""
    mask = torch.ones(3, 7, dtype=torch.bool).tril(3)
    for leading in ((1,), (4,), (2, 5)):
        tensors = draw(rng, leading=leading)
        for m in (None, mask):
            why = f"The leading axes are {leading}" + (", with a mask." if m is not None else ".")
            compare(run(solution, *given(*tensors, m), 3, m), expect(*tensors, m), why)


def test_float32(solution, rng):
    """float32 in, float32 out"""
    tensors = [t.float() for t in draw(rng, leading=(2,))]
    six = [t.float() for t in given(*(t.double() for t in tensors))]
    answer = run(solution, *six, 3)
    expected = [t.float() for t in expect(*tensors)]
    compare(answer, expected, "Everything is float32 here.", atol=1e-5)


def test_arguments_are_only_read(solution, rng):
    """All arguments hold the same afterwards, and need not be contiguous"""
    mask = torch.ones(3, 7, dtype=torch.bool).tril(3)
    mask[1] = False
    tensors = [t.mT.contiguous().mT for t in draw(rng, leading=(2,))]
    six = given(*tensors, mask)
    seen = observe(solution.flash_backward, *six, 3, mask)
    after = [*seen.args[:6], seen.args[7]]
    for name, was, now in zip(("dO", "Q", "K", "V", "O", "L", "mask"), (*six, mask), after, strict=True):
        assert_equal(now, was, what=f"{name} after the call (it must not be changed in place)")
    compare(seen.value, expect(*tensors, mask), "The tensors are transposed views, and query 1 sees no key.")


def test_small_sizes(solution, rng):
    """One query, one key, one feature, no query, no key"""
    for sizes in ((1, 1, 1, 1), (1, 5, 2, 1), (4, 1, 1, 3), (0, 4, 2, 3), (3, 0, 2, 4)):
        tensors = draw(rng, *sizes)
        why = "n_q = {}, n_k = {}, d_k = {}, d_v = {}, blocks of 2.".format(*sizes)
        compare(run(solution, *given(*tensors), 2), expect(*tensors), why)


@pytest.mark.last
def test_memory(solution, rng):
    """3,000 queries and 16,384 keys without a table of 3,000 × 16,384"""
    # Tables of a block are large enough to be given back at once: small results kept beside them split no free memory.
    n_q, n_k = 3000, 16384
    dO, Q, K, V = (randn(rng, *shape, dtype="float32") for shape in ((n_q, 3), (n_q, 4), (n_k, 4), (n_k, 3)))
    tables = [(torch.softmax(S, -1) @ V, torch.logsumexp(S, -1)) for S in (q @ K.T / 2 for q in Q.split(250))]
    O, L = torch.cat([o for o, _ in tables]), torch.cat([lse for _, lse in tables])
    answer = run(solution, dO, Q, K, V, O, L, 3072)
    rows = torch.from_numpy(rng.choice(n_q, 20, replace=False))
    columns = torch.from_numpy(rng.choice(n_k, 20, replace=False))
    dO, Q, K, V, O, L = (t.double() for t in (dO, Q, K, V, O, L))
    D = (dO * O).sum(-1, keepdim=True)

    def slopes(i, j):
        P = torch.exp(Q[i] @ K[j].T / 2 - L[i, None])
        return P, P * (dO[i] @ V[j].T - D[i])

    every = slice(None)
    P, dS = slopes(every, columns)
    expected = (slopes(rows, every)[1] @ K / 2, dS.T @ Q / 2, P.T @ dO)
    mine = [t[at] if t.ndim == 2 else t for t, at in zip(answer, (rows, columns, columns), strict=True)]
    why = "3,000 queries, 16,384 keys, blocks of 3,072; 20 rows of each gradient are looked at."
    compare(mine, [t.float() for t in expected], why, rtol=1e-3, atol=1e-4)
