"""# A number for each word

A language model reads numbers, so each word it knows gets one. Only the most frequent words are worth a number; all the
others share the number 0, which is written `<unk>`.

`Vocabulary(counts, limit)` keeps the `limit` words of the highest counts. Among words of the same count the one that comes
first in the alphabet (in Python's order of strings) goes first. The kept words have the numbers 1, 2, 3, ... in this order.

| expression | type | meaning |
|---|---|---|
| `counts` | dict from str to int | how often each word occurs |
| `limit` | int, 0 or more | how many words are kept at most |
| `len(v)` | int | how many numbers there are, 0 included |
| `v[word]` | int | the number of the word, 0 where it is not kept |
| `v.encode(words)` | list of str -> list of int | the number of each word |
| `v.decode(numbers)` | list of int -> list of str | the word of each number, `"<unk>"` for 0 |

Example: with `v = Vocabulary({"b": 2, "a": 2, "c": 5, "d": 1}, 3)`, `v.encode(["a", "b", "c", "d"])` is `[2, 3, 1, 0]`,
`v.decode([1, 0])` is `["c", "<unk>"]` and `len(v)` is `4`.

Source: Jurafsky and Martin, *Speech and Language Processing*, chapter 2.
"""


class Vocabulary:
    """The most frequent words and their numbers."""

    def __init__(self, counts: dict[str, int], limit: int) -> None:
        raise NotImplementedError("choose the words and remember their numbers")

    def __len__(self) -> int:
        raise NotImplementedError("how many numbers there are")

    def __getitem__(self, word: str) -> int:
        raise NotImplementedError("the number of one word")

    def encode(self, words: list[str]) -> list[int]:
        """Return the number of each word."""
        raise NotImplementedError("words to numbers")

    def decode(self, numbers: list[int]) -> list[str]:
        """Return the word of each number."""
        raise NotImplementedError("numbers to words")


if __name__ == "__main__":
    vocabulary = Vocabulary({"b": 2, "a": 2, "c": 5, "d": 1}, 3)
    print(vocabulary.encode(["a", "b", "c", "d"]), vocabulary.decode([1, 0]), len(vocabulary))
