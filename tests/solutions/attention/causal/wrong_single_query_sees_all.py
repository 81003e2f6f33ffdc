"""Wrong: a single query is never masked, as in many decoders."""
# says: offset

import torch


def causal(Q, K, V, offset=None):
    n_q, n_k = Q.shape[-2], K.shape[-2]
    S = Q @ K.mT / Q.shape[-1] ** 0.5
    if n_q == 1:
        return torch.softmax(S, -1) @ V
    hidden = torch.ones(n_q, n_k, dtype=torch.bool).triu((n_k - n_q if offset is None else offset) + 1)
    return torch.softmax(S.masked_fill(hidden, -torch.inf), -1).masked_fill(hidden, 0.0) @ V
