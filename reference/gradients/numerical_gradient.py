"""The gradient by central differences, one entry at a time.

∂f/∂xᵢ ≈ (f(x + h eᵢ) - f(x - h eᵢ)) / (2h), Nocedal and Wright, Numerical Optimization (2nd edition, 2006), section 8.1.
"""

from collections.abc import Callable

import numpy as np

from grader.marks import alternative, mistake


def num_grad(f: Callable[[np.ndarray], float], x: np.ndarray, h: float = 1e-5) -> np.ndarray:
    """Nudge each entry of a float64 copy up and down, and put it back."""
    x = np.array(x, dtype=np.float64)
    gradient = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        here = x[i]
        x[i] = here + h
        up = f(x)
        x[i] = here - h
        down = f(x)
        x[i] = here
        gradient[i] = (up - down) / (2 * h)
    return gradient


@alternative("A matrix of unit vectors, each one reshaped to a nudge.", of="num_grad")
def by_unit_vectors(f, x, h=1e-5):
    wide = x.astype(np.float64)
    nudges = [h * e.reshape(x.shape) for e in np.eye(x.size)]
    slopes = [(f(wide + nudge) - f(wide - nudge)) / (2 * h) for nudge in nudges]
    return np.array(slopes, dtype=np.float64).reshape(x.shape)


@alternative("A fresh copy of x for each call, by flat numbers.", of="num_grad")
def by_flat_copies(f, x, h=1e-5):
    def moved(number, step):
        copy = np.array(x, np.float64, order="C")
        copy.flat[number] += step
        return f(copy)

    gradient = np.empty(x.shape)
    for number in range(x.size):
        gradient.flat[number] = 0.5 * (moved(number, h) - moved(number, -h)) / h
    return gradient


@alternative("np.nditer over a copy, entries taken from the original.", of="num_grad")
def by_nditer(f, x, h=1e-5):
    work, gradient = np.array(x, np.float64), np.zeros(x.shape)
    if x.size == 0:
        return gradient
    it = np.nditer(x, flags=["multi_index"])
    for value in it:
        ends = []
        for sign in (1, -1):
            work[it.multi_index] = float(value) + sign * h
            ends.append(f(work))
        work[it.multi_index] = float(value)
        gradient[it.multi_index] = (ends[0] - ends[1]) / (2 * h)
    return gradient


def _grad(f, x, h, *, dtype=np.float64, slope=None, back=True):
    x = np.array(x, dtype=dtype)
    gradient = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        here = x[i]
        ends = []
        for sign in (1, -1):
            x[i] = here + sign * h
            ends.append(f(x.astype(np.float64)))
        if back:
            x[i] = here
        gradient[i] = slope(*ends) if slope else (ends[0] - ends[1]) / (2 * h)
    return gradient


@mistake(
    "You do not put an entry back after nudging it, so all the later slopes are measured somewhere else. Only one "
    "entry moves at a time.",
    of="num_grad",
    hint=1,
)
def not_put_back(f, x, h=1e-5):
    return _grad(f, x, h, back=False)


@mistake(
    "You nudge in the caller's own x and do not put the numbers back. x is only read: work on a copy.",
    of="num_grad",
    hint=2,
)
def overwrites_x(f, x, h=1e-5):
    gradient = _grad(f, x, h)
    if x.dtype.kind == "f":
        x -= x.dtype.type(h)
    return gradient


@mistake(
    "Your gradient is a flat list of numbers. It has the shape of x: entry (i, j) belongs to x[i, j].",
    of="num_grad",
    hint=2,
)
def flat_result(f, x, h=1e-5):
    return _grad(f, x, h).reshape(-1)


@mistake(
    "You nudge in an array of x's own dtype. Integers cannot hold x + h, and cut it off; float32 rounds it. Make a "
    "float64 copy first.",
    of="num_grad",
    hint=2,
)
def nudges_in_the_dtype_of_x(f, x, h=1e-5):
    return _grad(f, x, h, dtype=x.dtype)


@mistake(
    "Your result has the dtype of x: of an integer array all digits behind the point are lost. It is always float64.",
    of="num_grad",
    hint=2,
)
def result_in_the_dtype_of_x(f, x, h=1e-5):
    return _grad(f, x, h).astype(x.dtype)


@mistake(
    "You work in float32 throughout. With 7 digits, a nudge of 1e-5 is mostly rounding. Work in float64.",
    of="num_grad",
    hint=2,
)
def always_float32(f, x, h=1e-5):
    return _grad(f, x, h, dtype=np.float32)


