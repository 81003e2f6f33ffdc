"""Wrong: sorts its caller's list to find the highest score."""
# says: Only read it, or work on a copy.


def next_token(scores):
    before = list(scores)
    scores.sort()
    return before.index(scores[-1])
