"""Prefix tuning: the solution, known mistakes, other right solutions."""

import math

import torch
import torch.nn.functional as F
from attention.masking import attend, masked_softmax
from torch import Tensor

from grader.marks import alternative, mistake


def prefix_attention(
    x: Tensor,
    W_q: Tensor,
    W_k: Tensor,
    W_v: Tensor,
    W_o: Tensor,
    n_heads: int,
    P_k: Tensor,
    P_v: Tensor,
    mask: Tensor | None = None,
) -> Tensor:
    """Li and Liang (2021), section 4: attention to [P_k | x W_k], [P_v | x W_v]."""
    V = with_prefix(P_v, x @ W_v, n_heads)
    H = attend(scores(x, W_q, W_k, n_heads, P_k), V, see_prefix(mask, x, P_k))
    return H.transpose(1, 2).flatten(2) @ W_o


def prefix_share(x: Tensor, W_q: Tensor, W_k: Tensor, n_heads: int, P_k: Tensor, mask: Tensor | None = None) -> Tensor:
    """He et al. (2021), section 3.1: λ."""
    A = masked_softmax(scores(x, W_q, W_k, n_heads, P_k), see_prefix(mask, x, P_k))
    return A[..., : len(P_k)].sum(dim=-1)


def scores(x: Tensor, W_q: Tensor, W_k: Tensor, n_heads: int, P_k: Tensor) -> Tensor:
    """(batch, n_heads, n, n_prefix + n)."""
    Q, K = split(x @ W_q, n_heads), with_prefix(P_k, x @ W_k, n_heads)
    return Q @ K.mT / math.sqrt(Q.shape[-1])


def split(X: Tensor, n_heads: int) -> Tensor:
    """(batch, n, d_model) to (batch, n_heads, n, d_head)."""
    return X.unflatten(-1, (n_heads, -1)).transpose(1, 2)


def with_prefix(P: Tensor, X: Tensor, n_heads: int) -> Tensor:
    """The rows of P before those of every sequence in X, in heads."""
    return split(torch.cat([P.expand(len(X), -1, -1), X], dim=1), n_heads)


def see_prefix(mask: Tensor | None, x: Tensor, P: Tensor) -> Tensor | None:
    """The mask (..., n_prefix + n) that hides no part of the prefix."""
    if mask is None:
        return None
    mask = mask.expand(*mask.shape[:-1], x.shape[1])
    return F.pad(mask, (len(P), 0), value=True)


def expand(P: Tensor, W_1: Tensor, b_1: Tensor, W_2: Tensor, b_2: Tensor, n_layers: int) -> Tensor:
    """Li and Liang (2021), section 4.3: the reparametrised prefix."""
    Z = torch.tanh(P @ W_1 + b_1) @ W_2 + b_2
    return Z.unflatten(-1, (n_layers, 2, -1)).permute(1, 2, 0, 3)


# Mistakes: attention.


def _rows(P, x):
    return P.expand(len(x), -1, -1)


def _attention(
    x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask=None, *, divide=split, d=None, weigh=None, hide=see_prefix
):
    """The reference in parts that a mistake can exchange."""
    Q = split(x @ W_q, n_heads)
    K = torch.cat([divide(_rows(P_k, x), n_heads), split(x @ W_k, n_heads)], 2)
    V = torch.cat([divide(_rows(P_v, x), n_heads), split(x @ W_v, n_heads)], 2)
    S, seen = Q @ K.mT / math.sqrt(d or Q.shape[-1]), hide(mask, x, P_k)
    H = weigh(S, V) if weigh else attend(S, V, seen)
    return H.transpose(1, 2).flatten(2) @ W_o


@mistake(
    "Your mask hides the prefix. It speaks of tokens only: every query sees the prefix, whatever is hidden.",
    of="prefix_attention",
    hint=2,
)
def prefix_masked(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask=None):
    def hide(mask, x, P):
        return None if mask is None else F.pad(mask.expand(*mask.shape[:-1], x.shape[1]), (len(P), 0), value=False)

    return _attention(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask, hide=hide)


@mistake(
    "You let the prefix be seen by those queries only that may look at some token. It is seen by every query: one that "
    "sees no token gets the prefix alone, not zeros.",
    of="prefix_attention",
    hint=2,
)
def blind_rows_zero(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask=None):
    def hide(mask, x, P):
        seen = see_prefix(mask, x, P)
        return seen if mask is None else seen & mask.any(-1, keepdim=True)

    return _attention(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask, hide=hide)


