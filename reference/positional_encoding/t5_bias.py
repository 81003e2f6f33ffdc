"""T5's relative position bias: Raffel et al. (2019), section 2.1, and the buckets of the code published with it."""

import math

import torch
from torch import Tensor

from grader.marks import alternative, mistake


def bucket(rel: Tensor, bidirectional: bool = True, num_buckets: int = 32, max_distance: int = 128) -> Tensor:
    """The bucket of each relative position (key minus query)."""
    s = num_buckets // 2 if bidirectional else num_buckets
    n = rel.abs() if bidirectional else (-rel).clamp(min=0)
    m = s // 2
    steps = (s - m) * torch.log(n.clamp(min=m).double() / m) / math.log(max_distance / m)
    # Whole numbers may come out a rounding too small; no other value is as near below one.
    far = m + torch.floor(steps + 1e-9).long()
    near_or_far = torch.where(n < m, n, far.clamp(max=s - 1))
    return near_or_far + s * (rel > 0) if bidirectional else near_or_far


def bias(table: Tensor, pos_q: Tensor, pos_k: Tensor, bidirectional: bool = True, max_distance: int = 128) -> Tensor:
    """What each head adds to the score of each query with each key."""
    rel = pos_k - pos_q[:, None]  # key minus query: (n_q, n_k)
    rows = bucket(rel, bidirectional, len(table), max_distance)
    return table[rows].movedim(-1, 0)


def scores(
    q: Tensor, k: Tensor, table: Tensor, pos_q: Tensor, pos_k: Tensor, bidirectional: bool = True, max_distance: int = 128
) -> Tensor:
    """T5's attention scores: dot products, not scaled, and the bias."""
    return q @ k.transpose(-2, -1) + bias(table, pos_q, pos_k, bidirectional, max_distance)


# Other right ways.


@alternative("whole numbers only: n^k ≥ D^e m^(k-e), one distance at a time", of="bucket")
def whole_numbers(rel: Tensor, bidirectional: bool = True, num_buckets: int = 32, max_distance: int = 128) -> Tensor:
    s = num_buckets // (2 if bidirectional else 1)
    m = s // 2
    k = s - m

    def one(r: int) -> int:
        n = abs(r) if bidirectional else max(-r, 0)
        side = s if bidirectional and r > 0 else 0
        if n < m:
            return side + n
        return side + m + sum(n**k >= max_distance**e * m ** (k - e) for e in range(1, k))

    return torch.tensor([one(r) for r in rel.flatten().tolist()], dtype=torch.int64).reshape(rel.shape)


@alternative("searched among the first distances of the buckets", of="bucket")
def searched(rel: Tensor, bidirectional: bool = True, num_buckets: int = 32, max_distance: int = 128) -> Tensor:
    s = num_buckets // 2 if bidirectional else num_buckets
    m = s // 2
    edges = [m * (max_distance / m) ** (e / (s - m)) for e in range(1, s - m)]
    first = torch.tensor([*range(1, m + 1), *(math.ceil(edge - 1e-7) for edge in edges)])
    n = torch.where(rel > 0, rel if bidirectional else 0, -rel)
    return torch.bucketize(n, first, right=True) + (rel > 0).long() * (s if bidirectional else 0)


@alternative("head by head", of="bias")
def head_by_head(table: Tensor, pos_q: Tensor, pos_k: Tensor, bidirectional: bool = True, max_distance: int = 128) -> Tensor:
    rel = pos_k.unsqueeze(0) - pos_q.unsqueeze(1)
    rows = bucket(rel, bidirectional=bidirectional, num_buckets=table.shape[0], max_distance=max_distance)
    return torch.stack([table[:, a].index_select(0, rows.flatten()).reshape(rel.shape) for a in range(table.shape[1])])


@alternative("einsum", of="scores")
def by_einsum(q, k, table, pos_q, pos_k, bidirectional=True, max_distance=128):
    return bias(table, pos_q, pos_k, bidirectional, max_distance) + torch.einsum("...qd,...kd->...qk", q, k)


# Known mistakes of `bucket`. What they share:


def _distance(rel, bidirectional):
    return rel.abs() if bidirectional else (-rel).clamp(min=0)


def _side(bidirectional, num_buckets):
    return num_buckets // 2 if bidirectional else num_buckets


def _steps(n, s, max_distance):
    m = s // 2
    return (s - m) * torch.log(n.clamp(min=m).double() / m) / math.log(max_distance / m)


def _one_side(n, s, max_distance, steps=None):
    m = s // 2
    steps = _steps(n, s, max_distance) if steps is None else steps
    return torch.where(n < m, n, (m + torch.floor(steps + 1e-9).long()).clamp(max=s - 1))


def _offset(rel, bidirectional, s):
    return s * (rel > 0).long() if bidirectional else 0


