"""SmoothQuant: the solution, known mistakes, other right solutions."""

import torch
from torch import Tensor

from grader.marks import alternative, mistake


def activation_range(batches: list[Tensor]) -> Tensor:
    """Xiao et al. (2022), section 4: max|X_j|, estimated on calibration samples."""
    return torch.stack([X.flatten(0, -2).abs().amax(0) for X in batches]).amax(0)


def smoothing_factors(x_max: Tensor, weights: list[Tensor], alpha: float) -> Tensor:
    """Equation 4."""
    w_max = torch.cat(weights).abs().amax(0)
    s = x_max**alpha / w_max ** (1 - alpha)
    return torch.where((x_max == 0) | (w_max == 0), 1.0, s)


def fold(
    gamma: Tensor, beta: Tensor | None, weights: list[Tensor], s: Tensor
) -> tuple[Tensor, Tensor | None, list[Tensor]]:
    """Equation 3: X diag(s)⁻¹ comes from the norm, diag(s) goes into the columns of each W."""
    return gamma / s, None if beta is None else beta / s, [W * s for W in weights]


# For the mistakes.


def _w_max(weights):
    return torch.cat(weights).abs().amax(0)


def _factors(x_max, w_max, alpha, power=None):
    s = x_max**alpha / w_max ** (1 - alpha) if power is None else power(x_max, w_max)
    return torch.where((x_max == 0) | (w_max == 0), 1.0, s)


def _flat(batches):
    return torch.cat([X.reshape(-1, X.shape[-1]) for X in batches])


# Mistakes: the range.


@mistake("You take the largest value, not the largest magnitude: -60 is large, too.", of="activation_range", hint=3)
def signed_range(batches):
    return _flat(batches).amax(0)


@mistake("You take the mean |X| of each column (as AWQ does). Asked for is the largest.", of="activation_range", hint=3)
def mean_magnitude(batches):
    return _flat(batches).abs().mean(0)


@mistake("You look at the last batch only. The largest of all batches counts.", of="activation_range", hint=1)
def last_batch(batches):
    return _flat(batches[-1:]).abs().amax(0)


@mistake("You look at the first batch only. The largest of all batches counts.", of="activation_range", hint=1)
def first_batch(batches):
    return _flat(batches[:1]).abs().amax(0)


@mistake(
    "You average the ranges of the batches. The largest of all counts, so that nothing larger was ever seen.",
    of="activation_range",
    hint=3,
)
def mean_of_batches(batches):
    return torch.stack([_flat([X]).abs().amax(0) for X in batches]).mean(0)


@mistake(
    "You give one number for all of X. Each column has its own: that they differ is what smoothing is about.",
    of="activation_range",
    hint=2,
)
def one_for_all(batches):
    return _flat(batches).abs().max()


@mistake("You give a number for each token. It is one for each column, over all tokens.", of="activation_range", hint=2)
def one_for_each_token(batches):
    return _flat(batches).abs().amax(1)


@mistake(
    "You take the distance from the smallest to the largest value of a column. It is the largest magnitude.",
    of="activation_range",
    hint=3,
)
def distance(batches):
    X = _flat(batches)
    return X.amax(0) - X.amin(0)


@mistake(
    "You fail where batches have different sizes, or more leading axes. Lay the tokens of each flat first.",
    of="activation_range",
    hint=2,
)
def stacked(batches):
    return torch.stack(batches).abs().amax((0, 1))


@mistake("You add up the ranges of the batches. The largest of all counts.", of="activation_range", hint=3)
def sum_of_batches(batches):
    return torch.stack([_flat([X]).abs().amax(0) for X in batches]).sum(0)


# Mistakes: the factors.


@mistake(
    "Your exponents are exchanged: x_max has α and w_max has 1 - α. With α = 1 all of the difficulty goes to the"
    " weights.",
    of="smoothing_factors",
    hint=3,
)
def exponents_exchanged(x_max, weights, alpha):
    return _factors(x_max, _w_max(weights), 1 - alpha)


