"""Wrong: phi takes the smaller of x and 0 with torch.minimum, which halves the derivative where x is 0."""
# says: φ is right, but its gradient at 0 is a half

import torch


def phi(x):
    return torch.relu(x) + torch.exp(torch.minimum(x, torch.zeros_like(x)))


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
