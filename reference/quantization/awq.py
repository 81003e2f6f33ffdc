"""AWQ: the solution, known mistakes, other right solutions."""

import math

import torch
from quantization.granularity import dequant_groups, quantize_axis, quantize_groups
from torch import Tensor

from grader.marks import alternative, mistake


def importance(X: Tensor) -> Tensor:
    """Lin et al. (2023), section 3.2: s_X, the average magnitude of each channel."""
    return X.flatten(0, -2).abs().mean(0)


def awq_scales(a: Tensor, alpha: float) -> Tensor:
    """Equation 5, s = s_X^α, normalized as in the authors' code."""
    live = a > 0
    s = torch.ones_like(a)
    if live.any():
        power = a[live] ** alpha
        s[live] = power / (power.max() * power.min()).sqrt()
    return s


def quantized_weight(W: Tensor, s: Tensor, bits: int, group: int) -> Tensor:
    """Equation 4: Q(W diag(s)) diag(s)⁻¹."""
    q, scale = quantize_groups(W * s, bits, group)
    return dequant_groups(q, scale, group) / s


def search(W: Tensor, X: Tensor, bits: int, group: int, steps: int = 20) -> tuple[float, Tensor]:
    """Equation 5: the best α of a grid on [0, 1], by the error of the output."""
    a, y = importance(X), X @ W.T
    tried = []
    for i in range(steps + 1):
        s = awq_scales(a, i / steps)
        error = (X @ quantized_weight(W, s, bits, group).T - y).square().mean()
        tried.append((error, i / steps, s))
    _, alpha, s = min(tried, key=lambda t: t[0])
    return alpha, s


# For the mistakes.


def _power(a, alpha, normalize):
    """s for what `normalize` makes of the powers of the live columns."""
    live, s = a > 0, torch.ones_like(a)
    if live.any():
        power = a[live] ** alpha
        s[live] = power / normalize(power)
    return s


def _root(power):
    return (power.max() * power.min()).sqrt()


def _importance(X):
    return X.flatten(0, -2).abs().mean(0)


def _nearest(W, bits, group):
    return dequant_groups(*quantize_groups(W, bits, group), group)


def _weight(W, s, bits, group):
    return _nearest(W * s, bits, group) / s


def _squares(X, W, V):
    return float((X @ (W - V).T).square().mean())


def _search(W, X, bits, group, steps, *, first=0, last=0, a=None, error=_squares, weight=_weight, best=min):
    a = _importance(X) if a is None else a
    tried = []
    for i in range(first, steps + 1 + last):
        s = _power(a, i / steps, _root)
        tried.append((error(X, W, weight(W, s, bits, group)), i / steps, s))
    _, alpha, s = best(tried, key=lambda t: t[0])
    return alpha, s


# Mistakes: the importance.


@mistake("You take the largest |X| of each column (as SmoothQuant does). It is the mean.", of="importance", hint=3)
def largest_magnitude(X):
    return X.flatten(0, -2).abs().amax(0)


@mistake("You take the mean of X, in which values of both signs cancel. It is that of |X|.", of="importance", hint=3)
def signed_mean(X):
    return X.flatten(0, -2).mean(0)


@mistake("You take the magnitude of the mean: values of both signs have cancelled by then.", of="importance", hint=3)
def magnitude_of_mean(X):
    return X.flatten(0, -2).mean(0).abs()


@mistake("You take the root mean square of each column. It is the mean of |X|.", of="importance", hint=3)
def root_mean_square(X):
    return X.flatten(0, -2).square().mean(0).sqrt()


@mistake("You take the mean square of each column. It is the mean of |X|.", of="importance", hint=3)
def mean_square(X):
    return X.flatten(0, -2).square().mean(0)


@mistake("You take the sum over the tokens. It is the mean.", of="importance", hint=3)
def sum_of_magnitudes(X):
    return X.flatten(0, -2).abs().sum(0)


@mistake("You give a number for each token. It is one for each column, over all tokens.", of="importance", hint=2)
def for_each_token(X):
    return X.flatten(0, -2).abs().mean(1)


