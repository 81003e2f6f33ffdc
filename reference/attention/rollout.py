"""Attention rollout: Abnar and Zuidema, "Quantifying Attention Flow in Transformers" (2020), section 3."""

import torch
from torch import Tensor

from grader.marks import alternative, mistake


def mix(A: Tensor, residual: float = 0.5) -> Tensor:
    """A layer's shares: `residual` of each token stays, the rest is what the heads read on average."""
    read = A.mean(dim=-3)
    return residual * torch.eye(A.shape[-1], dtype=A.dtype) + (1 - residual) * read


def rollout(attentions: list[Tensor], residual: float = 0.5) -> Tensor:
    """Where each output token came from: row i holds the shares of the words in token i."""
    R = mix(attentions[0], residual)
    for A in attentions[1:]:
        # Row i of a later layer says which of the earlier rows to mix.
        R = mix(A, residual) @ R
    return R


def trace(attentions: list[Tensor], token: int, residual: float = 0.5) -> Tensor:
    """The row of `rollout` for one output token, without the others."""
    row = mix(attentions[-1], residual)[..., token, :]
    for A in reversed(attentions[:-1]):
        row = (row[..., None, :] @ mix(A, residual))[..., 0, :]
    return row


# Other right ways.


@alternative("the diagonal filled up, the heads in a loop", of="mix")
def head_by_head(A, residual=0.5):
    heads = A.shape[-3]
    total = sum(A[..., h, :, :] for h in range(heads)) * ((1 - residual) / heads)
    total.diagonal(dim1=-2, dim2=-1).add_(residual)
    return total


@alternative("lerp from the average to the identity", of="mix")
def interpolated(A, residual=0.5):
    read = torch.einsum("...hij->...ij", A) / A.shape[-3]
    return torch.lerp(read, torch.eye(A.shape[-1], dtype=A.dtype).expand_as(read), residual)


@alternative("the words' shares sent through the layers, as activations are", of="rollout")
def as_activations(attentions, residual=0.5):
    n = attentions[0].shape[-1]
    x = torch.eye(n, dtype=attentions[0].dtype)
    for A in attentions:
        read = (A @ x.unsqueeze(-3) if x.dim() > 2 else A @ x).mean(-3)
        x = residual * x + (1 - residual) * read
    return x


@alternative("multiplied from the other end", of="rollout")
def from_the_end(attentions, residual=0.5):
    R = torch.eye(attentions[-1].shape[-1], dtype=attentions[-1].dtype)
    for A in attentions[::-1]:
        R = torch.matmul(R, mix(A, residual))
    return R


@alternative("a row of the rollout", of="trace")
def row_of_rollout(attentions, token, residual=0.5):
    return rollout(attentions, residual)[..., token, :]


@alternative("one-hot, and a sum in place of a product", of="trace")
def one_hot(attentions, token, residual=0.5):
    row = torch.zeros_like(attentions[0][..., 0, 0, :])
    row[..., token] = 1.0
    for A in attentions[::-1]:
        row = (row.unsqueeze(-1) * mix(A, residual)).sum(-2)
    return row


# Known mistakes. What they share:


def _eye(A):
    return torch.eye(A.shape[-1], dtype=A.dtype)


def _product(matrices):
    R = matrices[0]
    for M in matrices[1:]:
        R = M @ R
    return R


@mistake(
    "The residual is missing: M is the heads' average alone. A layer adds to what was there, so each token keeps the "
    "share `residual` of itself.",
    of="mix",
    hint=1,
)
def no_residual(A, residual=0.5):
    return A.mean(dim=-3)


@mistake(
    "The identity is added to the average whole, so the rows of M sum to two. Of a token the share `residual` stays, "
    "and the rest, 1 - residual, comes from what was read.",
    of="mix",
    hint=3,
)
def added_whole(A, residual=0.5):
    return A.mean(dim=-3) + _eye(A)


@mistake(
    "`residual` is not used: you always keep one half.",
    of="mix",
    hint=3,
)
def always_half(A, residual=0.5):
    return (A.mean(dim=-3) + _eye(A)) / 2


@mistake(
    "The shares are exchanged: `residual` is what stays (the identity's share), 1 - residual what was read.",
    of="mix",
    hint=3,
)
def shares_exchanged(A, residual=0.5):
    return (1 - residual) * _eye(A) + residual * A.mean(dim=-3)


@mistake(
    "You weigh the identity with `residual`, but add what was read whole: the rows sum to more than one.",
    of="mix",
    hint=3,
)
def read_whole(A, residual=0.5):
    return residual * _eye(A) + A.mean(dim=-3)


@mistake(
    "You take the largest weight over the heads. Its rows sum to more than one, and it shows the loudest head for "
    "each pair; rollout takes the heads' average.",
    of="mix",
    hint=1,
)
def largest_head(A, residual=0.5):
    return residual * _eye(A) + (1 - residual) * A.amax(dim=-3)


@mistake(
    "The heads are added up, not averaged: the rows sum to more than one as soon as there are two heads.",
    of="mix",
    hint=3,
)
def heads_added(A, residual=0.5):
    return residual * _eye(A) + (1 - residual) * A.sum(dim=-3)


@mistake(
    "Only the first head is used. The next layer reads all heads, so their average counts.",
    of="mix",
    hint=2,
)
def first_head(A, residual=0.5):
    return residual * _eye(A) + (1 - residual) * A[..., 0, :, :]


@mistake(
    "You average over axis 0. Those are the heads only where nothing stands before them; with a batch it mixes the "
    "sequences. The heads are always the third axis from the end.",
    of="mix",
    hint=2,
)
def axis_zero(A, residual=0.5):
    return residual * _eye(A) + (1 - residual) * A.mean(dim=0)


