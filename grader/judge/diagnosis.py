"""Names the learner's mistake: the one known mistake that reproduces every answer of all checks, passing ones included.

One mistake alone is tried first, then pairs that replace different functions, within a budget of processor time (a busy machine
names what a quiet one does). Two that both reproduce everything name nothing: what cannot be told apart is not told. The
idea follows error models (Singh, Gulwani and Solar-Lezama, PLDI 2013).
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator

from grader.judge.evidence import Answer, Evidence, find_screen
from grader.judge.replay import Reference, Replay, answers, same, same_answer
from grader.marks import Mark
from grader.model import Diagnosis


def diagnose(reference: Reference, evidence: Evidence, budget_s: float) -> dict[str, Diagnosis]:
    """The mistake, or pair of mistakes, that alone reproduces all the learner's answers; nothing where none or several do.

    Returned by the checks in which the learner's answers part from the reference's. Of a pair each check gets the mistakes
    that part from the reference there.
    """
    if not evidence.parted or any(answer is None for answer, _ in evidence.learner):
        return {}
    end = time.process_time() + budget_s
    try:
        found = _search(reference, evidence, end)
    except _TimeIsUp:
        # What was not tried might reproduce everything too.
        return {}
    return _by_check(reference, evidence, found[0]) if len(found) == 1 else {}


class _TimeIsUp(Exception):
    pass


def _search(reference: Reference, evidence: Evidence, end: float) -> list[tuple[Mark, ...]]:
    """The candidates that reproduce everything: single mistakes, or pairs where there is none."""

    def matching(candidates: Iterable[tuple[Mark, ...]]) -> list[tuple[Mark, ...]]:
        return [chosen for chosen in _in_time(candidates, end) if _reproduces(reference, chosen, evidence)]

    singles = [(mistake,) for mistake in reference.mistakes]
    pairs = [pair for pair in itertools.combinations(reference.mistakes, 2) if pair[0].of != pair[1].of]
    screen = find_screen(reference, evidence)
    if screen is None:
        return matching(singles) or matching(pairs)

    def passes(chosen: tuple[Mark, ...], expected: list[Answer]) -> bool:
        return screen.passes(reference.variant(*chosen), expected)

    fits = [one for one in _in_time(singles, end) if passes(one, evidence.learner)]
    found = matching(fits)
    if not found:
        # A mistake that keeps something from call to call may show only after the other checks.
        found = matching(one for one in singles if one not in fits)
    if not found:
        shows = {one for one in _in_time(singles, end) if one not in fits and not passes(one, evidence.reference)}
        # Of two where one shows here, otherwise than the learner's, and the other does not, both together show no better.
        open_pairs = (
            pair
            for pair in pairs
            if (pair[:1] in fits or pair[1:] in fits or (pair[:1] in shows) == (pair[1:] in shows))
        )
        found = matching(pair for pair in _in_time(open_pairs, end) if passes(pair, evidence.learner))
    return found


def _in_time(candidates: Iterable[tuple[Mark, ...]], end: float) -> Iterator[tuple[Mark, ...]]:
    for candidate in candidates:
        if time.process_time() > end:
            raise _TimeIsUp
        yield candidate


def _reproduces(reference: Reference, chosen: tuple[Mark, ...], evidence: Evidence) -> bool:
    learner = iter(evidence.learner)
    variant = reference.variant(*chosen)
    for transcript in evidence.transcripts:
        replay = Replay(variant, transcript)
        for exchange in transcript.exchanges:
            if not evidence.agree(next(learner), replay.ask(exchange)):
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
