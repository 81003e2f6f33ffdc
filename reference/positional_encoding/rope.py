"""Rotary position embedding: Su et al., "RoFormer" (2021), section 3.2.2 and, for the elementwise form, 3.4.2."""

import math

import torch
from torch import Tensor

from grader.marks import alternative, mistake


def rope(x: Tensor, pos: Tensor, theta: float = 10000.0) -> Tensor:
    """Turn each pair of neighbouring columns of `x` by its position times the pair's own frequency."""
    d = x.shape[-1]
    frequency = theta ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)  # theta^(-2i/d), one for each pair
    angle = pos[..., None] * frequency
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack((a * cos - b * sin, a * sin + b * cos), dim=-1).flatten(-2)


def scores(q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor, theta: float = 10000.0) -> Tensor:
    """The dot products of rotated queries with rotated keys."""
    return rope(q, pos_q, theta) @ rope(k, pos_k, theta).transpose(-2, -1)


# Other right ways.


@alternative("pairs as complex numbers, turned by multiplying with e^(iφ)", of="rope")
def complex_numbers(x: Tensor, pos: Tensor, theta: float = 10000.0) -> Tensor:
    half = x.shape[-1] // 2
    angle = pos.double().unsqueeze(-1) * torch.exp(torch.arange(half).double() * (-math.log(theta) / half))
    z = torch.view_as_complex(x.double().unflatten(-1, (half, 2)).contiguous())
    return torch.view_as_real(z * torch.polar(torch.ones_like(angle), angle)).flatten(-2).to(x.dtype)


@alternative("x cos φ plus a helper that swaps neighbours, times sin φ", of="rope")
def swapped_neighbours(x: Tensor, pos: Tensor, theta: float = 10000.0) -> Tensor:
    j = torch.arange(x.shape[-1])
    angle = pos[..., None].double() / theta ** ((j - j % 2).double() / x.shape[-1])
    across = torch.stack((-x[..., 1::2], x[..., 0::2]), dim=-1).reshape(x.shape)
    return x * angle.cos().to(x.dtype) + across * angle.sin().to(x.dtype)


