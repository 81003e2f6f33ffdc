"""Batch normalisation with its backward pass, in training and in evaluation.

Ioffe and Szegedy, "Batch Normalization" (2015), section 3, algorithms 1 and 2. For one feature, with n values in the
batch, g = dL/dx̂ = γ dy and r = 1/√(σ² + ε):

    training      dxₖ = r (gₖ - mean(g) - x̂ₖ mean(g ∘ x̂))      μ and σ² depend on x
    evaluation    dxₖ = r gₖ                                    they are constants
"""

import numpy as np

from grader.marks import alternative, mistake


def statistics(x: np.ndarray, running: tuple, momentum: float, training: bool) -> tuple:
    """Mean and variance to normalise with, in the shape (1, D, 1 ...), and the running ones afterwards."""
    if not training:
        return _column(running[0], x), _column(running[1], x), running
    over = (0, *range(2, x.ndim))
    mean = x.mean(over, keepdims=True)
    var = np.mean((x - mean) ** 2, over, keepdims=True)
    n = x.size // x.shape[1]
    unbiased = var.ravel() * n / (n - 1) if n > 1 else running[1]
    keep = 1 - momentum
    return mean, var, (keep * running[0] + momentum * mean.ravel(), keep * running[1] + momentum * unbiased)


def bn_forward(
    x: np.ndarray,
    gamma: np.ndarray,
    beta: np.ndarray,
    running: tuple[np.ndarray, np.ndarray],
    momentum: float,
    eps: float,
    training: bool,
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray], tuple]:
    """γ x̂ + β, the running statistics afterwards, and (x̂, r, γ, training) for the backward pass."""
    mean, var, new_running = statistics(x, running, momentum, training)
    r = 1 / np.sqrt(var + eps)
    x_hat = (x - mean) * r
    return _column(gamma, x) * x_hat + _column(beta, x), new_running, (x_hat, r, gamma, training)


def bn_backward(dy: np.ndarray, cache: tuple) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """dx feature by feature; γ and β are shared by all examples and places, so their gradients are sums over them."""
    x_hat, r, gamma, training = cache
    over = (0, *range(2, dy.ndim))
    g = _column(gamma, dy) * dy
    dgamma, dbeta = np.sum(dy * x_hat, over), np.sum(dy, over)
    if not training:
        return r * g, dgamma, dbeta
    dx = r * (g - g.mean(over, keepdims=True) - x_hat * np.mean(g * x_hat, over, keepdims=True))
    return dx, dgamma, dbeta


def _column(v: np.ndarray, x: np.ndarray) -> np.ndarray:
    """(D,) as (1, D, 1 ...), to line up with axis 1 of x."""
    return v.reshape(1, v.size, *[1] * (x.ndim - 2))


# Alternatives ---------------------------------------------------------------------------------------------------------


@alternative("Feature by feature in loops, with np.var and its ddof.", of="bn_forward")
def feature_by_feature(x, gamma, beta, running, momentum, eps, training):
    y, x_hat, r = np.empty_like(x), np.empty_like(x), np.empty((1, x.shape[1], *[1] * (x.ndim - 2)), x.dtype)
    means, variances = running[0].copy(), running[1].copy()
    for d in range(x.shape[1]):
        values = x[:, d]
        mean, var = running[0][d], running[1][d]
        if training:
            mean, var = values.mean(), values.var()
            means[d] += momentum * (mean - means[d])
            if values.size > 1:
                variances[d] += momentum * (values.var(ddof=1) - variances[d])
        r[:, d] = 1 / (var + eps) ** 0.5
        x_hat[:, d] = (values - mean) / (var + eps) ** 0.5
        y[:, d] = gamma[d] * x_hat[:, d] + beta[d]
    return y, (means, variances), (x_hat, r, gamma, training)


@alternative("The chain rule step by step, on rows of features, in einsum.", of="bn_backward")
def step_by_step(dy, cache):
    x_hat, r, gamma, training = cache
    d = dy.shape[1]
    rows, hats = (np.moveaxis(a, 1, -1).reshape(-1, d) for a in (dy, x_hat))
    r = r.ravel()
    dgamma, dbeta = np.einsum("nd,nd->d", rows, hats), rows.sum(axis=0)
    dx = rows * gamma * r
    if training:
        n = len(rows)
        dvar = -gamma * dgamma * r**2 / 2  # x - μ is x̂ / r
        dx = dx + (2 * dvar / r) * hats / n
        dx = dx - dx.sum(axis=0) / n
    shape = (dy.shape[0], *dy.shape[2:], d)
    return np.moveaxis(dx.reshape(shape), -1, 1), dgamma, dbeta


