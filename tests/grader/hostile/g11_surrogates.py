"""Prints and raises text that no encoding holds."""
# exercise: attention/scaled_dot_product
# status: error
# says: ValueError

import sys


def sdpa(Q, K, V, mask=None):
    print("\ud800", "\udcff" * 100)
    sys.stdout.buffer.write(b"\xff\xfe\xed\xa0\x80\xf8")
    raise ValueError("\ud800" * 3)
