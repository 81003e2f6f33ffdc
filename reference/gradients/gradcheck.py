"""A gradient from a formula, compared with the measured one, entry by entry.

Relative errors as in Stanford's notes CS231n, "Gradient checks", with a floor that goes with the largest entry.
"""

from collections.abc import Callable

import numpy as np
from gradients.numerical_gradient import num_grad

from grader.marks import alternative, mistake


def check(
    f: Callable[[np.ndarray], float],
    df: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray,
    rtol: float = 1e-5,
) -> tuple[bool, tuple[int, ...], float]:
    """The worst entry decides, each error being relative to the entry's size, or to M / 1000 if that is more."""
    a, n = df(x.astype(np.float64)), num_grad(f, x)
    if a.shape != x.shape:
        raise ValueError(f"the gradient has shape {a.shape}, x has {x.shape}")
    if x.size == 0:
        return True, (), 0.0
    size = np.maximum(np.abs(a), np.abs(n))
    finite = np.isfinite(size)
    e = np.where(finite, 0.0, np.inf)
    numbers = np.abs(np.append(a, n))
    M = np.max(numbers[np.isfinite(numbers)], initial=0.0)
    differs = finite & (a != n)
    e[differs] = np.abs(a - n)[differs] / np.maximum(size, M / 1000)[differs]
    worst = np.unravel_index(np.argmax(e), e.shape)
    error = float(e[worst])
    return error <= rtol, tuple(int(i) for i in worst), error


def _both(f, df, x):
    a, n = np.asarray(df(x.astype(np.float64))), num_grad(f, x)
    if a.shape != x.shape:
        raise ValueError(f"the gradient has shape {a.shape}, x has {x.shape}")
    return a, n


def _largest(*arrays):
    numbers = np.concatenate([np.ravel(array) for array in arrays])
    numbers = np.abs(numbers[np.isfinite(numbers)])
    return float(numbers.max()) if numbers.size else 0.0


def _errors(a, n, floor=None, below=None, gap=None, unknown=np.inf):
    """eᵢ, with the numerator or the denominator exchanged."""
    floor = _largest(a, n) / 1000 if floor is None else floor
    with np.errstate(all="ignore"):
        gap = np.abs(a - n) if gap is None else gap(a, n)
        below = np.maximum(np.maximum(np.abs(a), np.abs(n)), floor) if below is None else below(a, n, floor)
        e = np.where(gap == 0, 0.0, gap / below)
    return np.where(np.isfinite(a) & np.isfinite(n), e, unknown)


def _report(e, rtol):
    if e.size == 0:
        return True, (), 0.0
    worst = np.unravel_index(int(np.argmax(e)), e.shape)
    return bool(e[worst] <= rtol), tuple(int(i) for i in worst), float(e[worst])


def _with(f, df, x, rtol, **ways):
    return _report(_errors(*_both(f, df, x), **ways), rtol)


@alternative("A loop over the places, which keeps the worst so far.", of="check")
def by_loop(f, df, x, rtol=1e-5):
    a, n = _both(f, df, x)
    M = _largest(a, n)
    worst, error = (0,) * x.ndim if x.size else (), 0.0
    for i in np.ndindex(x.shape):
        if not (np.isfinite(a[i]) and np.isfinite(n[i])):
            e = float("inf")
        elif a[i] == n[i]:
            e = 0.0
        else:
            e = abs(float(a[i]) - float(n[i])) / max(abs(float(a[i])), abs(float(n[i])), M / 1000)
        if e > error:
            worst, error = i, e
    return error <= rtol, worst, error


@alternative("Flat lists, and max by a key.", of="check")
def by_sorting(f, df, x, rtol=1e-5):
    a, n = _both(f, df, x)
    errors = _errors(a, n).reshape(-1).tolist()
    if not errors:
        return True, (), 0.0
    place = max(range(len(errors)), key=lambda i: errors[i])
    return errors[place] <= rtol, tuple(map(int, np.argwhere(np.ones(x.shape))[place])), errors[place]


