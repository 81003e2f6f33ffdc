"""Style: einsum with the weights reshaped to (d_model, heads, d_head); no activations are transposed."""

import torch


class MHA(torch.nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        self.shape = (d_model, n_heads, d_model // n_heads)
        if self.shape[1] * self.shape[2] != d_model:
            raise ValueError("d_model is not a multiple of n_heads")
        make = lambda: torch.nn.Parameter(torch.nn.init.xavier_uniform_(torch.empty(d_model, d_model)))  # noqa: E731
        self.W_q, self.W_k, self.W_v, self.W_o = make(), make(), make(), make()

    def forward(self, x_q, x_kv=None, mask=None):
        d_model, h, d_head = self.shape
        memory = x_q if x_kv is None else x_kv
        q = torch.einsum("bnm,mhd->bhnd", x_q, self.W_q.reshape(self.shape))
        k = torch.einsum("bnm,mhd->bhnd", memory, self.W_k.reshape(self.shape))
        v = torch.einsum("bnm,mhd->bhnd", memory, self.W_v.reshape(self.shape))
        scores = torch.einsum("bhqd,bhkd->bhqk", q, k) / d_head**0.5
        if mask is not None:
            dead = ~mask.any(-1, keepdim=True)
            scores = scores.masked_fill(~mask, -torch.inf).masked_fill(dead, 0)
        weights = scores.softmax(-1)
        if mask is not None:
            weights = weights.masked_fill(dead, 0)
        heads = torch.einsum("bhqk,bhkd->bqhd", weights, v)
        return torch.einsum("bqhd,hdm->bqm", heads, self.W_o.reshape(h, d_head, d_model))