@alternative("Statistics in float64 by sums over what is centred.", of="statistics")
def in_float64(x, running, momentum, training):
    means, variances = running
    if not training:
        return _column(means, x), _column(variances, x), (means.copy(), variances.copy())
    rows = np.moveaxis(x, 1, -1).reshape(-1, x.shape[1]).astype(np.float64)
    n = len(rows)
    mean = rows.sum(0) / n
    squares = ((rows - mean) ** 2).sum(0)
    means = means + momentum * (mean - means)
    if n > 1:
        variances = variances + momentum * (squares / (n - 1) - variances)
    kind = x.dtype
    return (
        _column(mean, x).astype(kind),
        _column(squares / n, x).astype(kind),
        (means.astype(kind), variances.astype(kind)),
    )


# Mistakes in the statistics -------------------------------------------------------------------------------------------


@mistake(
    "Your statistics are those of each example by itself, over its features. That is layer normalisation. Batch "
    "normalisation takes one feature over all examples.",
    of="statistics",
    hint=1,
)
def over_features(x, running, momentum, training):
    if not training:
        return _right(x, running, momentum, training)
    over = tuple(range(1, x.ndim))
    mean, var = x.mean(over, keepdims=True), x.var(over, keepdims=True)
    return mean, var, _right(x, running, momentum, training)[2]


@mistake(
    "For images your statistics go over the batch only, one for each place. A channel has one mean and one variance,"
    " over the batch and all its places.",
    of="statistics",
    hint=2,
)
def place_by_place(x, running, momentum, training):
    if not training:
        return _right(x, running, momentum, training)
    return x.mean(0, keepdims=True), x.var(0, keepdims=True), _right(x, running, momentum, training)[2]


@mistake(
    "One mean and one variance for the whole batch, all features together. Each feature (axis 1) has its own.",
    of="statistics",
    hint=2,
)
def all_features_together(x, running, momentum, training):
    if not training:
        return _right(x, running, momentum, training)
    mean, var = x.mean(keepdims=True), x.var(keepdims=True)
    return mean, var, _right(x, running, momentum, training)[2]


@mistake(
    "y is made with the unbiased variance, divided by N - 1. Only the running variance gets that one; in training x "
    "is normalised with the variance divided by N.",
    of="statistics",
    hint=3,
)
def unbiased_in_training(x, running, momentum, training):
    mean, var, new = _right(x, running, momentum, training)
    n = x.size // x.shape[1]
    return mean, var * n / (n - 1) if training and n > 1 else var, new


@mistake(
    "The running variance is fed with the variance divided by N. It gets the unbiased one, divided by N - 1: it "
    "stands for data beyond this batch.",
    of="statistics",
    hint=3,
)
def biased_running(x, running, momentum, training):
    mean, var, new = _right(x, running, momentum, training)
    n = x.size // x.shape[1]
    if not training or n == 1:
        return mean, var, new
    return mean, var, (new[0], (1 - momentum) * running[1] + momentum * var.ravel())


@mistake(
    "The unbiased variance of images is made with N / (N - 1), N the number of images. A channel has N H W values, "
    "so it is N H W / (N H W - 1).",
    of="statistics",
    hint=2,
)
def images_counted(x, running, momentum, training):
    mean, var, new = _right(x, running, momentum, training)
    n = x.shape[0]
    if not training or n == 1:
        return mean, var, new
    return mean, var, (new[0], (1 - momentum) * running[1] + momentum * var.ravel() * n / (n - 1))


@mistake(
    "The momentum is turned round: here it is the weight of the new batch, running = (1 - m) running + m new.",
    of="statistics",
    hint=3,
)
def momentum_reversed(x, running, momentum, training):
    return _right(x, running, 1 - momentum, training)


@mistake(
    "The running statistics are returned as they came, in training too. Evaluation would never learn what the data "
    "are like.",
    of="statistics",
    hint=1,
)
def never_updated(x, running, momentum, training):
    return *_right(x, running, momentum, training)[:2], running


