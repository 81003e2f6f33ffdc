"""Relative positions as vectors: Shaw et al. (2018), section 3; Transformer-XL (Dai et al., 2019), section 3.3 and appendix B."""

import math

import torch
from torch import Tensor

from grader.marks import alternative, mistake


def shaw_scores(q: Tensor, k: Tensor, table: Tensor, pos_q: Tensor, pos_k: Tensor) -> Tensor:
    """Scores with a vector for each clipped distance added to the keys."""
    c = len(table) // 2
    rows = c + (pos_k - pos_q[:, None]).clamp(-c, c)  # (n, L)
    about_tokens = q @ k.transpose(-2, -1)
    about_distances = torch.einsum("...nd,nld->...nl", q, table[rows])
    return (about_tokens + about_distances) / math.sqrt(q.shape[-1])


def rel_shift(x: Tensor) -> Tensor:
    """Columns of distances become columns of keys: row i moves n - 1 - i places to the left."""
    n, L = x.shape[-2:]
    # One column more in front, read on in rows of n columns: each row begins one number earlier than the one before.
    padded = torch.cat((x.new_zeros(*x.shape[:-1], 1), x), dim=-1)
    moved = padded.reshape(*x.shape[:-2], L + 1, n)[..., 1:, :].reshape(x.shape)
    return moved.tril(L - n)


