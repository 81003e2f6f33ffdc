"""Raises text of millions of characters, in one word and in many lines."""
# exercise: attention/scaled_dot_product
# status: error
# says: passedpassed


def sdpa(Q, K, V, mask=None):
    raise ValueError("passed" * 500_000 + "\n" * 500_000)
