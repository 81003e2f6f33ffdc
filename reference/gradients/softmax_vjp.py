"""The vector-Jacobian product of softmax.

With the Jacobian J = diag(s) - s sᵀ of one line (Bridle, 1989) the chain rule gives

    dxⱼ = Σᵢ dyᵢ sᵢ (δᵢⱼ - sⱼ) = sⱼ dyⱼ - sⱼ Σᵢ sᵢ dyᵢ = sⱼ (dyⱼ - s · dy)

In attention this is dS = P ∘ (dP - rowsum(P ∘ dP)), the step of FlashAttention's backward pass (Dao et al.,
2022, appendix B.2).
"""

import numpy as np

from grader.marks import alternative, mistake


def softmax_vjp(s: np.ndarray, dy: np.ndarray, axis: int) -> np.ndarray:
    """s ∘ (dy - s · dy), the dot product taken along `axis`."""
    dot = np.sum(s * dy, axis=axis, keepdims=True)
    return s * (dy - dot)


@alternative("Loops, with the Jacobian of each line written out.", of="softmax_vjp")
def by_jacobians(s, dy, axis):
    s, dy = np.moveaxis(s, axis, -1), np.moveaxis(dy, axis, -1)
    n = s.shape[-1]
    dx = np.zeros(s.shape, s.dtype)
    for line in np.ndindex(s.shape[:-1]):
        for j in range(n):
            for i in range(n):
                dx[line][j] += dy[line][i] * s[line][i] * ((i == j) - s[line][j])
    return np.moveaxis(dx, -1, axis)


@alternative("einsum for the dot products, on axes moved to the end.", of="softmax_vjp")
def by_einsum(s, dy, axis):
    s, dy = np.moveaxis(s, axis, -1), np.moveaxis(dy, axis, -1)
    return np.moveaxis(s * (dy - np.einsum("...i,...i->...", s, dy)[..., None]), -1, axis)


@alternative("float64 inside, the dtype of s outside.", of="softmax_vjp")
def in_float64(s, dy, axis):
    p, g = s.astype(np.float64), dy.astype(np.float64)
    return (p * (g - (p * g).sum(axis, keepdims=True))).astype(s.dtype)


@alternative("Multiplied out: two products, one subtracted from the other.", of="softmax_vjp")
def multiplied_out(s, dy, axis):
    product = s * dy
    return product - s * product.sum(axis=axis, keepdims=True)


@mistake(
    "You use the diagonal of the Jacobian only, s (1 - s): that is how each output changes with its own "
    "score. But a score moves all other outputs too, through the sum below the line.",
    of="softmax_vjp",
    hint=1,
)
def diagonal_only(s, dy, axis):
    return dy * s * (1 - s)


@mistake(
    "The sum is missing: s dy is the part of the chain rule with i = j and δ = 1; what the other outputs "
    "take away, sⱼ Σ sᵢ dyᵢ, has to be subtracted.",
    of="softmax_vjp",
    hint=3,
)
def no_sum_term(s, dy, axis):
    return s * dy


@mistake(
    "Your sum always goes along the last axis. It has to go along `axis`, the one the softmax went along.",
    of="softmax_vjp",
    hint=2,
)
def always_the_last_axis(s, dy, axis):
    return s * (dy - np.sum(s * dy, axis=-1, keepdims=True))


@mistake(
    "Your sum always goes along the first axis. It has to go along `axis`, the one the softmax went along.",
    of="softmax_vjp",
    hint=2,
)
def always_the_first_axis(s, dy, axis):
    return s * (dy - np.sum(s * dy, axis=0, keepdims=True))


@mistake(
    "You sum over the whole array, so lines that are independent of one another get mixed. Each line "
    "along `axis` has a sum of its own.",
    of="softmax_vjp",
    hint=2,
)
def sums_everything(s, dy, axis):
    return s * (dy - np.sum(s * dy))


@mistake(
    "You take the largest dy of each line away first, as one does with the scores of a softmax. dy needs no such care, and "
    "a huge dy at a token of probability 0 then drowns all the others.",
    of="softmax_vjp",
    hint=3,
)
def shifted_by_the_largest(s, dy, axis):
    g = dy - np.max(dy, axis=axis, keepdims=True, initial=-np.inf)
    return s * (g - np.sum(s * g, axis=axis, keepdims=True))


@mistake(
    "The sum loses its axis (no keepdims), so it lines up with the wrong axis of s, or with none.",
    of="softmax_vjp",
    hint=2,
)
def axis_lost(s, dy, axis):
    return s * (dy - np.sum(s * dy, axis=axis))


@mistake(
    "You take the mean of s dy. The chain rule adds the ways up; it does not average them.",
    of="softmax_vjp",
    hint=3,
)
def mean_for_sum(s, dy, axis):
    return s * (dy - np.mean(s * dy, axis=axis, keepdims=True))


