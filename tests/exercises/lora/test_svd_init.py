"""pissa and rank_for_energy against matrices that are built from known singular vectors and values.

W = U diag(σ) Vᵀ with U and V from QR decompositions in float64, so that the principal part is known without
asking any SVD. Singular vectors are fixed up to a sign: the factors stay where they were made, and only s ·
B A, A Aᵀ and Bᵀ B are fetched, which have no sign. Singular values are well apart. Tolerances: float64 1e-9
relative and 1e-10 absolute (σ up to 10, sums of a dozen products); float32 1e-5 relative and 5e-5 absolute,
some 50 roundings at the size of σ₁; bfloat16 by the bound in its check. Nothing can fail by chance.
"""

import torch

from grader.testing import (
    LearnerError,
    Mismatch,
    assert_close,
    assert_equal,
    assert_unchanged,
    keep,
    keep_item,
    library,
    load,
)

SIGMA = (10.0, 7.0, 4.0, 1.5, 0.6)
ATOL = {torch.float64: 1e-10, torch.float32: 5e-5}


def _parts(n_out, n_in, sigma=SIGMA):
    """U (n_out, k), σ (k), V (n_in, k) in float64."""
    k = len(sigma)
    U, _ = torch.linalg.qr(torch.randn(n_out, k, dtype=torch.float64))
    V, _ = torch.linalg.qr(torch.randn(n_in, k, dtype=torch.float64))
    return U, torch.tensor(sigma, dtype=torch.float64), V


def _matrix(U, S, V):
    return U * S @ V.T


def _split(solution, W, r, scaling):
    """What pissa returns, looked at without its signs: (W_res, B A, A Aᵀ, Bᵀ B), after its form was found right."""
    result = keep(solution.pissa, W, r, scaling)
    einsum = library(solution, "torch.einsum")
    try:
        if len(result) != 3:
            raise Mismatch(f"pissa returns {len(result)} things; three are asked for: (W_res, A, B).")
        W_res, A, B = (keep_item(result, i) for i in range(3))
        form = [(tuple(t.shape), str(t.dtype), t.requires_grad) for t in (W_res, A, B)]
    except LearnerError as error:
        raise Mismatch(f"pissa does not return a tuple of three tensors: {error}") from None
    sizes = (tuple(W.shape), (r, W.shape[1]), (W.shape[0], r))
    for name, (shape, dtype, grad), expected in zip(("W_res", "A", "B"), form, sizes, strict=True):
        assert_equal(shape, expected, what=f"the shape of {name} for W of shape {tuple(W.shape)} and r = {r}")
        assert_equal(dtype, str(W.dtype), what=f"the dtype of {name} for W in {W.dtype}")
        assert not grad, f"{name} requires a gradient. Return plain tensors: who uses them makes parameters of them."
    return W_res.clone(), einsum("or,ri->oi", B, A), einsum("ri,qi->rq", A, A), einsum("or,oq->rq", B, B)


def _near(actual, expected, what, why=""):
    assert_close(actual, expected, atol=ATOL[expected.dtype], what=what, why=why)


def test_principal_part(solution):
    """s · B A is the principal part of W, and the residual the rest"""
    for n_out, n_in, r, scaling in ((9, 6, 2, 4.0), (6, 8, 3, 0.5)):
        U, S, V = _parts(n_out, n_in)
        W_res, BA, AA, BB = _split(solution, _matrix(U, S, V), r, scaling)
        case = f"for W of shape {(n_out, n_in)}, r = {r}, s = {scaling}"
        _near(W_res + scaling * BA, _matrix(U, S, V), f"W_res + s · B A {case}", "The two have to add up to W.")
        _near(scaling * BA, _matrix(U[:, :r], S[:r], V[:, :r]), f"s · B A {case}")
        _near(W_res, _matrix(U[:, r:], S[r:], V[:, r:]), f"W_res {case}")
        _near(AA, torch.diag(S[:r] / scaling), f"A Aᵀ {case}", "It is Σ_r / s: A has half of it, the square root.")
        _near(BB, torch.diag(S[:r] / scaling), f"Bᵀ B {case}", "It is Σ_r / s: B has half of it, the square root.")


