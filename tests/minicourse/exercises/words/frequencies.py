"""# How often each word occurs

Count the words of a text. The words are what lies between white space; before counting, a word is written in small
letters and loses the punctuation (`string.punctuation`) at its two ends. What is empty then is no word.

| name | type |
|---|---|
| `text` | str |
| returns | dict from str to int |

Punctuation within a word stays: `don't` is one word. The empty text has no words: `{}`.

Example: `frequencies("The cat - the don't-know cat!")` is `{"the": 2, "cat": 2, "don't-know": 1}`.

Source: Jurafsky and Martin, *Speech and Language Processing*, chapter 2.
"""

from string import punctuation


def frequencies(text: str) -> dict[str, int]:
    """Return how often each word of `text` occurs."""
    raise NotImplementedError(f"count the words, without {punctuation} at their ends")


if __name__ == "__main__":
    print(frequencies("The cat - the don't-know cat!"))