@mistake(
    "Your error is |a - n| itself. A tolerance that is the same for all sizes accepts every small gradient and "
    "rejects every large one: divide by the size.",
    of="check",
    hint=1,
)
def absolute(f, df, x, rtol=1e-5):
    return _with(f, df, x, rtol, below=lambda a, n, floor: np.ones(a.shape))


@mistake(
    "You compare the sums of the two gradients. Errors of opposite sign cancel there; each entry has to be right by "
    "itself.",
    of="check",
    hint=1,
)
def compares_sums(f, df, x, rtol=1e-5):
    a, n = _both(f, df, x)
    if a.size == 0:
        return True, (), 0.0
    e = float(_errors(a.sum(), n.sum()))
    return e <= rtol, _report(_errors(a, n), rtol)[1], e


@mistake("You look at the first entry only. All the others may be wrong.", of="check", hint=1)
def first_entry(f, df, x, rtol=1e-5):
    a, n = _both(f, df, x)
    if a.size == 0:
        return True, (), 0.0
    e = float(_errors(a, n).reshape(-1)[0])
    return e <= rtol, (0,) * x.ndim, e


@mistake(
    "You report the mean of the errors. One wrong entry among many right ones hides in a mean; the largest error "
    "decides.",
    of="check",
    hint=1,
)
def mean_error(f, df, x, rtol=1e-5):
    e = _errors(*_both(f, df, x))
    ok, worst, error = _report(e, rtol)
    return (ok, worst, error) if e.size == 0 else (bool(e.mean() <= rtol), worst, float(e.mean()))


@mistake(
    "You divide every difference by the largest entry M. A small entry may then be wholly wrong and still pass: each "
    "is measured by its own size, down to M / 1000.",
    of="check",
    hint=3,
)
def by_the_largest(f, df, x, rtol=1e-5):
    return _with(f, df, x, rtol, below=lambda a, n, floor: np.full(a.shape, 1000 * floor))


@mistake(
    "You divide by the entry's own size, however small. Where the slope is 0 only rounding is measured, and you call "
    "a right gradient wrong by 100 %: below M / 1000 that is the size to divide by.",
    of="check",
    hint=3,
)
def no_floor(f, df, x, rtol=1e-5):
    return _with(f, df, x, rtol, floor=0.0)


@mistake(
    "You take the floor as 1/1000 whatever the size of the gradient. For a gradient of 1e-6 it swallows everything; "
    "it is M / 1000.",
    of="check",
    hint=3,
)
def fixed_floor(f, df, x, rtol=1e-5):
    return _with(f, df, x, rtol, floor=1e-3)


@mistake(
    "You add the floor to the entry's size. The larger one of them is to be taken, so that errors are not made "
    "smaller.",
    of="check",
    hint=3,
)
def floor_added(f, df, x, rtol=1e-5):
    return _with(f, df, x, rtol, below=lambda a, n, floor: np.maximum(np.abs(a), np.abs(n)) + floor)


@mistake(
    "You divide by |a| + |n|. That halves every error; here the larger one of the two is the size of an entry.",
    of="check",
    hint=3,
)
def by_the_sum(f, df, x, rtol=1e-5):
    return _with(f, df, x, rtol, below=lambda a, n, floor: np.maximum(np.abs(a) + np.abs(n), floor))


@mistake(
    "You divide by the size of the measured entry alone. The larger one of |a| and |n| counts.",
    of="check",
    hint=3,
)
def by_the_measured(f, df, x, rtol=1e-5):
    return _with(f, df, x, rtol, below=lambda a, n, floor: np.maximum(np.abs(n), floor))


@mistake(
    "You divide by the size of the entry from df alone. The larger one of |a| and |n| counts; this one may be wrong.",
    of="check",
    hint=3,
)
def by_the_formulas(f, df, x, rtol=1e-5):
    return _with(f, df, x, rtol, below=lambda a, n, floor: np.maximum(np.abs(a), floor))


@mistake(
    "You find M among the measured entries only. The gradient from df may be the larger one, by mistake or not: M is "
    "taken over both.",
    of="check",
    hint=3,
)
def largest_measured(f, df, x, rtol=1e-5):
    a, n = _both(f, df, x)
    return _report(_errors(a, n, floor=_largest(n) / 1000), rtol)


