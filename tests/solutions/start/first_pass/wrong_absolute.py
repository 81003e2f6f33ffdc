"""Wrong: the score that is largest by absolute value."""
# says: expected 3, got 1


def next_token(scores):
    sizes = [abs(score) if score != float("-inf") else -1 for score in scores]
    return sizes.index(max(sizes))
