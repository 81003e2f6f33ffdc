"""Sparse attention: Beltagy et al., "Longformer" (2020), section 3.1; Jiang et al., "Mistral 7B" (2023), section 2."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from grader.marks import alternative, mistake


def sliding(n_q: int, n_k: int, window: float, dilation: int = 1, causal: bool = True) -> Tensor:
    """The mask of a window of `window` keys, `dilation` apart, the last of them the query's own place."""
    # The last query stands at the last key, so the first stands at n_k - n_q.
    place = torch.arange(n_k - n_q, n_k)[:, None]
    back = place - torch.arange(n_k)
    distance = back if causal else back.abs()
    return (distance >= 0) & (distance < window * dilation) & (distance % dilation == 0)


def block_sparse(layout: Tensor, block: int, n_q: int, n_k: int) -> Tensor:
    """The mask in which each entry of `layout` stands for block × block tokens, cut to (n_q, n_k)."""
    rows = torch.arange(n_q) // block
    columns = torch.arange(n_k) // block
    return layout[rows[:, None], columns]


def banded(Q: Tensor, K: Tensor, V: Tensor, window: float) -> Tensor:
    """Causal attention to the last `window` keys, in time and memory proportional to n · window."""
    n, d_k = Q.shape[-2:]
    w = min(window, n)
    # With w - 1 rows in front, the keys of query i are the w rows from row i on: a view of shape (..., n, d, w).
    keys = F.pad(K, (0, 0, w - 1, 0)).unfold(-2, w, 1)
    values = F.pad(V, (0, 0, w - 1, 0)).unfold(-2, w, 1)
    S = torch.einsum("...nd,...ndw->...nw", Q, keys) / math.sqrt(d_k)
    # Row t of query i is key i - (w - 1) + t; below 0 it is padding.
    real = torch.arange(n)[:, None] + torch.arange(w) >= w - 1
    A = torch.softmax(S.masked_fill(~real, -math.inf), dim=-1)
    return torch.einsum("...nw,...ndw->...nd", A, values)


# Other right ways.


@alternative("one query and one key at a time", of="sliding")
def cell_by_cell(n_q, n_k, window, dilation=1, causal=True):
    mask = torch.zeros(n_q, n_k, dtype=torch.bool)
    for i in range(n_q):
        p, step = i + n_k - n_q, 0
        while step < window and step * dilation < n_k:
            for j in (p - step * dilation,) if causal else (p - step * dilation, p + step * dilation):
                if 0 <= j < n_k:
                    mask[i, j] = True
            step += 1
    return mask


@alternative("a sum of diagonals", of="sliding")
def diagonals(n_q, n_k, window, dilation=1, causal=True):
    below = torch.zeros(n_k, n_k)
    for back in range(0, n_k, dilation)[: int(min(window, n_k))]:
        below = below + torch.ones(n_k - back).diag(-back)
    mask = below if causal else below + below.T
    return mask[n_k - n_q :] > 0


@alternative("the layout repeated along both axes", of="block_sparse")
def repeated(layout, block, n_q, n_k):
    return layout.repeat_interleave(block, dim=0).repeat_interleave(block, dim=1)[:n_q, :n_k].clone()


@alternative("a Kronecker product with a block of ones", of="block_sparse")
def kronecker(layout, block, n_q, n_k):
    return torch.kron(layout.int().contiguous(), torch.ones(block, block, dtype=torch.int)).bool()[:n_q, :n_k]


@alternative("a query at a time, each with a slice of the keys", of="banded")
def slice_by_slice(Q, K, V, window):
    rows = []
    for i in range(Q.shape[-2]):
        seen = slice(int(max(0, i + 1 - window)), i + 1)
        S = (K[..., seen, :] @ Q[..., i, :, None]).squeeze(-1) / Q.shape[-1] ** 0.5
        rows.append((S.softmax(-1)[..., None, :] @ V[..., seen, :]).squeeze(-2))
    return torch.stack(rows, dim=-2)


@alternative("chunks of `window` queries, each with its own and the previous chunk of keys", of="banded")
def chunks(Q, K, V, window):
    n, w = Q.shape[-2], int(min(window, Q.shape[-2]))
    parts = []
    for start in range(0, n, w):
        queries = torch.arange(start, min(start + w, n))
        keys = torch.arange(max(0, start - w + 1), min(start + w, n))
        back = queries[:, None] - keys
        keep = (back >= 0) & (back < w)
        q, k, v = Q[..., queries, :], K[..., keys, :], V[..., keys, :]
        parts.append(F.scaled_dot_product_attention(q, k, v, attn_mask=keep))
    return torch.cat(parts, dim=-2)


