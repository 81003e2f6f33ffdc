"""Hidden suite of attention/rollout.

Random weights are float64 and compared at 1e-9 (relative) + 1e-12 with the sum over all paths through the layers, or with an
identity sent through x + attention(x) layer by layer; another order of the sums differs by about 1e-15. The float32 check
allows 1e-5 + 1e-6. No check is statistical: none fails a right solution by chance.
"""

from itertools import product

import torch

from grader.testing import assert_close, assert_equal, assert_unchanged, observe


def draw(rng, heads, n, leading=(), sharp=2.0):
    """Layers of random weights, one for each entry of `heads`."""
    return [torch.from_numpy(sharp * rng.standard_normal((*leading, h, n, n))).softmax(-1) for h in heads]


def shares(A, residual):
    """M of one layer, one head and one token at a time."""
    heads, n = A.shape[-3], A.shape[-1]
    M = torch.zeros_like(A[..., 0, :, :])
    for h in range(heads):
        M = M + (1 - residual) / heads * A[..., h, :, :]
    for i in range(n):
        M[..., i, i] += residual
    return M


def by_paths(layers, residual):
    """The sum over all paths from an output token down to a word."""
    matrices = [shares(A, residual) for A in layers]
    n = layers[0].shape[-1]
    R = torch.zeros_like(matrices[0])
    for path in product(range(n), repeat=len(layers) + 1):  # path[0] is the output, path[-1] the word
        share = 1.0
        for step, M in enumerate(reversed(matrices)):
            share = share * M[..., path[step], path[step + 1]]
        R[..., path[0], path[-1]] += share
    return R


def forward(layers, residual):
    """The identity sent through the layers as activations are: x keeps its share, the heads add theirs."""
    n = layers[0].shape[-1]
    x = torch.eye(n, dtype=layers[0].dtype).expand(*layers[0].shape[:-3], n, n)
    for A in layers:
        read = sum(A[..., h, :, :] @ x for h in range(A.shape[-3])) / A.shape[-3]
        x = residual * x + (1 - residual) * read
    return x


def test_by_hand(solution, rng):
    """The example worked out by hand in the statement comes out"""
    A_1 = torch.tensor([[[1.0, 0], [1, 0]]], dtype=torch.float64)
    A_2 = torch.tensor([[[0.0, 1], [0, 1]]], dtype=torch.float64)
    M = solution.mix(A_1)
    R = solution.rollout([A_1, A_2])
    row = solution.trace([A_1, A_2], 0)
    turned = solution.rollout([A_2, A_1])
    layers = draw(rng, (3, 2, 4), 4)
    batch = draw(rng, (2, 3), 3, leading=(2,))
    mixed = solution.mix(layers[0], 0.3), solution.mix(batch[0], 0.3)
    rolled = solution.rollout(layers, 0.3), solution.rollout(batch, 0.3)
    traced = solution.trace(layers, 1, 0.3), solution.trace(batch, -2, 0.3)
    assert_close(M, torch.tensor([[1.0, 0], [0.5, 0.5]], dtype=torch.float64), what="mix(A_1) of the statement")
    assert_close(R, torch.tensor([[0.75, 0.25], [0.5, 0.5]], dtype=torch.float64), what="the rollout of the statement")
    assert_close(row, torch.tensor([0.75, 0.25], dtype=torch.float64), what="trace for token 0 of the statement")
    # Those are in the statement; these had to be worked out.
    expected = torch.tensor([[0.5, 0.5], [0.25, 0.75]], dtype=torch.float64)
    assert_close(turned, expected, what="the rollout with the layers of the statement exchanged")
    for A, actual in zip((layers[0], batch[0]), mixed, strict=True):
        assert_close(
            actual, shares(A, 0.3), what=f"mix of weights of the shape {tuple(A.shape)}", why="residual = 0.3."
        )
    for own, actual in zip((layers, batch), rolled, strict=True):
        assert_close(actual, by_paths(own, 0.3), what=f"the rollout of {len(own)} layers", why="residual = 0.3.")
    assert_close(traced[0], by_paths(layers, 0.3)[1], what="trace for token 1", why="residual = 0.3.")
    assert_close(
        traced[1], by_paths(batch, 0.3)[:, -2], what="trace for token -2", why="A batch of two, residual = 0.3."
    )


