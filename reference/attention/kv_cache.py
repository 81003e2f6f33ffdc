"""Decoding with a key-value cache: Shazeer (2019), section 2.4, with rotary positions."""

import math

import torch
from attention.masking import attend
from positional_encoding.rope import rope
from torch import Tensor

from grader.marks import alternative, mistake

Cache = tuple[Tensor, Tensor]


def decode(
    x: Tensor,
    cache: Cache | None,
    W_q: Tensor,
    W_k: Tensor,
    W_v: Tensor,
    W_o: Tensor,
    n_heads: int,
    pad: Tensor | None = None,
) -> tuple[Tensor, Cache]:
    """Attention of the new tokens `x` to themselves and what is cached; also the cache with their keys and values."""
    n_past = 0 if cache is None else cache[0].shape[2]
    pos = torch.arange(n_past, n_past + x.shape[1])
    Q, K, V = (split(x @ W, n_heads) for W in (W_q, W_k, W_v))
    Q, K = rope(Q, pos), rope(K, pos)
    if cache is not None:
        K, V = torch.cat((cache[0], K), dim=2), torch.cat((cache[1], V), dim=2)
    S = Q @ K.mT / math.sqrt(Q.shape[-1])
    y = attend(S, V, visible(pos, n_past + x.shape[1], pad))
    return y.transpose(1, 2).flatten(-2) @ W_o, (K, V)


def select(cache: Cache, index: Tensor) -> Cache:
    """The cache of the beams `index`."""
    K, V = cache
    return K[index], V[index]


def split(x: Tensor, n_heads: int) -> Tensor:
    """(batch, n, d_model) to (batch, n_heads, n, d_head)."""
    return x.unflatten(-1, (n_heads, -1)).transpose(1, 2)


def visible(pos: Tensor, n_k: int, pad: Tensor | None) -> Tensor:
    """Which keys the queries at the positions `pos` see: none that comes later, and no padding."""
    keys = torch.arange(n_k)
    past = keys <= pos[:, None]
    return past if pad is None else past & (keys >= pad[:, None])[:, None, None, :]


# Other right ways.


