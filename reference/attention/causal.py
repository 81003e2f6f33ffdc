"""Causal attention: Vaswani et al., "Attention Is All You Need" (2017), section 3.2.3, with a cache in front."""

import math

import torch
from torch import Tensor

from grader.marks import alternative, mistake


def causal(Q: Tensor, K: Tensor, V: Tensor, offset: int | None = None) -> Tensor:
    """Attention in which the query at position `offset` + i sees the keys 0 to `offset` + i."""
    n_q, n_k, d_k = Q.shape[-2], K.shape[-2], Q.shape[-1]
    if offset is None:
        offset = n_k - n_q
    # A column of the queries' positions against a row of the keys'.
    future = torch.arange(n_k) > torch.arange(offset, offset + n_q)[:, None]
    S = Q @ K.transpose(-2, -1) / math.sqrt(d_k)
    A = torch.softmax(S.masked_fill(future, -math.inf), dim=-1)
    # A query before the first key sees nothing: 0/0, whose weights are zero.
    return A.masked_fill(future, 0.0) @ V


# Other right ways.


@alternative("each query by itself, with the keys cut off after it", of="causal")
def query_by_query(Q, K, V, offset=None):
    start = K.shape[-2] - Q.shape[-2] if offset is None else offset
    rows = []
    for i in range(Q.shape[-2]):
        seen = max(0, min(K.shape[-2], start + i + 1))
        scores = (K[..., :seen, :] @ Q[..., i, :, None]).squeeze(-1) * Q.shape[-1] ** -0.5
        rows.append((scores.softmax(-1).unsqueeze(-1) * V[..., :seen, :]).sum(-2))
    return torch.stack(rows, dim=-2) if rows else Q.new_zeros(*Q.shape[:-1], V.shape[-1])


@alternative("tril of ones, einsum, a softmax written out", of="causal")
def tril(Q, K, V, offset=None):
    n_q, n_k = Q.size(-2), K.size(-2)
    keep = torch.ones(n_q, n_k, dtype=torch.bool).tril(n_k - n_q if offset is None else offset)
    S = torch.einsum("...qd,...kd->...qk", Q / Q.size(-1) ** 0.5, K)
    S = torch.where(keep, S, torch.finfo(S.dtype).min)
    E = torch.where(keep, (S - S.detach().amax(-1, keepdim=True)).exp(), 0.0)
    total = E.sum(-1, keepdim=True)
    return torch.einsum("...qk,...kv->...qv", E / torch.where(total > 0, total, 1.0), V)


@alternative("a table of minus infinities added, made with triu; empty rows cut off", of="causal")
def additive_table(Q, K, V, offset=None):
    n_q, n_k = Q.shape[-2], K.shape[-2]
    offset = n_k - n_q if offset is None else offset
    blind = min(max(-offset, 0), n_q)
    bias = torch.full((n_q - blind, n_k), float("-inf"), dtype=Q.dtype).triu(offset + blind + 1)
    rows = (Q[..., blind:, :] @ K.mT / math.sqrt(Q.shape[-1]) + bias).softmax(-1) @ V
    return torch.cat([Q.new_zeros(*Q.shape[:-2], blind, V.shape[-1]), rows], dim=-2)


# Known mistakes. What they share:


def _start(Q: Tensor, K: Tensor, offset: int | None) -> int:
    return K.shape[-2] - Q.shape[-2] if offset is None else offset


def _future(Q: Tensor, K: Tensor, start: int) -> Tensor:
    return torch.arange(K.shape[-2]) > torch.arange(start, start + Q.shape[-2])[:, None]


def _scores(Q: Tensor, K: Tensor) -> Tensor:
    return Q @ K.transpose(-2, -1) / math.sqrt(Q.shape[-1])


def _attend(S: Tensor, V: Tensor, hidden: Tensor) -> Tensor:
    return torch.softmax(S.masked_fill(hidden, -math.inf), dim=-1).masked_fill(hidden, 0.0) @ V


