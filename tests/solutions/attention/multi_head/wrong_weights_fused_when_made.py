"""Wrong: copies W_q, W_k and W_v into one matrix in the constructor; what the parameters hold later is not seen."""
# says: no copy from the constructor

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

        self.fused = torch.cat([self.W_q, self.W_k, self.W_v], dim=1).detach()

    def split(self, x):
        return x.view(x.shape[0], x.shape[1], self.n_heads, self.d_head).transpose(1, 2)

    def forward(self, x_q, x_kv=None, mask=None):
        if x_kv is None:
            x_kv = x_q
        q, k, v = (
            self.split(x @ w) for x, w in zip((x_q, x_kv, x_kv), self.fused.to(x_q.dtype).chunk(3, 1), strict=True)
        )
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return out.transpose(1, 2).flatten(2) @ self.W_o
