"""Additive attention: Bahdanau, Cho, Bengio (2014), section 3.1 and appendix A.1.2."""

import math

import torch
from torch import Tensor

from grader.marks import alternative, mistake


def scores(Q: Tensor, K: Tensor, W_q: Tensor, W_k: Tensor, v: Tensor) -> Tensor:
    """Compare each query with each key: v · tanh(q W_q + k W_k)."""
    q = (Q @ W_q).unsqueeze(-2)  # (..., n_q, 1, d_a)
    k = (K @ W_k).unsqueeze(-3)  # (..., 1, n_k, d_a)
    return torch.tanh(q + k) @ v


def additive(
    Q: Tensor, K: Tensor, V: Tensor, W_q: Tensor, W_k: Tensor, v: Tensor, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Average the rows of V with the weights softmax(scores), keeping the keys where `mask` is True; also the weights."""
    e = scores(Q, K, W_q, W_k, v)
    if mask is None:
        A = torch.softmax(e, dim=-1)
    else:
        # A row without any key is 0/0; its weights are zero, and set so before they meet V.
        A = torch.softmax(e.masked_fill(~mask, -math.inf), dim=-1).masked_fill(~mask, 0.0)
    return A @ V, A


# Other right ways.


@alternative("a network on [q, k] side by side, with [W_q; W_k] as its weights", of="scores")
def side_by_side(Q, K, W_q, W_k, v):
    n_q, n_k = Q.shape[-2], K.shape[-2]
    q = Q[..., :, None, :].expand(*Q.shape[:-1], n_k, Q.shape[-1])
    k = K[..., None, :, :].expand(*K.shape[:-2], n_q, *K.shape[-2:])
    return torch.tanh(torch.cat([q, k], dim=-1) @ torch.cat([W_q, W_k])) @ v


@alternative("a row of the table at a time", of="scores")
def row_by_row(Q, K, W_q, W_k, v):
    keys = K @ W_k
    rows = [((Q[..., i : i + 1, :] @ W_q + keys).tanh() * v).sum(-1) for i in range(Q.shape[-2])]
    return torch.stack(rows, dim=-2) if rows else Q.new_zeros(*Q.shape[:-1], K.shape[-2])


@alternative("one hidden unit at a time", of="scores")
def unit_by_unit(Q, K, W_q, W_k, v):
    table = 0
    for a in range(len(v)):
        q, k = (Q * W_q[:, a]).sum(-1), (K * W_k[:, a]).sum(-1)
        table = table + v[a] * torch.tanh(q[..., :, None] + k[..., None, :])
    return table


@alternative("a softmax written out, in float64", of="additive")
def written_out(Q, K, V, W_q, W_k, v, mask=None):
    e = scores(*(x.double() for x in (Q, K, W_q, W_k, v)))
    keep = torch.ones_like(e, dtype=torch.bool) if mask is None else mask.expand_as(e)
    top = torch.where(keep, e.detach(), -torch.inf).amax(-1, keepdim=True)
    top = torch.where(top.isinf(), 0.0, top)
    E = torch.where(keep, torch.where(keep, e - top, 0.0).exp(), 0.0)
    total = E.sum(-1, keepdim=True)
    A = E / torch.where(total > 0, total, 1.0)
    return torch.einsum("...qk,...kd->...qd", A, V.double()).to(V.dtype), A.to(V.dtype)


@alternative("rows without a key opened for the softmax, and closed after it", of="additive")
def opened_and_closed(Q, K, V, W_q, W_k, v, mask=None):
    e = scores(Q, K, W_q, W_k, v)
    if mask is not None:
        blind = ~mask.any(-1, keepdim=True)
        e = torch.where(mask | blind, e, torch.tensor(-torch.inf, dtype=e.dtype))
    A = e.softmax(-1)
    A = A if mask is None else A * ~blind
    return torch.matmul(A, V), A


# Known mistakes. What they share:


def _pairs(Q, K, W_q, W_k):
    return (Q @ W_q).unsqueeze(-2), (K @ W_k).unsqueeze(-3)


def _weights(e, mask):
    if mask is None:
        return torch.softmax(e, dim=-1)
    return torch.softmax(e.masked_fill(~mask, -math.inf), dim=-1).masked_fill(~mask, 0.0)


@mistake(
    "Hidden scores are set to a large negative number. A query that may look at no key then shares its weight evenly "
    "among all the hidden ones: its weights and its result must be zeros.",
    of="additive",
    hint=4,
)
def fill_finite(Q, K, V, W_q, W_k, v, mask=None):
    e = scores(Q, K, W_q, W_k, v)
    A = torch.softmax(e if mask is None else e.masked_fill(~mask, -1e9), dim=-1)
    return A @ V, A


@mistake(
    "A query that may look at no key comes out as NaN: softmax of a row of minus infinities is 0/0. Such a row has no "
    "weights at all, so it is zeros.",
    of="additive",
    hint=4,
)
def nan_row(Q, K, V, W_q, W_k, v, mask=None):
    e = scores(Q, K, W_q, W_k, v)
    A = torch.softmax(e if mask is None else e.masked_fill(~mask, -math.inf), dim=-1)
    return A @ V, A


@mistake(
    "The mask's meaning is inverted: here True means that the query may look at the key, and your code hides the keys "
    "where the mask is True.",
    of="additive",
    hint=2,
)
def inverted_mask(Q, K, V, W_q, W_k, v, mask=None):
    A = _weights(scores(Q, K, W_q, W_k, v), None if mask is None else ~mask)
    return A @ V, A


@mistake("The mask is not used: hidden keys still get weight.", of="additive", hint=2)
def mask_ignored(Q, K, V, W_q, W_k, v, mask=None):
    A = _weights(scores(Q, K, W_q, W_k, v), None)
    return A @ V, A


@mistake(
    "Softmax comes before the mask: hidden weights are set to zero, but those that are left no longer sum to one. "
    "Hidden keys must be out before softmax divides by the sum.",
    of="additive",
    hint=3,
)
def masked_after(Q, K, V, W_q, W_k, v, mask=None):
    A = torch.softmax(scores(Q, K, W_q, W_k, v), dim=-1)
    A = A if mask is None else A * mask
    return A @ V, A


@mistake(
    "Hidden scores become 0 before the softmax, and exp(0) = 1: a hidden key still takes part. What makes its weight "
    "0 is a score of minus infinity.",
    of="additive",
    hint=3,
)
def score_zero(Q, K, V, W_q, W_k, v, mask=None):
    e = scores(Q, K, W_q, W_k, v)
    A = torch.softmax(e if mask is None else e * mask, dim=-1)
    return A @ V, A


@mistake(
    "The weights you return are not those you averaged with: the mask is missing in them. They are what people look "
    "at to see what was read, so hidden keys must show as 0.",
    of="additive",
    hint=4,
)
def unmasked_weights_returned(Q, K, V, W_q, W_k, v, mask=None):
    e = scores(Q, K, W_q, W_k, v)
    return _weights(e, mask) @ V, torch.softmax(e, dim=-1)


@mistake(
    "The second thing you return is the scores. It should be the weights, after the softmax.",
    of="additive",
    hint=3,
)
def scores_returned(Q, K, V, W_q, W_k, v, mask=None):
    e = scores(Q, K, W_q, W_k, v)
    return _weights(e, mask) @ V, e


@mistake(
    "You return weights and result in the wrong order: the result, which is what the model goes on with, comes first.",
    of="additive",
    hint=2,
)
def order_exchanged(Q, K, V, W_q, W_k, v, mask=None):
    A = _weights(scores(Q, K, W_q, W_k, v), mask)
    return A, A @ V


@mistake(
    "The values come out right, but the weights are cut off from autograd (detach, .data or no_grad): nothing that "
    "decides what to read could ever be learnt.",
    of="additive",
    hint=4,
)
def detached(Q, K, V, W_q, W_k, v, mask=None):
    A = _weights(scores(Q, K, W_q, W_k, v), mask).detach()
    return A @ V, A


@mistake(
    "Softmax runs over the queries: each column of the weights sums to one, where each row should. Every query shares "
    "out its attention among the keys, the last axis.",
    of="additive",
    hint=2,
)
def over_queries(Q, K, V, W_q, W_k, v, mask=None):
    e = scores(Q, K, W_q, W_k, v)
    if mask is not None:
        A = torch.softmax(e.masked_fill(~mask, -math.inf), dim=-2).masked_fill(~mask, 0.0)
    else:
        A = torch.softmax(e, dim=-2)
    return A @ V, A


@mistake(
    "The scores are scaled by a square root, as in dot-product attention. Additive attention has no scale: tanh keeps "
    "its scores small already.",
    of="scores",
    hint=3,
)
def scaled(Q, K, W_q, W_k, v):
    q, k = _pairs(Q, K, W_q, W_k)
    return torch.tanh(q + k) @ v / math.sqrt(len(v))


@mistake(
    "Your tanh comes last, around the product with v. It belongs inside, on the sum of query and key entry by entry; "
    "v then makes one number of its entries.",
    of="scores",
    hint=3,
)
def tanh_outside(Q, K, W_q, W_k, v):
    q, k = _pairs(Q, K, W_q, W_k)
    return torch.tanh((q + k) @ v)


@mistake(
    "The tanh is missing. Without it the query adds the same number to every score of its row, softmax does not "
    "notice, and all queries get the same weights.",
    of="scores",
    hint=1,
)
def no_tanh(Q, K, W_q, W_k, v):
    q, k = _pairs(Q, K, W_q, W_k)
    return (q + k) @ v


@mistake(
    "You squash query and key each for itself and add afterwards: the query then adds the same number to every score "
    "of its row, which softmax does not notice. Add first, then tanh.",
    of="scores",
    hint=1,
)
def squashed_apart(Q, K, W_q, W_k, v):
    q, k = _pairs(Q, K, W_q, W_k)
    return (torch.tanh(q) + torch.tanh(k)) @ v


@mistake(
    "You multiply query and key entry by entry where they are to be added: additive attention takes tanh(q W_q + k "
    "W_k).",
    of="scores",
    hint=3,
)
def multiplied(Q, K, W_q, W_k, v):
    q, k = _pairs(Q, K, W_q, W_k)
    return torch.tanh(q * k) @ v


@mistake(
    "That is a dot product of the two projections, the attention of the transformer. Here they are added, squashed by "
    "tanh and weighed with v.",
    of="scores",
    hint=1,
)
def dot_product(Q, K, W_q, W_k, v):
    return (Q @ W_q) @ (K @ W_k).mT


@mistake(
    "v is not used: the d_a entries are summed up as they are. v says how much each of them counts, and with which "
    "sign.",
    of="scores",
    hint=3,
)
def v_ignored(Q, K, W_q, W_k, v):
    q, k = _pairs(Q, K, W_q, W_k)
    return torch.tanh(q + k).sum(-1)


@mistake(
    "v is multiplied in before the tanh. It weighs what comes out of the tanh.",
    of="scores",
    hint=3,
)
def v_inside(Q, K, W_q, W_k, v):
    q, k = _pairs(Q, K, W_q, W_k)
    return torch.tanh((q + k) * v).sum(-1)


@mistake(
    "The products with v are averaged over d_a, not summed: your scores are too small by the factor d_a.",
    of="scores",
    hint=3,
)
def averaged_over_d_a(Q, K, W_q, W_k, v):
    q, k = _pairs(Q, K, W_q, W_k)
    return (torch.tanh(q + k) * v).mean(-1)


@mistake(
    "W_q and W_k are exchanged: the queries go through W_q, the keys through W_k.",
    of="scores",
    hint=3,
)
def weights_exchanged(Q, K, W_q, W_k, v):
    q, k = _pairs(Q, K, W_k, W_q)
    return torch.tanh(q + k) @ v


@mistake(
    "The weights are used transposed, as torch.nn.Linear keeps them. Here they multiply from the right as they are: Q "
    "@ W_q.",
    of="scores",
    hint=2,
)
def weights_transposed(Q, K, W_q, W_k, v):
    q, k = _pairs(Q, K, W_q.T, W_k.T)
    return torch.tanh(q + k) @ v


@mistake(
    "The table of scores is transposed: it has a row for each key. A row belongs to a query, and there are n_q of "
    "them.",
    of="scores",
    hint=2,
)
def table_transposed(Q, K, W_q, W_k, v):
    q, k = _pairs(Q, K, W_q, W_k)
    return (torch.tanh(q + k) @ v).mT


@mistake(
    "Queries and keys are added row to row, the first to the first: every query has to meet every key. Give each of "
    "the two an axis of size one where the other has its rows.",
    of="scores",
    hint=2,
)
def row_to_row(Q, K, W_q, W_k, v):
    return torch.tanh(Q @ W_q + K @ W_k) @ v


@mistake(
    "You average the keys: your weights are right, but they are multiplied with K. What is read are the values, V; in "
    "the paper both are the same vectors, here they are not.",
    of="additive",
    hint=4,
)
def keys_averaged(Q, K, V, W_q, W_k, v, mask=None):
    A = _weights(scores(Q, K, W_q, W_k, v), mask)
    return A @ K, A


@mistake(
    "You average the keys wherever they are as wide as the values. Keys are only compared with; what is averaged is V, "
    "whatever the widths.",
    of="additive",
    hint=4,
)
def keys_of_equal_width_averaged(Q, K, V, W_q, W_k, v, mask=None):
    A = _weights(scores(Q, K, W_q, W_k, v), mask)
    return A @ (K if K.shape[-1] == V.shape[-1] else V), A


@mistake(
    "Your result is right, but its gradients are NaN where a query may look at no key: minus infinities are added to "
    "the scores, and the NaN that softmax makes of such a row is mended only after it. Backwards it is still there: "
    "replace the hidden scores instead of adding to them.",
    of="additive",
    hint=4,
)
def nan_gradient(Q, K, V, W_q, W_k, v, mask=None):
    e = scores(Q, K, W_q, W_k, v)
    if mask is not None:
        e = e + torch.zeros(mask.shape, dtype=e.dtype).masked_fill(~mask, -math.inf)
    A = torch.softmax(e, dim=-1).nan_to_num(0.0)
    return A @ V, A


@mistake(
    "You put an axis into every mask that has fewer axes than the scores, as if it were always (batch, n_k). It may be "
    "(n_q, n_k) as well, the same for the whole batch: leave it as it is, and it broadcasts from the right.",
    of="additive",
    hint=2,
)
def mask_given_an_axis(Q, K, V, W_q, W_k, v, mask=None):
    e = scores(Q, K, W_q, W_k, v)
    if mask is not None and mask.dim() < e.dim():
        mask = mask.unsqueeze(-2)
    A = _weights(e, mask)
    return A @ V, A


@mistake(
    "Your weights do not sum to one: each is a sigmoid of its own score, whatever the others are. The keys of a query "
    "compete for its attention: that is a softmax over them.",
    of="additive",
    hint=3,
)
def sigmoid_weights(Q, K, V, W_q, W_k, v, mask=None):
    A = torch.sigmoid(scores(Q, K, W_q, W_k, v))
    A = A if mask is None else A.masked_fill(~mask, 0.0)
    return A @ V, A


@mistake(
    "The weights that you return are cut off from autograd (detach, .data or no_grad), while the result is not. A loss "
    "may be put on the weights, too: return those that you averaged with, as they are.",
    of="additive",
    hint=4,
)
def returned_detached(Q, K, V, W_q, W_k, v, mask=None):
    A = _weights(scores(Q, K, W_q, W_k, v), mask)
    return A @ V, A.detach()


@mistake(
    "There is a ReLU in your hidden layer where tanh belongs: your scores have no bound, and half of what a unit could "
    "say is cut off.",
    of="scores",
    hint=3,
)
def relu_for_tanh(Q, K, W_q, W_k, v):
    q, k = _pairs(Q, K, W_q, W_k)
    return torch.relu(q + k) @ v


@mistake(
    "There is a sigmoid in your hidden layer where tanh belongs. tanh lies between -1 and 1, a sigmoid between 0 and "
    "1, and is flatter.",
    of="scores",
    hint=3,
)
def sigmoid_for_tanh(Q, K, W_q, W_k, v):
    q, k = _pairs(Q, K, W_q, W_k)
    return torch.sigmoid(q + k) @ v