@mistake(
    "The sign of r is turned round: your keys behind get what keys ahead should get. r is key minus query, so r > 0 is ahead.",
    of="bucket",
    hint=2,
)
def sign_turned(rel, bidirectional=True, num_buckets=32, max_distance=128):
    s = _side(bidirectional, num_buckets)
    return _one_side(_distance(-rel, bidirectional), s, max_distance) + _offset(-rel, bidirectional, s)


@mistake(
    "In one-way mode you use half of the buckets. Keys ahead need none there, so all nb are for keys behind.", of="bucket", hint=2
)
def halved_always(rel, bidirectional=True, num_buckets=32, max_distance=128):
    s = num_buckets // 2
    return _one_side(_distance(rel, bidirectional), s, max_distance) + _offset(rel, bidirectional, s)


@mistake(
    "In one-way mode the buckets of keys ahead go by their distance, as if they stood behind. They count as distance 0.",
    of="bucket",
    hint=2,
)
def ahead_as_behind(rel, bidirectional=True, num_buckets=32, max_distance=128):
    s = _side(bidirectional, num_buckets)
    return _one_side(rel.abs(), s, max_distance) + _offset(rel, bidirectional, s)


@mistake(
    "The two sides are not told apart: a key ahead gets the bucket of one as far behind. Keys ahead start at nb/2.",
    of="bucket",
    hint=2,
)
def sides_alike(rel, bidirectional=True, num_buckets=32, max_distance=128):
    return _one_side(_distance(rel, bidirectional), _side(bidirectional, num_buckets), max_distance)


@mistake("r = 0 is taken as ahead. The query's own place belongs to bucket 0: only r > 0 is ahead.", of="bucket", hint=3)
def zero_is_ahead(rel, bidirectional=True, num_buckets=32, max_distance=128):
    s = _side(bidirectional, num_buckets)
    return _one_side(_distance(rel, bidirectional), s, max_distance) + (s * (rel >= 0).long() if bidirectional else 0)


@mistake(
    "There is no logarithmic part: each distance has a bucket of its own until they are used up; all others share the last.",
    of="bucket",
    hint=1,
)
def exact_throughout(rel, bidirectional=True, num_buckets=32, max_distance=128):
    s = _side(bidirectional, num_buckets)
    return _distance(rel, bidirectional).clamp(max=s - 1) + _offset(rel, bidirectional, s)


