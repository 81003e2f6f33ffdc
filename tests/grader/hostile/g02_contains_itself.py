"""Returns a list that contains itself, in a dict that contains both."""
# exercise: attention/scaled_dot_product
# status: error
# says: deep


def sdpa(Q, K, V, mask=None):
    ring = []
    ring.append({"ring": ring})
    return ring
