"""Wrong: compares probabilities; exp overflows for high scores, and all low ones become 0 alike."""
# says: You compare exponentials or probabilities

import math


def next_token(scores):
    weights = [math.exp(score) for score in scores]
    total = sum(weights)
    probabilities = [weight / total for weight in weights]
    return probabilities.index(max(probabilities))
