"""Loops for ever while it is loaded."""
# exercise: attention/scaled_dot_product
# status: error
# says: could not be loaded
# says: No answer within 1 s

total = sum(range(10**15))
