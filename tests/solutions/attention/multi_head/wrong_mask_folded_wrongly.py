"""Wrong: folds batch and heads into one axis, batch first, but repeats the mask as if the heads came first."""
# says: Batch and heads are folded into one axis, but the mask is folded the other way

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

    def fold(self, x):
        return x.unflatten(2, (self.h, self.d)).transpose(1, 2).flatten(0, 1)

    def forward(self, x_q, x_kv=None, mask=None):
        x_kv = x_q if x_kv is None else x_kv
        q, k, v = self.fold(x_q @ self.W_q), self.fold(x_kv @ self.W_k), self.fold(x_kv @ self.W_v)
        scores = q @ k.mT / self.d**0.5
        if mask is not None:
            mask = mask.expand(len(x_q), self.h, *scores.shape[1:]).transpose(0, 1).flatten(0, 1)
            scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        weights = scores.softmax(-1)
        if mask is not None:
            weights = weights * mask
        return (weights @ v).unflatten(0, (-1, self.h)).transpose(1, 2).flatten(2) @ self.W_o
