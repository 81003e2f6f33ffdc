"""Hidden suite of attention/additive.

Random inputs are float64 and compared at 1e-9 (relative) + 1e-12 with scores worked out here, one hidden unit at a time, and a
softmax over the visible keys only: right orders of operations differ by about 1e-15. The float32 checks allow 1e-5 + 1e-6. The
check with large scores saturates tanh at exactly ±1 and has integers in v, so that every order of operations makes the same
scores. No check is statistical: none fails a right solution by chance.
"""

import math

import torch

from grader.testing import Mismatch, assert_close, assert_gradients, assert_unchanged, vjp

INF = math.inf
NAMES = ("Q", "K", "V", "W_q", "W_k", "v")


def randn(rng, *shape):
    return torch.from_numpy(rng.standard_normal(shape))


def random_mask(rng, *shape):
    """A mask in which every row hides at least one key and keeps at least one."""
    mask = torch.from_numpy(rng.random(shape) < 0.5)
    mask[..., 0], mask[..., -1] = True, False
    order = torch.from_numpy(rng.permuted(torch.arange(shape[-1]).expand(shape).numpy(), axis=-1))
    return mask.gather(-1, order)


def draw(rng, n_q=3, n_k=5, d_q=4, d_k=6, d_a=7, d_v=2, leading=()):
    """Q, K, V, W_q, W_k and v, such that tanh is neither straight nor flat and the weights are far from even."""
    Q, K, V = (randn(rng, *leading, n, d) for n, d in ((n_q, d_q), (n_k, d_k), (n_k, d_v)))
    return Q, K, V, randn(rng, d_q, d_a) / d_q**0.5, randn(rng, d_k, d_a) / d_k**0.5, randn(rng, d_a)


def table(Q, K, W_q, W_k, v):
    """The scores, one hidden unit at a time."""
    units = []
    for a in range(len(v)):
        q, k = Q @ W_q[:, a], K @ W_k[:, a]
        units.append(v[a] * torch.tanh(q[..., :, None] + k[..., None, :]))
    return torch.stack(units).sum(0)


def weights(e, mask=None):
    """Softmax over the keys: hidden keys are left out of the sum; no key at all gives zeros."""
    keep = torch.ones_like(e, dtype=torch.bool) if mask is None else mask.expand_as(e)
    top = torch.where(keep, e.detach(), -INF).amax(dim=-1, keepdim=True)
    E = torch.where(keep, torch.where(keep, e - top, 0.0).exp(), 0.0)
    total = E.sum(dim=-1, keepdim=True)
    return E / torch.where(total > 0, total, 1.0)


def expect(Q, K, V, W_q, W_k, v, mask=None):
    A = weights(table(Q, K, W_q, W_k, v), mask)
    return A @ V, A


def compare(actual, expected, why=""):
    if not (isinstance(actual, tuple | list) and len(actual) == 2):
        raise Mismatch("additive has to return two tensors, the result and the weights, as a tuple.")
    assert_close(actual[0], expected[0], what="the result", why=why)
    assert_close(actual[1], expected[1], what="the weights that were returned", why=why)


def test_by_hand(solution, rng):
    """The example worked out by hand in the statement comes out"""
    one = torch.ones(1, 1, dtype=torch.float64)
    Q, K = math.log(2) * one, torch.tensor([[0.0], [-math.log(2)]], dtype=torch.float64)
    V = torch.tensor([[4.0, 0, 8], [0, 4, 0]], dtype=torch.float64)
    v = torch.tensor([5 / 3 * math.log(3)], dtype=torch.float64)
    e = solution.scores(Q, K, one, one, v)
    plain = solution.additive(Q, K, V, one, one, v)
    masked = solution.additive(Q, K, V, one, one, v, torch.tensor([[True, False]]))
    # All widths are alike here, so that a mistake with the weights shows as a wrong number and not as an error.
    square = draw(rng, n_q=5, n_k=5, d_q=4, d_k=4, d_a=4, d_v=4)
    blind = random_mask(rng, 5, 5)
    blind[2] = False
    table_of_square = solution.scores(*(square[i] for i in (0, 1, 3, 4, 5)))
    of_square = solution.additive(*square), solution.additive(*square, blind)
    assert_close(e, torch.tensor([[math.log(3), 0]], dtype=torch.float64), what="the scores of the statement")
    expected = torch.tensor([[3.0, 1, 6]], dtype=torch.float64), torch.tensor([[0.75, 0.25]], dtype=torch.float64)
    compare(plain, expected, why="It is the example of the statement.")
    expected = torch.tensor([[4.0, 0, 8]], dtype=torch.float64), torch.tensor([[1.0, 0]], dtype=torch.float64)
    compare(masked, expected, why="It is the example of the statement, with its second key hidden.")
    # Those are in the statement; these had to be worked out.
    expected = table(*(square[i] for i in (0, 1, 3, 4, 5)))
    assert_close(table_of_square, expected, what="the scores of random queries and keys", why="All widths are 4.")
    compare(of_square[0], expect(*square), why="There are 5 queries and 5 keys, and all widths are 4.")
    compare(of_square[1], expect(*square, blind), why="Query 2 may look at no key.")


