"""Takes ten gigabytes at once."""
# exercise: attention/scaled_dot_product
# status: error
# says: ran out of memory


def sdpa(Q, K, V, mask=None):
    return bytearray(10 << 30)
