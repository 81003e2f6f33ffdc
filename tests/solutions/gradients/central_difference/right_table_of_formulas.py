"""Style: a table from the kind to the left end and the run; one line for both formulas."""

from collections.abc import Callable

import numpy as np

Number = float | np.ndarray

LEFT_END_IN_STEPS = {"forward": 0.0, "central": -1.0}
RUN_IN_STEPS = {"forward": 1.0, "central": 2.0}


def diff(f: Callable[[Number], Number], x: Number, h: float, kind: str) -> Number:
    if kind not in RUN_IN_STEPS:
        raise ValueError(f"unknown kind of difference: {kind!r}; known: {sorted(RUN_IN_STEPS)}")
    rise = f(x + h) - f(x + LEFT_END_IN_STEPS[kind] * h)
    return rise / (RUN_IN_STEPS[kind] * h)
