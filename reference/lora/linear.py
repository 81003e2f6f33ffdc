"""A linear layer with LoRA: the solution, known mistakes, other right solutions."""

import copy
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grader.marks import alternative, mistake


class LoRALinear(nn.Module):
    """Hu et al. (2021), section 4.1: h = W₀ x + (α / r) · B A x; W₀ frozen, A random, B zero."""

    def __init__(self, base: nn.Linear, r: int, alpha: float, dropout: float = 0.0) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        W0 = base.weight
        self.lora_A = nn.Parameter(W0.new_empty(r, base.in_features))
        self.lora_B = nn.Parameter(W0.new_zeros(base.out_features, r))
        nn.init.kaiming_normal_(self.lora_A)
        self.scaling = alpha / r
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        down = F.linear(self.dropout(x), self.lora_A)  # A x: (..., r)
        up = F.linear(down, self.lora_B)  # B A x: (..., out_features)
        return self.base(x) + self.scaling * up


# Mistakes: the scaling.


@mistake(
    "Your LoRA path is not scaled: B A x is added as it is. It has to be multiplied by α / r, or every "
    "change of the rank changes the size of the correction, and the learning rate with it.",
    of="LoRALinear",
    hint=3,
)
class unscaled(LoRALinear):
    def __init__(self, base, r, alpha, dropout=0.0):
        super().__init__(base, r, alpha, dropout)
        self.scaling = 1.0


@mistake(
    "Your LoRA path is scaled by r / α, the fraction upside down. It is α / r: the larger the rank, the "
    "smaller the weight of each of its directions.",
    of="LoRALinear",
    hint=3,
)
class scaling_inverted(LoRALinear):
    def __init__(self, base, r, alpha, dropout=0.0):
        super().__init__(base, r, alpha, dropout)
        self.scaling = r / alpha


@mistake(
    "Your LoRA path is scaled by α alone. It is α / r: without the division the correction grows with "
    "the rank.",
    of="LoRALinear",
    hint=3,
)
class scaling_without_rank(LoRALinear):
    def __init__(self, base, r, alpha, dropout=0.0):
        super().__init__(base, r, alpha, dropout)
        self.scaling = alpha


@mistake(
    "Your LoRA path is scaled by α / √r. That is rank-stabilised LoRA, a later variant; the paper of "
    "this exercise divides α by r itself.",
    of="LoRALinear",
    hint=3,
)
class scaling_by_root(LoRALinear):
    def __init__(self, base, r, alpha, dropout=0.0):
        super().__init__(base, r, alpha, dropout)
        self.scaling = alpha / math.sqrt(r)


@mistake(
    "You scale the base's output too: (α / r) multiplies the whole sum. Only the correction B A x is "
    "scaled; the pre-trained output is added as it is.",
    of="LoRALinear",
    hint=3,
)
class scales_the_sum(LoRALinear):
    def forward(self, x):
        return self.scaling * (self.base(x) + F.linear(F.linear(self.dropout(x), self.lora_A), self.lora_B))


# Mistakes: the base.


@mistake(
    "You return the LoRA path alone. The result is the base's output plus the correction; without the "
    "base the pre-trained knowledge is gone.",
    of="LoRALinear",
    hint=1,
)
class base_left_out(LoRALinear):
    def forward(self, x):
        return self.scaling * F.linear(F.linear(self.dropout(x), self.lora_A), self.lora_B)


@mistake(
    "The base's bias is lost: you multiply by `base.weight` but never add `base.bias`. Calling `base` "
    "itself does both.",
    of="LoRALinear",
    hint=3,
)
class bias_left_out(LoRALinear):
    def forward(self, x):
        path = F.linear(F.linear(self.dropout(x), self.lora_A), self.lora_B)
        return F.linear(x, self.base.weight) + self.scaling * path


@mistake(
    "The base's bias is added twice: calling `base` adds it already.",
    of="LoRALinear",
    hint=3,
)
class bias_twice(LoRALinear):
    def forward(self, x):
        h = super().forward(x)
        return h if self.base.bias is None else h + self.base.bias


@mistake(
    "The base is still trained: its weight or bias has `requires_grad=True`. In LoRA the pre-trained "
    "weights are frozen; only lora_A and lora_B learn.",
    of="LoRALinear",
    hint=1,
)
class base_trainable(LoRALinear):
    def __init__(self, base, r, alpha, dropout=0.0):
        super().__init__(base, r, alpha, dropout)
        self.base.requires_grad_(True)


