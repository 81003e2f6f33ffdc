"""The difference between two versions of a source, line by line, with the words that changed within a line.

Gives frozen rows, which the app draws side by side or unified and `gradlings history --diff` prints. Draws nothing, and neither
cleans nor shortens a text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby
from typing import Literal

Kind = Literal["same", "changed", "removed", "added"]
Span = tuple[int, int]

_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
# From this likeness on, a line is the other one edited; below it, the marks within would cover nearly all of both.
_ALIKE = 0.45
# Pairing costs lines times lines, marking words times words. Beyond these a learner would wait, and could not read it anyway.
_MOST_PAIRS = 2_500
_MOST_CHARACTERS = 1_000
# Above this many lines an adversarial text would take seconds; what is between the common ends then counts as replaced.
_MOST_LINES = 20_000


@dataclass(frozen=True)
class Line:
    """One line of one version: its number, counted from 1, its text, and the spans of characters that changed in it."""

    number: int
    text: str
    marks: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Row:
    """A line of both versions side by side; the side that has no such line is None.

    `left` is None where it was "added", `right` where it was "removed"; "same" and "changed" have both.
    """

    kind: Kind
    left: Line | None
    right: Line | None


@dataclass(frozen=True)
class UnifiedLine:
    """A line as a unified difference shows it; `left` and `right` are its numbers where the versions have it."""

    kind: Literal["same", "removed", "added"]
    line: Line
    left: int | None
    right: int | None


@dataclass(frozen=True)
class Difference:
    """Two versions compared. `end_differs`: one of them ends without a line break, the other does not."""

    rows: tuple[Row, ...]
    end_differs: bool = False

    @property
    def same(self) -> bool:
        """Whether the versions are equal."""
        return not self.end_differs and all(row.kind == "same" for row in self.rows)

    @property
    def changes(self) -> tuple[range, ...]:
        """Each run of neighbouring rows that are not the same."""
        found, start = [], 0
        for same, run in groupby(self.rows, lambda row: row.kind == "same"):
            size = len(list(run))
            if not same:
                found.append(range(start, start + size))
            start += size
        return tuple(found)


def difference(left: str, right: str) -> Difference:
    """Compare two versions. Lines end at a line feed alone, so that numbers agree with an editor's."""
    ours, theirs = _lines(left), _lines(right)
    rows: list[Row] = []
    for tag, i, j, k, m in _blocks(ours, theirs):
        if tag == "equal":
            rows += (Row("same", Line(i + n + 1, ours[i + n]), Line(k + n + 1, theirs[k + n])) for n in range(j - i))
        else:
            rows += _replaced(ours[i:j], theirs[k:m], i + 1, k + 1)
    # The end of a text without lines is neither.
    return Difference(tuple(rows), bool(left and right) and left.endswith("\n") != right.endswith("\n"))


def unified(rows: Sequence[Row]) -> Iterator[UnifiedLine]:
    """The rows one below the other: of every change first what was removed, then what was added."""
    for same, run in groupby(rows, lambda row: row.kind == "same"):
        lines = list(run)
        for row in lines:
            if row.left is not None:
                number = row.right.number if same and row.right is not None else None
                yield UnifiedLine("same" if same else "removed", row.left, row.left.number, number)
        if not same:
            for row in lines:
                if row.right is not None:
                    yield UnifiedLine("added", row.right, None, row.right.number)


