"""Calls the forbidden function among torch's operators."""
# exercise: attention/scaled_dot_product
# status: error
# says: is not allowed here

import torch


def sdpa(Q, K, V, mask=None):
    return torch.ops.aten.scaled_dot_product_attention(Q, K, V, mask)
