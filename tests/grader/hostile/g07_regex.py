"""Matches a regular expression that takes time by the power of its text."""
# exercise: attention/scaled_dot_product
# status: error
# says: No answer within 1 s
# says: re.match

import re


def sdpa(Q, K, V, mask=None):
    return re.match(r"(a+)+$", "a" * 60 + "b")