def hunks(compared: Difference, context: int = 3) -> Iterator[tuple[Row, ...]]:
    """The changes with so many rows around each; those that touch come together."""
    bounds: list[tuple[int, int]] = []
    for change in compared.changes:
        start, stop = max(change.start - context, 0), min(change.stop + context, len(compared.rows))
        if bounds and start <= bounds[-1][1]:
            start = bounds.pop()[0]
        bounds.append((start, stop))
    return (compared.rows[start:stop] for start, stop in bounds)


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _blocks(ours: list[str], theirs: list[str]) -> Iterator[tuple[str, int, int, int, int]]:
    """The opcodes of difflib. Most versions differ by a few lines only, so common ends are taken off first."""
    shorter = min(len(ours), len(theirs))
    head = next((n for n in range(shorter) if ours[n] != theirs[n]), shorter)
    room = shorter - head
    tail = next((n for n in range(room) if ours[-1 - n] != theirs[-1 - n]), room)
    i, k, j, m = head, head, len(ours) - tail, len(theirs) - tail
    if head:
        yield "equal", 0, head, 0, head
    if j - i + m - k > _MOST_LINES:
        yield "replace", i, j, k, m
    else:
        for tag, a, b, c, d in SequenceMatcher(None, ours[i:j], theirs[k:m]).get_opcodes():
            yield tag, a + i, b + i, c + k, d + k
    if tail:
        yield "equal", j, len(ours), m, len(theirs)


def _replaced(ours: list[str], theirs: list[str], left: int, right: int) -> Iterator[Row]:
    """Rows for lines that took the place of others; `left` and `right` number the first of each."""
    i = k = 0
    for a, b in [*_pairs(ours, theirs), (len(ours), len(theirs))]:
        for n in range(i, a):
            yield Row("removed", Line(left + n, ours[n]), None)
        for n in range(k, b):
            yield Row("added", None, Line(right + n, theirs[n]))
        if a < len(ours) and b < len(theirs):
            marks = _marks(ours[a], theirs[b])
            yield Row("changed", Line(left + a, ours[a], marks[0]), Line(right + b, theirs[b], marks[1]))
        i, k = a + 1, b + 1


def _pairs(ours: list[str], theirs: list[str]) -> list[tuple[int, int]]:
    """Which lines are edits of which: the pairs, in order on both sides, whose likeness adds up to most."""
    rows, columns = len(ours), len(theirs)
    if not rows * columns or rows * columns > _MOST_PAIRS:
        return []
    bags = [_bag(line) for line in ours], [_bag(line) for line in theirs]
    likeness = [[_alike(a, b) for b in bags[1]] for a in bags[0]]
    best = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    for i in reversed(range(rows)):
        for k in reversed(range(columns)):
            paired = best[i + 1][k + 1] + likeness[i][k] if likeness[i][k] >= _ALIKE else 0.0
            best[i][k] = max(paired, best[i + 1][k], best[i][k + 1])
    found, i, k = [], 0, 0
    while i < rows and k < columns:
        if best[i][k] == best[i + 1][k]:
            i += 1
        elif best[i][k] == best[i][k + 1]:
            k += 1
        else:
            found.append((i, k))
            i, k = i + 1, k + 1
    return found


def _bag(line: str) -> Counter[str]:
    return Counter(word for word in _WORDS.findall(line[:_MOST_CHARACTERS]) if not word.isspace())


def _alike(a: Counter[str], b: Counter[str]) -> float:
    """The share of the words that both have (Dice), 0 to 1; lines of white space alone are alike."""
    total = a.total() + b.total()
    return 2 * (a & b).total() / total if total else 1.0


def _marks(ours: str, theirs: str) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """The spans of words that only one of two lines has."""
    if max(len(ours), len(theirs)) > _MOST_CHARACTERS:
        return ((0, len(ours)),), ((0, len(theirs)),)
    a, b = _WORDS.findall(ours), _WORDS.findall(theirs)
    opcodes = [code for code in SequenceMatcher(None, a, b, autojunk=False).get_opcodes() if code[0] != "equal"]
    return _spans(a, [(i, j) for _, i, j, _, _ in opcodes]), _spans(b, [(k, m) for _, _, _, k, m in opcodes])


def _spans(words: list[str], parts: list[Span]) -> tuple[Span, ...]:
    """Parts of a list of words as spans of characters; parts with nothing but a space between them are one."""
    ends = [0]
    for word in words:
        ends.append(ends[-1] + len(word))
    found: list[Span] = []
    last = 0
    for start, stop in parts:
        if start == stop:
            continue
        if found and all(word == " " for word in words[last:start]):
            found[-1] = (found[-1][0], ends[stop])
        else:
            found.append((ends[start], ends[stop]))
        last = stop
    return tuple(found)
