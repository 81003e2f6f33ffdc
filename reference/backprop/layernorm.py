"""Layer normalisation with its backward pass.

Ba, Kiros and Hinton, "Layer normalization" (2016), sections 3 and 3.1. With g = dL/dx̂ = γ ∘ dy and r =
1/√(σ² + ε), the slopes

    ∂x̂ᵢ/∂xⱼ = r (δᵢⱼ - 1/D - x̂ᵢ x̂ⱼ / D)

give dxⱼ = Σᵢ gᵢ ∂x̂ᵢ/∂xⱼ = r (gⱼ - mean(g) - x̂ⱼ mean(g ∘ x̂)): g without its parts along (1 ... 1) and
along x̂.
"""

import numpy as np

from grader.marks import alternative, mistake


def ln_forward(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, eps: float) -> tuple[np.ndarray, tuple]:
    """γ x̂ + β, and (x̂, r, γ) for the backward pass."""
    centred = x - x.mean(-1, keepdims=True)
    variance = np.mean(centred**2, -1, keepdims=True)
    r = 1 / np.sqrt(variance + eps)
    x_hat = centred * r
    return gamma * x_hat + beta, (x_hat, r, gamma)


def ln_backward(dy: np.ndarray, cache: tuple) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """dx token by token; γ and β are shared by all tokens, so their gradients are summed over them."""
    x_hat, r, gamma = cache
    g = gamma * dy
    dx = r * (g - g.mean(-1, keepdims=True) - x_hat * np.mean(g * x_hat, -1, keepdims=True))
    tokens = tuple(range(dy.ndim - 1))
    return dx, np.sum(dy * x_hat, axis=tokens), np.sum(dy, axis=tokens)


# Alternatives -------------------------------------------------------------------------------------------------------------------


@alternative("Token by token in loops, with the matrix of slopes written out.", of="ln_backward")
def by_slopes(dy, cache):
    x_hat, r, gamma = cache
    d = dy.shape[-1]
    dx, dgamma, dbeta = np.zeros(dy.shape, dy.dtype), np.zeros(d, dy.dtype), np.zeros(d, dy.dtype)
    for token in np.ndindex(dy.shape[:-1]):
        h = x_hat[token]
        for i in range(d):
            for j in range(d):
                dx[token][j] += gamma[i] * dy[token][i] * ((i == j) - 1 / d - h[i] * h[j] / d) * r[token][0]
        dgamma += dy[token] * h
        dbeta += dy[token]
    return dx, dgamma, dbeta


@alternative("The chain rule step by step: through x̂, the root, the variance, the mean.", of="ln_backward")
def step_by_step(dy, cache):
    x_hat, r, gamma = cache
    d = dy.shape[-1]
    centred = x_hat / r
    dx_hat = dy * gamma
    dr = np.sum(dx_hat * centred, axis=-1, keepdims=True)
    dvariance = -dr * r**3 / 2
    dcentred = dx_hat * r + dvariance * 2 * centred / d
    dmean = -np.sum(dcentred, axis=-1, keepdims=True)
    rows, hats = dy.reshape(-1, d), x_hat.reshape(-1, d)
    return dcentred + dmean / d, np.einsum("nd,nd->d", rows, hats), rows.sum(0)


@alternative("np.var for the variance, and float64 inside.", of="ln_forward")
def in_float64(x, gamma, beta, eps):
    wide = x.astype(np.float64)
    r = (wide.var(axis=-1, keepdims=True) + eps) ** -0.5
    x_hat = (wide - wide.mean(axis=-1, keepdims=True)) * r
    return (x_hat * gamma + beta).astype(x.dtype), (x_hat.astype(x.dtype), r.astype(x.dtype), gamma)


@alternative("Loops over tokens in forward.", of="ln_forward")
def token_by_token(x, gamma, beta, eps):
    y, x_hat, r = np.empty_like(x), np.empty_like(x), np.empty((*x.shape[:-1], 1), x.dtype)
    for token in np.ndindex(x.shape[:-1]):
        centred = x[token] - x[token].sum() / x.shape[-1]
        r[token] = 1 / np.sqrt(centred @ centred / x.shape[-1] + eps)
        x_hat[token] = centred * r[token]
        y[token] = x_hat[token] * gamma + beta
    return y, (x_hat, r, gamma)


