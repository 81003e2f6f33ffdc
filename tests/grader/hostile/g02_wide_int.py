"""Returns an int that fits the wire and no machine word, where an index is expected."""
# exercise: start/first_pass
# status: failed
# says: an int of 4001 bits


def next_token(scores):
    return 2**4000
