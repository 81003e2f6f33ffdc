"""Wrong: the highest score so far begins at 0.0, which no negative score exceeds."""
# says: Your search for the best score begins at 0, so it finds


def next_token(scores):
    best, highest = 0, 0.0
    for place, score in enumerate(scores):
        if score > highest:
            best, highest = place, score
    return best