@mistake(
    "You take the difference without its absolute value. An entry that is too small is then no error at all.",
    of="check",
    hint=3,
)
def signed(f, df, x, rtol=1e-5):
    return _with(f, df, x, rtol, gap=lambda a, n: a - n)


@mistake(
    "You compare the sizes |a| and |n|. A gradient with the wrong sign passes so, and that is the commonest mistake "
    "of all.",
    of="check",
    hint=3,
)
def sizes_only(f, df, x, rtol=1e-5):
    return _with(f, df, x, rtol, gap=lambda a, n: np.abs(np.abs(a) - np.abs(n)))


@mistake(
    "Where an entry is NaN or infinite you count no error. Such an entry is as wrong as can be: its error is infinite.",
    of="check",
    hint=4,
)
def unknown_is_right(f, df, x, rtol=1e-5):
    return _with(f, df, x, rtol, unknown=0.0)


@mistake(
    "Where an entry is NaN or infinite your error is NaN. It is to be infinite, so that whoever reads it sees that it "
    "is no small one.",
    of="check",
    hint=4,
)
def unknown_is_nan(f, df, x, rtol=1e-5):
    return _with(f, df, x, rtol, unknown=np.nan)


@mistake(
    "`worst` is the number of the entry in the flat array. It is to be an index into x, with an int for each axis.",
    of="check",
    hint=2,
)
def flat_index(f, df, x, rtol=1e-5):
    e = _errors(*_both(f, df, x))
    ok, worst, error = _report(e, rtol)
    return ok, (int(np.argmax(e)),) if worst else worst, error


@mistake(
    "`worst` is where the gradient is largest. It is to be where the error is.",
    of="check",
    hint=2,
)
def largest_entry(f, df, x, rtol=1e-5):
    a, n = _both(f, df, x)
    ok, _, error = _report(_errors(a, n), rtol)
    return ok, _report(np.abs(a), rtol)[1], error


@mistake(
    "`worst` is where |a - n| is largest. It is to be where the error is, and that is the difference in relation to "
    "the size.",
    of="check",
    hint=2,
)
def largest_difference(f, df, x, rtol=1e-5):
    a, n = _both(f, df, x)
    ok, _, error = _report(_errors(a, n), rtol)
    return ok, _report(np.abs(a - n), rtol)[1], error


@mistake("Of equal errors you name the last. The first one, row by row, is asked for.", of="check", hint=2)
def last_of_equals(f, df, x, rtol=1e-5):
    e = _errors(*_both(f, df, x))
    ok, worst, error = _report(e, rtol)
    return ok, tuple(int(i) for i in np.argwhere(e == error)[-1]) if worst else worst, error


@mistake("You compare with 1e-5 whatever `rtol` is given.", of="check", hint=4)
def own_tolerance(f, df, x, rtol=1e-5):
    return _with(f, df, x, 1e-5)


@mistake(
    "A gradient of another shape than x is broadcast, or compared as it comes. It has to raise ValueError.",
    of="check",
    hint=4,
)
def broadcasts(f, df, x, rtol=1e-5):
    a, n = np.asarray(df(x.astype(np.float64))), num_grad(f, x)
    return _report(_errors(a, n), rtol)


@mistake(
    "Where a and n are both 0 your error is 0 / 0, NaN. Two equal entries differ by nothing: their error is 0.",
    of="check",
    hint=4,
)
def zero_by_zero(f, df, x, rtol=1e-5):
    a, n = _both(f, df, x)
    e = _errors(a, n)
    return _report(np.where((a == 0) & (n == 0) & (_largest(a, n) == 0), np.nan, e), rtol)


@mistake(
    "You take M from the formula's gradient alone. Where that is far too small the floor is too low, and a tiny entry is called "
    "the worst. M is the largest size in both gradients.",
    of="check",
    hint=3,
)
def floor_of_the_formula(f, df, x, rtol=1e-5):
    a, n = _both(f, df, x)
    return _report(_errors(a, n, floor=_largest(a) / 1000), rtol)