@mistake("With more leading axes you go over the first only. All but the last hold tokens.", of="importance", hint=2)
def first_axis_only(X):
    return X.abs().mean(0)


@mistake("You give one number for all of X. Each column has its own.", of="importance", hint=2)
def one_for_all(X):
    return X.abs().mean()


@mistake("Your a is divided by its mean. Here it is the mean |X| as it is.", of="importance", hint=3)
def relative(X):
    a = _importance(X)
    return a / a.mean()


# Mistakes: the scales.


@mistake("Your s is not normalized: a^α is divided by √(max · min) of it.", of="awq_scales", hint=3)
def not_normalized(a, alpha):
    return _power(a, alpha, lambda p: 1.0)


@mistake("You divide by max · min. The root of it is missing.", of="awq_scales", hint=3)
def no_root(a, alpha):
    return _power(a, alpha, lambda p: p.max() * p.min())


@mistake("You divide by the largest. It is √(max · min), so that s lies around 1.", of="awq_scales", hint=3)
def by_largest(a, alpha):
    return _power(a, alpha, lambda p: p.max())


@mistake("You divide by the smallest. It is √(max · min), so that s lies around 1.", of="awq_scales", hint=3)
def by_smallest(a, alpha):
    return _power(a, alpha, lambda p: p.min())


@mistake("You divide by the mean. It is √(max · min).", of="awq_scales", hint=3)
def by_mean(a, alpha):
    return _power(a, alpha, lambda p: p.mean())


@mistake("You divide by the geometric mean of all columns. It is that of the largest and the smallest.",
         of="awq_scales", hint=3)  # fmt: skip
def by_geometric_mean(a, alpha):
    return _power(a, alpha, lambda p: p.log().mean().exp())


@mistake("You divide by (max + min) / 2. It is √(max · min).", of="awq_scales", hint=3)
def by_middle(a, alpha):
    return _power(a, alpha, lambda p: (p.max() + p.min()) / 2)


@mistake("You normalize by the max and min of a, not of a^α.", of="awq_scales", hint=3)
def by_a_itself(a, alpha):
    live, s = a > 0, torch.ones_like(a)
    if live.any():
        s[live] = a[live] ** alpha / _root(a[live])
    return s


@mistake("The exponent is α, not 1 - α: with α = 0 all s are 1.", of="awq_scales", hint=3)
def exponent_turned(a, alpha):
    return _power(a, 1 - alpha, _root)


@mistake("Your s is upside down: important columns are made larger, so that their error shrinks.", of="awq_scales",
         hint=3)  # fmt: skip
def upside_down(a, alpha):
    return _power(a, -alpha, _root)


@mistake("You take no notice of `alpha`: the square root is taken always.", of="awq_scales", hint=3)
def always_half(a, alpha):
    return _power(a, 0.5, _root)


@mistake("You take no notice of `alpha`: there is no power.", of="awq_scales", hint=3)
def no_power(a, alpha):
    return _power(a, 1.0, _root)


@mistake("You multiply by α. It is an exponent.", of="awq_scales", hint=3)
def alpha_times(a, alpha):
    live, s = a > 0, torch.ones_like(a)
    if live.any():
        s[live] = alpha * a[live] / _root(a[live])
    return s


@mistake(
    "A column of zeros takes part in your minimum, which is 0 then: s is infinite or NaN. It is left out, and has s = 1.",
    of="awq_scales",
    hint=4,
)
def zeros_forgotten(a, alpha):
    power = a**alpha
    return power / _root(power)


@mistake(
    "Your dead columns count as 1 in the max and min, and are divided with the others. They take no part, and have s = 1"
    " in the end.",
    of="awq_scales",
    hint=4,
)
def zeros_made_one(a, alpha):
    power = torch.where(a > 0, a**alpha, 1.0)
    return power / _root(power)


@mistake(
    "You keep a or s above 1e-4, as the authors' code does. Here only a column of zeros is special (s = 1).",
    of="awq_scales",
    hint=4,
)
def kept_above(a, alpha):
    power = (a**alpha).clamp(min=1e-4)
    return power / _root(power)


