"""Learned positions: Gehring et al. (2017), section 3.1; √d and dropout: Vaswani et al. (2017), sections 3.4 and 5.4."""

import math

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.nn.functional import dropout, embedding

from grader.marks import alternative, mistake


class Embed(torch.nn.Module):
    """Tokens and learned positions, as the input of a transformer."""

    def __init__(self, vocab: int, max_len: int, d: int, pad_id: int, p_drop: float = 0.1) -> None:
        super().__init__()
        self.pad_id, self.p_drop = pad_id, p_drop
        tokens = torch.randn(vocab, d) / math.sqrt(d)
        tokens[pad_id] = 0.0
        self.tokens = Parameter(tokens)
        self.positions = Parameter(0.02 * torch.randn(max_len, d))

    def forward(self, ids: Tensor, pos: Tensor | None = None) -> Tensor:
        """The vectors of the tokens `ids` at the positions `pos`."""
        max_len, d = self.positions.shape
        if pos is None:
            pos = torch.arange(ids.shape[1])
        if ((pos < 0) | (pos >= max_len)).any():
            raise ValueError(f"a position is outside the table of {max_len}")
        # padding_idx changes no value: it keeps the gradient from that row.
        x = math.sqrt(d) * embedding(ids, self.tokens, padding_idx=self.pad_id) + self.positions[pos]
        return dropout(x, self.p_drop, self.training)


def real_positions(ids: Tensor, pad_id: int) -> Tensor:
    """Positions that count the tokens of each sequence and leave padding out."""
    real = ids != pad_id
    return (real.cumsum(1) - 1) * real


# Other right ways.


@alternative("one-hot rows times the tables, padding masked out", of="Embed.forward")
def one_hot(self, ids, pos=None):
    pos = torch.arange(ids.shape[1]) if pos is None else pos
    if pos.numel() and (int(pos.min()) < 0 or int(pos.max()) >= len(self.positions)):
        raise ValueError("position out of range")
    rows = torch.nn.functional.one_hot(ids, len(self.tokens)).to(self.tokens) * (ids != self.pad_id)[..., None]
    places = torch.nn.functional.one_hot(pos, len(self.positions)).to(self.tokens)
    x = (rows @ self.tokens) * self.tokens.shape[1] ** 0.5 + places @ self.positions
    if not self.training or self.p_drop == 0:
        return x
    keep = torch.rand_like(x) >= self.p_drop
    return torch.where(keep, x / (1 - self.p_drop), 0.0) if self.p_drop < 1 else x * 0.0


@alternative("indexing, with the padding row detached", of="Embed.forward")
def detached_row(self, ids, pos=None):
    n = ids.shape[-1]
    pos = torch.arange(n).expand_as(ids) if pos is None else pos.expand_as(ids)
    for p in pos.flatten().tolist():
        if not 0 <= p < self.positions.shape[0]:
            raise ValueError(f"no position {p}")
    looked_up = torch.where((ids == self.pad_id).unsqueeze(-1), self.tokens.detach()[ids], self.tokens[ids])
    x = looked_up.mul(math.sqrt(self.tokens.shape[-1])).add(self.positions[pos])
    return torch.nn.Dropout(self.p_drop)(x) if self.training else x


@alternative("a loop with counters", of="real_positions")
def counted(ids, pad_id):
    out = torch.zeros_like(ids)
    for row in range(ids.shape[0]):
        seen = 0
        for t in range(ids.shape[1]):
            if ids[row, t] != pad_id:
                out[row, t] = seen
                seen += 1
    return out


# Known mistakes. What they share:


def _checked(self, ids, pos):
    pos = torch.arange(ids.shape[1]) if pos is None else pos
    if ((pos < 0) | (pos >= len(self.positions))).any():
        raise ValueError
    return pos


def _tokens(self, ids):
    return embedding(ids, self.tokens, padding_idx=self.pad_id)


def _root(self):
    return math.sqrt(self.tokens.shape[1])


def _sum(self, ids, pos):
    return _root(self) * _tokens(self, ids) + self.positions[_checked(self, ids, pos)]


def _drop(self, x):
    return dropout(x, self.p_drop, self.training)


@mistake(
    "The tokens are not multiplied by √d. Their entries are about d^(-1/2), and the positions would drown them.",
    of="Embed.forward",
    hint=3,
)
def not_scaled(self, ids, pos=None):
    return _drop(self, _tokens(self, ids) + self.positions[_checked(self, ids, pos)])


@mistake(
    "You multiply the whole sum by √d. It belongs to the tokens alone; positions are added as they are.",
    of="Embed.forward",
    hint=3,
)
def sum_scaled(self, ids, pos=None):
    return _drop(self, _root(self) * (_tokens(self, ids) + self.positions[_checked(self, ids, pos)]))


@mistake("You multiply the positions by √d and not the tokens. It is the other way round.", of="Embed.forward", hint=3)
def positions_scaled(self, ids, pos=None):
    return _drop(self, _tokens(self, ids) + _root(self) * self.positions[_checked(self, ids, pos)])


@mistake(
    "You divide the tokens by √d, as attention does with scores. Here they are small and are brought up: multiply.",
    of="Embed.forward",
    hint=3,
)
def divided(self, ids, pos=None):
    return _drop(self, _tokens(self, ids) / _root(self) + self.positions[_checked(self, ids, pos)])


@mistake("You multiply the tokens by d. It is the root of d.", of="Embed.forward", hint=3)
def scaled_by_d(self, ids, pos=None):
    return _drop(self, _root(self) ** 2 * _tokens(self, ids) + self.positions[_checked(self, ids, pos)])


