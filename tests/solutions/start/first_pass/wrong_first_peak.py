"""Wrong: stops at the first score that is higher than its successor."""
# says: You stop at the first score


def next_token(scores):
    place = 0
    while place + 1 < len(scores) and scores[place + 1] > scores[place]:
        place += 1
    return place