@mistake("You take no notice of `alpha`: the square root is taken always, as for 1/2.", of="smoothing_factors", hint=3)
def always_half(x_max, weights, alpha):
    return _factors(x_max, _w_max(weights), 0.5)


@mistake("Both have the exponent α: (x_max / w_max)^α. That of w_max is 1 - α.", of="smoothing_factors", hint=3)
def same_exponent(x_max, weights, alpha):
    return _factors(x_max, _w_max(weights), alpha, lambda x, w: (x / w) ** alpha)


@mistake(
    "Your s comes from X alone: x_max^α. It has to know, too, how large the weights already are.",
    of="smoothing_factors",
    hint=3,
)
def without_weights(x_max, weights, alpha):
    return _factors(x_max, _w_max(weights), alpha, lambda x, w: x**alpha)


@mistake(
    "You multiply by w_max^(1 - α). It divides: where the weights are large, less may be handed over to them.",
    of="smoothing_factors",
    hint=3,
)
def product(x_max, weights, alpha):
    return _factors(x_max, _w_max(weights), alpha, lambda x, w: x**alpha * w ** (1 - alpha))


@mistake("Your s is upside down: x_max is above the line, w_max below it.", of="smoothing_factors", hint=3)
def upside_down(x_max, weights, alpha):
    return _factors(x_max, _w_max(weights), alpha, lambda x, w: w ** (1 - alpha) / x**alpha)


@mistake("No exponents: x_max / w_max is α = 1 above the line and α = 0 below it.", of="smoothing_factors", hint=3)
def no_exponents(x_max, weights, alpha):
    return _factors(x_max, _w_max(weights), alpha, lambda x, w: x / w)


@mistake(
    "The maximum of W runs over each row: that is one number for each output. Its columns belong to those of X: the"
    " maximum is over the rows, W.shape[0] of them.",
    of="smoothing_factors",
    hint=2,
)
def w_by_rows(x_max, weights, alpha):
    return x_max**alpha / torch.cat([W.abs().amax(1) for W in weights]) ** (1 - alpha)


@mistake("You take one maximum for all of the weights. Each column has its own.", of="smoothing_factors", hint=2)
def w_in_one(x_max, weights, alpha):
    w_max = _w_max(weights)
    return _factors(x_max, torch.where(w_max > 0, w_max.max(), w_max), alpha)


@mistake("You take the largest weight, not the largest magnitude.", of="smoothing_factors", hint=3)
def w_signed(x_max, weights, alpha):
    w_max = torch.cat(weights).amax(0)
    return torch.where((x_max == 0) | (_w_max(weights) == 0), 1.0, x_max**alpha / w_max ** (1 - alpha))


@mistake("You take the mean |W| of each column. It is the largest.", of="smoothing_factors", hint=3)
def w_mean(x_max, weights, alpha):
    return _factors(x_max, torch.cat(weights).abs().mean(0), alpha)


@mistake(
    "You look at the first matrix only. All of them read the same X: the largest of all counts.",
    of="smoothing_factors",
    hint=2,
)
def first_matrix(x_max, weights, alpha):
    return _factors(x_max, _w_max(weights[:1]), alpha)


@mistake(
    "You look at the last matrix only. All of them read the same X: the largest of all counts.",
    of="smoothing_factors",
    hint=2,
)
def last_matrix(x_max, weights, alpha):
    return _factors(x_max, _w_max(weights[-1:]), alpha)


@mistake("You average the maxima of the matrices. The largest of all counts.", of="smoothing_factors", hint=2)
def mean_of_matrices(x_max, weights, alpha):
    return _factors(x_max, torch.stack([_w_max([W]) for W in weights]).mean(0), alpha)


@mistake(
    "You give factors for each matrix. A norm can be divided by one s only: one for all matrices together.",
    of="smoothing_factors",
    hint=2,
)
def one_for_each_matrix(x_max, weights, alpha):
    return torch.stack([_factors(x_max, _w_max([W]), alpha) for W in weights])


