"""ALiBi: Press, Smith and Lewis, "Train Short, Test Long" (2021), section 3; the slopes of any number of heads as in its code."""

import math

import torch
from torch import Tensor

from grader.marks import alternative, mistake


def slopes(h: int) -> Tensor:
    """The slope of each of `h` heads."""
    p = 2 ** (h.bit_length() - 1)  # the largest power of two that is not above h
    first = 2.0 ** (-8 * torch.arange(1, p + 1, dtype=torch.float64) / p)
    between = 2.0 ** (-4 * torch.arange(1, 2 * p, 2, dtype=torch.float64) / p)  # of 2p heads: the odd ones
    return torch.cat((first, between[: h - p]))


def alibi(h: int, pos_q: Tensor, pos_k: Tensor) -> Tensor:
    """What is added to each score: less the further back the key stands, minus infinity where it stands ahead."""
    distance = pos_q[:, None] - pos_k  # i - j: (n_q, n_k)
    bias = -slopes(h)[:, None, None] * distance
    return bias.masked_fill(distance < 0, -math.inf)


def scores(q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor) -> Tensor:
    """Scaled dot products with the bias of ALiBi."""
    h, _, d = q.shape[-3:]
    return q @ k.transpose(-2, -1) / math.sqrt(d) + alibi(h, pos_q, pos_k).to(q.dtype)


# Other right ways.


@alternative("recursion, and a ratio multiplied on", of="slopes")
def recursive(h: int) -> Tensor:
    def powers(n: int) -> list[float]:
        ratio = 2.0 ** (-8 / n)
        return [ratio ** (a + 1) for a in range(n)]

    p = 2 ** math.floor(math.log2(h))
    values = powers(p) if p == h else powers(p) + recursive(2 * p)[0::2][: h - p].tolist()
    return torch.tensor(values, dtype=torch.float64)


@alternative("one number at a time", of="alibi")
def one_by_one(h: int, pos_q: Tensor, pos_k: Tensor) -> Tensor:
    m, queries, keys = slopes(h).tolist(), pos_q.tolist(), pos_k.tolist()
    bias = torch.full((h, len(queries), len(keys)), -math.inf, dtype=torch.float64)
    for a in range(h):
        for row, i in enumerate(queries):
            for column, j in enumerate(keys):
                if j <= i:
                    bias[a, row, column] = m[a] * (j - i)
    return bias


@alternative("einsum, and torch.where for the mask", of="alibi")
def by_einsum(h: int, pos_q: Tensor, pos_k: Tensor) -> Tensor:
    back = (pos_k.unsqueeze(0) - pos_q.unsqueeze(1)).double()
    return torch.einsum("a,qk->aqk", slopes(h), torch.where(back <= 0, back, torch.tensor(-math.inf, dtype=torch.float64)))


@alternative("the queries scaled first, head by head", of="scores")
def head_by_head(q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor) -> Tensor:
    h, d = q.shape[-3], q.shape[-1]
    bias = alibi(h, pos_q, pos_k).to(q)
    heads = [torch.einsum("...qd,...kd->...qk", q[..., a, :, :] * d**-0.5, k[..., a, :, :]) + bias[a] for a in range(h)]
    return torch.stack(heads, dim=-3)


# Known mistakes. What they share:


def _powers(n: int) -> Tensor:
    return 2.0 ** (-8 * torch.arange(1, n + 1, dtype=torch.float64) / n)


def _below(h: int) -> int:
    return 2 ** (h.bit_length() - 1)


def _distance(pos_q: Tensor, pos_k: Tensor) -> Tensor:
    return pos_q[:, None] - pos_k


def _sloped(h: int, distance: Tensor) -> Tensor:
    return -slopes(h)[:, None, None] * distance


def _dots(q: Tensor, k: Tensor) -> Tensor:
    return q @ k.transpose(-2, -1)


def _bias(q: Tensor, pos_q: Tensor, pos_k: Tensor) -> Tensor:
    return alibi(q.shape[-3], pos_q, pos_k).to(q.dtype)


@mistake(
    "You use 2^(-8a/h) for every h. It is right for powers of two; for 12 heads the slopes are those of 8 heads and then every "
    "second one of 16.",
    of="slopes",
    hint=3,
)
def formula_for_all(h):
    return _powers(h)


