"""Returns one tensor each time and changes what it returned before."""
# exercise: attention/scaled_dot_product
# status: failed
# says: values differ

import torch

kept = []


def sdpa(Q, K, V, mask=None):
    for tensor in kept:
        tensor.fill_(1.0)
    kept.append(torch.zeros(*Q.shape[:-1], V.shape[-1], dtype=Q.dtype))
    return kept[-1]
