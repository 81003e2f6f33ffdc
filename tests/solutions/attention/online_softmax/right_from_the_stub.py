"""One pass over slices of keys, with a safe maximum for rows that have seen nothing yet."""

import torch
from torch import Tensor


def flash_forward(Q: Tensor, K: Tensor, V: Tensor, block: int, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    n_k, d_k = K.shape[-2:]
    rows = Q.shape[:-1]
    m = Q.new_full(rows, -torch.inf)
    l = Q.new_zeros(rows)
    O = Q.new_zeros(*rows, V.shape[-1])
    for a in range(0, n_k, block):
        k, v = K[..., a : a + block, :], V[..., a : a + block, :]
        s = (Q @ k.transpose(-1, -2)) / d_k**0.5
        if mask is not None:
            s = s.masked_fill(~mask[:, a : a + block], -torch.inf)
        m_new = torch.maximum(m, s.amax(dim=-1))
        safe = torch.where(m_new == -torch.inf, torch.zeros_like(m_new), m_new)
        mend = torch.exp(m - safe)
        p = s.sub_(safe[..., None]).exp_()
        l = mend * l + p.sum(-1)
        O = mend[..., None] * O + p @ v
        m = m_new
    seen = l > 0
    O = O / torch.where(seen, l, torch.ones_like(l))[..., None]
    L = torch.where(seen, m + torch.log(l), torch.full_like(l, -torch.inf))
    return O, L
