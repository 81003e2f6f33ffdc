"""Wrong: returns the place as text, as read from a printed list."""
# says: expected 2, got '2'


def next_token(scores):
    return str(scores.index(max(scores)))
