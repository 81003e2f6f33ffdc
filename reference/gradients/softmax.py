"""Softmax, for scores of any size.

softmax(x)ᵢ = exp(xᵢ) / Σⱼ exp(xⱼ) (Bridle, 1989) is unchanged by a shift of all scores. Shifted by the largest score m of
its line, every exponent is at most 0, so no exp overflows, and one of them is exp(0) = 1, so the sum is at least 1
(Goodfellow, Bengio and Courville, Deep Learning, section 4.1).
"""

import numpy as np

from grader.marks import alternative, mistake


def softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """exp(x - m) / Σ exp(x - m), with m the largest score of each line."""
    m = np.max(x, axis=axis, keepdims=True)
    m = np.where(m == -np.inf, 0, m)  # a line of -inf has no largest score: -inf - (-inf) would be NaN
    e = np.exp(x - m)
    total = np.sum(e, axis=axis, keepdims=True)
    return np.divide(e, total, out=np.zeros_like(e), where=total > 0)


@alternative("Loops over the lines, each one in plain Python.", of="softmax")
def by_lines(x, axis=-1):
    out = np.zeros(x.shape, x.dtype if x.dtype.kind == "f" else np.float64)
    lines, results = np.moveaxis(x, axis, -1), np.moveaxis(out, axis, -1)
    for place in np.ndindex(lines.shape[:-1]):
        line = [float(score) for score in lines[place]]
        largest = max(line)
        if largest > -np.inf:
            e = [np.exp(score - largest) for score in line]
            results[place] = [part / sum(e) for part in e]
    return out


@alternative("Through the logarithm of the sum, by np.logaddexp.", of="softmax")
def by_logaddexp(x, axis=-1):
    wide = x.astype(np.float64)
    total = np.logaddexp.reduce(wide, axis=axis, keepdims=True)
    p = np.exp(wide - np.where(np.isneginf(total), 0.0, total))
    return p.astype(x.dtype) if x.dtype.kind == "f" else p


@alternative("NaN where a line is hidden whole, put to 0 at the end.", of="softmax")
def zeros_at_the_end(x, axis=-1):
    with np.errstate(all="ignore"):
        e = np.exp(x - np.amax(x, axis, keepdims=True))
        p = e / e.sum(axis, keepdims=True)
    return np.where(np.isneginf(x), 0, p).astype(p.dtype)


@mistake(
    "You take exp of the scores as they are. Large scores become inf and inf / inf is NaN; scores far below 0 all "
    "become 0, and 0 / 0 is NaN. Shift each line first: the result does not change.",
    of="softmax",
    hint=1,
)
def no_shift(x, axis=-1):
    return _divide(np.exp(x), axis)


@mistake(
    "You shift by the largest score of the whole array. A line far below it then becomes 0 throughout. Each line has "
    "to be shifted by its own largest score.",
    of="softmax",
    hint=2,
)
def shift_of_the_whole_array(x, axis=-1):
    m = np.max(x, initial=-np.inf)
    return _divide(np.exp(x - (0 if m == -np.inf else m)), axis)


@mistake(
    "You shift by the mean of each line. A score far above the mean still overflows, and a single -inf makes the mean "
    "-inf. Only after a shift by the largest score is every exponent 0 or below.",
    of="softmax",
    hint=3,
)
def shift_by_the_mean(x, axis=-1):
    with np.errstate(all="ignore"):
        return _divide(np.exp(x - np.mean(x, axis=axis, keepdims=True)), axis)


@mistake(
    "You shift by the smallest score of each line, so all exponents are above 0, and a large one overflows. Shift by "
    "the largest.",
    of="softmax",
    hint=3,
)
def shift_by_the_smallest(x, axis=-1):
    with np.errstate(all="ignore"):
        return _divide(np.exp(x - np.min(x, axis=axis, keepdims=True)), axis)


@mistake(
    "You shift the scores above the line of the fraction only. Above and below it must be the same shift, or the "
    "probabilities do not add up to 1.",
    of="softmax",
    hint=3,
)
def shift_above_only(x, axis=-1):
    with np.errstate(all="ignore"):
        return np.exp(x - _largest(x, axis)) / np.sum(np.exp(x), axis=axis, keepdims=True)


@mistake(
    "You cut the scores off at some size to avoid overflow. Two scores beyond it then get the same probability. A "
    "shift changes nothing, a cut does.",
    of="softmax",
    hint=1,
)
def scores_cut_off(x, axis=-1):
    hidden = x == -np.inf
    top = 80 if x.dtype == np.float32 else 700
    return _divide(np.where(hidden, 0, np.exp(np.clip(x, -top, top))).astype(_kind(x)), axis)


@mistake(
    "You divide the scores by the largest one. Subtracting a number from all scores changes nothing; dividing by one "
    "changes the differences, and so the probabilities.",
    of="softmax",
    hint=3,
)
def divided_by_the_largest(x, axis=-1):
    with np.errstate(all="ignore"):
        return _divide(np.exp(x / _largest(x, axis)), axis).astype(_kind(x))


@mistake(
    "Your sum always goes along the last axis. It has to go along `axis`.",
    of="softmax",
    hint=2,
)
def always_the_last_axis(x, axis=-1):
    return _softmax(x, -1)


@mistake(
    "Your sum always goes along the first axis. It has to go along `axis`.",
    of="softmax",
    hint=2,
)
def always_the_first_axis(x, axis=-1):
    return _softmax(x, 0)


