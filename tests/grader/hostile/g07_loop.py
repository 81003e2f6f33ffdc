"""Loops for ever in Python."""
# exercise: attention/scaled_dot_product
# status: error
# says: No answer within 1 s
# says: all(True for _ in iter(int, 1))


def sdpa(Q, K, V, mask=None):
    return all(True for _ in iter(int, 1))
