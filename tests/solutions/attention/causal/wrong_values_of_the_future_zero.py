"""Wrong: the keys of the future keep their weight, only their values are dropped."""
# says: example

import torch


def causal(Q, K, V, offset=None):
    n_q, n_k = Q.shape[-2], K.shape[-2]
    keep = torch.ones(n_q, n_k, dtype=Q.dtype).tril(n_k - n_q if offset is None else offset)
    A = torch.softmax(Q @ K.mT / Q.shape[-1] ** 0.5, -1)
    return torch.einsum("...qk,qk,...kv->...qv", A, keep, V)
