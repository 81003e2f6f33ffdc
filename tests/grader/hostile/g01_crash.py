"""Reads address 0, so that the process dies in C."""
# exercise: attention/scaled_dot_product
# status: error
# says: segmentation fault
# says: return ctypes.string_at(0)

import ctypes


def sdpa(Q, K, V, mask=None):
    return ctypes.string_at(0)
