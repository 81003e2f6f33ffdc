"""Recurses without end."""
# exercise: attention/scaled_dot_product
# status: error
# says: RecursionError


def sdpa(Q, K, V, mask=None):
    return sdpa(Q, K, V, mask)
