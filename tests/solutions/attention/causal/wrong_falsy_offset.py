"""Wrong: an offset of 0 counts as none."""
# says: offset = 0

import torch


def causal(Q, K, V, offset=None):
    n_q, n_k = Q.shape[-2], K.shape[-2]
    offset = offset or n_k - n_q
    hidden = torch.ones(n_q, n_k, dtype=torch.bool).triu(offset + 1)
    S = Q @ K.mT / Q.shape[-1] ** 0.5
    return torch.softmax(S.masked_fill(hidden, -torch.inf), -1).masked_fill(hidden, 0.0) @ V