def test_mix(solution, rng):
    """A layer's matrix keeps the share `residual` and averages the heads"""
    for heads, n, residual in ((1, 4, 0.5), (3, 5, 0.2), (2, 3, 0.9), (4, 1, 0.4)):
        (A,) = draw(rng, (heads,), n)
        actual = solution.mix(A, residual)
        why = f"{heads} heads, n = {n} and residual = {residual}."
        assert_close(actual, shares(A, residual), what="the matrix of the layer", why=why)
        assert_close(actual.sum(-1), torch.ones(n, dtype=torch.float64), what="the sum of each row", why=why)


def test_half(solution, rng):
    """Without `residual` one half stays"""
    layers = draw(rng, (2, 3), 4)
    actual = solution.mix(layers[0]), solution.rollout(layers), solution.trace(layers, 2)
    assert_close(actual[0], shares(layers[0], 0.5), what="the matrix of one layer")
    assert_close(actual[1], by_paths(layers, 0.5), what="the rollout")
    assert_close(actual[2], by_paths(layers, 0.5)[2], what="the trace of token 2")


def test_paths(solution, rng):
    """The rollout is the sum over all paths through the layers"""
    for heads, n, residual in (((2,), 4, 0.3), ((3, 1), 5, 0.6), ((2, 4, 3), 3, 0.1), ((1, 2, 1, 2), 2, 0.7)):
        layers = draw(rng, heads, n)
        actual = solution.rollout(layers, residual)
        why = f"Heads {heads}, n = {n} and residual = {residual}."
        assert_close(actual, by_paths(layers, residual), what="the rollout", why=why)


def test_rows(solution, rng):
    """The shares of every token sum to one, after any number of layers"""
    layers = draw(rng, (2, 1, 3, 2, 5, 1, 2, 2), 6)
    for count in (1, 3, 8):
        R = solution.rollout(layers[:count], 0.35)
        ones = torch.ones(6, dtype=torch.float64)
        assert_close(R.sum(-1), ones, what=f"the sum of each row after {count} layers")
        assert_close(R, forward(layers[:count], 0.35), what=f"the rollout of {count} layers")


def test_ends(solution, rng):
    """With residual 1 every token stays itself, with residual 0 only what was read counts; an identity layer changes nothing"""
    layers = draw(rng, (3, 2, 2), 4)
    eye = torch.eye(4, dtype=torch.float64)
    still, moved = solution.rollout(layers, 1.0), solution.rollout(layers, 0.0)
    idle = eye.expand(3, 4, 4)
    more = solution.rollout([idle, layers[0], idle, layers[1], layers[2], idle], 0.25)
    alone = solution.trace(layers, 3, 0.0)
    assert_close(still, eye, what="the rollout with residual = 1")
    means = [sum(A) / len(A) for A in layers]
    expected = means[2] @ means[1] @ means[0]
    assert_close(moved, expected, what="the rollout with residual = 0", why="It is the product of the heads' averages.")
    assert_close(alone, expected[3], what="trace for token 3 with residual = 0")
    why = "In three of the six layers every token reads only itself: they change nothing."
    assert_close(more, by_paths(layers, 0.25), what="the rollout with idle layers", why=why)


def test_order_of_layers(solution):
    """The first layer of the list is the one next to the words"""
    n = 4
    gather = torch.zeros(1, n, n, dtype=torch.float64)
    gather[..., 0] = 1.0  # everybody reads token 0
    shift = torch.eye(n, dtype=torch.float64).roll(1, 0)[None]  # token i reads token i - 1, token 0 the last
    first_gather, first_shift = solution.rollout([gather, shift], 0.0), solution.rollout([shift, gather], 0.0)
    rows = solution.trace([gather, shift], 2, 0.0), solution.trace([shift, gather], 2, 0.0)
    to_zero, to_last = torch.zeros(n, n, dtype=torch.float64), torch.zeros(n, n, dtype=torch.float64)
    to_zero[:, 0], to_last[:, n - 1] = 1.0, 1.0
    why = "Layer 1 brings word 0 everywhere; what layer 2 then moves about is word 0 only."
    assert_close(first_gather, to_zero, what="the rollout", why=why)
    assert_close(rows[0], to_zero[2], what="the trace of token 2", why=why)
    why = "Layer 1 moves the last word to place 0; layer 2 brings that everywhere."
    assert_close(first_shift, to_last, what="the rollout", why=why)
    assert_close(rows[1], to_last[2], what="the trace of token 2", why=why)