@alternative("gathered keys, and a softmax written out", of="banded")
def gathered(Q, K, V, window):
    n = Q.shape[-2]
    index = torch.arange(n)[:, None] - torch.arange(int(min(window, n)))
    S = (Q[..., None, :] * K[..., index.clamp(min=0), :]).sum(-1) * Q.shape[-1] ** -0.5
    E = torch.where(index >= 0, (S - S.detach().amax(-1, keepdim=True)).exp(), 0.0)
    return (E[..., None] * V[..., index.clamp(min=0), :]).sum(-2) / E.sum(-1, keepdim=True)


# Known mistakes. What they share:


def _band(Q, K, V, window):
    n, w = Q.shape[-2], int(min(window, Q.shape[-2]))
    return _attend(Q, _windows(K, w), _windows(V, w), _real(n, w))


def _blocks(layout, block, n_q, n_k):
    return layout.repeat_interleave(block, dim=0).repeat_interleave(block, dim=1)[:n_q, :n_k]


def _mask(n_q, n_k, keep):
    back = torch.arange(n_k - n_q, n_k)[:, None] - torch.arange(n_k)
    return keep(back)


def _steps(back, window, dilation):
    return (back >= 0) & (back < window * dilation) & (back % dilation == 0)


@mistake(
    "Your window is one key too wide: with window = w the farthest visible key is w - 1 steps back, since the query's "
    "own place is one of the w. window = 1 sees that place alone.",
    of="sliding",
    hint=1,
)
def one_too_wide(n_q, n_k, window, dilation=1, causal=True):
    return _mask(n_q, n_k, lambda back: _steps(back if causal else back.abs(), window + 1, dilation))


@mistake(
    "Your window ends one key too early: with window = w the key w - 1 steps back is still visible. The query's own "
    "place and w - 1 before it make w.",
    of="sliding",
    hint=1,
)
def one_too_narrow(n_q, n_k, window, dilation=1, causal=True):
    return _mask(n_q, n_k, lambda back: _steps(back if causal else back.abs(), window - 1, dilation))


@mistake(
    "You hide the query's own place and count `window` keys before it. The own place belongs to the window, as its "
    "first key: a token may read itself, and the first token has nothing else.",
    of="sliding",
    hint=1,
)
def own_place_hidden(n_q, n_k, window, dilation=1, causal=True):
    def keep(back):
        back = back if causal else back.abs()
        return (back > 0) & _steps(back, window + 1, dilation)

    return _mask(n_q, n_k, keep)


@mistake(
    "Your window reaches to both sides of the query although causal is True. A causal query must not see a key after "
    "it: that is the token it is to predict.",
    of="sliding",
    hint=3,
)
def always_two_sided(n_q, n_k, window, dilation=1, causal=True):
    return _mask(n_q, n_k, lambda back: _steps(back.abs(), window, dilation))


@mistake(
    "Your window reaches back only, although causal is False. Then the same distances are visible on both sides, as "
    "in an encoder.",
    of="sliding",
    hint=3,
)
def always_causal(n_q, n_k, window, dilation=1, causal=True):
    return _mask(n_q, n_k, lambda back: _steps(back, window, dilation))


@mistake(
    "With causal=False you share the window out between the sides, half of it to each. Here `window` is one side, its "
    "own place counted: 2·window - 1 keys in all. (Longformer's w is both sides together: a convention to look up.)",
    of="sliding",
    hint=3,
)
def window_halved(n_q, n_k, window, dilation=1, causal=True):
    if causal:
        return _mask(n_q, n_k, lambda back: _steps(back, window, dilation))
    return _mask(n_q, n_k, lambda back: _steps(back.abs(), window / 2, dilation))


@mistake(
    "You let query i stand at place i. The queries are the last n_q of the n_k places: query 0 stands at n_k - n_q, "
    "and only where n_q = n_k is that 0. With a cache of earlier keys your last query would look at the oldest ones.",
    of="sliding",
    hint=2,
)
def top_left(n_q, n_k, window, dilation=1, causal=True):
    back = torch.arange(n_q)[:, None] - torch.arange(n_k)
    return _steps(back if causal else back.abs(), window, dilation)


