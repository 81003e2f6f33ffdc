"""Prints 200 MB."""
# exercise: attention/scaled_dot_product
# status: error
# says: printed more than 1 MiB


def sdpa(Q, K, V, mask=None):
    for _ in range(200):
        print("passed\n" * 150_000)
    return V
