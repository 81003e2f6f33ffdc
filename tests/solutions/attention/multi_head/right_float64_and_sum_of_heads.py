"""Style: stacked chunks, softmax in float64, and W_o applied to each head alone, the results summed."""

import torch


class MHA(torch.nn.Module):
    def __init__(self, d_model: int, n_heads: int):
        super().__init__()
        if d_model % n_heads > 0:
            raise ValueError(f"{n_heads} heads do not divide a width of {d_model}")
        self.n_heads = n_heads
        self.register_parameter("W_q", torch.nn.Parameter(torch.randn(d_model, d_model) * d_model**-0.5))
        self.register_parameter("W_k", torch.nn.Parameter(torch.randn(d_model, d_model) * d_model**-0.5))
        self.register_parameter("W_v", torch.nn.Parameter(torch.randn(d_model, d_model) * d_model**-0.5))
        self.register_parameter("W_o", torch.nn.Parameter(torch.randn(d_model, d_model) * d_model**-0.5))

    def forward(self, x_q, x_kv=None, mask=None):
        x_kv = x_q if x_kv is None else x_kv
        n = self.n_heads
        q = torch.stack((x_q @ self.W_q).chunk(n, -1), 1).double()
        k = torch.stack((x_kv @ self.W_k).chunk(n, -1), 1).double()
        v = torch.stack((x_kv @ self.W_v).chunk(n, -1), 1).double()
        logits = q @ k.mT / q.shape[-1] ** 0.5
        if mask is not None:
            logits = torch.where(mask, logits, torch.full_like(logits, -1e300))
        weights = torch.softmax(logits, -1)
        if mask is not None:
            weights = torch.where(mask, weights, torch.zeros_like(weights))
        answers = (weights @ v).to(x_q.dtype)
        rows = self.W_o.chunk(n, 0)
        return sum(answers[:, i] @ rows[i] for i in range(n))