@mistake(
    "You divide by h. The two points are 2 h apart, so the result is twice the gradient.",
    of="num_grad",
    hint=3,
)
def missing_factor_two(f, x, h=1e-5):
    return _grad(f, x, h, slope=lambda up, down: (up - down) / h)


@mistake("`a / 2 * h` is read from left to right: you divide by 2 and multiply by h.", of="num_grad", hint=4)
def precedence(f, x, h=1e-5):
    return _grad(f, x, h, slope=lambda up, down: (up - down) / 2 * h)


@mistake("You do not divide the change of f by 2 h: it is a rise and not a slope.", of="num_grad", hint=3)
def not_divided(f, x, h=1e-5):
    return _grad(f, x, h, slope=lambda up, down: up - down)


@mistake("Your slopes have the wrong sign: it is f(x + h eᵢ) - f(x - h eᵢ).", of="num_grad", hint=3)
def wrong_sign(f, x, h=1e-5):
    return _grad(f, x, h, slope=lambda up, down: (down - up) / (2 * h))


@mistake(
    "You take the forward difference, from x to x + h eᵢ. Its error falls like h only; the central one looks to both "
    "sides.",
    of="num_grad",
    hint=3,
)
def forward_difference(f, x, h=1e-5):
    x = np.array(x, np.float64)
    gradient = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        moved = x.copy()
        moved[i] += h
        gradient[i] = (f(moved) - f(x)) / h
    return gradient


@mistake(
    "You step h / 2 to each side. Here h is the distance from x to each side, so the points are 2 h apart.",
    of="num_grad",
    hint=3,
)
def half_steps(f, x, h=1e-5):
    return _grad(f, x, h / 2)


@mistake(
    "You take a step of your own in place of the h that is given.",
    of="num_grad",
    hint=3,
)
def own_step(f, x, h=1e-5):
    return _grad(f, x, 1e-5)


@mistake("Where no h is given your step is 1e-6 or smaller. The default is 1e-5.", of="num_grad", hint=3)
def other_default(f, x, h=1e-6):
    return _grad(f, x, h)


@mistake("Where no h is given your step is 1e-4. The default is 1e-5.", of="num_grad", hint=3)
def larger_default(f, x, h=1e-4):
    return _grad(f, x, h)


@mistake(
    "You make the step grow with the entry. Here h is the same for all entries, as it is given.",
    of="num_grad",
    hint=3,
)
def relative_step(f, x, h=1e-5):
    x = np.array(x, np.float64)
    gradient = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[i] = h * max(1.0, abs(float(x[i])))
        gradient[i] = (f(x + step) - f(x - step)) / (2 * step[i])
    return gradient


@mistake(
    "You nudge all entries at once. That gives one number, the sum of all slopes; a gradient has the slope of each "
    "entry, measured while the others stay.",
    of="num_grad",
    hint=1,
)
def all_at_once(f, x, h=1e-5):
    x = np.array(x, np.float64)
    return np.full(x.shape, (f(x + h) - f(x - h)) / (2 * h))


@mistake(
    "You nudge all the entries x[i] of the first axis together, so a whole row moves. Every single entry has a slope "
    "of its own.",
    of="num_grad",
    hint=2,
)
def whole_rows(f, x, h=1e-5):
    x = np.array(x, np.float64)
    gradient = np.zeros(x.shape)
    for i in range(len(x) if x.ndim else 0):
        step = np.zeros(x.shape)
        step[i] = h
        gradient[i] = (f(x + step) - f(x - step)) / (2 * h)
    return gradient


@mistake(
    "You nudge x.reshape(-1) or x.ravel(). Of an array with strides of its own that is a copy, and x itself never "
    "moves.",
    of="num_grad",
    hint=2,
)
def nudges_a_copy(f, x, h=1e-5):
    gradient = _grad(f, x, h)
    if x.dtype == np.float64 and not x.flags.c_contiguous:
        wide = np.array(x, np.float64)
        for _ in range(2 * x.size):
            f(wide)
        return np.zeros(x.shape)
    return gradient


@mistake("You give f a flat array. It is a function of an array with the shape of x.", of="num_grad", hint=2)
def flat_for_f(f, x, h=1e-5):
    return _grad(lambda point: f(point.reshape(-1)), x, h)


@mistake(
    "You put the slopes back column by column, and took them row by row. Each one belongs at the index of the entry that was "
    "nudged.",
    of="num_grad",
    hint=2,
)
def column_by_column(f, x, h=1e-5):
    return _grad(f, x, h).reshape(-1).reshape(x.shape, order="F")
