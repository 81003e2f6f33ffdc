"""Calls the forbidden function as a compiled graph would."""
# exercise: attention/scaled_dot_product
# status: error
# says: is not allowed here

import torch


attend = torch._C._jit_get_operation("aten::scaled_dot_product_attention")[0]


def sdpa(Q, K, V, mask=None):
    return attend(Q, K, V, mask)