@mistake(
    "The places are shifted the wrong way: you take the first query to stand n_k - n_q places before the first key. "
    "It stands that many after it, since the keys without a query are the earliest ones.",
    of="sliding",
    hint=2,
)
def shifted_wrongly(n_q, n_k, window, dilation=1, causal=True):
    back = torch.arange(n_q)[:, None] - (n_k - n_q) - torch.arange(n_k)
    return _steps(back if causal else back.abs(), window, dilation)


@mistake(
    "You do not use the dilation: the keys you show are next to one another. They should be `dilation` apart.",
    of="sliding",
    hint=3,
)
def no_dilation(n_q, n_k, window, dilation=1, causal=True):
    return _mask(n_q, n_k, lambda back: _steps(back if causal else back.abs(), window, 1))


@mistake(
    "You take the dilated keys out of the nearest `window` places, so fewer than `window` are left. The dilation "
    "keeps the number of keys and spreads them: they reach (window - 1)·dilation back.",
    of="sliding",
    hint=3,
)
def dilated_inside(n_q, n_k, window, dilation=1, causal=True):
    def keep(back):
        back = back if causal else back.abs()
        return (back >= 0) & (back < window) & (back % dilation == 0)

    return _mask(n_q, n_k, keep)


@mistake(
    "You show every key as far as (window - 1)·dilation back. The reach is right, but only each `dilation`-th of "
    "these keys is to be seen: `window` keys in all.",
    of="sliding",
    hint=3,
)
def reach_without_gaps(n_q, n_k, window, dilation=1, causal=True):
    def keep(back):
        back = back if causal else back.abs()
        return (back >= 0) & (back <= (window - 1) * dilation)

    return _mask(n_q, n_k, keep)


@mistake(
    "Your dilation keeps the keys whose own number is a multiple of it, the same columns for every query. What counts "
    "is the distance between query and key.",
    of="sliding",
    hint=3,
)
def fixed_columns(n_q, n_k, window, dilation=1, causal=True):
    back = torch.arange(n_k - n_q, n_k)[:, None] - torch.arange(n_k)
    back = back if causal else back.abs()
    return (back >= 0) & (back < window * dilation) & (torch.arange(n_k) % dilation == 0)


@mistake(
    "Your window lies on the wrong side: it shows the keys after the query and hides those before it. The key's place "
    "is subtracted from the query's.",
    of="sliding",
    hint=2,
)
def looks_ahead(n_q, n_k, window, dilation=1, causal=True):
    return _mask(n_q, n_k, lambda back: _steps(-back if causal else back.abs(), window, dilation))


@mistake(
    "The mask of the sliding window is inverted: here True means that the query may look at the key.",
    of="sliding",
    hint=2,
)
def sliding_inverted(n_q, n_k, window, dilation=1, causal=True):
    return ~_mask(n_q, n_k, lambda back: _steps(back if causal else back.abs(), window, dilation))


@mistake(
    "The layout is laid out again and again, like tiles. Each of its entries is to grow into a block of neighbours: "
    "the first `block` queries all belong to row 0.",
    of="block_sparse",
    hint=3,
)
def tiled(layout, block, n_q, n_k):
    return layout.repeat(block, block)[:n_q, :n_k]


@mistake(
    "You take `block` for the number of blocks: tokens are assigned to a block by the remainder of their number. "
    "Token i belongs to block i // block.",
    of="block_sparse",
    hint=3,
)
def by_remainder(layout, block, n_q, n_k):
    rows, columns = torch.arange(n_q) % block % layout.shape[0], torch.arange(n_k) % block % layout.shape[1]
    return layout[rows[:, None], columns]


@mistake(
    "Rows and columns of the layout are exchanged: layout[r, c] is about the queries of block r and the keys of block "
    "c.",
    of="block_sparse",
    hint=2,
)
def layout_transposed(layout, block, n_q, n_k):
    big = layout.T.repeat_interleave(block, dim=0).repeat_interleave(block, dim=1)
    return big[:n_q, :n_k]


@mistake(
    "Your block mask is not cut to (n_q, n_k): where the last block is not full it has rows or columns too many.",
    of="block_sparse",
    hint=3,
)
def not_cut(layout, block, n_q, n_k):
    return layout.repeat_interleave(block, dim=0).repeat_interleave(block, dim=1)


