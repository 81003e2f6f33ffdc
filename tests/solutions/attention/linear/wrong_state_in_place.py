"""Wrong: step adds the token into the tensors of the state that it was given."""
# says: changes the state that it was given

import torch


def phi(x):
    return torch.where(x > 0, x + 1, torch.exp(x.clamp(max=0)))


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
    if state is None:
        S = torch.zeros(*k.shape, v.shape[-1], dtype=q.dtype)
        z = torch.zeros(k.shape, dtype=q.dtype)
    else:
        S, z = state
    S += phi(k).unsqueeze(-1) * v.unsqueeze(-2)
    z += phi(k)
    q = phi(q)
    return (q.unsqueeze(-2) @ S).squeeze(-2) / (q * z).sum(-1, keepdim=True), (S, z)