@mistake(
    "M is transposed: its rows belong to the queries, which take in, and sum to one. The columns are what is taken "
    "from.",
    of="mix",
    hint=2,
)
def transposed(A, residual=0.5):
    return residual * _eye(A) + (1 - residual) * A.mean(dim=-3).mT


@mistake(
    "In `rollout` the layers are multiplied in the wrong order: you have M_1 M_2 ... M_L. A later layer mixes the "
    "rows of the earlier ones, so it stands on the left: M_L ... M_2 M_1. (The first in the list is the layer next to "
    "the words.)",
    of="rollout",
    hint=3,
)
def wrong_order(attentions, residual=0.5):
    return _product([mix(A, residual) for A in attentions[::-1]])


@mistake(
    "In `rollout` the layers are averaged. Going through one layer after the other is a product.",
    of="rollout",
    hint=1,
)
def layers_averaged(attentions, residual=0.5):
    return torch.stack([mix(A, residual) for A in attentions]).mean(0)


@mistake(
    "`rollout` gives only the last layer's shares. What that layer reads are mixtures already; the layers below say "
    "of what.",
    of="rollout",
    hint=1,
)
def last_layer_only(attentions, residual=0.5):
    return mix(attentions[-1], residual)


@mistake(
    "In `rollout` the matrices are multiplied entry by entry. A path goes through any token between: that is a matrix "
    "product.",
    of="rollout",
    hint=3,
)
def entry_by_entry(attentions, residual=0.5):
    R = mix(attentions[0], residual)
    for A in attentions[1:]:
        R = R * mix(A, residual)
    return R


@mistake(
    "In `rollout` one layer is left out: you begin with the identity or the first layer and miss one at an end of the "
    "list.",
    of="rollout",
    hint=3,
)
def last_layer_missing(attentions, residual=0.5):
    return _product(
        [_eye(attentions[0]).expand_as(attentions[0][..., 0, :, :]), *(mix(A, residual) for A in attentions[:-1])]
    )


@mistake(
    "In `rollout` the first layer goes in without its residual. It has one like all the others.",
    of="rollout",
    hint=3,
)
def first_without_residual(attentions, residual=0.5):
    return _product([attentions[0].mean(dim=-3), *(mix(A, residual) for A in attentions[1:])])


@mistake(
    "In `rollout` the residual comes in once, at the end. Every layer has its own, so mix each before multiplying.",
    of="rollout",
    hint=1,
)
def residual_once(attentions, residual=0.5):
    R = _product([A.mean(dim=-3) for A in attentions])
    return residual * _eye(R) + (1 - residual) * R


@mistake(
    "In `rollout` each head is followed through the layers by itself, and the average comes last. A head reads what "
    "all heads of the layer below have written: average first, multiply then.",
    of="rollout",
    hint=1,
)
def heads_apart(attentions, residual=0.5):
    return _product([residual * _eye(A) + (1 - residual) * A for A in attentions]).mean(dim=-3)


@mistake(
    "`trace` gives a column: how much of this word is in each output token. Asked is the row: of which words this "
    "output token is made.",
    of="trace",
    hint=2,
)
def column(attentions, token, residual=0.5):
    return _product([mix(A, residual) for A in attentions])[..., token]


@mistake(
    "`trace` goes up from the first layer. The token is an output: begin with its row of the last layer and go down.",
    of="trace",
    hint=3,
)
def upwards(attentions, token, residual=0.5):
    return _product([mix(A, residual) for A in attentions[::-1]])[..., token, :]


@mistake(
    "`trace` always gives the last token.",
    of="trace",
    hint=2,
)
def always_last(attentions, token, residual=0.5):
    return _product([mix(A, residual) for A in attentions])[..., -1, :]


@mistake(
    "`trace` does not pass `residual` on: it always computes with one half.",
    of="trace",
    hint=3,
)
def trace_with_half(attentions, token, residual=0.5):
    return _product([mix(A) for A in attentions])[..., token, :]


@mistake(
    "`rollout` does not pass `residual` on: it always computes with one half.",
    of="rollout",
    hint=3,
)
def rollout_with_half(attentions, residual=0.5):
    return _product([mix(A) for A in attentions])


@mistake(
    "You leave the first token out of what was read and share its weight out among the others. Some heat maps do that "
    "with a special token; here every token takes part.",
    of="mix",
    hint=1,
)
def first_token_left_out(A, residual=0.5):
    read = A.mean(dim=-3)
    if A.shape[-1] > 1:
        read = torch.cat([torch.zeros_like(read[..., :1]), read[..., 1:]], dim=-1)
        read = read / read.sum(-1, keepdim=True)
    return residual * _eye(A) + (1 - residual) * read


@mistake(
    "You set the weakest weights of each row to zero first, as some heat maps do. A weak path is a path: the heads' "
    "average is taken as it is.",
    of="mix",
    hint=1,
)
def weakest_discarded(A, residual=0.5):
    read = A.mean(dim=-3)
    read = read * (read > 0.1)
    return residual * _eye(A) + (1 - residual) * read / read.sum(-1, keepdim=True)


@mistake(
    "In `rollout` only the first layer has its residual. Each layer adds to what was there, so every matrix keeps the "
    "share `residual`.",
    of="rollout",
    hint=3,
)
def later_without_residual(attentions, residual=0.5):
    return _product([mix(attentions[0], residual), *(A.mean(dim=-3) for A in attentions[1:])])
