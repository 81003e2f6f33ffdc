"""Stacks thousands of combining marks on one letter, and prints the widest characters."""
# exercise: attention/scaled_dot_product
# status: error
# says: ValueError


def sdpa(Q, K, V, mask=None):
    print("a" + "\u0301" * 5000 + "\ufdfd" * 100 + "\U00012031")
    raise ValueError("e" + "\u0336" * 5000)
