"""Prints terminal hyperlinks and clipboard writes."""
# exercise: attention/scaled_dot_product
# status: error
# says: ␛]8;;file


def sdpa(Q, K, V, mask=None):
    print("\x1b]8;;https://example.org/\x1b\\click\x1b]8;;\x1b\\ \x1b]52;c;cm0gLXJm\x07")
    raise ValueError("\x1b]8;;file:///etc/passwd\x07here\x1b]8;;\x07")
