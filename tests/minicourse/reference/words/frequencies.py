"""How often each word occurs: the worked solution (Jurafsky and Martin, chapter 2)."""

import re
from string import punctuation

from grader.marks import alternative, mistake


def frequencies(text: str) -> dict[str, int]:
    """Return how often each word of `text` occurs."""
    count: dict[str, int] = {}
    for piece in text.split():
        word = piece.lower().strip(punctuation)
        if word:
            count[word] = count.get(word, 0) + 1
    return count


@alternative("the words sorted, and equal neighbours counted", of="frequencies")
def by_sorting(text: str) -> dict[str, int]:
    words = sorted(filter(None, (piece.strip(punctuation).lower() for piece in text.split())))
    return {word: words.count(word) for word in words}


@alternative("a regular expression for the words", of="frequencies")
def by_expression(text: str) -> dict[str, int]:
    count: dict[str, int] = {}
    ends = f"[{re.escape(punctuation)}]+"
    for piece in re.findall(r"\S+", text.lower()):
        word = re.sub(f"^{ends}|{ends}$", "", piece)
        if word:
            count.setdefault(word, 0)
            count[word] += 1
    return count


@mistake("`The` and `the` are counted as two words: nothing is written in small letters.", of="frequencies", hint=3)
def case_kept(text: str) -> dict[str, int]:
    return _count(text, lambda piece: piece.strip(punctuation))


@mistake("`sea` and `sea,` are counted as two words: the punctuation stays at the ends.", of="frequencies", hint=3)
def punctuation_kept(text: str) -> dict[str, int]:
    return _count(text, lambda piece: piece.lower())


@mistake("Punctuation is taken out of the middle of words too: `don't` loses its apostrophe.", of="frequencies", hint=3)
def punctuation_everywhere(text: str) -> dict[str, int]:
    return _count(text, lambda piece: "".join(c for c in piece.lower() if c not in punctuation))


@mistake("Every word is counted once, however often it occurs.", of="frequencies", hint=1)
def present_only(text: str) -> dict[str, int]:
    return dict.fromkeys(by_sorting(text), 1)


@mistake(
    "Letters are counted, not words: a str yields its letters when it is walked through.", of="frequencies", hint=1
)
def letters(text: str) -> dict[str, int]:
    return _count(" ".join(text), lambda piece: piece.lower().strip(punctuation))


@mistake("A mark standing alone leaves an empty word, and it is counted.", of="frequencies", hint=4)
def empty_counted(text: str) -> dict[str, int]:
    count: dict[str, int] = {}
    for piece in text.split():
        word = piece.lower().strip(punctuation)
        count[word] = count.get(word, 0) + 1
    return count


def _count(text, clean):
    count = {}
    for word in filter(None, map(clean, text.split())):
        count[word] = count.get(word, 0) + 1
    return count
