"""The backward pass of scaled dot-product attention.

Dao et al., "FlashAttention" (2022), appendix B.2. The weights P are worked out again; then, from the last line of the
forward pass to the first,

    O = P V            dV = Pᵀ dO,  dP = dO Vᵀ
    P = softmax(S)     dSᵢₖ = Σⱼ dPᵢⱼ Pᵢⱼ (δⱼₖ - Pᵢₖ) = Pᵢₖ (dPᵢₖ - Σⱼ Pᵢⱼ dPᵢⱼ)
    S = Q Kᵀ / √d_k    dQ = dS K / √d_k,  dK = dSᵀ Q / √d_k

A hidden pair has P = 0 and so dS = 0: the mask needs no line of its own on the way back.
"""

import numpy as np

from grader.marks import alternative, mistake


def weights(Q: np.ndarray, K: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """P = softmax(Q Kᵀ / √d_k) over the keys; a query without any key gets a row of zeros."""
    S = Q @ K.mT * Q.shape[-1] ** -0.5
    if mask is not None:
        S = np.where(mask, S, -np.inf)
    top = S.max(-1, keepdims=True, initial=-np.inf)
    E = np.exp(S - np.where(top > -np.inf, top, 0.0))
    total = E.sum(-1, keepdims=True)
    return E / np.where(total > 0, total, 1.0)


def sdpa_backward(
    dO: np.ndarray, Q: np.ndarray, K: np.ndarray, V: np.ndarray, mask: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """dQ, dK and dV: back through O = P V, then P = softmax(S), then S = Q Kᵀ / √d_k."""
    P = weights(Q, K, mask)
    dV = P.mT @ dO
    dP = dO @ V.mT
    dS = P * (dP - np.sum(P * dP, -1, keepdims=True))
    scale = Q.shape[-1] ** -0.5
    return dS @ K * scale, dS.mT @ Q * scale, dV


# Alternatives ---------------------------------------------------------------------------------------------------------


@alternative("The row sums as in FlashAttention, from dO and O alone; everything in einsum.", of="sdpa_backward")
def from_the_output(dO, Q, K, V, mask=None):
    P = weights(Q, K, mask)
    O = np.einsum("...qk,...kv->...qv", P, V)
    D = np.einsum("...qv,...qv->...q", dO, O)[..., None]
    dS = P * (np.einsum("...qv,...kv->...qk", dO, V) - D) / float(np.sqrt(Q.shape[-1]))
    dQ, dK = np.einsum("...qk,...kd->...qd", dS, K), np.einsum("...qk,...qd->...kd", dS, Q)
    return dQ, dK, np.einsum("...qk,...qv->...kv", P, dO)


@alternative(
    "Query by query in loops, with the softmax's matrix of slopes written out, in float64.", of="sdpa_backward"
)
def by_slopes(dO, Q, K, V, mask=None):
    lead, n_q, n_k, root = Q.shape[:-2], Q.shape[-2], K.shape[-2], Q.shape[-1] ** 0.5
    keep = np.broadcast_to(True if mask is None else mask, (*lead, n_q, n_k))
    dQ, dK, dV = (np.zeros(X.shape) for X in (Q, K, V))
    for at in np.ndindex(lead):
        for i in range(n_q):
            seen = np.flatnonzero(keep[at][i])
            if not seen.size:
                continue
            q, k, v, do = (X.astype(np.float64) for X in (Q[at][i], K[at][seen], V[at][seen], dO[at][i]))
            s = k @ q / root
            p = np.exp(s - s.max())
            p /= p.sum()
            ds = (np.diag(p) - np.outer(p, p)) @ (v @ do)
            dQ[at][i] += ds @ k / root
            dK[at][seen] += np.outer(ds, q) / root
            dV[at][seen] += np.outer(p, do)
    return dQ.astype(Q.dtype), dK.astype(Q.dtype), dV.astype(Q.dtype)


@alternative("A very low score for hidden keys, their weights cleared afterwards.", of="weights")
def filled_and_cleared(Q, K, mask):
    S = (Q / float(np.sqrt(Q.shape[-1]))) @ np.swapaxes(K, -1, -2)
    keep = np.broadcast_to(True if mask is None else mask, S.shape)
    S = np.where(keep, S, np.finfo(S.dtype).min / 4)
    if S.shape[-1]:
        S = S - S.max(axis=-1, keepdims=True)
    E = np.exp(S) * keep
    return E / np.maximum(E.sum(axis=-1, keepdims=True), np.finfo(S.dtype).tiny)


# Mistakes in the softmax's backward -----------------------------------------------------------------------------------


@mistake(
    "You took only the diagonal of the softmax's slopes, dS = P (1 - P) dP, as for a sigmoid. A score also changes "
    "the weights of all other keys of its row, since the weights share one sum.",
    of="sdpa_backward",
    hint=3,
)
def diagonal_only(dO, Q, K, V, mask=None):
    P = weights(Q, K, mask)
    return _finish(P * (1 - P) * (dO @ V.mT), P, dO, Q, K)


@mistake(
    "In dS = P ∘ (dP - ...) the row's sum is not taken away. Without it the softmax is treated as if its denominator"
    " were a constant.",
    of="sdpa_backward",
    hint=3,
)
def row_sum_missing(dO, Q, K, V, mask=None):
    P = weights(Q, K, mask)
    return _finish(P * (dO @ V.mT), P, dO, Q, K)


@mistake(
    "You take the plain sum of dP from each row. The sum has to be weighted: each dP counts as much as its weight P.",
    of="sdpa_backward",
    hint=3,
)
def unweighted_sum(dO, Q, K, V, mask=None):
    P, dP = weights(Q, K, mask), dO @ V.mT
    return _finish(P * (dP - dP.sum(-1, keepdims=True)), P, dO, Q, K)


@mistake(
    "You take the plain mean of dP from each row, as a layer normalisation would. Softmax wants the mean weighted by"
    " P.",
    of="sdpa_backward",
    hint=3,
)
def unweighted_mean(dO, Q, K, V, mask=None):
    P, dP = weights(Q, K, mask), dO @ V.mT
    return _finish(P * (dP - dP.sum(-1, keepdims=True) / max(dP.shape[-1], 1)), P, dO, Q, K)


@mistake(
    "The sum of P ∘ dP goes down the columns, over the queries. The softmax was taken along each row, so the sum is "
    "over the keys.",
    of="sdpa_backward",
    hint=2,
)
def sum_over_queries(dO, Q, K, V, mask=None):
    P, dP = weights(Q, K, mask), dO @ V.mT
    return _finish(P * (dP - np.sum(P * dP, -2, keepdims=True)), P, dO, Q, K)


@mistake(
    "The sum of P ∘ dP is one number for everything: the axis is missing. Each query has a softmax of its own, and "
    "so a sum of its own.",
    of="sdpa_backward",
    hint=2,
)
def sum_over_everything(dO, Q, K, V, mask=None):
    P, dP = weights(Q, K, mask), dO @ V.mT
    return _finish(P * (dP - np.sum(P * dP)), P, dO, Q, K)


@mistake("Your dS has the wrong sign: it is P ∘ (dP - sum), not P ∘ (sum - dP).", of="sdpa_backward", hint=3)
def sign_turned(dO, Q, K, V, mask=None):
    P, dP = weights(Q, K, mask), dO @ V.mT
    return _finish(P * (np.sum(P * dP, -1, keepdims=True) - dP), P, dO, Q, K)


@mistake(
    "The sum that you take away is not multiplied by P: you have P ∘ dP - sum. Both terms carry the weight, so a "
    "hidden pair gets a gradient here.",
    of="sdpa_backward",
    hint=3,
)
def sum_without_weight(dO, Q, K, V, mask=None):
    P, dP = weights(Q, K, mask), dO @ V.mT
    return _finish(P * dP - np.sum(P * dP, -1, keepdims=True), P, dO, Q, K)


@mistake(
    "You left the softmax out on the way back: dP is used as dS. Between the weights and the scores stands the "
    "softmax, with slopes of its own.",
    of="sdpa_backward",
    hint=1,
)
def softmax_skipped(dO, Q, K, V, mask=None):
    return _finish(dO @ V.mT, weights(Q, K, mask), dO, Q, K)


# Mistakes in the products ---------------------------------------------------------------------------------------------


@mistake(
    "The scale is missing in dQ and in dK. The scores were divided by √d_k, so what comes back through them is, too.",
    of="sdpa_backward",
    hint=3,
)
def scale_missing(dO, Q, K, V, mask=None):
    dQ, dK, dV, root = *_right(dO, Q, K, V, mask), _root(Q)
    return dQ * root, dK * root, dV


@mistake("The scale 1/√d_k is in dQ, but missing in dK.", of="sdpa_backward", hint=3)
def scale_missing_in_dK(dO, Q, K, V, mask=None):
    dQ, dK, dV = _right(dO, Q, K, V, mask)
    return dQ, dK * _root(Q), dV


@mistake("The scale 1/√d_k is in dK, but missing in dQ.", of="sdpa_backward", hint=3)
def scale_missing_in_dQ(dO, Q, K, V, mask=None):
    dQ, dK, dV = _right(dO, Q, K, V, mask)
    return dQ * _root(Q), dK, dV


@mistake(
    "dQ and dK are divided by √d_k twice, that is by d_k. It comes in once, where the scores were scaled.",
    of="sdpa_backward",
    hint=3,
)
def scaled_twice(dO, Q, K, V, mask=None):
    dQ, dK, dV, root = *_right(dO, Q, K, V, mask), _root(Q)
    return dQ / root, dK / root, dV


@mistake("dV is divided by √d_k as well. The values do not go through the scores.", of="sdpa_backward", hint=3)
def scale_in_dV(dO, Q, K, V, mask=None):
    dQ, dK, dV = _right(dO, Q, K, V, mask)
    return dQ, dK, dV / _root(Q)


@mistake(
    "In dV you multiply dO by P and not by Pᵀ. That fits only where there are as many queries as keys: value j "
    "collects from all queries, so the sum is over the queries.",
    of="sdpa_backward",
    hint=2,
)
def weights_not_turned(dO, Q, K, V, mask=None):
    dQ, dK, _ = _right(dO, Q, K, V, mask)
    return dQ, dK, weights(Q, K, mask) @ dO


@mistake(
    "In dK you multiply Q by dS and not by dSᵀ. That fits only where there are as many queries as keys: key j "
    "collects from all queries, so the sum is over the queries.",
    of="sdpa_backward",
    hint=2,
)
def scores_not_turned(dO, Q, K, V, mask=None):
    P, dP = weights(Q, K, mask), dO @ V.mT
    dS = P * (dP - np.sum(P * dP, -1, keepdims=True)) / _root(Q)
    return dS @ K, dS @ Q, P.mT @ dO


@mistake(
    "dP is dO times V, where it has to be dO times Vᵀ: dPᵢⱼ is the dot product of row i of dO with value j.",
    of="sdpa_backward",
    hint=2,
)
def values_not_turned(dO, Q, K, V, mask=None):
    P, dP = weights(Q, K, mask), dO @ V
    return _finish(P * (dP - np.sum(P * dP, -1, keepdims=True)), P, dO, Q, K)


@mistake(
    "dQ is made with Q and dK with K. In a product each factor's gradient holds the *other* factor.",
    of="sdpa_backward",
    hint=3,
)
def own_factor(dO, Q, K, V, mask=None):
    P, dP = weights(Q, K, mask), dO @ V.mT
    dS = P * (dP - np.sum(P * dP, -1, keepdims=True)) / _root(Q)
    return dS @ Q, dS.mT @ K, P.mT @ dO


@mistake(
    "dV is made with dS in place of P. The values were averaged with the weights, so P hands their gradient out.",
    of="sdpa_backward",
    hint=3,
)
def values_from_scores(dO, Q, K, V, mask=None):
    P, dP = weights(Q, K, mask), dO @ V.mT
    dS = P * (dP - np.sum(P * dP, -1, keepdims=True)) / _root(Q)
    return dS @ K, dS.mT @ Q, dS.mT @ dO


@mistake(
    "The scale is √d_v, the width of the values. Scores are dot products of queries and keys, so it is √d_k.",
    of="sdpa_backward",
    hint=3,
)
def width_of_the_values(dO, Q, K, V, mask=None):
    root = V.shape[-1] ** 0.5
    P, dP = _softmax(Q @ K.mT / root, mask), dO @ V.mT
    dS = P * (dP - np.sum(P * dP, -1, keepdims=True)) / root
    return dS @ K, dS.mT @ Q, P.mT @ dO


@mistake("You return dK, dQ, dV. It has to be dQ, dK, dV.", of="sdpa_backward", hint=2)
def key_first(dO, Q, K, V, mask=None):
    dQ, dK, dV = _right(dO, Q, K, V, mask)
    return dK, dQ, dV


@mistake(
    "`.T` turns all axes of an array round, the leading ones too. Only the last two may change places.",
    of="sdpa_backward",
    hint=2,
)
def all_axes_turned(dO, Q, K, V, mask=None):
    if Q.ndim == 2:
        return _right(dO, Q, K, V, mask)
    P = weights(Q, K, mask)
    dV, dP = P.T @ dO, dO @ V.T
    dS = P * (dP - np.sum(P * dP, -1, keepdims=True)) / _root(Q)
    return dS @ K, dS.T @ Q, dV


@mistake(
    "float32 went in and float64 came out. np.sqrt of a plain number gives a NumPy float64, and that widens every "
    "float32 array it meets.",
    of="sdpa_backward",
    hint=4,
)
def widened(dO, Q, K, V, mask=None):
    dQ, dK, dV = _right(dO, Q, K, V, mask)
    return dQ.astype(np.float64), dK.astype(np.float64), dV.astype(np.float64)


@mistake(
    "float32 went in, and dQ and dK came out as float64. np.sqrt of a plain number gives a NumPy float64, and that "
    "widens every float32 array it meets.",
    of="sdpa_backward",
    hint=4,
)
def widened_by_the_root(dO, Q, K, V, mask=None):
    dQ, dK, dV = _right(dO, Q, K, V, mask)
    return dQ.astype(np.float64), dK.astype(np.float64), dV


@mistake(
    "The numbers are right, but you scaled the caller's own Q: `/=` and `*=` change an array in place.",
    of="sdpa_backward",
    hint=4,
)
def scales_the_callers_queries(dO, Q, K, V, mask=None):
    dQ, dK, dV = _right(dO, Q, K, V, mask)
    Q *= Q.shape[-1] ** -0.5
    return dQ, dK, dV


# Mistakes in the weights ----------------------------------------------------------------------------------------------


@mistake(
    "The weights are worked out again without 1/√d_k in the scores: they are not the weights of the forward pass.",
    of="weights",
    hint=3,
)
def scores_not_scaled(Q, K, mask):
    return _softmax(Q @ K.mT, mask)


@mistake("The mask is not used: hidden keys have weight and gradient.", of="weights", hint=3)
def mask_ignored(Q, K, mask):
    return _softmax(_scores(Q, K), None)


@mistake("The mask is turned round: you hide where it is True. True means keep.", of="weights", hint=3)
def mask_inverted(Q, K, mask):
    return _softmax(_scores(Q, K), None if mask is None else ~mask)


@mistake(
    "The mask clears weights after the softmax, so those that are left no longer sum to one. Hidden keys must be out"
    " before the softmax divides by the sum.",
    of="weights",
    hint=3,
)
def masked_afterwards(Q, K, mask):
    P = _softmax(_scores(Q, K), None)
    return P if mask is None else np.where(mask, P, 0.0)


@mistake(
    "Hidden scores are set to 0, but exp(0) is 1: a hidden key still has weight.",
    of="weights",
    hint=3,
)
def hidden_score_zero(Q, K, mask):
    S = _scores(Q, K)
    return _softmax(S if mask is None else np.where(mask, S, 0.0), None)


@mistake(
    "A query that may look at no key gets equal weights for all keys, as every score of its row is the same low "
    "number. It looked at nothing, so nothing comes back: zeros.",
    of="weights",
    hint=4,
)
def nothing_seen_is_everything(Q, K, mask):
    if mask is not None:
        mask = np.broadcast_to(mask, (*Q.shape[:-1], K.shape[-2]))
        blind = ~mask.any(-1, keepdims=True)
        return _softmax(np.where(blind, 0.0, _scores(Q, K)), mask | blind)
    return _softmax(_scores(Q, K), None)


@mistake(
    "A query that may look at no key gives NaN: its softmax is 0 / 0, or ∞ - ∞. Its weights have to be zeros.",
    of="weights",
    hint=4,
)
def nothing_seen_is_nan(Q, K, mask):
    P = _softmax(_scores(Q, K), mask)
    if mask is None or not P.shape[-1]:
        return P
    return np.where(np.broadcast_to(mask, P.shape).any(-1, keepdims=True), P, np.nan)


@mistake(
    "exp runs out of range where scores are large: take each row's largest score away first. The weights stay the "
    "same.",
    of="weights",
    hint=4,
)
def no_maximum_taken(Q, K, mask):
    with np.errstate(all="ignore"):
        S = _scores(Q, K)
        E = np.exp(S if mask is None else np.where(mask, S, -np.inf))
        total = E.sum(-1, keepdims=True)
        blind = False if mask is None else ~np.broadcast_to(mask, S.shape).any(-1, keepdims=True)
        return E / np.where(blind, 1.0, total)


@mistake(
    "One maximum is taken from all scores at once. A row whose scores lie far below it is left with zeros only: each"
    " row needs its own maximum.",
    of="weights",
    hint=4,
)
def one_maximum_for_all(Q, K, mask):
    with np.errstate(all="ignore"):
        S = _scores(Q, K)
        S = S if mask is None else np.where(mask, S, -np.inf)
        top = S.max(initial=-np.inf)
        E = np.exp(S - (top if top > -np.inf else 0.0))
        total = E.sum(-1, keepdims=True)
        blind = False if mask is None else ~np.broadcast_to(mask, S.shape).any(-1, keepdims=True)
        return E / np.where(blind, 1.0, total)


@mistake(
    "The softmax goes down the columns, over the queries. Each query spreads its weights over the keys, the last axis.",
    of="weights",
    hint=2,
)
def softmax_over_queries(Q, K, mask):
    mask = None if mask is None else np.broadcast_to(mask, (*Q.shape[:-1], K.shape[-2])).mT
    return _softmax(_scores(Q, K).mT, mask).mT


def _root(Q):
    return Q.shape[-1] ** 0.5


def _scores(Q, K):
    return Q @ K.mT * Q.shape[-1] ** -0.5


def _softmax(S, mask):
    if mask is not None:
        S = np.where(mask, S, -np.inf)
    top = S.max(-1, keepdims=True, initial=-np.inf)
    E = np.exp(S - np.where(top > -np.inf, top, 0.0))
    total = E.sum(-1, keepdims=True)
    return E / np.where(total > 0, total, 1.0)


def _finish(dS, P, dO, Q, K):
    dS = dS * Q.shape[-1] ** -0.5
    return dS @ K, dS.mT @ Q, P.mT @ dO


def _right(dO, Q, K, V, mask):
    P, dP = weights(Q, K, mask), dO @ V.mT
    return _finish(P * (dP - np.sum(P * dP, -1, keepdims=True)), P, dO, Q, K)
