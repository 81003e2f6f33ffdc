"""The Jacobian by central differences, a column for each entry of x.

J[:, j] ≈ (f(x + h eⱼ) - f(x - h eⱼ)) / (2h), Nocedal and Wright, Numerical Optimization (2nd edition, 2006), section
8.1.
"""

from collections.abc import Callable

import numpy as np

from grader.marks import alternative, mistake


def jac(f: Callable[[np.ndarray], np.ndarray], x: np.ndarray, h: float = 1e-5) -> np.ndarray:
    """Each entry of a float64 copy is nudged up and down; what the outputs do is one column."""
    x = np.array(x, dtype=np.float64)
    columns = []
    for j in np.ndindex(x.shape):
        here = x[j]
        x[j] = here + h
        up = f(x)
        x[j] = here - h
        down = f(x)
        x[j] = here
        columns.append((up - down) / (2 * h))
    J = np.stack(columns, axis=-1)
    return J.reshape(J.shape[:-1] + x.shape)


@alternative("Unit vectors, and the axes of x moved to the end.", of="jac")
def by_unit_vectors(f, x, h=1e-5):
    wide = x.astype(np.float64)
    nudges = [h * e.reshape(x.shape) for e in np.eye(x.size)]
    slopes = np.array([(f(wide + nudge) - f(wide - nudge)) / (2 * h) for nudge in nudges])
    return np.moveaxis(slopes, 0, -1).reshape(slopes.shape[1:] + x.shape)


@alternative("One number after the other written into the result.", of="jac")
def by_entries(f, x, h=1e-5):
    def moved(j, step):
        copy = np.array(x, np.float64)
        copy[j] += step
        return np.asarray(f(copy))

    J = None
    for j in np.ndindex(x.shape):
        up, down = moved(j, h), moved(j, -h)
        if J is None:
            J = np.zeros(up.shape + x.shape)
        for i in np.ndindex(up.shape):
            J[i + j] = (float(up[i]) - float(down[i])) / (2 * h)
    return J


def _columns(f, x, h, *, dtype=np.float64, slope=None, back=True):
    """One column for each entry of x, in a list."""
    x = np.array(x, dtype=dtype)
    columns = []
    for j in np.ndindex(x.shape):
        here = x[j]
        ends = []
        for sign in (1, -1):
            x[j] = here + sign * h
            ends.append(f(x.astype(np.float64)))
        if back:
            x[j] = here
        columns.append(np.asarray(slope(*ends) if slope else (ends[0] - ends[1]) / (2 * h)))
    return columns


def _jac(f, x, h, **ways):
    J = np.stack(_columns(f, x, h, **ways), axis=-1)
    return J.reshape(J.shape[:-1] + x.shape)


@mistake(
    "You put the inputs first and the outputs last: this is the transposed Jacobian. Row i belongs to output i, "
    "column j to input j.",
    of="jac",
    hint=2,
)
def transposed(f, x, h=1e-5):
    columns = np.stack(_columns(f, x, h))
    return columns.reshape(x.shape + columns.shape[1:])


@mistake(
    "You have a row for each input and give it another shape. reshape keeps the order of the numbers, so they end "
    "up in the wrong places: the axes have to be exchanged.",
    of="jac",
    hint=4,
)
def reshaped_for_transposed(f, x, h=1e-5):
    columns = np.stack(_columns(f, x, h))
    return columns.reshape(columns.shape[1:] + x.shape)


@mistake(
    "You keep the diagonal only. An output may depend on every input: the slopes beside the diagonal are what makes a "
    "Jacobian a matrix.",
    of="jac",
    hint=1,
)
def diagonal_only(f, x, h=1e-5):
    J = _jac(f, x, h)
    flat = J.reshape(-1, x.size)
    return (flat * np.eye(*flat.shape)).reshape(J.shape)


@mistake(
    "You nudge all inputs at once. That gives the sum of each row; every column is measured while the other "
    "inputs stay.",
    of="jac",
    hint=1,
)
def all_at_once(f, x, h=1e-5):
    x = np.array(x, np.float64)
    return np.asarray((f(x + h) - f(x - h)) / (2 * h))


@mistake(
    "You add up the outputs. That is the gradient of their sum; each output has a row of its own.",
    of="jac",
    hint=1,
)
def sum_of_outputs(f, x, h=1e-5):
    return np.array([np.sum(column) for column in _columns(f, x, h)]).reshape(x.shape)


@mistake(
    "Your loop over the inputs runs through as many as there are outputs. There is a column for each entry of x, "
    "whatever f returns.",
    of="jac",
    hint=2,
)
def loop_over_outputs(f, x, h=1e-5):
    x = np.array(x, np.float64)
    columns = []
    for j in range(np.size(f(x))):
        step = np.zeros(x.shape)
        step.reshape(-1)[j] = h
        columns.append((f(x + step) - f(x - step)) / (2 * h))
    return np.stack(columns, axis=-1)