# Mistakes in forward ------------------------------------------------------------------------------------------------------------


@mistake(
    "Your variance is divided by D - 1 (ddof=1, as torch.var does unasked). Layer normalisation divides by D.",
    of="ln_forward",
    hint=3,
)
def unbiased_variance(x, gamma, beta, eps):
    d = x.shape[-1]
    centred = x - x.mean(-1, keepdims=True)
    with np.errstate(all="ignore"):
        variance = np.sum(centred**2, -1, keepdims=True) / np.asarray(d - 1, x.dtype)
    return _finish(centred, 1 / np.sqrt(variance + eps), gamma, beta)


@mistake(
    "ε stands outside the root: you divide by √σ² + ε. It belongs inside, √(σ² + ε), or its weight "
    "changes with the scale and the gradient at variance 0 does not exist.",
    of="ln_forward",
    hint=3,
)
def eps_outside(x, gamma, beta, eps):
    centred = x - x.mean(-1, keepdims=True)
    return _finish(centred, 1 / (np.sqrt(np.mean(centred**2, -1, keepdims=True)) + eps), gamma, beta)


@mistake(
    "ε is not used: a token whose features are all equal gives 0 / 0, and every other one a slightly different y.",
    of="ln_forward",
    hint=3,
)
def eps_unused(x, gamma, beta, eps):
    centred = x - x.mean(-1, keepdims=True)
    with np.errstate(all="ignore"):
        return _finish(centred, 1 / np.sqrt(np.mean(centred**2, -1, keepdims=True)), gamma, beta)


@mistake("You divide by the variance and not by its root, the standard deviation.", of="ln_forward", hint=3)
def no_root(x, gamma, beta, eps):
    centred = x - x.mean(-1, keepdims=True)
    return _finish(centred, 1 / (np.mean(centred**2, -1, keepdims=True) + eps), gamma, beta)


@mistake(
    "Your statistics go over the first axis: that is batch normalisation. Here each token is normalised "
    "over its own features, the last axis.",
    of="ln_forward",
    hint=2,
)
def over_the_batch(x, gamma, beta, eps):
    with np.errstate(all="ignore"):
        count = np.asarray(x.shape[0], x.dtype)
        centred = x - x.sum(0, keepdims=True) / count
        variance = np.sum(centred**2, 0, keepdims=True) / count
        return _finish(centred, 1 / np.sqrt(variance + eps), gamma, beta)


@mistake(
    "Mean and variance are taken over the whole array, so tokens influence one another. Each has "
    "statistics of its own, over the last axis.",
    of="ln_forward",
    hint=2,
)
def over_everything(x, gamma, beta, eps):
    with np.errstate(all="ignore"):
        count = np.asarray(x.size, x.dtype)
        centred = x - x.sum(keepdims=True) / count
        variance = np.sum(centred**2, keepdims=True) / count
        return _finish(centred, 1 / np.sqrt(variance + eps), gamma, beta)


@mistake(
    "Your variance is the mean of x² less μ². Far from zero both are huge and nearly equal, and their "
    "difference has no right digit left. Take the mean of (x - μ)².",
    of="ln_forward",
    hint=3,
)
def difference_of_squares(x, gamma, beta, eps):
    mean = x.mean(-1, keepdims=True)
    variance = np.maximum(np.mean(x**2, -1, keepdims=True) - mean**2, 0)
    with np.errstate(all="ignore"):
        return _finish(x - mean, 1 / np.sqrt(variance + eps), gamma, beta)


@mistake(
    "The mean is not subtracted above the line: you divide x itself by its standard deviation.",
    of="ln_forward",
    hint=3,
)
def not_centred(x, gamma, beta, eps):
    return _finish(x, 1 / np.sqrt(x.var(-1, keepdims=True) + eps), gamma, beta)


@mistake("You scale after the shift, γ (x̂ + β). The shift comes last: γ x̂ + β.", of="ln_forward", hint=3)
def shifted_first(x, gamma, beta, eps):
    _, cache = _finish(*_centred(x, eps), gamma, beta)
    return gamma * (cache[0] + beta), cache


@mistake("γ and β are exchanged: you scale by β and shift by γ.", of="ln_forward", hint=2)
def scale_and_shift_exchanged(x, gamma, beta, eps):
    return _finish(*_centred(x, eps), beta, gamma)


