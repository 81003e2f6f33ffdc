"""The hidden suite of backprop/attention.

The expected gradients come from a forward pass that is written here and differentiated by torch's autograd in float64,
on this side; no formula for the backward pass is used. Default tolerances for float64 (1e-9 relative, 1e-12 absolute:
right orders of operations differ by about 1e-15); float32 has 1e-5 and 1e-5, as roundings of 6e-8 add up over keys and
features and partly cancel. The checks with huge scores use integers and √d_k = 2, so that every right order of
operations makes the same scores. No check fails by chance.
"""

import numpy as np
import torch

from grader.testing import Mismatch, assert_close, assert_equal, observe

NAMES = ("dQ", "dK", "dV")


def _forward(Q, K, V, mask):
    """Attention where hidden keys are left out of the sum and a query without any key gives zeros."""
    S = Q @ K.mT / Q.shape[-1] ** 0.5
    keep = torch.ones_like(S, dtype=torch.bool) if mask is None else torch.from_numpy(mask).expand_as(S)
    if not S.shape[-1]:
        return S @ V
    top = torch.where(keep, S, -torch.inf).amax(-1, keepdim=True).detach()
    top = torch.where(top > -torch.inf, top, 0.0)
    E = torch.where(keep, torch.where(keep, S - top, 0.0).exp(), 0.0)
    total = E.sum(-1, keepdim=True)
    return E / torch.where(total > 0, total, 1.0) @ V


def _expected(dO, Q, K, V, mask=None):
    leaves = [torch.tensor(np.asarray(X, np.float64), requires_grad=True) for X in (Q, K, V)]
    out = _forward(*leaves, mask)
    grads = torch.autograd.grad((torch.from_numpy(np.asarray(dO, np.float64)) * out).sum(), leaves)
    return [grad.numpy() for grad in grads]


def _draw(rng, n_q, n_k, d_k, d_v, lead=()):
    """dO, Q, K, V of a mean that is not 0."""
    shapes = ((n_q, d_v), (n_q, d_k), (n_k, d_k), (n_k, d_v))
    return [rng.normal(size=(*lead, *shape)) + 0.3 for shape in shapes]


def _mask(rng, *shape):
    """Every row keeps at least one key and hides at least one."""
    mask = rng.random(shape) < 0.5
    mask[..., 0], mask[..., -1] = True, False
    return rng.permuted(mask, axis=-1)


def _checked(grads):
    if not isinstance(grads, tuple | list) or len(grads) != 3:
        kind = f"{len(grads)} values" if isinstance(grads, tuple | list) else f"a {type(grads).__name__}"
        raise Mismatch(f"sdpa_backward has to return dQ, dK and dV; what came is {kind}.")
    return grads


def _shaped(grads, shapes):
    """The three gradients, once they have those shapes: only then can sums be taken of them."""
    for name, grad, shape in zip(NAMES, _checked(grads), shapes, strict=True):
        if getattr(grad, "shape", None) != shape:
            assert_close(grad, np.zeros(shape), what=f"the gradient {name}")
    return grads


def _compare(grads, expected, where="", **tolerance):
    for name, mine, theirs in zip(NAMES, _checked(grads), expected, strict=True):
        assert_close(mine, theirs, what=f"the gradient {name}{where}", **tolerance)


def test_values(solution, rng):
    """Gradients for 4 queries and 6 keys, without a mask and with one"""
    given = _draw(rng, 4, 6, 3, 5)
    mask = _mask(rng, 4, 6)
    plain, masked = solution.sdpa_backward(*given), solution.sdpa_backward(*given, mask)
    _compare(plain, _expected(*given))
    _compare(masked, _expected(*given, mask), " with a mask")


def test_worked_example(solution):
    """The example of the statement, and the same for another column of dO"""
    Q, K = np.array([[2 * np.log(3), 0, 0, 0]]), np.eye(2, 4)
    V = np.array([[4.0, 0, 8], [0, 4, 0]])
    first = solution.sdpa_backward(np.array([[1.0, 0, 0]]), Q, K, V)
    third = solution.sdpa_backward(np.array([[0.0, 0, 1]]), Q, K, V)
    for factor, column, grads in ((1.0, 0, first), (2.0, 2, third)):
        dK, dV = np.zeros((2, 4)), np.zeros((2, 3))
        dK[:, 0] = factor * 0.75 * np.log(3), -factor * 0.75 * np.log(3)
        dV[:, column] = 0.75, 0.25
        _compare(grads, [factor * np.array([[0.375, -0.375, 0, 0]]), dK, dV], f" where dO is 1 in column {column}")