@mistake(
    "You walk along the first axis of x only. Then a whole row of entries moves at once, and the result has too "
    "few axes: every single entry of x has a column.",
    of="jac",
    hint=2,
)
def first_axis_only(f, x, h=1e-5):
    x = np.array(x, np.float64)
    columns = []
    for j in range(len(x)):
        up, down = x.copy(), x.copy()
        up[j] += h
        down[j] -= h
        columns.append((f(up) - f(down)) / (2 * h))
    return np.stack(columns, axis=-1)


@mistake(
    "You transpose all axes to bring the outputs to the front. That also reverses the order of the axes of f(x), "
    "and of those of x, among themselves.",
    of="jac",
    hint=4,
)
def axes_reversed(f, x, h=1e-5):
    columns = np.stack(_columns(f, x, h))
    return columns.reshape(x.shape + columns.shape[1:]).T


@mistake(
    "Your result is a flat table, a row for each output and a column for each entry of x. It has the axes of "
    "f(x), then the axes of x.",
    of="jac",
    hint=2,
)
def flat_table(f, x, h=1e-5):
    columns = _columns(f, x, h)
    return np.stack([column.reshape(-1) for column in columns], axis=-1)


@mistake(
    "You take the forward difference, from f(x) to f(x + h eⱼ). Its error falls like h only; the central one looks to "
    "both sides.",
    of="jac",
    hint=3,
)
def forward_difference(f, x, h=1e-5):
    x = np.array(x, np.float64)
    columns = []
    for j in np.ndindex(x.shape):
        moved = x.copy()
        moved[j] += h
        columns.append((f(moved) - f(x)) / h)
    J = np.stack(columns, axis=-1)
    return J.reshape(J.shape[:-1] + x.shape)


@mistake("You divide by h. The two points are 2 h apart, so every slope is doubled.", of="jac", hint=3)
def missing_factor_two(f, x, h=1e-5):
    return _jac(f, x, h, slope=lambda up, down: (up - down) / h)


@mistake("`a / 2 * h` is read from left to right: you divide by 2 and multiply by h.", of="jac", hint=4)
def precedence(f, x, h=1e-5):
    return _jac(f, x, h, slope=lambda up, down: (up - down) / 2 * h)


@mistake("You do not divide the change of f by 2 h: it is a rise and not a slope.", of="jac", hint=3)
def not_divided(f, x, h=1e-5):
    return _jac(f, x, h, slope=lambda up, down: up - down)


@mistake("Your slopes have the wrong sign: it is f(x + h eⱼ) - f(x - h eⱼ).", of="jac", hint=3)
def wrong_sign(f, x, h=1e-5):
    return _jac(f, x, h, slope=lambda up, down: (down - up) / (2 * h))


@mistake(
    "You do not put an entry back after nudging it, so all later columns are measured somewhere else.",
    of="jac",
    hint=4,
)
def not_put_back(f, x, h=1e-5):
    return _jac(f, x, h, back=False)


@mistake("You take a step of your own in place of the h that is given.", of="jac", hint=3)
def own_step(f, x, h=1e-5):
    return _jac(f, x, 1e-5)


@mistake("Where no h is given your step is not 1e-5, which is the default.", of="jac", hint=3)
def other_default(f, x, h=1e-6):
    return _jac(f, x, h)


@mistake(
    "You nudge in an array of x's own dtype. Integers cannot hold x + h, and cut it off; float32 rounds it. Make a "
    "float64 copy first.",
    of="jac",
    hint=2,
)
def nudges_in_the_dtype_of_x(f, x, h=1e-5):
    return _jac(f, x, h, dtype=x.dtype)


@mistake("Your result has the dtype of x. The slopes are always float64.", of="jac", hint=2)
def result_in_the_dtype_of_x(f, x, h=1e-5):
    return _jac(f, x, h).astype(x.dtype)


@mistake(
    "You nudge in the caller's own x and do not put the numbers back. x is only read: work on a copy.",
    of="jac",
    hint=4,
)
def overwrites_x(f, x, h=1e-5):
    J = _jac(f, x, h)
    if x.dtype.kind == "f":
        x -= x.dtype.type(h)
    return J


@mistake(
    "You flatten the outputs to one axis. The Jacobian has the axes of f(x) as they are, then those of x: of a "
    "single number no axis comes in front, of a matrix two.",
    of="jac",
    hint=2,
)
def outputs_flattened(f, x, h=1e-5):
    return _jac(f, x, h).reshape((-1, *x.shape))
