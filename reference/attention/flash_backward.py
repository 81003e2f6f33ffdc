"""The backward pass of attention in blocks.

Dao et al., "FlashAttention" (2022), appendix B.2, with the logsumexp L of FlashAttention-2. The row sum of the
softmax's backward, which runs over all keys, is a product of two rows that are given:

    D_i = Σ_j P_ij dP_ij = Σ_j P_ij (dO_i · v_j) = dO_i · Σ_j P_ij v_j = dO_i · O_i
"""

import math

import torch
from torch import Tensor

from grader.marks import alternative, mistake


def flash_backward(
    dO: Tensor, Q: Tensor, K: Tensor, V: Tensor, O: Tensor, L: Tensor, block: int, mask: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of attention by Q, K and V, reading `block` keys at a time."""
    scale = 1.0 / math.sqrt(Q.shape[-1])
    D = (dO * O).sum(dim=-1, keepdim=True)
    # A query that sees no key has L = -∞ and only scores of -∞: taken against 0 instead, its weights are 0.
    L = L.masked_fill(torch.isneginf(L), 0.0)[..., None]
    dQ, dK, dV = torch.zeros_like(Q), torch.zeros_like(K), torch.zeros_like(V)
    for j in range(0, K.shape[-2], block):
        here = slice(j, j + block)
        S = Q @ K[..., here, :].mT * scale
        if mask is not None:
            S = S.masked_fill(~mask[:, here], -math.inf)
        P = torch.exp(S - L)
        dS = P * (dO @ V[..., here, :].mT - D)
        dQ += dS @ K[..., here, :] * scale  # every block adds to the queries,
        dK[..., here, :] = dS.mT @ Q * scale  # and has its keys and values to itself
        dV[..., here, :] = P.mT @ dO
    return dQ, dK, dV


# Other right ways.


@alternative("einsum over the blocks of split; keys and values put together at the end", of="flash_backward")
def by_split(dO, Q, K, V, O, L, block, mask=None):
    root = Q.shape[-1] ** 0.5
    D = torch.einsum("...qv,...qv->...q", dO, O).unsqueeze(-1)
    dQ, dKs, dVs = Q * 0, [], []
    columns = torch.arange(K.shape[-2]).split(block)
    for k, v, own in zip(K.split(block, -2), V.split(block, -2), columns, strict=True):
        s = torch.einsum("...qd,...kd->...qk", Q / root, k)
        seen = torch.ones_like(s, dtype=torch.bool) if mask is None else mask[:, own].expand(s.shape)
        p = torch.where(seen, torch.exp(torch.where(seen, s - L.unsqueeze(-1), 0.0)), 0.0)
        ds = p * (torch.einsum("...qv,...kv->...qk", dO, v) - D) / root
        dQ = dQ + torch.einsum("...qk,...kd->...qd", ds, k)
        dKs.append(torch.einsum("...qk,...qd->...kd", ds, Q))
        dVs.append(torch.einsum("...qk,...qv->...kv", p, dO))
    return dQ, torch.cat(dKs, -2), torch.cat(dVs, -2)


@alternative("queries in blocks outside, keys in blocks inside, everything added up", of="flash_backward")
def queries_outside(dO, Q, K, V, O, L, block, mask=None):
    dQ, dK, dV = (torch.zeros(X.shape, dtype=X.dtype) for X in (Q, K, V))
    for i in range(0, Q.shape[-2], 512):
        q, do, o = Q[..., i : i + 512, :], dO[..., i : i + 512, :], O[..., i : i + 512, :]
        lse = L[..., i : i + 512, None]
        blind = torch.isneginf(lse)
        for j in range(0, K.shape[-2], block):
            k, v = K[..., j : j + block, :], V[..., j : j + block, :]
            hidden = blind if mask is None else blind | ~mask[i : i + 512, j : j + block]
            P = (q @ k.transpose(-2, -1) / math.sqrt(Q.shape[-1]) - lse).exp().masked_fill(hidden, 0.0)
            dS = (P * (do @ v.mT) - P * (do * o).sum(-1, keepdim=True)) / math.sqrt(Q.shape[-1])
            dQ[..., i : i + 512, :] += dS @ k
            dK[..., j : j + block, :] += dS.transpose(-2, -1) @ q
            dV[..., j : j + block, :] += P.transpose(-2, -1) @ do
    return dQ, dK, dV


# Known mistakes. What they share:


def _scores(Q, K, mask, here, scale=None, fill=-math.inf):
    S = Q @ K[..., here, :].mT * (Q.shape[-1] ** -0.5 if scale is None else scale)
    return S if mask is None else S.masked_fill(~mask[:, here], fill)


def _weights(Q, K, L, mask, here):
    return torch.exp(_scores(Q, K, mask, here) - _finite(L))


def _finite(L):
    return L.masked_fill(torch.isneginf(L), 0.0)[..., None]


def _slopes(P, dP, D):
    return P * (dP - D)


def _run(dO, Q, K, V, O, L, block, mask=None, *, weights=_weights, slopes=_slopes, D=None, scale_q=1, scale_k=1):
    """flash_backward; `weights` makes P, `slopes` dS, `D(P, dP)` the row sum where it is not dO·O."""
    scale = Q.shape[-1] ** -0.5
    given = (dO * O).sum(-1, keepdim=True)
    dQ, dK, dV = torch.zeros_like(Q), torch.zeros_like(K), torch.zeros_like(V)
    for j in range(0, K.shape[-2], block):
        here = slice(j, j + block)
        P, dP = weights(Q, K, L, mask, here), dO @ V[..., here, :].mT
        dS = slopes(P, dP, given if D is None else D(P, dP))
        dQ += dS @ K[..., here, :] * scale**scale_q
        dK[..., here, :] = dS.mT @ Q * scale**scale_k
        dV[..., here, :] = P.mT @ dO
    return dQ, dK, dV


def _parts(Q, K, V, block, mask):
    """L made again, out of the keys that are given."""
    L = Q.new_full(Q.shape[:-1], -math.inf)
    for j in range(0, K.shape[-2], block):
        L = torch.logaddexp(L, _scores(Q, K, mask, slice(j, j + block)).logsumexp(-1))
    return L


# Mistakes in dS -------------------------------------------------------------------------------------------------------


@mistake(
    "D is missing: dS is P ∘ dP. Without it the sum below the softmax is treated as a constant, though every score of "
    "the row changes it.",
    of="flash_backward",
    hint=3,
)
def row_sum_missing(dO, Q, K, V, O, L, block, mask=None):
    return _run(dO, Q, K, V, O, L, block, mask, D=lambda P, dP: 0.0)


@mistake(
    "D is summed over the block's own keys. It is a sum over all keys, the same in every block: work it out before the "
    "loop, from O.",
    of="flash_backward",
    hint=1,
)
def row_sum_of_block(dO, Q, K, V, O, L, block, mask=None):
    return _run(dO, Q, K, V, O, L, block, mask, D=lambda P, dP: (P * dP).sum(-1, keepdim=True))


@mistake(
    "D is summed from the keys that are given. Where O and L belong to a longer text, that is a part of it only. O "
    "holds the whole sum.",
    of="flash_backward",
    hint=3,
)
def row_sum_of_keys(dO, Q, K, V, O, L, block, mask=None):
    D = torch.zeros_like(L)[..., None]
    for j in range(0, K.shape[-2], block):
        here = slice(j, j + block)
        D += (_weights(Q, K, L, mask, here) * (dO @ V[..., here, :].mT)).sum(-1, keepdim=True)
    return _run(dO, Q, K, V, O, L, block, mask, D=lambda P, dP: D)


@mistake(
    "D is one number for all queries: the axis is missing in its sum. Each query has a D of its own.",
    of="flash_backward",
    hint=2,
)
def one_row_sum(dO, Q, K, V, O, L, block, mask=None):
    return _run(dO, Q, K, V, O, L, block, mask, D=lambda P, dP: (dO * O).sum())


@mistake(
    "D is the mean of dO ∘ O over the features, not the sum: it comes out d_v times too small.",
    of="flash_backward",
    hint=3,
)
def row_mean(dO, Q, K, V, O, L, block, mask=None):
    return _run(dO, Q, K, V, O, L, block, mask, D=lambda P, dP: (dO * O).mean(-1, keepdim=True))


@mistake(
    "D is not multiplied by P: you have P ∘ dP - D. Both terms carry the weight, so a hidden pair gets a "
    "gradient here.",
    of="flash_backward",
    hint=3,
)
def row_sum_without_weight(dO, Q, K, V, O, L, block, mask=None):
    return _run(dO, Q, K, V, O, L, block, mask, slopes=lambda P, dP, D: P * dP - D)


@mistake("dS has the wrong sign: it is P ∘ (dP - D), not P ∘ (D - dP).", of="flash_backward", hint=3)
def sign_turned(dO, Q, K, V, O, L, block, mask=None):
    return _run(dO, Q, K, V, O, L, block, mask, slopes=lambda P, dP, D: P * (D - dP))


@mistake(
    "You took only the diagonal of the softmax's slopes, P (1 - P) dP, as for a sigmoid. A score also changes the "
    "weights of all other keys of its row.",
    of="flash_backward",
    hint=3,
)
def diagonal_only(dO, Q, K, V, O, L, block, mask=None):
    return _run(dO, Q, K, V, O, L, block, mask, slopes=lambda P, dP, D: P * (1 - P) * dP)


# Mistakes in the weights ----------------------------------------------------------------------------------------------


@mistake(
    "The weights are a softmax within each block, so those of every block sum to one. L is the logsumexp over all "
    "keys: the weights are exp(s - L).",
    of="flash_backward",
    hint=3,
)
def softmax_of_block(dO, Q, K, V, O, L, block, mask=None):
    def weights(Q, K, L, mask, here):
        S = _scores(Q, K, mask, here)
        return torch.exp(S - _finite(S.logsumexp(-1)))

    return _run(dO, Q, K, V, O, L, block, mask, weights=weights)


@mistake(
    "L is not used: you make it again, out of the keys that are given. That costs a pass more, and is wrong where O "
    "and L belong to a longer text.",
    of="flash_backward",
    hint=1,
)
def logsumexp_again(dO, Q, K, V, O, L, block, mask=None):
    return _run(dO, Q, K, V, O, _parts(Q, K, V, block, mask), block, mask)


@mistake(
    "The forward pass is run again, for O and for L. Both are given; where they belong to a longer text, what you "
    "make of the keys at hand is something else.",
    of="flash_backward",
    hint=1,
)
def forward_again(dO, Q, K, V, O, L, block, mask=None):
    own = _parts(Q, K, V, block, mask)
    O = torch.zeros_like(dO)
    for j in range(0, K.shape[-2], block):
        here = slice(j, j + block)
        O += _weights(Q, K, own, mask, here) @ V[..., here, :]
    return _run(dO, Q, K, V, O, own, block, mask)


@mistake(
    "The weights are exp(s), without L: they do not sum to one, and overflow where scores are large.",
    of="flash_backward",
    hint=3,
)
def without_logsumexp(dO, Q, K, V, O, L, block, mask=None):
    return _run(dO, Q, K, V, O, L, block, mask, weights=lambda Q, K, L, mask, here: _scores(Q, K, mask, here).exp())


@mistake(
    "You divide exp(s) by L. L is the logarithm of the sum, so it is taken off before the exponential: exp(s - L).",
    of="flash_backward",
    hint=3,
)
def divided_by_logsumexp(dO, Q, K, V, O, L, block, mask=None):
    def weights(Q, K, L, mask, here):
        return _scores(Q, K, mask, here).exp() / L[..., None]

    return _run(dO, Q, K, V, O, L, block, mask, weights=weights)


@mistake(
    "The scores are made again without 1/√d_k. L belongs to the scaled ones, so exp(s - L) are not the weights of the "
    "forward pass.",
    of="flash_backward",
    hint=3,
)
def scores_unscaled(dO, Q, K, V, O, L, block, mask=None):
    def weights(Q, K, L, mask, here):
        return torch.exp(_scores(Q, K, mask, here, scale=1.0) - _finite(L))

    return _run(dO, Q, K, V, O, L, block, mask, weights=weights)


# Mistakes in the products ---------------------------------------------------------------------------------------------


@mistake(
    "The scale is missing in dQ and in dK. The scores were divided by √d_k, so what comes back through them is, too.",
    of="flash_backward",
    hint=3,
)
def scale_missing(dO, Q, K, V, O, L, block, mask=None):
    return _run(dO, Q, K, V, O, L, block, mask, scale_q=0, scale_k=0)


@mistake("The scale 1/√d_k is in dK, but missing in dQ.", of="flash_backward", hint=3)
def scale_missing_in_dQ(dO, Q, K, V, O, L, block, mask=None):
    return _run(dO, Q, K, V, O, L, block, mask, scale_q=0)


@mistake("The scale 1/√d_k is in dQ, but missing in dK.", of="flash_backward", hint=3)
def scale_missing_in_dK(dO, Q, K, V, O, L, block, mask=None):
    return _run(dO, Q, K, V, O, L, block, mask, scale_k=0)


@mistake(
    "dQ and dK are scaled twice, by 1/d_k in all. The scale comes in once: a Q that was scaled before the loop brings "
    "it along into dK.",
    of="flash_backward",
    hint=3,
)
def scaled_twice(dO, Q, K, V, O, L, block, mask=None):
    return _run(dO, Q, K, V, O, L, block, mask, scale_q=2, scale_k=2)


@mistake(
    "dK is scaled twice. It is made with a Q that was scaled already, and then scaled again.",
    of="flash_backward",
    hint=3,
)
def keys_scaled_twice(dO, Q, K, V, O, L, block, mask=None):
    return _run(dO, Q, K, V, O, L, block, mask, scale_k=2)


@mistake(
    "dV is made with dS in place of P. The values were averaged with the weights, so P hands their gradient out.",
    of="flash_backward",
    hint=3,
)
def values_from_slopes(dO, Q, K, V, O, L, block, mask=None):
    dQ, dK, dV = _run(dO, Q, K, V, O, L, block, mask)
    D = (dO * O).sum(-1, keepdim=True)
    for j in range(0, K.shape[-2], block):
        here = slice(j, j + block)
        P = _weights(Q, K, L, mask, here)
        dV[..., here, :] = (P * (dO @ V[..., here, :].mT - D)).mT @ dO
    return dQ, dK, dV


@mistake(
    "dQ holds the last block only: each block writes over what the one before left. All blocks add to it.",
    of="flash_backward",
    hint=1,
)
def queries_written_over(dO, Q, K, V, O, L, block, mask=None):
    _, dK, dV = _run(dO, Q, K, V, O, L, block, mask)
    j = max(0, (K.shape[-2] - 1) // block * block)
    last = None if mask is None else mask[:, j:]
    return _run(dO, Q, K[..., j:, :], V[..., j:, :], O, L, block, last)[0], dK, dV


@mistake(
    "Where block does not divide the number of keys, the last keys are left out: their dK and dV are zeros. The last "
    "block is a shorter one.",
    of="flash_backward",
    hint=2,
)
def tail_dropped(dO, Q, K, V, O, L, block, mask=None):
    n = K.shape[-2] // block * block
    front = None if mask is None else mask[:, :n]
    dQ, dK, dV = _run(dO, Q, K[..., :n, :], V[..., :n, :], O, L, block, front)
    rest = (0, 0, 0, K.shape[-2] - n)
    return dQ, torch.nn.functional.pad(dK, rest), torch.nn.functional.pad(dV, rest)


@mistake("You return dK, dQ, dV. It has to be dQ, dK, dV.", of="flash_backward", hint=2)
def keys_first(dO, Q, K, V, O, L, block, mask=None):
    dQ, dK, dV = _run(dO, Q, K, V, O, L, block, mask)
    return dK, dQ, dV


# Mistakes with the mask -----------------------------------------------------------------------------------------------


@mistake("The mask is not used: hidden pairs have weight and gradient.", of="flash_backward", hint=3)
def mask_ignored(dO, Q, K, V, O, L, block, mask=None):
    return _run(dO, Q, K, V, O, L, block)


@mistake("The mask's meaning is turned round: True means that the key may be seen.", of="flash_backward", hint=3)
def mask_inverted(dO, Q, K, V, O, L, block, mask=None):
    return _run(dO, Q, K, V, O, L, block, None if mask is None else ~mask)


@mistake(
    "Every block is masked with the first columns of the mask. Block b has its own columns.",
    of="flash_backward",
    hint=2,
)
def mask_of_first_block(dO, Q, K, V, O, L, block, mask=None):
    if mask is not None:
        mask = mask[:, torch.arange(mask.shape[1]) % block]
    return _run(dO, Q, K, V, O, L, block, mask)


@mistake(
    "A query that sees no key makes NaN: its scores and its L are all -∞, and -∞ - (-∞) is NaN. Its gradients "
    "are zeros.",
    of="flash_backward",
    hint=4,
)
def nan_without_keys(dO, Q, K, V, O, L, block, mask=None):
    def weights(Q, K, L, mask, here):
        return torch.exp(_scores(Q, K, mask, here) - L[..., None])

    return _run(dO, Q, K, V, O, L, block, mask, weights=weights)


@mistake(
    "Hidden scores are set to a large negative number. Where a query sees no key its L is -∞, and that number minus "
    "-∞ is ∞: its weights have to be 0.",
    of="flash_backward",
    hint=4,
)
def fill_finite(dO, Q, K, V, O, L, block, mask=None):
    def weights(Q, K, L, mask, here):
        return torch.exp(_scores(Q, K, mask, here, fill=-1e9) - L[..., None])

    return _run(dO, Q, K, V, O, L, block, mask, weights=weights)


@mistake(
    "Hidden weights are multiplied by 0 after the exponential. A hidden score may be far above L: exp(s - L) is then "
    "∞, and 0 · ∞ is NaN. Hide before the exponential, or replace instead of multiplying.",
    of="flash_backward",
    hint=4,
)
def mask_multiplied(dO, Q, K, V, O, L, block, mask=None):
    def weights(Q, K, L, mask, here):
        P = torch.exp(_scores(Q, K, None, here) - _finite(L))
        return P if mask is None else P * mask[:, here]

    return _run(dO, Q, K, V, O, L, block, mask, weights=weights)


@mistake(
    "The mask hides the weights, but not dS: a hidden pair still hands a gradient to its query and key.",
    of="flash_backward",
    hint=3,
)
def slopes_not_hidden(dO, Q, K, V, O, L, block, mask=None):
    dQ, dK, _ = _run(dO, Q, K, V, O, L, block)
    return dQ, dK, _run(dO, Q, K, V, O, L, block, mask)[2]


# Mistakes with the tensors --------------------------------------------------------------------------------------------


@mistake(
    "Q is scaled in place. The caller's tensor changes under their hands; make a new one.", of="flash_backward", hint=4
)
def in_place(dO, Q, K, V, O, L, block, mask=None):
    result = _run(dO, Q, K, V, O, L, block, mask)
    Q *= Q.shape[-1] ** -0.5
    return result


@mistake(
    "L is changed in place where it is -∞. It belongs to the caller, who may still need it; make a new tensor.",
    of="flash_backward",
    hint=4,
)
def logsumexp_in_place(dO, Q, K, V, O, L, block, mask=None):
    result = _run(dO, Q, K, V, O, L, block, mask)
    L.masked_fill_(torch.isneginf(L), 0.0)
    return result


@mistake(
    "The gradients are collected in float32, so float64 inputs lose half their digits on the way.",
    of="flash_backward",
    hint=2,
)
def float32_buffers(dO, Q, K, V, O, L, block, mask=None):
    result = _run(*(t.float() for t in (dO, Q, K, V, O, L)), block, mask)
    return tuple(t.to(Q.dtype) for t in result)