@mistake(
    "The running statistics move in evaluation, too. Evaluation only reads them, or the order of the test set would "
    "change the answers.",
    of="statistics",
    hint=1,
)
def updated_in_evaluation(x, running, momentum, training):
    mean, var, _ = _right(x, running, momentum, training)
    return mean, var, _right(x, running, momentum, True)[2]


@mistake(
    "In evaluation you normalise with the statistics of the batch. An answer then depends on who else is in the "
    "batch; use the running ones.",
    of="statistics",
    hint=1,
)
def batch_in_evaluation(x, running, momentum, training):
    return *_right(x, running, momentum, True)[:2], _right(x, running, momentum, training)[2]


@mistake(
    "In training you normalise with the running statistics as they were before this batch. Training uses those of "
    "the batch itself; the running ones are for evaluation.",
    of="statistics",
    hint=1,
)
def running_in_training(x, running, momentum, training):
    return _column(running[0], x), _column(running[1], x), _right(x, running, momentum, training)[2]


@mistake(
    "In training you update the running statistics and then normalise with them. Training uses those of the batch "
    "itself; the running ones are for evaluation.",
    of="statistics",
    hint=1,
)
def new_running_in_training(x, running, momentum, training):
    new = _right(x, running, momentum, training)[2]
    return _column(new[0], x), _column(new[1], x), new


@mistake(
    "Your running statistics keep the standard deviation, where the running variance is asked for.",
    of="statistics",
    hint=3,
)
def running_deviation(x, running, momentum, training):
    mean, var, new = _right(x, running, momentum, training)
    n = x.size // x.shape[1]
    if not training or n == 1:
        return mean, var, new
    return mean, var, (new[0], (1 - momentum) * running[1] + momentum * np.sqrt(var.ravel() * n / (n - 1)))


@mistake(
    "The running statistics are replaced by those of the last batch. They are an average: (1 - m) of the old, m of "
    "the new.",
    of="statistics",
    hint=3,
)
def last_batch_only(x, running, momentum, training):
    return _right(x, running, 1.0, training)


@mistake(
    "With one value for each feature the running variance becomes NaN or infinite: N - 1 is 0 there. It has to stay "
    "as it was.",
    of="statistics",
    hint=4,
)
def one_value_is_nan(x, running, momentum, training):
    mean, var, new = _right(x, running, momentum, training)
    if training and x.size == x.shape[1]:
        return mean, var, (new[0], new[1] * x.dtype.type(np.nan))
    return mean, var, new


@mistake(
    "With one value for each feature you let the running variance move towards 0. One value tells nothing of the "
    "spread: running_var has to stay as it was.",
    of="statistics",
    hint=4,
)
def one_value_has_no_spread(x, running, momentum, training):
    mean, var, new = _right(x, running, momentum, training)
    if training and x.size == x.shape[1]:
        return mean, var, (new[0], (1 - momentum) * running[1])
    return mean, var, new


@mistake(
    "Your variance is the mean of x² less μ². Far from zero two huge numbers that are nearly alike are subtracted, "
    "and no digits are left. Take the mean away first.",
    of="statistics",
    hint=4,
)
def digits_cancelled(x, running, momentum, training):
    if not training:
        return _right(x, running, momentum, training)
    over = (0, *range(2, x.ndim))
    mean = x.mean(over, keepdims=True)
    var = np.maximum((x**2).mean(over, keepdims=True) - mean**2, 0)
    n = x.size // x.shape[1]
    unbiased = var.ravel() * n / (n - 1) if n > 1 else running[1]
    keep = 1 - momentum
    return mean, var, (keep * running[0] + momentum * mean.ravel(), keep * running[1] + momentum * unbiased)


@mistake(
    "The numbers are right, but you changed the caller's running statistics: `*=` and `+=` work in place. Return new"
    " arrays.",
    of="statistics",
    hint=4,
)
def running_in_place(x, running, momentum, training):
    mean, var, new = _right(x, running, momentum, training)
    if not training:
        return mean, var, new
    running[0][...], running[1][...] = new
    return mean, var, running


# Mistakes in forward --------------------------------------------------------------------------------------------------


@mistake(
    "ε stands outside the root: you divide by √σ² + ε. It belongs inside, √(σ² + ε).",
    of="bn_forward",
    hint=3,
)
def eps_outside(x, gamma, beta, running, momentum, eps, training):
    mean, var, new = statistics(x, running, momentum, training)
    return _finish(x, mean, 1 / (np.sqrt(var) + eps), new, gamma, beta, training)


