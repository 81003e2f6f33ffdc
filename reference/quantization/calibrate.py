"""Calibration: the solution, known mistakes, other right solutions."""

import numpy as np
import torch
from torch import Tensor

from grader.marks import alternative, mistake


def fake_quantize(x: Tensor, clip: Tensor, bits: int) -> Tensor:
    """Jacob et al. (2017), equation 12, with a symmetric range."""
    if clip == 0:
        return torch.zeros_like(x)
    q_max = 2 ** (bits - 1) - 1
    scale = clip / q_max
    return scale * torch.clamp(torch.round(x / scale), -q_max, q_max)


def absmax_clip(batches: list[Tensor]) -> Tensor:
    """The maximum of the maxima."""
    return torch.stack([x.abs().max() for x in batches]).max()


def ema_clip(batches: list[Tensor], momentum: float) -> Tensor:
    """Jacob et al. (2017), section 3.1."""
    a = batches[0].abs().max()
    for x in batches[1:]:
        a = momentum * a + (1 - momentum) * x.abs().max()
    return a


def percentile_clip(batches: list[Tensor], p: float) -> Tensor:
    """Wu et al. (2020): a percentile of the distribution of absolute values."""
    return torch.quantile(torch.cat([x.abs().reshape(-1) for x in batches]), p / 100)


def mse_clip(batches: list[Tensor], bits: int, steps: int) -> Tensor:
    """A search over evenly spaced clips."""
    x = torch.cat([batch.reshape(-1) for batch in batches])
    clips = [i / steps * x.abs().max() for i in range(1, steps + 1)]
    errors = [(x - fake_quantize(x, clip, bits)).square().mean() for clip in clips]
    return clips[torch.stack(errors).argmin()]


# For the mistakes.


def _all(batches):
    return torch.cat([x.reshape(-1) for x in batches])


def _grid(x, clip, bits, *, q_min=None, q_max=None, rounding=torch.round, guard=True):
    top = 2 ** (bits - 1) - 1
    if guard and clip == 0:
        return torch.zeros_like(x)
    scale = clip / (q_max or top)
    return scale * torch.clamp(rounding(x / scale), q_min or -(q_max or top), q_max or top)


def _search(x, bits, steps, *, first=1, last=None, error=None, top=None):
    top = x.abs().max() if top is None else top
    clips = [i / steps * top for i in range(first, (steps if last is None else last) + 1)]
    error = error or (lambda x, clip: (x - _grid(x, clip, bits)).square().mean())
    return clips[int(torch.stack([error(x, clip) for clip in clips]).argmin())]


def _sorted(batches):
    return _all(batches).abs().sort().values


# Mistakes: the grid.


@mistake(
    "You take the range from x itself, not from `clip`: that is a scale for each batch, out of the very data that is to"
    " be quantized. The range was fixed in calibration.",
    of="fake_quantize",
    hint=1,
)
def range_of_x(x, clip, bits):
    return _grid(x, x.abs().max() if x.numel() else clip, bits)


@mistake(
    "Nothing is cut off: beyond the clip your codes go on, and would not fit into their bits. Clamp them to ± q_max.",
    of="fake_quantize",
    hint=3,
)
def not_clamped(x, clip, bits):
    if clip == 0:
        return torch.zeros_like(x)
    scale = clip / (2 ** (bits - 1) - 1)
    return scale * torch.round(x / scale)


@mistake("You clamp, and do not round: x̂ has to lie on the grid.", of="fake_quantize", hint=3)
def not_rounded(x, clip, bits):
    return torch.clamp(x, -clip, clip)


@mistake(
    "Your grid reaches to -2ᵇ⁻¹ · scale, one step below -clip. It is symmetric: -q_max … q_max.",
    of="fake_quantize",
    hint=3,
)
def one_code_more(x, clip, bits):
    return _grid(x, clip, bits, q_min=-(2 ** (bits - 1)))


