"""Calls the forbidden function in torch's C module."""
# exercise: attention/scaled_dot_product
# status: error
# says: is not allowed here

import torch


def sdpa(Q, K, V, mask=None):
    return torch._C._nn.scaled_dot_product_attention(Q, K, V, mask)
