"""A measured relation between the learner's answers and the reference's, where no mistake fits.

States what was measured and never a cause. It must hold for every array answer that differs, in at least two calls of different
shape with at least four distinct values each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from grader.judge.evidence import Evidence
from grader.judge.replay import same
from grader.testing.compare import as_array

RTOL = 1e-4
MIN_DISTINCT = 4
MIN_CALLS = 2


def relation(evidence: Evidence) -> str | None:
    """The sentence for the first relation that holds, or None."""
    # No relation below changes a size. Before any copy is made: a learner's array may be expanded from a single number.
    if any(math.prod(a.shape) != math.prod(b.shape) for a, b in _arrays_of(evidence)):
        return None
    pairs = list(_differing(evidence))
    if len({mine.shape for mine, theirs in pairs if _telling(theirs)}) < MIN_CALLS or not all(map(_finite, pairs)):
        return None
    factor = _common(pairs, _factor)
    if factor is not None:
        return (
            "Yours is the expected with its sign turned."
            if factor == -1
            else f"Yours is {factor:.6g} times the expected."
        )
    offset = _common(pairs, _offset)
    if offset is not None:
        return f"Yours is the expected plus {offset:.6g}."
    for sentence, change in _CHANGES:
        if all(_equal(mine, change(theirs)) for mine, theirs in pairs):
            return sentence
    return None


def _differing(evidence: Evidence) -> Iterator[tuple[Any, Any]]:
    import numpy as np

    for a, b in _arrays_of(evidence):
        x, y = as_array(a), as_array(b)
        if x.ndim == 0 or x.dtype.kind not in "fi" or y.dtype.kind not in "fi" or _equal(x, y) or same(a, b):
            continue
        yield x.astype(np.float64), y.astype(np.float64)


def _telling(array: Any) -> bool:
    """Whether there are values enough: what holds of three zeros holds by chance."""
    import numpy as np

    return bool(np.unique(array).size >= MIN_DISTINCT)


def _finite(pair: tuple[Any, Any]) -> bool:
    import numpy as np

    return all(bool(np.isfinite(array).all()) for array in pair)


def _arrays_of(evidence: Evidence) -> Iterator[tuple[Any, Any]]:
    """The learner's arrays and the reference's, side by side."""
    for (mine, _), (theirs, _) in zip(evidence.learner, evidence.reference, strict=True):
        yield from zip(_arrays(mine), _arrays(theirs), strict=False)


def _arrays(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _arrays(item)
    elif hasattr(value, "dtype") and hasattr(value, "shape"):
        yield value


def _equal(a: Any, b: Any) -> bool:
    import numpy as np

    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return False
    return bool(np.allclose(a, b, rtol=RTOL, atol=RTOL * float(np.abs(b).max(initial=0.0))))


def _common(pairs: list[tuple[Any, Any]], measure: Callable[[Any, Any], float | None]) -> float | None:
    first: float | None = None
    for mine, theirs in pairs:
        found = measure(mine, theirs) if mine.shape == theirs.shape else None
        if found is None or (first is not None and abs(found - first) > RTOL * abs(first)):
            return None
        first = found if first is None else first
    return first


def _factor(mine: Any, theirs: Any) -> float | None:
    import numpy as np

    at = np.unravel_index(int(np.abs(theirs).argmax()), theirs.shape)
    factor = float(mine[at] / theirs[at]) if theirs[at] else 0.0
    factor = round(factor) if abs(factor - round(factor)) < RTOL else factor
    return factor if factor and _equal(mine, factor * theirs) else None


def _offset(mine: Any, theirs: Any) -> float | None:
    offset = float((mine - theirs).flat[0])
    return offset if offset and _equal(mine, theirs + offset) else None


_CHANGES: list[tuple[str, Callable[[Any], Any]]] = [
    ("Yours is the expected, transposed (last two axes exchanged).", lambda x: x.swapaxes(-1, -2) if x.ndim > 1 else x),
    ("Yours is the expected, reversed along its last axis.", lambda x: x[..., ::-1]),
    ("Yours is the expected, reversed along its first axis.", lambda x: x[::-1]),
    ("Yours is the expected, squared.", lambda x: x * x),
]
