"""Wrong: the branch of phi that is not taken overflows in exp, and its gradient is NaN."""
# says: φ is right, but its gradient is NaN for a large x

import torch


def phi(x):
    return torch.where(x > 0, x + 1, torch.exp(x))


def parallel(Q, K, V, causal=False):
    q, k = phi(Q), phi(K)
    if causal:
        S = (k.unsqueeze(-1) * V.unsqueeze(-2)).cumsum(-3)
        z = k.cumsum(-2)
        return (q.unsqueeze(-2) @ S).squeeze(-2) / (q * z).sum(-1, keepdim=True)
    S = k.transpose(-2, -1) @ V
    z = k.sum(-2).unsqueeze(-1)
    return (q @ S) / (q @ z)


def step(state, q, k, v):
    S, z = phi(k).unsqueeze(-1) * v.unsqueeze(-2), phi(k)
    if state is not None:
        S, z = state[0] + S, state[1] + z
    q = phi(q)
    return (q.unsqueeze(-2) @ S).squeeze(-2) / (q * z).sum(-1, keepdim=True), (S, z)
