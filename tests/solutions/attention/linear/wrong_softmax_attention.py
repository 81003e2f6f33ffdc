"""Wrong: softmax attention under another name."""
# says: The result of the statement

import torch


def phi(x):
    low = x.clamp(max=0)
    return torch.where(x <= 0, low.exp(), 1 + x)


def with_one(V):
    return torch.cat([V, V.new_ones(*V.shape[:-1], 1)], dim=-1)


def divided(both):
    return both[..., :-1] / both[..., -1:]


def parallel(Q, K, V, causal=False):
    S = Q @ K.mT / Q.shape[-1] ** 0.5
    if causal:
        S = S.masked_fill(~torch.ones(S.shape[-2:]).bool().tril(), -torch.inf)
    return S.softmax(-1) @ V


def step(state, q, k, v):
    result, S, z = None, phi(k).unsqueeze(-1) * v.unsqueeze(-2), phi(k)
    if state:
        S, z = S + state[0], z + state[1]
    result = (phi(q).unsqueeze(-2) @ S).squeeze(-2) / (phi(q) * z).sum(-1).unsqueeze(-1)
    return result, (S, z)
