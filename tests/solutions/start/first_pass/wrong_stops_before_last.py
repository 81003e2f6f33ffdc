"""Wrong: the loop compares neighbours and forgets what was best before."""
# says: so the last rise wins


def next_token(scores):
    best = 0
    for place in range(1, len(scores)):
        if scores[place] > scores[place - 1]:
            best = place
    return best
