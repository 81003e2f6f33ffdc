"""Right: a helper for heads, an additive padding bias, sequences without memory put to zero by hand."""

import math

import torch
import torch.nn.functional as F


def heads(t, n):
    b, length, width = t.size()
    return t.view(b, length, n, width // n).permute(0, 2, 1, 3) if t.is_contiguous() else heads(t.contiguous(), n)


def cross(x, memory, mem_mask, W_q, W_k, W_v, W_o, n_heads):
    b, n, _ = x.size()
    q, k, v = heads(F.linear(x, W_q.t()), n_heads), heads(memory.matmul(W_k), n_heads), heads(memory.matmul(W_v), n_heads)
    logits = q.matmul(k.permute(0, 1, 3, 2)).div(math.sqrt(q.size(-1)))
    if mem_mask is None:
        mem_mask = torch.ones(memory.shape[:2], dtype=torch.bool)
    some = mem_mask.any(1)
    safe = mem_mask | ~some[:, None]
    logits = logits + torch.zeros(safe.shape, dtype=x.dtype).masked_fill(~safe, float("-inf"))[:, None, None]
    probs = F.softmax(logits, -1) * some[:, None, None, None]
    return probs.matmul(v).permute(0, 2, 1, 3).reshape(b, n, W_q.shape[1]).matmul(W_o)