@mistake("y is x̂ alone: the learnt scale γ and shift β are missing.", of="ln_forward", hint=3)
def no_scale_and_shift(x, gamma, beta, eps):
    _, cache = _finish(*_centred(x, eps), gamma, beta)
    return cache[0], cache


@mistake("ln_backward is not written yet.", of="ln_backward", hint=1)
def backward_not_written(dy, cache):
    raise NotImplementedError


@mistake(
    "ε is there in forward but forgotten on the way back: you divide dx by √σ². What x̂ was divided by in forward, "
    "√(σ² + ε), is what dx has to be divided by.",
    of="ln_forward",
    hint=3,
)
def eps_forgotten_on_the_way_back(x, gamma, beta, eps):
    centred, r = _centred(x, eps)
    y, (x_hat, _, _) = _finish(centred, r, gamma, beta)
    with np.errstate(all="ignore"):
        return y, (x_hat, 1 / np.sqrt(np.mean(centred**2, -1, keepdims=True)), gamma)


# Mistakes in backward -----------------------------------------------------------------------------------------------------------


@mistake(
    "You treat mean and variance as constants. They are made of x too: each x moves all of its token's "
    "outputs through them.",
    of="ln_backward",
    hint=1,
)
def statistics_constant(dy, cache):
    x_hat, r, gamma = cache
    return r * gamma * dy, *_shared(dy, x_hat)


@mistake(
    "You treat the variance as a constant: the way through it, - x̂ mean(g x̂), is missing from dx.",
    of="ln_backward",
    hint=3,
)
def variance_constant(dy, cache):
    x_hat, r, gamma = cache
    g = gamma * dy
    return r * (g - g.mean(-1, keepdims=True)), *_shared(dy, x_hat)


@mistake(
    "You treat the mean as a constant: the way through it, - mean(g), is missing from dx.",
    of="ln_backward",
    hint=3,
)
def mean_constant(dy, cache):
    x_hat, r, gamma = cache
    g = gamma * dy
    return r * (g - x_hat * np.mean(g * x_hat, -1, keepdims=True)), *_shared(dy, x_hat)


@mistake("γ is missing from dx: what reaches x̂ is γ dy.", of="ln_backward", hint=3)
def gamma_missing(dy, cache):
    x_hat, r, _ = cache
    return _project(dy, x_hat, r), *_shared(dy, x_hat)


@mistake(
    "You multiply with γ after taking the means away. γ belongs to dy before that: y = γ x̂ + β comes "
    "last in forward, so it is first in backward.",
    of="ln_backward",
    hint=2,
)
def gamma_last(dy, cache):
    x_hat, r, gamma = cache
    return gamma * _project(dy, x_hat, r), *_shared(dy, x_hat)


@mistake("The division by √(σ² + ε) is missing from dx.", of="ln_backward", hint=3)
def root_missing(dy, cache):
    x_hat, r, gamma = cache
    return _project(gamma * dy, x_hat, np.ones_like(r)), *_shared(dy, x_hat)


@mistake(
    "In dx you take sums over the features where means belong: each is to be divided by D.",
    of="ln_backward",
    hint=3,
)
def sums_for_means(dy, cache):
    x_hat, r, gamma = cache
    g = gamma * dy
    return r * (g - g.sum(-1, keepdims=True) - x_hat * np.sum(g * x_hat, -1, keepdims=True)), *_shared(dy, x_hat)


@mistake(
    "The way through the variance counts half in dx: the slope of (x - μ)² is 2 (x - μ), and the 2 is missing.",
    of="ln_backward",
    hint=3,
)
def variance_halved(dy, cache):
    x_hat, r, gamma = cache
    g = gamma * dy
    return r * (g - g.mean(-1, keepdims=True) - 0.5 * x_hat * np.mean(g * x_hat, -1, keepdims=True)), *_shared(
        dy, x_hat
    )


@mistake(
    "The way through the variance has the wrong sign in dx: growing the spread shrinks x̂.",
    of="ln_backward",
    hint=3,
)
def variance_sign(dy, cache):
    x_hat, r, gamma = cache
    g = gamma * dy
    return r * (g - g.mean(-1, keepdims=True) + x_hat * np.mean(g * x_hat, -1, keepdims=True)), *_shared(dy, x_hat)