@mistake(
    "You subtract the plain sum of dy. In the sum each dyᵢ is weighted with its own sᵢ.",
    of="softmax_vjp",
    hint=3,
)
def unweighted_sum(s, dy, axis):
    return s * (dy - np.sum(dy, axis=axis, keepdims=True))


@mistake(
    "You subtract the plain mean of dy. It would make a constant dy vanish, but the mean has to be weighted with s.",
    of="softmax_vjp",
    hint=3,
)
def unweighted_mean(s, dy, axis):
    return s * (dy - np.mean(dy, axis=axis, keepdims=True))


@mistake(
    "You subtract the sum Σ sᵢ dyᵢ itself from s dy; it has to be multiplied with sⱼ first, or dx would not sum to 0.",
    of="softmax_vjp",
    hint=3,
)
def sum_without_its_factor(s, dy, axis):
    return s * dy - np.sum(s * dy, axis=axis, keepdims=True)


@mistake("Your result has the wrong sign: a step along it would go uphill.", of="softmax_vjp", hint=3)
def wrong_sign(s, dy, axis):
    return s * (np.sum(s * dy, axis=axis, keepdims=True) - dy)


@mistake(
    "You apply softmax to s again. s is the output of the softmax already; the scores are not needed.",
    of="softmax_vjp",
    hint=1,
)
def softmax_again(s, dy, axis):
    e = np.exp(s - s.max(axis=axis, keepdims=True, initial=0.0))
    return _vjp(e / e.sum(axis=axis, keepdims=True), dy, axis)


@mistake(
    "s - dy is the gradient of softmax and cross-entropy together, with dy as the targets. Here dy is the"
    " gradient of any loss with respect to s.",
    of="softmax_vjp",
    hint=1,
)
def cross_entropy_gradient(s, dy, axis):
    return s - dy


@mistake(
    "The outer factor s is missing: dy less its weighted sum is how much better each token is than the "
    "average, and that still has to be multiplied with its probability.",
    of="softmax_vjp",
    hint=3,
)
def outer_factor_missing(s, dy, axis):
    return dy - np.sum(s * dy, axis=axis, keepdims=True)


@mistake(
    "That is the gradient of log-softmax, dy - s Σ dyᵢ. Here the outputs are the probabilities "
    "themselves, not their logarithms.",
    of="softmax_vjp",
    hint=1,
)
def log_softmax(s, dy, axis):
    return dy - s * np.sum(dy, axis=axis, keepdims=True)


@mistake(
    "The numbers are right, but you worked in the caller's own dy: `-=` and `*=` change an array in place.",
    of="softmax_vjp",
    hint=4,
)
def overwrites_dy(s, dy, axis):
    dy -= np.sum(s * dy, axis=axis, keepdims=True)
    return s * dy


@mistake(
    "Your result is always float64, also where s and dy are float32. Twice the memory, and the next layer"
    " gets a dtype it did not send.",
    of="softmax_vjp",
    hint=2,
)
def always_float64(s, dy, axis):
    return _vjp(s.astype(np.float64), dy.astype(np.float64), axis)


@mistake(
    "Your result is always rounded to float32, also where s and dy are float64.",
    of="softmax_vjp",
    hint=2,
)
def always_float32(s, dy, axis):
    return _vjp(s.astype(np.float32), dy.astype(np.float32), axis)


def _vjp(s, dy, axis):
    return s * (dy - np.sum(s * dy, axis=axis, keepdims=True))


@mistake(
    "You take the mean of dx away at the end, so that it sums to 0. It does that by itself where the sum Σ sᵢ dyᵢ stands in "
    "its place, before s is multiplied in; a plain mean moves even tokens whose probability is 0.",
    of="softmax_vjp",
    hint=3,
)
def mean_taken_away(s, dy, axis):
    dx = s * dy
    return dx - dx.mean(axis=axis, keepdims=True)


@mistake(
    "You reshape to lines of the right length, as if `axis` were the last one: the lines then mix places that do not belong "
    "together. Sum along `axis` itself.",
    of="softmax_vjp",
    hint=2,
)
def lines_by_reshaping(s, dy, axis):
    n = s.shape[axis]
    p, g = s.reshape(-1, n), dy.reshape(-1, n)
    return (p * (g - (p * g).sum(axis=1, keepdims=True))).reshape(s.shape)


@mistake(
    "You multiply by s once too often: dx is s · (dy - Σ sᵢ dyᵢ), with one factor s in front.",
    of="softmax_vjp",
    hint=3,
)
def times_s_twice(s, dy, axis):
    return s * _vjp(s, dy, axis)


@mistake(
    "A probability of 0 is made a tiny number on the way, as for a logarithm. No logarithm is needed here: with s = 0 the "
    "gradient is exactly 0.",
    of="softmax_vjp",
    hint=3,
)
def floored_probabilities(s, dy, axis):
    floored = np.maximum(s, 1e-12).astype(s.dtype)
    return _vjp(floored / floored.sum(axis=axis, keepdims=True), dy, axis)