@mistake(
    "You take no notice of the mask. It still hides tokens; only the prefix is always seen.",
    of="prefix_attention",
    hint=2,
)
def mask_ignored(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask=None):
    return _attention(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v)


@mistake(
    "Your mask has the columns of the prefix at its end, while the prefix stands before the tokens in the keys: every "
    "column is about another key.",
    of="prefix_attention",
    hint=2,
)
def mask_padded_behind(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask=None):
    def hide(mask, x, P):
        return None if mask is None else F.pad(mask.expand(*mask.shape[:-1], x.shape[1]), (0, len(P)), value=True)

    return _attention(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask, hide=hide)


@mistake(
    "You put the prefix behind the tokens and the mask's columns for it in front: every column is about another key.",
    of="prefix_attention",
    hint=2,
)
def prefix_behind(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask=None):
    S = scores(x, W_q, W_k, n_heads, P_k).roll(-len(P_k), -1)
    V = with_prefix(P_v, x @ W_v, n_heads).roll(-len(P_k), -2)
    return attend(S, V, see_prefix(mask, x, P_k)).transpose(1, 2).flatten(2) @ W_o


@mistake(
    "Your mask is not brought to n columns before those of the prefix are added. Its last axis may be 1: then that one "
    "column stands for all tokens.",
    of="prefix_attention",
    hint=2,
)
def mask_not_expanded(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask=None):
    def hide(mask, x, P):
        return None if mask is None else F.pad(mask, (len(P), 0), value=True)

    return _attention(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask, hide=hide)


@mistake(
    "Your prefix asks, too: the result has a row for each row of the prefix. It gives keys and values only; queries "
    "come from the tokens alone.",
    of="prefix_attention",
    hint=1,
)
def prefix_asks(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask=None):
    Q, K = (split(torch.cat([_rows(P_k, x), x @ W], 1), n_heads) for W in (W_q, W_k))
    seen = see_prefix(mask, x, P_k)
    if seen is not None and seen.ndim > 1:
        seen = F.pad(seen.expand(*seen.shape[:-2], x.shape[1], -1), (0, 0, len(P_k), 0), value=True)
    H = attend(Q @ K.mT / math.sqrt(Q.shape[-1]), with_prefix(P_v, x @ W_v, n_heads), seen)
    return H.transpose(1, 2).flatten(2) @ W_o


@mistake(
    "You put P_k before the tokens and project both. That is prompt tuning, with more tokens; here P_k and P_v are "
    "keys and values themselves.",
    of="prefix_attention",
    hint=1,
)
def prompt_tuning(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask=None):
    return _attention(x, W_q, W_k, W_v, W_o, n_heads, P_k @ W_k, P_k @ W_v, mask)


@mistake(
    "You multiply P_k by W_k and P_v by W_v. They are keys and values already.",
    of="prefix_attention",
    hint=1,
)
def projected(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask=None):
    return _attention(x, W_q, W_k, W_v, W_o, n_heads, P_k @ W_k, P_v @ W_v, mask)


@mistake("Your P_k and P_v are exchanged: P_k stands before the keys, P_v before the values.", of="prefix_attention",
         hint=1)  # fmt: skip
def exchanged(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask=None):
    return _attention(x, W_q, W_k, W_v, W_o, n_heads, P_v, P_k, mask)


@mistake("You use P_k for the values as well. P_v stands before the values.", of="prefix_attention", hint=1)
def keys_as_values(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask=None):
    return _attention(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_k, mask)


@mistake(
    "You attend to the prefix and to the tokens with a softmax each, and add the two. It is one softmax over both: "
    "what the prefix gets, the tokens lose.",
    of="prefix_attention",
    hint=1,
)
def two_softmaxes(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask=None):
    S, V, p = scores(x, W_q, W_k, n_heads, P_k), with_prefix(P_v, x @ W_v, n_heads), len(P_k)
    H = attend(S[..., :p], V[..., :p, :]) + attend(S[..., p:], V[..., p:, :], mask)
    return H.transpose(1, 2).flatten(2) @ W_o


