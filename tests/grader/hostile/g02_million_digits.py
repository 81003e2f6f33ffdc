"""Returns an int of a million digits."""
# exercise: start/first_pass
# status: error
# says: an int of more than

def next_token(scores):
    return 10**1_000_000
