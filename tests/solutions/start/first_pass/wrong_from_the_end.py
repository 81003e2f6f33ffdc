"""Wrong: counts places from the end, so the answers are negative; as an index into the list they would do."""
# says: counted from the end


def next_token(scores):
    return scores.index(max(scores)) - len(scores)