@mistake("You divide the clip by 2ᵇ⁻¹: its code is q_max = 2ᵇ⁻¹ - 1.", of="fake_quantize", hint=3)
def clip_over_128(x, clip, bits):
    top = 2 ** (bits - 1)
    if clip == 0:
        return torch.zeros_like(x)
    scale = clip / top
    return scale * torch.clamp(torch.round(x / scale), -top, top - 1)


@mistake("You cut the fraction off where it should be rounded.", of="fake_quantize", hint=3)
def truncated(x, clip, bits):
    return _grid(x, clip, bits, rounding=torch.trunc)


@mistake("A clip of 0 gives 0 / 0. There everything is 0.", of="fake_quantize", hint=4)
def clip_of_zero(x, clip, bits):
    return _grid(x, clip, bits, guard=False)


@mistake("You give the codes. Asked for are the real numbers they stand for: times the scale again.",
         of="fake_quantize", hint=3)  # fmt: skip
def codes_only(x, clip, bits):
    if clip == 0:
        return torch.zeros_like(x)
    return _grid(x, clip, bits) / (clip / (2 ** (bits - 1) - 1))


# Mistakes: the largest.


@mistake("You take the largest x, not the largest |x|.", of="absmax_clip", hint=3)
def largest_signed(batches):
    return _all(batches).max()


@mistake("You take the largest |x| of the last batch. All have to fit.", of="absmax_clip", hint=1)
def last_batch(batches):
    return batches[-1].abs().max()


@mistake("You take the largest |x| of the first batch. All have to fit.", of="absmax_clip", hint=1)
def first_batch(batches):
    return batches[0].abs().max()


@mistake("You take the mean of the batches' largest |x|. All have to fit, so it is the largest.", of="absmax_clip", hint=1)
def mean_of_maxima(batches):
    return torch.stack([x.abs().max() for x in batches]).mean()


# Mistakes: the moving average.


@mistake("Your average starts from 0, and is too small for long. The first batch sets it.", of="ema_clip", hint=3)
def starts_from_zero(batches, momentum):
    a = batches[0].new_zeros(())
    for x in batches:
        a = momentum * a + (1 - momentum) * x.abs().max()
    return a


@mistake(
    "`momentum` is exchanged: it is the share of the old average that is kept, 1 - momentum that of the new batch.",
    of="ema_clip",
    hint=3,
)
def momentum_exchanged(batches, momentum):
    a = batches[0].abs().max()
    for x in batches[1:]:
        a = (1 - momentum) * a + momentum * x.abs().max()
    return a


@mistake("You take the plain mean of the batches' maxima, without momentum.", of="ema_clip", hint=3)
def plain_mean(batches, momentum):
    return torch.stack([x.abs().max() for x in batches]).mean()


@mistake("You take the largest x of each batch, not the largest |x|.", of="ema_clip", hint=3)
def ema_signed(batches, momentum):
    a = batches[0].max()
    for x in batches[1:]:
        a = momentum * a + (1 - momentum) * x.max()
    return a


@mistake("You average the mean |x| of each batch. It is the largest |x| that is averaged.", of="ema_clip", hint=3)
def ema_of_means(batches, momentum):
    a = batches[0].abs().mean()
    for x in batches[1:]:
        a = momentum * a + (1 - momentum) * x.abs().mean()
    return a


@mistake("Your average never falls: you keep the larger of old and new.", of="ema_clip", hint=3)
def never_falls(batches, momentum):
    a = batches[0].abs().max()
    for x in batches[1:]:
        a = torch.maximum(a, momentum * a + (1 - momentum) * x.abs().max())
    return a


# Mistakes: the percentile.


@mistake(
    "You take the percentile of the signed x: half of them are negative, and 99 % is then the upper end alone. Take |x|"
    " first.",
    of="percentile_clip",
    hint=3,
)
def percentile_of_signed(batches, p):
    return torch.quantile(_all(batches), p / 100)


