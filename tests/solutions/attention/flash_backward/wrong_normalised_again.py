"""Wrong: the block is normalised again after exp(s - L)."""
# says: begin with the weights

import math

import torch


def flash_backward(dO, Q, K, V, O, L, block, mask=None):
    root = math.sqrt(Q.shape[-1])
    D = (dO * O).sum(-1, keepdim=True)
    lse = L.masked_fill(torch.isneginf(L), 0.0).unsqueeze(-1)
    dQ, dK, dV = torch.zeros_like(Q), torch.zeros_like(K), torch.zeros_like(V)
    for j in range(0, K.shape[-2], block):
        k, v = K[..., j : j + block, :], V[..., j : j + block, :]
        S = Q @ k.mT / root
        if mask is not None:
            S = S.masked_fill(~mask[:, j : j + block], -math.inf)
        P = torch.exp(S - lse)
        P = P / P.sum(-1, keepdim=True).clamp(min=1e-30)
        dS = P * (dO @ v.mT - D) / root
        dQ += dS @ k
        dK[..., j : j + block, :] = dS.mT @ Q
        dV[..., j : j + block, :] = P.mT @ dO
    return dQ, dK, dV
