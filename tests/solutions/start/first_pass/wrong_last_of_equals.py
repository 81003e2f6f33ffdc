"""Wrong: where several scores are equal, the last of their places is taken."""
# says: Where several scores are equally high you return the last of


def next_token(scores):
    best = 0
    for place, score in enumerate(scores):
        if score >= scores[best]:
            best = place
    return best
