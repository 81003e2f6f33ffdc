"""Loops for ever in Python."""
# exercise: attention/scaled_dot_product
# status: error
# says: No answer within 1 s
# says: while True: pass

def sdpa(Q, K, V, mask=None):
    while True: pass
