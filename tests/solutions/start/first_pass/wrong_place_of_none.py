"""Wrong: the place begins at -1 and the highest score at -inf, so that a list of -inf alone gives -1."""
# says: Your search begins with the place -1 and a score of -inf, and


def next_token(scores):
    best, highest = -1, float("-inf")
    for place, score in enumerate(scores):
        if score > highest:
            best, highest = place, score
    return best