@mistake(
    "You take the percentile of the signed x, and its magnitude afterwards. Take |x| first.",
    of="percentile_clip",
    hint=3,
)
def magnitude_of_percentile(batches, p):
    return torch.quantile(_all(batches), p / 100).abs()


@mistake(
    "You take the mean of the batches' percentiles. They are of different sizes, and a percentile of all is no mean of"
    " percentiles: put all magnitudes together.",
    of="percentile_clip",
    hint=2,
)
def mean_of_percentiles(batches, p):
    return torch.stack([torch.quantile(x.abs().reshape(-1), p / 100) for x in batches]).mean()


@mistake(
    "You take the largest of the batches' percentiles. Put all magnitudes together.",
    of="percentile_clip",
    hint=2,
)
def largest_of_percentiles(batches, p):
    return torch.stack([torch.quantile(x.abs().reshape(-1), p / 100) for x in batches]).max()


@mistake("You take p for a fraction; it is in percent.", of="percentile_clip", hint=3)
def fraction(batches, p):
    return torch.quantile(_all(batches).abs(), p)


@mistake("You do not interpolate: you take the magnitude at the place t cut off to an integer.", of="percentile_clip", hint=3)
def lower_neighbour(batches, p):
    a = _sorted(batches)
    return a[int(p / 100 * (a.numel() - 1))]


@mistake("You do not interpolate: you take the magnitude next above the place t.", of="percentile_clip", hint=3)
def upper_neighbour(batches, p):
    return torch.quantile(_sorted(batches), p / 100, interpolation="higher")


@mistake("You take p % from the top: 100 - p.", of="percentile_clip", hint=3)
def from_the_top(batches, p):
    return torch.quantile(_sorted(batches), 1 - p / 100)


# Mistakes: the search.


@mistake("You do not search: this is the largest |x| again.", of="mse_clip", hint=1)
def no_search(batches, bits, steps):
    return _all(batches).abs().max()


@mistake(
    "You search for each batch by itself and average the clips. The error to make small is that over all batches.",
    of="mse_clip",
    hint=2,
)
def search_for_each(batches, bits, steps):
    return torch.stack([_search(x.reshape(-1), bits, steps) for x in batches]).mean()


@mistake(
    "You average the batches' mean errors: a small batch counts as much as a large one. Every number counts the same.",
    of="mse_clip",
    hint=2,
)
def mean_of_means(batches, bits, steps):
    def error(_, clip):
        return torch.stack([(x - _grid(x, clip, bits)).square().mean() for x in batches]).mean()

    return _search(_all(batches), bits, steps, error=error)


@mistake("You add up |x - x̂|, not its square: one large error counts too little.", of="mse_clip", hint=3)
def absolute_error(batches, bits, steps):
    return _search(_all(batches), bits, steps, error=lambda x, clip: (x - _grid(x, clip, bits)).abs().mean())


@mistake(
    "You leave the numbers beyond the clip out of the error. They are what a small clip costs.",
    of="mse_clip",
    hint=3,
)
def beyond_left_out(batches, bits, steps):
    def error(x, clip):
        return ((x - _grid(x, clip, bits)).square() * (x.abs() <= clip)).mean()

    return _search(_all(batches), bits, steps, error=error)


@mistake("You do not try the largest clip, i = steps, where nothing is cut off.", of="mse_clip", hint=3)
def last_left_out(batches, bits, steps):
    return _search(_all(batches), bits, steps, first=0, last=steps - 1)


@mistake("You search with 8 bits whatever `bits` is. The fewer there are, the smaller is the best clip.", of="mse_clip", hint=3)
def always_8_bits(batches, bits, steps):
    return _search(_all(batches), 8, steps)


@mistake("Your search takes the largest error for the smallest.", of="mse_clip", hint=3)
def worst(batches, bits, steps):
    return _search(_all(batches), bits, steps, error=lambda x, clip: -(x - _grid(x, clip, bits)).square().mean())


@mistake("You give the smallest error. Asked for is the clip that has it.", of="mse_clip", hint=4)
def error_for_clip(batches, bits, steps):
    x = _all(batches)
    return (x - _grid(x, _search(x, bits, steps), bits)).square().mean()