@mistake("You fail, or give NaN, where all columns are zeros. s is 1 then.", of="awq_scales", hint=4)
def all_zeros_forgotten(a, alpha):
    if not (a > 0).any():
        raise RuntimeError("max(): Expected reduction dim to be specified for input.numel() == 0.")
    return _power(a, alpha, _root)


@mistake("Dead columns get s = 0: they are then divided by 0. It is 1.", of="awq_scales", hint=4)
def zeros_stay_zero(a, alpha):
    return torch.where(a > 0, _power(a, alpha, _root), 0.0)


# Mistakes: the weight.


@mistake("The columns are not scaled back: Ŵ has to stand for W, not for W · s.", of="quantized_weight", hint=3)
def not_undone(W, s, bits, group):
    return _nearest(W * s, bits, group)


@mistake("The columns are not scaled before the rounding: s changes nothing there.", of="quantized_weight", hint=3)
def not_scaled(W, s, bits, group):
    return _nearest(W, bits, group)


@mistake("You round W as it is and divide by s afterwards. It is multiplied first.", of="quantized_weight", hint=3)
def only_divided(W, s, bits, group):
    return _nearest(W, bits, group) / s


@mistake(
    "The two are exchanged: you divide by s before the rounding. It is multiplied, so that the error is divided.",
    of="quantized_weight",
    hint=3,
)
def exchanged(W, s, bits, group):
    return _nearest(W / s, bits, group) * s


@mistake("You multiply by s before the rounding and after it. Afterwards it is divided.", of="quantized_weight", hint=3)
def multiplied_twice(W, s, bits, group):
    return _nearest(W * s, bits, group) * s


@mistake("You scale the rows of W, its outputs. s has a number for each column.", of="quantized_weight", hint=2)
def rows_scaled(W, s, bits, group):
    return _nearest(W * s[:, None], bits, group) / s[:, None]


@mistake("You do not round at all: Ŵ is W.", of="quantized_weight", hint=1)
def not_rounded(W, s, bits, group):
    return (W * s) / s


@mistake("There is one scale for each row of W: the groups are forgotten.", of="quantized_weight", hint=2)
def no_groups(W, s, bits, group):
    return _nearest(W * s, bits, W.shape[1]) / s


@mistake("There is one scale for all of W: the groups are forgotten.", of="quantized_weight", hint=2)
def one_scale(W, s, bits, group):
    q, scale = quantize_axis(W * s, bits, None)
    return scale * q / s


@mistake("Your groups run down the columns of W. They run along its rows.", of="quantized_weight", hint=2)
def groups_in_columns(W, s, bits, group):
    return _nearest((W * s).T.contiguous(), bits, group).T / s


@mistake("You take no notice of `bits`: it is always 4.", of="quantized_weight", hint=3)
def always_four_bits(W, s, bits, group):
    return _weight(W, s, 4, group)


@mistake("You give the integer codes. Ŵ is made of real numbers again.", of="quantized_weight", hint=3)
def codes_only(W, s, bits, group):
    return quantize_groups(W * s, bits, group)[0]


@mistake("The codes are divided by s, and the scales of the groups are forgotten.", of="quantized_weight", hint=3)
def group_scales_forgotten(W, s, bits, group):
    return quantize_groups(W * s, bits, group)[0] / s


# Mistakes: the search.


@mistake("You compare Ŵ with W. What counts is the output: each error is multiplied by X.", of="search", hint=1)
def by_weights(W, X, bits, group, steps=20):
    return _search(W, X, bits, group, steps, error=lambda X, W, V: float((W - V).square().mean()))


@mistake("You compare by the mean of |error|. It is the mean of the squares.", of="search", hint=3)
def by_magnitude(W, X, bits, group, steps=20):
    return _search(W, X, bits, group, steps, error=lambda X, W, V: float((X @ (W - V).T).abs().mean()))


