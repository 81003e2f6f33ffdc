"""Calls the plain implementation inside the forbidden function."""
# exercise: attention/scaled_dot_product
# status: error
# says: is not allowed here

import torch


def sdpa(Q, K, V, mask=None):
    return torch.ops.aten._scaled_dot_product_attention_math(Q, K, V, mask)[0]
