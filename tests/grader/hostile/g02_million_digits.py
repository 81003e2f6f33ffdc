"""Returns an int of a million digits."""
# exercise: start/first_pass
# status: error
# says: cannot be handed to the grader


def next_token(scores):
    return 1 << 4_000_000