@mistake(
    "Where a column is 0 in X or in W, your s is 0, infinite or NaN, and so is the model. It is 1 there.",
    of="smoothing_factors",
    hint=4,
)
def zeros_forgotten(x_max, weights, alpha):
    return x_max**alpha / _w_max(weights) ** (1 - alpha)


@mistake(
    "Your s is 1 where X has a column of zeros, and infinite where W has one. It is 1 in both cases.",
    of="smoothing_factors",
    hint=4,
)
def zeros_of_w_forgotten(x_max, weights, alpha):
    return torch.where(x_max == 0, 1.0, x_max**alpha / _w_max(weights) ** (1 - alpha))


@mistake(
    "Your s is 1 where W has a column of zeros, and 0 where X has one. It is 1 in both cases.",
    of="smoothing_factors",
    hint=4,
)
def zeros_of_x_forgotten(x_max, weights, alpha):
    w_max = _w_max(weights)
    return torch.where(w_max == 0, 1.0, x_max**alpha / w_max ** (1 - alpha))


@mistake(
    "You keep the maxima or s above 1e-5, as the authors' code does. Here only a column of zeros is special (s = 1);"
    " small numbers follow the formula.",
    of="smoothing_factors",
    hint=4,
)
def kept_above(x_max, weights, alpha):
    return (x_max**alpha / _w_max(weights).clamp(min=1e-5) ** (1 - alpha)).clamp(min=1e-5)


@mistake(
    "Your s is never below 1. The formula has no limit: where the weights are the larger ones, they are made smaller.",
    of="smoothing_factors",
    hint=3,
)
def never_below_one(x_max, weights, alpha):
    return _factors(x_max, _w_max(weights), alpha).clamp(min=1)


@mistake("You normalize s (as AWQ does). Here it is the formula, and nothing after it.", of="smoothing_factors", hint=3)
def normalized(x_max, weights, alpha):
    s = _factors(x_max, _w_max(weights), alpha)
    return s / (s.max() * s.min()).sqrt()


# Mistakes: the folding.


@mistake("The two are exchanged: the norm is divided by s, the matrices are multiplied.", of="fold", hint=3)
def exchanged(gamma, beta, weights, s):
    return gamma * s, None if beta is None else beta * s, [W / s for W in weights]


@mistake("You multiply both by s: the product is then no longer what it was. The norm is divided.", of="fold", hint=3)
def both_multiplied(gamma, beta, weights, s):
    return gamma * s, None if beta is None else beta * s, [W * s for W in weights]


@mistake("You divide both by s: the product is then no longer what it was. Multiply the weights.", of="fold", hint=3)
def both_divided(gamma, beta, weights, s):
    return gamma / s, None if beta is None else beta / s, [W / s for W in weights]


@mistake("The norm is left as it was: nothing undoes the factor of the weights.", of="fold", hint=1)
def norm_left(gamma, beta, weights, s):
    return gamma.clone(), None if beta is None else beta.clone(), [W * s for W in weights]


@mistake("The weights are left as they were: nothing undoes the division of the norm.", of="fold", hint=1)
def weights_left(gamma, beta, weights, s):
    return gamma / s, None if beta is None else beta / s, [W.clone() for W in weights]


@mistake("β is left as it was. X is x̃ · γ + β, and all of it is divided by s.", of="fold", hint=3)
def beta_left(gamma, beta, weights, s):
    return gamma / s, beta, [W * s for W in weights]


@mistake("β is multiplied by s. Like γ it is divided.", of="fold", hint=3)
def beta_multiplied(gamma, beta, weights, s):
    return gamma / s, None if beta is None else beta * s, [W * s for W in weights]


@mistake("γ is left as it was, and β alone is divided. X is x̃ · γ + β, and all of it is divided.", of="fold", hint=3)
def gamma_left(gamma, beta, weights, s):
    return gamma.clone(), None if beta is None else beta / s, [W * s for W in weights]


@mistake("You multiply the rows of W, its outputs. The columns belong to those of X.", of="fold", hint=2)
def rows_multiplied(gamma, beta, weights, s):
    return gamma / s, None if beta is None else beta / s, [W * s[:, None] for W in weights]


