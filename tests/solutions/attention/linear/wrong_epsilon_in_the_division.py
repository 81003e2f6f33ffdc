"""Wrong: adds an epsilon to the normaliser, for safety."""
# says: An epsilon is added to the normaliser

import torch


def phi(x):
    return torch.where(x > 0, x + 1, torch.exp(x.clamp(max=0)))


def parallel(Q, K, V, causal=False):
    q, k = phi(Q), phi(K)
    if causal:
        S = (k.unsqueeze(-1) * V.unsqueeze(-2)).cumsum(-3)
        z = k.cumsum(-2)
        return (q.unsqueeze(-2) @ S).squeeze(-2) / ((q * z).sum(-1, keepdim=True) + 1e-6)
    S = k.transpose(-2, -1) @ V
    z = k.sum(-2).unsqueeze(-1)
    return (q @ S) / (q @ z + 1e-6)


def step(state, q, k, v):
    S, z = phi(k).unsqueeze(-1) * v.unsqueeze(-2), phi(k)
    if state is not None:
        S, z = state[0] + S, state[1] + z
    q = phi(q)
    return (q.unsqueeze(-2) @ S).squeeze(-2) / ((q * z).sum(-1, keepdim=True) + 1e-6), (S, z)
