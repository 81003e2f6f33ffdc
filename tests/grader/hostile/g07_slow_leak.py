"""Keeps a little more at every turn."""
# exercise: attention/scaled_dot_product
# status: error
# says: memory

kept = []


def sdpa(Q, K, V, mask=None):
    while True:
        kept.append(bytearray(1 << 20))
