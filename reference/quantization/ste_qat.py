"""The straight-through estimator: the solution, known mistakes, other right solutions."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grader.marks import alternative, mistake


def fake_quantize(x: Tensor, clip: Tensor, bits: int) -> Tensor:
    """Bengio et al. (2013): the gradient of the clamp, and none of the rounding."""
    if clip == 0:
        return torch.zeros_like(x)
    s = clip / (2 ** (bits - 1) - 1)
    inside = torch.clamp(x, -clip, clip)
    rounding = s * torch.round(inside / s) - inside
    return inside + rounding.detach()


def lsq(x: Tensor, s: Tensor, bits: int) -> Tensor:
    """Esser et al. (2019), equations 1 to 3, and section 2.2 for the factor g."""
    q_max = 2 ** (bits - 1) - 1
    g = (x.numel() * q_max) ** -0.5
    s = s * g + (s - s * g).detach()  # s, with a gradient of g
    v = torch.clamp(x / s, -q_max, q_max)
    return s * (v + (torch.round(v) - v).detach())


class QATLinear(nn.Module):
    """Jacob et al. (2017), section 3: weights by their own range, activations by a moving average."""

    def __init__(self, linear: nn.Linear, bits: int, momentum: float) -> None:
        super().__init__()
        self.linear = linear
        self.bits = bits
        self.momentum = momentum
        self.register_buffer("clip", linear.weight.new_zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self._observe(x.detach().abs().max())
        W = self.linear.weight
        x_hat = fake_quantize(x, self.clip, self.bits)
        W_hat = fake_quantize(W, W.detach().abs().max(), self.bits)
        return F.linear(x_hat, W_hat, self.linear.bias)

    def _observe(self, largest: Tensor) -> None:
        if self.clip > 0:
            largest = self.momentum * self.clip + (1 - self.momentum) * largest
        self.clip.copy_(largest)


# For the mistakes.


class _Straight(torch.autograd.Function):
    """Any value with any gradients: those of x and s are given."""

    @staticmethod
    def forward(ctx, x, s, value, by_x, by_s):
        ctx.save_for_backward(by_x, by_s)
        return value.clone()

    @staticmethod
    def backward(ctx, grad):
        by_x, by_s = ctx.saved_tensors
        return grad * by_x, (grad * by_s).sum(), None, None, None


def _grid(x, s, bits, *, q_min=None, rounding=torch.round):
    top = 2 ** (bits - 1) - 1
    return s * torch.clamp(rounding(x / s), q_min or -top, top)


def _ste(x, clip, bits, *, value=None, by_x=None):
    """The right value and gradient, but for what is given."""
    x_, clip = x.detach(), clip.detach()
    if clip == 0:
        return torch.zeros_like(x)
    if value is None:
        value = _grid(x_, clip / (2 ** (bits - 1) - 1), bits)
    by_x = (x_.abs() <= clip).to(x.dtype) if by_x is None else by_x.to(x.dtype)
    return _Straight.apply(x, x.new_zeros(()), value, by_x, torch.zeros_like(x_))


def _learnt(x, s, bits, *, value=None, by_x=None, by_s=None, g=None):
    x_, s_ = x.detach(), s.detach()
    q_max = 2 ** (bits - 1) - 1
    v = x_ / s_
    inside = v.abs() <= q_max
    if by_s is None:
        by_s = torch.where(inside, torch.round(v) - v, v.sign() * q_max)
    g = (x.numel() * q_max) ** -0.5 if g is None else g
    by_x = inside.to(x.dtype) if by_x is None else by_x.to(x.dtype)
    return _Straight.apply(x, s, _grid(x_, s_, bits) if value is None else value, by_x, g * by_s)


# Mistakes: the straight-through estimator.


@mistake(
    "No gradient comes through: the derivative of rounding is 0. Backward has to go round it, as if it were not there.",
    of="fake_quantize",
    hint=1,
)
def rounding_stops(x, clip, bits):
    return _ste(x, clip, bits, by_x=torch.zeros_like(x))


@mistake(
    "Your gradient is 1 everywhere. A number that was cut off gets 0: a small change of it changes nothing. Only the"
    " rounding is skipped in backward, not the clamp.",
    of="fake_quantize",
    hint=3,
)
def straight_outside(x, clip, bits):
    return _ste(x, clip, bits, by_x=torch.ones_like(x))


@mistake(
    "The numbers that lie exactly at an end, such as the largest weight, get no gradient. Both ends are inside.",
    of="fake_quantize",
    hint=3,
)
def ends_outside(x, clip, bits):
    return _ste(x, clip, bits, by_x=x.detach().abs() < clip)


@mistake(
    "You ask whether the *rounded* code fits: a number up to half a step beyond the clip then counts as inside. Ask"
    " it of x: clamp first, then round.",
    of="fake_quantize",
    hint=3,
)
def inside_by_code(x, clip, bits):
    s = clip / (2 ** (bits - 1) - 1)
    return _ste(x, clip, bits, by_x=torch.round(x.detach() / s).abs() <= 2 ** (bits - 1) - 1)


@mistake(
    "Your gradient is divided by the step s: you are straight through in the codes, and forgot to multiply by s on the"
    " way back to real numbers, or the other way round. Inside it is 1.",
    of="fake_quantize",
    hint=3,
)
def divided_by_step(x, clip, bits):
    s = clip / (2 ** (bits - 1) - 1)
    return _ste(x, clip, bits, by_x=(x.detach().abs() <= clip) / s)


@mistake(
    "Your gradient is multiplied by the step s. x is divided by s on the way in and multiplied on the way out: the two"
    " cancel, and inside it is 1.",
    of="fake_quantize",
    hint=3,
)
def times_step(x, clip, bits):
    s = clip / (2 ** (bits - 1) - 1)
    return _ste(x, clip, bits, by_x=(x.detach().abs() <= clip) * s)


@mistake(
    "You have detached the wrong one: forward gives x itself, unrounded. The value is that of the grid, the"
    " gradient that of x.",
    of="fake_quantize",
    hint=4,
)
def value_of_x(x, clip, bits):
    return _ste(x, clip, bits, value=x.detach(), by_x=torch.zeros_like(x))


@mistake("You clamp, and do not round: x̂ has to lie on the grid.", of="fake_quantize", hint=3)
def not_rounded(x, clip, bits):
    return _ste(x, clip, bits, value=torch.clamp(x.detach(), -clip, clip))


@mistake("Nothing is cut off in forward: beyond the clip your codes go on.", of="fake_quantize", hint=3)
def not_clamped(x, clip, bits):
    s = clip / (2 ** (bits - 1) - 1)
    return _ste(x, clip, bits, value=s * torch.round(x.detach() / s))


@mistake("Nothing is cut off, in forward and in backward: the clamp is missing.", of="fake_quantize", hint=3)
def no_clamp_at_all(x, clip, bits):
    s = clip / (2 ** (bits - 1) - 1)
    return _ste(x, clip, bits, value=s * torch.round(x.detach() / s), by_x=torch.ones_like(x))


@mistake(
    "You give the codes. Asked for are the numbers they stand for: times the step again.", of="fake_quantize", hint=3
)
def codes_only(x, clip, bits):
    s = clip / (2 ** (bits - 1) - 1)
    return _ste(x, clip, bits, value=_grid(x.detach(), s, bits) / s)


@mistake(
    "Your grid has a code too many below: -2ᵇ⁻¹. It is symmetric, -q_max … q_max.",
    of="fake_quantize",
    hint=3,
)
def one_code_more(x, clip, bits):
    s = clip / (2 ** (bits - 1) - 1)
    return _ste(x, clip, bits, value=_grid(x.detach(), s, bits, q_min=-(2 ** (bits - 1))))


@mistake("You divide the clip by 2ᵇ⁻¹: its code is q_max = 2ᵇ⁻¹ - 1.", of="fake_quantize", hint=3)
def clip_over_128(x, clip, bits):
    top = 2 ** (bits - 1)
    s = clip / top
    return _ste(x, clip, bits, value=s * torch.clamp(torch.round(x.detach() / s), -top, top - 1))


@mistake("You cut the fraction off where it should be rounded.", of="fake_quantize", hint=3)
def truncated(x, clip, bits):
    return _ste(x, clip, bits, value=_grid(x.detach(), clip / (2 ** (bits - 1) - 1), bits, rounding=torch.trunc))


@mistake("A clip of 0 gives 0 / 0. There x̂ is 0.", of="fake_quantize", hint=4)
def clip_of_zero(x, clip, bits):
    value = _grid(x.detach(), clip / (2 ** (bits - 1) - 1), bits)
    return _Straight.apply(x, x.new_zeros(()), value, (x.detach().abs() <= clip).to(x.dtype), torch.zeros_like(value))


# Mistakes: the learnt step.


@mistake(
    "No gradient reaches s: it was detached, or taken as a plain number. LSQ learns it.",
    of="lsq",
    hint=1,
)
def step_detached(x, s, bits):
    return _ste(x, s.detach() * (2 ** (bits - 1) - 1), bits, value=_grid(x.detach(), s.detach(), bits))


@mistake("The factor g is missing: the gradient of s has to be multiplied by 1 / √(n · q_max).", of="lsq", hint=3)
def factor_missing(x, s, bits):
    return _learnt(x, s, bits, g=1.0)


@mistake("Your factor has no root: g = 1 / √(n · q_max).", of="lsq", hint=3)
def factor_without_root(x, s, bits):
    return _learnt(x, s, bits, g=1 / (x.numel() * (2 ** (bits - 1) - 1)))


@mistake("Your factor has no q_max: g = 1 / √(n · q_max).", of="lsq", hint=3)
def factor_without_q_max(x, s, bits):
    return _learnt(x, s, bits, g=x.numel() ** -0.5)


@mistake("Your factor has no n: g = 1 / √(n · q_max), with n the number of entries of x.", of="lsq", hint=3)
def factor_without_n(x, s, bits):
    return _learnt(x, s, bits, g=(2 ** (bits - 1) - 1) ** -0.5)


@mistake("Your n is the number of rows of x. It is the number of all its entries.", of="lsq", hint=2)
def factor_of_rows(x, s, bits):
    return _learnt(x, s, bits, g=(len(x) * (2 ** (bits - 1) - 1)) ** -0.5)


@mistake("Your n is the length of the last axis of x. It is the number of all its entries.", of="lsq", hint=2)
def factor_of_last_axis(x, s, bits):
    return _learnt(x, s, bits, g=(x.shape[-1] * (2 ** (bits - 1) - 1)) ** -0.5)


@mistake("You average the gradient of s over x: it is summed, and then multiplied by g.", of="lsq", hint=3)
def mean_for_sum(x, s, bits):
    return _learnt(x, s, bits, g=1 / x.numel())


@mistake(
    "You average the gradient of s over x and multiply by g. It is summed: g takes care of the size.", of="lsq", hint=3
)
def mean_and_factor(x, s, bits):
    return _learnt(x, s, bits, g=(x.numel() * (2 ** (bits - 1) - 1)) ** -0.5 / x.numel())


@mistake("You multiply the gradient of x by g, too. It is for that of s alone.", of="lsq", hint=3)
def factor_for_x(x, s, bits):
    g = (x.numel() * (2 ** (bits - 1) - 1)) ** -0.5
    return _learnt(x, s, bits, by_x=g * (x.detach().abs() <= s.detach() * (2 ** (bits - 1) - 1)))


@mistake("You multiply s itself by g: the values are wrong. It is only its gradient that g scales.", of="lsq", hint=4)
def factor_in_the_value(x, s, bits):
    g = (x.numel() * (2 ** (bits - 1) - 1)) ** -0.5
    return _learnt(x, s, bits, value=_grid(x.detach(), (g * s).detach(), bits))


@mistake(
    "Inside your gradient of s is round(x / s) alone: s stands in the division too, and that part, -x / s, is lost."
    " Only the rounding itself is left out of backward.",
    of="lsq",
    hint=3,
)
def division_forgotten(x, s, bits):
    return _learnt(x, s, bits, by_s=_grid(x.detach(), s.detach(), bits) / s.detach())


@mistake("The gradient of s has the wrong sign inside: it is round(x / s) - x / s.", of="lsq", hint=3)
def step_sign(x, s, bits):
    q_max, v = 2 ** (bits - 1) - 1, x.detach() / s.detach()
    return _learnt(x, s, bits, by_s=torch.where(v.abs() <= q_max, v - torch.round(v), v.sign() * q_max))


@mistake(
    "What was cut off gives s no gradient in your code. It pulls the most: with a larger s the end of the grid moves"
    " towards it, by q_max times as much.",
    of="lsq",
    hint=3,
)
def outside_forgotten(x, s, bits):
    q_max, v = 2 ** (bits - 1) - 1, x.detach() / s.detach()
    return _learnt(x, s, bits, by_s=(torch.round(v) - v) * (v.abs() <= q_max))


@mistake(
    "What was cut off below has the gradient of what was cut off above. Below it is -q_max.",
    of="lsq",
    hint=3,
)
def lower_end_positive(x, s, bits):
    q_max, v = 2 ** (bits - 1) - 1, x.detach() / s.detach()
    return _learnt(x, s, bits, by_s=torch.where(v.abs() <= q_max, torch.round(v) - v, float(q_max)))


@mistake(
    "Inside your gradient of s is 0, as if nothing were rounded. What was rounded, round(x / s) - x / s, tells s which"
    " way to go.",
    of="lsq",
    hint=3,
)
def inside_forgotten(x, s, bits):
    q_max, v = 2 ** (bits - 1) - 1, x.detach() / s.detach()
    return _learnt(x, s, bits, by_s=torch.where(v.abs() <= q_max, 0.0, v.sign() * q_max))


@mistake(
    "The clamp is missing in the gradient of s: beyond the ends it is ± q_max, and not clamp(round(x / s)) - x / s.",
    of="lsq",
    hint=3,
)
def not_clamped_in_backward(x, s, bits):
    v = x.detach() / s.detach()
    return _learnt(x, s, bits, by_s=_grid(x.detach(), s.detach(), bits) / s.detach() - v)


@mistake(
    "You ask whether the rounded code fits: a number up to half a step beyond the end then counts as inside, for x and"
    " for s. Ask it of x / s: clamp first, then round.",
    of="lsq",
    hint=3,
)
def lsq_inside_by_code(x, s, bits):
    q_max, v = 2 ** (bits - 1) - 1, x.detach() / s.detach()
    inside = torch.round(v).abs() <= q_max
    return _learnt(x, s, bits, by_x=inside, by_s=torch.where(inside, torch.round(v) - v, v.sign() * q_max))


@mistake("In lsq x gets no gradient: rounding stops it. It is 1 inside.", of="lsq", hint=1)
def lsq_x_stopped(x, s, bits):
    return _learnt(x, s, bits, by_x=torch.zeros_like(x))


@mistake("In lsq the gradient of x is 1 everywhere. What was cut off gets 0.", of="lsq", hint=3)
def lsq_x_outside(x, s, bits):
    return _learnt(x, s, bits, by_x=torch.ones_like(x))


# Mistakes: the layer.


class _Layer(nn.Module):
    """The layer in steps, for the mistakes."""

    def __init__(self, linear, bits, momentum):
        super().__init__()
        self.linear = linear
        self.bits = bits
        self.momentum = momentum
        self.register_buffer("clip", linear.weight.new_zeros(()))

    def forward(self, x):
        if self.training:
            self.observe(self.largest(x))
        return self.combine(self.activations(x), self.weights(self.linear.weight), self.linear.bias)

    def largest(self, x):
        return x.detach().abs().max()

    def observe(self, largest):
        if self.clip > 0:
            largest = self.share() * self.clip + (1 - self.share()) * largest
        self.clip.copy_(largest)

    def share(self):
        return self.momentum

    def activations(self, x):
        return fake_quantize(x, self.clip, self.bits)

    def weights(self, W):
        return fake_quantize(W, W.detach().abs().max(), self.bits)

    def combine(self, x_hat, W_hat, bias):
        return F.linear(x_hat, W_hat, bias)


@mistake(
    "Your observer goes on in evaluation mode: the range of a served model would follow its users' input. There the"
    " clip is only used.",
    of="QATLinear",
    hint=2,
)
class observes_in_eval(_Layer):
    def forward(self, x):
        self.observe(self.largest(x))
        return self.combine(self.activations(x), self.weights(self.linear.weight), self.linear.bias)


@mistake(
    "You quantize x by its own largest |x|, not by the clip that was observed. What is served has only the clip.",
    of="QATLinear",
    hint=2,
)
class by_the_batch(_Layer):
    def activations(self, x):
        return fake_quantize(x, self.largest(x), self.bits)


@mistake("You quantize x first and observe it afterwards. The clip is moved first.", of="QATLinear", hint=2)
class observes_afterwards(_Layer):
    def forward(self, x):
        y = self.combine(self.activations(x), self.weights(self.linear.weight), self.linear.bias)
        if self.training:
            self.observe(self.largest(x))
        return y


@mistake("The clip of your layer never moves after the first batch.", of="QATLinear", hint=3)
class first_batch_only(_Layer):
    def observe(self, largest):
        if self.clip == 0:
            self.clip.copy_(largest)


@mistake(
    "The clip of your layer is the largest |x| ever seen, not a moving average: it never falls.", of="QATLinear", hint=3
)
class never_falls(_Layer):
    def observe(self, largest):
        self.clip.copy_(torch.maximum(self.clip, largest))


@mistake("The clip of your layer is the largest |x| of the last batch, without momentum.", of="QATLinear", hint=3)
class last_batch_only(_Layer):
    def observe(self, largest):
        self.clip.copy_(largest)


@mistake(
    "The clip of your layer starts from 0 and is too small for long. The first batch sets it.", of="QATLinear", hint=3
)
class starts_from_zero(_Layer):
    def observe(self, largest):
        self.clip.copy_(self.momentum * self.clip + (1 - self.momentum) * largest)


@mistake(
    "`momentum` is exchanged: it is the share of the old clip that is kept, 1 - momentum that of the new batch.",
    of="QATLinear",
    hint=3,
)
class momentum_exchanged(_Layer):
    def share(self):
        return 1 - self.momentum


@mistake("You observe the largest x, not the largest |x|.", of="QATLinear", hint=3)
class observes_signed(_Layer):
    def largest(self, x):
        return x.detach().max()


@mistake(
    "Your weights' clip is the largest W, not the largest |W|: large negative weights are cut off.",
    of="QATLinear",
    hint=3,
)
class weights_signed(_Layer):
    def weights(self, W):
        return fake_quantize(W, W.detach().max(), self.bits)


@mistake("The weights are not quantized in your layer.", of="QATLinear", hint=1)
class weights_as_they_are(_Layer):
    def weights(self, W):
        return W


@mistake("The activations are not quantized in your layer.", of="QATLinear", hint=1)
class activations_as_they_are(_Layer):
    def activations(self, x):
        return x


@mistake(
    "In evaluation mode your layer quantizes nothing. It is the quantized layer that will be served: in evaluation only"
    " the observer rests.",
    of="QATLinear",
    hint=2,
)
class plain_in_eval(_Layer):
    def forward(self, x):
        return super().forward(x) if self.training else self.linear(x)


@mistake(
    "You use the clip of the activations for the weights, too. They have a range of their own.", of="QATLinear", hint=2
)
class one_clip_for_both(_Layer):
    def weights(self, W):
        return fake_quantize(W, self.clip, self.bits)


@mistake(
    "You quantize each row of W with a scale of its own. Here there is one clip for all of W.", of="QATLinear", hint=2
)
class weights_by_row(_Layer):
    def weights(self, W):
        return torch.stack([fake_quantize(row, row.detach().abs().max(), self.bits) for row in W])


@mistake("You quantize the bias. It is added as it is.", of="QATLinear", hint=3)
class bias_quantized(_Layer):
    def combine(self, x_hat, W_hat, bias):
        if bias is not None:
            bias = fake_quantize(bias, bias.detach().abs().max(), self.bits)
        return F.linear(x_hat, W_hat, bias)


@mistake("You quantize the output, too. Only x and the weights are quantized here.", of="QATLinear", hint=3)
class output_quantized(_Layer):
    def combine(self, x_hat, W_hat, bias):
        y = F.linear(x_hat, W_hat, bias)
        return fake_quantize(y, y.detach().abs().max(), self.bits)


@mistake(
    "Your observer takes a maximum for each row of the batch and averages them. It is one maximum for all of x.",
    of="QATLinear",
    hint=2,
)
class mean_of_rows(_Layer):
    def largest(self, x):
        return x.detach().abs().amax(-1).mean()


@mistake(
    "The gradient runs through the maximum of x, and the clip keeps the graphs of earlier batches. What is observed"
    " is a constant: detach it.",
    of="QATLinear",
    hint=4,
)
class observer_not_detached(_Layer):
    def largest(self, x):
        return x.abs().max()


@mistake("The bias is missing in your layer.", of="QATLinear", hint=3)
class bias_dropped(_Layer):
    def combine(self, x_hat, W_hat, bias):
        return F.linear(x_hat, W_hat)


@mistake("Your layer fails where `linear` has no bias.", of="QATLinear", hint=3)
class needs_a_bias(_Layer):
    def combine(self, x_hat, W_hat, bias):
        return F.linear(x_hat, W_hat) + bias


@mistake(
    "You round the weights in place. What is trained are the full weights: an optimizer's steps are smaller than the"
    " grid's, and rounded away they never add up.",
    of="QATLinear",
    hint=1,
)
class weights_in_place(_Layer):
    def weights(self, W):
        with torch.no_grad():
            W.copy_(fake_quantize(W, W.abs().max(), self.bits))
        return W


@mistake(
    "The gradient runs through the maximum, too: the largest weight gets the gradients of all others on top. The"
    " clip is a constant: detach it.",
    of="QATLinear",
    hint=4,
)
class clip_not_detached(_Layer):
    def weights(self, W):
        return _learnt(W, W.abs().max() / (2 ** (self.bits - 1) - 1), self.bits, g=1.0)


@mistake(
    "Your layer quantizes its weights once, when it is made. They are trained, and have to be quantized at each call.",
    of="QATLinear",
    hint=2,
)
class weights_quantized_once(_Layer):
    def __init__(self, linear, bits, momentum):
        super().__init__(linear, bits, momentum)
        self.once = super().weights(linear.weight).detach()

    def weights(self, W):
        return self.once + (W - W.detach())


@mistake(
    "`clip` is a plain attribute. It has to be a buffer, or it is not saved with the model, and what was observed is"
    " lost.",
    of="QATLinear",
    hint=4,
)
class clip_no_buffer(_Layer):
    def __init__(self, linear, bits, momentum):
        super().__init__(linear, bits, momentum)
        del self.clip
        self.clip = linear.weight.detach().new_zeros(())


@mistake(
    "`clip` is a parameter. An optimizer would move it; it is observed, not learnt, and has to be a buffer.",
    of="QATLinear",
    hint=4,
)
class clip_a_parameter(_Layer):
    def __init__(self, linear, bits, momentum):
        super().__init__(linear, bits, momentum)
        del self.clip
        self.clip = nn.Parameter(linear.weight.detach().new_zeros(()))

    def observe(self, largest):
        with torch.no_grad():
            super().observe(largest)


# Other right solutions.


@alternative("an autograd function", of="fake_quantize")
def by_autograd_function(x, clip, bits):
    class Straight(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, clip):
            ctx.save_for_backward(x.abs() <= clip)
            if clip == 0:
                return torch.zeros_like(x)
            q_max = 2 ** (bits - 1) - 1
            return (x * q_max / clip).round().clamp(-q_max, q_max) * (clip / q_max)

        @staticmethod
        def backward(ctx, grad):
            (inside,) = ctx.saved_tensors
            return grad * inside, None

    return Straight.apply(x, clip)


@alternative("masked: what is cut off is a constant", of="fake_quantize")
def by_mask(x, clip, bits):
    with torch.no_grad():
        q_max = 2 ** (bits - 1) - 1
        s = clip / q_max if clip > 0 else torch.ones_like(clip)
        value = torch.round(x / s).clamp(-q_max, q_max) * s * (clip > 0)
        inside = (x >= -clip) & (x <= clip)
    return torch.where(inside, x - x.detach(), 0.0) + value


@alternative("an autograd function with the gradient of s as in the paper", of="lsq")
def lsq_by_function(x, s, bits):
    q_max = 2 ** (bits - 1) - 1

    class Learnt(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, s):
            v = x / s
            ctx.save_for_backward(v)
            return v.round().clamp(-q_max, q_max) * s

        @staticmethod
        def backward(ctx, grad):
            (v,) = ctx.saved_tensors
            by_s = torch.where(v > q_max, float(q_max), torch.where(v < -q_max, float(-q_max), v.round() - v))
            return grad * ((v >= -q_max) & (v <= q_max)), (grad * by_s).sum() / (v.numel() * q_max) ** 0.5

    return Learnt.apply(x, s)


@alternative("the grid's value, plus zeros that carry the gradients", of="lsq")
def lsq_by_zeros(x, s, bits):
    q_max = 2 ** (bits - 1) - 1
    with torch.no_grad():
        v = x / s
        q = v.round().clamp(-q_max, q_max)
        inside = (v.abs() < q_max).to(x.dtype)
        slope = (q - v * inside) / (x.numel() * q_max) ** 0.5
        value = s * q
    return value + inside * (x - x.detach()) + slope * (s - s.detach())


@alternative("the first batch by a flag, the buffer put anew", of="QATLinear")
class by_flag(nn.Module):
    def __init__(self, linear, bits, momentum):
        super().__init__()
        self.linear, self.bits, self.momentum = linear, bits, momentum
        self.register_buffer("clip", torch.zeros((), dtype=linear.weight.dtype))

    def forward(self, x):
        if self.training:
            with torch.no_grad():
                m = max(x.max(), -x.min())
                self.clip = m.clone() if not self.clip else self.clip.lerp(m, 1 - self.momentum)
        with torch.no_grad():
            w_clip = torch.linalg.vector_norm(self.linear.weight, torch.inf)
        weight = fake_quantize(self.linear.weight, w_clip, self.bits)
        y = fake_quantize(x, self.clip, self.bits) @ weight.mT
        return y if self.linear.bias is None else y + self.linear.bias
