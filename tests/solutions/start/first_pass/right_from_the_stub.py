"""The highest score, and the first place where it stands."""


def next_token(scores):
    return scores.index(max(scores))
