"""The hidden suite of start/first_pass. Answers are ints and are compared exactly; no check can fail by chance.

The first check asks for several lists before it compares anything, so that every known mistake shows itself
at once.
"""

from grader.testing import Mismatch, assert_equal, observe

INF = float("inf")


def _check(solution, cases, why=""):
    """Ask for every list first and compare then."""
    answers = [(scores, place, solution.next_token(list(scores))) for scores, place in cases]
    for scores, place, answer in answers:
        if type(answer) is float and answer == max(scores) and answer != place:
            raise Mismatch(
                f"next_token({scores}) gave {answer!r}: that is the highest score, asked for is its place, {place}."
            )
        if answer == -1 and max(scores) == -INF:
            raise Mismatch(
                f"next_token({scores}): expected {place}, got -1. That is no token's id. -inf is the highest score "
                f"here; the first place that has it is {place}."
            )
        if type(answer) is int and answer < 0 and answer + len(scores) == place:
            raise Mismatch(
                f"next_token({scores}): expected {place}, got {answer}. That is the right place counted from the end; a "
                "token's id is counted from 0, at the start."
            )
        assert_equal(answer, place, what=f"the answer to next_token({scores})", why=why)


def test_highest_score(solution):
    """The place of the highest score is found"""
    _check(
        solution,
        [
            ([1.5, -0.5, 4.0, 2.0], 2),
            ([0.25, -9.0, 0.5, 7.5, -3.0, 1.0], 3),
            ([-6.0, -2.5, -8.0], 1),
            ([3.0, 5.0, 5.0, 1.0], 1),
            ([9.5, 2.0], 0),
        ],
    )


def test_random_scores(solution, rng):
    """It is found wherever it is, in lists of any length"""
    cases = []
    for length in (2, 3, 7, 19, 50):
        scores = [float(score) for score in rng.normal(size=length)]
        place = int(rng.integers(length))
        scores[place] = 5.0 + length
        cases.append((scores, place))
    _check(solution, cases)


def test_first_and_last_place(solution):
    """The first place and the last one are places like the others"""
    _check(solution, [([8.0, 1.0, 2.0, 3.0], 0), ([1.0, 2.0, 3.0, 8.0], 3)])


def test_ties(solution):
    """Where several scores are equally high, the first place is returned"""
    cases = [([1.0, 6.0, 2.0, 6.0, 6.0], 1), ([4.0, 4.0, 4.0], 0), ([-1.0, -0.5, -2.0, -0.5], 1), ([-INF] * 3, 0)]
    _check(solution, cases)


def test_all_negative(solution):
    """Negative scores are scores: the one nearest to zero is the highest"""
    _check(solution, [([-40.0, -7.0, -12.0, -90.0], 1), ([-3.0, -2.0, -1.0], 2)])


def test_never_tokens(solution):
    """A score of -inf is never chosen while there is another"""
    _check(solution, [([-INF, -INF, -1e300, -INF], 2), ([-INF, 0.0, 1.0, -INF], 2)])


def test_one_token(solution):
    """With a single score the answer is 0, whatever the score"""
    _check(solution, [([2.5], 0), ([-4.0], 0), ([-INF], 0)])


def test_scores_are_only_read(solution):
    """The list of scores is the same afterwards"""
    scores = [2.0, 7.0, -1.0, 4.0]
    seen = observe(solution.next_token, list(scores))
    assert_equal(seen.args[0], scores, what="the list of scores after the call", why="Only read it, or work on a copy.")
    assert_equal(seen.value, 1, what=f"the answer to next_token({scores})")
