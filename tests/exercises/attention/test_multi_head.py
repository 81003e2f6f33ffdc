"""Hidden suite of attention/multi_head.

Modules are made float64 with `.double()` and compared at 1e-9 (relative) + 1e-12: right orders of operations differ by some
1e-15. The float32 check allows 1e-4 relative + 1e-5: three products of width 12, one softmax and one more product, each
rounding at 6e-8. Parameters are filled by the suite before anything is read, so that no check depends on how a learner
draws the first values. No check is statistical.
"""

import math

import torch

from grader.testing import (
    LearnerError,
    Mismatch,
    assert_close,
    assert_equal,
    assert_gradients,
    assert_unchanged,
    load,
    parameters,
    vjp,
)

NAMES = ("W_q", "W_k", "W_v", "W_o")


def randn(rng, *shape):
    return torch.from_numpy(rng.standard_normal(shape))


def random_weights(rng, d_model):
    """Four matrices large enough that the attention weights are far from even."""
    return {name: randn(rng, d_model, d_model) * 1.5 / d_model**0.5 for name in NAMES}


def random_mask(rng, *shape):
    """A mask in which every row hides at least one key and keeps at least one."""
    mask = torch.from_numpy(rng.random(shape) < 0.5)
    mask[..., 0], mask[..., -1] = True, False
    order = torch.from_numpy(rng.permuted(torch.arange(shape[-1]).expand(shape).numpy(), axis=-1))
    return mask.gather(-1, order)


def make(side, n_heads, weights):
    """A module of `side` that holds `weights`, in their dtype."""
    mha = side.MHA(len(weights["W_q"]), n_heads)
    mha = mha.double() if weights["W_q"].dtype == torch.float64 else mha
    try:
        load(mha, **weights)
    except LearnerError as error:
        raise Mismatch(
            f"The suite could not put its weights into W_q, W_k, W_v and W_o: {error.text}. The statement asks for four "
            "torch.nn.Parameters of these names, each of shape (d_model, d_model)."
        ) from None
    return mha


def by_heads(weights, n_heads, x_q, x_kv=None, mask=None):
    """Multi-head attention worked out here: one sequence, one head and one slice of columns at a time."""
    x_kv = x_q if x_kv is None else x_kv
    W_q, W_k, W_v, W_o = (weights[name] for name in NAMES)
    (b, n), m, d_head = x_q.shape[:2], x_kv.shape[1], x_q.shape[2] // n_heads
    keep = torch.ones(b, n_heads, n, m, dtype=torch.bool) if mask is None else mask.expand(b, n_heads, n, m)
    sequences = []
    for s in range(b):
        heads = []
        for h in range(n_heads):
            own = slice(h * d_head, (h + 1) * d_head)
            S = (x_q[s] @ W_q[:, own]) @ (x_kv[s] @ W_k[:, own]).T / math.sqrt(d_head)
            E = torch.where(keep[s, h], (S - S.amax(-1, keepdim=True)).exp(), 0.0)
            total = E.sum(-1, keepdim=True)
            heads.append(E / torch.where(total > 0, total, 1.0) @ (x_kv[s] @ W_v[:, own]))
        sequences.append(torch.cat(heads, dim=-1) @ W_o)
    return torch.stack(sequences)


def test_parameters(solution, rng):
    """The module trains exactly four matrices: W_q, W_k, W_v and W_o"""
    weights = {name: value.float() for name, value in random_weights(rng, 6).items()}
    held = parameters(make(solution, 2, weights))
    assert_equal(", ".join(sorted(held)), ", ".join(sorted(NAMES)), what="the names of the module's parameters")
    for name in NAMES:
        assert_equal(held[name].detach(), weights[name], what=f"the parameter {name}", why="MHA(6, 2) was made.")
        assert held[name].requires_grad, f"{name} does not require a gradient, so it would never be trained."
    blank = make(solution, 2, weights | {"W_v": torch.zeros(6, 6)})(randn(rng, 2, 3, 6).float())
    why = "All values are zeros then. Use what the parameters hold in the call, no copy from the constructor."
    assert_close(blank, torch.zeros(2, 3, 6), what="the result with W_v filled with zeros", why=why)


def test_by_hand(solution):
    """The example worked out by hand in the statement comes out"""
    weights = {name: torch.zeros(4, 4, dtype=torch.float64) for name in NAMES}
    weights["W_q"][0, 0], weights["W_k"][0, 0] = math.sqrt(2) * math.log(3), 1.0
    weights["W_v"], weights["W_o"] = torch.eye(4, dtype=torch.float64), torch.eye(4, dtype=torch.float64)
    x = torch.tensor([[[1, 2, 3, 4], [0, 6, 7, 8]]], dtype=torch.float64)
    expected = torch.tensor([[[0.75, 3, 5, 6], [0.5, 4, 5, 6]]], dtype=torch.float64)
    mha = make(solution, 2, weights)
    # The sequence 20 times: 160 weights, of which a dropout of 0.1 spares the same ones twice in 1 of 10^13 runs.
    first, second = (mha(x.repeat(20, 1, 1)) for _ in range(2))
    assert_close(
        second, first, what="the same call a second time", why="Nothing is left to chance here: is a dropout left on?"
    )
    assert_close(mha(x), expected)


