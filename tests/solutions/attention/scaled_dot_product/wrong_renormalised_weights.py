"""Wrong: softmax over all keys, then the hidden weights are taken out and the rest divided by its sum plus 1e-9."""
# says: Your softmax runs over all keys, and the weights that are left are divided by

import torch


def sdpa(Q, K, V, mask=None):
    A = torch.softmax(Q @ K.mT / Q.shape[-1] ** 0.5, dim=-1)
    if mask is not None:
        A = A * mask
        A = A / (A.sum(-1, keepdim=True) + 1e-9)
    return A @ V