@mistake(
    "You freeze the base's weight and forget its bias, which would still be trained. Both are "
    "pre-trained; only lora_A and lora_B learn.",
    of="LoRALinear",
    hint=1,
)
class bias_trainable(LoRALinear):
    def __init__(self, base, r, alpha, dropout=0.0):
        super().__init__(base, r, alpha, dropout)
        if self.base.bias is not None:
            self.base.bias.requires_grad_(True)


@mistake(
    "You cut the gradient through the base (`torch.no_grad()` or `.detach()` on its output). Freezing "
    "means that its weights get no gradient; x still needs the gradient that flows through it, W₀ᵀ times"
    " the output's, or the layers below learn from a part of the truth.",
    of="LoRALinear",
    hint=1,
)
class base_without_grad(LoRALinear):
    def forward(self, x):
        path = F.linear(F.linear(self.dropout(x), self.lora_A), self.lora_B)
        return self.base(x).detach() + self.scaling * path


@mistake(
    "You keep a copy of the base (a deepcopy, or a new layer with its weights). `base` has to be the "
    "very layer that was given: a copy costs the memory that LoRA saves, and does not follow when the "
    "model's weights are loaded.",
    of="LoRALinear",
    hint=2,
)
class base_copied(LoRALinear):
    def __init__(self, base, r, alpha, dropout=0.0):
        super().__init__(copy.deepcopy(base), r, alpha, dropout)


# Mistakes: the factors.


class _Shaped(nn.Module):
    """A LoRA layer with factors of another form."""

    def __init__(self, base, A, B, scaling, dropout):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.lora_A, self.lora_B = A, B
        self.scaling, self.dropout = scaling, nn.Dropout(dropout)


@mistake(
    "LoRA factors swapped: your lora_A is (out_features, r) and your lora_B (r, in_features), so that "
    "you compute A B x. In the paper A comes first on x: lora_A is (r, in_features), takes x down to r "
    "numbers and starts random; lora_B is (out_features, r), takes them up again and starts at zero. The"
    " correction is B A x.",
    of="LoRALinear",
    hint=2,
)
class factors_swapped(_Shaped):
    def __init__(self, base, r, alpha, dropout=0.0):
        W0 = base.weight
        A = nn.Parameter(W0.new_zeros(base.out_features, r))
        B = nn.Parameter(W0.new_empty(r, base.in_features))
        nn.init.kaiming_uniform_(B)
        super().__init__(base, A, B, alpha / r, dropout)

    def forward(self, x):
        return self.base(x) + self.scaling * F.linear(F.linear(self.dropout(x), self.lora_B), self.lora_A)


@mistake(
    "Your LoRA factors are stored transposed: lora_A is (in_features, r) and lora_B (r, out_features), "
    "as in x A B. Here rows are outputs, as in the paper and in nn.Linear: lora_A is (r, in_features), "
    "lora_B is (out_features, r), and the correction is B A x.",
    of="LoRALinear",
    hint=2,
)
class factors_transposed(_Shaped):
    def __init__(self, base, r, alpha, dropout=0.0):
        W0 = base.weight
        A = nn.Parameter(W0.new_empty(base.in_features, r))
        B = nn.Parameter(W0.new_zeros(r, base.out_features))
        nn.init.kaiming_uniform_(A)
        super().__init__(base, A, B, alpha / r, dropout)

    def forward(self, x):
        return self.base(x) + self.scaling * self.dropout(x) @ self.lora_A @ self.lora_B


@mistake(
    "Your lora_A and lora_B are nn.Linear modules. They compute the same, but this exercise wants the "
    "matrices themselves as two parameters of your module, `lora_A` (r, in_features) and `lora_B` "
    "(out_features, r), so that others can find and load them by these names.",
    of="LoRALinear",
    hint=2,
)
class factors_as_modules(_Shaped):
    def __init__(self, base, r, alpha, dropout=0.0):
        W0 = base.weight
        A = nn.Linear(base.in_features, r, bias=False, dtype=W0.dtype)
        B = nn.Linear(r, base.out_features, bias=False, dtype=W0.dtype)
        nn.init.zeros_(B.weight)
        super().__init__(base, A, B, alpha / r, dropout)

    def forward(self, x):
        return self.base(x) + self.scaling * self.lora_B(self.lora_A(self.dropout(x)))