def test_rank_for_energy(solution):
    """The rank is the smallest that holds the share of the squared singular values"""
    # Squares 16, 9, 4, 1: shares 0.533, 0.833, 0.967, 1. Of the plain values: 0.4, 0.7, 0.9, 1.
    W = _matrix(*_parts(7, 5, (4.0, 3.0, 2.0, 1.0)))
    asked = (0.05, 0.45, 0.53, 0.54, 0.75, 0.83, 0.84, 0.96, 0.97, 0.999)
    expected = (1, 1, 1, 2, 2, 2, 3, 3, 4, 4)
    ranks = [solution.rank_for_energy(W, energy) for energy in asked]
    for energy, rank, right in zip(asked, ranks, expected, strict=True):
        what = f"the rank for {energy:g} of the energy, with the singular values 4, 3, 2, 1"
        assert type(rank) is int, f"rank_for_energy returned {type(rank).__name__}; an int is asked for."
        assert_equal(rank, right, what=what, why="The shares are 16/30, 25/30, 29/30 and 1.")


def test_example_of_the_statement(solution):
    """The example worked by hand comes out"""
    W = torch.tensor([[0.0, 8.0], [2.0, 0.0]])
    W_res, BA, AA, BB = _split(solution, W, 1, 2.0)
    ranks = [solution.rank_for_energy(W, energy) for energy in (0.94, 0.95)]
    _near(W_res, torch.tensor([[0.0, 0.0], [2.0, 0.0]]), "W_res of the example")
    _near(2.0 * BA, torch.tensor([[0.0, 8.0], [0.0, 0.0]]), "s · B A of the example")
    _near(AA, torch.tensor([[4.0]]), "A Aᵀ of the example")
    _near(BB, torch.tensor([[4.0]]), "Bᵀ B of the example")
    assert_equal(ranks, [1, 2], what="the ranks of the example for 0.94 and 0.95")


def test_adds_up_in_bfloat16(solution):
    """In bfloat16, W_res + s · B A is W but for the rounding of W_res"""
    U, S, V = _parts(40, 30, (300.0, 200.0, 120.0, 2.0, 1.0, 0.5))
    W = _matrix(U, S, V).bfloat16()
    for scaling in (1.0, 3.0):
        result = keep(solution.pissa, W, 3, scaling)
        parts = [keep_item(result, i) for i in range(3)]
        dtypes = [str(part.dtype) for part in parts]
        wide = [keep(part.double) for part in parts]
        W_res = wide[0].clone()
        BA = library(solution, "torch.einsum")("or,ri->oi", wide[2], wide[1])
        assert_equal(dtypes, ["torch.bfloat16"] * 3, what="the dtypes of W_res, A and B for W in bfloat16")
        gap = (W_res + scaling * BA - W.double()).abs()
        # Half a unit in the last place of W_res, 2**-9 of it, and the float32 the learner works in: 1e-4 at size 100.
        allowed = W_res.abs() * 2**-8 + 1e-3
        assert bool((gap <= allowed).all()), (
            f"In bfloat16 W_res + {scaling:g} · B A misses W by up to {float(gap.max()):.3g}, where rounding "
            f"W_res alone costs {float(allowed.max()):.3g} at the most. Subtract the product of the factors that are returned."
        )
        principal = _matrix(U[:, :3], S[:3], V[:, :3])
        size = float((scaling * BA - principal).norm() / principal.norm())
        assert size < 0.02, f"In bfloat16 s · B A differs from the principal part by {size:.1%} of its size."


def test_best_approximation(solution):
    """For any matrix, what is left has the energy of the singular values that are left"""
    W = torch.randn(11, 7, dtype=torch.float64)
    squares = torch.linalg.eigvalsh(W.T @ W).flip(0)  # σ² without an SVD
    results = [(r, *_split(solution, W, r, 1.5)) for r in (1, 4, 6)]
    for r, W_res, BA, AA, _ in results:
        _near(W_res + 1.5 * BA, W, f"W_res + s · B A of a random matrix, r = {r}")
        what = f"the sum of the squares of W_res of a random matrix, r = {r}"
        assert_close(W_res.square().sum(), squares[r:].sum(), what=what, why="No other choice leaves less.")
        _near(AA.diagonal(), squares[:r].sqrt() / 1.5, f"the squared lengths of A's rows, r = {r}", "Largest first.")


