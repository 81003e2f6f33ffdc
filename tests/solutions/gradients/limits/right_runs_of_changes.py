"""Style: the list of changes is kept, and its last three are looked at after each value; a class for one side."""

import numpy as np


class Side:
    def __init__(self, f, a, step, tol):
        self.values = []
        self.small = []
        self.limit = np.nan
        h = 1.0
        for _ in range(40):
            h *= 0.3
            if a + step * h == a:
                break
            self.values.append(float(f(a + step * h)))
            self.small.append(self.is_small(tol))
            if len(self.small) > 3 and all(self.small[-3:]):
                self.limit = self.values[-1]
                return
        v = self.values[-1]
        if abs(v) > 1e6 and abs(v) > max(map(abs, self.values[-3:-1])):
            self.limit = np.inf * np.sign(v)

    def is_small(self, tol):
        if len(self.values) < 2:
            return False
        return abs(self.values[-1] - self.values[-2]) <= tol * max(1, abs(self.values[-1]))


def limit(f, a, side, tol=1e-6):
    if side not in {"left", "right", "both"}:
        raise ValueError("unknown side")
    if side != "both":
        return float(Side(f, a, 1.0 if side == "right" else -1.0, tol).limit)
    r, m = limit(f, a, "right", tol), limit(f, a, "left", tol)
    if r == m:
        return r
    if not np.isfinite([r, m]).all():
        return float("nan")
    return (r + m) / 2 if abs(r - m) <= 10 * tol * max(1, abs(r)) else float("nan")


def continuous(f, a, tol=1e-6):
    value = limit(f, a, "both", tol)
    return bool(np.isfinite(value) and abs(f(a) - value) <= 10 * tol * max(1, abs(value)))
