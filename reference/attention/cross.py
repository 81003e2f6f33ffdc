"""Cross-attention: Vaswani et al., "Attention Is All You Need" (2017), section 3.2.3, "encoder-decoder attention"."""

import math

import torch
from torch import Tensor

from grader.marks import alternative, mistake


def cross(
    x: Tensor,
    memory: Tensor,
    mem_mask: Tensor | None,
    W_q: Tensor,
    W_k: Tensor,
    W_v: Tensor,
    W_o: Tensor,
    n_heads: int,
) -> Tensor:
    """Let each token of `x` read the real tokens of `memory`, in `n_heads` heads."""
    Q = split(x @ W_q, n_heads)
    K = split(memory @ W_k, n_heads)
    V = split(memory @ W_v, n_heads)
    heads = attend(Q, K, V, mem_mask)
    return merge(heads) @ W_o


def split(x: Tensor, n_heads: int) -> Tensor:
    """(batch, n, d_attn) to (batch, n_heads, n, d_head)."""
    return x.reshape(*x.shape[:2], n_heads, x.shape[-1] // n_heads).transpose(1, 2)


def merge(heads: Tensor) -> Tensor:
    """The way back: (batch, n_heads, n, d_head) to (batch, n, d_attn)."""
    return heads.transpose(1, 2).flatten(-2)


def attend(Q: Tensor, K: Tensor, V: Tensor, mem_mask: Tensor | None) -> Tensor:
    """softmax(Q Kᵀ / √d_head) V over the real tokens of the memory."""
    S = Q @ K.transpose(-2, -1) / math.sqrt(Q.shape[-1])
    if mem_mask is None:
        return torch.softmax(S, dim=-1) @ V
    # The keys are the last axis of the scores; heads and queries share the mask of their sequence.
    padding = ~mem_mask[:, None, None, :]
    return torch.softmax(S.masked_fill(padding, -math.inf), dim=-1).masked_fill(padding, 0.0) @ V


# Other right ways.


@alternative("one sequence and one head at a time, with the padding cut out of the memory", of="cross")
def cut_out(x, memory, mem_mask, W_q, W_k, W_v, W_o, n_heads):
    d_head = W_q.shape[1] // n_heads
    results = []
    for b in range(x.shape[0]):
        real = memory[b] if mem_mask is None else memory[b][mem_mask[b]]
        result = x.new_zeros(x.shape[1], W_o.shape[1])
        for h in range(n_heads):
            own = slice(h * d_head, (h + 1) * d_head)
            scores = x[b] @ W_q[:, own] @ (real @ W_k[:, own]).T / d_head**0.5
            result = result + scores.softmax(-1) @ (real @ W_v[:, own]) @ W_o[own]
        results.append(result)
    return torch.stack(results)


@alternative("einsum with weights cut into heads", of="cross")
def einsum(x, memory, mem_mask, W_q, W_k, W_v, W_o, n_heads):
    W_q, W_k, W_v = (W.unflatten(1, (n_heads, -1)) for W in (W_q, W_k, W_v))
    Q = torch.einsum("bnd,dhe->bhne", x, W_q) * W_q.shape[-1] ** -0.5
    S = torch.einsum("bhne,bme->bhnm", Q @ W_k.permute(1, 2, 0), memory)  # the keys are never made
    if mem_mask is not None:
        S = torch.where(mem_mask[:, None, None], S, -torch.inf)
    A = S.softmax(-1)
    if mem_mask is not None:
        A = torch.where(mem_mask[:, None, None], A, 0.0)
    return torch.einsum("bhnm,bmc,che,hed->bnd", A, memory, W_v, W_o.unflatten(0, (n_heads, -1)))


@alternative("torch's own scaled_dot_product_attention on the heads", of="attend")
def fused(Q, K, V, mem_mask):
    mask = None if mem_mask is None else mem_mask[:, None, None, :]
    if mask is None and K.shape[-2] == 0:
        return torch.zeros_like(Q)
    return torch.nn.functional.scaled_dot_product_attention(Q, K, V, attn_mask=mask)


# Known mistakes. What they share:


def _scores(Q: Tensor, K: Tensor) -> Tensor:
    return Q @ K.transpose(-2, -1) / math.sqrt(Q.shape[-1])


def _weights(S: Tensor, real: Tensor | None) -> Tensor:
    """Softmax over the keys where `real`, which broadcasts to the scores, is True."""
    if real is None:
        return torch.softmax(S, dim=-1)
    return torch.softmax(S.masked_fill(~real, -math.inf), dim=-1).masked_fill(~real, 0.0)


def _real(mem_mask: Tensor | None) -> Tensor | None:
    return None if mem_mask is None else mem_mask[:, None, None, :]


def _on_three(q_of: Tensor, k_of: Tensor, v_of: Tensor, mem_mask, W_q, W_k, W_v, W_o, n_heads) -> Tensor:
    """Attention with each of the three projections made of any tensor."""
    Q, K, V = (split(source @ W, n_heads) for source, W in ((q_of, W_q), (k_of, W_k), (v_of, W_v)))
    return merge(attend(Q, K, V, mem_mask)) @ W_o


@mistake(
    "A sequence whose memory is all padding comes out as NaN: softmax of a row of minus infinities is 0/0. With "
    "nothing to look at the result is zeros.",
    of="attend",
    hint=4,
)
def nan_row(Q, K, V, mem_mask):
    S, real = _scores(Q, K), _real(mem_mask)
    return torch.softmax(S if real is None else S.masked_fill(~real, -math.inf), dim=-1) @ V


@mistake(
    "The NaN of a sequence without memory is replaced after the product with the values. The result is right, but "
    "on the way back 0 times NaN is NaN, and the weights' gradients are spoilt for every sequence. Replace it "
    "before.",
    of="attend",
    hint=4,
)
def nan_cleaned_late(Q, K, V, mem_mask):
    S, real = _scores(Q, K), _real(mem_mask)
    A = torch.softmax(S if real is None else S.masked_fill(~real, -math.inf), dim=-1)
    return (A @ V).nan_to_num(0.0)


@mistake(
    "The scores of padding are set to a large negative number. Where a sequence's memory is all padding, the tokens "
    "then average the padding: they must get zeros.",
    of="attend",
    hint=4,
)
def fill_finite(Q, K, V, mem_mask):
    S, real = _scores(Q, K), _real(mem_mask)
    return torch.softmax(S if real is None else S.masked_fill(~real, -1e9), dim=-1) @ V


@mistake(
    "The scores of padding are set to a number that is not low enough, and their weights to zero afterwards. Where "
    "the real tokens score lower still, padding takes all the weight in the softmax, and nothing is left.",
    of="attend",
    hint=4,
)
def too_high_then_cleared(Q, K, V, mem_mask):
    S, real = _scores(Q, K), _real(mem_mask)
    A = torch.softmax(S if real is None else S.masked_fill(~real, -1e4), dim=-1)
    return (A if real is None else A.masked_fill(~real, 0.0)) @ V


@mistake(
    "The exponentials are taken of the scores as they are: exp(10000) is infinite. Take the largest score of each "
    "row off first, or let torch.softmax do it.",
    of="attend",
    hint=3,
)
def naive_exp(Q, K, V, mem_mask):
    E = _scores(Q, K).exp()
    E = E if mem_mask is None else E.masked_fill(~_real(mem_mask), 0.0)
    total = E.sum(dim=-1, keepdim=True)
    return E / torch.where(total == 0, 1.0, total) @ V


@mistake(
    "A large negative number is added to the scores of padding. Padding that scores higher than that still wins, "
    "and where all is padding nothing is hidden.",
    of="attend",
    hint=4,
)
def penalty_added(Q, K, V, mem_mask):
    S, real = _scores(Q, K), _real(mem_mask)
    return torch.softmax(S if real is None else S + ~real * -1e9, dim=-1) @ V


@mistake(
    "The padding of the memory is overwritten in place. The caller's tensor changes under their hands.",
    of="cross",
    hint=4,
)
def in_place(x, memory, mem_mask, W_q, W_k, W_v, W_o, n_heads):
    if mem_mask is not None:
        memory[~mem_mask] = 0.0
    return _on_three(x, memory, memory, mem_mask, W_q, W_k, W_v, W_o, n_heads)


@mistake(
    "The result is right, but the memory is cut off from autograd (detach or no_grad): the part of the model that "
    "reads would never learn what the other part needs to know.",
    of="cross",
    hint=1,
)
def detached_memory(x, memory, mem_mask, W_q, W_k, W_v, W_o, n_heads):
    memory = memory.detach()
    return _on_three(x, memory, memory, mem_mask, W_q, W_k, W_v, W_o, n_heads)


@mistake(
    "The two sides are swapped: the queries are made from the memory, keys and values from x. The tokens of x ask, "
    "the memory answers.",
    of="cross",
    hint=1,
)
def swapped(x, memory, mem_mask, W_q, W_k, W_v, W_o, n_heads):
    return _on_three(memory, x, x, mem_mask, W_q, W_k, W_v, W_o, n_heads)


@mistake("The memory is not used: keys and values are made from x, which is self-attention.", of="cross", hint=1)
def self_attention(x, memory, mem_mask, W_q, W_k, W_v, W_o, n_heads):
    return _on_three(x, x, x, mem_mask, W_q, W_k, W_v, W_o, n_heads)


@mistake(
    "The values are made from x. Keys and values are two views of the same tokens: both come from the memory.",
    of="cross",
    hint=1,
)
def values_of_x(x, memory, mem_mask, W_q, W_k, W_v, W_o, n_heads):
    return _on_three(x, memory, x, mem_mask, W_q, W_k, W_v, W_o, n_heads)


@mistake("The keys are made from x. Keys and values both come from the memory.", of="cross", hint=1)
def keys_of_x(x, memory, mem_mask, W_q, W_k, W_v, W_o, n_heads):
    return _on_three(x, x, memory, mem_mask, W_q, W_k, W_v, W_o, n_heads)


@mistake("The values are made with W_k: W_v is not used.", of="cross", hint=3)
def values_by_w_k(x, memory, mem_mask, W_q, W_k, W_v, W_o, n_heads):
    return _on_three(x, memory, memory, mem_mask, W_q, W_k, W_k, W_o, n_heads)


@mistake("The heads' answers are returned as they are: the last product, with W_o, is missing.", of="cross", hint=3)
def no_output_mix(x, memory, mem_mask, W_q, W_k, W_v, W_o, n_heads):
    Q, K, V = (split(source @ W, n_heads) for source, W in ((x, W_q), (memory, W_k), (memory, W_v)))
    return merge(attend(Q, K, V, mem_mask))


@mistake(
    "x is added to the result. In a whole layer that sum follows (the residual connection), but it is the caller's: "
    "return what the attention gives.",
    of="cross",
    hint=3,
)
def residual(x, memory, mem_mask, W_q, W_k, W_v, W_o, n_heads):
    return x + _on_three(x, memory, memory, mem_mask, W_q, W_k, W_v, W_o, n_heads)


@mistake("There is one head only: n_heads is not used.", of="cross", hint=2)
def one_head(x, memory, mem_mask, W_q, W_k, W_v, W_o, n_heads):
    return _on_three(x, memory, memory, mem_mask, W_q, W_k, W_v, W_o, 1)


@mistake(
    "Padding is hidden by setting its vectors to zero. Its scores are 0 then, and exp(0) = 1: it still takes weight "
    "from the real tokens. The scores have to be minus infinity.",
    of="cross",
    hint=3,
)
def memory_zeroed(x, memory, mem_mask, W_q, W_k, W_v, W_o, n_heads):
    if mem_mask is not None:
        memory = memory * mem_mask[..., None]
    return _on_three(x, memory, memory, None, W_q, W_k, W_v, W_o, n_heads)


@mistake(
    "The heads are split off with a view alone: (batch, n, d_attn) is read as (batch, n_heads, n, d_head) without "
    "moving the axes, so a 'head' holds all columns of a few tokens. Split the last axis, then bring the heads "
    "forward.",
    of="split",
    hint=2,
)
def split_by_view(x, n_heads):
    return x.reshape(x.shape[0], n_heads, x.shape[1], x.shape[2] // n_heads)


@mistake(
    "The heads own every n_heads-th column. Head i is the i-th block of neighbouring columns.",
    of="split",
    hint=2,
)
def interleaved(x, n_heads):
    return x.reshape(*x.shape[:2], x.shape[-1] // n_heads, n_heads).permute(0, 3, 1, 2)


@mistake(
    "The heads are put together without moving their axis back, which mixes tokens and heads.",
    of="merge",
    hint=2,
)
def merged_as_it_lies(heads):
    return heads.reshape(heads.shape[0], heads.shape[2], heads.shape[1] * heads.shape[3])


@mistake(
    "The mask's meaning is inverted: here True is a real token, and your code hides those and reads the padding.",
    of="attend",
    hint=2,
)
def inverted(Q, K, V, mem_mask):
    return _weights(_scores(Q, K), None if mem_mask is None else ~_real(mem_mask)) @ V


@mistake("The mask is not used: padding still gets weight.", of="attend", hint=3)
def ignored(Q, K, V, mem_mask):
    return _weights(_scores(Q, K), None) @ V


@mistake(
    "The padding mask is transposed: it stands on the axis of the queries and hides whole rows. The padding is "
    "among the keys, the last axis of the scores.",
    of="attend",
    hint=2,
)
def transposed(Q, K, V, mem_mask):
    return _weights(_scores(Q, K), None if mem_mask is None else mem_mask[:, None, :, None]) @ V


@mistake(
    "The mask got one axis too few: (batch, 1, m) is laid against (batch, n_heads, n, m) from the right, so the "
    "batch of the mask meets the heads. Each sequence needs its own mask in all heads.",
    of="attend",
    hint=2,
)
def mask_on_heads(Q, K, V, mem_mask):
    return _weights(_scores(Q, K), None if mem_mask is None else mem_mask[:, None, :]) @ V


@mistake(
    "The mask is used as it comes: (batch, m) is laid against the last two axes (n, m) of the scores, so the "
    "sequences of the mask meet the queries. Each sequence needs its own mask for all queries.",
    of="attend",
    hint=2,
)
def mask_on_queries(Q, K, V, mem_mask):
    return _weights(_scores(Q, K), mem_mask) @ V


@mistake("Every sequence gets the mask of the first one. Each has a padding of its own.", of="attend", hint=2)
def first_mask(Q, K, V, mem_mask):
    return _weights(_scores(Q, K), None if mem_mask is None else _real(mem_mask)[:1]) @ V


@mistake(
    "The mask is applied after the softmax: padding has no weight, but the weights of the real tokens no longer sum "
    "to one.",
    of="attend",
    hint=3,
)
def masked_after(Q, K, V, mem_mask):
    A = torch.softmax(_scores(Q, K), dim=-1)
    return (A if mem_mask is None else A * _real(mem_mask)) @ V


@mistake(
    "The memory is masked causally: token i of x sees only the memory up to i. The memory was read whole before x "
    "is written: nothing of it is in the future.",
    of="attend",
    hint=1,
)
def causal(Q, K, V, mem_mask):
    past = torch.ones(Q.shape[-2], K.shape[-2], dtype=torch.bool).tril()
    return _weights(_scores(Q, K), past if mem_mask is None else past & _real(mem_mask)) @ V


@mistake(
    "Softmax runs over the queries. Each token of x shares out its attention among the memory, the last axis.",
    of="attend",
    hint=2,
)
def over_queries(Q, K, V, mem_mask):
    S, real = _scores(Q, K), _real(mem_mask)
    if real is None:
        return torch.softmax(S, dim=-2) @ V
    return torch.softmax(S.masked_fill(~real, -math.inf), dim=-2).masked_fill(~real, 0.0) @ V


@mistake("The scores are not divided by √d_head.", of="attend", hint=3)
def unscaled(Q, K, V, mem_mask):
    return _weights(Q @ K.transpose(-2, -1), _real(mem_mask)) @ V


@mistake(
    "The scores are divided by the root of the whole width d_attn. What is multiplied in a head has the width d_head.",
    of="attend",
    hint=3,
)
def root_of_d_attn(Q, K, V, mem_mask):
    return _weights(Q @ K.transpose(-2, -1) / math.sqrt(Q.shape[-1] * Q.shape[1]), _real(mem_mask)) @ V


@mistake(
    "You hide the same places in every sequence of the batch: those behind the longest memory. Each sequence has a "
    "padding of its own, and mem_mask says where.",
    of="attend",
    hint=2,
)
def longest_length(Q, K, V, mem_mask):
    if mem_mask is None:
        return _weights(_scores(Q, K), None) @ V
    real = torch.arange(K.shape[-2]) < mem_mask.sum(1).max()
    return _weights(_scores(Q, K), real) @ V


@mistake(
    "You read mem_mask as a length: you count its True entries and take the padding to be at the end. Padding may "
    "stand anywhere, so use the mask place by place.",
    of="attend",
    hint=2,
)
def read_as_length(Q, K, V, mem_mask):
    if mem_mask is None:
        return _weights(_scores(Q, K), None) @ V
    return _weights(_scores(Q, K), _real(torch.arange(K.shape[-2]) < mem_mask.sum(1, keepdim=True))) @ V


@mistake(
    "You divide the scores by the root of the memory's width. What is multiplied are queries and keys of a head, after "
    "the projections: their width d_head counts.",
    of="cross",
    hint=3,
)
def root_of_d_mem(x, memory, mem_mask, W_q, W_k, W_v, W_o, n_heads):
    W_q = W_q * math.sqrt(W_q.shape[1] / n_heads / W_k.shape[0])
    return _on_three(x, memory, memory, mem_mask, W_q, W_k, W_v, W_o, n_heads)


@mistake(
    "Where there is a mask, your softmax runs over all pairs of tokens at once. Each token of x shares out an "
    "attention of its own: every row of the weights sums to one by itself.",
    of="attend",
    hint=3,
)
def over_all_pairs(Q, K, V, mem_mask):
    S, real = _scores(Q, K), _real(mem_mask)
    if real is None:
        return torch.softmax(S, dim=-1) @ V
    A = S.masked_fill(~real, -math.inf).flatten(-2).softmax(-1).unflatten(-1, S.shape[-2:])
    return A.masked_fill(~real, 0.0) * S.shape[-2] @ V