@alternative("head by head and token by token, over the keys that are seen", of="decode")
def token_by_token(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    b, n, d = x.shape
    e = d // n_heads
    keys = [] if cache is None else list(cache[0].unbind(2))
    values = [] if cache is None else list(cache[1].unbind(2))
    rows = []
    for i in range(n):
        here = torch.tensor([len(keys)])
        q, k, v = ((x[:, i] @ W).reshape(b, n_heads, 1, e) for W in (W_q, W_k, W_v))
        keys.append(rope(k, here).squeeze(2))
        values.append(v.squeeze(2))
        K, V = torch.stack(keys, 2), torch.stack(values, 2)
        row = torch.zeros(b, n_heads, e, dtype=x.dtype)
        for s in range(b):
            first = 0 if pad is None else int(pad[s])
            if first < K.shape[2]:
                scores = (rope(q, here)[s] * K[s, :, first:]).sum(-1) / e**0.5
                row[s] = (scores.softmax(-1)[..., None] * V[s, :, first:]).sum(-2)
        rows.append(row.flatten(1) @ W_o)
    if not n:
        empty = torch.zeros(b, n_heads, 0, e, dtype=x.dtype)
        return torch.zeros_like(x), (empty, empty.clone()) if cache is None else cache
    return torch.stack(rows, 1), (torch.stack(keys, 2), torch.stack(values, 2))


@alternative("a buffer that is filled, einsum, and torch's own attention with an additive mask", of="decode")
def buffer(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    b, n, d = x.shape
    e, past = d // n_heads, 0 if cache is None else cache[0].size(2)
    K, V = (torch.zeros(b, n_heads, past + n, e, dtype=x.dtype) for _ in range(2))
    if cache is not None:
        K[:, :, :past], V[:, :, :past] = cache
    pos = torch.arange(past + n)
    Q, new_K, V_new = (torch.einsum("bnd,dhe->bhne", x, W.reshape(d, n_heads, e)) for W in (W_q, W_k, W_v))
    K[:, :, past:], V[:, :, past:] = rope(new_K, pos[past:]), V_new
    keep = torch.ones(past + n, past + n, dtype=torch.bool).tril()[past:].expand(b, 1, n, past + n)
    if pad is not None:
        keep = keep & (pos >= pad[:, None])[:, None, None]
    bias = torch.zeros(keep.shape, dtype=x.dtype).masked_fill(~keep, -torch.inf)
    y = torch.nn.functional.scaled_dot_product_attention(rope(Q, pos[past:]), K, V, attn_mask=bias)
    y = y.masked_fill(~keep.any(-1, keepdim=True), 0.0)
    return torch.einsum("bhqe,hed->bqd", y, W_o.reshape(n_heads, e, d)), (K, V)


@alternative("index_select on each", of="select")
def index_select(cache, index):
    return tuple(t.index_select(0, index).clone() for t in cache)


# Known mistakes. What they share:


def _run(
    x, cache, weights, n_heads, pad=None, *, pos=None, turn=(True, True, False), join=None, keep=None, scale=None,
    weigh=None, cut=None, merge=None,
):  # fmt: skip
    """decode, with one of its parts exchanged."""
    W_q, W_k, W_v, W_o = weights
    n_past = 0 if cache is None else cache[0].shape[-2]
    right = torch.arange(n_past, n_past + x.shape[1])
    pos = right if pos is None else pos
    Q, K, V = ((cut or split)(x @ W, n_heads) for W in (W_q, W_k, W_v))
    Q, K, V = (rope(t, pos) if turned else t for t, turned in zip((Q, K, V), turn, strict=True))
    if cache is not None:
        join = join or (lambda old, new: torch.cat((old, new), dim=-2))
        K, V = join(cache[0], K), join(cache[1], V)
    S = Q @ K.transpose(-2, -1) * (Q.shape[-1] ** -0.5 if scale is None else scale)
    seen = visible(right, K.shape[-2], pad)
    y = attend(S, V, seen) if weigh is None else weigh(S, seen) @ V
    y = y.transpose(1, 2).flatten(-2) if merge is None else merge(y)
    return y @ W_o, (K, V) if keep is None else keep(K, V)


def _past(cache: Cache | None) -> int:
    return 0 if cache is None else cache[0].shape[-2]


# Rows of padding, and the scale.


@mistake(
    "A row of padding, which sees no key, comes out as NaN: softmax of a row of minus infinities is 0/0. Such a row "
    "is zeros.",
    of="decode",
    hint=4,
)
def nan_row(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    def weigh(S, seen):
        return torch.softmax(S.masked_fill(~seen, -math.inf), dim=-1)

    return _run(x, cache, (W_q, W_k, W_v, W_o), n_heads, pad, weigh=weigh)


@mistake(
    "Hidden scores are set to a large negative number. A row of padding, which sees no key, then averages all of "
    "them: it must give zeros.",
    of="decode",
    hint=4,
)
def fill_finite(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    def weigh(S, seen):
        return torch.softmax(S.masked_fill(~seen, -1e9), dim=-1)

    return _run(x, cache, (W_q, W_k, W_v, W_o), n_heads, pad, weigh=weigh)


@mistake("The scores are not divided by √d_head.", of="decode", hint=3)
def unscaled(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    return _run(x, cache, (W_q, W_k, W_v, W_o), n_heads, pad, scale=1.0)


@mistake(
    "The scores are divided by √d_model. What is multiplied in a head has the width d_head = d_model / n_heads.",
    of="decode",
    hint=3,
)
def root_of_all(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    return _run(x, cache, (W_q, W_k, W_v, W_o), n_heads, pad, scale=x.shape[-1] ** -0.5)


# select.


@mistake(
    "select chooses the keys of the beams, but leaves the values as they were. Both belong to the beam.",
    of="select",
    hint=2,
)
def keys_only(cache, index):
    return cache[0][index], cache[1].clone()


@mistake(
    "select gives the cache back as it is. Row i of the new cache is row index[i] of the old one.",
    of="select",
    hint=2,
)
def not_selected(cache, index):
    return cache[0].clone(), cache[1].clone()


@mistake(
    "select hands out memory of the old cache: writing into one would change the other. Give it memory of its own, "
    "also where the rows asked for lie next to each other.",
    of="select",
    hint=2,
)
def neighbours_as_view(cache, index):
    K, V = cache
    first = int(index[0]) if len(index) else 0
    if index.tolist() == list(range(first, first + len(index))):
        return K[first : first + len(index)], V[first : first + len(index)]
    return K[index], V[index]


@mistake("select chooses heads. Beams are rows of the batch, the first axis.", of="select", hint=2)
def heads_selected(cache, index):
    return cache[0][:, index], cache[1][:, index]


@mistake(
    "select uses index the other way round: row index[i] of the new cache is row i of the old one. Row i of the new "
    "is row index[i] of the old.",
    of="select",
    hint=2,
)
def inverse_index(cache, index):
    back = torch.argsort(index)
    return cache[0][back], cache[1][back]


@mistake(
    "select names each beam once, in the order of the old cache. The order of index counts, and a beam may be named "
    "twice.",
    of="select",
    hint=2,
)
def beams_as_a_set(cache, index):
    rows = torch.unique(index)
    return cache[0][rows], cache[1][rows]


# What a token sees.


@mistake(
    "The padding is hidden in the first call only. pad counts from the start of the text: the cached keys of the "
    "padding are still there in every later call.",
    of="visible",
    hint=4,
)
def padding_of_first_call(pos, n_k, pad):
    keys = torch.arange(n_k)
    past = keys <= pos[:, None]
    return past if pad is None or n_k > len(pos) else past & (keys >= pad[:, None])[:, None, None, :]


@mistake(
    "pad is counted from the first new token of each call. It counts from the start of the text, where the padding "
    "stands.",
    of="visible",
    hint=4,
)
def padding_of_call(pos, n_k, pad):
    keys, start = torch.arange(n_k), n_k - len(pos)
    past = keys <= pos[:, None]
    if pad is None:
        return past
    return past & ((keys < start) | (keys >= start + pad[:, None]))[:, None, None, :]


@mistake("The padding is not hidden: tokens attend to it.", of="visible", hint=4)
def pad_ignored(pos, n_k, pad):
    return torch.arange(n_k) <= pos[:, None]


@mistake(
    "The padding is taken to be at the end of the text. The shorter texts of a batch are padded at their beginning.",
    of="visible",
    hint=4,
)
def padded_right(pos, n_k, pad):
    keys = torch.arange(n_k)
    past = keys <= pos[:, None]
    return past if pad is None else past & (keys < n_k - pad[:, None])[:, None, None, :]


@mistake(
    "One token too many is taken for padding: with pad[b] = 2 these are the tokens 0 and 1, and token 2 is real.",
    of="visible",
    hint=4,
)
def pad_off_by_one(pos, n_k, pad):
    keys = torch.arange(n_k)
    past = keys <= pos[:, None]
    return past if pad is None else past & (keys > pad[:, None])[:, None, None, :]


@mistake(
    "All texts of the batch get the padding of the first one. Text b has pad[b] tokens of it.", of="visible", hint=4
)
def pad_of_first(pos, n_k, pad):
    keys = torch.arange(n_k)
    past = keys <= pos[:, None]
    return past if pad is None else past & (keys >= pad[0])


@mistake(
    "New tokens that come together are not masked: in a prompt, whole or in parts, each token sees those after it.",
    of="visible",
    hint=3,
)
def no_mask_in_call(pos, n_k, pad):
    seen = torch.ones(len(pos), n_k, dtype=torch.bool)
    return seen if pad is None else seen & (torch.arange(n_k) >= pad[:, None])[:, None, None, :]


@mistake(
    "A prompt read at once is masked, but a part that comes after cached tokens is not: its tokens see their future.",
    of="visible",
    hint=3,
)
def no_mask_after_cache(pos, n_k, pad):
    keys = torch.arange(n_k)
    past = (keys <= pos[:, None]) | (n_k > len(pos))
    return past if pad is None else past & (keys >= pad[:, None])[:, None, None, :]


@mistake(
    "The mask is aligned top left: new token i sees the keys 0 to i, as if nothing were cached. It sees the keys up "
    "to n_past + i.",
    of="visible",
    hint=3,
)
def top_left(pos, n_k, pad):
    keys = torch.arange(n_k)
    past = keys <= torch.arange(len(pos))[:, None]
    return past if pad is None else past & (keys >= pad[:, None])[:, None, None, :]


@mistake("Each token is hidden from itself. It sees all before it, and itself.", of="visible", hint=3)
def self_hidden(pos, n_k, pad):
    keys = torch.arange(n_k)
    past = keys < pos[:, None]
    return past if pad is None else past & (keys >= pad[:, None])[:, None, None, :]


@mistake(
    "The mask of a part that comes after cached tokens is off by one: each token is hidden from itself there.",
    of="visible",
    hint=3,
)
def self_hidden_after_cache(pos, n_k, pad):
    keys = torch.arange(n_k)
    past = keys <= pos[:, None] - int(n_k > len(pos))
    return past if pad is None else past & (keys >= pad[:, None])[:, None, None, :]


@mistake(
    "A single new token sees all that is cached, but in a longer part token i sees the keys 0 to i only: the mask "
    "is aligned top left. Token i sees the keys up to n_past + i.",
    of="visible",
    hint=3,
)
def top_left_in_parts(pos, n_k, pad):
    keys = torch.arange(n_k)
    past = keys <= (torch.arange(len(pos)) if len(pos) > 1 else pos)[:, None]
    return past if pad is None else past & (keys >= pad[:, None])[:, None, None, :]


@mistake(
    "Keys and values of padding are set to zero, but the padding is not hidden: a key of zeros has the score 0, and "
    "takes its share of the weights.",
    of="decode",
    hint=4,
)
def padding_as_zeros(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    y, new = _run(x, cache, (W_q, W_k, W_v, W_o), n_heads)
    if pad is None:
        return y, new
    real = (torch.arange(_past(new)) >= pad[:, None])[:, None, :, None]
    kept = tuple(t * real for t in new)
    pos = torch.arange(_past(cache), _past(new))
    S = rope(split(x @ W_q, n_heads), pos) @ kept[0].mT / math.sqrt(kept[0].shape[-1])
    y = attend(S, kept[1], torch.arange(_past(new)) <= pos[:, None])
    return y.transpose(1, 2).flatten(-2) @ W_o, kept


# Positions.


@mistake(
    "Positions begin at 0 in each call. A new token stands behind everything that is cached, at n_past + i.",
    of="decode",
    hint=3,
)
def positions_from_zero(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    return _run(x, cache, (W_q, W_k, W_v, W_o), n_heads, pad, pos=torch.arange(x.shape[1]))


@mistake(
    "After cached tokens all positions are one too high: n_past tokens stand at 0 to n_past - 1, so the first new "
    "one is at n_past.",
    of="decode",
    hint=3,
)
def position_off_by_one(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    past = _past(cache) + (cache is not None)
    return _run(x, cache, (W_q, W_k, W_v, W_o), n_heads, pad, pos=torch.arange(past, past + x.shape[1]))


@mistake("All new tokens of a call stand at the same position. New token i is at n_past + i.", of="decode", hint=3)
def one_position(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    pos = torch.full((x.shape[1],), _past(cache))
    return _run(x, cache, (W_q, W_k, W_v, W_o), n_heads, pad, pos=pos)


@mistake(
    "Positions count from the first token that is no padding. Padding counts, too; else the keys do not fit a cache "
    "in which it does.",
    of="decode",
    hint=3,
)
def positions_without_padding(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    pos = torch.arange(_past(cache), _past(cache) + x.shape[1])
    pos = pos if pad is None else (pos - pad[:, None])[:, None, :]
    return _run(x, cache, (W_q, W_k, W_v, W_o), n_heads, pad, pos=pos)


@mistake("Nothing is turned: queries and keys do not know their positions.", of="decode", hint=1)
def no_positions(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    return _run(x, cache, (W_q, W_k, W_v, W_o), n_heads, pad, turn=(False, False, False))


@mistake("The keys are turned, the queries are not.", of="decode", hint=3)
def queries_not_turned(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    return _run(x, cache, (W_q, W_k, W_v, W_o), n_heads, pad, turn=(False, True, False))


@mistake(
    "The values are turned, too. Positions belong into the scores: only queries and keys are turned.",
    of="decode",
    hint=3,
)
def values_turned(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    return _run(x, cache, (W_q, W_k, W_v, W_o), n_heads, pad, turn=(True, True, True))


@mistake(
    "Rows are turned over all d_model columns, before they are split into heads, so each head turns at other "
    "speeds. Turn the d_head columns of each head.",
    of="decode",
    hint=3,
)
def turned_before_split(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    pos = torch.arange(_past(cache), _past(cache) + x.shape[1])
    turned = iter((rope(x @ W_q, pos), rope(x @ W_k, pos), x @ W_v))
    return _run(
        x, cache, (W_q, W_k, W_v, W_o), n_heads, pad, turn=(False,) * 3, cut=lambda _, h: split(next(turned), h)
    )


@mistake(
    "All of K is turned in each call. The cached keys were turned when they came, and now they are turned again.",
    of="decode",
    hint=3,
)
def turned_again(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    if cache is not None:
        cache = rope(cache[0], torch.arange(_past(cache))), cache[1]
    return _run(x, cache, (W_q, W_k, W_v, W_o), n_heads, pad)


@mistake(
    "The cache keeps keys that are not turned, and all of them are turned in each call. Asked is a cache of turned "
    "keys: an old key's position never changes, so it is turned once.",
    of="decode",
    hint=2,
)
def kept_unturned(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    K = split(x @ W_k, n_heads)
    K = K if cache is None else torch.cat((cache[0], K), dim=-2)
    if cache is not None:
        cache = rope(cache[0], torch.arange(_past(cache))), cache[1]
    return _run(x, cache, (W_q, W_k, W_v, W_o), n_heads, pad, keep=lambda _, V: (K, V))


@mistake(
    "The keys are turned by their place in the text, the queries by their place in the call. Query i stands at "
    "n_past + i, as its key does.",
    of="decode",
    hint=3,
)
def queries_from_zero(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    pos = torch.arange(_past(cache), _past(cache) + x.shape[1])
    Q, K, V = (split(x @ W, n_heads) for W in (W_q, W_k, W_v))
    ready = iter((rope(Q, pos - _past(cache)), rope(K, pos), V))
    return _run(x, cache, (W_q, W_k, W_v, W_o), n_heads, pad, turn=(False,) * 3, cut=lambda *_: next(ready))


# The cache.


@mistake(
    "New keys and values are put in front of the cached ones. They come behind them, in the order of the text.",
    of="decode",
    hint=2,
)
def put_in_front(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    return _run(x, cache, (W_q, W_k, W_v, W_o), n_heads, pad, join=lambda old, new: torch.cat((new, old), dim=-2))


@mistake(
    "What was cached is put into the new cache twice, so the prompt stands there again and again.",
    of="decode",
    hint=2,
)
def prompt_again(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    def keep(K, V):
        return (K, V) if cache is None else (torch.cat((cache[0], K), dim=-2), torch.cat((cache[1], V), dim=-2))

    return _run(x, cache, (W_q, W_k, W_v, W_o), n_heads, pad, keep=keep)


@mistake(
    "The new cache holds the new tokens only. It holds all keys and values so far, for the calls to come.",
    of="decode",
    hint=2,
)
def only_new_kept(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    def keep(K, V):
        return K[..., _past(cache) :, :], V[..., _past(cache) :, :]

    return _run(x, cache, (W_q, W_k, W_v, W_o), n_heads, pad, keep=keep)


@mistake("The cache is handed back without the new tokens.", of="decode", hint=2)
def not_extended(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    return _run(x, cache, (W_q, W_k, W_v, W_o), n_heads, pad, keep=lambda K, V: (K, V) if cache is None else cache)


@mistake("The cache is not used: new tokens see each other only.", of="decode", hint=1)
def cache_ignored(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    return _run(x, None, (W_q, W_k, W_v, W_o), n_heads, pad)


@mistake(
    "The new keys and values are written over the last places of the cache that was passed in. Another continuation "
    "may begin from it: make a new one, longer by the new tokens.",
    of="decode",
    hint=2,
)
def written_over(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    n = x.shape[1]

    def keep(K, V):
        if cache is None or not n or n > _past(cache):
            return K, V
        cache[0][:, :, -n:], cache[1][:, :, -n:] = K[:, :, -n:], V[:, :, -n:]
        return cache

    return _run(x, cache, (W_q, W_k, W_v, W_o), n_heads, pad, keep=keep)


@mistake(
    "The tokens of padding are set to zero in place. The caller's tensor changes under their hands.",
    of="decode",
    hint=4,
)
def padding_zeroed_in_place(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    y, new = _run(x, cache, (W_q, W_k, W_v, W_o), n_heads, pad)
    if pad is not None:
        x[torch.arange(_past(cache), _past(cache) + x.shape[1]) < pad[:, None]] = 0.0
    return y, new


# Heads.


@mistake("The heads' answers are returned as they are: the last product, with W_o, is missing.", of="decode", hint=3)
def no_output_mix(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    return _run(x, cache, (W_q, W_k, W_v, torch.eye(len(W_o), dtype=W_o.dtype)), n_heads, pad)


@mistake(
    "The heads are split off with a view alone, without moving the axes: a 'head' holds all columns of a few tokens.",
    of="split",
    hint=2,
)
def split_by_view(x, n_heads):
    return x.reshape(x.shape[0], n_heads, x.shape[1], x.shape[2] // n_heads)


@mistake(
    "The heads are put together with a view alone. Bring the tokens back before the heads first, or a row holds "
    "pieces of several tokens.",
    of="decode",
    hint=2,
)
def merged_by_view(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    return _run(x, cache, (W_q, W_k, W_v, W_o), n_heads, pad, merge=lambda y: y.reshape(x.shape))


@mistake(
    "The new keys are put behind the cached ones, but instead of the new values you repeat the last cached one. Each "
    "new token has a value of its own.",
    of="decode",
    hint=2,
)
def last_value_again(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    values = iter((False, True))

    def join(old, new):
        return torch.cat((old, old[:, :, -1:].expand_as(new) if next(values) else new), dim=-2)

    return _run(x, cache, (W_q, W_k, W_v, W_o), n_heads, pad, join=join)


@mistake(
    "You count positions from the length of the cache after the new tokens are in it. The first token of a text stands "
    "at 0: take the length that the cache had before.",
    of="decode",
    hint=3,
)
def positions_after_joining(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    n = x.shape[1]
    pos = torch.arange(_past(cache) + n, _past(cache) + 2 * n)
    return _run(x, cache, (W_q, W_k, W_v, W_o), n_heads, pad, pos=pos)


@mistake(
    "You take n_past off pad, so that in later calls padding is seen. Keys are counted from the start of the text, the "
    "cached ones included, and so is pad: compare them as they are.",
    of="visible",
    hint=4,
)
def cache_taken_off_pad(pos, n_k, pad):
    keys, n_past = torch.arange(n_k), n_k - len(pos)
    past = keys <= pos[:, None]
    return past if pad is None else past & (keys >= pad[:, None] - n_past)[:, None, None, :]


@mistake(
    "`select` takes the keys in the order asked for, but the values in sorted order. Row i of both comes from row "
    "index[i].",
    of="select",
    hint=2,
)
def values_sorted(cache, index):
    return cache[0][index], cache[1][index.sort().values]
