"""What to do next in a course, and why, in words. Works it out of a standing; no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grader.standing import Standing


@dataclass(frozen=True)
class Recommendation:
    """An exercise to do next, and why. `opens`: how many exercises not passed require it, directly or by others."""

    exercise: str
    title: str
    reason: str
    on_path: bool
    opens: int


def recommended(standing: Standing, limit: int = 3) -> tuple[Recommendation, ...]:
    """What to do next: at most `limit` exercises that are not passed and whose `requires` all are.

    First those along the path chosen, in its order, so that the first is the path's next; then the others, those first that
    prepare for most.
    """
    along = set(standing.course.paths[standing.path])
    opens = _opens(standing)
    ready = [
        id_
        for id_ in standing.order
        if id_ not in standing.passed and standing.passed.issuperset(standing.exercises[id_].requires)
    ]
    # The sort is stable: what is equal stays in the learner's order.
    ready.sort(key=lambda id_: (0, 0) if id_ in along else (1, -opens[id_]))
    return tuple(
        Recommendation(id_, standing.exercises[id_].title, _reason(standing, id_, opens[id_]), id_ in along, opens[id_])
        for id_ in ready[:limit]
    )


def _opens(standing: Standing) -> dict[str, int]:
    """For each exercise not passed, how many others not passed require it, directly or by others."""
    open_ = [id_ for id_ in standing.exercises if id_ not in standing.passed]
    counts = dict.fromkeys(open_, 0)
    for id_ in open_:
        waits_for: set[str] = set()
        todo = list(standing.exercises[id_].requires)
        while todo:
            # What is passed stands in nobody's way, nor does what it required.
            if (other := todo.pop()) in counts and other not in waits_for and other != id_:
                waits_for.add(other)
                todo.extend(standing.exercises[other].requires)
        for other in waits_for:
            counts[other] += 1
    return counts


def _reason(standing: Standing, exercise: str, opens: int) -> str:
    requires = standing.exercises[exercise].requires
    parts = [f"follows from {_listed(requires)}, which you passed" if requires else "needs nothing before it"]
    if opens:
        parts.append(f"opens {opens} other{'s' * (opens != 1)}")
    if standing.state(exercise) == "failed":
        parts.append("you have begun it")
    return "; ".join(parts)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
