"""Wrong: puts an axis for the heads into every mask with fewer than four axes, whatever the mask has."""
# says: You put an axis for the heads into every mask with fewer than four axes, as if

import torch
from torch.nn import functional as F


class MHA(torch.nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        if d_model % n_heads != 0:
            raise ValueError(f"d_model={d_model} cannot be cut into {n_heads} equal heads")
        self.n_heads = n_heads
        self.d_head = d_model // n_heads
        for name in ("W_q", "W_k", "W_v", "W_o"):
            setattr(self, name, torch.nn.Parameter(torch.randn(d_model, d_model) / d_model**0.5))

    def split(self, x):
        return x.view(x.shape[0], x.shape[1], self.n_heads, self.d_head).transpose(1, 2)

    def forward(self, x_q, x_kv=None, mask=None):
        if x_kv is None:
            x_kv = x_q
        q, k, v = self.split(x_q @ self.W_q), self.split(x_kv @ self.W_k), self.split(x_kv @ self.W_v)
        if mask is not None and mask.dim() < 4:
            mask = mask.unsqueeze(1)
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return out.transpose(1, 2).flatten(2) @ self.W_o