def test_order_of_heads(solution, rng):
    """The heads of a layer may come in any order, and copies of a head count as one"""
    layers = draw(rng, (3, 4), 4)
    expected = by_paths(layers, 0.4)
    moved = solution.rollout([layers[0][[2, 0, 1]], layers[1][[3, 1, 0, 2]]], 0.4)
    twice = solution.rollout([A.repeat(2, 1, 1) for A in layers], 0.4)
    assert_close(moved, expected, what="the rollout", why="The heads of each layer were put in another order.")
    assert_close(twice, expected, what="the rollout", why="Every head is there twice.")


def test_causal(solution, rng):
    """Where no layer looks ahead, no word after a token has a share in it"""
    keep = torch.ones(5, 5, dtype=torch.bool).tril()
    layers = [torch.where(keep, A, 0.0) for A in draw(rng, (2, 3, 1), 5)]
    layers = [A / A.sum(-1, keepdim=True) for A in layers]
    R = solution.rollout(layers, 0.3)
    assert_close(R, by_paths(layers, 0.3), what="the rollout of causal layers")
    assert_equal(R.triu(1), torch.zeros(5, 5, dtype=torch.float64), what="the part of the rollout above the diagonal")


def test_trace(solution, rng):
    """trace is the token's row of the rollout, counted from either end"""
    layers = draw(rng, (2, 3, 2), 4)
    expected = by_paths(layers, 0.2)
    for token in (0, 1, 3, -1, -4):
        actual = solution.trace(layers, token, 0.2)
        assert_close(actual, expected[token], what=f"the trace of token {token}", why="Three layers, n = 4.")
    single = solution.trace(layers[:1], 2, 0.2)
    assert_close(single, shares(layers[0], 0.2)[2], what="the trace through a single layer")


def test_leading_axes(solution, rng):
    """Every index of the leading axes is a text of its own"""
    for leading in ((1,), (4,), (2, 3)):
        layers = draw(rng, (2, 3), 3, leading=leading)
        expected = by_paths(layers, 0.3)
        why = f"The leading axes are {leading}; there are 2 and 3 heads, and n = 3."
        assert_close(solution.mix(layers[1], 0.3), shares(layers[1], 0.3), what="the matrix of layer 2", why=why)
        assert_close(solution.rollout(layers, 0.3), expected, what="the rollout", why=why)
        assert_close(solution.trace(layers, 1, 0.3), expected[..., 1, :], what="the trace of token 1", why=why)


def test_inputs_and_dtype(solution, rng):
    """float32 stays float32, and the layers are neither changed nor asked to be contiguous"""
    layers = [A.float().mT.contiguous().mT for A in draw(rng, (2, 1, 3), 5, leading=(2,))]
    expected = forward([A.double() for A in layers], 0.3).float()
    for fn, args, right in (
        (solution.mix, (layers[0], 0.3), shares(layers[0].double(), 0.3).float()),
        (solution.rollout, (layers, 0.3), expected),
        (solution.trace, (layers, -1, 0.3), expected[:, -1]),
    ):
        assert_close(assert_unchanged(fn, *args), right, why="The weights are transposed views here.")


def test_small_sizes(solution):
    """One token, one head, one layer"""
    one = torch.ones(1, 1, 1, dtype=torch.float64)
    assert_close(solution.rollout([one], 0.3), one[0], what="the rollout of one token")
    assert_close(solution.rollout([one, one], 0.3), one[0], what="the rollout of one token through two layers")
    assert_close(observe(solution.trace, [one, one], 0, 0.3).value, one[0, 0], what="the trace of one token")