@mistake("Where no axis is given you take the first one. The default is the last, -1.", of="softmax", hint=2)
def default_is_the_first_axis(x, axis=0):
    return _softmax(x, axis)


@mistake(
    "You divide by the sum over the whole array, so the whole array adds up to 1. Each line along `axis` has to.",
    of="softmax",
    hint=2,
)
def sums_everything(x, axis=-1):
    e = np.exp(x - _largest(x, axis))
    return e / (np.sum(e) or 1)


@mistake(
    "The sum loses its axis (no keepdims), so it lines up with the wrong axis of x, or with none.",
    of="softmax",
    hint=2,
)
def axis_lost(x, axis=-1):
    e = np.exp(x - _largest(x, axis))
    with np.errstate(all="ignore"):
        return e / np.sum(e, axis=axis)


@mistake(
    "A line that is -inf throughout gives NaN: its largest score is -inf, and -inf - (-inf) is NaN. Such a line has to "
    "give zeros.",
    of="softmax",
    hint=4,
)
def nan_for_a_hidden_line(x, axis=-1):
    with np.errstate(all="ignore"):
        e = np.exp(x - np.max(x, axis=axis, keepdims=True))
        return e / e.sum(axis=axis, keepdims=True)


@mistake(
    "A line that is -inf throughout gives equal probabilities. There is nothing to choose from, and zeros are asked "
    "for.",
    of="softmax",
    hint=4,
)
def equal_for_a_hidden_line(x, axis=-1):
    hidden = np.max(x, axis=axis, keepdims=True) == -np.inf
    return np.where(hidden, 1 / x.shape[axis], _softmax(x, axis)).astype(_kind(x))


@mistake(
    "You add a small number to the sum. After the shift the sum is at least 1, so there is nothing to guard against, "
    "and the probabilities no longer add up to 1.",
    of="softmax",
    hint=4,
)
def small_number_in_the_sum(x, axis=-1):
    e = np.exp(x - _largest(x, axis))
    return e / (e.sum(axis=axis, keepdims=True) + (1e-6 if e.dtype == np.float64 else 1e-4)).astype(e.dtype)


@mistake(
    "You return the exponentials without dividing by their sum, so they do not add up to 1.", of="softmax", hint=3
)
def not_divided(x, axis=-1):
    return np.exp(x - _largest(x, axis))


@mistake(
    "You divide the scores themselves by their sum. Negative scores would become negative probabilities: take exp "
    "first.",
    of="softmax",
    hint=3,
)
def no_exp(x, axis=-1):
    with np.errstate(all="ignore"):
        return _divide(x, axis).astype(_kind(x))


@mistake(
    "You return the logarithm of the probabilities (log-softmax). Here the probabilities themselves are asked for.",
    of="softmax",
    hint=3,
)
def log_softmax(x, axis=-1):
    with np.errstate(all="ignore"):
        return np.log(_softmax(x, axis))


@mistake(
    "You apply the sigmoid to each score by itself. Softmax compares the scores of a line: they share one sum.",
    of="softmax",
    hint=1,
)
def sigmoid(x, axis=-1):
    with np.errstate(all="ignore"):
        return 1 / (1 + np.exp(-x))


@mistake(
    "You put all of the probability on the largest score. That is argmax; softmax is the soft form of it, where "
    "smaller scores get their share.",
    of="softmax",
    hint=1,
)
def hard_maximum(x, axis=-1):
    return _divide((x == np.max(x, axis=axis, keepdims=True)).astype(_kind(x)), axis)


@mistake(
    "The numbers are right, but you worked in the caller's own x: `-=` changes an array in place.",
    of="softmax",
    hint=4,
)
def overwrites_x(x, axis=-1):
    if x.dtype.kind == "f":
        x -= _largest(x, axis)
        return _softmax(x, axis)
    return _softmax(x, axis)


@mistake(
    "Your result is always float64, also where x is float32. Twice the memory, and the next layer gets a dtype it did "
    "not send.",
    of="softmax",
    hint=2,
)
def always_float64(x, axis=-1):
    return _softmax(x.astype(np.float64), axis)


@mistake("Your result is always rounded to float32, also where x is float64 or int64.", of="softmax", hint=2)
def always_float32(x, axis=-1):
    return _softmax(x, axis).astype(np.float32)


@mistake(
    "You give the result the dtype of x also where the scores are integers: probabilities between 0 and 1 all become "
    "0.",
    of="softmax",
    hint=2,
)
def integers_stay_integers(x, axis=-1):
    return _softmax(x, axis).astype(x.dtype)


def _kind(x):
    return x.dtype if x.dtype.kind == "f" else np.dtype(np.float64)


def _largest(x, axis):
    m = np.max(x, axis=axis, keepdims=True)
    return np.where(m == -np.inf, 0, m)


def _divide(e, axis):
    with np.errstate(all="ignore"):
        return e / np.sum(e, axis=axis, keepdims=True)


def _softmax(x, axis):
    e = np.exp(x - _largest(x, axis))
    total = np.sum(e, axis=axis, keepdims=True)
    return e / np.where(total == 0, 1, total)


@mistake(
    "You take powers of 2. They give probabilities too, but flatter ones: softmax is made of powers of e.",
    of="softmax",
    hint=3,
)
def powers_of_two(x, axis=-1):
    powers = np.exp2(x - _largest(x, axis))
    total = np.sum(powers, axis=axis, keepdims=True)
    return powers / np.where(total == 0, 1, total)