@mistake(
    "ε is not used: a feature that is the same in all examples gives 0 / 0.",
    of="bn_forward",
    hint=3,
)
def eps_unused(x, gamma, beta, running, momentum, eps, training):
    mean, var, new = statistics(x, running, momentum, training)
    with np.errstate(all="ignore"):
        return _finish(x, mean, 1 / np.sqrt(var), new, gamma, beta, training)


@mistake("You divide by the variance and not by its root, the standard deviation.", of="bn_forward", hint=3)
def no_root(x, gamma, beta, running, momentum, eps, training):
    mean, var, new = statistics(x, running, momentum, training)
    return _finish(x, mean, 1 / (var + eps), new, gamma, beta, training)


@mistake("γ and β are not used: y is x̂ alone.", of="bn_forward", hint=3)
def not_scaled(x, gamma, beta, running, momentum, eps, training):
    return _finish(x, *_with_root(x, running, momentum, eps, training), gamma, beta, training, (1.0, 0.0))


@mistake("In evaluation γ and β are left out. They belong to the layer in both modes.", of="bn_forward", hint=1)
def not_scaled_in_evaluation(x, gamma, beta, running, momentum, eps, training):
    scale = None if training else (1.0, 0.0)
    return _finish(x, *_with_root(x, running, momentum, eps, training), gamma, beta, training, scale)


# Mistakes in backward -------------------------------------------------------------------------------------------------


@mistake(
    "In training you treat mean and variance as constants: dx is only γ dy / √(σ² + ε). Each x also moves its "
    "feature's mean and variance, and through them every other example.",
    of="bn_backward",
    hint=1,
)
def statistics_constant(dy, cache):
    x_hat, r, gamma, _ = cache
    return r * _column(gamma, dy) * dy, *_shared(dy, x_hat)


@mistake(
    "The way through the variance is missing in dx: you take the mean of γ dy away, but not its part along x̂.",
    of="bn_backward",
    hint=3,
)
def variance_constant(dy, cache):
    x_hat, r, gamma, training = cache
    g = _column(gamma, dy) * dy
    return r * (g - training * g.mean(_over(dy), keepdims=True)), *_shared(dy, x_hat)


@mistake(
    "The way through the mean is missing in dx: you take the part along x̂ away, but not the mean of γ dy.",
    of="bn_backward",
    hint=3,
)
def mean_constant(dy, cache):
    x_hat, r, gamma, training = cache
    g = _column(gamma, dy) * dy
    return r * (g - training * x_hat * np.mean(g * x_hat, _over(dy), keepdims=True)), *_shared(dy, x_hat)


@mistake(
    "In evaluation backward still goes through the mean and the variance. The running statistics are constants: x "
    "acts on its own y alone.",
    of="bn_backward",
    hint=1,
)
def evaluation_like_training(dy, cache):
    x_hat, r, gamma, _ = cache
    return _project(dy, x_hat, r, gamma, True), *_shared(dy, x_hat)


@mistake("γ is missing in dx. It is the first thing that backward meets: g = γ dy.", of="bn_backward", hint=3)
def gamma_missing(dy, cache):
    x_hat, r, gamma, training = cache
    return _project(dy, x_hat, r, np.ones_like(gamma), training), *_shared(dy, x_hat)


@mistake(
    "In evaluation dx is γ dy: the division by √(running_var + ε) is missing. It is a constant, but it still "
    "multiplies.",
    of="bn_backward",
    hint=3,
)
def root_missing_in_evaluation(dy, cache):
    x_hat, r, gamma, training = cache
    return _project(dy, x_hat, r if training else np.ones_like(r), gamma, training), *_shared(dy, x_hat)


@mistake(
    "The means in dx are over the features of each example. The statistics were taken over the batch, and so are "
    "these.",
    of="bn_backward",
    hint=2,
)
def means_over_features(dy, cache):
    x_hat, r, gamma, training = cache
    g = _column(gamma, dy) * dy
    if not training:
        return r * g, *_shared(dy, x_hat)
    over = tuple(range(1, dy.ndim))
    dx = r * (g - g.mean(over, keepdims=True) - x_hat * np.mean(g * x_hat, over, keepdims=True))
    return dx, *_shared(dy, x_hat)