@mistake(
    "Where h is no power of two, you take the first h slopes of the next power above it. The far-sighted heads are missing then: "
    "begin with all the slopes of the power below.",
    of="slopes",
    hint=3,
)
def power_above_cut(h):
    return _powers(_below(h) if h == _below(h) else 2 * _below(h))[:h]


@mistake(
    "The slopes that you add are numbers a = 2, 4, 6, ... of 2p heads. Those are the first p over again: take the odd ones, "
    "which fall between.",
    of="slopes",
    hint=3,
)
def even_ones_added(h):
    p = _below(h)
    return torch.cat((_powers(p), _powers(2 * p)[1::2][: h - p]))


@mistake(
    "The slopes that you add are the first h - p of 2p heads, one after the other. Every second one is wanted, as the others are "
    "there already.",
    of="slopes",
    hint=3,
)
def consecutive_added(h):
    p = _below(h)
    return torch.cat((_powers(p), _powers(2 * p)[: h - p]))


@mistake(
    "The slopes are right, but you sorted them. Which head has which slope matters to a trained model: the added ones stand "
    "behind the first p.",
    of="slopes",
    hint=3,
)
def sorted_slopes(h):
    p = _below(h)
    return torch.cat((_powers(p), _powers(2 * p)[0::2][: h - p])).sort(descending=True).values


@mistake("The added slopes stand in front of the first p. They come behind them.", of="slopes", hint=3)
def added_in_front(h):
    p = _below(h)
    return torch.cat((_powers(2 * p)[0::2][: h - p], _powers(p)))


@mistake(
    "Your slopes come in the wrong order, the smallest first. Head 1 has the largest slope, and each is smaller than the one "
    "before.",
    of="slopes",
    hint=3,
)
def order_reversed(h):
    p = _below(h)
    return torch.cat((_powers(p).flip(0), _powers(2 * p)[0::2][: h - p].flip(0)))


@mistake(
    "Your slopes start at a = 0, so the first is 1 and the last is not yet 2⁻⁸. The heads are counted from 1 in the formula.",
    of="slopes",
    hint=3,
)
def counted_from_zero(h):
    p = _below(h)
    ratio, finer = _powers(p)[0], _powers(2 * p)[0]
    return torch.cat((_powers(p) / ratio, (_powers(2 * p) / finer)[0::2][: h - p]))


@mistake(
    "Your slopes halve from head to head, 1/2, 1/4, 1/8, ... That is so for 8 heads only; the ratio is 2^(-8/h), so that "
    "the last slope is 2⁻⁸ however many heads there are.",
    of="slopes",
    hint=3,
)
def always_halved(h):
    return 2.0 ** -torch.arange(1, h + 1, dtype=torch.float64)


@mistake(
    "The exponent is positive: your slopes are 4, 16, 64 and not 1/4, 1/16, 1/64. Steep slopes leave nothing but the query's own "
    "token.",
    of="slopes",
    hint=3,
)
def positive_exponent(h):
    p = _below(h)
    return 1 / torch.cat((_powers(p), _powers(2 * p)[0::2][: h - p]))


@mistake(
    "The sign is turned round: your bias grows with the distance, so the furthest tokens get most. It is to be zero or less.",
    of="alibi",
    hint=1,
)
def rewarded(h, pos_q, pos_k):
    distance = _distance(pos_q, pos_k)
    return (-_sloped(h, distance)).masked_fill(distance < 0, -math.inf)


@mistake(
    "Nothing ahead is hidden: you return the straight line on both sides, and keys ahead of the query even gain. Where j > i the "
    "bias is minus infinity.",
    of="alibi",
    hint=4,
)
def nothing_hidden(h, pos_q, pos_k):
    return _sloped(h, _distance(pos_q, pos_k))


@mistake(
    "Keys ahead get -m·|i - j|, as an encoder would do it. Here a query may not look ahead: minus infinity where j > i.",
    of="alibi",
    hint=4,
)
def both_sides(h, pos_q, pos_k):
    return _sloped(h, _distance(pos_q, pos_k).abs())