# First those that only late checks tell apart: the judge tries them in this order, for a limited time.


@mistake(
    "A query before the first key comes out as NaN: softmax of a row of minus infinities is 0/0. It sees nothing, "
    "so its row is zeros.",
    of="causal",
    hint=4,
)
def nan_row(Q, K, V, offset=None):
    future = _future(Q, K, _start(Q, K, offset))
    return torch.softmax(_scores(Q, K).masked_fill(future, -math.inf), dim=-1) @ V


@mistake(
    "The NaN of a query that sees nothing is replaced after the product with V. The result is right, but backwards "
    "0 times NaN is NaN, and the gradients are spoilt. Replace it in the weights.",
    of="causal",
    hint=4,
)
def nan_cleaned_late(Q, K, V, offset=None):
    return nan_row(Q, K, V, offset).nan_to_num(0.0)


@mistake(
    "The NaN of a query that sees nothing is cleared away, but minus infinities were added to the scores, and on "
    "the way back they make the gradients of Q and K NaN. Replace the hidden scores instead of adding to them.",
    of="causal",
    hint=4,
)
def nan_gradient(Q, K, V, offset=None):
    future = _future(Q, K, _start(Q, K, offset))
    S = _scores(Q, K) + torch.zeros(future.shape, dtype=Q.dtype).masked_fill(future, -math.inf)
    return torch.softmax(S, dim=-1).nan_to_num(0.0) @ V


@mistake(
    "Hidden scores are set to a large negative number. A query before the first key then averages all keys, its "
    "whole future: it must give zeros.",
    of="causal",
    hint=4,
)
def fill_finite(Q, K, V, offset=None):
    future = _future(Q, K, _start(Q, K, offset))
    return torch.softmax(_scores(Q, K).masked_fill(future, -1e9), dim=-1) @ V


@mistake(
    "Hidden scores are set to a number that is not low enough: where the keys that may be seen score lower still, "
    "the future wins. Only minus infinity is below everything.",
    of="causal",
    hint=4,
)
def fill_too_high(Q, K, V, offset=None):
    future = _future(Q, K, _start(Q, K, offset))
    return torch.softmax(_scores(Q, K).masked_fill(future, -1e4), dim=-1) @ V


@mistake(
    "A negative offset is taken as 0. With more queries than keys the last query stands at the last key, so the "
    "first ones stand before the first key and see nothing.",
    of="causal",
    hint=2,
)
def clamped(Q, K, V, offset=None):
    return _attend(_scores(Q, K), V, _future(Q, K, max(_start(Q, K, offset), 0)))


@mistake(
    "The values come out right, but the weights are cut off from autograd (detach, .data, no_grad): no gradient "
    "reaches Q and K.",
    of="causal",
    hint=4,
)
def detached(Q, K, V, offset=None):
    return _attend(_scores(Q, K).detach(), V, _future(Q, K, _start(Q, K, offset)))


@mistake("Q is scaled in place. The caller's tensor changes under their hands; make a new one.", of="causal", hint=4)
def in_place(Q, K, V, offset=None):
    Q /= math.sqrt(Q.shape[-1])
    return _attend(Q @ K.transpose(-2, -1), V, _future(Q, K, _start(Q, K, offset)))


@mistake(
    "The exponentials are taken of the scores as they are: exp(10000) is infinite. Take the largest visible score "
    "of each row off first, or let torch.softmax do it.",
    of="causal",
    hint=3,
)
def naive_exp(Q, K, V, offset=None):
    E = _scores(Q, K).exp().masked_fill(_future(Q, K, _start(Q, K, offset)), 0.0)
    total = E.sum(dim=-1, keepdim=True)
    return E / torch.where(total == 0, 1.0, total) @ V


