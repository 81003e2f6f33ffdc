"""Wrong: one softmax over the keys of all heads together, so the weights of one head do not sum to one."""
# says: One softmax of yours runs over the keys of all heads together, so the weights

import torch


class MHA(torch.nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("n_heads must divide d_model")
        self.h, self.d = n_heads, d_model // n_heads
        self.W_q = torch.nn.Parameter(torch.randn(d_model, d_model) / d_model**0.5)
        self.W_k = torch.nn.Parameter(torch.randn(d_model, d_model) / d_model**0.5)
        self.W_v = torch.nn.Parameter(torch.randn(d_model, d_model) / d_model**0.5)
        self.W_o = torch.nn.Parameter(torch.randn(d_model, d_model) / d_model**0.5)

    def forward(self, x_q, x_kv=None, mask=None):
        x_kv = x_q if x_kv is None else x_kv
        q, k, v = (
            (x @ w).unflatten(2, (self.h, self.d)) for x, w in ((x_q, self.W_q), (x_kv, self.W_k), (x_kv, self.W_v))
        )
        scores = torch.einsum("bqhd,bkhd->bqhk", q, k) / self.d**0.5
        if mask is not None:
            keep = mask.expand(len(x_q), self.h, x_q.shape[1], x_kv.shape[1]).transpose(1, 2)
            scores = scores.masked_fill(~keep, torch.finfo(scores.dtype).min)
        weights = scores.flatten(2).softmax(-1).unflatten(2, (self.h, -1))
        if mask is not None:
            weights = weights * keep
        return torch.einsum("bqhk,bkhd->bqhd", weights, v).flatten(2) @ self.W_o
