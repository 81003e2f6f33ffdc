"""Calls the forbidden function under another name."""
# exercise: attention/scaled_dot_product
# status: error
# says: is not allowed here

from torch.nn.functional import scaled_dot_product_attention as attend


def sdpa(Q, K, V, mask=None):
    return attend(Q, K, V, mask)
