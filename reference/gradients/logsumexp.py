"""log-sum-exp and its gradient.

lse(x) = m + log Σ exp(x - m), with m the largest entry of the line (Blanchard, Higham and Higham, 2021): no exp
overflows, and the sum is at least 1. Its gradient is the softmax, which is also exp(x - lse(x)).
"""

import numpy as np

from grader.marks import alternative, mistake


def lse(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """m + log Σ exp(x - m), with m the largest entry of each line."""
    m = np.max(x, axis=axis, keepdims=True)
    m = np.where(m == -np.inf, 0, m)  # a line of -inf: -inf - (-inf) would be NaN
    with np.errstate(divide="ignore"):  # log 0 = -inf is right there
        total = np.log(np.sum(np.exp(x - m), axis=axis))
    return np.squeeze(m, axis=axis) + total


def dlse(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """The softmax of each line, and zeros for a line of -inf."""
    m = np.max(x, axis=axis, keepdims=True)
    e = np.exp(x - np.where(m == -np.inf, 0, m))
    total = np.sum(e, axis=axis, keepdims=True)
    return e / np.where(total == 0, 1, total)


@alternative("One entry after the other, with a running largest entry and sum.", of="lse")
def by_running_sum(x, axis=-1):
    lines = np.moveaxis(x, axis, 0)
    m, total = np.full(lines.shape[1:], -np.inf, x.dtype), np.zeros(lines.shape[1:], x.dtype)
    with np.errstate(all="ignore"):
        for entry in lines:
            larger = np.maximum(m, entry)
            safe = np.where(np.isneginf(larger), 0, larger)
            total = total * np.exp(m - safe) + np.exp(entry - safe)
            m = larger
        return (m + np.log(total))[()]


@alternative("Loops over the lines, in Python floats.", of="lse")
def by_lines(x, axis=-1):
    lines = np.moveaxis(x, axis, -1)
    out = np.full(lines.shape[:-1], -np.inf, x.dtype)
    for place in np.ndindex(out.shape):
        line = [float(entry) for entry in lines[place]]
        largest = max(line)
        if largest > -np.inf:
            out[place] = largest + np.log(sum(np.exp(entry - largest) for entry in line))
    return out[()]


@alternative("exp(x - lse(x)).", of="dlse")
def by_lse(x, axis=-1):
    total = np.expand_dims(lse(x, axis), axis)
    return np.exp(x - np.where(total == -np.inf, 0, total))


@mistake(
    "You take exp of the entries as they are: large ones become inf, and where all are small the sum is 0. Shift each "
    "line first, and shift the result back.",
    of="lse",
    hint=1,
)
def no_shift(x, axis=-1):
    with np.errstate(all="ignore"):
        return np.log(np.sum(np.exp(x), axis=axis))


@mistake(
    "You shift by the largest entry of the whole array. In a line far below it every exp is 0, and the result -inf. "
    "Each line needs its own.",
    of="lse",
    hint=2,
)
def shift_of_the_whole_array(x, axis=-1):
    m = np.max(x, initial=-np.inf)
    m = x.dtype.type(0 if m == -np.inf else m)
    with np.errstate(all="ignore"):
        return m + np.log(np.sum(np.exp(x - m), axis=axis))


@mistake(
    "You shift by the mean of each line. An entry far above the mean overflows still, and one -inf makes the mean "
    "-inf. Shift by the largest.",
    of="lse",
    hint=3,
)
def shift_by_the_mean(x, axis=-1):
    with np.errstate(all="ignore"):
        m = np.mean(x, axis=axis, keepdims=True)
        return np.squeeze(m, axis) + np.log(np.sum(np.exp(x - m), axis=axis))


@mistake(
    "You shift by the smallest entry of each line, so that all exponents are above 0, and large ones overflow.",
    of="lse",
    hint=3,
)
def shift_by_the_smallest(x, axis=-1):
    with np.errstate(all="ignore"):
        m = np.min(x, axis=axis, keepdims=True)
        return np.squeeze(m, axis) + np.log(np.sum(np.exp(x - m), axis=axis))


@mistake(
    "You do not shift back. A softmax needs no such step, but lse(x - m) is m less than lse(x).",
    of="lse",
    hint=3,
)
def not_shifted_back(x, axis=-1):
    return _lse(x, axis) - _largest(x, axis, False)


@mistake("You take the shift away from the result a second time. It has to be added again.", of="lse", hint=3)
def shifted_the_wrong_way(x, axis=-1):
    return _lse(x, axis) - 2 * _largest(x, axis, False)


@mistake(
    "You return the largest entry. It is the greatest part of the sum, but the others add to it, up to log n.",
    of="lse",
    hint=1,
)
def only_the_largest(x, axis=-1):
    return np.max(x, axis=axis)


@mistake(
    "You take the mean of the exponentials: the result is log n too small. They are added up.",
    of="lse",
    hint=3,
)
def mean_of_the_exponentials(x, axis=-1):
    return _lse(x, axis) - x.dtype.type(np.log(x.shape[axis]))


@mistake("You return the sum of the exponentials, not its logarithm.", of="lse", hint=3)
def no_logarithm(x, axis=-1):
    with np.errstate(all="ignore"):
        return np.exp(_lse(x, axis))


@mistake(
    "A line that is -inf throughout gives NaN, for -inf - (-inf) is NaN. A sum of zeros has the logarithm -inf.",
    of="lse",
    hint=4,
)
def nan_for_a_line_of_minus_infinity(x, axis=-1):
    with np.errstate(all="ignore"):
        m = np.max(x, axis=axis, keepdims=True)
        return np.squeeze(m, axis) + np.log(np.sum(np.exp(x - m), axis=axis))


@mistake(
    "A line that is -inf throughout gives 0. A sum of zeros is 0, and its logarithm -inf.",
    of="lse",
    hint=4,
)
def zero_for_a_line_of_minus_infinity(x, axis=-1):
    out = _lse(x, axis)
    return np.where(out == -np.inf, 0, out).astype(x.dtype)[()]


@mistake(
    "You add a small number inside the logarithm. After the shift the sum is at least 1 and needs no guard; and a line "
    "of -inf has to give -inf.",
    of="lse",
    hint=4,
)
def small_number_inside(x, axis=-1):
    m = _largest(x, axis, True)
    total = np.sum(np.exp(x - m), axis=axis) + x.dtype.type(1e-6)
    return np.squeeze(m, axis) + np.log(total)


@mistake(
    "Your lse keeps the axis with size 1. It is summed away here, as by np.sum without keepdims.",
    of="lse",
    hint=2,
)
def axis_kept(x, axis=-1):
    return np.expand_dims(_lse(x, axis), axis)


@mistake("Your lse always goes along the last axis, whatever `axis` is.", of="lse", hint=2)
def always_the_last_axis(x, axis=-1):
    return _lse(x, -1)


@mistake("Your lse goes over the whole array. Each line along `axis` has one of its own.", of="lse", hint=2)
def sums_everything(x, axis=-1):
    m = np.max(x, initial=-np.inf)
    m = x.dtype.type(0 if m == -np.inf else m)
    with np.errstate(all="ignore"):
        return m + np.log(np.sum(np.exp(x - m)))


@mistake("Where no axis is given your lse takes the first one. The default is the last, -1.", of="lse", hint=2)
def default_is_the_first_axis(x, axis=0):
    return _lse(x, axis)


@mistake(
    "The numbers are right, but you worked in the caller's own x: `-=` changes an array in place.",
    of="lse",
    hint=4,
)
def overwrites_x(x, axis=-1):
    out = _lse(x, axis)
    x -= _largest(x, axis, True)
    return out


@mistake("Your lse is always float64, also where x is float32.", of="lse", hint=2)
def always_float64(x, axis=-1):
    return _lse(x.astype(np.float64), axis)


@mistake(
    "Your gradient is 1 at the largest entry and 0 elsewhere: that is the gradient of the maximum. lse is a soft one, "
    "and each entry gets its share.",
    of="dlse",
    hint=1,
)
def gradient_of_the_maximum(x, axis=-1):
    m = np.max(x, axis=axis, keepdims=True)
    return ((x == m) & (m > -np.inf)).astype(x.dtype)


@mistake(
    "Your gradient gives every entry the same share, 1 / n. The share of an entry is its exp over the sum.",
    of="dlse",
    hint=1,
)
def equal_shares(x, axis=-1):
    return np.full(x.shape, 1 / x.shape[axis], x.dtype)


@mistake(
    "Your gradient is NaN for a line that is -inf throughout. By convention it is zeros there.",
    of="dlse",
    hint=4,
)
def gradient_nan_for_a_line(x, axis=-1):
    with np.errstate(all="ignore"):
        e = np.exp(x - np.max(x, axis=axis, keepdims=True))
        return e / e.sum(axis=axis, keepdims=True)


@mistake(
    "In the gradient you take exp of the entries as they are, and large ones overflow. x - lse(x) is never above 0.",
    of="dlse",
    hint=3,
)
def gradient_overflows(x, axis=-1):
    with np.errstate(all="ignore"):
        e = np.exp(x)
        return e / e.sum(axis=axis, keepdims=True)


@mistake(
    "Your gradient is not divided by the sum: exp(x - largest) has 1 at the largest entry, and does not add up to 1.",
    of="dlse",
    hint=3,
)
def gradient_not_divided(x, axis=-1):
    return np.exp(x - _largest(x, axis, True))


@mistake("Your gradient is x - lse(x), which is the logarithm of it.", of="dlse", hint=3)
def logarithm_of_the_gradient(x, axis=-1):
    total = np.expand_dims(_lse(x, axis), axis)
    return x - np.where(total == -np.inf, 0, total)


@mistake(
    "Your gradient always goes along the last axis, whatever `axis` is.",
    of="dlse",
    hint=2,
)
def gradient_along_the_last_axis(x, axis=-1):
    total = np.expand_dims(_lse(x, -1), -1)
    return np.exp(x - np.where(total == -np.inf, 0, total))


@mistake(
    "Your gradient adds up to 1 over the whole array. Each line along `axis` is a function of its own.",
    of="dlse",
    hint=2,
)
def gradient_of_the_whole(x, axis=-1):
    with np.errstate(all="ignore"):
        total = _lse(x.reshape(-1), 0) if x.size else x.dtype.type(0)
        return np.exp(x - (x.dtype.type(0) if total == -np.inf else total))


def _largest(x, axis, keepdims):
    m = np.max(x, axis=axis, keepdims=keepdims)
    return np.where(m == -np.inf, 0, m).astype(x.dtype)[()]


def _lse(x, axis):
    m = _largest(x, axis, True)
    with np.errstate(all="ignore"):
        return np.squeeze(m, axis) + np.log(np.sum(np.exp(x - m), axis=axis))


@mistake(
    "You divide the gradient by the number of entries, as for a mean. dlse is the softmax itself: its entries sum to 1 along "
    "the axis.",
    of="dlse",
    hint=3,
)
def gradient_of_a_mean(x, axis=-1):
    return by_lse(x, axis) / x.shape[axis]


@mistake(
    "You divide by the largest entry. What leaves the sum of exponentials as it is, up to a known factor, is to subtract it: "
    "exp(x - m) = exp(x) / exp(m), and m is added at the end.",
    of="lse",
    hint=3,
)
def divided_by_the_largest(x, axis=-1):
    with np.errstate(all="ignore"):
        m = np.max(x, axis=axis, keepdims=True)
        return np.squeeze(m, axis) * np.log(np.sum(np.exp(x / m), axis=axis))
