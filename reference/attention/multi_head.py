"""Multi-head attention: Vaswani et al., "Attention Is All You Need" (2017), section 3.2.2."""

import math

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.nn.init import xavier_normal_

from grader.marks import alternative, mistake


class MHA(torch.nn.Module):
    """Attention in `n_heads` heads, each on its own slice of `d_model / n_heads` columns."""

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        if d_model % n_heads:
            raise ValueError(f"{n_heads} heads cannot share a width of {d_model} evenly")
        self.n_heads = n_heads
        # Glorot and Bengio (2010): rows of x with entries of variance one keep it on the way through.
        weights = (Parameter(xavier_normal_(torch.empty(d_model, d_model))) for _ in range(4))
        self.W_q, self.W_k, self.W_v, self.W_o = weights

    def forward(self, x_q: Tensor, x_kv: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Let each token of `x_q` read the tokens of `x_kv`, where `mask` is True."""
        x_kv = x_q if x_kv is None else x_kv
        Q = self.split(x_q @ self.W_q)
        K = self.split(x_kv @ self.W_k)
        V = self.split(x_kv @ self.W_v)
        heads = self.attend(Q, K, V, mask)
        return self.merge(heads) @ self.W_o

    def split(self, x: Tensor) -> Tensor:
        """(batch, n, d_model) to (batch, n_heads, n, d_head): the heads become a leading axis, to be attended one by one."""
        return x.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)

    def merge(self, heads: Tensor) -> Tensor:
        """The way back: (batch, n_heads, n, d_head) to (batch, n, d_model), the heads side by side."""
        return heads.transpose(1, 2).flatten(-2)

    def attend(self, Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None) -> Tensor:
        """Section 3.2.1: softmax(Q Kᵀ / √d_head) V."""
        S = Q @ K.transpose(-2, -1) / math.sqrt(Q.shape[-1])
        if mask is None:
            return torch.softmax(S, dim=-1) @ V
        return torch.softmax(S.masked_fill(~mask, -math.inf), dim=-1).masked_fill(~mask, 0.0) @ V


# Other right ways.


@alternative("a loop over the heads; no head axis at all", of="MHA")
class Loop(torch.nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        self.d_head, left = divmod(d_model, n_heads)
        if left:
            raise ValueError("n_heads must divide d_model")
        self.n_heads = n_heads
        for name in ("W_q", "W_k", "W_v", "W_o"):
            setattr(self, name, Parameter(torch.eye(d_model)))

    def forward(self, x_q, x_kv=None, mask=None):
        if x_kv is None:
            x_kv = x_q
        if mask is not None:
            mask = mask.expand(x_q.shape[0], self.n_heads, x_q.shape[1], x_kv.shape[1])
        result = 0
        for h in range(self.n_heads):
            own = slice(h * self.d_head, (h + 1) * self.d_head)
            q, k, v = x_q @ self.W_q[:, own], x_kv @ self.W_k[:, own], x_kv @ self.W_v[:, own]
            scores = torch.bmm(q, k.transpose(1, 2)) / self.d_head**0.5
            if mask is not None:
                scores = scores.masked_fill(~mask[:, h], float("-inf"))
            weights = torch.nan_to_num(scores.softmax(-1))
            # [head_0 | head_1 | ...] W_o is the sum of every head through its own rows of W_o.
            result = result + torch.bmm(weights, v) @ self.W_o[own]
        return result


@alternative("einsum with weights of shape (d_model, n_heads, d_head)", of="MHA")
class Einsum(MHA):
    def forward(self, x_q, x_kv=None, mask=None):
        x_kv = x_q if x_kv is None else x_kv
        per_head = [W.view(W.shape[0], self.n_heads, -1) for W in (self.W_q, self.W_k, self.W_v)]
        Q, K, V = (torch.einsum("bnm,mhd->bhnd", x, W) for x, W in zip((x_q, x_kv, x_kv), per_head, strict=True))
        S = torch.einsum("bhqd,bhkd->bhqk", Q, K) * Q.shape[-1] ** -0.5
        if mask is not None:
            S = torch.where(mask, S, -torch.inf)
        A = S.softmax(-1)
        A = A if mask is None else torch.where(mask, A, 0.0)
        W_o = self.W_o.view(self.n_heads, -1, self.W_o.shape[1])
        return torch.einsum("bhqk,bhkd,hdm->bqm", A, V, W_o)


@alternative("torch's own scaled_dot_product_attention on the heads", of="MHA")
class Fused(MHA):
    def attend(self, Q, K, V, mask):
        return torch.nn.functional.scaled_dot_product_attention(Q, K, V, attn_mask=mask)


@alternative("heads folded into the batch, float64 inside", of="MHA")
class Folded(MHA):
    def forward(self, x_q, x_kv=None, mask=None):
        x_kv = x_q if x_kv is None else x_kv
        (b, n, d), m, h = x_q.shape, x_kv.shape[1], self.n_heads
        q, k, v = (
            (x.double() @ W.double()).reshape(b, size, h, d // h).permute(0, 2, 1, 3).reshape(b * h, size, d // h)
            for x, W, size in ((x_q, self.W_q, n), (x_kv, self.W_k, m), (x_kv, self.W_v, m))
        )
        scores = torch.baddbmm(torch.zeros(1, 1, 1, dtype=torch.float64), q, k.mT, alpha=(d // h) ** -0.5)
        if mask is not None:
            hidden = ~mask.expand(b, h, n, m).reshape(b * h, n, m)
            scores = scores.masked_fill(hidden, -torch.inf)
        weights = scores.softmax(-1)
        if mask is not None:
            weights = weights.masked_fill(hidden, 0.0)
        heads = (weights @ v).unflatten(0, (b, h)).permute(0, 2, 1, 3).reshape(b, n, d)
        return (heads @ self.W_o.double()).to(x_q.dtype)


# Known mistakes. First those that only late checks tell apart: the judge tries them in this order, for a limited time.


@mistake(
    "The mask's meaning is inverted: here True means that the query may look at the key, and your code hides the keys where the "
    "mask is True.",
    of="MHA",
    hint=4,
)
class InvertedMask(MHA):
    def attend(self, Q, K, V, mask):
        return super().attend(Q, K, V, None if mask is None else ~mask)


@mistake(
    "Hidden scores are set to a large negative number. A query that may look at no key in a head then averages all the hidden "
    "ones: that head must give zeros.",
    of="MHA",
    hint=4,
)
class FillFinite(MHA):
    def attend(self, Q, K, V, mask):
        S = Q @ K.transpose(-2, -1) / math.sqrt(Q.shape[-1])
        return torch.softmax(S if mask is None else S.masked_fill(~mask, -1e9), dim=-1) @ V


@mistake(
    "A query that may look at no key comes out as NaN: softmax of a row of minus infinities is 0/0. Such a head gives zeros.",
    of="MHA",
    hint=4,
)
class NaNRow(MHA):
    def attend(self, Q, K, V, mask):
        S = Q @ K.transpose(-2, -1) / math.sqrt(Q.shape[-1])
        return torch.softmax(S if mask is None else S.masked_fill(~mask, -math.inf), dim=-1) @ V


@mistake(
    "The result is right, but where a query may look at no key the gradients are NaN. Softmax gives NaN there; clearing it away "
    "afterwards does not help on the way back, where it meets minus infinities that were added to the scores. Replace the hidden "
    "scores instead of adding to them: then no gradient passes there.",
    of="MHA",
    hint=4,
)
class NaNGradient(MHA):
    def attend(self, Q, K, V, mask):
        S = Q @ K.transpose(-2, -1) / math.sqrt(Q.shape[-1])
        if mask is not None:
            S = S + torch.zeros(mask.shape, dtype=S.dtype).masked_fill(~mask, -math.inf)
        return torch.softmax(S, dim=-1).nan_to_num(0.0) @ V


@mistake(
    "The result is right, but where a query may look at no key the gradients are NaN: the NaN of softmax is replaced after the "
    "product with V, and on the way back 0 times NaN is NaN. Replace it in the weights, before they meet V.",
    of="MHA",
    hint=4,
)
class NaNCleanedLate(MHA):
    def attend(self, Q, K, V, mask):
        S = Q @ K.transpose(-2, -1) / math.sqrt(Q.shape[-1])
        A = torch.softmax(S if mask is None else S.masked_fill(~mask, -math.inf), dim=-1)
        return (A @ V).nan_to_num(0.0)


@mistake(
    "The values come out right, but the parameters are used through .data (or detached, or under no_grad), so no gradient "
    "reaches them and the module cannot learn.",
    of="MHA",
    hint=3,
)
class DetachedWeights(MHA):
    def forward(self, x_q, x_kv=None, mask=None):
        x_kv = x_q if x_kv is None else x_kv
        Q, K, V = (self.split(x @ W.data) for x, W in ((x_q, self.W_q), (x_kv, self.W_k), (x_kv, self.W_v)))
        return self.merge(self.attend(Q, K, V, mask)) @ self.W_o.data


@mistake(
    "A width that the heads cannot share evenly is accepted. Raise ValueError in the constructor: later it would fail far from "
    "its cause.",
    of="MHA",
    hint=3,
)
class AnyWidth(MHA):
    def __init__(self, d_model, n_heads):
        super().__init__(d_model, 1)
        self.n_heads = n_heads


@mistake("The mask is not used: hidden keys still get weight.", of="MHA", hint=4)
class MaskIgnored(MHA):
    def attend(self, Q, K, V, mask):
        return super().attend(Q, K, V, None)


@mistake(
    "The heads are split off with a view alone: (batch, n, d_model) is read as (batch, n_heads, n, d_head) without moving "
    "the axes, so a 'head' holds all the columns of a few tokens, not a few columns of all tokens. Split the last axis "
    "first, then bring the heads' axis forward.",
    of="MHA",
    hint=2,
)
class ViewOnly(MHA):
    def split(self, x):
        b, n, d = x.shape
        return x.reshape(b, self.n_heads, n, d // self.n_heads)

    def merge(self, heads):
        b, h, n, d_head = heads.shape
        return heads.reshape(b, n, h * d_head)


@mistake(
    "The heads are split off with a view alone: (batch, n, d_model) is read as (batch, n_heads, n, d_head) without moving "
    "the axes, so a 'head' holds all the columns of a few tokens. (They are put together with the axes moved, as they should.) "
    "Split the last axis first, then bring the heads' axis forward.",
    of="MHA",
    hint=2,
)
class SplitByView(MHA):
    def split(self, x):
        b, n, d = x.shape
        return x.reshape(b, self.n_heads, n, d // self.n_heads)


@mistake(
    "The heads are split correctly, but put together without moving their axis back: (batch, n_heads, n, d_head) is reshaped "
    "to (batch, n, d_model) as it lies in memory, which mixes tokens and heads.",
    of="MHA",
    hint=2,
)
class MergedAsItLies(MHA):
    def merge(self, heads):
        b, h, n, d_head = heads.shape
        return heads.reshape(b, n, h * d_head)


@mistake(
    "Heads and batch change places: they are folded into one axis with the batch outside, and unfolded as if the heads were "
    "outside. A sequence then gets the answers of another one.",
    of="MHA",
    hint=2,
)
class HeadsMixedWithBatch(MHA):
    def merge(self, heads):
        b, h, n, d_head = heads.shape
        return heads.reshape(h, b, n, d_head).permute(1, 2, 0, 3).reshape(b, n, h * d_head)


@mistake(
    "The heads attend to one another, token by token: the scores are (..., n_heads, n_heads). The last two axes of Q and K must "
    "be tokens and d_head when they are multiplied, with the heads before them.",
    of="MHA",
    hint=2,
)
class OverHeads(MHA):
    def split(self, x):
        return x.unflatten(-1, (self.n_heads, -1))

    def merge(self, heads):
        return heads.flatten(-2)


@mistake(
    "Every head uses the first head's columns, so all heads give the same answer. Each head has columns of its own.",
    of="MHA",
    hint=1,
)
class OneSharedHead(MHA):
    def split(self, x):
        return super().split(x)[:, :1].expand(-1, self.n_heads, -1, -1)


@mistake(
    "n_heads makes no difference: there is one attention over the full width. Each head must do a softmax of its own on its own "
    "slice.",
    of="MHA",
    hint=1,
)
class SingleHead(MHA):
    def split(self, x):
        return x

    def merge(self, heads):
        return heads


@mistake(
    "The columns are dealt out to the heads like cards: head i takes columns i, i + n_heads, i + 2 n_heads, ... Here a head owns "
    "d_head columns that lie side by side.",
    of="MHA",
    hint=2,
)
class DealtOut(MHA):
    def split(self, x):
        return x.unflatten(-1, (-1, self.n_heads)).permute(0, 3, 1, 2)

    def merge(self, heads):
        return heads.permute(0, 2, 3, 1).flatten(-2)


@mistake(
    "The heads' answers are interleaved when they are put together: the first number of every head, then the second of "
    "every head. Each head's d_head numbers stay side by side.",
    of="MHA",
    hint=2,
)
class Interleaved(MHA):
    def merge(self, heads):
        return heads.permute(0, 2, 3, 1).flatten(-2)


@mistake("The last step is missing: the heads, side by side, are still to be mixed by W_o.", of="MHA", hint=3)
class NoOutputMix(MHA):
    def forward(self, x_q, x_kv=None, mask=None):
        x_kv = x_q if x_kv is None else x_kv
        Q, K, V = (self.split(x @ W) for x, W in ((x_q, self.W_q), (x_kv, self.W_k), (x_kv, self.W_v)))
        return self.merge(self.attend(Q, K, V, mask))


@mistake(
    "The scores are divided by √d_model. A head multiplies vectors of width d_head = d_model / n_heads, so √d_head is what "
    "belongs there.",
    of="MHA",
    hint=3,
)
class RootOfModel(MHA):
    def attend(self, Q, K, V, mask):
        return super().attend(Q / math.sqrt(self.n_heads), K, V, mask)


@mistake("The scores of a head are not divided by √d_head.", of="MHA", hint=3)
class Unscaled(MHA):
    def attend(self, Q, K, V, mask):
        return super().attend(Q * math.sqrt(Q.shape[-1]), K, V, mask)


@mistake("The scores are divided by d_head itself, not by its square root.", of="MHA", hint=3)
class DividedByHead(MHA):
    def attend(self, Q, K, V, mask):
        return super().attend(Q / math.sqrt(Q.shape[-1]), K, V, mask)


@mistake(
    "Softmax runs over the queries. Every query shares out its attention among the keys: the last axis of the scores.",
    of="MHA",
    hint=3,
)
class OverQueries(MHA):
    def attend(self, Q, K, V, mask):
        S = Q @ K.transpose(-2, -1) / math.sqrt(Q.shape[-1])
        if mask is None:
            return torch.softmax(S, dim=-2) @ V
        return torch.softmax(S.masked_fill(~mask, -math.inf), dim=-2).masked_fill(~mask, 0.0) @ V


@mistake(
    "Softmax runs over axis 1, which are the heads here. Every query shares out its attention among the keys: the last axis of "
    "the scores, -1.",
    of="MHA",
    hint=3,
)
class OverAxis1(MHA):
    def attend(self, Q, K, V, mask):
        S = Q @ K.transpose(-2, -1) / math.sqrt(Q.shape[-1])
        if mask is None:
            return torch.softmax(S, dim=1) @ V
        return torch.softmax(S.masked_fill(~mask, -math.inf), dim=1).nan_to_num(0.0) @ V


@mistake(
    "The weights are used as torch.nn.Linear keeps them, transposed (x @ W.T). Here a weight multiplies from the right as it is: "
    "x @ W.",
    of="MHA",
    hint=3,
)
class LinearLayout(MHA):
    def forward(self, x_q, x_kv=None, mask=None):
        x_kv = x_q if x_kv is None else x_kv
        Q, K, V = (self.split(x @ W.T) for x, W in ((x_q, self.W_q), (x_kv, self.W_k), (x_kv, self.W_v)))
        return self.merge(self.attend(Q, K, V, mask)) @ self.W_o.T


@mistake("W_o is used transposed: the heads, side by side, are multiplied by W_o itself from the right.", of="MHA", hint=3)
class OutputTransposed(MHA):
    def forward(self, x_q, x_kv=None, mask=None):
        x_kv = x_q if x_kv is None else x_kv
        Q, K, V = (self.split(x @ W) for x, W in ((x_q, self.W_q), (x_kv, self.W_k), (x_kv, self.W_v)))
        return self.merge(self.attend(Q, K, V, mask)) @ self.W_o.T


@mistake(
    "x_kv is never looked at: keys and values always come from x_q. In cross-attention they are made from x_kv.",
    of="MHA",
    hint=1,
)
class SelfOnly(MHA):
    def forward(self, x_q, x_kv=None, mask=None):
        return super().forward(x_q, None, mask)


@mistake(
    "The sides of cross-attention are swapped: queries come from x_kv, keys and values from x_q. The result must have one row "
    "for each token of x_q.",
    of="MHA",
    hint=1,
)
class SidesSwapped(MHA):
    def forward(self, x_q, x_kv=None, mask=None):
        return super().forward(x_q, None, mask) if x_kv is None else super().forward(x_kv, x_q, mask)


@mistake("The values are made from x_q. In cross-attention keys and values both come from x_kv.", of="MHA", hint=1)
class ValuesFromQueries(MHA):
    def forward(self, x_q, x_kv=None, mask=None):
        x_kv = x_q if x_kv is None else x_kv
        Q, K, V = (self.split(x @ W) for x, W in ((x_q, self.W_q), (x_kv, self.W_k), (x_q, self.W_v)))
        return self.merge(self.attend(Q, K, V, mask)) @ self.W_o


@mistake("The keys are made with W_q: W_k is not used.", of="MHA", hint=3)
class QueriesAsKeys(MHA):
    def forward(self, x_q, x_kv=None, mask=None):
        x_kv = x_q if x_kv is None else x_kv
        Q, K, V = (self.split(x @ W) for x, W in ((x_q, self.W_q), (x_kv, self.W_q), (x_kv, self.W_v)))
        return self.merge(self.attend(Q, K, V, mask)) @ self.W_o


@mistake("The values are made with W_k: W_v is not used.", of="MHA", hint=3)
class KeysAsValues(MHA):
    def forward(self, x_q, x_kv=None, mask=None):
        x_kv = x_q if x_kv is None else x_kv
        Q, K, V = (self.split(x @ W) for x, W in ((x_q, self.W_q), (x_kv, self.W_k), (x_kv, self.W_k)))
        return self.merge(self.attend(Q, K, V, mask)) @ self.W_o


@mistake(
    "A width that the heads cannot share evenly is refused by an assert, which python -O leaves out. For an argument's wrong "
    "value raise ValueError.",
    of="MHA",
    hint=3,
)
class AssertedWidth(MHA):
    def __init__(self, d_model, n_heads):
        assert d_model % n_heads == 0
        super().__init__(d_model, n_heads)


@mistake(
    "The four weights are not the module's own parameters under the names W_q, W_k, W_v and W_o. Each is a torch.nn.Parameter "
    "kept on self: no plain tensor (it would not be trained) and no torch.nn.Linear (it keeps its weight under another name "
    "and transposed).",
    of="MHA",
    hint=3,
)
class LinearInside(torch.nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        if d_model % n_heads:
            raise ValueError(n_heads)
        for name in ("W_q", "W_k", "W_v", "W_o"):
            setattr(self, name, torch.nn.Linear(d_model, d_model, bias=False))


@mistake(
    "A mask makes your attention causal: whatever the mask says, each query sees only what came before it. Which keys "
    "may be seen is for the mask alone to say.",
    of="MHA",
    hint=4,
)
class CausalWhenMasked(MHA):
    def attend(self, Q, K, V, mask):
        if mask is not None:
            mask = torch.ones(Q.shape[-2], K.shape[-2], dtype=torch.bool).tril()
        return super().attend(Q, K, V, mask)


@mistake(
    "You lay the heads' answers side by side from the last to the first. Head 0, with the first columns, comes first.",
    of="MHA",
    hint=2,
)
class HeadsReversed(MHA):
    def merge(self, heads):
        return super().merge(heads.flip(1))


@mistake(
    "Batch and heads are folded into one axis, but the mask is folded the other way round: a sequence gets the mask of "
    "another one. Fold the mask as you fold the queries, the batch outside.",
    of="MHA",
    hint=4,
)
class MaskFoldedOtherwise(MHA):
    def attend(self, Q, K, V, mask):
        if mask is not None:
            mask = mask.expand(*Q.shape[:3], K.shape[2]).transpose(0, 1).reshape(*Q.shape[:3], K.shape[2])
        return super().attend(Q, K, V, mask)


@mistake(
    "You use the first head's mask for all heads. A mask of four axes may have one for each head: take them all.",
    of="MHA",
    hint=4,
)
class MaskOfFirstHead(MHA):
    def attend(self, Q, K, V, mask):
        return super().attend(Q, K, V, mask if mask is None or mask.dim() < 4 else mask[:, :1])


@mistake(
    "You put an axis for the heads into every mask with fewer than four axes, as if it were always (batch, n_q, n_k). "
    "A mask of (n_q, n_k) is laid wrongly then: masks broadcast from the right as they are.",
    of="MHA",
    hint=4,
)
class MaskGivenAnAxis(MHA):
    def attend(self, Q, K, V, mask):
        return super().attend(Q, K, V, mask if mask is None or mask.dim() == 4 else mask.unsqueeze(1))


@mistake(
    "One softmax of yours runs over the keys of all heads together, so the weights of a head do not sum to one. Each "
    "head shares out an attention of its own.",
    of="MHA",
    hint=3,
)
class OverKeysOfAllHeads(MHA):
    def attend(self, Q, K, V, mask):
        S = Q @ K.transpose(-2, -1) / math.sqrt(Q.shape[-1])
        S = S if mask is None else S.masked_fill(~mask, -math.inf)
        A = S.transpose(1, 2).flatten(-2).softmax(-1).unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
        return (A if mask is None else A.masked_fill(~mask, 0.0)) @ V