def test_equals_loop_over_heads(solution, reference, rng):
    """The result equals attention head by head, each on its own block of columns"""
    weights, x = random_weights(rng, 12), randn(rng, 2, 5, 12)
    actual = make(solution, 3, weights)(x)
    why = "Here batch = 2, n = 5, d_model = 12 and there are 3 heads of width 4."
    assert_close(actual, by_heads(weights, 3, x), why=why)
    assert_close(actual, make(reference, 3, weights)(x), what="the result beside the reference's")


def test_cross(solution, rng):
    """Queries come from x_q, keys and values from x_kv, and they may differ in length"""
    weights = random_weights(rng, 6)
    mha = make(solution, 3, weights)
    for n, m in ((4, 4), (4, 7), (5, 2)):
        x_q, x_kv = randn(rng, 2, n, 6), randn(rng, 2, m, 6)
        why = f"Here n_q = {n} and n_k = {m}."
        assert_close(mha(x_q, x_kv), by_heads(weights, 3, x_q, x_kv), what="cross-attention", why=why)


def test_calls_are_separate(solution, rng):
    """A second call knows nothing of the first"""
    weights, x_q, x_kv = random_weights(rng, 6), randn(rng, 2, 4, 6), randn(rng, 2, 5, 6)
    masks = [random_mask(rng, 2, 1, 4, 5) for _ in range(2)]
    masks[1][0, 0, 0] = ~masks[0][0, 0, 0]
    mha = make(solution, 3, weights)
    mha(x_q, x_kv, masks[0])
    second, third = mha(x_q, x_kv, masks[1]), mha(x_q, x_kv)
    fresh = make(solution, 3, weights)(x_q, x_kv, masks[1])
    assert_close(second, fresh, what="the result of a second call, with another mask than the first",
                 why="A new module gives another one: something was kept from the first call.")  # fmt: skip
    expected = by_heads(weights, 3, x_q, x_kv)
    assert_close(third, expected, what="the result of a call without a mask, after calls with one")
    longer = randn(rng, 1, 7, 6)
    expected = by_heads(weights, 3, longer)
    assert_close(mha(longer), expected, what="the result of a call with a longer sequence, after shorter ones")


def test_mask(solution, rng):
    """The mask keeps keys where it is True: one for all, per sequence, or per head"""
    weights, x_q, x_kv = random_weights(rng, 6), randn(rng, 2, 4, 6), randn(rng, 2, 5, 6)
    mha = make(solution, 3, weights)
    for shape in ((4, 5), (2, 1, 4, 5), (2, 1, 1, 5), (3, 1, 5), (2, 3, 4, 5)):
        mask = random_mask(rng, *shape)
        why = f"The mask has the shape {shape}; True means keep."
        assert_close(mha(x_q, x_kv, mask), by_heads(weights, 3, x_q, x_kv, mask), what="the masked result", why=why)
    causal = torch.ones(4, 4, dtype=torch.bool).tril()
    actual = mha(x_q, mask=causal)
    assert_close(actual, by_heads(weights, 3, x_q, None, causal), what="self-attention without looking ahead")


def test_nothing_to_look_at(solution, rng):
    """A query that may look at no key gets zeros from that head, and no NaN"""
    weights, x = random_weights(rng, 6), randn(rng, 2, 4, 6)
    mask = random_mask(rng, 2, 2, 4, 4)
    mask[0, :, 1] = False
    mask[1, 0, 3] = False
    mha = make(solution, 2, weights)
    why = "Token 1 of sequence 0 sees nothing in either head, token 3 of sequence 1 nothing in head 0."
    assert_close(mha(x, mask=mask), by_heads(weights, 2, x, None, mask), why=why)


def test_gradients(solution, rng):
    """The gradients of all four weights and of both inputs have the right values"""
    weights, x_q, x_kv = random_weights(rng, 6), randn(rng, 2, 4, 6), randn(rng, 2, 5, 6)
    blind = random_mask(rng, 2, 1, 4, 5)
    blind[1, 0, 2] = False
    G = randn(rng, 2, 4, 6)
    mha = make(solution, 3, weights)
    for mask, why in ((None, ""), (blind, "With a mask that lets one query look at no key.")):
        leaves = [t.clone().requires_grad_() for t in (*weights.values(), x_q, x_kv)]
        own = dict(zip(NAMES, leaves[:4], strict=True))
        expected = torch.autograd.grad(by_heads(own, 3, leaves[4], leaves[5], mask), leaves, G)
        _, actual = vjp(mha, x_q, x_kv, mask, cotangent=G, wrt=(*NAMES, 0, 1))
        assert_gradients(actual, list(expected), (*NAMES, "x_q", "x_kv"), why=why)


