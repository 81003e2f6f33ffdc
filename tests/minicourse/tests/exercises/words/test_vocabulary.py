"""Numbers and words are compared exactly."""

import random

from grader.testing import assert_equal

COUNTS = {"sail": 2, "grey": 1, "and": 2, "the": 6, "sea": 4}


def test_numbers(solution):
    """The most frequent word is 1, equals go by the alphabet, the rest is 0"""
    vocabulary = solution.Vocabulary(COUNTS, 4)
    words = ["the", "sea", "and", "sail", "grey", "storm"]
    numbers = vocabulary.encode(words)
    back = vocabulary.decode([4, 0, 1])
    assert_equal(numbers, [1, 2, 3, 4, 0, 0], what=f"the numbers of {', '.join(words)}")
    assert_equal(back, ["sail", "<unk>", "the"], what="the words of 4, 0 and 1")


def test_one_word(solution):
    """v[word] is the number of one word"""
    vocabulary = solution.Vocabulary(COUNTS, 2)
    assert_equal([vocabulary["sea"], vocabulary["sail"], vocabulary["storm"]], [2, 0, 0], what="v[...]")


def test_size(solution):
    """len(v) counts the kept words and the unknown"""
    sizes = [len(solution.Vocabulary(COUNTS, limit)) for limit in (3, 5, 9, 0)]
    assert_equal(sizes, [4, 6, 6, 1], what="len(v) of five words with the limits 3, 5, 9 and 0")


def test_two_vocabularies(solution):
    """Two vocabularies do not share their words"""
    first = solution.Vocabulary({"a": 2, "b": 1}, 2)
    second = solution.Vocabulary({"b": 2, "c": 1}, 2)
    assert_equal(first.encode(["a", "b", "c"]), [1, 2, 0], what="the first one's numbers")
    assert_equal(second.encode(["a", "b", "c"]), [0, 1, 2], what="the second one's numbers")


def test_round_trip(solution, reference, seed):
    """Known words survive encoding and decoding"""
    random.seed(seed)
    words = ["".join(random.choices("abc", k=3)) for _ in range(30)]
    counts = {word: words.count(word) for word in words}
    ours, theirs = solution.Vocabulary(counts, 8), reference.Vocabulary(counts, 8)
    numbers = ours.encode(words)
    assert_equal(numbers, theirs.encode(words), what="the numbers of random words")
    assert_equal(ours.decode(numbers), theirs.decode(numbers), what="the words of these numbers")
