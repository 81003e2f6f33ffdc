"""Masking: Vaswani et al., "Attention Is All You Need" (2017), section 3.2.3, with boolean and additive masks."""

import math

import torch
from torch import Tensor

from grader.marks import alternative, mistake


def masked_softmax(S: Tensor, mask: Tensor | None = None) -> Tensor:
    """Softmax of each row of `S` over the keys that `mask` leaves, zeros for all others."""
    if mask is None:
        return torch.softmax(S, dim=-1)
    hidden = is_hidden(mask)
    if mask.dtype != torch.bool:
        S = S + mask
    # The hidden scores are replaced, not added to: whatever they held is gone, and no gradient passes there.
    A = torch.softmax(S.masked_fill(hidden, -math.inf), dim=-1)
    # A row of -inf alone became 0/0. Its weights are zero.
    return A.masked_fill(hidden, 0.0)


def attend(S: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
    """Average the rows of `V` with the weights of `masked_softmax`; what nobody may see leaves no trace."""
    A = masked_softmax(S, mask)
    if mask is not None:
        # 0 * NaN is NaN: a value that no query may see has to go before the product.
        unseen = is_hidden(mask).expand(S.shape).all(dim=-2)
        V = V.masked_fill(unseen.unsqueeze(-1), 0.0)
    return A @ V


def is_hidden(mask: Tensor) -> Tensor:
    """Where a mask of either kind hides."""
    return ~mask if mask.dtype == torch.bool else mask == -math.inf


# Other right ways.


@alternative("row by row, over the keys that are left", of="masked_softmax")
def row_by_row(S, mask=None):
    if mask is None:
        mask = torch.ones(S.shape, dtype=torch.bool)
    n_k = S.shape[-1]
    if S.numel() == 0:
        return torch.zeros_like(S)
    keep = (mask if mask.dtype == torch.bool else mask > -math.inf).expand(S.shape).reshape(-1, n_k)
    if mask.dtype != torch.bool:
        S = S + mask
    rows = []
    for row, kept in zip(S.reshape(keep.shape), keep, strict=True):
        left = row[kept]
        weights = torch.zeros(n_k, dtype=S.dtype)
        if len(left):
            shares = (left.double() - left.double().max().detach()).exp()
            weights[kept] = (shares / shares.sum()).to(S.dtype)
        rows.append(weights)
    return torch.stack(rows).reshape(S.shape)


@alternative("torch.where, and a softmax written out", of="masked_softmax")
def written_out(S, mask=None):
    dtype = S.dtype
    keep = torch.ones_like(S, dtype=torch.bool)
    if mask is not None:
        keep = keep & (mask if mask.dtype == torch.bool else ~torch.isneginf(mask))
        if mask.is_floating_point():
            S = S + torch.where(keep, mask, 0.0)
    if S.shape[-1] == 0:
        return S.clone()
    S = torch.where(keep, S.float() if dtype.itemsize == 2 else S, 0.0)
    top = torch.where(keep, S, -torch.inf).amax(dim=-1, keepdim=True)
    E = torch.where(keep, torch.where(keep, S - torch.where(top.isinf(), 0.0, top), 0.0).exp(), 0.0)
    total = E.sum(dim=-1, keepdim=True)
    return (E / torch.where(total == 0, 1.0, total)).to(dtype)


@alternative("every kind of mask made additive, log_softmax", of="masked_softmax")
def all_additive(S, mask=None):
    if mask is None:
        return torch.log_softmax(S, dim=-1).exp()
    bias = torch.where(mask, 0.0, -math.inf).to(S.dtype) if mask.dtype == torch.bool else mask
    bias, S = torch.broadcast_tensors(bias, S)
    alive = (bias != -math.inf).any(dim=-1, keepdim=True)
    scores = torch.where(bias == -math.inf, bias, S + bias)
    return torch.where(
        alive & (bias != -math.inf), torch.log_softmax(torch.where(alive, scores, 0.0), dim=-1).exp(), 0.0
    )


@alternative("einsum over the keys that somebody sees", of="attend")
def einsum(S, V, mask=None):
    A = masked_softmax(S, mask)
    if mask is None:
        return torch.einsum("...qk,...kv->...qv", A, V)
    seen = (mask if mask.dtype == torch.bool else mask != -math.inf).broadcast_to(S.shape).any(-2)
    return torch.einsum("...qk,...kv->...qv", A, torch.where(seen[..., None], V, torch.zeros((), dtype=V.dtype)))


# Known mistakes. First those that only late checks tell apart: the judge tries them in this order, for a limited time.


@mistake(
    "What may be seen is cleaned up, too: an infinite or NaN value that the queries may look at was replaced by a "
    "number. That hides a fault elsewhere in the model. Only values that no query may see are to go.",
    of="attend",
    hint=4,
)
def all_cleaned(S, V, mask=None):
    return masked_softmax(S, mask) @ V.nan_to_num(0.0, 0.0, 0.0)


@mistake(
    "The NaN of hidden values is replaced in the result. It is too late there: a query that sees other keys has "
    "lost its average, and NaN that the query may see is hidden. The values must go before the product.",
    of="attend",
    hint=4,
)
def result_cleaned(S, V, mask=None):
    return (masked_softmax(S, mask) @ V).nan_to_num(0.0)


@mistake(
    "Hidden values meet the weight 0, and 0 · NaN is NaN (so is 0 · ∞): what lies in the padding leaks into every "
    "result. Set the values that no query may see to zero before the product.",
    of="attend",
    hint=4,
)
def zero_times_nan(S, V, mask=None):
    return masked_softmax(S, mask) @ V


@mistake(
    "A value is dropped as soon as one query may not see it. The others still may: only values that no query at all "
    "may see are to be cleared.",
    of="attend",
    hint=4,
)
def dropped_if_any(S, V, mask=None):
    A = masked_softmax(S, mask)
    if mask is not None:
        some = is_hidden(mask).expand(S.shape).any(dim=-2)
        V = V.masked_fill(some.unsqueeze(-1), 0.0)
    return A @ V


@mistake(
    "The values of hidden keys are set to zero in place: the caller's V changes under their hands. Make a new tensor.",
    of="attend",
    hint=4,
)
def values_in_place(S, V, mask=None):
    A = masked_softmax(S, mask)
    if mask is not None:
        unseen = is_hidden(mask).expand(S.shape).all(dim=-2)
        V.masked_fill_(unseen.unsqueeze(-1), 0.0)
    return A @ V


def _penalised(S: Tensor, mask: Tensor | None, penalty: float) -> Tensor:
    """Scores with a number added where the mask hides: -inf leaves NaN where the score was +inf or NaN."""
    if mask is None:
        return S
    if mask.dtype == torch.bool:
        mask = torch.zeros(mask.shape, dtype=S.dtype).masked_fill(~mask, penalty)
    return S + mask


def _right(S: Tensor, mask: Tensor | None) -> Tensor:
    A = torch.softmax(_filled(S, mask, -math.inf), dim=-1)
    return A if mask is None else A.masked_fill(is_hidden(mask), 0.0)


def _filled(S: Tensor, mask: Tensor | None, fill: float) -> Tensor:
    """Scores with another number where the mask hides."""
    if mask is None:
        return S
    return (S if mask.dtype == torch.bool else S + mask).masked_fill(is_hidden(mask), fill)


@mistake(
    "The weights come out right, but they are cut off from autograd (detach, .data, no_grad): no gradient reaches "
    "the scores, and what to attend to could never be learnt.",
    of="masked_softmax",
    hint=4,
)
def detached(S, mask=None):
    A = torch.softmax(_filled(S, mask, -math.inf), dim=-1)
    return (A if mask is None else A.masked_fill(is_hidden(mask), 0.0)).detach()


@mistake(
    "Minus infinity is added to hidden scores. Where such a score was NaN or +∞ the sum is NaN, and the whole row "
    "is lost. Replace hidden scores: then nothing is left of them.",
    of="masked_softmax",
    hint=4,
)
def added_infinity(S, mask=None):
    A = torch.softmax(_penalised(S, mask, -math.inf), dim=-1)
    return A if mask is None else A.masked_fill(is_hidden(mask), 0.0)


@mistake(
    "Minus infinity is added to hidden scores, and every NaN that comes out is made zero. Where a hidden score was "
    "NaN or +∞ that takes the weights of the whole row, and the gradients are NaN. Replace hidden scores instead of "
    "adding to them.",
    of="masked_softmax",
    hint=4,
)
def added_and_cleaned(S, mask=None):
    return torch.softmax(_penalised(S, mask, -math.inf), dim=-1).nan_to_num(0.0)


@mistake(
    "Hidden scores are set to the lowest finite number. A query that may look at no key then averages all of them: "
    "its weights must be zero.",
    of="masked_softmax",
    hint=4,
)
def lowest_number(S, mask=None):
    return torch.softmax(_filled(S, mask, torch.finfo(S.dtype).min), dim=-1)


@mistake(
    "A large negative number (-10⁹) is added to hidden scores. A query that may look at no key then sees all of "
    "them as if nothing were hidden, a hidden NaN spoils its row, and in float16 there is no such number.",
    of="masked_softmax",
    hint=4,
)
def large_penalty(S, mask=None):
    return torch.softmax(_penalised(S, mask, -1e9).to(S.dtype), dim=-1)


@mistake(
    "Hidden scores are set to -10⁹. A query that may look at no key then averages all the hidden ones, where its "
    "weights must be zero; and float16 has no such number.",
    of="masked_softmax",
    hint=4,
)
def fill_finite(S, mask=None):
    return torch.softmax(_filled(S, mask, -1e9), dim=-1)


@mistake(
    "Hidden scores are set to -10000, which is not low enough: where the keys that are left score lower still, a "
    "hidden key wins. Only minus infinity is below everything.",
    of="masked_softmax",
    hint=3,
)
def fill_too_high(S, mask=None):
    return torch.softmax(_filled(S, mask, -1e4), dim=-1)


@mistake(
    "Hidden scores are set to -10000 and their weights to zero afterwards. Where the keys that are left score lower "
    "still, the hidden ones take all the weight in the softmax, and nothing is left.",
    of="masked_softmax",
    hint=3,
)
def too_high_then_cleared(S, mask=None):
    A = torch.softmax(_filled(S, mask, -1e4), dim=-1)
    return A if mask is None else A.masked_fill(is_hidden(mask), 0.0)


@mistake(
    "A query that may look at no key comes out as NaN: softmax of a row of minus infinities is 0/0. Such a row has "
    "no weights at all, so it is zeros.",
    of="masked_softmax",
    hint=4,
)
def nan_row(S, mask=None):
    return torch.softmax(_filled(S, mask, -math.inf), dim=-1)


@mistake(
    "A query without any key is cared for where the mask is boolean, but an additive mask can hide every key, too: "
    "a row of -∞ comes out as NaN. Its weights are zero.",
    of="masked_softmax",
    hint=4,
)
def nan_row_if_additive(S, mask=None):
    A = torch.softmax(_filled(S, mask, -math.inf), dim=-1)
    return A.masked_fill(~mask, 0.0) if mask is not None and mask.dtype == torch.bool else A


@mistake(
    "A large negative number in an additive mask counts as hidden. Only -∞ hides: a finite number is added to the "
    "score, and where a whole row has it, softmax takes it out again.",
    of="masked_softmax",
    hint=2,
)
def low_is_hidden(S, mask=None):
    if mask is not None and mask.dtype != torch.bool:
        mask = mask.masked_fill(mask < -1e4, -math.inf)
    return _right(S, mask)


@mistake(
    "The weights come in another type than the scores: they were made in float32 (or float64) and not brought back.",
    of="masked_softmax",
    hint=4,
)
def in_float32(S, mask=None):
    A = _right(S, mask)
    return A.float() if S.dtype.itemsize == 2 else A


@mistake(
    "Hidden scores are overwritten in place. The caller's tensor changes under their hands; make a new one.",
    of="masked_softmax",
    hint=4,
)
def in_place(S, mask=None):
    if mask is None:
        return torch.softmax(S, dim=-1)
    hidden = is_hidden(mask)
    if mask.dtype != torch.bool:
        S += mask
    S[hidden.expand(S.shape)] = -math.inf
    return torch.softmax(S, dim=-1).masked_fill(hidden, 0.0)


@mistake(
    "The mask's meaning is inverted: here True means that the query may look at the key, and your code hides the "
    "keys where the mask is True.",
    of="masked_softmax",
    hint=2,
)
def inverted(S, mask=None):
    return _right(S, ~mask if mask is not None and mask.dtype == torch.bool else mask)


@mistake("The mask is not used: hidden keys still get weight.", of="masked_softmax", hint=1)
def ignored(S, mask=None):
    return torch.softmax(S, dim=-1)


@mistake(
    "An additive mask is only asked where it is -∞. Its finite numbers must be added to the scores: they make a key "
    "count more or less.",
    of="masked_softmax",
    hint=3,
)
def bias_left_out(S, mask=None):
    return _right(S, mask if mask is None or mask.dtype == torch.bool else mask != -math.inf)


@mistake(
    "An additive mask is read as if it were boolean: 0 counts as False and hides the key, everything else keeps it. "
    "Its numbers are to be added to the scores; 0 changes nothing.",
    of="masked_softmax",
    hint=2,
)
def read_as_bool(S, mask=None):
    return _right(S, None if mask is None else mask.bool())


@mistake(
    "The boolean mask is added to the scores, where it counts as 0 and 1: kept keys get a little more weight, and "
    "no key is hidden.",
    of="masked_softmax",
    hint=3,
)
def bool_added(S, mask=None):
    if mask is not None and mask.dtype == torch.bool:
        return torch.softmax(S + mask, dim=-1)
    return _right(S, mask)


@mistake(
    "The mask is applied after the softmax: hidden weights are set to zero, but the weights that are left no longer "
    "sum to one. Hidden keys must be out before softmax divides by the sum.",
    of="masked_softmax",
    hint=3,
)
def masked_after(S, mask=None):
    if mask is None:
        return torch.softmax(S, dim=-1)
    biased = S if mask.dtype == torch.bool else S + torch.where(is_hidden(mask), 0.0, mask)
    return torch.softmax(biased, dim=-1).masked_fill(is_hidden(mask), 0.0)


@mistake(
    "Softmax runs over all keys, and the weights that are left are divided by their sum. Where a hidden score is "
    "far above the others, or not a number, nothing is left to divide: 0/0. Hide the scores before the softmax.",
    of="masked_softmax",
    hint=3,
)
def renormalised(S, mask=None):
    if mask is None:
        return torch.softmax(S, dim=-1)
    biased = S if mask.dtype == torch.bool else S + torch.where(is_hidden(mask), 0.0, mask)
    A = torch.softmax(biased, dim=-1).masked_fill(is_hidden(mask), 0.0)
    return A / A.sum(dim=-1, keepdim=True)


@mistake(
    "Hidden scores become 0 before the softmax, and exp(0) = 1: a hidden key still takes part. What makes its "
    "weight 0 is a score of minus infinity.",
    of="masked_softmax",
    hint=3,
)
def score_zero(S, mask=None):
    if mask is not None and mask.dtype == torch.bool:
        return torch.softmax(S * mask, dim=-1)
    return _right(S, mask)


@mistake(
    "The mask is made additive by multiplying it with infinity, and 0 · ∞ is NaN: the scores that were to stay are "
    "spoilt. Choose between a score and minus infinity; do not multiply.",
    of="masked_softmax",
    hint=4,
)
def zero_times_infinity(S, mask=None):
    if mask is not None and mask.dtype == torch.bool:
        return torch.softmax(S + ~mask * -math.inf, dim=-1)
    return _right(S, mask)


@mistake(
    "Softmax runs over the queries: each column of the weights sums to one, where each row should. Every query "
    "shares out its attention among the keys, the last axis.",
    of="masked_softmax",
    hint=2,
)
def over_queries(S, mask=None):
    A = torch.softmax(_filled(S, mask, -math.inf), dim=-2)
    return A if mask is None else A.masked_fill(is_hidden(mask), 0.0)


@mistake(
    "You add a small number to the sum of the weights, against dividing by zero. All weights then sum to a little less "
    "than one. Only a row that sees nothing needs care: treat it by itself.",
    of="masked_softmax",
    hint=3,
)
def epsilon_in_sum(S, mask=None):
    if mask is None:
        return torch.softmax(S, dim=-1)
    S = _filled(S, mask, -math.inf)
    E = (S - S.max(dim=-1, keepdim=True).values.clamp(min=-1e30)).exp()
    return E / (E.sum(dim=-1, keepdim=True) + 1e-6)


@mistake(
    "You clear the values that the first query may not see. Others may still see them: only values that no query at "
    "all may see are to be cleared.",
    of="attend",
    hint=4,
)
def first_query_decides(S, V, mask=None):
    A = masked_softmax(S, mask)
    if mask is not None:
        V = V.masked_fill(is_hidden(mask).expand(S.shape)[..., :1, :].mT, 0.0)
    return A @ V
