"""Wrong: the causal form forgets at the end of every block of 100."""
# says: Nothing is forgotten

import torch


def phi(x):
    low = x.clamp(max=0)
    return torch.where(x <= 0, low.exp(), 1 + x)


def with_one(V):
    return torch.cat([V, V.new_ones(*V.shape[:-1], 1)], dim=-1)


def divided(both):
    return both[..., :-1] / both[..., -1:]


def parallel(Q, K, V, causal=False):
    q, k, v = phi(Q), phi(K), with_one(V)
    if not causal:
        return divided(q @ (k.transpose(-2, -1) @ v))
    out, state, size = [], 0, 100
    for a in range(0, q.shape[-2], size):
        qa, ka, va = q[..., a : a + size, :], k[..., a : a + size, :], v[..., a : a + size, :]
        inside = torch.tril(qa @ ka.transpose(-2, -1)) @ va
        out.append(inside if a == 0 else inside + qa @ state)
        state = ka.transpose(-2, -1) @ va
    return divided(torch.cat(out, dim=-2))


def step(state, q, k, v):
    result, S, z = None, phi(k).unsqueeze(-1) * v.unsqueeze(-2), phi(k)
    if state:
        S, z = S + state[0], z + state[1]
    result = (phi(q).unsqueeze(-2) @ S).squeeze(-2) / (phi(q) * z).sum(-1).unsqueeze(-1)
    return result, (S, z)
