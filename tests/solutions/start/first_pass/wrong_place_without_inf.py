"""Wrong: drops the -inf first and then counts places in the list that is left."""
# says: You take the -inf out first

import math


def next_token(scores):
    possible = [score for score in scores if score > -math.inf]
    if not possible:
        return 0
    return possible.index(max(possible))