@mistake("Keys ahead of the query get a bias of 0, so they are seen best of all. Hide them: minus infinity.", of="alibi", hint=4)
def ahead_is_zero(h, pos_q, pos_k):
    return _sloped(h, _distance(pos_q, pos_k).clamp(min=0))


@mistake(
    "You hide the query's own token too. A key at the query's position is visible, with bias 0: only j > i is ahead.",
    of="alibi",
    hint=4,
)
def own_token_hidden(h, pos_q, pos_k):
    distance = _distance(pos_q, pos_k)
    return _sloped(h, distance).masked_fill(distance <= 0, -math.inf)


@mistake(
    "You hide the past and show what is ahead: the mask is turned round. Minus infinity belongs where the key's position is "
    "larger than the query's.",
    of="alibi",
    hint=4,
)
def past_hidden(h, pos_q, pos_k):
    distance = _distance(pos_q, pos_k)
    return _sloped(h, distance).masked_fill(distance > 0, -math.inf)


@mistake(
    "You mask by index: column > row is hidden, whatever the positions are. A single query at a far position would then see one "
    "key. Compare positions.",
    of="alibi",
    hint=2,
)
def hidden_by_index(h, pos_q, pos_k):
    distance = _distance(pos_q, pos_k)
    ahead = torch.ones_like(distance).triu(1).bool()
    return _sloped(h, distance).masked_fill(ahead, -math.inf)


@mistake(
    "Your distances are differences of row and column numbers; `pos_q` and `pos_k` are not used. Tokens stand where they say.",
    of="alibi",
    hint=2,
)
def positions_ignored(h, pos_q, pos_k):
    distance = _distance(torch.arange(len(pos_q)), torch.arange(len(pos_k)))
    return _sloped(h, distance).masked_fill(distance < 0, -math.inf)


@mistake(
    "Your mask is a large finite number, not minus infinity. Added to a score it leaves a hidden key some weight, or overflows "
    "in half precision.",
    of="alibi",
    hint=4,
)
def large_number(h, pos_q, pos_k):
    distance = _distance(pos_q, pos_k)
    return _sloped(h, distance).masked_fill(distance < 0, -1e9)


@mistake(
    "Your bias has the keys as rows and the queries as columns: (h, n_k, n_q). A row belongs to a query.", of="alibi", hint=2
)
def transposed(h, pos_q, pos_k):
    distance = _distance(pos_q, pos_k)
    return _sloped(h, distance).masked_fill(distance < 0, -math.inf).transpose(-2, -1)


@mistake(
    "You divide the bias by √d as well: it is added to the dot products before they are scaled. Scale first, then add.",
    of="scores",
    hint=3,
)
def bias_scaled(q, k, pos_q, pos_k):
    return (_dots(q, k) + _bias(q, pos_q, pos_k)) / math.sqrt(q.shape[-1])


@mistake("The dot products are not divided by √d. ALiBi changes nothing about that.", of="scores", hint=3)
def not_scaled(q, k, pos_q, pos_k):
    return _dots(q, k) + _bias(q, pos_q, pos_k)


@mistake("Your scores are scaled dot products alone: the bias is not added.", of="scores", hint=3)
def no_bias(q, k, pos_q, pos_k):
    return _dots(q, k) / math.sqrt(q.shape[-1])


@mistake(
    "You take the bias away from the scores. It is negative already: add it, or distant keys gain.", of="scores", hint=1
)
def bias_subtracted(q, k, pos_q, pos_k):
    return _dots(q, k) / math.sqrt(q.shape[-1]) - _bias(q, pos_q, pos_k)


@mistake(
    "The scores of float32 queries come out in float64, because the bias is. Give the bias the dtype of q.", of="scores", hint=4
)
def float64_scores(q, k, pos_q, pos_k):
    return _dots(q, k) / math.sqrt(q.shape[-1]) + alibi(q.shape[-3], pos_q, pos_k)


@mistake(
    "No gradient reaches q and k: they are cut off from autograd (detach, .data, no_grad or NumPy), so nothing before attention "
    "could be trained.",
    of="scores",
    hint=4,
)
def detached(q, k, pos_q, pos_k):
    return (_dots(q, k) / math.sqrt(q.shape[-1])).detach() + _bias(q, pos_q, pos_k)
