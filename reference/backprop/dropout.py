"""Inverted dropout with its backward pass.

Srivastava et al., "Dropout" (2014), section 4, with the scaling moved into training (section 10). The mask does not
depend on x, so y = factor ∘ x is linear in x with a constant factor: 0 or 1 / (1 - p) in training, 1 in evaluation.
Backward is the same factor.
"""

import numpy as np

from grader.marks import alternative, mistake


def dropout_forward(
    x: np.ndarray, p: float, rng: np.random.Generator, training: bool
) -> tuple[np.ndarray, np.ndarray | float]:
    """x ∘ factor, and the factor."""
    if not training:
        return x.copy(), 1.0
    left = rng.random(x.shape) >= p
    factor = np.where(left, 1 / (1 - p) if p < 1 else 0.0, 0.0).astype(x.dtype)
    return x * factor, factor


def dropout_backward(dy: np.ndarray, cache: np.ndarray | float) -> np.ndarray:
    """dy ∘ the factor of the forward pass."""
    return dy * cache


# Alternatives ---------------------------------------------------------------------------------------------------------


@alternative("Entry by entry, from one draw.", of="dropout_forward")
def entry_by_entry(x, p, rng, training):
    factor = np.ones_like(x)
    if training:
        u = rng.uniform(size=x.shape)
        for place in np.ndindex(x.shape):
            factor[place] = 0 if u[place] < p else 1 / (1 - p)
    return factor * x, factor


@alternative("Zeros, and the entries that are left put into them.", of="dropout_forward")
def put_in(x, p, rng, training):
    left = rng.random(x.shape) >= p if training else np.ones(x.shape, bool)
    y, factor = np.zeros_like(x), np.zeros_like(x)
    if left.any():
        factor[left] = 1 / (1 - p) if training else 1
        y[left] = x[left] * factor[left]
    return y, factor


@alternative("Backward by np.multiply into a new array.", of="dropout_backward")
def multiplied(dy, cache):
    dx = np.empty(dy.shape, dy.dtype)
    np.multiply(dy, cache, out=dx)
    return dx


# Mistakes in forward --------------------------------------------------------------------------------------------------


@mistake(
    "What is left is not scaled up. In training the next layer gets (1 - p) of what it gets in evaluation; divide by"
    " 1 - p.",
    of="dropout_forward",
    hint=3,
)
def not_scaled(x, p, rng, training):
    if not training:
        return x.copy(), 1.0
    left = (rng.random(x.shape) >= p).astype(x.dtype)
    return x * left, left


@mistake(
    "This is dropout as in the first papers: plain zeros in training, and a factor 1 - p in evaluation. Here the "
    "scaling is done in training, by 1 / (1 - p), and evaluation hands x on.",
    of="dropout_forward",
    hint=1,
)
def scaled_in_evaluation(x, p, rng, training):
    if not training:
        return x * (1 - p), 1.0 - p
    left = (rng.random(x.shape) >= p).astype(x.dtype)
    return x * left, left


@mistake(
    "The factor 1 / (1 - p) is right in training, but you scale in evaluation as well. The expectation is kept "
    "already: evaluation hands x on.",
    of="dropout_forward",
    hint=1,
)
def scaled_in_both(x, p, rng, training):
    if not training:
        return x * (1 - p), 1.0 - p
    return _right(x, p, rng)


@mistake(
    "You divide by p, the probability of being dropped. What is left was left with probability 1 - p: divide by that.",
    of="dropout_forward",
    hint=3,
)
def divided_by_p(x, p, rng, training):
    return _dropped(x, p, rng, lambda u: u >= p, 1 / p if p else 1.0, training)


@mistake(
    "You keep an entry where its number is below p, and drop the others. p is the probability of being dropped: drop"
    " where u < p.",
    of="dropout_forward",
    hint=2,
)
def mask_inverted(x, p, rng, training):
    return _dropped(x, p, rng, lambda u: u < p, 1 / (1 - p) if p < 1 else 1.0, training)


@mistake(
    "You take p for the probability of being left, as the papers do: kept where u < p, divided by p. Here, as in "
    "PyTorch, p is the probability of being dropped.",
    of="dropout_forward",
    hint=2,
)
def keep_probability(x, p, rng, training):
    return _dropped(x, p, rng, lambda u: u < p, 1 / p if p else 1.0, training)


@mistake(
    "You keep an entry where its number is below 1 - p. That drops as often, but other entries: by the statement an "
    "entry is dropped where u < p, or masks could not be compared.",
    of="dropout_forward",
    hint=2,
)
def other_end(x, p, rng, training):
    return _dropped(x, p, rng, lambda u: u < 1 - p, 1 / (1 - p) if p < 1 else 1.0, training)


@mistake(
    "Your mask has one number for each row: whole rows are dropped. Every entry has a number of its own.",
    of="dropout_forward",
    hint=2,
)
def row_by_row(x, p, rng, training):
    if not training:
        return x.copy(), 1.0
    factor = _factor(rng.random((*x.shape[:-1], 1) if x.ndim else ()) >= p, p)
    factor = np.broadcast_to(factor, x.shape).astype(x.dtype)
    return x * factor, factor


@mistake(
    "Your mask has no axis for the batch: all examples lose the same entries. Every entry has a number of its own.",
    of="dropout_forward",
    hint=2,
)
def batch_shares_the_mask(x, p, rng, training):
    if not training:
        return x.copy(), 1.0
    factor = _factor(rng.random(x.shape[1:]) >= p, p)
    factor = np.broadcast_to(factor, x.shape).astype(x.dtype)
    return x * factor, factor


