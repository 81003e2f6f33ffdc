"""The greedy next token: the place of the highest score.

Greedy decoding: Jurafsky and Martin, Speech and Language Processing (3rd edition draft).
"""

import math
from array import array

from grader.marks import alternative, mistake


def next_token(scores: list[float]) -> int:
    """argmax of the scores: `index` finds the first of equal ones, which is the tie rule asked for."""
    return scores.index(max(scores))


@alternative("A loop that keeps the best place so far.", of="next_token")
def by_loop(scores: list[float]) -> int:
    best = 0
    for place, score in enumerate(scores):
        if score > scores[best]:
            best = place
    return best


@alternative("The largest place by its score; `max` keeps the first of equal ones.", of="next_token")
def by_key(scores: list[float]) -> int:
    return max(range(len(scores)), key=scores.__getitem__)


@alternative("Sort the places; Python's sort leaves equal ones in their order.", of="next_token")
def by_sorting(scores: list[float]) -> int:
    return sorted(range(len(scores)), key=lambda place: -scores[place])[0]


@mistake(
    "Your function always answers 0. That is the wrong line to try first, so: well done, and now the right one.",
    of="next_token",
    hint=1,
)
def always_zero(scores: list[float]) -> int:
    return 0


@mistake(
    "You return the highest score itself. What is asked for is the place it has in the list, its token's id.",
    of="next_token",
    hint=2,
)
def returns_the_score(scores: list[float]) -> float:
    return max(scores)


@mistake(
    "You return the place of the lowest score: the token the model likes least.",
    of="next_token",
    hint=1,
)
def lowest(scores: list[float]) -> int:
    return scores.index(min(scores))


@mistake("Your places count from 1. Python's lists, and token ids, count from 0.", of="next_token", hint=2)
def counts_from_one(scores: list[float]) -> int:
    return scores.index(max(scores)) + 1


@mistake(
    "Where several scores are equally high you return the last of their places; asked for is the first.",
    of="next_token",
    hint=3,
)
def last_of_equals(scores: list[float]) -> int:
    return max(reversed(range(len(scores))), key=scores.__getitem__)


@mistake(
    "You compare the scores without their signs, so that -9 counts as more than 4. A very negative score "
    "is a very bad token.",
    of="next_token",
    hint=3,
)
def by_magnitude(scores: list[float]) -> int:
    return max(range(len(scores)), key=lambda place: abs(scores[place]))


@mistake(
    "Your search for the best score begins at 0, so it finds nothing where all scores are negative. Begin"
    " with the first score.",
    of="next_token",
    hint=3,
)
def best_begins_at_zero(scores: list[float]) -> int:
    best, found = 0.0, 0
    for place, score in enumerate(scores):
        if score > best:
            best, found = score, place
    return found


@mistake(
    "You sort the list and then look for the highest score, so its place is that in the sorted list and "
    "no longer the token's id.",
    of="next_token",
    hint=2,
)
def place_after_sorting(scores: list[float]) -> int:
    ordered = sorted(scores)
    return ordered.index(max(ordered))


@mistake(
    "The place is right, but you sorted the caller's own list on the way: afterwards it is no longer the list it was.",
    of="next_token",
    hint=4,
)
def sorts_the_callers_list(scores: list[float]) -> int:
    place = scores.index(max(scores))
    scores.sort()
    return place


@mistake("You return the last place of the list, whatever the scores are.", of="next_token", hint=1)
def always_last(scores: list[float]) -> int:
    return len(scores) - 1


@mistake(
    "You stop at the first score that is higher than the one after it. A higher one may come later: look at all of them.",
    of="next_token",
    hint=3,
)
def first_peak(scores: list[float]) -> int:
    for place in range(len(scores) - 1):
        if scores[place] >= scores[place + 1]:
            return place
    return len(scores) - 1


@mistake(
    "You compare each score with its neighbour only, so the last rise wins. Keep the best score so far and compare with that.",
    of="next_token",
    hint=3,
)
def last_rise(scores: list[float]) -> int:
    best = 0
    for place in range(1, len(scores)):
        if scores[place] > scores[place - 1]:
            best = place
    return best


@mistake(
    "You take the -inf out first and count places in what is left, so they are no longer the tokens' ids. Count in the list "
    "that was given.",
    of="next_token",
    hint=2,
)
def places_without_inf(scores: list[float]) -> int:
    possible = [score for score in scores if score > -math.inf]
    return possible.index(max(possible)) if possible else 0


@mistake(
    "You compare exponentials or probabilities: exp overflows for high scores and makes all very low ones the same 0. The "
    "scores themselves have the same order.",
    of="next_token",
    hint=3,
)
def compares_probabilities(scores: list[float]) -> int:
    weights = [math.exp(score) for score in scores]
    total = sum(weights)
    probabilities = [weight / total for weight in weights]
    return probabilities.index(max(probabilities))


@mistake(
    "You make float32 of the scores, in which -1e300 is -inf and scores that lie close together become equal. Compare the "
    "Python floats as they are.",
    of="next_token",
    hint=3,
)
def in_single_precision(scores: list[float]) -> int:
    # What float32 has no room for becomes infinite.
    single = array("f", (math.copysign(math.inf, score) if abs(score) > 3.4e38 else score for score in scores))
    return single.index(max(single))


@mistake(
    "Your search begins with the place -1 and a score of -inf, and changes the place only for a higher score. Where "
    "every score is -inf there is none, and -1 is left. Begin with the first place and its score.",
    of="next_token",
    hint=3,
)
def place_begins_at_minus_one(scores: list[float]) -> int:
    best, highest = -1, -math.inf
    for place, score in enumerate(scores):
        if score > highest:
            best, highest = place, score
    return best
