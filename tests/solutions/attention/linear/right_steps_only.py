"""Style: one accumulator class; the parallel form is the recurrence itself."""

import torch


def phi(x):
    return torch.nn.functional.relu(x) + torch.exp(torch.clamp(x, max=0.0))


class Sums:
    def __init__(self, S=None, z=None):
        self.S, self.z = S, z

    def add(self, k, v):
        outer = torch.einsum("...d,...v->...dv", phi(k), v)
        return Sums(outer, phi(k)) if self.S is None else Sums(self.S + outer, self.z + phi(k))

    def read(self, q):
        q = phi(q)
        return torch.einsum("...d,...dv->...v", q, self.S) / torch.einsum("...d,...d->...", q, self.z).unsqueeze(-1)


def parallel(Q, K, V, causal=False):
    if not causal:
        S = torch.einsum("...nd,...nv->...dv", phi(K), V)
        top = torch.einsum("...nd,...dv->...nv", phi(Q), S)
        return top / torch.einsum("...nd,...d->...n", phi(Q), phi(K).sum(-2)).unsqueeze(-1)
    sums, rows = Sums(), []
    for i in range(Q.shape[-2]):
        sums = sums.add(K[..., i, :], V[..., i, :])
        rows.append(sums.read(Q[..., i, :]))
    return torch.stack(rows, dim=-2)


def step(state, q, k, v):
    sums = Sums(*(state or ())).add(k, v)
    return sums.read(q), (sums.S, sums.z)
