"""Wrong: stops at the first score that is higher than its successor."""
# says: The answer to next_token([1.5, -0.5, 4.0, 2.0]): expected 2, got 0


def next_token(scores):
    place = 0
    while place + 1 < len(scores) and scores[place + 1] > scores[place]:
        place += 1
    return place
