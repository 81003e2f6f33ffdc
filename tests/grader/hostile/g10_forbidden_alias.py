"""Calls the forbidden function under another name."""
# exercise: attention/scaled_dot_product
# status: CALIB
# score: CALIB

from torch.nn.functional import scaled_dot_product_attention as attend


def sdpa(Q, K, V, mask=None):
    return attend(Q, K, V, mask)