def xl_scores(q: Tensor, k: Tensor, R: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Transformer-XL's scores of the last n of L tokens."""
    n, L = q.shape[-2], k.shape[-2]
    about_tokens = (q + u) @ k.transpose(-2, -1)
    about_distances = rel_shift((q + v) @ R.T)
    ahead = torch.ones(n, L, dtype=torch.bool).triu(L - n + 1)
    return ((about_tokens + about_distances) / math.sqrt(q.shape[-1])).masked_fill(ahead, -math.inf)


# Other right ways.


@alternative("all distances first, then gathered", of="shaw_scores")
def gathered(q: Tensor, k: Tensor, table: Tensor, pos_q: Tensor, pos_k: Tensor) -> Tensor:
    c = (table.shape[0] - 1) // 2
    rows = torch.clamp(pos_k.unsqueeze(0) - pos_q.unsqueeze(1), min=-c, max=c) + c
    each = q @ table.T
    return (q @ k.mT + each.gather(-1, rows.expand(*q.shape[:-1], len(pos_k)))) * q.shape[-1] ** -0.5


@alternative("a loop over the rows", of="rel_shift")
def row_by_row(x: Tensor) -> Tensor:
    n, L = x.shape[-2:]
    y = torch.zeros_like(x)
    for i in range(n):
        seen = L - n + i + 1
        y[..., i, :seen] = x[..., i, L - seen :]
    return y


@alternative("columns counted and gathered", of="rel_shift")
def by_gather(x: Tensor) -> Tensor:
    n, L = x.shape[-2:]
    columns = torch.arange(L) + (n - 1 - torch.arange(n))[:, None]
    seen = columns < L
    return torch.where(seen, x.gather(-1, columns.clamp(max=L - 1).expand(x.shape)), torch.zeros_like(x))


@alternative("every pair's vector, without a shift", of="xl_scores")
def all_pairs(q: Tensor, k: Tensor, R: Tensor, u: Tensor, v: Tensor) -> Tensor:
    n, L, d = q.shape[-2], k.shape[-2], q.shape[-1]
    back = torch.arange(L - n, L)[:, None] - torch.arange(L)  # m + i - j
    pairs = R[(L - 1 - back).clamp(max=L - 1)]
    S = torch.einsum("...nd,...ld->...nl", q + u, k) + torch.einsum("...nd,nld->...nl", q + v, pairs)
    return torch.where(back >= 0, S / d**0.5, torch.full_like(S, -math.inf))


# Known mistakes of `shaw_scores`. What they share:


def _rows(table: Tensor, r: Tensor) -> Tensor:
    c = len(table) // 2
    return c + r.clamp(-c, c)


def _r(pos_q: Tensor, pos_k: Tensor) -> Tensor:
    return pos_k - pos_q[:, None]


def _dots(q: Tensor, k: Tensor) -> Tensor:
    return q @ k.transpose(-2, -1)


def _about(q: Tensor, vectors: Tensor) -> Tensor:
    return torch.einsum("...nd,nld->...nl", q, vectors)


def _root(q: Tensor) -> float:
    return math.sqrt(q.shape[-1])


@mistake(
    "In `shaw_scores` the distance is query minus key, so that behind and ahead change places. It is key minus query.",
    of="shaw_scores",
    hint=2,
)
def query_minus_key(q, k, table, pos_q, pos_k):
    return (_dots(q, k) + _about(q, table[_rows(table, -_r(pos_q, pos_k))])) / _root(q)


@mistake(
    "In `shaw_scores` the clipped distance itself is the row: -1 then reads the table from its end. Row 0 belongs to -c, so "
    "add c.",
    of="shaw_scores",
    hint=3,
)
def not_offset(q, k, table, pos_q, pos_k):
    c = len(table) // 2
    return (_dots(q, k) + _about(q, table[_r(pos_q, pos_k).clamp(-c, c)])) / _root(q)


@mistake(
    "In `shaw_scores` distances beyond the table begin again at its other end. They are clipped: all share the outermost row.",
    of="shaw_scores",
    hint=3,
)
def wrapped(q, k, table, pos_q, pos_k):
    return (_dots(q, k) + _about(q, table[(_r(pos_q, pos_k) + len(table) // 2) % len(table)])) / _root(q)


@mistake(
    "In `shaw_scores` distances are clipped one too soon, to c - 1: the table's last row is never used.", of="shaw_scores", hint=3
)
def clipped_too_soon(q, k, table, pos_q, pos_k):
    c = len(table) // 2
    return (_dots(q, k) + _about(q, table[c + _r(pos_q, pos_k).clamp(-c, c - 1)])) / _root(q)


@mistake(
    "In `shaw_scores` distances are clipped at 0: keys behind the query all count as its own place. They go down to -c.",
    of="shaw_scores",
    hint=3,
)
def clipped_at_zero(q, k, table, pos_q, pos_k):
    c = len(table) // 2
    return (_dots(q, k) + _about(q, table[c + _r(pos_q, pos_k).clamp(0, c)])) / _root(q)


@mistake(
    "In `shaw_scores` rows and columns are taken for positions. Tokens stand where pos_q and pos_k say.", of="shaw_scores", hint=2
)
def positions_ignored(q, k, table, pos_q, pos_k):
    r = _r(torch.arange(len(pos_q)), torch.arange(len(pos_k)))
    return (_dots(q, k) + _about(q, table[_rows(table, r)])) / _root(q)


@mistake(
    "In `shaw_scores` only the tokens' part is divided by √d. The vector is added to the key, so both parts are divided.",
    of="shaw_scores",
    hint=3,
)
def distances_not_scaled(q, k, table, pos_q, pos_k):
    return _dots(q, k) / _root(q) + _about(q, table[_rows(table, _r(pos_q, pos_k))])


@mistake("`shaw_scores` does not divide by √d.", of="shaw_scores", hint=3)
def shaw_not_scaled(q, k, table, pos_q, pos_k):
    return _dots(q, k) + _about(q, table[_rows(table, _r(pos_q, pos_k))])


@mistake(
    "In `shaw_scores` the keys are compared with the distances, not the queries. The vector is added to the key, and the query "
    "meets both.",
    of="shaw_scores",
    hint=1,
)
def keys_meet_distances(q, k, table, pos_q, pos_k):
    vectors = table[_rows(table, _r(pos_q, pos_k))]
    return (_dots(q, k) + torch.einsum("...ld,nld->...nl", k, vectors)) / _root(q)


@mistake("`shaw_scores` leaves the distances out: these are plain scaled dot products.", of="shaw_scores", hint=1)
def no_distances(q, k, table, pos_q, pos_k):
    return _dots(q, k) / _root(q)


# Known mistakes of `rel_shift`.


def _ahead(x: Tensor) -> Tensor:
    n, L = x.shape[-2:]
    return torch.ones(n, L, dtype=torch.bool).triu(L - n + 1)


def _moved(x: Tensor, first: int, step: int) -> Tensor:
    """Row i read from column first + step · i on; zeros where there is no column."""
    n, L = x.shape[-2:]
    columns = torch.arange(L) + (first + step * torch.arange(n))[:, None]
    there = (columns >= 0) & (columns < L)
    return x.gather(-1, columns.clamp(0, L - 1).expand(x.shape)) * there


def _reread(x: Tensor, padded: Tensor, rows: slice) -> Tensor:
    n, L = x.shape[-2:]
    return padded.reshape(*x.shape[:-2], L + 1, n)[..., rows, :].reshape(x.shape)


@mistake(
    "`rel_shift` leaves x as it is (but for what is ahead). Its columns are distances still, not keys.", of="rel_shift", hint=1
)
def not_shifted(x):
    return x.masked_fill(_ahead(x), 0.0)


@mistake(
    "`rel_shift` drops the last row of what it read, not the first. The first one holds what left on the left.",
    of="rel_shift",
    hint=4,
)
def last_row_dropped(x):
    padded = torch.cat((x.new_zeros(*x.shape[:-1], 1), x), dim=-1)
    return _reread(x, padded, slice(0, -1)).masked_fill(_ahead(x), 0.0)


@mistake(
    "`rel_shift` moves every row one place too far: your row i begins at column n - i, as it does when the zeros are padded on "
    "the right. The last row stays where it is.",
    of="rel_shift",
    hint=4,
)
def one_too_far(x):
    padded = torch.cat((x, x.new_zeros(*x.shape[:-1], 1)), dim=-1)
    return _reread(x, padded, slice(1, None)).masked_fill(_ahead(x), 0.0)


@mistake(
    "`rel_shift` moves row i by i places. It is the other way round: the last row stays, the first moves by n - 1.",
    of="rel_shift",
    hint=3,
)
def by_own_number(x):
    return _moved(x, 0, 1).masked_fill(_ahead(x), 0.0)


@mistake("`rel_shift` moves the rows to the right. They move to the left, until column 0 is key 0.", of="rel_shift", hint=3)
def to_the_right(x):
    return _moved(x, 1 - x.shape[-2], 1).masked_fill(_ahead(x), 0.0)


@mistake(
    "`rel_shift` leaves numbers where keys stand ahead: after padding and reading on, these are pieces of the next row. Put "
    "zeros there.",
    of="rel_shift",
    hint=4,
)
def rest_of_next_row(x):
    padded = torch.cat((x.new_zeros(*x.shape[:-1], 1), x), dim=-1)
    return _reread(x, padded, slice(1, None))


@mistake("`rel_shift` rolls the rows: what leaves on the left comes back on the right. Put zeros there.", of="rel_shift", hint=4)
def rolled(x):
    n, L = x.shape[-2:]
    columns = (torch.arange(L) + (n - 1 - torch.arange(n))[:, None]) % L
    return x.gather(-1, columns.expand(x.shape))


@mistake(
    "`rel_shift` puts zeros where j > i and forgets the memory. Query i is token m + i, so columns up to m + i count.",
    of="rel_shift",
    hint=2,
)
def memory_forgotten(x):
    return _moved(x, x.shape[-2] - 1, -1).tril()


# Known mistakes of `xl_scores`.


def _xl(q, k, R, u, v, hide=None):
    S = (_dots(q + u, k) + rel_shift((q + v) @ R.T)) / _root(q)
    return S.masked_fill(_ahead(S) if hide is None else hide, -math.inf)


@mistake("In `xl_scores` u and v have changed places: u goes with the tokens, v with the distances.", of="xl_scores", hint=3)
def exchanged(q, k, R, u, v):
    return _xl(q, k, R, v, u)


@mistake("`xl_scores` does not use u and v.", of="xl_scores", hint=3)
def without_u_and_v(q, k, R, u, v):
    return _xl(q, k, R, torch.zeros_like(u), torch.zeros_like(v))


@mistake(
    "In `xl_scores` the part about distances is not shifted: its columns are distances, and they are added to columns of keys.",
    of="xl_scores",
    hint=1,
)
def xl_not_shifted(q, k, R, u, v):
    S = (_dots(q + u, k) + (q + v) @ R.T) / _root(q)
    return S.masked_fill(_ahead(S), -math.inf)


@mistake(
    "In `xl_scores` the whole sum is shifted. The part about tokens has columns of keys already: shift the distances only.",
    of="xl_scores",
    hint=1,
)
def sum_shifted(q, k, R, u, v):
    S = rel_shift(_dots(q + u, k) + (q + v) @ R.T) / _root(q)
    return S.masked_fill(_ahead(S), -math.inf)


@mistake("`xl_scores` turns R round. Its rows come farthest first already, as `rel_shift` wants them.", of="xl_scores", hint=2)
def turned_round(q, k, R, u, v):
    return _xl(q, k, R.flip(0), u, v)


@mistake("`xl_scores` does not divide by √d.", of="xl_scores", hint=3)
def xl_not_scaled(q, k, R, u, v):
    S = _dots(q + u, k) + rel_shift((q + v) @ R.T)
    return S.masked_fill(_ahead(S), -math.inf)


@mistake("`xl_scores` hides nothing: keys ahead of the query must be at minus infinity.", of="xl_scores", hint=4)
def nothing_hidden(q, k, R, u, v):
    return (_dots(q + u, k) + rel_shift((q + v) @ R.T)) / _root(q)


@mistake(
    "`xl_scores` hides the keys with j > i and forgets the memory. Query i is token m + i and sees all of the memory.",
    of="xl_scores",
    hint=2,
)
def xl_memory_forgotten(q, k, R, u, v):
    return _xl(q, k, R, u, v, torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).triu(1))