def test_whole_rank(solution):
    """With r = min(out, in) nothing remains, and r = 1 works"""
    for shape in ((5, 7), (7, 5)):
        W = torch.randn(shape, dtype=torch.float64)
        W_res, BA, _, _ = _split(solution, W, 5, 2.0)
        _near(W_res, torch.zeros(shape, dtype=torch.float64), f"W_res for W of shape {shape} and r = 5")
        _near(2.0 * BA, W, f"s · B A for W of shape {shape} and r = 5")
    U, S, V = _parts(1, 6, (3.0,))
    W_res, BA, _, _ = _split(solution, _matrix(U, S, V), 1, 0.25)
    _near(0.25 * BA, _matrix(U, S, V), "s · B A for a W of one row")


def test_default_scaling(solution):
    """Without `scaling` it is 1"""
    U, S, V = _parts(6, 5, (5.0, 3.0, 1.0))
    result = keep(solution.pissa, _matrix(U, S, V), 2)
    BA = library(solution, "torch.einsum")("or,ri->oi", keep_item(result, 2), keep_item(result, 1))
    W_res = keep_item(result, 0).clone()
    _near(BA, _matrix(U[:, :2], S[:2], V[:, :2]), "B A with the default scaling")
    _near(W_res, _matrix(U[:, 2:], S[2:], V[:, 2:]), "W_res with the default scaling")


def test_float32_parameters_and_views(solution):
    """A float32 parameter and a transposed view are decomposed alike, and W keeps every bit"""
    U, S, V = _parts(8, 5)
    W = _matrix(V, S, U).float().T  # (8, 5), not contiguous
    for what, given in (("a transposed view", W), ("a tensor that requires a gradient", W.clone().requires_grad_())):
        W_res, BA, _, _ = _split(solution, given, 2, 4.0)
        _near(4.0 * BA, _matrix(U[:, :2], S[:2], V[:, :2]).float(), f"s · B A of {what}")
        _near(W_res, _matrix(U[:, 2:], S[2:], V[:, 2:]).float(), f"W_res of {what}")
    rank = solution.rank_for_energy(W.clone().requires_grad_(), 0.9)
    assert_equal(rank, 3, what="the rank for 0.9 of the energy of a tensor that requires a gradient")
    assert_unchanged(solution.rank_for_energy, W, 0.9)
    held = library(solution, "torch.nn.Linear")(5, 8, bias=False)
    load(held, weight=W)
    result = keep(solution.pissa, keep(held.get_parameter, "weight"), 2, 4.0)
    assert_equal(held.weight.detach(), W.contiguous(), what="W after pissa (it must not be changed in place)")
    W_res = keep_item(result, 0)
    keep(W_res.zero_)
    why = "The residual shared memory with W: it was filled with zeros, and W with it."
    assert_equal(held.weight.detach(), W.contiguous(), what="W after its residual was changed", why=why)


def test_rank_edges(solution):
    """A matrix of zeros needs no rank, one row needs 1, an exact share is enough, and bfloat16 works"""
    zeros = solution.rank_for_energy(torch.zeros(4, 3), 0.9)
    one = solution.rank_for_energy(torch.outer(torch.arange(1.0, 5.0), torch.tensor([2.0, -1.0, 3.0])), 0.999)
    coarse = solution.rank_for_energy(torch.diag(torch.tensor([4.0, 3.0, 2.0, 1.0])).bfloat16(), 0.9)
    wide = solution.rank_for_energy(_matrix(*_parts(3, 9, (2.0, 2.0, 2.0))), 0.6)
    row = solution.rank_for_energy(torch.tensor([[3.0, -4.0, 0.0]]), 0.5)
    # 4, 4, 4, 4: all exact, so that two of four are exactly half.
    half = solution.rank_for_energy(2.0 * torch.eye(4, dtype=torch.float64), 0.5)
    assert_equal(zeros, 0, what="the rank for a matrix of zeros")
    assert_equal(one, 1, what="the rank for 0.999 of the energy of a matrix of rank 1")
    assert_equal(coarse, 3, what="the rank for 0.9 of the energy of diag(4, 3, 2, 1) in bfloat16")
    assert_equal(wide, 2, what="the rank for 0.6 of the energy of three equal singular values")
    assert_equal(row, 1, what="the rank for half the energy of a matrix of one row")
    why = "Two of four hold exactly half, and at least half is asked for."
    assert_equal(half, 2, what="the rank for half the energy of four equal singular values", why=why)
