"""Style: a softmax for each block; all parts are kept, and put together at the end by their shares."""

import torch


def flash_forward(Q, K, V, block, mask=None):
    parts, logs = [], []
    for j in range(0, K.shape[-2], block):
        S = Q @ K[..., j : j + block, :].mT * Q.shape[-1] ** -0.5
        if mask is not None:
            S = torch.where(mask[:, j : j + block], S, -torch.inf)
        parts.append(S.softmax(-1).nan_to_num(0.0) @ V[..., j : j + block, :])
        logs.append(S.logsumexp(-1))
    if not parts:
        return Q.new_zeros(*Q.shape[:-1], V.shape[-1]), Q.new_full(Q.shape[:-1], -torch.inf)
    logs = torch.stack(logs)
    L = torch.logsumexp(logs, 0)
    share = torch.exp(logs - torch.where(L.isinf(), 0.0, L))
    return (share[..., None] * torch.stack(parts)).sum(0), L
