"""Grouped-query attention: Ainslie et al. (2023), section 2; with one key-value head it is Shazeer's (2019) multi-query
attention."""

import math

import torch
from torch import Tensor

from grader.marks import alternative, mistake


def gqa(Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
    """Attention in which neighbouring query heads share the key-value heads of `K` and `V`."""
    h, g, d_k = Q.shape[1], K.shape[1], Q.shape[-1]
    if h % g:
        raise ValueError(f"{g} key-value heads cannot be shared evenly by {h} query heads")
    # Query head i meets the key-value head i // r: each one is repeated r times, next to itself.
    K, V = (t.repeat_interleave(h // g, dim=1) for t in (K, V))
    S = Q @ K.transpose(-2, -1) / math.sqrt(d_k)
    if mask is None:
        return torch.softmax(S, dim=-1) @ V
    return torch.softmax(S.masked_fill(~mask, -math.inf), dim=-1).masked_fill(~mask, 0.0) @ V


def pool(W: Tensor, n_heads: int, n_kv: int) -> Tensor:
    """The mean of the blocks of columns of each group of heads."""
    if n_heads % n_kv:
        raise ValueError(f"{n_kv} key-value heads cannot be made of {n_heads} heads evenly")
    groups = W.unflatten(1, (n_kv, n_heads // n_kv, -1))
    return groups.mean(dim=2).flatten(1)


# Other right ways.


@alternative("one query head at a time", of="gqa")
def by_heads(Q, K, V, mask=None):
    r, left = divmod(Q.shape[1], K.shape[1])
    if left:
        raise ValueError("heads and key-value heads")
    if mask is not None:
        mask = mask.expand(*Q.shape[:3], K.shape[2])
    heads = []
    for i in range(Q.shape[1]):
        scores = torch.bmm(Q[:, i], K[:, i // r].mT) * Q.shape[-1] ** -0.5
        if mask is not None:
            scores = scores.masked_fill(~mask[:, i], float("-inf"))
        weights = scores.softmax(-1)
        if mask is not None:
            weights = torch.where(mask[:, i], weights, 0.0)
        heads.append(torch.bmm(weights, V[:, i // r]))
    return torch.stack(heads, 1)


@alternative("einsum with an axis for the groups; nothing is repeated", of="gqa")
def grouped(Q, K, V, mask=None):
    b, h, n_q, d_k = Q.shape
    g, n_k = K.shape[1:3]
    if h % g != 0:
        raise ValueError((h, g))
    S = torch.einsum("bgrqd,bgkd->bgrqk", Q.reshape(b, g, h // g, n_q, d_k), K) / d_k**0.5
    keep = torch.ones(b, h, n_q, n_k, dtype=torch.bool) if mask is None else mask.expand(b, h, n_q, n_k)
    keep = keep.reshape(S.shape)
    A = torch.where(keep, torch.where(keep, S, -torch.inf).softmax(-1), 0.0)
    return torch.einsum("bgrqk,bgkv->bgrqv", A, V).flatten(1, 2)


@alternative("group members as more rows of the queries", of="gqa")
def as_rows(Q, K, V, mask=None):
    b, h, n_q, d_k = Q.shape
    g, n_k = K.shape[1:3]
    if h != h // g * g:
        raise ValueError("g must divide h")
    rows = Q.reshape(b, g, h // g * n_q, d_k)
    S = (rows.double() @ K.double().mT / math.sqrt(d_k)).reshape(b, h, n_q, n_k)
    S = S if mask is None else S.masked_fill(mask.logical_not(), -math.inf)
    A = S.softmax(-1)
    A = A if mask is None else A.masked_fill(mask.logical_not(), 0.0)
    return (A.reshape(b, g, h // g * n_q, n_k) @ V.double()).reshape(b, h, n_q, V.shape[-1]).to(Q.dtype)


@alternative("a loop over the groups' blocks", of="pool")
def block_by_block(W, n_heads, n_kv):
    r, left = divmod(n_heads, n_kv)
    if left:
        raise ValueError("n_kv must divide n_heads")
    blocks = W.chunk(n_heads, dim=1)
    return torch.cat([sum(blocks[c * r : (c + 1) * r]) / r for c in range(n_kv)], dim=1)


# Known mistakes. What they share:


def _check(h: int, g: int) -> int:
    if h % g:
        raise ValueError(f"{g} does not divide {h}")
    return h // g


def _attend(Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None, scale: float | None = None) -> Tensor:
    """Attention head by head, all of one number."""
    S = Q @ K.transpose(-2, -1) * (Q.shape[-1] ** -0.5 if scale is None else scale)
    return _weights(S, mask) @ V


def _weights(S: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return torch.softmax(S, dim=-1)
    return torch.softmax(S.masked_fill(~mask, -math.inf), dim=-1).masked_fill(~mask, 0.0)


def _shared(Q: Tensor, *tensors: Tensor) -> list[Tensor]:
    """Each key-value head repeated next to itself."""
    return [t.repeat_interleave(_check(Q.shape[1], t.shape[1]), dim=1) for t in tensors]


def _tiled(Q: Tensor, t: Tensor) -> Tensor:
    """All key-value heads, one after the other, and again."""
    return t.repeat(1, _check(Q.shape[1], t.shape[1]), 1, 1)


@mistake(
    "A query that may look at no key comes out as NaN: softmax of a row of minus infinities is 0/0. Such a row is "
    "zeros.",
    of="gqa",
    hint=4,
)
def nan_row(Q, K, V, mask=None):
    K, V = _shared(Q, K, V)
    S = Q @ K.mT / math.sqrt(Q.shape[-1])
    return torch.softmax(S if mask is None else S.masked_fill(~mask, -math.inf), dim=-1) @ V


@mistake(
    "The NaN of a query without keys is replaced after the product with V. The result is right, but on the way back "
    "0 times NaN is NaN. Replace it in the weights.",
    of="gqa",
    hint=4,
)
def nan_cleaned_late(Q, K, V, mask=None):
    return nan_row(Q, K, V, mask).nan_to_num(0.0)


@mistake(
    "Hidden scores are set to a large negative number. A query that may look at no key then averages all of them: "
    "it must give zeros.",
    of="gqa",
    hint=4,
)
def fill_finite(Q, K, V, mask=None):
    K, V = _shared(Q, K, V)
    S = Q @ K.mT / math.sqrt(Q.shape[-1])
    return torch.softmax(S if mask is None else S.masked_fill(~mask, -1e9), dim=-1) @ V


@mistake(
    "The exponentials are taken of the scores as they are: exp(10000) is infinite. Take the largest score of each "
    "row off first, or let torch.softmax do it.",
    of="gqa",
    hint=3,
)
def naive_exp(Q, K, V, mask=None):
    K, V = _shared(Q, K, V)
    E = (Q @ K.mT / math.sqrt(Q.shape[-1])).exp()
    E = E if mask is None else E.masked_fill(~mask, 0.0)
    total = E.sum(dim=-1, keepdim=True)
    return E / torch.where(total == 0, 1.0, total) @ V


@mistake(
    "A number of key-value heads that does not divide the query heads is accepted by gqa. Raise ValueError.",
    of="gqa",
    hint=3,
)
def any_groups(Q, K, V, mask=None):
    r = math.ceil(Q.shape[1] / K.shape[1])
    K, V = (t.repeat_interleave(r, dim=1)[:, : Q.shape[1]] for t in (K, V))
    return _attend(Q, K, V, mask)


@mistake(
    "A number of key-value heads that does not divide the query heads raises another exception than ValueError, "
    "from wherever the shapes first fail to meet. Look at the numbers first, and say what is wrong.",
    of="gqa",
    hint=3,
)
def unchecked(Q, K, V, mask=None):
    r = Q.shape[1] // K.shape[1]
    return _attend(Q, K.repeat_interleave(r, dim=1), V.repeat_interleave(r, dim=1), mask)


@mistake("Numbers of heads that do not divide are accepted by pool. Raise ValueError.", of="pool", hint=3)
def pooled_anyhow(W, n_heads, n_kv):
    if n_heads % n_kv:
        return W[:, : n_kv * (W.shape[1] // n_heads)].clone()
    return W.unflatten(1, (n_kv, n_heads // n_kv, -1)).mean(dim=2).flatten(1)


@mistake("Q is scaled in place. The caller's tensor changes under their hands; make a new one.", of="gqa", hint=4)
def in_place(Q, K, V, mask=None):
    K, V = _shared(Q, K, V)
    Q /= math.sqrt(Q.shape[-1])
    return _attend(Q, K, V, mask, scale=1.0)


@mistake(
    "The shared heads are detached: their keys and values get no gradient, and could not be learnt.",
    of="gqa",
    hint=4,
)
def detached(Q, K, V, mask=None):
    K, V = _shared(Q, K.detach(), V.detach())
    return _attend(Q, K, V, mask)


@mistake(
    "The key-value heads are laid out in turns (0, 1, 0, 1, ...), as `repeat` does. Neighbouring query heads form a "
    "group: (0, 0, ..., 1, 1, ...).",
    of="gqa",
    hint=2,
)
def tiled(Q, K, V, mask=None):
    _check(Q.shape[1], K.shape[1])
    return _attend(Q, _tiled(Q, K), _tiled(Q, V), mask)


@mistake(
    "Keys are shared by neighbouring heads, as they should be, but values in turns (0, 1, 0, 1, ...): keys and "
    "values of a query head must come from the same key-value head.",
    of="gqa",
    hint=2,
)
def values_tiled(Q, K, V, mask=None):
    return _attend(Q, *_shared(Q, K), _tiled(Q, V), mask)


@mistake(
    "The answers are right, but the heads come out in another order: the axes of groups and of members were put "
    "together the wrong way round.",
    of="gqa",
    hint=2,
)
def heads_reordered(Q, K, V, mask=None):
    r = _check(Q.shape[1], K.shape[1])
    heads = _attend(Q, *_shared(Q, K, V), mask)
    return heads.unflatten(1, (-1, r)).transpose(1, 2).flatten(1, 2)


@mistake(
    "All query heads use the first key-value head. That is multi-query attention only if there is no other.",
    of="gqa",
    hint=1,
)
def always_first(Q, K, V, mask=None):
    _check(Q.shape[1], K.shape[1])
    return _attend(Q, K[:, :1], V[:, :1], mask)


@mistake(
    "The key-value heads are averaged before use, so all groups see the same. Each group has its own; averaging is "
    "for the weights of a trained model, in pool.",
    of="gqa",
    hint=1,
)
def averaged_heads(Q, K, V, mask=None):
    _check(Q.shape[1], K.shape[1])
    return _attend(Q, K.mean(1, keepdim=True), V.mean(1, keepdim=True), mask)


@mistake(
    "The queries of a group are averaged, so all heads of a group give the same answer. Keys and values are shared, "
    "queries are not.",
    of="gqa",
    hint=1,
)
def averaged_queries(Q, K, V, mask=None):
    r = _check(Q.shape[1], K.shape[1])
    Q = Q.unflatten(1, (-1, r)).mean(2).repeat_interleave(r, dim=1)
    return _attend(Q, *_shared(Q, K, V), mask)


@mistake(
    "The keys of a group are counted from the other end: the first query heads use the last key-value head.",
    of="gqa",
    hint=2,
)
def reversed_groups(Q, K, V, mask=None):
    return _attend(Q, *_shared(Q, K.flip(1), V.flip(1)), mask)


@mistake(
    "The scores are not used: every query gets the plain average of the values it may see.",
    of="gqa",
    hint=3,
)
def uniform(Q, K, V, mask=None):
    return _attend(Q, *_shared(Q, K, V), mask, scale=0.0)


@mistake("The scores are not divided by √d_k.", of="gqa", hint=3)
def unscaled(Q, K, V, mask=None):
    return _attend(Q, *_shared(Q, K, V), mask, scale=1.0)


@mistake(
    "The scores are divided by the root of the width of all heads together. What is multiplied in a head has the "
    "width d_k.",
    of="gqa",
    hint=3,
)
def root_of_all(Q, K, V, mask=None):
    return _attend(Q, *_shared(Q, K, V), mask, scale=(Q.shape[1] * Q.shape[-1]) ** -0.5)


@mistake(
    "Softmax runs over all keys of a group's heads together, or over the heads. Each query of each head shares out "
    "its attention among the keys, the last axis.",
    of="gqa",
    hint=2,
)
def over_heads(Q, K, V, mask=None):
    K, V = _shared(Q, K, V)
    S = Q @ K.mT / math.sqrt(Q.shape[-1])
    S = S if mask is None else S.masked_fill(~mask, -math.inf)
    return torch.softmax(S, dim=1).nan_to_num(0.0) @ V


@mistake("The mask is not used: hidden keys still get weight.", of="gqa", hint=4)
def mask_ignored(Q, K, V, mask=None):
    return _attend(Q, *_shared(Q, K, V), None)


@mistake(
    "The mask's meaning is inverted: here True means that the query may look at the key.",
    of="gqa",
    hint=4,
)
def inverted(Q, K, V, mask=None):
    return _attend(Q, *_shared(Q, K, V), None if mask is None else ~mask)


@mistake(
    "The mask is applied after the softmax: the weights that are left no longer sum to one.",
    of="gqa",
    hint=4,
)
def masked_after(Q, K, V, mask=None):
    K, V = _shared(Q, K, V)
    A = torch.softmax(Q @ K.mT / math.sqrt(Q.shape[-1]), dim=-1)
    return (A if mask is None else A * mask) @ V


@mistake(
    "All query heads of a group get the mask of the first of them. Keys and values are shared, masks are not.",
    of="gqa",
    hint=4,
)
def mask_of_first_member(Q, K, V, mask=None):
    r = _check(Q.shape[1], K.shape[1])
    if mask is not None:
        mask = mask.expand(*Q.shape[:3], K.shape[2])[:, ::r].repeat_interleave(r, dim=1)
    return _attend(Q, *_shared(Q, K, V), mask)


@mistake("The first head of each group is taken. pool averages the heads of a group.", of="pool", hint=3)
def first_of_group(W, n_heads, n_kv):
    return W.unflatten(1, (n_kv, _check(n_heads, n_kv), -1))[:, :, 0].flatten(1)


@mistake("The heads of a group are added up. pool averages them: divide by their number.", of="pool", hint=3)
def summed(W, n_heads, n_kv):
    return W.unflatten(1, (n_kv, _check(n_heads, n_kv), -1)).sum(dim=2).flatten(1)


@mistake(
    "pool averages every n_kv-th head. Neighbouring heads form a group, the same ones as in gqa.",
    of="pool",
    hint=2,
)
def pooled_in_turns(W, n_heads, n_kv):
    return W.unflatten(1, (_check(n_heads, n_kv), n_kv, -1)).mean(dim=1).flatten(1)


@mistake(
    "pool averages neighbouring columns. Columns with the same place in their heads are averaged: cut into heads "
    "first.",
    of="pool",
    hint=2,
)
def neighbouring_columns(W, n_heads, n_kv):
    return W.unflatten(1, (-1, _check(n_heads, n_kv))).mean(dim=-1)


@mistake(
    "You deal the query heads out to the groups in turns, and lay the answers down group by group. Neighbouring query "
    "heads form a group, so neither their order nor that of the answers changes.",
    of="gqa",
    hint=2,
)
def queries_dealt_out(Q, K, V, mask=None):
    Q = Q.unflatten(1, (_check(Q.shape[1], K.shape[1]), K.shape[1])).transpose(1, 2).flatten(1, 2)
    return _attend(Q, *_shared(Q, K, V), mask)


@mistake(
    "You use the masks of the first group's heads for all groups. A mask with an axis of heads has one for each query "
    "head: cut that axis into groups as you cut the queries.",
    of="gqa",
    hint=4,
)
def masks_of_first_group(Q, K, V, mask=None):
    r = _check(Q.shape[1], K.shape[1])
    if mask is not None:
        mask = mask.expand(*Q.shape[:3], K.shape[2])[:, :r].repeat(1, K.shape[1], 1, 1)
    return _attend(Q, *_shared(Q, K, V), mask)


@mistake(
    "Your result is right, but where a query may look at no key the gradients are NaN: minus infinities are added to "
    "the scores, and the NaN of softmax is cleared only after it. Replace the hidden scores instead of adding to "
    "them.",
    of="gqa",
    hint=4,
)
def nan_gradient(Q, K, V, mask=None):
    K, V = _shared(Q, K, V)
    S = Q @ K.mT / math.sqrt(Q.shape[-1])
    if mask is not None:
        S = S + torch.zeros(mask.shape, dtype=S.dtype).masked_fill(~mask, -math.inf)
    return torch.softmax(S, dim=-1).nan_to_num(0.0) @ V


@mistake(
    "You divide the width d_k by the number of key-value heads before you take the root. Sharing does not change the "
    "width of a head: divide the scores by √d_k.",
    of="gqa",
    hint=3,
)
def root_of_a_share(Q, K, V, mask=None):
    return _attend(Q, *_shared(Q, K, V), mask, scale=max(Q.shape[-1] // K.shape[1], 1) ** -0.5)


@mistake(
    "Without a mask your softmax runs over all queries and keys of a group together. Each query of each head shares "
    "out an attention of its own: every row of the weights sums to one by itself.",
    of="gqa",
    hint=2,
)
def over_the_group(Q, K, V, mask=None):
    g, r = K.shape[1], _check(Q.shape[1], K.shape[1])
    K, V = _shared(Q, K, V)
    S = Q @ K.mT / math.sqrt(Q.shape[-1])
    if mask is not None:
        return _weights(S, mask) @ V
    A = S.unflatten(1, (g, r)).flatten(2).softmax(-1).reshape(S.shape)
    return A * (r * Q.shape[2]) @ V


@mistake(
    "In `pool` you divide the sum of a group by the number of groups. An average is divided by how many were added: "
    "the n_heads / n_kv heads of a group.",
    of="pool",
    hint=3,
)
def divided_by_groups(W, n_heads, n_kv):
    return W.unflatten(1, (n_kv, _check(n_heads, n_kv), -1)).sum(dim=2).flatten(1) / n_kv