@mistake("You compare by the largest error. It is the mean of the squares.", of="search", hint=3)
def by_largest_error(W, X, bits, group, steps=20):
    return _search(W, X, bits, group, steps, error=lambda X, W, V: float((X @ (W - V).T).abs().max()))


@mistake("You compare by the sum of the errors, in which signs cancel. Square them first.", of="search", hint=3)
def by_sum(W, X, bits, group, steps=20):
    return _search(W, X, bits, group, steps, error=lambda X, W, V: float((X @ (W - V).T).mean().abs()))


@mistake("You keep the α with the largest error. It is the smallest.", of="search", hint=3)
def worst(W, X, bits, group, steps=20):
    return _search(W, X, bits, group, steps, best=max)


@mistake("You leave α = 1 out (as the authors' code does). Both ends are tried.", of="search", hint=3)
def without_one(W, X, bits, group, steps=20):
    return _search(W, X, bits, group, steps, last=-1) if steps > 0 else (0.0, torch.ones_like(X[0]))


@mistake("You leave α = 0 out: without it the result may be worse than the nearest codes.", of="search", hint=3)
def without_zero(W, X, bits, group, steps=20):
    return _search(W, X, bits, group, steps, first=1)


@mistake("Neither α = 0 nor α = 1 is tried. Both ends belong to the grid.", of="search", hint=3)
def without_ends(W, X, bits, group, steps=20):
    return _search(W, X, bits, group, steps, first=min(1, steps - 1), last=-1)


@mistake("You take `steps` values of α from 0 to 1. It is steps + 1, i / steps for i = 0 … steps.", of="search", hint=3)
def linspace_of_steps(W, X, bits, group, steps=20):
    tried = []
    for alpha in torch.linspace(0, 1, steps, dtype=torch.float64).tolist():
        s = _power(_importance(X), alpha, _root)
        tried.append((_squares(X, W, _weight(W, s, bits, group)), alpha, s))
    _, alpha, s = min(tried, key=lambda t: t[0])
    return alpha, s


@mistake("You take no notice of `steps`: there are 20 always.", of="search", hint=3)
def always_twenty(W, X, bits, group, steps=20):
    return _search(W, X, bits, group, 20)


@mistake("You give the place i of the best. α is i / steps.", of="search", hint=3)
def place_given(W, X, bits, group, steps=20):
    alpha, s = _search(W, X, bits, group, steps)
    return float(round(alpha * steps)), s


@mistake("You give the s of the last α that was tried. It belongs to the best.", of="search", hint=4)
def last_s(W, X, bits, group, steps=20):
    return _search(W, X, bits, group, steps)[0], _power(_importance(X), 1.0, _root)


@mistake("You keep the last α that did better than the one before it. It is the best of all.", of="search", hint=4)
def better_than_before(W, X, bits, group, steps=20):
    before, kept = float("inf"), None
    for i in range(steps + 1):
        s = _power(_importance(X), i / steps, _root)
        error = _squares(X, W, _weight(W, s, bits, group))
        kept = (i / steps, s) if error < before else kept
        before = error
    return kept


@mistake("You stop at the first α after which the error grows. It goes up and down: try them all.", of="search", hint=3)
def first_valley(W, X, bits, group, steps=20):
    before, kept = float("inf"), None
    for i in range(steps + 1):
        s = _power(_importance(X), i / steps, _root)
        error = _squares(X, W, _weight(W, s, bits, group))
        if error >= before:
            break
        before, kept = error, (i / steps, s)
    return kept


@mistake("X is divided by s, and Ŵ too: s is undone twice. Ŵ contains the division.", of="search", hint=3)
def undone_twice(W, X, bits, group, steps=20):
    a, tried = _importance(X), []
    for i in range(steps + 1):
        s = _power(a, i / steps, _root)
        error = (X @ W.T - (X / s) @ _weight(W, s, bits, group).T).square().mean()
        tried.append((float(error), i / steps, s))
    _, alpha, s = min(tried, key=lambda t: t[0])
    return alpha, s


