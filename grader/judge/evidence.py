"""What a grading recorded beside what the reference answers, and the few requests that tell most mistakes from the learner's."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

from grader.judge.channel import Exchange, Transcript
from grader.judge.replay import Reference, Replay, handles, recorded, same, same_answer

Answer = tuple[Any, list[Any]]
# So many checks are tried for one whose requests can be asked alone.
SCREENS = 3


@dataclass(frozen=True)
class Evidence:
    """What was recorded, and what the reference answers to the same requests, in one order."""

    transcripts: Sequence[Transcript]
    exchanges: list[Exchange]
    learner: list[Answer]
    reference: list[Answer]
    handed: list[int]
    """How many handles were handed out before each exchange."""

    @cached_property
    def parted(self) -> set[str]:
        """The checks in which the learner's answers, or what was asked of call-backs, differ from the reference's."""
        return {
            exchange.check
            for exchange, mine, theirs in zip(self.exchanges, self.learner, self.reference, strict=True)
            if not same_answer(mine[0], theirs[0]) or not same(mine[1], theirs[1])
        }

    @cached_property
    def answers_part(self) -> bool:
        """Whether any answer differs; else only the call-backs can tell a mistake."""
        return any(
            not same_answer(mine[0], theirs[0]) for mine, theirs in zip(self.learner, self.reference, strict=True)
        )

    def agree(self, one: Answer, other: Answer) -> bool:
        """Whether two answers are the same as far as it matters here."""
        return same_answer(one[0], other[0]) and (self.answers_part or same(one[1], other[1]))


@dataclass(frozen=True)
class Screen:
    """One check's requests up to the first that the learner answers otherwise than the reference, and those they build on.

    They tell nearly every mistake that is not the learner's, at a small part of the cost of all requests.
    """

    evidence: Evidence
    transcript: Transcript
    places: list[int]

    def passes(self, variant: ModuleType, expected: list[Answer]) -> bool:
        """Whether a variant answers these requests, asked alone, as `expected`."""
        replay = Replay(variant, self.transcript)
        for at in self.places:
            replay.handed = self.evidence.handed[at]
            if not self.evidence.agree(expected[at], replay.ask(self.evidence.exchanges[at])):
                return False
        return True

    @property
    def size(self) -> int:
        """Bytes asked and answered."""
        exchanges = (self.evidence.exchanges[at] for at in self.places)
        return sum(len(exchange.request) + len(exchange.answer or b"") for exchange in exchanges)


def gather(reference: Reference, transcripts: Sequence[Transcript]) -> Evidence:
    """Ask the reference everything that was asked of the learner."""
    variant = reference.variant()
    exchanges: list[Exchange] = []
    answers: list[Answer] = []
    handed: list[int] = []
    for transcript in transcripts:
        replay = Replay(variant, transcript)
        for exchange in transcript.exchanges:
            exchanges.append(exchange)
            handed.append(replay.handed)
            answers.append(replay.ask(exchange))
    return Evidence(transcripts, exchanges, [recorded(exchange) for exchange in exchanges], answers, handed)


def find_screen(reference: Reference, evidence: Evidence) -> Screen | None:
    """The cheapest requests that tell, of one check. None where the reference answers otherwise when they are asked alone.

    That is so where they need what other checks did before: they are not all there is to tell, then.
    """
    for screen in sorted(_screens(evidence), key=lambda screen: screen.size)[:SCREENS]:
        if screen.passes(reference.variant(), evidence.reference):
            return screen
    return None


def _screens(evidence: Evidence) -> Iterator[Screen]:
    begin = 0
    for transcript in evidence.transcripts:
        end = begin + len(transcript.exchanges)
        asked: dict[str, list[int]] = {}
        told: set[str] = set()
        for at in range(begin, end):
            check = evidence.exchanges[at].check
            asked.setdefault(check, []).append(at)
            if check not in told and not evidence.agree(evidence.learner[at], evidence.reference[at]):
                told.add(check)
                yield Screen(evidence, transcript, _with_makers(evidence, begin, asked[check]))
        begin = end


def _with_makers(evidence: Evidence, begin: int, places: list[int]) -> list[int]:
    """These exchanges of the transcript that begins at `begin`, and all whose handles they use, in order."""
    chosen: set[int] = set()
    wanted = list(places)
    while wanted:
        at = wanted.pop()
        if at not in chosen:
            chosen.add(at)
            # The one that handed out handle n is the last before which fewer than n were.
            used = handles(evidence.exchanges[at].request) - {0}
            wanted += [bisect_left(evidence.handed, number, begin, at) - 1 for number in used]
    return sorted(chosen)