@mistake(
    "You look the positions up by the tokens' ids: the same word would get the same position wherever it stands.",
    of="Embed.forward",
    hint=2,
)
def indexed_by_token(self, ids, pos=None):
    _checked(self, ids, pos)
    return _drop(self, _root(self) * _tokens(self, ids) + self.positions[ids])


@mistake(
    "`pos` is not used: your tokens always stand at 0, 1, 2, ... Tokens stand where `pos` says, if it is given.",
    of="Embed.forward",
    hint=2,
)
def pos_ignored(self, ids, pos=None):
    _checked(self, ids, pos)
    return _drop(self, _sum(self, ids, None))


@mistake("Without `pos`, you count from 1. The first token stands at 0.", of="Embed.forward", hint=2)
def counted_from_one(self, ids, pos=None):
    return _drop(self, _sum(self, ids, torch.arange(1, ids.shape[1] + 1) if pos is None else pos))


@mistake(
    "You take the batch for time: without `pos`, all tokens of sequence b get position b. Positions run along the second axis.",
    of="Embed.forward",
    hint=2,
)
def batch_for_time(self, ids, pos=None):
    if pos is not None:
        return _drop(self, _sum(self, ids, pos))
    _checked(self, ids, None)
    return _drop(self, _sum(self, ids, torch.arange(ids.shape[0])[:, None].expand_as(ids)))


@mistake(
    "Positions are not looked at before they are looked up. One from max_len on stops with an IndexError, and -1 reads the last "
    "row without a word: both are a ValueError here.",
    of="Embed.forward",
    hint=4,
)
def unchecked(self, ids, pos=None):
    pos = torch.arange(ids.shape[1]) if pos is None else pos
    return _drop(self, _root(self) * _tokens(self, ids) + self.positions[pos])


@mistake(
    "Only positions that are too large are refused. -1 is an index too, that of the last row: refuse what is below 0.",
    of="Embed.forward",
    hint=4,
)
def negative_accepted(self, ids, pos=None):
    pos = torch.arange(ids.shape[1]) if pos is None else pos
    if (pos >= len(self.positions)).any():
        raise ValueError
    return _drop(self, _root(self) * _tokens(self, ids) + self.positions[pos])


@mistake(
    "Positions beyond the table are moved to its edge. Several tokens would share one position, silently: it is a ValueError.",
    of="Embed.forward",
    hint=4,
)
def clamped(self, ids, pos=None):
    pos = torch.arange(ids.shape[1]) if pos is None else pos
    return _drop(self, _sum(self, ids, pos.clamp(0, len(self.positions) - 1)))


@mistake(
    "The padding row gets a gradient, so it does not stay zeros: plain indexing trains every row that it reads.",
    of="Embed.forward",
    hint=4,
)
def padding_trained(self, ids, pos=None):
    return _drop(self, _root(self) * self.tokens[ids] + self.positions[_checked(self, ids, pos)])


@mistake(
    "Padded places come out as zeros. Only their token is zeros: the position is added there too.", of="Embed.forward", hint=4
)
def padding_zeroed(self, ids, pos=None):
    return _drop(self, _sum(self, ids, pos).masked_fill((ids == self.pad_id)[..., None], 0.0))


@mistake(
    "You drop entries of the tokens before the positions are added, so positions are never dropped. Dropout falls on the sum.",
    of="Embed.forward",
    hint=3,
)
def dropped_before(self, ids, pos=None):
    return _drop(self, _root(self) * _tokens(self, ids)) + self.positions[_checked(self, ids, pos)]


@mistake("You drop entries of the positions only. Dropout falls on the sum.", of="Embed.forward", hint=3)
def positions_dropped(self, ids, pos=None):
    return _root(self) * _tokens(self, ids) + _drop(self, self.positions[_checked(self, ids, pos)])


@mistake("Nothing is dropped, not even in training: p_drop is not used.", of="Embed.forward", hint=3)
def no_dropout(self, ids, pos=None):
    return _sum(self, ids, pos)


@mistake(
    "Dropout is on in eval mode too. It is for training only: look at self.training.", of="Embed.forward", hint=4
)
def always_dropped(self, ids, pos=None):
    return dropout(_sum(self, ids, pos), self.p_drop, True)


@mistake(
    "The positions get no gradient: they are cut off from autograd, and a learned table would not learn.",
    of="Embed.forward",
    hint=1,
)
def positions_detached(self, ids, pos=None):
    return _drop(self, _root(self) * _tokens(self, ids) + self.positions.detach()[_checked(self, ids, pos)])


@mistake(
    "In `real_positions` padding is counted: a sequence padded on the left does not begin at 0.", of="real_positions", hint=2
)
def padding_counted(ids, pad_id):
    return torch.arange(ids.shape[1]).expand_as(ids) * (ids != pad_id)


@mistake("`real_positions` counts from 1. The first token that is not padding stands at 0.", of="real_positions", hint=3)
def from_one(ids, pad_id):
    real = (ids != pad_id).long()
    return real.cumsum(-1) * real


@mistake(
    "`real_positions` gives padding the position of the token before it (or -1 where there is none). Padding gets 0.",
    of="real_positions",
    hint=3,
)
def padding_left(ids, pad_id):
    return (ids != pad_id).long().cumsum(-1) - 1


@mistake("`real_positions` counts down the batch, over axis 0. Every sequence is counted by itself.", of="real_positions", hint=2)
def down_the_batch(ids, pad_id):
    real = (ids != pad_id).long()
    return (real.cumsum(0) - 1) * real


@mistake("`real_positions` takes 0 for the padding, whatever pad_id is.", of="real_positions", hint=3)
def padding_is_zero(ids, pad_id):
    real = (ids != 0).long()
    return (real.cumsum(-1) - 1) * real