@mistake("You search up to the largest x, not to the largest |x|.", of="mse_clip", hint=3)
def search_signed(batches, bits, steps):
    x = _all(batches)
    return _search(x, bits, steps, top=x.max())


# Other right solutions.


@alternative("in float64, cut off before it is rounded", of="fake_quantize")
def fake_quantize_wide(x, clip, bits):
    top, c = 2 ** (bits - 1) - 1, float(clip)
    inside = x.double().clamp(-c, c)
    return (torch.round(inside * (top / c)) * (c / top) if c else 0 * inside).to(x.dtype)


@alternative("a loop over Python numbers", of="absmax_clip")
def absmax_by_loop(batches):
    largest = 0.0
    for x in batches:
        largest = max(largest, float(x.max()), -float(x.min()))
    return torch.tensor(largest, dtype=batches[0].dtype)


@alternative("the average as one weighted sum", of="ema_clip")
def ema_by_weights(batches, momentum):
    maxima = torch.stack([torch.linalg.vector_norm(x, ord=torch.inf) for x in batches]).double()
    n = len(batches)
    weights = [(1.0 if i == 0 else 1 - momentum) * momentum ** (n - 1 - i) for i in range(n)]
    return (maxima * torch.tensor(weights, dtype=torch.float64)).sum().to(batches[0].dtype)


@alternative("sorted, and interpolated by hand", of="percentile_clip")
def percentile_by_sorting(batches, p):
    a = sorted(abs(v) for x in batches for v in x.reshape(-1).tolist())
    t = p / 100 * (len(a) - 1)
    i = min(int(t), len(a) - 1)
    return torch.tensor(a[i] + (t - i) * (a[min(i + 1, len(a) - 1)] - a[i]), dtype=batches[0].dtype)


@alternative("numpy's percentile", of="percentile_clip")
def percentile_by_numpy(batches, p):
    flat = np.concatenate([np.abs(x.numpy()).ravel() for x in batches])
    return torch.tensor(np.percentile(flat.astype(np.float64), p), dtype=batches[0].dtype)


@alternative("all clips at once, on a further axis, batch by batch", of="mse_clip")
def mse_at_once(batches, bits, steps):
    top = max(x.abs().max() for x in batches)
    if top == 0:
        return top
    clips = torch.arange(1, steps + 1).to(top.dtype) * top / steps
    q_max = 2 ** (bits - 1) - 1
    error = 0.0
    for x in batches:
        scale = (clips / q_max)[:, None]
        x = x.reshape(1, -1)
        error = error + (x - scale * (x / scale).round().clamp(-q_max, q_max)).square().sum(1, dtype=torch.float64)
    return clips[error.argmin()]


# More mistakes.


@mistake(
    "Your average starts from 0 and is corrected for it, as Adam does. Here the first batch's maximum sets it, and "
    "nothing is to be corrected.",
    of="ema_clip",
    hint=3,
)
def bias_corrected(batches, momentum):
    a = 0.0
    for x in batches:
        a = momentum * a + (1 - momentum) * x.abs().max()
    return a / (1 - momentum ** len(batches))


@mistake(
    "Your place of the percentile is p % of N. Counted from 0 the last magnitude stands at N - 1, so it is p % of "
    "that.",
    of="percentile_clip",
    hint=3,
)
def place_in_n(batches, p):
    x = _sorted(batches)
    t = min(p / 100 * len(x), len(x) - 1)
    low = int(t)
    return x[low] + (t - low) * (x[min(low + 1, len(x) - 1)] - x[low])


@mistake(
    "You square the mean of the errors, so that errors of both signs cancel. It is the mean of their squares.",
    of="mse_clip",
    hint=3,
)
def errors_cancel(batches, bits, steps):
    return _search(_all(batches), bits, steps, error=lambda x, clip: (x - _grid(x, clip, bits)).mean().square())