def test_square(solution, rng):
    """As many queries as keys and features: nothing is turned the wrong way round where shapes cannot tell"""
    cases = []
    for sizes in ((5, 5, 3, 4), (4, 4, 4, 4), (3, 4, 6, 4)):
        given, mask = _draw(rng, *sizes), _mask(rng, *sizes[:2])
        cases.append((sizes, solution.sdpa_backward(*given), _expected(*given)))
        cases.append((sizes, solution.sdpa_backward(*given, mask), _expected(*given, mask)))
    for sizes, grads, expected in cases:
        _compare(grads, expected, " for n_q = {}, n_k = {}, d_k = {}, d_v = {}".format(*sizes))


def test_sums(solution, rng):
    """The rows of dK sum to 0, those of dV to those of dO, and Q ∘ dQ and K ∘ dK have one sum"""
    dO, Q, K, V = _draw(rng, 5, 7, 4, 3)
    mask = _mask(rng, 5, 7)
    answers = [solution.sdpa_backward(dO, Q, K, V), solution.sdpa_backward(dO, Q, K, V, mask)]
    for grads in answers:
        dQ, dK, dV = _shaped(grads, (Q.shape, K.shape, V.shape))
        assert_close(
            dK.sum(0),
            np.zeros(4),
            what="the sum of the rows of dK",
            why="Adding one vector to all keys changes no weight.",
        )
        assert_close(
            dV.sum(0), dO.sum(0), what="the sum of the rows of dV", why="The weights of each query sum to one."
        )
        assert_close(np.sum(Q * dQ), np.sum(K * dK), what="the sum of Q ∘ dQ", why="It equals the sum of K ∘ dK.")
    _compare(answers[0], _expected(dO, Q, K, V))


def test_linear(solution, rng):
    """The gradients are linear in dO: sums and multiples of it go straight through"""
    dO, Q, K, V = _draw(rng, 3, 5, 4, 2)
    other = rng.normal(size=dO.shape)
    pieces = solution.sdpa_backward(dO, Q, K, V), solution.sdpa_backward(other, Q, K, V)
    mixed = solution.sdpa_backward(2.5 * dO - 40.0 * other, Q, K, V)
    first, second = (_shaped(piece, (Q.shape, K.shape, V.shape)) for piece in pieces)
    # Terms of about 50 cancel here.
    _compare(
        mixed, [2.5 * a - 40.0 * b for a, b in zip(first, second, strict=True)], " for 2.5 dO - 40 dO'", atol=1e-11
    )
    _compare(mixed, _expected(2.5 * dO - 40.0 * other, Q, K, V), " for 2.5 dO - 40 dO'", atol=1e-11)


def test_hidden_pairs(solution, rng):
    """A key hidden from everybody gets exactly 0, and the others what they get without it"""
    dO, Q, K, V = _draw(rng, 4, 6, 3, 5)
    mask = _mask(rng, 4, 6)
    mask[:, 2], mask[:, 4] = False, True
    grads = solution.sdpa_backward(dO, Q, K, V, mask)
    dQ, dK, dV = _shaped(grads, (Q.shape, K.shape, V.shape))
    for name, grad in (("dK", dK), ("dV", dV)):
        assert not grad[2].any(), (
            f"Key 2 is hidden from every query, but its row of {name} is {grad[2]}. It has to be exactly 0."
        )
    left = [0, 1, 3, 4, 5]
    expected = _expected(dO, Q, K[left], V[left], mask[:, left])
    _compare((dQ, dK[left], dV[left]), expected, " when key 2, hidden from every query, is left out")


def test_leading_axes(solution, rng):
    """Every index into the leading axes is an attention of its own"""
    cases = []
    for lead in ((1,), (3,), (2, 3), (2, 1, 2)):
        given, mask = _draw(rng, 4, 5, 3, 2, lead), _mask(rng, *lead, 4, 5)
        cases.append((lead, solution.sdpa_backward(*given, mask), _expected(*given, mask)))
    square = _draw(rng, 3, 3, 3, 3, (3, 3))
    cases.append(((3, 3), solution.sdpa_backward(*square), _expected(*square)))
    for lead, grads, expected in cases:
        _compare(grads, expected, f" with the leading axes {lead}")


def test_mask_broadcasts(solution, rng):
    """A mask may be smaller than the scores: one for all queries, all keys or all heads"""
    given = _draw(rng, 4, 5, 3, 2, (2, 3))
    masks = [_mask(rng, *shape) for shape in ((5,), (4, 5), (2, 1, 1, 5), (3, 1, 5), (2, 1, 4, 5))]
    masks.append(np.array([[True], [False], [True], [True]]))
    answers = [solution.sdpa_backward(*given, mask) for mask in masks]
    for mask, grads in zip(masks, answers, strict=True):
        _compare(grads, _expected(*given, mask), f" with a mask of shape {mask.shape}")