@alternative("one pair and one matrix at a time", of="rope")
def pair_by_pair(x: Tensor, pos: Tensor, theta: float = 10000.0) -> Tensor:
    d = x.shape[-1]
    y = torch.zeros_like(x)
    where = pos.expand(x.shape[:-1]).double()
    for i in range(d // 2):
        phi = where * theta ** (-2 * i / d)
        c, s = phi.cos(), phi.sin()
        R = torch.stack((torch.stack((c, -s), -1), torch.stack((s, c), -1)), -2).to(x.dtype)
        y[..., 2 * i : 2 * i + 2] = (R @ x[..., 2 * i : 2 * i + 2, None])[..., 0]
    return y


@alternative("queries turned by the difference of the positions, keys left alone", of="scores")
def by_difference(q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor, theta: float = 10000.0) -> Tensor:
    columns = []
    pos_q, pos_k = pos_q.expand(q.shape[:-1]), pos_k.expand(k.shape[:-1])
    for j in range(k.shape[-2]):
        turned = rope(q, pos_q - pos_k[..., j : j + 1], theta)
        columns.append((turned * k[..., j : j + 1, :]).sum(-1))
    return torch.stack(columns, dim=-1) if columns else q.new_zeros(*q.shape[:-1], 0)


@alternative("einsum", of="scores")
def by_einsum(q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor, theta: float = 10000.0) -> Tensor:
    return torch.einsum("...qd,...kd->...qk", rope(q, pos_q, theta), rope(k, pos_k, theta))


# Known mistakes of `rope`. What they share:


def _frequencies(d: int, theta: float, steps: float = 2.0) -> Tensor:
    return theta ** (-steps * torch.arange(d // 2, dtype=torch.float64) / d)


def _angles(x: Tensor, pos: Tensor, theta: float) -> Tensor:
    return pos[..., None] * _frequencies(x.shape[-1], theta)


def _turn(x: Tensor, angle: Tensor) -> Tensor:
    a, b = _turned_pairs(x[..., 0::2], x[..., 1::2], angle)
    return torch.stack((a, b), dim=-1).flatten(-2)


def _turned_pairs(a: Tensor, b: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    cos, sin = angle.cos().to(a.dtype), angle.sin().to(a.dtype)
    return a * cos - b * sin, a * sin + b * cos


def _across_halves(x: Tensor) -> Tensor:
    a, b = x.chunk(2, dim=-1)
    return torch.cat((-b, a), dim=-1)


def _across_neighbours(x: Tensor) -> Tensor:
    return torch.stack((-x[..., 1::2], x[..., 0::2]), dim=-1).flatten(-2)


@mistake(
    "This is the other RoPE layout: your pairs are columns i and i + d/2 (halves), here they are the neighbours 2i and 2i + 1 "
    "(interleaved). Each layout is right in its own models; with weights of the other kind the model talks nonsense.",
    of="rope",
    hint=2,
)
def half_split(x, pos, theta=10000.0):
    a, b = x.chunk(2, dim=-1)
    return torch.cat(_turned_pairs(a, b, _angles(x, pos, theta)), dim=-1)


@mistake(
    "The pairs are read as neighbours, but written as halves: all first members, then all second ones. The scores come out "
    "right, because queries and keys are shuffled alike, but y[2i] and y[2i + 1] must be where x[2i] and x[2i + 1] were.",
    of="rope",
    hint=2,
)
def written_as_halves(x, pos, theta=10000.0):
    return torch.cat(_turned_pairs(x[..., 0::2], x[..., 1::2], _angles(x, pos, theta)), dim=-1)


@mistake(
    "Two layouts are mixed: the numbers are paired as neighbours, but the angles are laid out for halves (all angles, then all "
    "of them again). Two neighbours need one and the same angle.",
    of="rope",
    hint=2,
)
def angles_in_halves(x, pos, theta=10000.0):
    angle = _angles(x, pos, theta).repeat(*[1] * pos.dim(), 2)
    return x * angle.cos().to(x.dtype) + _across_neighbours(x) * angle.sin().to(x.dtype)


@mistake(
    "Two layouts are mixed: the angles are laid out for neighbours, but column i is turned together with column i + d/2 "
    "(rotate-half). Pair neighbours: columns 2i and 2i + 1.",
    of="rope",
    hint=2,
)
def partners_in_halves(x, pos, theta=10000.0):
    angle = _angles(x, pos, theta).repeat_interleave(2, dim=-1)
    return x * angle.cos().to(x.dtype) + _across_halves(x) * angle.sin().to(x.dtype)


@mistake("Nothing is turned: x comes back as it was, whatever the positions are.", of="rope", hint=1)
def identity(x, pos, theta=10000.0):
    return x.clone()


@mistake("The base is fixed at 10000, and the argument `theta` is not used.", of="rope", hint=3)
def theta_ignored(x, pos, theta=10000.0):
    return _turn(x, _angles(x, pos, 10000.0))


@mistake(
    "All pairs turn at the same speed, one radian a position. Pair i turns by pos · theta^(-2i/d): each pair is slower than the "
    "one before (an integer division makes all the exponents 0).",
    of="rope",
    hint=3,
)
def one_frequency(x, pos, theta=10000.0):
    return _turn(x, _angles(x, pos, 1.0))


@mistake(
    "The exponent is 4i/d: the 2 was counted twice (an index that already steps by two, times two). It is 2i/d, with i counting "
    "pairs.",
    of="rope",
    hint=3,
)
def exponent_4i(x, pos, theta=10000.0):
    return _turn(x, pos[..., None] * _frequencies(x.shape[-1], theta, steps=4.0))


@mistake(
    "The exponent is i/d where it should be 2i/d, with i counting pairs: the pairs slow down only half as much as they should.",
    of="rope",
    hint=3,
)
def exponent_i(x, pos, theta=10000.0):
    return _turn(x, pos[..., None] * _frequencies(x.shape[-1], theta, steps=1.0))


@mistake(
    "The sign of the exponent is turned round: the position is multiplied by theta^(2i/d), so every pair is faster than the one "
    "before.",
    of="rope",
    hint=3,
)
def exponent_positive(x, pos, theta=10000.0):
    return _turn(x, pos[..., None] * _frequencies(x.shape[-1], theta, steps=-2.0))


@mistake(
    "`pos` is not used: the rows are taken to stand at 0, 1, 2, ... A row stands where `pos` says; while a text is being "
    "written, a model rotates a single row at a far position.",
    of="rope",
    hint=2,
)
def positions_ignored(x, pos, theta=10000.0):
    return _turn(x, _angles(x, torch.arange(x.shape[-2]), theta))


@mistake("Positions are counted from 1: everything is turned one step too far. Position 0 turns nothing.", of="rope", hint=3)
def one_too_far(x, pos, theta=10000.0):
    return _turn(x, _angles(x, pos + 1, theta))


@mistake(
    "The pairs turn the wrong way: clockwise, by -φ. The minus sign belongs to the first member: a cos φ - b sin φ. (Scores do "
    "not show it, as queries and keys turn alike.)",
    of="rope",
    hint=3,
)
def clockwise(x, pos, theta=10000.0):
    return _turn(x, -_angles(x, pos, theta))


@mistake(
    "There is no minus sign, so this is no rotation: it changes the pairs' lengths. One of the two sines must be subtracted.",
    of="rope",
    hint=3,
)
def no_minus(x, pos, theta=10000.0):
    angle = _angles(x, pos, theta)
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack((a * cos + b * sin, a * sin + b * cos), dim=-1).flatten(-2)


@mistake(
    "The second member of each pair is worked out from the first one's new value. Both need the old values: overwrite neither "
    "before both are done.",
    of="rope",
    hint=3,
)
def second_from_new(x, pos, theta=10000.0):
    angle = _angles(x, pos, theta)
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x[..., 0::2], x[..., 1::2]
    a = a * cos - b * sin
    return torch.stack((a, a * sin + b * cos), dim=-1).flatten(-2)


@mistake(
    "Sine and cosine are added to x, as with the sinusoidal encoding. RoPE adds nothing: it turns the pairs.",
    of="rope",
    hint=1,
)
def added(x, pos, theta=10000.0):
    angle = _angles(x, pos, theta)
    return x + torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(-2).to(x.dtype)


@mistake("x itself is changed. The caller still needs it; return a new tensor.", of="rope", hint=4)
def in_place(x, pos, theta=10000.0):
    x[..., 0::2], x[..., 1::2] = _turned_pairs(x[..., 0::2], x[..., 1::2], _angles(x, pos, theta))
    return x


@mistake(
    "A float32 x comes back as float64, because the angles are float64. Convert their cosines and sines to the dtype of x.",
    of="rope",
    hint=4,
)
def float64_result(x, pos, theta=10000.0):
    return _turn(x.double(), _angles(x, pos, theta))


@mistake(
    "No gradient reaches x: it is cut off from autograd (detach, .data, no_grad or a trip through NumPy), and nothing before the "
    "rotation could be trained.",
    of="rope",
    hint=4,
)
def detached(x, pos, theta=10000.0):
    return _turn(x.detach(), _angles(x, pos, theta))


@mistake(
    "The angles are worked out in float32. Near position 100,000 a float32 is off by up to 0.004, and the rotation with it: work "
    "the angles out in float64, and give the dtype of x to their cosines and sines only.",
    of="rope",
    hint=4,
)
def float32_angles(x, pos, theta=10000.0):
    d = x.shape[-1]
    return _turn(x, pos[..., None].float() * (1.0 / theta ** (torch.arange(0, d, 2).float() / d)))


# Known mistakes of `scores`.


@mistake(
    "In `scores` only the queries are turned. The score then depends on where the query stands, not on how far it is from the "
    "key: the keys need their rotation too.",
    of="scores",
    hint=1,
)
def query_only(q, k, pos_q, pos_k, theta=10000.0):
    return rope(q, pos_q, theta) @ k.transpose(-2, -1)


@mistake(
    "In `scores` only the keys are turned. The score then depends on where the key stands, not on how far it is from the query: "
    "the queries need their rotation too.",
    of="scores",
    hint=1,
)
def key_only(q, k, pos_q, pos_k, theta=10000.0):
    return q @ rope(k, pos_k, theta).transpose(-2, -1)


@mistake("In `scores` the keys are turned by the queries' positions: they have their own, pos_k.", of="scores", hint=4)
def keys_at_pos_q(q, k, pos_q, pos_k, theta=10000.0):
    return rope(q, pos_q, theta) @ rope(k, pos_q, theta).transpose(-2, -1)


@mistake("In `scores` nothing is turned: these are the dot products of q and k as they came.", of="scores", hint=4)
def not_turned(q, k, pos_q, pos_k, theta=10000.0):
    return q @ k.transpose(-2, -1)


@mistake("`scores` does not hand its theta on to `rope`, which then uses 10000.", of="scores", hint=4)
def theta_not_handed_on(q, k, pos_q, pos_k, theta=10000.0):
    return rope(q, pos_q) @ rope(k, pos_k).transpose(-2, -1)


@mistake(
    "The scores are divided by √d. That belongs to attention, which does it later: `scores` returns the plain dot products.",
    of="scores",
    hint=3,
)
def scores_scaled(q, k, pos_q, pos_k, theta=10000.0):
    return rope(q, pos_q, theta) @ rope(k, pos_k, theta).transpose(-2, -1) / math.sqrt(q.shape[-1])