@mistake(
    "The maximum that keeps exp from overflowing is taken over hidden scores, too. Where one of them is far above "
    "the others, all visible shares become zero. Take it over what may be seen.",
    of="causal",
    hint=3,
)
def maximum_of_all(Q, K, V, offset=None):
    S = _scores(Q, K)
    E = (S - S.amax(-1, keepdim=True)).exp() if S.numel() else S
    E = E.masked_fill(_future(Q, K, _start(Q, K, offset)), 0.0)
    total = E.sum(dim=-1, keepdim=True)
    return E / torch.where(total == 0, 1.0, total) @ V


@mistake(
    "The visible part is aligned top left: without an offset the first query stands at the first key. Here the last "
    "query stands at the last key; new tokens come after what is cached.",
    of="causal",
    hint=2,
)
def top_left(Q, K, V, offset=None):
    return _attend(_scores(Q, K), V, _future(Q, K, 0 if offset is None else offset))


@mistake(
    "The offset that is given is not used: the queries always count as the last ones. In a cache of fixed size keys "
    "that are not yet written follow them.",
    of="causal",
    hint=2,
)
def offset_ignored(Q, K, V, offset=None):
    return _attend(_scores(Q, K), V, _future(Q, K, _start(Q, K, None)))


@mistake(
    "The offset is left out, both the one that is given and the default: query i sees the keys 0 to i. Query i "
    "stands at position offset + i.",
    of="causal",
    hint=2,
)
def no_offset(Q, K, V, offset=None):
    return _attend(_scores(Q, K), V, _future(Q, K, 0))


@mistake(
    "An offset of 0 is taken as if none were given: 0 is false in Python. Compare with None.",
    of="causal",
    hint=2,
)
def falsy_offset(Q, K, V, offset=None):
    return _attend(_scores(Q, K), V, _future(Q, K, offset or _start(Q, K, None)))


@mistake(
    "A single query is not masked at all. It is the newest token only where no offset says otherwise: in a cache of "
    "fixed size keys that are not yet written follow it.",
    of="causal",
    hint=2,
)
def single_query(Q, K, V, offset=None):
    return _attend(_scores(Q, K), V, _future(Q, K, K.shape[-2] if Q.shape[-2] == 1 else _start(Q, K, offset)))


@mistake(
    "The offset has the wrong sign: the queries are moved back where they should be moved forward. Query i stands "
    "at position offset + i.",
    of="causal",
    hint=2,
)
def wrong_sign(Q, K, V, offset=None):
    return _attend(_scores(Q, K), V, _future(Q, K, -_start(Q, K, offset)))


@mistake(
    "Each token is hidden from itself: the diagonal is masked, too. A token sees itself and what came before; the "
    "first one would see nothing.",
    of="causal",
    hint=3,
)
def self_hidden(Q, K, V, offset=None):
    return _attend(_scores(Q, K), V, _future(Q, K, _start(Q, K, offset) - 1))


@mistake(
    "Each token sees one token too many: the next one, which is just what it has to predict. The last visible key "
    "is the query's own position.",
    of="causal",
    hint=3,
)
def one_ahead(Q, K, V, offset=None):
    return _attend(_scores(Q, K), V, _future(Q, K, _start(Q, K, offset) + 1))


@mistake(
    "The mask is turned round: each token sees itself and what comes after, and not what came before.",
    of="causal",
    hint=3,
)
def turned_round(Q, K, V, offset=None):
    start = _start(Q, K, offset)
    past = torch.arange(K.shape[-2]) < torch.arange(start, start + Q.shape[-2])[:, None]
    return _attend(_scores(Q, K), V, past)


@mistake("Nothing is masked: every token sees the whole text, its future included.", of="causal", hint=1)
def not_masked(Q, K, V, offset=None):
    return torch.softmax(_scores(Q, K), dim=-1) @ V


