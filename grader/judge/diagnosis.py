"""Names the learner's mistake: the one known mistake that reproduces every answer of all checks, passing ones included.

One mistake alone is tried first, then pairs that replace different functions, within a budget of processor time (a busy machine
names what a quiet one does). Two that both reproduce everything name nothing: what cannot be told apart is not told. The
idea follows error models (Singh, Gulwani and Solar-Lezama, PLDI 2013).
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from grader.judge.channel import Exchange, Transcript
from grader.judge.replay import Reference, Replay, answers, recorded, same, same_answer
from grader.marks import Mark
from grader.model import Diagnosis


@dataclass(frozen=True)
class Evidence:
    """What was recorded, and what the reference answers to the same requests, in one order."""

    transcripts: Sequence[Transcript]
    exchanges: list[Exchange]
    learner: list[tuple[Any, list[Any]]]
    reference: list[tuple[Any, list[Any]]]

    @property
    def parted(self) -> set[str]:
        """The checks in which the learner's answers, or what was asked of call-backs, differ from the reference's."""
        return {
            exchange.check
            for exchange, mine, theirs in zip(self.exchanges, self.learner, self.reference, strict=True)
            if not same_answer(mine[0], theirs[0]) or not same(mine[1], theirs[1])
        }

    @property
    def answers_part(self) -> bool:
        """Whether any answer differs; else only the call-backs can tell a mistake."""
        return any(
            not same_answer(mine[0], theirs[0]) for mine, theirs in zip(self.learner, self.reference, strict=True)
        )


def gather(reference: Reference, transcripts: Sequence[Transcript]) -> Evidence:
    """Ask the reference everything that was asked of the learner."""
    exchanges = [exchange for transcript in transcripts for exchange in transcript.exchanges]
    return Evidence(
        transcripts,
        exchanges,
        [recorded(exchange) for exchange in exchanges],
        answers(reference.variant(), transcripts),
    )


def diagnose(reference: Reference, evidence: Evidence, budget_s: float) -> dict[str, Diagnosis]:
    """The mistake, or pair of mistakes, that alone reproduces all the learner's answers; nothing where none or several do.

    Returned by the checks in which the learner's answers part from the reference's. Of a pair each check gets the mistakes
    that part from the reference there.
    """
    if not evidence.parted or any(answer is None for answer, _ in evidence.learner):
        return {}
    end = time.process_time() + budget_s
    mistakes = reference.mistakes
    found = _matching(reference, evidence, ((mistake,) for mistake in mistakes), end)
    if not found:
        pairs = (pair for pair in itertools.combinations(mistakes, 2) if pair[0].of != pair[1].of)
        found = _matching(reference, evidence, pairs, end)
    return _by_check(reference, evidence, found[0]) if len(found) == 1 else {}


def _matching(
    reference: Reference, evidence: Evidence, candidates: Iterable[tuple[Mark, ...]], end: float
) -> list[tuple[Mark, ...]]:
    found = []
    for chosen in candidates:
        if time.process_time() > end:
            # What was not tried might reproduce everything too.
            return []
        if _reproduces(reference, chosen, evidence):
            found.append(chosen)
    return found


def _reproduces(reference: Reference, chosen: tuple[Mark, ...], evidence: Evidence) -> bool:
    learner = iter(evidence.learner)
    heed_callbacks = not evidence.answers_part
    variant = reference.variant(*chosen)
    for transcript in evidence.transcripts:
        replay = Replay(variant, transcript)
        for exchange in transcript.exchanges:
            answer, asked = next(learner)
            got, seen = replay.ask(exchange)
            if not same_answer(answer, got) or (heed_callbacks and not same(asked, seen)):
                return False
    return True


def _by_check(reference: Reference, evidence: Evidence, chosen: tuple[Mark, ...]) -> dict[str, Diagnosis]:
    whole = _named(chosen)
    if len(chosen) == 1:
        return dict.fromkeys(evidence.parted, whole)
    by_answers, by_callbacks = zip(*(_parts(reference, evidence, mark) for mark in chosen), strict=True)
    found = {}
    for check in evidence.parted:
        # Another order of calling a function is no mistake by itself: call-backs tell only where no answer does.
        for parted in (by_answers, by_callbacks):
            here = tuple(mark for mark, checks in zip(chosen, parted, strict=True) if check in checks)
            if here:
                found[check] = _named(here)
                break
        else:  # only both together part here
            found[check] = whole
    return found


def _parts(reference: Reference, evidence: Evidence, mark: Mark) -> tuple[set[str], set[str]]:
    """The checks in which this mistake alone parts from the reference: by its answers, by what it asks of call-backs."""
    alone = answers(reference.variant(mark), evidence.transcripts)
    by_answers, by_callbacks = set(), set()
    for exchange, mine, theirs in zip(evidence.exchanges, alone, evidence.reference, strict=True):
        if not same_answer(mine[0], theirs[0]):
            by_answers.add(exchange.check)
        if not same(mine[1], theirs[1]):
            by_callbacks.add(exchange.check)
    return by_answers, by_callbacks


def _named(chosen: tuple[Mark, ...]) -> Diagnosis:
    message = " And: ".join(mark.message for mark in chosen)
    hint = next((mark.hint for mark in chosen if mark.hint), None)
    return Diagnosis("+".join(mark.name for mark in chosen), message, hint)