def test_nothing_to_look_at(solution, rng):
    """A query that may look at no key gets zeros, gives nothing, and leaves no NaN"""
    dO, Q, K, V = _draw(rng, 4, 5, 3, 6, (2,))
    mask = _mask(rng, 2, 4, 5)
    mask[0, 1] = mask[1, 3] = False
    grads = solution.sdpa_backward(dO, Q, K, V, mask)
    nobody = solution.sdpa_backward(dO, Q, K, V, np.zeros((2, 4, 5), bool))
    empty = solution.sdpa_backward(dO, Q, K[:, :0], V[:, :0])
    _compare(grads, _expected(dO, Q, K, V, mask), " where rows [0, 1] and [1, 3] of the mask are False throughout")
    _compare(nobody, [np.zeros(X.shape) for X in (Q, K, V)], " where the mask is False everywhere")
    _compare(empty, [np.zeros(X.shape) for X in (Q, K[:, :0], V[:, :0])], " for n_k = 0")


def test_large_scores(solution, rng):
    """Scores of 10,000 and of -10,000, in different rows, neither overflow nor vanish"""
    S = np.array([[10000.0, 9998, 9999], [-10000, -10001, -9999], [2, 0, 1], [1e6, -1e6, 1e6 - 1], [800, 799, -800]])
    K, V, dO = np.eye(3, 4), np.array([[1.0, -2], [3, 5], [-4, 7]]), rng.normal(size=(5, 2))
    Q = np.pad(2 * S, ((0, 0), (0, 1)))
    grads = solution.sdpa_backward(dO, Q, K, V)
    # dK holds slopes times 10⁶: one rounding of a slope (1e-16) is 1e-10 there.
    _compare(grads, _expected(dO, Q, K, V), f" where the rows of scores are {S.astype(int).tolist()}", atol=1e-8)


def test_hidden_keys_never_win(solution, rng):
    """A hidden key has no gradient, and spoils none, even where it scores far above the others"""
    S = np.array([[-20000.0, 5, -20001], [-9000, -9001, 10000], [-1e6, -1e6 - 1, 1e6]])
    mask = np.array([[True, False, True], [True, True, False], [True, True, False]])
    Q, K, V = np.pad(2 * S, ((0, 0), (0, 1))), np.eye(3, 4), np.array([[1.0, -2], [300, 500], [-4, 7]])
    dO = rng.normal(size=(3, 2))
    grads = solution.sdpa_backward(dO, Q, K, V, mask)
    where = " where the keys that are left score about -20,000, -9,000 and -10⁶, the hidden ones 5, 10,000 and 10⁶"
    _compare(grads, _expected(dO, Q, K, V, mask), where, atol=1e-6)  # slopes times 300 and 10⁶: roundings of 1e-8


def test_small_sizes(solution, rng):
    """One key, one query, one feature, no query"""
    cases = []
    for sizes in ((3, 1, 4, 2), (1, 4, 2, 3), (3, 2, 1, 4), (2, 3, 4, 1), (0, 3, 4, 2)):
        given = _draw(rng, *sizes)
        cases.append((sizes, solution.sdpa_backward(*given), _expected(*given)))
    for sizes, grads, expected in cases:
        _compare(grads, expected, " for n_q = {}, n_k = {}, d_k = {}, d_v = {}".format(*sizes))


def test_float32(solution, rng):
    """float32 in, float32 out"""
    given = [X.astype(np.float32) for X in _draw(rng, 4, 6, 3, 5)]
    mask = _mask(rng, 4, 6)
    plain, masked = solution.sdpa_backward(*given), solution.sdpa_backward(*given, mask)
    for grads, hidden, where in ((plain, None, ""), (masked, mask, " with a mask")):
        expected = [grad.astype(np.float32) for grad in _expected(*given, hidden)]
        _compare(grads, expected, f" of float32 arrays{where}", atol=1e-5)


def test_arguments_are_only_read(solution, rng):
    """dO, Q, K, V and the mask hold the same afterwards, whatever their strides"""
    given = [np.swapaxes(np.swapaxes(X, -1, -2).copy(), -1, -2)[::-1] for X in _draw(rng, 4, 6, 3, 5)]
    mask = _mask(rng, 6, 4)[:, ::-1].T
    mask[1] = True
    before = [X.copy() for X in (*given, mask)]
    seen = observe(solution.sdpa_backward, *given, mask)
    for name, was, now in zip(("dO", "Q", "K", "V", "mask"), before, seen.args, strict=True):
        assert_equal(now, was, what=f"{name} afterwards (it must not be changed in place)")
    _compare(seen.value, _expected(*(X.copy() for X in given), mask.copy()))