@mistake(
    "For images the sums in dx are divided by the number of images. A channel has N H W values: that is what to "
    "divide by.",
    of="bn_backward",
    hint=2,
)
def divided_by_images(dy, cache):
    x_hat, r, gamma, training = cache
    g = _column(gamma, dy) * dy
    if not training:
        return r * g, *_shared(dy, x_hat)
    n, over = dy.shape[0], _over(dy)
    dx = r * (g - g.sum(over, keepdims=True) / n - x_hat * np.sum(g * x_hat, over, keepdims=True) / n)
    return dx, *_shared(dy, x_hat)


@mistake(
    "dgamma and dbeta are means over the batch. γ and β are shared by all examples, so what comes back from each is "
    "added up.",
    of="bn_backward",
    hint=2,
)
def shared_averaged(dy, cache):
    x_hat, r, gamma, training = cache
    dx = _project(dy, x_hat, r, gamma, training)
    return dx, *(total * dy.shape[1] / dy.size for total in _shared(dy, x_hat))


@mistake(
    "For images dgamma and dbeta are summed over the batch only. A channel's γ is shared by all its places as well, "
    "and its gradient has the shape (D,).",
    of="bn_backward",
    hint=2,
)
def summed_over_batch_only(dy, cache):
    x_hat, r, gamma, training = cache
    return _project(dy, x_hat, r, gamma, training), np.sum(dy * x_hat, 0), np.sum(dy, 0)


@mistake("You return dx, dbeta, dgamma. It has to be dx, dgamma, dbeta.", of="bn_backward", hint=2)
def beta_first(dy, cache):
    x_hat, r, gamma, training = cache
    dgamma, dbeta = _shared(dy, x_hat)
    return _project(dy, x_hat, r, gamma, training), dbeta, dgamma


@mistake("You return dgamma, dbeta, dx. It has to be dx, dgamma, dbeta.", of="bn_backward", hint=2)
def dx_last(dy, cache):
    x_hat, r, gamma, training = cache
    return *_shared(dy, x_hat), _project(dy, x_hat, r, gamma, training)


@mistake(
    "In dgamma dy is multiplied by γ as well. γ stands beside x̂, so its gradient is the sum of dy x̂.",
    of="bn_backward",
    hint=3,
)
def gamma_in_dgamma(dy, cache):
    x_hat, r, gamma, training = cache
    dgamma, dbeta = _shared(dy, x_hat)
    return _project(dy, x_hat, r, gamma, training), gamma * dgamma, dbeta


@mistake(
    "The numbers are right, but you worked in the caller's own dy: `*=` changes an array in place.",
    of="bn_backward",
    hint=4,
)
def overwrites_dy(dy, cache):
    x_hat, r, gamma, training = cache
    shared = _shared(dy, x_hat)
    dx = _project(dy, x_hat, r, gamma, training)
    dy *= _column(gamma, dy)
    return dx, *shared


def _over(x):
    return (0, *range(2, x.ndim))


def _right(x, running, momentum, training):
    if not training:
        return _column(running[0], x), _column(running[1], x), running
    mean, var = x.mean(_over(x), keepdims=True), x.var(_over(x), keepdims=True)
    n = x.size // x.shape[1]
    unbiased = var.ravel() * n / (n - 1) if n > 1 else running[1]
    keep = 1 - momentum
    return mean, var, (keep * running[0] + momentum * mean.ravel(), keep * running[1] + momentum * unbiased)


def _with_root(x, running, momentum, eps, training):
    mean, var, new = statistics(x, running, momentum, training)
    return mean, 1 / np.sqrt(var + eps), new


def _finish(x, mean, r, new, gamma, beta, training, scale=None):
    with np.errstate(all="ignore"):
        x_hat = (x - mean) * r
    g, b = (_column(gamma, x), _column(beta, x)) if scale is None else scale
    return g * x_hat + b, new, (x_hat, r, gamma, training)


def _shared(dy, x_hat):
    return np.sum(dy * x_hat, _over(dy)), np.sum(dy, _over(dy))


def _project(dy, x_hat, r, gamma, training):
    g = _column(gamma, dy) * dy
    if not training:
        return r * g
    return r * (g - g.mean(_over(dy), keepdims=True) - x_hat * np.mean(g * x_hat, _over(dy), keepdims=True))