def test_scores(solution, rng):
    """Every query is compared with every key, whatever the widths"""
    for sizes in ({}, {"n_q": 6, "n_k": 2, "d_q": 3, "d_k": 2, "d_a": 5}, {"d_a": 1}, {"n_q": 1, "n_k": 1}):
        Q, K, _, W_q, W_k, v = draw(rng, **sizes)
        actual = solution.scores(Q, K, W_q, W_k, v)
        n_q, n_k, d_q, d_k, d_a = len(Q), len(K), len(W_q), len(W_k), len(v)
        why = f"Here {n_q = }, {n_k = }, {d_q = }, {d_k = } and {d_a = }."
        assert_close(actual, table(Q, K, W_q, W_k, v), what="the table of scores", why=why)


def test_bounded(solution, rng):
    """No score is beyond the sum of |v|, however large queries and keys are, and -v turns the signs"""
    Q, K, _, W_q, W_k, v = draw(rng, d_a=5)
    actual = solution.scores(1000 * Q, 1000 * K, W_q, W_k, v)
    turned = solution.scores(1000 * Q, 1000 * K, W_q, W_k, -v)
    bound = float(v.abs().sum())
    assert (actual.abs() <= bound * (1 + 1e-9)).all(), "A score lies beyond the sum of |v|: tanh is between -1 and 1."
    assert_close(turned, -actual, what="the scores with -v for v", why="They are linear in v.")
    assert_close(actual, table(1000 * Q, 1000 * K, W_q, W_k, v), what="the scores of large queries and keys")


def test_values(solution, reference, rng):
    """Random inputs of different sizes give the right averages and weights"""
    args = draw(rng)
    actual = solution.additive(*args)
    compare(actual, expect(*args), why="Here n_q = 3, n_k = 5, d_q = 4, d_k = 6, d_a = 7 and d_v = 2.")
    args = draw(rng, n_q=4, n_k=3, d_q=5, d_k=2, d_a=3, d_v=6)
    compare(solution.additive(*args), reference.additive(*args), why="Another set of sizes.")


def test_query_matters(solution, rng):
    """Different queries read different keys, and each row of weights sums to one"""
    # Two hidden units that fire on opposite queries, each for another key.
    big = 20.0
    Q = torch.tensor([[1.0, 0], [0, 1]], dtype=torch.float64)
    K = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=torch.float64)
    W_q = torch.tensor([[0, -2 * big], [-2 * big, 0]], dtype=torch.float64)
    W_k = torch.tensor([[big, -big], [-big, big], [-big, -big]], dtype=torch.float64)
    v = torch.tensor([2.0, 2.0], dtype=torch.float64)
    result, A = solution.additive(Q, K, torch.eye(3, dtype=torch.float64), W_q, W_k, v)
    assert float((A - A[:1]).abs().max()) > 1e-3, "All queries get the same weights: the query has no say."
    compare(
        (result, A),
        expect(Q, K, torch.eye(3, dtype=torch.float64), W_q, W_k, v),
        why="Made so that the queries differ.",
    )
    Q, K, V, W_q, W_k, v = draw(rng, n_q=4)
    _, A = solution.additive(Q, K, V, W_q, W_k, 3 * v)
    assert_close(A.sum(-1), torch.ones(4, dtype=torch.float64), what="the sum of each query's weights")


def test_order(solution, rng):
    """Shuffling the keys with their values changes nothing, shuffling the queries shuffles the rows"""
    Q, K, V, W_q, W_k, v = draw(rng, n_q=5, n_k=6)
    mask = random_mask(rng, 5, 6)
    keys, queries = torch.from_numpy(rng.permutation(6)), torch.tensor([3, 0, 4, 2, 1])
    result, A = expect(Q, K, V, W_q, W_k, v, mask)
    moved = solution.additive(Q, K[keys], V[keys], W_q, W_k, v, mask[:, keys])
    compare(moved, (result, A[:, keys]), why="The keys, their values and the mask's columns were put in another order.")
    moved = solution.additive(Q[queries], K, V, W_q, W_k, v, mask[queries])
    compare(moved, (result[queries], A[queries]), why="The queries and the mask's rows were put in another order.")


def test_leading_axes(solution, rng):
    """Every index of the leading axes is an attention of its own"""
    for leading in ((1,), (4,), (2, 3)):
        args = draw(rng, leading=leading)
        mask = random_mask(rng, *leading, 3, 5)
        compare(solution.additive(*args), expect(*args), why=f"The leading axes are {leading}.")
        compare(
            solution.additive(*args, mask), expect(*args, mask), why=f"The leading axes are {leading}, with a mask."
        )


