"""Wrong: the loop compares neighbours and forgets what was best before."""
# says: expected 3, got 5


def next_token(scores):
    best = 0
    for place in range(1, len(scores)):
        if scores[place] > scores[place - 1]:
            best = place
    return best
