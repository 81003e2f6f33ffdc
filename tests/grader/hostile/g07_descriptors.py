"""Uses up every descriptor, and then asks for more."""
# exercise: attention/scaled_dot_product
# status: error
# says: OSError

import os

kept = []


def sdpa(Q, K, V, mask=None):
    while True:
        kept.append(os.dup(1))