@mistake(
    "The mask is applied after the softmax: the weights of the future are set to zero, but those that are left no "
    "longer sum to one, and their size tells of the future.",
    of="causal",
    hint=3,
)
def masked_after(Q, K, V, offset=None):
    future = _future(Q, K, _start(Q, K, offset))
    return torch.softmax(_scores(Q, K), dim=-1).masked_fill(future, 0.0) @ V


@mistake(
    "The scores of the future become 0 (by tril or a product with the mask), and exp(0) = 1: the future still takes "
    "part. What makes its weight 0 is a score of minus infinity.",
    of="causal",
    hint=3,
)
def score_zero(Q, K, V, offset=None):
    future = _future(Q, K, _start(Q, K, offset))
    return torch.softmax(_scores(Q, K).masked_fill(future, 0.0), dim=-1) @ V


@mistake(
    "The scores are not used: each token gets the plain average of the values before it. The mask says what may be "
    "seen, the scores how much it counts.",
    of="causal",
    hint=1,
)
def uniform(Q, K, V, offset=None):
    return _attend(_scores(Q, K) * 0.0, V, _future(Q, K, _start(Q, K, offset)))


@mistake("The scores are not divided by √d_k.", of="causal", hint=3)
def unscaled(Q, K, V, offset=None):
    return _attend(Q @ K.transpose(-2, -1), V, _future(Q, K, _start(Q, K, offset)))


@mistake(
    "The scores are divided by d_k itself, not by its square root: the weights become too even.",
    of="causal",
    hint=3,
)
def divided_by_d(Q, K, V, offset=None):
    return _attend(Q @ K.transpose(-2, -1) / Q.shape[-1], V, _future(Q, K, _start(Q, K, offset)))


@mistake(
    "Softmax runs over the queries: each column of the weights sums to one, where each row should. It goes over the "
    "keys, the last axis.",
    of="causal",
    hint=3,
)
def over_queries(Q, K, V, offset=None):
    future = _future(Q, K, _start(Q, K, offset))
    A = torch.softmax(_scores(Q, K).masked_fill(future, -math.inf), dim=-2)
    return A.masked_fill(future, 0.0) @ V


@mistake(
    "You add the given offset to n_k - n_q. An offset that is given is itself the position of the first query; n_k - "
    "n_q is only what stands in for it where none is given.",
    of="causal",
    hint=2,
)
def offset_added(Q, K, V, offset=None):
    return _attend(_scores(Q, K), V, _future(Q, K, _start(Q, K, None) + (offset or 0)))


@mistake(
    "Your softmax runs over axis 1. Those are the keys of a plain matrix only; with a batch or heads in front axis 1 "
    "is something else. The keys are always the last axis.",
    of="causal",
    hint=3,
)
def over_axis_1(Q, K, V, offset=None):
    S = _scores(Q, K).masked_fill(_future(Q, K, _start(Q, K, offset)), -math.inf)
    return torch.softmax(S, dim=1).nan_to_num(0.0) @ V


@mistake(
    "You lower the scores of the future by a finite number. A future key that scores higher than the others by more "
    "than that still wins. Set its score to minus infinity, whatever it was.",
    of="causal",
    hint=4,
)
def penalty_too_small(Q, K, V, offset=None):
    future = _future(Q, K, _start(Q, K, offset))
    return torch.softmax(_scores(Q, K) - 1e6 * future, dim=-1).masked_fill(future.all(-1, keepdim=True), 0.0) @ V


@mistake(
    "Your mask is n_q × n_q, made from the queries alone, and the keys after the n_q-th are cut off. It has n_k "
    "columns: the queries are the last of the tokens, and all that came before them is to be seen.",
    of="causal",
    hint=2,
)
def square_mask(Q, K, V, offset=None):
    K, V = K[..., : Q.shape[-2], :], V[..., : Q.shape[-2], :]
    return torch.softmax(_scores(Q, K).masked_fill(_future(K, K, 0), -math.inf), dim=-1) @ V
