"""Reaches the forbidden function through a module that uses it."""
# exercise: attention/scaled_dot_product
# status: error
# says: is not allowed here

import sys

import torch


def sdpa(Q, K, V, mask=None):
    functional = sys.modules["torch.nn.functional"]
    return vars(functional)["scaled_dot_product_attention"](Q, K, V, mask)
