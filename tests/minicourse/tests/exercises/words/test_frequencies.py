"""Counts are whole numbers and compared exactly."""

import random

from grader.testing import assert_equal

TEXT = "The cat - the don't-know cat! 'A dog, a CAT?'"


def test_worked_example(solution):
    """Words are counted in small letters, without punctuation at their ends"""
    expected = {"the": 2, "cat": 3, "don't-know": 1, "a": 2, "dog": 1}
    assert_equal(solution.frequencies(TEXT), expected, what=f"the words of {TEXT!r}")


def test_no_words(solution):
    """A text without words has no counts"""
    assert_equal(solution.frequencies(""), {}, what="the words of an empty text")
    assert_equal(solution.frequencies(" \n\t "), {}, what="the words of white space")
    assert_equal(solution.frequencies("- ... !"), {}, what="the words of '- ... !'")


def test_poem(solution, data):
    """The poem is counted right"""
    counts = solution.frequencies(data["poem.txt"].decode())
    expected = {
        "the": 6,
        "sea": 4,
        "grey": 1,
        "a": 2,
        "sail": 4,
        "upon": 1,
        "whose": 1,
        "keeper": 1,
        "said": 2,
        "and": 2,
        "nothing": 1,
        "was": 1,
        "gone": 1,
    }
    assert_equal(counts, expected, what="the words of the poem")


def test_order_does_not_matter(solution, reference, seed):
    """The same words in another order have the same counts"""
    random.seed(seed)
    words = [random.choice(["sea", "Sea,", "(sail)", "it's", "IT'S", "--", "grey;"]) for _ in range(40)]
    first, second = " ".join(words), "\n".join(sorted(words))
    assert_equal(solution.frequencies(first), reference.frequencies(first), what=f"the words of {first!r}")
    assert_equal(solution.frequencies(second), reference.frequencies(first), what=f"the words of {second!r}")