def test_number_of_heads(solution, rng):
    """The number of heads matters, from one head to as many as there are columns"""
    weights, x = random_weights(rng, 6), randn(rng, 2, 4, 6)
    for n_heads in (2, 3, 1, 6):
        actual = make(solution, n_heads, weights)(x)
        assert_close(actual, by_heads(weights, n_heads, x), what=f"the result with n_heads = {n_heads} at d_model = 6")


def test_heads_have_places(solution, rng):
    """Head i owns the i-th block of columns, and its answer goes through the i-th block of rows of W_o"""
    weights, x = random_weights(rng, 8), randn(rng, 3, 5, 8)
    full = make(solution, 4, weights)(x)
    alone = []
    for h in range(4):
        block = slice(2 * h, 2 * h + 2)
        rows = torch.zeros(8, 8, dtype=torch.float64)
        rows[block] = weights["W_o"][block]
        only = weights | {"W_o": rows}
        alone.append(make(solution, 4, only)(x))
        expected = by_heads(only, 4, x)
        assert_close(alone[-1], expected, what=f"the part of head {h}", why="Only its own rows of W_o were left.")
    assert_close(sum(alone), full, what="the sum of the heads' parts")
    # Heads, whole, in another order: the same sum.
    order = torch.tensor([4, 5, 0, 1, 6, 7, 2, 3])
    moved = {name: value[:, order] for name, value in weights.items()} | {"W_o": weights["W_o"][order]}
    assert_close(make(solution, 4, moved)(x), full, what="the result with the heads in another order")


def test_output_mix(solution, rng):
    """W_o mixes the heads' answers, after they were put side by side"""
    weights, x = random_weights(rng, 6), randn(rng, 2, 4, 6)
    expected = by_heads(weights, 2, x)
    assert_close(make(solution, 2, weights)(x), expected)
    eye = torch.eye(6, dtype=torch.float64)
    unmixed = make(solution, 2, weights | {"W_o": eye})(x)
    assert_close(unmixed, by_heads(weights | {"W_o": eye}, 2, x), what="the result with the identity as W_o")
    assert_close(unmixed @ weights["W_o"], expected, what="the heads side by side, times W_o")


def test_sequences_do_not_meet(solution, rng):
    """A sequence gives the same result alone as beside others in a batch"""
    weights, x_q, x_kv = random_weights(rng, 6), randn(rng, 3, 4, 6), randn(rng, 3, 5, 6)
    mha = make(solution, 2, weights)
    together = mha(x_q, x_kv)
    for s in range(3):
        alone = mha(x_q[s : s + 1], x_kv[s : s + 1])
        assert_close(together[s], alone[0], what=f"sequence {s} of the batch", why="Computed alone it differs.")
    assert_close(together, by_heads(weights, 2, x_q, x_kv))


def test_uneven_width(solution):
    """A width that the heads cannot share evenly raises ValueError"""
    for d_model, n_heads in ((6, 4), (3, 6)):
        try:
            solution.MHA(d_model, n_heads)
        except ValueError:
            continue
        except AssertionError as error:
            raise Mismatch(f"MHA({d_model}, {n_heads}) raised AssertionError; the statement asks for ValueError.") from error
        raise Mismatch(f"MHA({d_model}, {n_heads}) was made, although {n_heads} heads cannot share {d_model} columns evenly.")
    solution.MHA(6, 3)  # what raises always has not looked at the numbers


def test_inputs_and_dtype(solution, rng):
    """float32 stays float32, and the arguments are neither changed nor asked to be contiguous"""
    double = random_weights(rng, 12)
    weights = {name: value.float() for name, value in double.items()}
    x_q, x_kv = (randn(rng, 2, 12, n).float().mT for n in (4, 5))
    mask = random_mask(rng, 4, 5)
    actual = assert_unchanged(make(solution, 3, weights), x_q, x_kv, mask)
    rounded = {name: value.double() for name, value in weights.items()}
    expected = by_heads(rounded, 3, x_q.double(), x_kv.double(), mask).float()
    assert_close(actual, expected, rtol=1e-4, atol=1e-5, why="The inputs are transposed views here.")


def test_small_sizes(solution, rng):
    """One sequence, one token, no token"""
    weights = random_weights(rng, 4)
    mha = make(solution, 2, weights)
    for b, n, m in ((1, 1, 3), (1, 3, 1), (2, 0, 3)):
        x_q, x_kv = randn(rng, b, n, 4), randn(rng, b, m, 4)
        why = f"Here batch = {b}, n_q = {n}, n_k = {m}."
        assert_close(mha(x_q, x_kv), by_heads(weights, 2, x_q, x_kv), why=why)
