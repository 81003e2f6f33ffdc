"""A number for each word: the worked solution (Jurafsky and Martin, chapter 2)."""

from grader.marks import alternative, mistake

UNKNOWN = "<unk>"


class Vocabulary:
    """The most frequent words and their numbers."""

    def __init__(self, counts: dict[str, int], limit: int) -> None:
        kept = sorted(counts, key=lambda word: (-counts[word], word))[:limit]
        self._words = [UNKNOWN, *kept]
        self._numbers = {word: number for number, word in enumerate(kept, start=1)}

    def __len__(self) -> int:
        return len(self._words)

    def __getitem__(self, word: str) -> int:
        return self._numbers.get(word, 0)

    def encode(self, words: list[str]) -> list[int]:
        """Return the number of each word."""
        return [self[word] for word in words]

    def decode(self, numbers: list[int]) -> list[str]:
        """Return the word of each number."""
        return [self._words[number] for number in numbers]


@alternative("no table of numbers: each word is looked for in the list", of="Vocabulary")
class ByList:
    def __init__(self, counts, limit):
        pairs = sorted((-count, word) for word, count in counts.items())
        self.kept = [word for _, word in pairs][:limit]

    def __len__(self):
        return 1 + len(self.kept)

    def __getitem__(self, word):
        return self.kept.index(word) + 1 if word in self.kept else 0

    def encode(self, words):
        return list(map(self.__getitem__, words))

    def decode(self, numbers):
        return [self.kept[number - 1] if number else UNKNOWN for number in numbers]


@alternative("two stable sorts in place of one by a pair", of="Vocabulary")
class ByTwoSorts(Vocabulary):
    def __init__(self, counts, limit):
        ranked = sorted(sorted(counts), key=counts.get, reverse=True)
        self._words = [UNKNOWN] + [word for place, word in enumerate(ranked) if place < limit]
        self._numbers = dict(zip(self._words[1:], range(1, len(self._words)), strict=True))


class _Ranked(Vocabulary):
    def _rank(self, counts, limit):
        return sorted(counts, key=lambda word: (-counts[word], word))[:limit]

    def __init__(self, counts, limit):
        kept = self._rank(counts, limit)
        self._words = [UNKNOWN, *kept]
        self._numbers = {word: number for number, word in enumerate(kept, start=1)}


@mistake("Words of the same count stay in the order of the dict; they go by the alphabet.", of="Vocabulary", hint=4)
class TiesByAppearance(_Ranked):
    def _rank(self, counts, limit):
        return sorted(counts, key=lambda word: -counts[word])[:limit]


@mistake("The rarest words are kept: the order by count is the wrong way round.", of="Vocabulary", hint=3)
class RarestFirst(_Ranked):
    def _rank(self, counts, limit):
        return sorted(counts, key=lambda word: (counts[word], word))[:limit]


@mistake("One word too few is kept: `limit` counts the words, not the number 0.", of="Vocabulary", hint=2)
class OneTooFew(_Ranked):
    def _rank(self, counts, limit):
        return super()._rank(counts, limit)[: max(limit - 1, 0)]


@mistake("`limit` is not applied: every word has a number.", of="Vocabulary", hint=4)
class Unlimited(_Ranked):
    def _rank(self, counts, limit):
        return super()._rank(counts, len(counts))


@mistake("Unknown words are left out of what `encode` returns; each has to become a 0.", of="Vocabulary", hint=2)
class DropsUnknown(Vocabulary):
    def encode(self, words):
        return [self[word] for word in words if self[word]]


@mistake("The numbers of the words begin at 0, which is kept for the unknown.", of="Vocabulary", hint=2)
class FromZero(Vocabulary):
    def __getitem__(self, word):
        return self._numbers.get(word, 1) - 1
