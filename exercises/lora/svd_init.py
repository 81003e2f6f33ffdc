"""# Starting from the principal part

LoRA starts its correction at zero: B = 0 and A random, so that the first steps go into turning A towards
something useful. A pre-trained matrix has directions that matter more than others, though, and its
singular value decomposition says which. PiSSA gives those to the adapter: the factors start as the r
*principal* components of W, and the frozen base is what remains. Nothing changes at the start, since
the two add up to W, but training moves the important part from the first step on, and converges sooner.

The same decomposition answers which rank is needed: the squares of the singular values are the matrix's
energy, and where the first few hold nearly all of it, a low rank is enough.

## The formula

    W = U Σ Vᵀ,   σ₁ ≥ σ₂ ≥ ... ≥ 0                     the singular value decomposition
    s · B A = U_r Σ_r V_rᵀ                              the principal part: the first r of everything
    B = U_r √(Σ_r / s),   A = √(Σ_r / s) V_rᵀ           each factor gets half: the square root
    W_res = W - s · B A                                 the frozen base

    energy of the first r = (σ₁² + ... + σ_r²) / (σ₁² + σ₂² + ...)

s is LoRA's scaling, α / r: the adapted layer computes W_res x + s · B (A x). No other matrix of rank r is
nearer to W than the principal part is (Eckart and Young). Splitting Σ evenly gives A and B gradients of the
same size: A's is made with B, and B's with A, so with all of it in one factor the other's would be far larger.

## What to write

`pissa(W, r, scaling=1.0)` returns a tuple of three tensors, `(W_res, A, B)`:

| argument or result | shape | dtype and meaning |
|---|---|---|
| `W` | (out, in), wide or tall | float32, float64 or bfloat16; rows are outputs, as in `torch.nn.Linear` |
| `r` | int, from 1 to min(out, in) | the rank |
| `scaling` | float above 0 | s |
| `W_res` | (out, in) | dtype of W |
| `A` | (r, in) | dtype of W; row i belongs to σ_i, the largest first |
| `B` | (out, r) | dtype of W; column i likewise |

`rank_for_energy(W, energy)` returns the smallest r, an int, whose share of the energy is **at least**
`energy` (a float, 0 < energy < 1). A matrix of zeros needs no rank at all: 0.

- Singular vectors are fixed up to a sign (u_i and v_i together): either is right, only the products are compared.
- W is not changed, need not be contiguous, and the results share no memory with it. They are plain tensors
  that require no gradient, also where W is a `torch.nn.Parameter`.
- PyTorch has no SVD in bfloat16: work in float32 there, and round at the end. **W_res is what the factors
  leave**: subtract the product of A and B *as they are returned*, rounded, not of the ones before rounding.
  Then W_res + s · B A, worked out in float32, is W but for the rounding of W_res alone.
- With r = min(out, in) nothing remains but rounding errors.

## By hand

    W = [[0, 8],    s = 2, r = 1        σ = 8, 2     U_1 = [1, 0]ᵀ    V_1 = [0, 1]ᵀ
         [2, 0]]
    √(8 / 2) = 2:   B = [[2], [0]],   A = [[0, 2]],   s · B A = [[0, 8], [0, 0]],   W_res = [[0, 0], [2, 0]]

    energy: 64 of 68, so 0.941 with r = 1: rank_for_energy(W, 0.94) = 1, rank_for_energy(W, 0.95) = 2

(-B and -A are right too.)

## Source

Fanxu Meng, Zhaohui Wang, Muhan Zhang, "PiSSA: Principal Singular Values and Singular Vectors Adaptation of
Large Language Models" (2024), section 3; arXiv:2404.02948. Carl Eckart, Gale Young, "The approximation of
one matrix by another of lower rank" (1936). How much rank an adapter needs: Hu et al. (2021), section 7;
arXiv:2106.09685.
"""

import torch
from torch import Tensor


def pissa(W: Tensor, r: int, scaling: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    """Split W (out, in) into a residual and the factors of its principal part: (W_res, A, B)."""
    raise NotImplementedError("decompose W, share the first r components between A and B, subtract their product")


def rank_for_energy(W: Tensor, energy: float) -> int:
    """The smallest rank whose principal part has at least this share of the squared singular values."""
    raise NotImplementedError("add up the squares of the singular values until the share is reached")


if __name__ == "__main__":
    torch.manual_seed(0)
    # A matrix as training leaves them: a few strong directions and much noise.
    W = torch.randn(96, 6) @ torch.randn(6, 64) + 0.3 * torch.randn(96, 64)
    for energy in (0.5, 0.9, 0.95, 0.99):
        print(f"rank for {energy:.0%} of the energy: {rank_for_energy(W, energy)}")
    W_res, A, B = pissa(W, 6, scaling=2.0)
    print("sizes: W", round(W.norm().item(), 1), " residual", round(W_res.norm().item(), 1))
    print("largest error of W_res + s · B A:", (W_res + 2.0 * B @ A - W).abs().max().item())
    print("sizes of the factors:", round(A.norm().item(), 3), round(B.norm().item(), 3))