@mistake(
    "You drop what is over in front, so that the short block is the first. Blocks are counted from token 0; the last "
    "one is cut short.",
    of="block_sparse",
    hint=3,
)
def cut_in_front(layout, block, n_q, n_k):
    rows, columns = -(-n_q // block), -(-n_k // block)
    big = layout[:rows, :columns].repeat_interleave(block, dim=0).repeat_interleave(block, dim=1)
    return big[big.shape[0] - n_q :, big.shape[1] - n_k :]


@mistake(
    "You also hide the later keys. `block_sparse` is not causal by itself: what the layout shows is visible, whole "
    "blocks of it.",
    of="block_sparse",
    hint=2,
)
def causal_blocks(layout, block, n_q, n_k):
    return _blocks(layout, block, n_q, n_k).tril()


@mistake(
    "The block mask is inverted: True in the layout means that the block may be looked at, and so does True in the "
    "mask.",
    of="block_sparse",
    hint=2,
)
def blocks_inverted(layout, block, n_q, n_k):
    return ~_blocks(layout, block, n_q, n_k)


def _windows(x, w):
    return F.pad(x, (0, 0, w - 1, 0)).unfold(-2, w, 1).transpose(-1, -2)


def _attend(Q, keys, values, real=None, scale=None):
    S = (keys @ Q[..., None]).squeeze(-1) / (math.sqrt(Q.shape[-1]) if scale is None else scale)
    A = torch.softmax(S if real is None else S.masked_fill(~real, -math.inf), dim=-1)
    return (A[..., None, :] @ values).squeeze(-2)


def _real(n, w):
    return torch.arange(n)[:, None] + torch.arange(w) >= w - 1


@mistake(
    "In `banded` the rows of zeros that you put before the first key get weight: their score is 0, not minus "
    "infinity. The first queries have fewer keys, and those alone must share the weight.",
    of="banded",
    hint=4,
)
def padding_seen(Q, K, V, window):
    w = int(min(window, Q.shape[-2]))
    return _attend(Q, _windows(K, w), _windows(V, w))


@mistake(
    "In `banded` the weights of what lies before the first key are cleared after the softmax. What is left no longer "
    "sums to one: such keys must be out before softmax divides.",
    of="banded",
    hint=4,
)
def padding_cleared_late(Q, K, V, window):
    # The padding's values are zero, so it is the keys that decide: a score of 0 for each, and a share of the sum.
    n, w = Q.shape[-2], int(min(window, Q.shape[-2]))
    index = torch.arange(n)[:, None] - (w - 1) + torch.arange(w)
    S = (K[..., index.clamp(min=0), :] @ Q[..., None]).squeeze(-1) / math.sqrt(Q.shape[-1])
    A = torch.softmax(S, dim=-1) * (index >= 0)
    return (A[..., None, :] @ V[..., index.clamp(min=0), :]).squeeze(-2)


@mistake(
    "In `banded` the first queries see the first key several times: places before the beginning are moved to it (a "
    "clamp). There is nothing there, and it gets no weight.",
    of="banded",
    hint=4,
)
def first_key_repeated(Q, K, V, window):
    n, w = Q.shape[-2], int(min(window, Q.shape[-2]))
    index = (torch.arange(n)[:, None] - torch.arange(w)).clamp(min=0)
    return _attend(Q, K[..., index, :], V[..., index, :])


@mistake(
    "In `banded` the first queries see the last keys: negative places wrap around (an index below 0, or torch.roll). "
    "Before the beginning there is nothing, and the end is the future.",
    of="banded",
    hint=4,
)
def wraps_around(Q, K, V, window):
    n, w = Q.shape[-2], int(min(window, Q.shape[-2]))
    index = (torch.arange(n)[:, None] - torch.arange(w)) % n
    return _attend(Q, K[..., index, :], V[..., index, :])


@mistake(
    "In `banded` each query sees only the keys of its own chunk: the first query of a chunk sees itself alone. The "
    "window moves with every query, so the chunk before is needed, too.",
    of="banded",
    hint=2,
)
def own_chunk_only(Q, K, V, window):
    n, w = Q.shape[-2], int(min(window, Q.shape[-2]))
    starts = range(0, n, w)
    q, k, v = ([x[..., s : s + w, :] for s in starts] for x in (Q, K, V))
    parts = zip(q, k, v, strict=True)
    return torch.cat([F.scaled_dot_product_attention(*part, is_causal=True) for part in parts], dim=-2)


@mistake(
    "In `banded` a query sees the whole chunk before its own, up to 2·window - 1 keys. The chunks only say which keys "
    "to fetch; within them the window still has to be masked.",
    of="banded",
    hint=3,
)
def previous_chunk_whole(Q, K, V, window):
    n, w = Q.shape[-2], int(min(window, Q.shape[-2]))
    parts = []
    for start in range(0, n, w):
        queries = torch.arange(start, min(start + w, n))
        keys = torch.arange(max(0, start - w), min(start + w, n))
        keep = queries[:, None] >= keys
        q, k, v = Q[..., queries, :], K[..., keys, :], V[..., keys, :]
        parts.append(F.scaled_dot_product_attention(q, k, v, attn_mask=keep))
    return torch.cat(parts, dim=-2)


@mistake(
    "In `banded` your window is one key too wide: with window = w a query reads itself and w - 1 keys before it.",
    of="banded",
    hint=3,
)
def band_too_wide(Q, K, V, window):
    return _band(Q, K, V, window + 1)


@mistake(
    "In `banded` a query looks at the keys after it: the window lies on the wrong side, or the padding at the wrong "
    "end.",
    of="banded",
    hint=3,
)
def band_ahead(Q, K, V, window):
    return _band(Q.flip(-2), K.flip(-2), V.flip(-2), window).flip(-2)


@mistake(
    "In `banded` the scores are not divided by √d_k.",
    of="banded",
    hint=3,
)
def unscaled(Q, K, V, window):
    n, w = Q.shape[-2], int(min(window, Q.shape[-2]))
    return _attend(Q, _windows(K, w), _windows(V, w), _real(n, w), scale=1.0)


@mistake(
    "In `banded` all values of the window are averaged evenly: queries and keys have no say. Compare them, and weigh "
    "the values with the softmax of that.",
    of="banded",
    hint=3,
)
def moving_average(Q, K, V, window):
    return _band(torch.zeros_like(Q), K, V, window)


@mistake(
    "In `banded` keys and values are paired wrongly: the weights run from the oldest key to the newest, the values "
    "from the newest to the oldest.",
    of="banded",
    hint=3,
)
def values_reversed(Q, K, V, window):
    n, w = Q.shape[-2], int(min(window, Q.shape[-2]))
    return _attend(Q, _windows(K, w), _windows(V, w).flip(-2), _real(n, w))


@mistake(
    "`banded` fails where the window is wider than the text, or endless. It then sees every key up to the query.",
    of="banded",
    hint=4,
)
def window_beyond_the_text(Q, K, V, window):
    if window > Q.shape[-2]:
        raise RuntimeError("maximum size for tensor at dimension -2 is smaller than the window")
    return _band(Q, K, V, window)


@mistake(
    "With causal=False your window reaches 2·window - 2 steps to each side. It is 2·window - 1 keys in all: the own "
    "place and window - 1 to each side.",
    of="sliding",
    hint=3,
)
def both_sides_doubled(n_q, n_k, window, dilation=1, causal=True):
    if causal:
        return _mask(n_q, n_k, lambda back: _steps(back, window, dilation))
    return _mask(n_q, n_k, lambda back: _steps(back.abs(), 2 * window - 1, dilation))


@mistake(
    "You spread the places of the queries by the dilation. Query i stays where it is; only the distance from it to its "
    "keys is spread.",
    of="sliding",
    hint=3,
)
def queries_spread(n_q, n_k, window, dilation=1, causal=True):
    back = torch.arange(n_q)[:, None] * dilation + n_k - n_q - torch.arange(n_k)
    return _steps(back if causal else back.abs(), window, dilation)


@mistake(
    "You fill full blocks only: the tokens of the last block, where it is cut short, stay hidden. They belong to their "
    "entry of the layout like all others.",
    of="block_sparse",
    hint=3,
)
def short_block_hidden(layout, block, n_q, n_k):
    mask = torch.zeros(n_q, n_k, dtype=torch.bool)
    rows, columns = n_q // block * block, n_k // block * block
    mask[:rows, :columns] = _blocks(layout, block, rows, columns)
    return mask