@mistake(
    "Your lora_A and lora_B are plain tensors. Only an `nn.Parameter` is found by the optimiser, by "
    "`state_dict` and by `module.to(...)`: these factors would never be trained or saved.",
    of="LoRALinear",
    hint=2,
)
class factors_not_parameters(_Shaped):
    def __init__(self, base, r, alpha, dropout=0.0):
        W0 = base.weight
        A, B = W0.new_empty(r, base.in_features), W0.new_zeros(base.out_features, r)
        nn.init.kaiming_uniform_(A)
        super().__init__(base, A.requires_grad_(), B.requires_grad_(), alpha / r, dropout)

    def forward(self, x):
        return self.base(x) + self.scaling * F.linear(F.linear(self.dropout(x), self.lora_A), self.lora_B)


@mistake(
    "Your factors are float32 whatever the base is. They need the dtype of `base.weight`, or a float64 "
    "or bfloat16 layer cannot be adapted.",
    of="LoRALinear",
    hint=2,
)
class factors_in_float32(LoRALinear):
    def __init__(self, base, r, alpha, dropout=0.0):
        super().__init__(base, r, alpha, dropout)
        self.lora_A = nn.Parameter(self.lora_A.detach().float())
        self.lora_B = nn.Parameter(self.lora_B.detach().float())


@mistake(
    "Both factors start at zero. Then the gradient of each, which is multiplied by the other, is zero as"
    " well: nothing is ever learnt. A starts random, B at zero.",
    of="LoRALinear",
    hint=1,
)
class both_zero(LoRALinear):
    def __init__(self, base, r, alpha, dropout=0.0):
        super().__init__(base, r, alpha, dropout)
        nn.init.zeros_(self.lora_A)


@mistake(
    "Both factors start random. Then B A is noise, and the adapted model starts somewhere else than the "
    "pre-trained one. B has to start at zero.",
    of="LoRALinear",
    hint=1,
)
class both_random(LoRALinear):
    def __init__(self, base, r, alpha, dropout=0.0):
        super().__init__(base, r, alpha, dropout)
        nn.init.kaiming_uniform_(self.lora_B)


@mistake(
    "LoRA factors swapped at the start: your A is zero and your B random. The product is zero either "
    "way, but the paper, and everyone who loads or continues such a layer, starts with A random and B "
    "zero.",
    of="LoRALinear",
    hint=1,
)
class starts_swapped(LoRALinear):
    def __init__(self, base, r, alpha, dropout=0.0):
        super().__init__(base, r, alpha, dropout)
        nn.init.zeros_(self.lora_A)
        nn.init.kaiming_uniform_(self.lora_B)


@mistake(
    "A starts as a constant (all ones, or one number everywhere). Its rows then do the same thing and "
    "get the same gradient for ever: whatever r is, you train a correction of rank 1. A starts random.",
    of="LoRALinear",
    hint=1,
)
class starts_constant(LoRALinear):
    def __init__(self, base, r, alpha, dropout=0.0):
        super().__init__(base, r, alpha, dropout)
        nn.init.ones_(self.lora_A)


@mistake(
    "Your A is drawn from a fixed seed, yours or PyTorch's: every layer starts with the same A, whatever the "
    "caller has seeded. Seeding is the caller's business.",
    of="LoRALinear",
    hint=1,
)
class seeds_itself(LoRALinear):
    def __init__(self, base, r, alpha, dropout=0.0):
        torch.manual_seed(0)
        super().__init__(base, r, alpha, dropout)


@mistake(
    "Your LoRA path is cut off from autograd (`.data`, `.detach()` or `torch.no_grad()` on lora_A and "
    "lora_B). They are what is trained: gradients have to reach them.",
    of="LoRALinear",
    hint=4,
)
class factors_detached(LoRALinear):
    def forward(self, x):
        path = F.linear(F.linear(self.dropout(x), self.lora_A.detach()), self.lora_B.detach())
        return self.base(x) + self.scaling * path


# Mistakes: dropout.


@mistake(
    "Your dropout is on the base's input too. The pre-trained path has to stay as it was: base(x), and "
    "dropout(x) for the LoRA path only.",
    of="LoRALinear",
    hint=4,
)
class dropout_on_base(LoRALinear):
    def forward(self, x):
        x = self.dropout(x)
        return self.base(x) + self.scaling * F.linear(F.linear(x, self.lora_A), self.lora_B)


@mistake(
    "Your dropout is on the result, so that the base's output is dropped as well. It belongs on the LoRA"
    " path only, before A.",
    of="LoRALinear",
    hint=4,
)
class dropout_on_result(LoRALinear):
    def forward(self, x):
        path = F.linear(F.linear(x, self.lora_A), self.lora_B)
        return self.dropout(self.base(x) + self.scaling * path)


