"""Has the line that fails hold escapes and controls, so that the traceback shows them."""
# exercise: attention/scaled_dot_product
# status: error
# says: see the line
# says: raise ValueError


def sdpa(Q, K, V, mask=None):
    raise ValueError("see the line")  # [2J‮dessap