@mistake("You give the matrices transposed. They keep their shape, (N, K).", of="fold", hint=2)
def transposed(gamma, beta, weights, s):
    return gamma / s, None if beta is None else beta / s, [(W * s).T for W in weights]


@mistake("Only the first matrix is multiplied. All of them read the same X.", of="fold", hint=1)
def one_matrix(gamma, beta, weights, s):
    return gamma / s, None if beta is None else beta / s, [weights[0] * s, *(W.clone() for W in weights[1:])]


@mistake("You put the matrices together into one. A list is asked for, one for each.", of="fold", hint=2)
def put_together(gamma, beta, weights, s):
    return gamma / s, None if beta is None else beta / s, torch.cat(weights) * s


@mistake("You fail where β is None, as it is for an RMSNorm. It stays None.", of="fold", hint=4)
def beta_expected(gamma, beta, weights, s):
    return gamma / s, beta / s, [W * s for W in weights]


@mistake("You make zeros of a β that is None. An RMSNorm has none, and it stays None.", of="fold", hint=4)
def beta_made_up(gamma, beta, weights, s):
    return gamma / s, torch.zeros_like(gamma) if beta is None else beta / s, [W * s for W in weights]


@mistake("You add up the maxima of the matrices. The largest of all counts.", of="smoothing_factors", hint=2)
def sum_of_matrices(x_max, weights, alpha):
    return _factors(x_max, torch.stack([_w_max([W]) for W in weights]).sum(0), alpha)


@mistake("You divide s by its largest. Here it is the formula, and nothing after it.", of="smoothing_factors", hint=3)
def over_largest(x_max, weights, alpha):
    s = _factors(x_max, _w_max(weights), alpha)
    return s / s.max()


@mistake(
    "You take the Euclidean norm of each column, which grows with the number of tokens. Asked for is the largest |X|.",
    of="activation_range",
    hint=3,
)
def euclidean(batches):
    return _flat(batches).norm(dim=0)


@mistake("You drop β and give None. It is divided by s, as γ is.", of="fold", hint=3)
def beta_dropped(gamma, beta, weights, s):
    return gamma / s, None, [W * s for W in weights]


@mistake("You make zeros of β. It is divided by s, as γ is.", of="fold", hint=3)
def beta_zeroed(gamma, beta, weights, s):
    return gamma / s, None if beta is None else torch.zeros_like(beta), [W * s for W in weights]


# Other right solutions.


@alternative("all tokens in one heap", of="activation_range")
def one_heap(batches):
    return torch.cat([X.reshape(-1, X.shape[-1]) for X in batches]).abs().max(dim=0).values


@alternative("a running maximum", of="activation_range")
def running(batches):
    x_max = torch.zeros_like(batches[0].reshape(-1, batches[0].shape[-1])[0])
    for X in batches:
        for row in X.reshape(-1, X.shape[-1]):
            x_max = torch.maximum(x_max, row.abs())
    return x_max


@alternative("by logarithms", of="smoothing_factors")
def by_logarithms(x_max, weights, alpha):
    w_max = torch.stack([W.abs().amax(0) for W in weights]).amax(0)
    dead = (x_max * w_max == 0) & ((x_max == 0) | (w_max == 0))
    s = torch.exp(alpha * x_max.double().log() - (1 - alpha) * w_max.double().log())
    return s.masked_fill(dead, 1.0).to(x_max.dtype)


@alternative("a loop over the columns", of="smoothing_factors")
def by_loop(x_max, weights, alpha):
    s = torch.ones_like(x_max)
    for k in range(len(x_max)):
        x, w = float(x_max[k]), max(float(W[:, k].abs().max()) for W in weights)
        if x > 0 and w > 0:
            s[k] = x**alpha / w ** (1 - alpha)
    return s


@alternative("diagonal matrices", of="fold")
def by_matrices(gamma, beta, weights, s):
    D = torch.diag(1 / s)
    return gamma @ D, beta @ D if beta is not None else None, [torch.linalg.solve(D, W.T).T for W in weights]