@mistake(
    "You divide only the tokens' scores by √d_head. Those of the prefix are divided too: they meet in one softmax.",
    of="prefix_attention",
    hint=3,
)
def prefix_not_scaled(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask=None):
    return _attention(x, W_q, W_k, W_v, W_o, n_heads, P_k * math.sqrt(x.shape[-1] // n_heads), P_v, mask)


@mistake("Your scores are not divided by √d_head.", of="prefix_attention", hint=3)
def not_scaled(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask=None):
    return _attention(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask, d=1)


@mistake("You divide the scores by √d_model. A head's queries have d_head columns: √d_head.", of="prefix_attention",
         hint=3)  # fmt: skip
def scaled_by_the_width(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask=None):
    return _attention(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask, d=x.shape[-1])


@mistake(
    "You cut the prefix into heads in one reshape, so that rows and heads are mixed. Head i owns the i-th d_head "
    "columns of every row of the prefix.",
    of="prefix_attention",
    hint=2,
)
def heads_by_reshape(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask=None):
    def divide(X, h):
        return X.reshape(len(X), h, X.shape[1], X.shape[2] // h)

    def mixed(P):
        return divide(_rows(P, x), n_heads)

    Q = split(x @ W_q, n_heads)
    K, V = (torch.cat([mixed(P), split(x @ W, n_heads)], 2) for P, W in ((P_k, W_k), (P_v, W_v)))
    H = attend(Q @ K.mT / math.sqrt(Q.shape[-1]), V, see_prefix(mask, x, P_k))
    return H.transpose(1, 2).flatten(2) @ W_o


@mistake("The last matrix is missing: the heads side by side are mixed by W_o.", of="prefix_attention", hint=3)
def no_w_o(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask=None):
    return _attention(x, W_q, W_k, W_v, torch.eye(len(W_o), dtype=x.dtype), n_heads, P_k, P_v, mask)


@mistake(
    "No gradient reaches P_k and P_v: they are cut off from autograd. They are all that is trained.",
    of="prefix_attention",
    hint=3,
)
def prefix_detached(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask=None):
    return _attention(x, W_q, W_k, W_v, W_o, n_heads, P_k.detach(), P_v.detach(), mask)


@mistake("You exponentiate scores as they are: large ones overflow. Use a stable softmax.", of="prefix_attention",
         hint=3)  # fmt: skip
def overflow(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask=None):
    seen = see_prefix(mask, x, P_k)

    def weigh(S, V):
        E = S.exp() if seen is None else S.exp() * seen
        return E @ V / E.sum(-1, keepdim=True)

    return _attention(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask, weigh=weigh)


@mistake(
    "You hide later tokens without being told. The mask says what is hidden; without one nothing is.",
    of="prefix_attention",
    hint=2,
)
def always_causal(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask=None):
    causal = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
    return _attention(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, causal if mask is None else mask & causal)


@mistake(
    "You take the weights of hidden tokens away after the softmax, so that those that are left do not sum to one. Hide "
    "the scores before it.",
    of="prefix_attention",
    hint=3,
)
def masked_after_softmax(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask=None):
    seen = see_prefix(mask, x, P_k)

    def weigh(S, V):
        A = S.softmax(-1)
        return (A if seen is None else A * seen) @ V

    return _attention(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask, weigh=weigh)


# Mistakes: the share.


def _weights(x, W_q, W_k, n_heads, P_k, mask=None, hide=see_prefix):
    return masked_softmax(scores(x, W_q, W_k, n_heads, P_k), hide(mask, x, P_k))


@mistake("You return the part of the tokens, 1 - λ. λ is the part of the prefix.", of="prefix_share", hint=3)
def share_of_the_tokens(x, W_q, W_k, n_heads, P_k, mask=None):
    return _weights(x, W_q, W_k, n_heads, P_k, mask)[..., len(P_k) :].sum(-1)


@mistake("You take the mean of the prefix's weights. λ is their sum.", of="prefix_share", hint=3)
def share_mean(x, W_q, W_k, n_heads, P_k, mask=None):
    return _weights(x, W_q, W_k, n_heads, P_k, mask)[..., : len(P_k)].sum(-1) / max(len(P_k), 1)


@mistake("You average λ over the heads. Each head has its own.", of="prefix_share", hint=2)
def share_over_heads(x, W_q, W_k, n_heads, P_k, mask=None):
    return _weights(x, W_q, W_k, n_heads, P_k, mask)[..., : len(P_k)].sum(-1).mean(1)


@mistake("Your λ takes no notice of the mask: a hidden token has no part in the softmax.", of="prefix_share", hint=2)
def share_without_mask(x, W_q, W_k, n_heads, P_k, mask=None):
    return _weights(x, W_q, W_k, n_heads, P_k)[..., : len(P_k)].sum(-1)


@mistake(
    "Your λ counts how many keys are the prefix's. It is by the weights that the softmax gives them.",
    of="prefix_share",
    hint=1,
)
def share_by_count(x, W_q, W_k, n_heads, P_k, mask=None):
    S = torch.zeros_like(scores(x, W_q, W_k, n_heads, P_k))
    return masked_softmax(S, see_prefix(mask, x, P_k))[..., : len(P_k)].sum(-1)


@mistake("You multiply P_k by W_k in `prefix_share`. Its rows are keys already.", of="prefix_share", hint=1)
def share_projected(x, W_q, W_k, n_heads, P_k, mask=None):
    return _weights(x, W_q, W_k, n_heads, P_k @ W_k, mask)[..., : len(P_k)].sum(-1)


@mistake("The scores of your λ are not divided by √d_head.", of="prefix_share", hint=3)
def share_not_scaled(x, W_q, W_k, n_heads, P_k, mask=None):
    return _weights(x, W_q * math.sqrt(x.shape[-1] // n_heads), W_k, n_heads, P_k, mask)[..., : len(P_k)].sum(-1)


@mistake("You hide the prefix in `prefix_share`. Every query sees it, whatever the mask hides.", of="prefix_share",
         hint=2)  # fmt: skip
def share_masked(x, W_q, W_k, n_heads, P_k, mask=None):
    def hide(mask, x, P):
        return None if mask is None else F.pad(mask.expand(*mask.shape[:-1], x.shape[1]), (len(P), 0), value=False)

    return _weights(x, W_q, W_k, n_heads, P_k, mask, hide)[..., : len(P_k)].sum(-1)


@mistake(
    "In `prefix_share` the mask is not brought to n columns before the prefix is added. Its last axis may be 1.",
    of="prefix_share",
    hint=2,
)
def share_mask_not_expanded(x, W_q, W_k, n_heads, P_k, mask=None):
    def hide(mask, x, P):
        return None if mask is None else F.pad(mask, (len(P), 0), value=True)

    return _weights(x, W_q, W_k, n_heads, P_k, mask, hide)[..., : len(P_k)].sum(-1)


# Mistakes: the reparametrised prefix.


def _mlp(P, W_1, b_1, W_2, b_2):
    return torch.tanh(P @ W_1 + b_1) @ W_2 + b_2


def _sorted(Z, n_layers):
    return Z.unflatten(-1, (n_layers, 2, -1)).permute(1, 2, 0, 3)


@mistake("You take the columns of Z as all keys first, then all values. They go layer by layer: in each its key, then "
         "its value.", of="expand", hint=4)  # fmt: skip
def kind_before_layer(P, W_1, b_1, W_2, b_2, n_layers):
    return _mlp(P, W_1, b_1, W_2, b_2).unflatten(-1, (2, n_layers, -1)).permute(2, 1, 0, 3)


@mistake("In each layer you take the value first. Index 0 is the key, the first d_model numbers.", of="expand", hint=4)
def value_first(P, W_1, b_1, W_2, b_2, n_layers):
    return _sorted(_mlp(P, W_1, b_1, W_2, b_2), n_layers).flip(1)


@mistake(
    "You bring Z to the shape in one reshape, so that rows of the prefix and layers are mixed. First cut the columns, "
    "then move the axes.",
    of="expand",
    hint=2,
)
def expand_by_reshape(P, W_1, b_1, W_2, b_2, n_layers):
    return _mlp(P, W_1, b_1, W_2, b_2).reshape(n_layers, 2, len(P), -1)


@mistake(
    "The numbers of keys and values alternate in your columns. Each of them is d_model neighbouring numbers.",
    of="expand",
    hint=2,
)
def columns_alternate(P, W_1, b_1, W_2, b_2, n_layers):
    return _mlp(P, W_1, b_1, W_2, b_2).unflatten(-1, (n_layers, -1, 2)).permute(1, 3, 0, 2)


@mistake("There is no tanh between your two layers, so that they are one.", of="expand", hint=3)
def no_tanh(P, W_1, b_1, W_2, b_2, n_layers):
    return _sorted((P @ W_1 + b_1) @ W_2 + b_2, n_layers)


@mistake("You use relu between the layers. It is tanh here.", of="expand", hint=3)
def relu(P, W_1, b_1, W_2, b_2, n_layers):
    return _sorted((P @ W_1 + b_1).relu() @ W_2 + b_2, n_layers)


@mistake("You apply tanh to what comes out as well. Keys and values may be of any size: it stands between the layers.",
         of="expand", hint=3)  # fmt: skip
def tanh_at_the_end(P, W_1, b_1, W_2, b_2, n_layers):
    return _sorted(_mlp(P, W_1, b_1, W_2, b_2).tanh(), n_layers)


@mistake("The first bias is missing: tanh(P' W_1 + b_1).", of="expand", hint=3)
def no_first_bias(P, W_1, b_1, W_2, b_2, n_layers):
    return _sorted(_mlp(P, W_1, 0.0, W_2, b_2), n_layers)


@mistake("The second bias is missing: (...) W_2 + b_2.", of="expand", hint=3)
def no_second_bias(P, W_1, b_1, W_2, b_2, n_layers):
    return _sorted(_mlp(P, W_1, b_1, W_2, 0.0), n_layers)


# Other right solutions.


@alternative("one sequence, one head and one query at a time", of="prefix_attention")
def by_loops(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask=None):
    (b, n, d), w = x.shape, x.shape[2] // n_heads
    seen = torch.ones(b, n_heads, n, n, dtype=torch.bool) if mask is None else mask.expand(b, n_heads, n, n)
    out = []
    for s in range(b):
        K, V = torch.cat([P_k, x[s] @ W_k]), torch.cat([P_v, x[s] @ W_v])
        for i in range(n):
            heads = []
            for h in range(n_heads):
                own = slice(h * w, (h + 1) * w)
                left = torch.cat([torch.ones(len(P_k), dtype=torch.bool), seen[s, h, i]])
                weights = (K[left, own] @ (x[s, i] @ W_q[:, own]) / w**0.5).softmax(0)
                heads.append(weights @ V[left, own])
            out.append(torch.cat(heads) @ W_o)
    return torch.stack(out).reshape(b, n, d)


@alternative("two attentions, mixed by λ", of="prefix_attention")
def mixed_by_share(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask=None):
    b, n, d = x.shape
    Q, K, V = ((x @ W).view(b, n, n_heads, -1) for W in (W_q, W_k, W_v))
    pk, pv = (P.reshape(len(P), n_heads, d // n_heads) for P in (P_k, P_v))
    S, T = (
        torch.einsum(rule, Q, key) / math.sqrt(d // n_heads)
        for rule, key in (("bihc,bjhc->bhij", K), ("bihc,phc->bhip", pk))
    )
    S = S if mask is None else S.masked_fill(~mask, -math.inf)
    top = torch.cat([S, T], -1).amax(-1, keepdim=True).detach()
    s, t = (S - top).exp(), (T - top).exp()
    heads = torch.einsum("bhij,bjhc->bihc", s, V) + torch.einsum("bhip,phc->bihc", t, pv)
    return (heads / (s.sum(-1) + t.sum(-1)).mT[..., None]).reshape(b, n, d) @ W_o


@alternative("by the difference of two sums of exponentials", of="prefix_share")
def share_by_logsumexp(x, W_q, W_k, n_heads, P_k, mask=None):
    b, n, d = x.shape
    Q, K = ((x @ W).view(b, n, n_heads, -1).permute(2, 0, 1, 3) for W in (W_q, W_k))
    root = math.sqrt(d // n_heads)
    S, T = (
        Q @ K.mT / root,
        Q @ P_k.reshape(len(P_k), n_heads, -1).permute(1, 2, 0)[:, None] / root if len(P_k) else None,
    )
    if T is None:
        return x.new_zeros(b, n_heads, n)
    S = S.transpose(0, 1)
    S = S if mask is None else S.where(mask, torch.tensor(-torch.inf, dtype=S.dtype))
    return torch.sigmoid(T.transpose(0, 1).logsumexp(-1) - S.logsumexp(-1))


@alternative("cut by chunks, stacked", of="expand")
def by_chunks(P, W_1, b_1, W_2, b_2, n_layers):
    Z = F.linear(torch.tanh(F.linear(P, W_1.T, b_1)), W_2.T, b_2)
    return torch.stack([torch.stack(part.chunk(2, dim=1)) for part in Z.chunk(n_layers, dim=1)])


@mistake(
    "You multiply P_k by W_k, as if its rows were tokens. They are keys already, as those of P_v are values: only x "
    "goes through W_k.",
    of="scores",
    hint=1,
)
def keys_projected(x, W_q, W_k, n_heads, P_k):
    Q, K = split(x @ W_q, n_heads), with_prefix(P_k @ W_k, x @ W_k, n_heads)
    return Q @ K.mT / math.sqrt(Q.shape[-1])
