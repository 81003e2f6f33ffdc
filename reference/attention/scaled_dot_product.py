"""Scaled dot-product attention: Vaswani et al., "Attention Is All You Need" (2017), section 3.2.1, equation 1."""

import math

import torch
from torch import Tensor

from grader.marks import alternative, mistake


def sdpa(Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
    """Average the rows of V with the weights softmax(Q Kᵀ / √d_k), keeping the keys where `mask` is True."""
    d_k = Q.shape[-1]
    S = Q @ K.transpose(-2, -1) / math.sqrt(d_k)
    if mask is None:
        return torch.softmax(S, dim=-1) @ V
    # exp(-inf) = 0: a hidden key takes no part in the sum that softmax divides by.
    A = torch.softmax(S.masked_fill(~mask, -math.inf), dim=-1)
    # A row of -inf alone became 0/0. Its weights are zero; set here, before the product, so that no NaN meets V or its
    # gradient.
    return A.masked_fill(~mask, 0.0) @ V


# Other right ways.


@alternative("one query and one key at a time", of="sdpa")
def one_by_one(Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
    *leading, n_q, d_k = Q.shape
    n_k, d_v = V.shape[-2:]
    keep = torch.ones(*leading, n_q, n_k, dtype=torch.bool)
    if mask is not None:
        keep = keep & mask
    size = math.prod(leading)
    Q, K, V = Q.reshape(size, n_q, d_k), K.reshape(size, n_k, d_k), V.reshape(size, n_k, d_v)
    keep = keep.reshape(size, n_q, n_k)
    rows = []
    for b in range(size):
        for i in range(n_q):
            seen = [j for j in range(n_k) if keep[b, i, j]]
            scores = [(Q[b, i] * K[b, j]).sum() * d_k**-0.5 for j in seen]
            top = max((float(s.detach()) for s in scores), default=0.0)
            shares = [(s - top).exp() for s in scores]
            row = V.new_zeros(d_v)
            for share, j in zip(shares, seen, strict=True):
                row = row + share / sum(shares) * V[b, j]
            rows.append(row)
    flat = torch.stack(rows) if rows else V.new_zeros(0, d_v)
    return flat.reshape(*leading, n_q, d_v)


@alternative("einsum, and a softmax written out", of="sdpa")
def einsum(Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
    if K.shape[-2] == 0:
        return Q.new_zeros(*Q.shape[:-1], V.shape[-1])
    S = torch.einsum("...qd,...kd->...qk", Q * Q.shape[-1] ** -0.5, K)
    keep = torch.ones_like(S, dtype=torch.bool) if mask is None else mask.expand_as(S)
    top = S.masked_fill(~keep, -torch.inf).amax(dim=-1, keepdim=True)
    top = torch.where(top.isinf(), 0.0, top)
    E = torch.where(keep, torch.where(keep, S - top, 0.0).exp(), 0.0)
    total = E.sum(dim=-1, keepdim=True)
    return torch.einsum("...qk,...kv->...qv", E / torch.where(total == 0, 1.0, total), V)


@alternative("float64 inside, log-sum-exp", of="sdpa")
def double_inside(Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
    S = (Q.double() / math.sqrt(K.size(-1))) @ K.double().mT
    if mask is not None:
        dead = ~mask.any(dim=-1, keepdim=True)
        S = S.masked_fill(~(mask | dead), -torch.inf)
    A = (S - torch.logsumexp(S, dim=-1, keepdim=True)).exp()
    if mask is not None:
        A = A.masked_fill(dead, 0.0)
    return (A @ V.double()).to(Q.dtype)


# Known mistakes. What they share:


def _scores(Q: Tensor, K: Tensor) -> Tensor:
    return Q @ K.transpose(-2, -1) / math.sqrt(Q.shape[-1])


def _attend(S: Tensor, V: Tensor, mask: Tensor | None) -> Tensor:
    return _weights(S, mask) @ V


def _weights(S: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return torch.softmax(S, dim=-1)
    return torch.softmax(S.masked_fill(~mask, -math.inf), dim=-1).masked_fill(~mask, 0.0)


@mistake(
    "The mask's meaning is inverted: here True means that the query may look at the key, and your code hides the keys "
    "where the mask is True.",
    of="sdpa",
    hint=2,
)
def inverted_mask(Q, K, V, mask=None):
    return _attend(_scores(Q, K), V, None if mask is None else ~mask)


@mistake(
    "Hidden scores are set to a large negative number. That hides a key beside others, but a query that may look at no "
    "key then shares its weight evenly among all the hidden ones: it must give zeros.",
    of="sdpa",
    hint=4,
)
def fill_finite(Q, K, V, mask=None):
    S = _scores(Q, K)
    return torch.softmax(S if mask is None else S.masked_fill(~mask, -1e9), dim=-1) @ V


@mistake(
    "Hidden scores are set to a number that is not low enough. Where the keys that are left score lower still, the hidden "
    "ones take all the weight in the softmax, and nothing is left once they are set to zero.",
    of="sdpa",
    hint=4,
)
def cleared_but_too_high(Q, K, V, mask=None):
    S = _scores(Q, K)
    if mask is None:
        return torch.softmax(S, dim=-1) @ V
    return torch.softmax(S.masked_fill(~mask, -1e5), dim=-1).masked_fill(~mask, 0.0) @ V


@mistake(
    "A query that may look at no key comes out as NaN: softmax of a row of minus infinities is 0/0. Such a row has no "
    "weights at all, so it is zeros.",
    of="sdpa",
    hint=4,
)
def nan_row(Q, K, V, mask=None):
    S = _scores(Q, K)
    return torch.softmax(S if mask is None else S.masked_fill(~mask, -math.inf), dim=-1) @ V


@mistake(
    "The values come out right, but the weights are cut off from autograd (detach, .data, no_grad or a trip through "
    "NumPy): no gradient reaches Q and K, and what to attend to could never be learnt.",
    of="sdpa",
    hint=4,
)
def detached(Q, K, V, mask=None):
    return _weights(_scores(Q, K), mask).detach() @ V


@mistake(
    "The scores are not scaled. The dot product of two random vectors grows like the square root of their width d_k; "
    "unscaled, softmax comes close to picking a single key and hardly learns.",
    of="sdpa",
    hint=3,
)
def unscaled(Q, K, V, mask=None):
    return _attend(Q @ K.transpose(-2, -1), V, mask)


@mistake(
    "The scores are divided by d_k itself, not by its square root. The variance of a dot product is d_k, its usual "
    "size is √d_k: dividing by d_k makes the weights too even.",
    of="sdpa",
    hint=3,
)
def divided_by_d(Q, K, V, mask=None):
    return _attend(Q @ K.transpose(-2, -1) / Q.shape[-1], V, mask)


@mistake(
    "The scores are divided by the square root of the width of the values, d_v. It is the queries and keys that are "
    "multiplied, so it is their width d_k that counts.",
    of="sdpa",
    hint=3,
)
def root_of_d_v(Q, K, V, mask=None):
    return _attend(Q @ K.transpose(-2, -1) / math.sqrt(V.shape[-1]), V, mask)


@mistake(
    "The scores are divided by the square root of the number of keys n_k, where the width d_k (the last axis) belongs. "
    "A longer text would change the weights' sharpness.",
    of="sdpa",
    hint=3,
)
def root_of_n_k(Q, K, V, mask=None):
    return _attend(Q @ K.transpose(-2, -1) / math.sqrt(max(K.shape[-2], 1)), V, mask)


@mistake(
    "The scores are multiplied by √d_k where they should be divided by it.",
    of="sdpa",
    hint=3,
)
def multiplied(Q, K, V, mask=None):
    return _attend(Q @ K.transpose(-2, -1) * math.sqrt(Q.shape[-1]), V, mask)


@mistake(
    "The division by √d_k comes after the softmax, so the weights no longer sum to one. It belongs to the scores, "
    "before softmax.",
    of="sdpa",
    hint=3,
)
def scaled_after(Q, K, V, mask=None):
    return _attend(Q @ K.transpose(-2, -1), V, mask) / math.sqrt(Q.shape[-1])


@mistake(
    "Softmax runs over the queries: each column of the weights sums to one, where each row should. Every query shares "
    "out its attention among the keys, so softmax goes over the last axis of the scores.",
    of="sdpa",
    hint=2,
)
def over_queries(Q, K, V, mask=None):
    S = _scores(Q, K)
    if mask is None:
        return torch.softmax(S, dim=-2) @ V
    return torch.softmax(S.masked_fill(~mask, -math.inf), dim=-2).masked_fill(~mask, 0.0) @ V


@mistake(
    "Softmax runs over axis 1. Those are the keys of a plain matrix only; with a batch or heads in front axis 1 is something "
    "else. The keys are always the last axis, -1.",
    of="sdpa",
    hint=2,
)
def over_axis_1(Q, K, V, mask=None):
    S = _scores(Q, K)
    if mask is None:
        return torch.softmax(S, dim=1) @ V
    return torch.softmax(S.masked_fill(~mask, -math.inf), dim=1).nan_to_num(0.0) @ V


@mistake(
    "There is no softmax: the values are weighted with the raw scores, which can be negative and do not sum to one.",
    of="sdpa",
    hint=1,
)
def no_softmax(Q, K, V, mask=None):
    S = _scores(Q, K)
    return (S if mask is None else S.masked_fill(~mask, 0.0)) @ V


@mistake(
    "The exponentials are taken of the scores as they are. exp(10000) is infinite and exp(-10000) is zero, so large "
    "scores end in NaN. Softmax does not change when one number is taken off a whole row: choose it so that nothing "
    "overflows.",
    of="sdpa",
    hint=3,
)
def naive_exp(Q, K, V, mask=None):
    return _shares(_scores(Q, K).exp(), mask) @ V


@mistake(
    "The largest score of the whole tensor is taken off, not the largest of each row. A row that lies far below it "
    "becomes 0/0: every row needs a maximum of its own.",
    of="sdpa",
    hint=3,
)
def global_maximum(Q, K, V, mask=None):
    S = _scores(Q, K)
    return _shares((S - (S.max() if S.numel() else 0.0)).exp(), mask) @ V


def _shares(E: Tensor, mask: Tensor | None) -> Tensor:
    E = E if mask is None else E.masked_fill(~mask, 0.0)
    A = E / E.sum(dim=-1, keepdim=True)
    return A if mask is None else A.masked_fill(~mask.any(dim=-1, keepdim=True), 0.0)


@mistake("The mask is not used: hidden keys still get weight.", of="sdpa", hint=2)
def mask_ignored(Q, K, V, mask=None):
    return _attend(_scores(Q, K), V, None)


@mistake(
    "The mask is applied after the softmax: hidden weights are set to zero, but the weights that are left no longer "
    "sum to one. Hidden keys must be out before softmax divides by the sum.",
    of="sdpa",
    hint=3,
)
def masked_after(Q, K, V, mask=None):
    A = torch.softmax(_scores(Q, K), dim=-1)
    return (A if mask is None else A * mask) @ V


@mistake(
    "Hidden scores become 0 before the softmax, and exp(0) = 1: a hidden key still takes part. What makes its weight 0 "
    "is a score of minus infinity.",
    of="sdpa",
    hint=3,
)
def score_zero(Q, K, V, mask=None):
    S = _scores(Q, K)
    return torch.softmax(S if mask is None else S * mask, dim=-1) @ V


@mistake(
    "The boolean mask is added to the scores, where it counts as 0 and 1: kept keys get a little more weight, and no "
    "key is hidden.",
    of="sdpa",
    hint=3,
)
def mask_added(Q, K, V, mask=None):
    S = _scores(Q, K)
    return torch.softmax(S if mask is None else S + mask, dim=-1) @ V


@mistake(
    "Hidden scores are made by multiplying the mask with infinity, and 0 times infinity is NaN: the scores that were to "
    "stay are spoilt too. Choose between a score and minus infinity; do not multiply.",
    of="sdpa",
    hint=4,
)
def zero_times_infinity(Q, K, V, mask=None):
    S = _scores(Q, K)
    return torch.softmax(S if mask is None else S + ~mask * -math.inf, dim=-1) @ V


@mistake(
    "The result is right, but the NaN of a fully hidden row is replaced after the product with V. Backwards it is still "
    "there: 0 times NaN is NaN, and it spoils the gradient of V. Replace it in the weights, before they meet V.",
    of="sdpa",
    hint=4,
)
def nan_cleaned_late(Q, K, V, mask=None):
    return torch.nan_to_num(nan_row(Q, K, V, mask))


@mistake(
    "The result is right, but the gradients of Q and K are NaN. Where every key is hidden, softmax gives NaN; clearing it away "
    "afterwards does not help on the way back, where it meets minus infinities that were added to the scores. Replace the hidden "
    "scores instead of adding to them: then no gradient passes there.",
    of="sdpa",
    hint=4,
)
def nan_gradient(Q, K, V, mask=None):
    S = _scores(Q, K)
    if mask is not None:
        S = S + torch.zeros(mask.shape, dtype=S.dtype).masked_fill(~mask, -math.inf)
    return torch.softmax(S, dim=-1).nan_to_num(0.0) @ V


@mistake(
    "Hidden scores are set to -10000, which is not low enough: where the keys that are left score lower still, a hidden "
    "key wins. Only minus infinity is below everything.",
    of="sdpa",
    hint=3,
)
def fill_too_high(Q, K, V, mask=None):
    S = _scores(Q, K)
    return torch.softmax(S if mask is None else S.masked_fill(~mask, -1e4), dim=-1) @ V


@mistake(
    "A large negative number is added to hidden scores. Where every key of a row is hidden, all are shifted alike and "
    "softmax takes the shift back out: the query sees everything it should not. Such a row must be zeros.",
    of="sdpa",
    hint=4,
)
def penalty_added(Q, K, V, mask=None):
    S = _scores(Q, K)
    return torch.softmax(S if mask is None else S + ~mask * -1e9, dim=-1) @ V


@mistake(
    "Your code works for plain matrices only. Q, K and V may have leading axes (batch, heads); only the last two axes "
    "of K change places, and the rest stays where it is.",
    of="sdpa",
    hint=2,
)
def matrices_only(Q, K, V, mask=None):
    S = torch.mm(Q, K.t()) / math.sqrt(Q.shape[-1])
    return torch.mm(_weights(S, mask), V)


@mistake("The weights are returned beside the result. Return the result alone.", of="sdpa", hint=1)
def weights_too(Q, K, V, mask=None):
    A = _weights(_scores(Q, K), mask)
    return A @ V, A


@mistake(
    "Q is scaled in place. The caller's tensor changes under their hands; make a new one.",
    of="sdpa",
    hint=4,
)
def in_place(Q, K, V, mask=None):
    Q /= math.sqrt(Q.shape[-1])
    return _attend(Q @ K.transpose(-2, -1), V, mask)


@mistake(
    "Without a mask each of your queries sees only the keys up to its own place, as in a decoder. Nothing is hidden "
    "here unless a mask says so.",
    of="sdpa",
    hint=2,
)
def causal_by_default(Q, K, V, mask=None):
    S = _scores(Q, K)
    return _attend(S, V, torch.ones(S.shape[-2:], dtype=torch.bool).tril() if mask is None else mask)


@mistake(
    "You clamp the scores before exp. That keeps it from overflowing, but all scores beyond the bound become equal, "
    "and far below it nothing is told apart. Take the largest score of each row off instead.",
    of="sdpa",
    hint=3,
)
def clamped(Q, K, V, mask=None):
    E = _scores(Q, K).clamp(-80, 80).exp()
    E = E if mask is None else E.masked_fill(~mask, 0.0)
    total = E.sum(dim=-1, keepdim=True)
    return E / torch.where(total > 0, total, 1.0) @ V


@mistake(
    "You compute the softmax in float32, although the arguments are float64: half of the digits are lost. Stay in the "
    "dtype of the arguments.",
    of="sdpa",
    hint=4,
)
def float32_softmax(Q, K, V, mask=None):
    S = _scores(Q, K)
    if mask is None:
        return torch.softmax(S, dim=-1, dtype=torch.float32).to(V.dtype) @ V
    S = S.masked_fill(~mask, torch.finfo(torch.float32).min)
    return torch.softmax(S, dim=-1, dtype=torch.float32).to(V.dtype).masked_fill(~mask, 0.0) @ V


@mistake(
    "Your code works for plain matrices and for one leading axis, and fails with two, such as batch and heads. There "
    "may be any number of them: only the last two axes of K change places, and the rest stays where it is.",
    of="sdpa",
    hint=2,
)
def one_leading_axis(Q, K, V, mask=None):
    if Q.dim() > 3:
        raise RuntimeError("batch1 must be a 3D tensor")
    return _attend(_scores(Q, K), V, mask)


@mistake(
    "You divide by a root rounded down to an integer. That is √d_k only where d_k is a square.",
    of="sdpa",
    hint=3,
)
def integer_root(Q, K, V, mask=None):
    return _attend(Q @ K.transpose(-2, -1) / math.isqrt(Q.shape[-1]), V, mask)


@mistake(
    "You subtract the log-sum-exp from the raw scores. Where these are about 10,000, so is it, and float32 leaves it "
    "only three decimals. Take the largest score of each row off first.",
    of="sdpa",
    hint=3,
)
def logsumexp_of_raw_scores(Q, K, V, mask=None):
    S = _scores(Q, K)
    if mask is None:
        return (S - S.logsumexp(-1, keepdim=True)).exp() @ V
    alive = mask.any(dim=-1, keepdim=True)
    S = S.masked_fill(~mask, -math.inf).masked_fill(~alive, 0.0)
    return (S - S.logsumexp(-1, keepdim=True)).exp().masked_fill(~alive, 0.0) @ V


@mistake(
    "You put an axis for the heads into every mask with three axes. Q, K and V may have any number of leading axes: "
    "the mask broadcasts to the scores as it is.",
    of="sdpa",
    hint=2,
)
def mask_given_an_axis(Q, K, V, mask=None):
    return _attend(_scores(Q, K), V, mask if mask is None or mask.dim() != 3 else mask[:, None])


@mistake(
    "You scale Q in place behind autograd's back (no_grad or .data): the caller's tensor changes under their hands, "
    "and the gradient of Q misses the division by √d_k. Make a new tensor.",
    of="sdpa",
    hint=4,
)
def in_place_unseen(Q, K, V, mask=None):
    with torch.no_grad():
        Q /= math.sqrt(Q.shape[-1])
    return _attend(Q @ K.transpose(-2, -1), V, mask)


@mistake(
    "Your softmax runs over all keys, and the weights that are left are divided by their sum plus a small number: "
    "they sum to less than one, and where a hidden score is far above the others nothing is left. Hide the scores "
    "before the softmax.",
    of="sdpa",
    hint=3,
)
def renormalised(Q, K, V, mask=None):
    A = torch.softmax(_scores(Q, K), dim=-1)
    if mask is not None:
        A = A * mask
        A = A / (A.sum(dim=-1, keepdim=True) + 1e-9)
    return A @ V