@mistake(
    "The logarithm is taken of n and not of n/m: the far buckets begin too high. Where n = m, it has to be 0.",
    of="bucket",
    hint=3,
)
def log_of_n(rel, bidirectional=True, num_buckets=32, max_distance=128):
    n, s = _distance(rel, bidirectional), _side(bidirectional, num_buckets)
    steps = (s - s // 2) * torch.log(n.clamp(min=1).double()) / math.log(max_distance)
    return _one_side(n, s, max_distance, steps) + _offset(rel, bidirectional, s)


@mistake(
    "The logarithm is divided by ln D and not by ln(D/m): the far buckets come too slowly, and the last ones are never reached.",
    of="bucket",
    hint=3,
)
def divided_by_log_d(rel, bidirectional=True, num_buckets=32, max_distance=128):
    n, s = _distance(rel, bidirectional), _side(bidirectional, num_buckets)
    steps = _steps(n, s, max_distance) * math.log(max_distance / (s // 2)) / math.log(max_distance)
    return _one_side(n, s, max_distance, steps) + _offset(rel, bidirectional, s)


@mistake(
    "The logarithm is spread over all s buckets, though m of them are used by the near distances: it has s - m.",
    of="bucket",
    hint=3,
)
def spread_over_all(rel, bidirectional=True, num_buckets=32, max_distance=128):
    n, s = _distance(rel, bidirectional), _side(bidirectional, num_buckets)
    return _one_side(n, s, max_distance, _steps(n, s, max_distance) * s / (s - s // 2)) + _offset(rel, bidirectional, s)


@mistake("The logarithmic part is rounded to the nearest bucket. It is rounded down.", of="bucket", hint=3)
def rounded(rel, bidirectional=True, num_buckets=32, max_distance=128):
    n, s = _distance(rel, bidirectional), _side(bidirectional, num_buckets)
    return _one_side(n, s, max_distance, _steps(n, s, max_distance) + 0.5) + _offset(rel, bidirectional, s)


@mistake(
    "Distances from max_distance on run out of their buckets, into those of the other side or past the table. The last bucket "
    "takes them all.",
    of="bucket",
    hint=3,
)
def not_capped(rel, bidirectional=True, num_buckets=32, max_distance=128):
    n, s = _distance(rel, bidirectional), _side(bidirectional, num_buckets)
    far = s // 2 + torch.floor(_steps(n, s, max_distance) + 1e-9).long()
    return torch.where(n < s // 2, n, far) + _offset(rel, bidirectional, s)


@mistake(
    "At an exact edge your distance falls one bucket short: the quotient of logarithms came out as 0.999... where it is 1, and "
    "was cut off. Guard against the last digit.",
    of="bucket",
    hint=4,
)
def cut_at_edges(rel, bidirectional=True, num_buckets=32, max_distance=128):
    n, s = _distance(rel, bidirectional), _side(bidirectional, num_buckets)
    m = s // 2
    steps = torch.log(n.clamp(min=m).double() / m) / math.log(max_distance / m) * (s - m)
    return torch.where(n < m, n, (m + steps.long()).clamp(max=s - 1)) + _offset(rel, bidirectional, s)


@mistake("`bucket` gives floats. Buckets are rows of a table: int64.", of="bucket", hint=4)
def float_buckets(rel, bidirectional=True, num_buckets=32, max_distance=128):
    s = _side(bidirectional, num_buckets)
    return (_one_side(_distance(rel, bidirectional), s, max_distance) + _offset(rel, bidirectional, s)).float()


# Known mistakes of `bias`.


def _looked_up(table, rel, bidirectional, max_distance):
    return table[bucket(rel, bidirectional, len(table), max_distance)].movedim(-1, 0)


@mistake(
    "In `bias` the relative position is query minus key. It is key minus query: a key ahead has r > 0.", of="bias", hint=2
)
def query_minus_key(table, pos_q, pos_k, bidirectional=True, max_distance=128):
    return _looked_up(table, pos_q[:, None] - pos_k, bidirectional, max_distance)


@mistake("The result of `bias` has the keys as rows: (h, n_k, n_q). A row belongs to a query.", of="bias", hint=2)
def transposed(table, pos_q, pos_k, bidirectional=True, max_distance=128):
    return _looked_up(table, pos_k[:, None] - pos_q, bidirectional, max_distance)


@mistake("The result of `bias` has its heads last, (n_q, n_k, h). They come first, to be added to scores.", of="bias", hint=2)
def heads_last(table, pos_q, pos_k, bidirectional=True, max_distance=128):
    return table[bucket(pos_k - pos_q[:, None], bidirectional, len(table), max_distance)]


@mistake("`bias` takes rows and columns for positions. Tokens stand where `pos_q` and `pos_k` say.", of="bias", hint=2)
def positions_ignored(table, pos_q, pos_k, bidirectional=True, max_distance=128):
    rel = torch.arange(len(pos_k)) - torch.arange(len(pos_q))[:, None]
    return _looked_up(table, rel, bidirectional, max_distance)


@mistake("`bias` does not hand `bidirectional` on: the buckets are always those of both ways.", of="bias", hint=4)
def both_ways_always(table, pos_q, pos_k, bidirectional=True, max_distance=128):
    return _looked_up(table, pos_k - pos_q[:, None], True, max_distance)


@mistake("`bias` does not hand `max_distance` on: it is always 128.", of="bias", hint=4)
def distance_not_handed_on(table, pos_q, pos_k, bidirectional=True, max_distance=128):
    return _looked_up(table, pos_k - pos_q[:, None], bidirectional, 128)


@mistake("`bias` always asks for 32 buckets. The table says how many there are: it has a row for each.", of="bias", hint=4)
def always_32(table, pos_q, pos_k, bidirectional=True, max_distance=128):
    return table[bucket(pos_k - pos_q[:, None], bidirectional, 32, max_distance)].movedim(-1, 0)


@mistake("No gradient reaches the table: it is cut off from autograd, and the bias would not be learnt.", of="bias", hint=4)
def table_detached(table, pos_q, pos_k, bidirectional=True, max_distance=128):
    return _looked_up(table.detach(), pos_k - pos_q[:, None], bidirectional, max_distance)


# Known mistakes of `scores`.


@mistake(
    "You divide by √d, as attention usually does. T5 does not: its weights have learnt to do without.", of="scores", hint=3
)
def scaled(q, k, table, pos_q, pos_k, bidirectional=True, max_distance=128):
    return q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1]) + bias(table, pos_q, pos_k, bidirectional, max_distance)


@mistake("Your scores are dot products alone: the bias is not added.", of="scores", hint=3)
def no_bias(q, k, table, pos_q, pos_k, bidirectional=True, max_distance=128):
    return q @ k.transpose(-2, -1)


@mistake("`scores` does not hand `bidirectional` and `max_distance` on to `bias`.", of="scores", hint=4)
def defaults_only(q, k, table, pos_q, pos_k, bidirectional=True, max_distance=128):
    return q @ k.transpose(-2, -1) + bias(table, pos_q, pos_k)


@mistake(
    "In one-way mode you hide the keys ahead. Masking is done by others, later; here they have the bias of bucket 0.",
    of="scores",
    hint=2,
)
def masked(q, k, table, pos_q, pos_k, bidirectional=True, max_distance=128):
    S = q @ k.transpose(-2, -1) + bias(table, pos_q, pos_k, bidirectional, max_distance)
    return S if bidirectional else S.masked_fill(pos_k > pos_q[:, None], -math.inf)
