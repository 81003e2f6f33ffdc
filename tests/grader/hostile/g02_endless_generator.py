"""Returns a generator that never ends."""
# exercise: attention/scaled_dot_product
# status: failed
# says: no value (generator)


def sdpa(Q, K, V, mask=None):
    while True:
        yield V