@mistake(
    "dgamma is multiplied with γ: y = γ x̂ + β, and its slope by γ is x̂ alone.",
    of="ln_backward",
    hint=3,
)
def dgamma_with_gamma(dy, cache):
    x_hat, r, gamma = cache
    dgamma, dbeta = _shared(dy, x_hat)
    return _project(gamma * dy, x_hat, r), gamma * dgamma, dbeta


@mistake(
    "dgamma uses x less its mean, or x itself, and not x̂: what γ multiplies in forward is the normalised x̂.",
    of="ln_backward",
    hint=3,
)
def dgamma_from_centred(dy, cache):
    x_hat, r, gamma = cache
    return _project(gamma * dy, x_hat, r), *_shared(dy, x_hat / r)


@mistake(
    "dgamma and dbeta are not summed: they have the shape of x. γ and β are shared by all tokens, so the "
    "contributions of all of them add up.",
    of="ln_backward",
    hint=2,
)
def tokens_not_summed(dy, cache):
    x_hat, r, gamma = cache
    return _project(gamma * dy, x_hat, r), dy * x_hat, dy.copy()


@mistake(
    "dgamma and dbeta are summed over the first axis only. With more axes before the last one, all of "
    "them have to be summed.",
    of="ln_backward",
    hint=2,
)
def first_axis_summed(dy, cache):
    x_hat, r, gamma = cache
    return _project(gamma * dy, x_hat, r), np.sum(dy * x_hat, axis=0), np.sum(dy, axis=0)


@mistake(
    "dgamma and dbeta are means over the tokens. The chain rule sums; if the loss is a mean, dy has that "
    "division in it already.",
    of="ln_backward",
    hint=3,
)
def tokens_averaged(dy, cache):
    x_hat, r, gamma = cache
    dgamma, dbeta = _shared(dy, x_hat)
    count = np.asarray(max(1, dy.size // dy.shape[-1]), dy.dtype)
    return _project(gamma * dy, x_hat, r), dgamma / count, dbeta / count


@mistake(
    "dgamma and dbeta come back in each other's place: the order is dx, dgamma, dbeta.",
    of="ln_backward",
    hint=2,
)
def order_exchanged(dy, cache):
    x_hat, r, gamma = cache
    dgamma, dbeta = _shared(dy, x_hat)
    return _project(gamma * dy, x_hat, r), dbeta, dgamma


@mistake(
    "The three gradients are right but come in another order: you return dgamma, dbeta, dx. It has to be dx, dgamma, dbeta.",
    of="ln_backward",
    hint=2,
)
def dx_last(dy, cache):
    x_hat, r, gamma = cache
    return *_shared(dy, x_hat), _project(gamma * dy, x_hat, r)


@mistake(
    "Backward gets x̂ back from y, as (y - β) / γ. Where a γ is 0 that is 0 / 0. Keep x̂ itself in the cache.",
    of="ln_backward",
    hint=2,
)
def x_hat_from_y(dy, cache):
    x_hat, r, gamma = cache
    with np.errstate(all="ignore"):
        x_hat = gamma * x_hat / gamma
    return _project(gamma * dy, x_hat, r), *_shared(dy, x_hat)


@mistake(
    "The numbers are right, but you worked in the caller's own dy: `*=` changes an array in place.",
    of="ln_backward",
    hint=4,
)
def overwrites_dy(dy, cache):
    x_hat, r, gamma = cache
    shared = _shared(dy, x_hat)
    dy *= gamma
    return _project(dy, x_hat, r), *shared


def _centred(x, eps):
    centred = x - x.mean(-1, keepdims=True)
    return centred, 1 / np.sqrt(np.mean(centred**2, -1, keepdims=True) + eps)


def _finish(centred, r, gamma, beta):
    return gamma * (centred * r) + beta, (centred * r, r, gamma)


def _project(g, x_hat, r):
    return r * (g - g.mean(-1, keepdims=True) - x_hat * np.mean(g * x_hat, -1, keepdims=True))


def _shared(dy, x_hat):
    tokens = tuple(range(dy.ndim - 1))
    return np.sum(dy * x_hat, axis=tokens), np.sum(dy, axis=tokens)