@mistake(
    "You drop in evaluation as well. Evaluation hands x on and draws nothing.",
    of="dropout_forward",
    hint=1,
)
def always_on(x, p, rng, training):
    return _right(x, p, rng)


@mistake(
    "You never drop anything: y is x in training, too.",
    of="dropout_forward",
    hint=1,
)
def never_on(x, p, rng, training):
    return x.copy(), 1.0


@mistake(
    "Training and evaluation are the wrong way round: you drop where training is False.",
    of="dropout_forward",
    hint=1,
)
def modes_swapped(x, p, rng, training):
    return (x.copy(), 1.0) if training else _right(x, p, rng)


@mistake(
    "The output is right, but in evaluation you drew random numbers that you do not use. An evaluation in the middle"
    " of training would change the rest of the training run.",
    of="dropout_forward",
    hint=4,
)
def draws_in_evaluation(x, p, rng, training):
    right = _right(x, p, rng)
    return right if training else (x.copy(), 1.0)


@mistake(
    "With p = 1 you divide by 0: 1 / (1 - p) is infinite, and 0 · ∞ is NaN. Everything is dropped there: zeros.",
    of="dropout_forward",
    hint=4,
)
def nan_at_one(x, p, rng, training):
    if not training:
        return x.copy(), 1.0
    with np.errstate(all="ignore"):
        factor = (rng.random(x.shape) >= p).astype(x.dtype) / x.dtype.type(1 - p)
        return x * factor, factor


@mistake(
    "float32 went in and float64 came out: your mask is float64, as the random numbers are. Give it the dtype of x, "
    "or make it a bool.",
    of="dropout_forward",
    hint=4,
)
def widened(x, p, rng, training):
    if not training:
        return x.copy(), 1.0
    factor = _factor(rng.random(x.shape) >= p, p)
    return x.astype(np.float64) * factor, factor


@mistake(
    "The numbers are right, but you worked in the caller's own x: `*=` and x[...] = change an array in place.",
    of="dropout_forward",
    hint=4,
)
def overwrites_x(x, p, rng, training):
    y, factor = _right(x, p, rng) if training else (x.copy(), 1.0)
    x[...] = y
    return y, factor


@mistake(
    "Backward draws a new mask. It has to let through what forward let through: keep forward's mask in the cache.",
    of="dropout_forward",
    hint=1,
)
def new_mask_in_backward(x, p, rng, training):
    if not training:
        return x.copy(), 1.0
    return _right(x, p, rng)[0], _Redrawn(p, rng)


@mistake(
    "With p = 0 you draw no random numbers. Training draws one for each entry whatever p is: otherwise all masks "
    "after it are others.",
    of="dropout_forward",
    hint=4,
)
def nothing_drawn_at_zero(x, p, rng, training):
    return _right(x, p, rng) if training and p > 0 else (x.copy(), 1.0)


@mistake(
    "You draw the random numbers in the dtype of x. They are float64 whatever x is, from rng.random(x.shape): "
    "float32 numbers are others, and so is the mask.",
    of="dropout_forward",
    hint=2,
)
def drawn_in_the_dtype_of_x(x, p, rng, training):
    if not training:
        return x.copy(), 1.0
    factor = _factor(rng.random(x.shape, dtype=x.dtype) >= p, p).astype(x.dtype)
    return x * factor, factor


# Mistakes in backward -------------------------------------------------------------------------------------------------


@mistake(
    "Backward applies the mask, but not the factor 1 / (1 - p). y is m x / (1 - p), so dx is m dy / (1 - p).",
    of="dropout_backward",
    hint=3,
)
def mask_only(dy, cache):
    return dy * np.not_equal(cache, 0).astype(dy.dtype)


@mistake(
    "Backward scales, but lets everything through. An entry that was dropped had no part in the loss: its gradient "
    "is 0.",
    of="dropout_backward",
    hint=1,
)
def factor_only(dy, cache):
    factor = np.max(cache, initial=0.0)
    return dy * (factor.astype(dy.dtype) if factor else 0)


@mistake(
    "Backward hands dy on as it is. Forward multiplied by the mask and by 1 / (1 - p), and so must backward.",
    of="dropout_backward",
    hint=3,
)
def handed_on(dy, cache):
    return dy.copy()


@mistake(
    "Backward divides by the factor 1 / (1 - p) where it has to multiply. The derivative of a·x is a.",
    of="dropout_backward",
    hint=3,
)
def divided_in_backward(dy, cache):
    factor = np.asarray(cache, dy.dtype)
    return np.where(factor == 0, 0, dy / np.where(factor == 0, 1, factor)).astype(dy.dtype)


@mistake(
    "The numbers are right, but you worked in the caller's own dy: `*=` changes an array in place.",
    of="dropout_backward",
    hint=4,
)
def overwrites_dy(dy, cache):
    dy *= cache
    return dy


def _factor(left, p):
    return np.where(left, 1 / (1 - p) if p < 1 else 0.0, 0.0)


def _right(x, p, rng):
    factor = _factor(rng.random(x.shape) >= p, p).astype(x.dtype)
    return x * factor, factor


def _dropped(x, p, rng, left, scale, training):
    if not training:
        return x.copy(), 1.0
    factor = np.where(left(rng.random(x.shape)), scale, 0.0).astype(x.dtype)
    return x * factor, factor


class _Redrawn:
    """A factor that is drawn again wherever it is used."""

    __array_ufunc__ = None

    def __init__(self, p, rng):
        self.p, self.rng = p, rng

    def __rmul__(self, dy):
        return _right(dy, self.p, self.rng)[0]