@mistake("Your search compares with W · s, not scaled back: the output has to be that of W.", of="search", hint=3)
def compared_scaled(W, X, bits, group, steps=20):
    return _search(W, X, bits, group, steps, weight=lambda W, s, bits, group: _nearest(W * s, bits, group))


@mistake("Your search goes by the largest |X| of each column. It is by the mean.", of="search", hint=3)
def by_largest_activation(W, X, bits, group, steps=20):
    return _search(W, X, bits, group, steps, a=X.flatten(0, -2).abs().amax(0))


@mistake("Your search looks at the first token only. The error is the mean over all.", of="search", hint=3)
def first_token(W, X, bits, group, steps=20):
    return _search(W, X, bits, group, steps, error=lambda X, W, V: _squares(X.flatten(0, -2)[:1], W, V))


@mistake("You give the smallest error, and not its α.", of="search", hint=3)
def error_given(W, X, bits, group, steps=20):
    _, s = _search(W, X, bits, group, steps)
    return _squares(X, W, _weight(W, s, bits, group)), s


@mistake("You give α = 1/2 and search for nothing.", of="search", hint=1)
def half_given(W, X, bits, group, steps=20):
    return 0.5, _power(_importance(X), 0.5, _root)


@mistake("Your search takes s from the weights. Importance comes from the activations.", of="search", hint=1)
def scales_of_weights(W, X, bits, group, steps=20):
    return _search(W, X, bits, group, steps, a=W.abs().amax(0))


@mistake("You divide each error by its output. It is the mean of the squares as they are.", of="search", hint=3)
def relative_error(W, X, bits, group, steps=20):
    return _search(W, X, bits, group, steps, error=lambda X, W, V: float((X @ (W - V).T / (X @ W.T)).square().mean()))


@mistake("Your s is never below 1. Less important columns are made smaller, so that s lies around 1.",
         of="awq_scales", hint=3)  # fmt: skip
def only_enlarged(a, alpha):
    return _power(a, alpha, _root).clamp(min=1)


@mistake("You take the median of |X|. It is the mean.", of="importance", hint=3)
def median_magnitude(X):
    return X.flatten(0, -2).abs().median(0).values


# Other right solutions.


@alternative("a loop over the tokens", of="importance")
def token_by_token(X):
    rows = X.reshape(-1, X.shape[-1])
    total = torch.zeros_like(rows[0])
    for row in rows:
        total = total + row.abs()
    return total / len(rows)


@alternative("normalized before the power", of="awq_scales")
def normalized_first(a, alpha):
    live = a[a > 0]
    middle = (live.max() * live.min()).sqrt() if len(live) else 1.0
    return torch.where(a > 0, a / middle, torch.ones_like(a)) ** alpha


@alternative("by logarithms", of="awq_scales")
def by_logarithms(a, alpha):
    logs = [alpha * float(v.double().log()) for v in a if v > 0]
    middle = (max(logs) + min(logs)) / 2 if logs else 0.0
    s = [math.exp(alpha * float(v.double().log()) - middle) if v > 0 else 1.0 for v in a]
    return torch.tensor(s, dtype=a.dtype)


@alternative("group by group", of="quantized_weight")
def group_by_group(W, s, bits, group):
    q_max, out = 2 ** (bits - 1) - 1, []
    for columns, factors in zip((W * s).split(group, dim=1), s.split(group), strict=True):
        step = columns.abs().amax(1, keepdim=True) / q_max
        step = torch.where(step == 0, torch.ones_like(step), step)
        out.append(step * torch.round(columns / step) / factors)
    return torch.cat(out, 1)


@alternative("all values of α at once, the error by XᵀX", of="search")
def by_gram_matrix(W, X, bits, group, steps=20):
    rows = X.reshape(-1, X.shape[-1]).double()
    H = rows.T @ rows
    alphas = [i / steps for i in range(steps + 1)]
    scales = [awq_scales(importance(X), alpha) for alpha in alphas]
    D = torch.stack([W - quantized_weight(W, s, bits, group) for s in scales]).double()
    best = int(torch.einsum("ank,kl,anl->a", D, H, D).argmin())
    return alphas[best], scales[best]
