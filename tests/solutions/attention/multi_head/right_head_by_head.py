"""Style: a loop over the heads, each with its slice of the columns; torch.cat at the end."""

import math

import torch
from torch import Tensor, nn


def attend(q: Tensor, k: Tensor, v: Tensor, keep: Tensor | None) -> Tensor:
    scores = torch.bmm(q, k.transpose(1, 2)) / math.sqrt(q.shape[-1])
    if keep is None:
        return torch.bmm(scores.softmax(-1), v)
    weights = scores.masked_fill(~keep, torch.finfo(scores.dtype).min).softmax(-1)
    return torch.bmm(weights * keep, v)


class MHA(nn.Module):
    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        if d_model % n_heads:
            raise ValueError("n_heads must divide d_model")
        self.heads = [slice(i * d_model // n_heads, (i + 1) * d_model // n_heads) for i in range(n_heads)]
        self.W_q = nn.Parameter(torch.empty(d_model, d_model).normal_(std=d_model**-0.5))
        self.W_k = nn.Parameter(torch.empty(d_model, d_model).normal_(std=d_model**-0.5))
        self.W_v = nn.Parameter(torch.empty(d_model, d_model).normal_(std=d_model**-0.5))
        self.W_o = nn.Parameter(torch.empty(d_model, d_model).normal_(std=d_model**-0.5))

    def forward(self, x_q: Tensor, x_kv: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        x_kv = x_q if x_kv is None else x_kv
        batch, n_q, _ = x_q.shape
        n_k = x_kv.shape[1]
        if mask is not None:
            mask = mask.expand(batch, len(self.heads), n_q, n_k)
        answers = []
        for i, columns in enumerate(self.heads):
            q = x_q @ self.W_q[:, columns]
            k = x_kv @ self.W_k[:, columns]
            v = x_kv @ self.W_v[:, columns]
            answers.append(attend(q, k, v, None if mask is None else mask[:, i]))
        return torch.cat(answers, dim=-1) @ self.W_o
