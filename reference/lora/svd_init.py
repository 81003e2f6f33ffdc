"""Starting from the principal part: the solution, known mistakes, other right solutions."""

import numpy as np
import torch
from torch import Tensor

from grader.marks import alternative, mistake


def pissa(W: Tensor, r: int, scaling: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    """Meng et al. (2024), section 3: B = U_r √(Σ_r / s), A = √(Σ_r / s) V_rᵀ, W_res = W - s · B A."""
    wide = _wide(W)
    U, S, Vt = torch.linalg.svd(wide, full_matrices=False)  # the largest first
    half = (S[:r] / scaling).sqrt()
    B = (U[:, :r] * half).to(W.dtype)
    A = (half[:, None] * Vt[:r]).to(W.dtype)
    # What the factors leave, as they are kept: their rounding goes into the residual.
    W_res = wide - scaling * B.to(wide.dtype) @ A.to(wide.dtype)
    return W_res.to(W.dtype), A, B


def _wide(W: Tensor) -> Tensor:
    """W without autograd, in a dtype that has an SVD."""
    return W.detach().to(torch.promote_types(W.dtype, torch.float32))


def rank_for_energy(W: Tensor, energy: float) -> int:
    share = torch.linalg.svdvals(_wide(W)).square().cumsum(0)
    # Ranks whose share is too small, and the next one is enough. A matrix of zeros needs none.
    return 0 if share[0] == 0 else int((share < energy * share[-1]).sum()) + 1


# Mistakes: the factors.


def _svd(W):
    return torch.linalg.svd(_wide(W), full_matrices=False)


def _packed(W, A, B, scaling):
    A, B = A.to(W.dtype), B.to(W.dtype)
    return (_wide(W) - scaling * _wide(B) @ _wide(A)).to(W.dtype), A, B


@mistake(
    "Your residual is W itself. The adapter holds the principal part already, so that it counts twice: subtract "
    "s · B A.",
    of="pissa",
    hint=1,
)
def residual_not_subtracted(W, r, scaling=1.0):
    U, S, Vt = _svd(W)
    half = (S[:r] / scaling).sqrt()
    return W.detach().clone(), (half[:, None] * Vt[:r]).to(W.dtype), (U[:, :r] * half).to(W.dtype)


@mistake(
    "You give the adapter the smallest singular values. The principal part is made of the largest, which come first; "
    "yours leaves them in the frozen base.",
    of="pissa",
    hint=2,
)
def smallest(W, r, scaling=1.0):
    U, S, Vt = _svd(W)
    half = (S[-r:] / scaling).sqrt()
    return _packed(W, half[:, None] * Vt[-r:], U[:, -r:] * half, scaling)


@mistake(
    "All of Σ is in B, so that A has rows of length one and its gradient is far larger. Each factor gets the square "
    "root of it.",
    of="pissa",
    hint=3,
)
def sigma_in_b(W, r, scaling=1.0):
    U, S, Vt = _svd(W)
    return _packed(W, Vt[:r], U[:, :r] * (S[:r] / scaling), scaling)


@mistake(
    "All of Σ is in A, so that B has columns of length one and its gradient is far larger. Each factor gets the square "
    "root of it.",
    of="pissa",
    hint=3,
)
def sigma_in_a(W, r, scaling=1.0):
    U, S, Vt = _svd(W)
    return _packed(W, (S[:r] / scaling)[:, None] * Vt[:r], U[:, :r], scaling)


@mistake(
    "Both factors get all of Σ, and their product has its square. The square root goes into each.",
    of="pissa",
    hint=3,
)
def sigma_in_both(W, r, scaling=1.0):
    U, S, Vt = _svd(W)
    whole = S[:r] / scaling
    return _packed(W, whole[:, None] * Vt[:r], U[:, :r] * whole, scaling)


@mistake(
    "Your factors are the bare singular vectors, without their singular values: each factor is to be "
    "multiplied by √(Σ_r / s).",
    of="pissa",
    hint=3,
)
def sigma_left_out(W, r, scaling=1.0):
    U, _, Vt = _svd(W)
    return _packed(W, Vt[:r], U[:, :r], scaling)


@mistake(
    "You take no notice of `scaling`. The layer multiplies B A by s, so that s · B A has to be the principal "
    "part: divide Σ by s before it is split.",
    of="pissa",
    hint=3,
)
def scaling_ignored(W, r, scaling=1.0):
    U, S, Vt = _svd(W)
    half = S[:r].sqrt()
    return _packed(W, half[:, None] * Vt[:r], U[:, :r] * half, 1.0)


@mistake(
    "You use `scaling` in the residual but not in the factors: the parts add up to W, but s · B A is s times the "
    "principal part, and the residual holds what is too much with the other sign.",
    of="pissa",
    hint=3,
)
def factors_unscaled(W, r, scaling=1.0):
    U, S, Vt = _svd(W)
    half = S[:r].sqrt()
    return _packed(W, half[:, None] * Vt[:r], U[:, :r] * half, scaling)


@mistake(
    "You divide each factor by s, so that their product is divided by its square. Divide Σ by s, then take the "
    "square root.",
    of="pissa",
    hint=3,
)
def scaled_twice(W, r, scaling=1.0):
    U, S, Vt = _svd(W)
    half = S[:r].sqrt() / scaling
    return _packed(W, half[:, None] * Vt[:r], U[:, :r] * half, scaling)


@mistake(
    "You take columns of what `torch.linalg.svd` gives back third. That is Vᵀ: its rows are the singular vectors.",
    of="pissa",
    hint=2,
)
def v_not_transposed(W, r, scaling=1.0):
    U, S, Vt = torch.linalg.svd(_wide(W))
    half = (S[:r] / scaling).sqrt()
    return _packed(W, half[:, None] * Vt[:, :r].T, U[:, :r] * half, scaling)


@mistake(
    "Your factors come in the wrong order: the tuple is (W_res, A, B), with A of shape (r, in).",
    of="pissa",
    hint=2,
)
def factors_exchanged(W, r, scaling=1.0):
    U, S, Vt = _svd(W)
    half = (S[:r] / scaling).sqrt()
    W_res, A, B = _packed(W, half[:, None] * Vt[:r], U[:, :r] * half, scaling)
    return W_res, B, A


@mistake(
    "You subtract the product of the factors before they are rounded. In bfloat16 the factors that are kept are "
    "others, and W_res + s · B A misses W by their rounding: subtract what is returned.",
    of="pissa",
    hint=4,
)
def residual_before_rounding(W, r, scaling=1.0):
    U, S, Vt = _svd(W)
    half = (S[:r] / scaling).sqrt()
    A, B = half[:, None] * Vt[:r], U[:, :r] * half
    return (_wide(W) - scaling * B @ A).to(W.dtype), A.to(W.dtype), B.to(W.dtype)


# Mistakes: the energy.


def _count(share, energy):
    return 0 if share[-1] == 0 else int((share < energy * share[-1]).sum()) + 1


@mistake(
    "You add up the singular values. The energy is in their squares.",
    of="rank_for_energy",
    hint=3,
)
def not_squared(W, energy):
    return _count(torch.linalg.svdvals(_wide(W).double()).cumsum(0), energy)


@mistake(
    "Your rank is one too small: you give the index of the component that reaches the share, and indices begin at 0.",
    of="rank_for_energy",
    hint=4,
)
def one_too_few(W, energy):
    return max(_count(torch.linalg.svdvals(_wide(W).double()).square().cumsum(0), energy) - 1, 0)


@mistake(
    "Your rank is one too large: it is the smallest that reaches the share.",
    of="rank_for_energy",
    hint=4,
)
def one_too_many(W, energy):
    rank = _count(torch.linalg.svdvals(_wide(W).double()).square().cumsum(0), energy)
    return rank and min(rank + 1, *W.shape)


@mistake(
    "You begin with the smallest singular values. The first r are the largest ones.",
    of="rank_for_energy",
    hint=3,
)
def smallest_first(W, energy):
    return _count(torch.linalg.svdvals(_wide(W).double()).square().flip(0).cumsum(0), energy)


@mistake(
    "You count the singular values that are above a share of the largest. What is asked for is the share of the "
    "sum of squares that the first r have together.",
    of="rank_for_energy",
    hint=3,
)
def threshold_of_the_largest(W, energy):
    S = torch.linalg.svdvals(_wide(W).double())
    above = S / S[0] > 1 - energy
    return int(above.sum())


@mistake(
    "A matrix of zeros gets a rank. It has no energy to keep: 0 is asked for.",
    of="rank_for_energy",
    hint=4,
)
def zeros_get_a_rank(W, energy):
    share = torch.linalg.svdvals(_wide(W).double()).square().cumsum(0)
    return int((share < energy * share[-1]).sum()) + 1


# Other right solutions.


@alternative("one component at a time, subtracted from the residual as it is found", of="pissa")
def by_loop(W, r, scaling=1.0):
    wide = W.detach().to(torch.float64)
    U, S, Vt = torch.linalg.svd(wide, full_matrices=True)
    A, B = torch.zeros(r, W.shape[1], dtype=W.dtype), torch.zeros(W.shape[0], r, dtype=W.dtype)
    rest = wide.clone()
    for i in range(r):
        size = float(S[i] / scaling) ** 0.5
        A[i], B[:, i] = size * Vt[i], size * U[:, i]
        rest -= scaling * torch.outer(B[:, i].double(), A[i].double())
    return rest.to(W.dtype), A, B


@alternative("NumPy, with the other sign", of="pissa")
def by_numpy(W, r, scaling=1.0):
    wide = W.detach().double().numpy()
    U, S, Vt = np.linalg.svd(wide, full_matrices=False)
    half = np.diag(np.sqrt(S[:r] / scaling))
    A, B = torch.tensor(-half @ Vt[:r]).to(W.dtype), torch.tensor(-U[:, :r] @ half).to(W.dtype)
    return torch.tensor(wide - scaling * (B.double() @ A.double()).numpy()).to(W.dtype), A, B


@alternative("a loop over the singular values", of="rank_for_energy")
def energy_by_loop(W, energy):
    squares = [float(s) ** 2 for s in torch.linalg.svd(W.detach().double(), full_matrices=False).S]
    total, held = sum(squares), 0.0
    if total == 0:
        return 0
    for r, square in enumerate(squares, start=1):
        held += square
        if held >= energy * total:
            return r
    return len(squares)