@mistake(
    "Your dropout is between A and B: it drops the r numbers of A x. It belongs before A, on the entries"
    " of x.",
    of="LoRALinear",
    hint=4,
)
class dropout_between(LoRALinear):
    def forward(self, x):
        path = F.linear(self.dropout(F.linear(x, self.lora_A)), self.lora_B)
        return self.base(x) + self.scaling * path


@mistake(
    "Your dropout is at the end of the LoRA path: it drops entries of B A x. It belongs before A, on the"
    " entries of x.",
    of="LoRALinear",
    hint=4,
)
class dropout_after(LoRALinear):
    def forward(self, x):
        path = F.linear(F.linear(x, self.lora_A), self.lora_B)
        return self.base(x) + self.scaling * self.dropout(path)


@mistake(
    "Your dropout drops in evaluation mode as well (`F.dropout` does unless it is told "
    "`training=self.training`). After `eval()` nothing is random any more.",
    of="LoRALinear",
    hint=4,
)
class dropout_in_evaluation(LoRALinear):
    def forward(self, x):
        path = F.linear(F.linear(F.dropout(x, self.dropout.p), self.lora_A), self.lora_B)
        return self.base(x) + self.scaling * path


@mistake(
    "You take no notice of `dropout`: in training mode nothing is dropped. Entries of x are dropped "
    "before A with that probability.",
    of="LoRALinear",
    hint=4,
)
class dropout_ignored(LoRALinear):
    def forward(self, x):
        return self.base(x) + self.scaling * F.linear(F.linear(x, self.lora_A), self.lora_B)


def _own_dropout(x, keep, divide_by):
    return x * (torch.rand_like(x) < keep) / divide_by


@mistake(
    "Your dropout leaves the kept entries as they are. They have to be divided by 1 - dropout, so that "
    "the mean of the LoRA path is the same in training and in evaluation.",
    of="LoRALinear",
    hint=4,
)
class dropout_not_rescaled(LoRALinear):
    def forward(self, x):
        p = self.dropout.p
        dropped = _own_dropout(x, 1 - p, 1.0) if self.training else x
        return self.base(x) + self.scaling * F.linear(F.linear(dropped, self.lora_A), self.lora_B)


@mistake(
    "You take `dropout` for the probability of keeping an entry. It is the probability of dropping one.",
    of="LoRALinear",
    hint=4,
)
class dropout_keeps(LoRALinear):
    def forward(self, x):
        p = self.dropout.p
        dropped = _own_dropout(x, p, p) if self.training and p else x
        return self.base(x) + self.scaling * F.linear(F.linear(dropped, self.lora_A), self.lora_B)


# Other right solutions.


@alternative("einsum, a Gaussian start for A, and dropout written out", of="LoRALinear")
class with_einsum(nn.Module):
    def __init__(self, base, r, alpha, dropout=0.0):
        super().__init__()
        for parameter in base.parameters():
            parameter.requires_grad = False
        self.base, self.r, self.alpha, self.p = base, r, alpha, dropout
        self.lora_B = nn.Parameter(torch.zeros(base.weight.shape[0], r, dtype=base.weight.dtype))
        self.lora_A = nn.Parameter(torch.randn(r, base.weight.shape[1], dtype=base.weight.dtype) / r)

    def forward(self, x):
        seen = _own_dropout(x, 1 - self.p, 1 - self.p) if self.training and self.p > 0 else x
        correction = torch.einsum("or,ri,...i->...o", self.lora_B, self.lora_A, seen)
        return self.base(x) + correction * self.alpha / self.r


@alternative("ΔW = (α / r) B A formed first, as a weight of its own", of="LoRALinear")
class with_delta_weight(LoRALinear):
    def forward(self, x):
        delta = self.scaling * self.lora_B @ self.lora_A
        if self.training and self.dropout.p:
            return self.base(x) + F.linear(F.dropout(x, self.dropout.p), delta)
        return self.base(x) + F.linear(x, delta)


@alternative("a loop over the r directions: the sum of r outer products on x", of="LoRALinear")
class with_loop(LoRALinear):
    def forward(self, x):
        h, seen = self.base(x), self.dropout(x)
        for a, b in zip(self.lora_A, self.lora_B.T, strict=True):
            h = h + (self.scaling * (seen * a).sum(-1, keepdim=True)) * b
        return h


@alternative("float64 inside, rounded once at the end", of="LoRALinear")
class in_float64(LoRALinear):
    def forward(self, x):
        W, A, B = (t.double() for t in (self.base.weight, self.lora_A, self.lora_B))
        h = x.double() @ W.T + self.scaling * (self.dropout(x).double() @ A.T) @ B.T
        if self.base.bias is not None:
            h = h + self.base.bias.double()
        return h.to(x.dtype)
