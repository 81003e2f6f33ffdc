"""Complex numbers, as in Llama's original code: view as complex, multiply by unit numbers, view as real."""

import torch
from torch import Tensor


def rope(x: Tensor, pos: Tensor, theta: float = 10000.0) -> Tensor:
    d = x.shape[-1]
    exponents = torch.arange(0, d, 2, dtype=torch.float64) / d
    phi = pos[..., None].to(torch.float64) / torch.pow(theta, exponents)
    turn = torch.polar(torch.ones_like(phi), phi)
    turn = turn.to(torch.complex64 if x.dtype == torch.float32 else torch.complex128)
    z = torch.view_as_complex(x.reshape(*x.shape[:-1], d // 2, 2).contiguous())
    return torch.view_as_real(z * turn).reshape(x.shape)


def scores(q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor, theta: float = 10000.0) -> Tensor:
    return torch.matmul(rope(q, pos_q, theta), rope(k, pos_k, theta).mT)