def test_padding(solution, rng):
    """Sentences of different lengths in a batch: padding is not read, and the weights that are left sum to one"""
    args = draw(rng, leading=(3,))
    lengths = torch.tensor([4, 1, 5])
    mask = (torch.arange(5) < lengths[:, None])[:, None]  # (3, 1, 5): the same for all queries of a sentence
    result, A = solution.additive(*args, mask)
    Q, K, V, *rest = args
    for b, n in enumerate(lengths.tolist()):
        alone = expect(Q[b], K[b, :n], V[b, :n], *rest)
        assert_close(
            result[b], alone[0], what=f"the result of sentence {b}", why=f"It has {n} words; the rest is padding."
        )
        assert_close(A[b, :, :n], alone[1], what=f"the weights of sentence {b}", why=f"It has {n} words.")
        assert (A[b, :, n:] == 0).all(), f"Sentence {b} has {n} words, but the padding after them has some weight."
    for shape in ((5,), (3, 5), (3, 3, 5)):
        mask = random_mask(rng, *shape)
        compare(solution.additive(*args, mask), expect(*args, mask), why=f"The mask has the shape {shape}.")


def test_nothing_to_look_at(solution, rng):
    """A query that may look at no key gives zeros and leaves the others alone"""
    args = draw(rng, n_q=4, leading=(2,))
    mask = random_mask(rng, 2, 4, 5)
    mask[0, 1] = mask[1, 3] = False
    why = "Rows [0, 1] and [1, 3] of the mask are False throughout."
    compare(solution.additive(*args, mask), expect(*args, mask), why=why)


def test_large_scores(solution):
    """Scores of 10,000 and of -10,000, in different rows, neither overflow nor vanish"""
    # Queries and keys so large that tanh is ±1: the scores are sums of ±v, whole numbers.
    Q = torch.tensor([[400.0], [-400], [0]])
    K = torch.tensor([[100.0, 0], [-100, 0], [0, 100], [0, -100]])
    W_q, W_k = torch.ones(1, 3), torch.tensor([[1.0, -1, 1], [1, 1, -1]])
    W_q[0, 2] = 0.0
    v = torch.tensor([6000.0, 4000.0, 1.0])
    V = torch.tensor([[1.0, -2], [3, 5], [-4, 7], [2, 2]])
    expected = expect(*(x.double() for x in (Q, K, V, W_q, W_k, v)))
    why = (
        "The scores of the first query lie about 10,000, those of the second about -10,000, of the third on both sides."
    )
    compare(solution.additive(Q, K, V, W_q, W_k, v), tuple(x.float() for x in expected), why=why)
    # Scores that are themselves as low as what some hide keys with; the hidden key's is among the highest.
    Q, K, W = (torch.tensor(x, dtype=torch.float64) for x in ([[1], [-1]], [[5], [6], [7]], [[1]]))
    V, mask = V[:3].double(), torch.tensor([True, True, False])
    for v in (-1e4, -1e5):
        args = (Q, K, V, W, W, torch.tensor([v], dtype=torch.float64), mask)
        why = f"Every score lies about {v:,.0f}; the third key is hidden, by whatever is below any score."
        compare(solution.additive(*args), expect(*args), why=why)


def test_gradients(solution, rng):
    """The gradients of all six arguments have the right values, with and without a mask"""
    args = draw(rng, leading=(2,))
    blind = random_mask(rng, 2, 3, 5)
    blind[1, 2] = False
    G = randn(rng, 2, 3, 2), randn(rng, 2, 3, 5)
    for mask, why in ((None, ""), (blind, "One query may look at no key here.")):
        out, actual = vjp(solution.additive, *args, mask, cotangent=G, wrt=tuple(range(6)))
        leaves = [x.clone().requires_grad_() for x in args]
        result, A = expect(*leaves, mask)
        expected = torch.autograd.grad((result, A), leaves, G)
        compare(out, (result.detach(), A.detach()), why=why)
        assert_gradients(actual, list(expected), NAMES, why=why)


def test_inputs_and_dtype(solution, rng):
    """float32 stays float32, and the arguments are neither changed nor asked to be contiguous"""
    args = [x.float().mT.contiguous().mT if x.dim() > 1 else x.float() for x in draw(rng, leading=(2,))]
    mask = random_mask(rng, 3, 5)
    actual = assert_unchanged(solution.additive, *args, mask)
    expected = expect(*(x.double() for x in args), mask)
    compare(actual, tuple(x.float() for x in expected), why="All arguments but v are transposed views here.")
    e = assert_unchanged(solution.scores, *(args[i] for i in (0, 1, 3, 4, 5)))
    expected = table(*(args[i].double() for i in (0, 1, 3, 4, 5))).float()
    assert_close(e, expected, what="the scores in float32")


def test_small_sizes(solution, rng):
    """One query, one key, one hidden unit, no query"""
    args = draw(rng, n_q=1, n_k=1, d_v=3)
    compare(solution.additive(*args), expect(*args), why="There is one key: its weight is 1.")
    args = draw(rng, n_q=1, n_k=4, d_q=1, d_k=1, d_a=1, d_v=1)
    compare(solution.additive(*args), expect(*args), why="Here n_q = 1 and all widths are 1.")
    args = draw(rng, n_q=0, leading=(2,))
    zeros = torch.zeros(2, 0, 2, dtype=torch.float64), torch.zeros(2, 0, 5, dtype=torch.float64)
    compare(solution.additive(*args), zeros, why="Here n_q = 0.")
