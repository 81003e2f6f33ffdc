"""Attention in blocks: Dao et al. (2022), section 3.1, with the online normaliser of Milakov and Gimelshein (2018)."""

import math

import torch
from torch import Tensor

from grader.marks import alternative, mistake


def flash_forward(Q: Tensor, K: Tensor, V: Tensor, block: int, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Attention and the logsumexp of each row of scores, reading `block` keys at a time."""
    m = Q.new_full(Q.shape[:-1], -math.inf)  # the largest score so far
    l = torch.zeros_like(m)  # Σ exp(s - m) so far
    O = Q.new_zeros(*Q.shape[:-1], V.shape[-1])  # Σ exp(s - m) v so far
    for j in range(0, K.shape[-2], block):
        S = Q @ K[..., j : j + block, :].mT / math.sqrt(Q.shape[-1])
        if mask is not None:
            S = S.masked_fill(~mask[:, j : j + block], -math.inf)
        m_new = torch.maximum(m, S.amax(dim=-1))
        # Where nothing has been seen yet, m_new is -∞: taken against 0 instead, every exponential is 0.
        base = m_new.masked_fill(m_new == -math.inf, 0.0)
        P = torch.exp(S - base[..., None])
        mend = torch.exp(m - base)
        l = mend * l + P.sum(dim=-1)
        O = mend[..., None] * O + P @ V[..., j : j + block, :]
        m = m_new
    # Where nothing was seen, O and l are 0: O / 1 = 0, and L = m + ln 0 = -∞.
    return O / l.masked_fill(l == 0, 1.0)[..., None], m + torch.log(l)


# Other right ways.


@alternative("softmax within each block; two parts are put together by their logsumexp", of="flash_forward")
def by_parts(Q, K, V, block, mask=None):
    O, L = Q.new_zeros(*Q.shape[:-1], V.shape[-1]), Q.new_full(Q.shape[:-1], -math.inf)
    if not K.shape[-2]:
        return O, L
    columns = torch.arange(K.shape[-2]).split(block)
    for k, v, own in zip(K.split(block, -2), V.split(block, -2), columns, strict=True):
        S = torch.einsum("...qd,...kd->...qk", Q, k) * Q.shape[-1] ** -0.5
        if mask is not None:
            S = torch.where(mask[:, own], S, -torch.inf)
        part, log = S.softmax(-1).nan_to_num(0.0) @ v, S.logsumexp(-1)
        both = torch.logaddexp(L, log)
        safe = torch.where(both.isinf(), 0.0, both)
        O = (L - safe).exp().unsqueeze(-1) * O + (log - safe).exp().unsqueeze(-1) * part
        L = both
    return O, L


@alternative("two passes: the logsumexp first, then the weights again", of="flash_forward")
def two_passes(Q, K, V, block, mask=None):
    n_k = K.shape[-2]

    def scores(j):
        S = Q / Q.shape[-1] ** 0.5 @ K[..., j : j + block, :].transpose(-2, -1)
        return S if mask is None else S.masked_fill(mask[:, j : j + block].logical_not(), -math.inf)

    L = torch.full(Q.shape[:-1], -math.inf, dtype=Q.dtype)
    for j in range(0, n_k, block):
        L = torch.logaddexp(L, torch.logsumexp(scores(j), dim=-1))
    O = torch.zeros(*Q.shape[:-1], V.shape[-1], dtype=Q.dtype)
    finite = L.masked_fill(torch.isneginf(L), 0.0).unsqueeze(-1)
    for j in range(0, n_k, block):
        O = O + torch.exp(scores(j) - finite) @ V[..., j : j + block, :]
    return O, L


@alternative("key by key, divided in every step", of="flash_forward")
def key_by_key(Q, K, V, block, mask=None):
    O, L = Q.new_zeros(*Q.shape[:-1], V.shape[-1]), Q.new_full(Q.shape[:-1], -math.inf)
    for j in range(K.shape[-2]):
        s = (Q * K[..., j : j + 1, :]).sum(-1) / math.sqrt(Q.shape[-1])
        if mask is not None:
            s = s.masked_fill(~mask[:, j], -math.inf)
        new = torch.logaddexp(L, s)
        w = torch.exp(s - new.masked_fill(new == -math.inf, 0.0))
        old = torch.exp(L - new.masked_fill(new == -math.inf, 0.0))
        O, L = old[..., None] * O + w[..., None] * V[..., j : j + 1, :], new
    return O, L


# Known mistakes. What they share:


def _blocks(Q, K, V, block, mask, scale=None, fill=-math.inf):
    """Scores and values of each block."""
    scale = Q.shape[-1] ** -0.5 if scale is None else scale
    for j in range(0, K.shape[-2], block):
        S = Q @ K[..., j : j + block, :].mT * scale
        if mask is not None:
            S = S.masked_fill(~mask[:, j : j + block], fill)
        yield S, V[..., j : j + block, :]


def _base(m):
    return m.masked_fill(m == -math.inf, 0.0)


def _run(Q, K, V, block, mask=None, *, factors=None, scale=None, fill=-math.inf, end=None):
    """flash_forward; `factors(m, base)` mends the sum and the values, `end(O, l, m)` makes the answer."""
    m = Q.new_full(Q.shape[:-1], -math.inf)
    l, O = torch.zeros_like(m), Q.new_zeros(*Q.shape[:-1], V.shape[-1])
    for S, v in _blocks(Q, K, V, block, mask, scale, fill):
        m_new = torch.maximum(m, S.amax(dim=-1))
        base = _base(m_new)
        P = torch.exp(S - base[..., None])
        mend, mend_O = (torch.exp(m - base),) * 2 if factors is None else factors(m, base)
        l = mend * l + P.sum(dim=-1)
        O = mend_O[..., None] * O + P @ v
        m = m_new
    return _end(O, l, m) if end is None else end(O, l, m)


def _end(O, l, m):
    return O / l.masked_fill(l == 0, 1.0)[..., None], m + torch.log(l)


@mistake(
    "The weighted values are not mended when a larger score turns up: they were summed against the old maximum, as "
    "the sum l was, and need the same factor.",
    of="flash_forward",
    hint=3,
)
def values_not_mended(Q, K, V, block, mask=None):
    return _run(Q, K, V, block, mask, factors=lambda m, base: (torch.exp(m - base), torch.ones_like(m)))


@mistake(
    "The sum l is not mended when a larger score turns up: it was taken against the old maximum. Multiply it by "
    "exp(m - m_new) before the block's exponentials are added.",
    of="flash_forward",
    hint=3,
)
def sum_not_mended(Q, K, V, block, mask=None):
    return _run(Q, K, V, block, mask, factors=lambda m, base: (torch.ones_like(m), torch.exp(m - base)))


@mistake(
    "Nothing is mended when a larger score turns up: sums against the old maximum and against the new one are added "
    "as if they were alike.",
    of="flash_forward",
    hint=1,
)
def nothing_mended(Q, K, V, block, mask=None):
    return _run(Q, K, V, block, mask, factors=lambda m, base: (torch.ones_like(m), torch.ones_like(m)))


@mistake(
    "The factor that mends the old sums is upside down: the new maximum is larger, so what was summed before has to "
    "shrink, by exp(m - m_new).",
    of="flash_forward",
    hint=3,
)
def factor_inverted(Q, K, V, block, mask=None):
    def factors(m, base):
        factor = torch.where(m == -math.inf, 0.0, torch.exp(base - m))
        return factor, factor

    return _run(Q, K, V, block, mask, factors=factors)


@mistake(
    "Each block's exponentials are taken against the block's own maximum, and summed as they are. All have to be "
    "taken against one maximum, the largest so far, which is carried from block to block.",
    of="flash_forward",
    hint=1,
)
def own_maximum(Q, K, V, block, mask=None):
    m = Q.new_full(Q.shape[:-1], -math.inf)
    l, O = torch.zeros_like(m), Q.new_zeros(*Q.shape[:-1], V.shape[-1])
    for S, v in _blocks(Q, K, V, block, mask):
        P = torch.exp(S - _base(S.amax(dim=-1))[..., None])
        l, O, m = l + P.sum(dim=-1), O + P @ v, torch.maximum(m, S.amax(dim=-1))
    return _end(O, l, m)


@mistake(
    "The maximum is not carried: m becomes the newest block's own maximum, even where it is smaller. The old sums "
    "are then multiplied by exp of a large number, which overflows.",
    of="flash_forward",
    hint=3,
)
def maximum_not_carried(Q, K, V, block, mask=None):
    m = Q.new_full(Q.shape[:-1], -math.inf)
    l, O = torch.zeros_like(m), Q.new_zeros(*Q.shape[:-1], V.shape[-1])
    for S, v in _blocks(Q, K, V, block, mask):
        new = S.amax(dim=-1)
        new = torch.where(new == -math.inf, m, new)
        P, mend = torch.exp(S - _base(new)[..., None]), torch.exp(m - _base(new))
        l, O, m = mend * l + P.sum(dim=-1), mend[..., None] * O + P @ v, new
    return _end(O, l, m)


@mistake(
    "One maximum serves all rows. A row whose scores are far below it gets exponentials of 0 only. Each query has "
    "its own.",
    of="flash_forward",
    hint=2,
)
def one_maximum(Q, K, V, block, mask=None):
    m = torch.tensor(-math.inf, dtype=Q.dtype)
    l, O = Q.new_zeros(Q.shape[:-1]), Q.new_zeros(*Q.shape[:-1], V.shape[-1])
    for S, v in _blocks(Q, K, V, block, mask):
        new = torch.maximum(m, S.max()) if S.numel() else m
        P, mend = torch.exp(S - _base(new)), torch.exp(m - _base(new))
        l, O, m = mend * l + P.sum(dim=-1), mend * O + P @ v, new
    return _end(O, l, m)


@mistake(
    "The exponentials are taken of the scores as they are: exp(10000) is infinite. Take the largest score so far "
    "off first.",
    of="flash_forward",
    hint=3,
)
def naive_exp(Q, K, V, block, mask=None):
    l, O = Q.new_zeros(Q.shape[:-1]), Q.new_zeros(*Q.shape[:-1], V.shape[-1])
    for S, v in _blocks(Q, K, V, block, mask):
        l, O = l + S.exp().sum(-1), O + S.exp() @ v
    return _end(O, l, torch.zeros_like(l))


@mistake(
    "L is ln l, without the maximum. l was summed against m, so the logsumexp is m + ln l.",
    of="flash_forward",
    hint=3,
)
def log_without_maximum(Q, K, V, block, mask=None):
    def end(O, l, m):
        return _end(O, l, m)[0], torch.log(l)

    return _run(Q, K, V, block, mask, end=end)


@mistake("L is the maximum of each row. The logsumexp is m + ln l.", of="flash_forward", hint=3)
def log_is_maximum(Q, K, V, block, mask=None):
    def end(O, l, m):
        return _end(O, l, m)[0], m

    return _run(Q, K, V, block, mask, end=end)


@mistake("L is the sum l itself. Asked is the logsumexp, m + ln l.", of="flash_forward", hint=3)
def sum_for_log(Q, K, V, block, mask=None):
    def end(O, l, m):
        return _end(O, l, m)[0], l

    return _run(Q, K, V, block, mask, end=end)


@mistake("L is m - ln l. The logsumexp is ln(exp(m) · l) = m + ln l.", of="flash_forward", hint=3)
def log_subtracted(Q, K, V, block, mask=None):
    def end(O, l, m):
        return _end(O, l, m)[0], torch.where(l == 0, m, m - torch.log(l))

    return _run(Q, K, V, block, mask, end=end)


@mistake(
    "L mixes two logarithms: the maximum is added to a logarithm of base 2. exp(s - L) are the weights only if L is "
    "the natural one, m + ln l.",
    of="flash_forward",
    hint=3,
)
def log_of_base_two(Q, K, V, block, mask=None):
    def end(O, l, m):
        return _end(O, l, m)[0], m + torch.log2(l)

    return _run(Q, K, V, block, mask, end=end)


@mistake(
    "L comes with an axis of size one at its end. Its shape is that of Q without the last axis.",
    of="flash_forward",
    hint=2,
)
def log_as_column(Q, K, V, block, mask=None):
    O, L = _run(Q, K, V, block, mask)
    return O, L[..., None]


@mistake(
    "The weighted values are not divided by the sum at the end, so they are no average.",
    of="flash_forward",
    hint=3,
)
def not_divided(Q, K, V, block, mask=None):
    return _run(Q, K, V, block, mask, end=lambda O, l, m: (O, m + torch.log(l)))


@mistake(
    "The weighted values are divided by the sum after every block, and then go on as if they were not. Divide once, "
    "at the end.",
    of="flash_forward",
    hint=3,
)
def divided_each_time(Q, K, V, block, mask=None):
    m = Q.new_full(Q.shape[:-1], -math.inf)
    l, O = torch.zeros_like(m), Q.new_zeros(*Q.shape[:-1], V.shape[-1])
    for S, v in _blocks(Q, K, V, block, mask):
        m_new = torch.maximum(m, S.amax(dim=-1))
        P, mend = torch.exp(S - _base(m_new)[..., None]), torch.exp(m - _base(m_new))
        l = mend * l + P.sum(dim=-1)
        O = (mend[..., None] * O + P @ v) / l.masked_fill(l == 0, 1.0)[..., None]
        m = m_new
    return O, m + torch.log(l)


@mistake("Only the last block counts: what came before is lost.", of="flash_forward", hint=1)
def last_block_only(Q, K, V, block, mask=None):
    j = max(0, (K.shape[-2] - 1) // block * block)
    return _run(Q, K[..., j:, :], V[..., j:, :], block, None if mask is None else mask[:, j:])


@mistake(
    "Where block does not divide the number of keys, the last keys are never read. The last block is a shorter one.",
    of="flash_forward",
    hint=2,
)
def tail_dropped(Q, K, V, block, mask=None):
    n = K.shape[-2] // block * block
    return _run(Q, K[..., :n, :], V[..., :n, :], block, None if mask is None else mask[:, :n])


@mistake("The scores are not divided by √d_k.", of="flash_forward", hint=3)
def unscaled(Q, K, V, block, mask=None):
    return _run(Q, K, V, block, mask, scale=1.0)


@mistake(
    "The scores are divided by the root of the values' width. What is multiplied has the width d_k.",
    of="flash_forward",
    hint=3,
)
def root_of_d_v(Q, K, V, block, mask=None):
    return _run(Q, K, V, block, mask, scale=V.shape[-1] ** -0.5)


@mistake(
    "O is right, but L belongs to scores that were not divided by √d_k. It is the logsumexp of the scaled ones.",
    of="flash_forward",
    hint=3,
)
def log_unscaled(Q, K, V, block, mask=None):
    return _run(Q, K, V, block, mask)[0], _run(Q, K, V, block, mask, scale=1.0)[1]


@mistake("The mask is not used: hidden keys still get weight.", of="flash_forward", hint=3)
def mask_ignored(Q, K, V, block, mask=None):
    return _run(Q, K, V, block)


@mistake("The mask's meaning is turned round: True means that the key may be seen.", of="flash_forward", hint=3)
def mask_inverted(Q, K, V, block, mask=None):
    return _run(Q, K, V, block, None if mask is None else ~mask)


@mistake(
    "Every block is masked with the first columns of the mask. Block b has its own columns.",
    of="flash_forward",
    hint=2,
)
def mask_of_first_block(Q, K, V, block, mask=None):
    if mask is not None:
        mask = mask[:, torch.arange(mask.shape[1]) % block]
    return _run(Q, K, V, block, mask)


@mistake(
    "A query from which the first blocks are hidden comes out as NaN: m is still -∞ there, and -∞ - (-∞) is NaN.",
    of="flash_forward",
    hint=4,
)
def nan_in_hidden_block(Q, K, V, block, mask=None):
    m = Q.new_full(Q.shape[:-1], -math.inf)
    l, O = torch.zeros_like(m), Q.new_zeros(*Q.shape[:-1], V.shape[-1])
    for S, v in _blocks(Q, K, V, block, mask):
        m_new = torch.maximum(m, S.amax(dim=-1))
        P, mend = torch.exp(S - m_new[..., None]), torch.exp(m - m_new)
        l, O, m = mend * l + P.sum(dim=-1), mend[..., None] * O + P @ v, m_new
    return _end(O, l, m)


@mistake(
    "A query that sees no key comes out as NaN: 0 / 0 in the last division. It has O = 0 and L = -∞.",
    of="flash_forward",
    hint=4,
)
def nan_without_keys(Q, K, V, block, mask=None):
    return _run(Q, K, V, block, mask, end=lambda O, l, m: (O / l[..., None], m + torch.log(l)))


@mistake(
    "Hidden scores are set to a large negative number. A query that sees no key then averages all of them, and its "
    "L is finite: it must have O = 0 and L = -∞.",
    of="flash_forward",
    hint=4,
)
def fill_finite(Q, K, V, block, mask=None):
    return _run(Q, K, V, block, mask, fill=-1e9)


@mistake(
    "The maximum is taken of all scores, hidden ones, too. Where a hidden score is far above the others, their "
    "exponentials vanish. Hide first, then take the maximum.",
    of="flash_forward",
    hint=4,
)
def hidden_in_maximum(Q, K, V, block, mask=None):
    m = Q.new_full(Q.shape[:-1], -math.inf)
    l, O = torch.zeros_like(m), Q.new_zeros(*Q.shape[:-1], V.shape[-1])
    for (S, v), (hidden, _) in zip(_blocks(Q, K, V, block, None), _blocks(Q, K, V, block, mask), strict=True):
        m_new = torch.maximum(m, S.amax(dim=-1))
        P = torch.exp(S - m_new[..., None]).masked_fill(hidden == -math.inf, 0.0)
        mend = torch.exp(m - m_new)
        l, O, m = mend * l + P.sum(dim=-1), mend[..., None] * O + P @ v, m_new
    return _end(O, l, m)


@mistake(
    "Q is scaled in place. The caller's tensor changes under their hands; make a new one.",
    of="flash_forward",
    hint=4,
)
def in_place(Q, K, V, block, mask=None):
    Q /= math.sqrt(Q.shape[-1])
    return _run(Q, K, V, block, mask, scale=1.0)


@mistake(
    "The state is carried in float32, so float64 inputs lose half their digits on the way.",
    of="flash_forward",
    hint=2,
)
def float32_state(Q, K, V, block, mask=None):
    O, L = _run(Q.float(), K.float(), V.float(), block, mask)
    return O.to(Q.dtype), L.to(Q.dtype)
