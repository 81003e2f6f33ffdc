"""Style: the shortest one, with the list's own methods."""


def next_token(scores):
    return scores.index(max(scores))
