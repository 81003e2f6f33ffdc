"""Bottleneck adapters and (IA)³: the solution, known mistakes, other right solutions."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grader.marks import alternative, mistake


class Adapter(nn.Module):
    """Houlsby et al. (2019), section 2.1."""

    def __init__(self, d_model: int, d_bottleneck: int) -> None:
        super().__init__()
        self.W_down = nn.Parameter(torch.randn(d_bottleneck, d_model) / math.sqrt(d_model))
        self.b_down = nn.Parameter(torch.zeros(d_bottleneck))
        self.W_up = nn.Parameter(torch.zeros(d_model, d_bottleneck))  # nothing is added at the start
        self.b_up = nn.Parameter(torch.zeros(d_model))

    def forward(self, h: Tensor) -> Tensor:
        z = F.linear(h, self.W_down, self.b_down)
        return h + F.linear(F.gelu(z), self.W_up, self.b_up)


class IA3Linear(nn.Module):
    """Liu et al. (2022), section 3.3."""

    def __init__(self, base: nn.Linear, on_input: bool = False) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.on_input = on_input
        size = base.in_features if on_input else base.out_features
        self.scale = nn.Parameter(base.weight.new_ones(size))

    def forward(self, x: Tensor) -> Tensor:
        if self.on_input:
            return self.base(self.scale * x)
        return self.scale * self.base(x)

    def merged(self) -> tuple[Tensor, Tensor | None]:
        W, b, scale = self.base.weight, self.base.bias, self.scale.detach()
        if self.on_input:
            return W * scale, None if b is None else b.clone()
        return scale[:, None] * W, None if b is None else scale * b


def mixed_tasks(y: Tensor, L: Tensor, task: Tensor) -> Tensor:
    return y * L[task][:, None]


# Mistakes: the adapter.


class _Adapter(Adapter):
    """In parts that a mistake can exchange."""

    def act(self, z):
        return F.gelu(z)

    def down(self, h):
        return F.linear(h, self.W_down, self.b_down)

    def up(self, z):
        return F.linear(z, self.W_up, self.b_up)

    def forward(self, h):
        return h + self.up(self.act(self.down(h)))


@mistake("The way around is missing: h itself is added to what the bottleneck computes.", of="Adapter", hint=1)
class no_skip(_Adapter):
    def forward(self, h):
        return self.up(self.act(self.down(h)))


@mistake("There is no nonlinearity between down and up, so that they are one matrix, as in LoRA.", of="Adapter", hint=3)
class no_activation(_Adapter):
    def act(self, z):
        return z


@mistake("Your nonlinearity is ReLU. It is GELU here.", of="Adapter", hint=3)
class with_relu(_Adapter):
    def act(self, z):
        return F.relu(z)


@mistake("You use the approximation of GELU by tanh. The exact one is asked for: z · Φ(z).", of="Adapter", hint=3)
class gelu_by_tanh(_Adapter):
    def act(self, z):
        return F.gelu(z, approximate="tanh")


@mistake("You use z · σ(1.702 z) or z · σ(z). GELU is z · Φ(z), with the normal distribution.", of="Adapter", hint=3)
class with_silu(_Adapter):
    def act(self, z):
        return F.silu(z)


@mistake("Your nonlinearity comes after the way up. It stands in the bottleneck, between down and up.", of="Adapter",
         hint=3)  # fmt: skip
class activation_at_the_end(_Adapter):
    def forward(self, h):
        return h + self.act(self.up(self.down(h)))


@mistake("You apply the nonlinearity to h, before the way down. It stands between down and up.", of="Adapter", hint=3)
class activation_first(_Adapter):
    def forward(self, h):
        return h + self.up(self.down(self.act(h)))


@mistake("Your nonlinearity covers the sum, h included. h passes by unchanged.", of="Adapter", hint=3)
class activation_over_the_sum(_Adapter):
    def forward(self, h):
        return self.act(h + self.up(self.down(h)))


@mistake("You do not add b_down.", of="Adapter", hint=3)
class no_b_down(_Adapter):
    def down(self, h):
        return F.linear(h, self.W_down)


@mistake("You do not add b_up.", of="Adapter", hint=3)
class no_b_up(_Adapter):
    def up(self, z):
        return F.linear(z, self.W_up)


@mistake("You add the adapter's result to h in place. The h that was given has to stay as it is.", of="Adapter", hint=4)
class adapter_in_place(_Adapter):
    def forward(self, h):
        out = self.up(self.act(self.down(h)))
        with torch.no_grad():
            given = h.clone()
            h += out
        return given + out


@mistake(
    "W_up starts random, so that a new adapter changes the model it is put into. With zeros it starts as nothing.",
    of="Adapter",
    hint=1,
)
class up_random(Adapter):
    def __init__(self, d_model, d_bottleneck):
        super().__init__(d_model, d_bottleneck)
        nn.init.normal_(self.W_up)


@mistake(
    "W_down starts without differences: its rows are equal, or zeros. Then all units of the bottleneck learn the same, "
    "or nothing at all.",
    of="Adapter",
    hint=1,
)
class down_zero(Adapter):
    def __init__(self, d_model, d_bottleneck):
        super().__init__(d_model, d_bottleneck)
        nn.init.zeros_(self.W_down)


# Mistakes: (IA)³.


@mistake("You scale the output always. With `on_input` the numbers multiply x, before the layer.", of="IA3Linear",
         hint=2)  # fmt: skip
class always_output(IA3Linear):
    def __init__(self, base, on_input=False):
        super().__init__(base, False)


@mistake("You scale the input in both cases. Without `on_input` the numbers multiply what the layer computes.",
         of="IA3Linear", hint=2)  # fmt: skip
class always_input(IA3Linear):
    def __init__(self, base, on_input=False):
        super().__init__(base, True)


@mistake("Your two cases are exchanged: with `on_input` the numbers multiply x, without it the output.", of="IA3Linear",
         hint=2)  # fmt: skip
class cases_exchanged(IA3Linear):
    def __init__(self, base, on_input=False):
        super().__init__(base, not on_input)


@mistake(
    "On the output you leave the bias out of the scaling: l multiplies W x + b as a whole.", of="IA3Linear", hint=3
)
class bias_not_scaled(IA3Linear):
    def forward(self, x):
        if self.on_input:
            return super().forward(x)
        y = self.scale * F.linear(x, self.base.weight)
        return y if self.base.bias is None else y + self.base.bias


@mistake("Your scale starts at zero, so that a new layer computes zeros. Multiplying by ones changes nothing.",
         of="IA3Linear", hint=1)  # fmt: skip
class scale_zero(IA3Linear):
    def __init__(self, base, on_input=False):
        super().__init__(base, on_input)
        nn.init.zeros_(self.scale)


@mistake("You multiply by 1 + scale and start at zero. Here `scale` is the factor itself, and starts at one.",
         of="IA3Linear", hint=1)  # fmt: skip
class one_plus_scale(scale_zero):
    def forward(self, x):
        one = 1.0 + self.scale
        return self.base(one * x) if self.on_input else one * self.base(x)

    def merged(self):
        W, b, one = self.base.weight, self.base.bias, 1.0 + self.scale.detach()
        if self.on_input:
            return W * one, None if b is None else b.clone()
        return one[:, None] * W, None if b is None else one * b


@mistake("You add the scale. It multiplies.", of="IA3Linear", hint=1)
class added(IA3Linear):
    def forward(self, x):
        return self.base(self.scale + x) if self.on_input else self.scale + self.base(x)


@mistake("The base is trained as well: neither its weight nor its bias may require a gradient.", of="IA3Linear", hint=1)
class base_trained(IA3Linear):
    def __init__(self, base, on_input=False):
        super().__init__(base, on_input)
        base.requires_grad_(True)


@mistake("The base's bias is still trained. Freeze it with the weight.", of="IA3Linear", hint=1)
class bias_trained(IA3Linear):
    def __init__(self, base, on_input=False):
        super().__init__(base, on_input)
        if base.bias is not None:
            base.bias.requires_grad_(True)


@mistake("Your scale is float32 whatever the base is. It has the dtype of `base.weight`.", of="IA3Linear", hint=4)
class scale_in_float32(IA3Linear):
    def __init__(self, base, on_input=False):
        super().__init__(base, on_input)
        self.scale = nn.Parameter(torch.ones(self.scale.shape))


@mistake("Your scale is one number. There is one for every output, or for every input.", of="IA3Linear", hint=2)
class one_number(IA3Linear):
    def __init__(self, base, on_input=False):
        super().__init__(base, on_input)
        self.scale = nn.Parameter(base.weight.new_ones(1))


@mistake("No gradient reaches x: the base runs without autograd. It is frozen, yet layers below it learn through it.",
         of="IA3Linear", hint=4)  # fmt: skip
class x_cut_off(IA3Linear):
    def forward(self, x):
        return super().forward(x.detach())


@mistake(
    "`merged` scales the wrong axis of the weight: its rows make the outputs, its columns meet the inputs.",
    of="IA3Linear.merged",
    hint=2,
)
def merged_wrong_axis(self):
    W, b, scale = self.base.weight, self.base.bias, self.scale.detach()
    if self.on_input:
        return scale[:, None] * W, None if b is None else b.clone()
    return W * scale, None if b is None else scale * b


@mistake("`merged` leaves the bias as it is on the output: there l multiplies it too.", of="IA3Linear.merged", hint=3)
def merged_bias_unscaled(self):
    W, b, scale = self.base.weight, self.base.bias, self.scale.detach()
    return W * scale if self.on_input else scale[:, None] * W, None if b is None else b.clone()


@mistake("`merged` scales the bias on the input as well, or tries to: there l never meets it.", of="IA3Linear.merged",
         hint=3)  # fmt: skip
def merged_bias_scaled_on_input(self):
    W, b, scale = self.base.weight, self.base.bias, self.scale.detach()
    return W * scale if self.on_input else scale[:, None] * W, None if b is None else scale * b


@mistake("`merged` returns the base's own weight and bias, without the scale.", of="IA3Linear.merged", hint=1)
def merged_is_the_base(self):
    return self.base.weight.clone(), None if self.base.bias is None else self.base.bias.clone()


@mistake("What `merged` returns requires a gradient. It is to be stored in a plain layer: detach it.",
         of="IA3Linear.merged", hint=4)  # fmt: skip
def merged_tied(self):
    W, b, scale = self.base.weight, self.base.bias, self.scale
    if self.on_input:
        return W * scale, None if b is None else b.clone()
    return scale[:, None] * W, None if b is None else scale * b


@mistake("`merged` changes the base itself, so that the next forward scales twice. It only returns tensors.",
         of="IA3Linear.merged", hint=4)  # fmt: skip
def merged_in_place(self):
    W, b, scale = self.base.weight, self.base.bias, self.scale.detach()
    with torch.no_grad():
        W.mul_(scale if self.on_input else scale[:, None])
        if b is not None and not self.on_input:
            b.mul_(scale)
    return W.detach().clone(), None if b is None else b.detach().clone()


@mistake("On the input `merged` hands out the base's own bias: whoever changes it changes the base. Copy it.",
         of="IA3Linear.merged", hint=4)  # fmt: skip
def merged_shares_the_bias(self):
    W, b, scale = self.base.weight, self.base.bias, self.scale.detach()
    if self.on_input:
        return W * scale, None if b is None else b.detach()
    return scale[:, None] * W, None if b is None else scale * b


# Mistakes: many tasks.


@mistake("You lay the rows of L along the tokens. They belong to the sequences: one row for all tokens of a sequence.",
         of="mixed_tasks", hint=2)  # fmt: skip
def along_the_tokens(y, L, task):
    return y * L[task]


@mistake("You scale all sequences by the task of the first. Each has its own.", of="mixed_tasks", hint=2)
def first_task_only(y, L, task):
    return y * L[task[0]] if len(task) else y.clone()


@mistake("You take row i of L for sequence i. Its row is that of its task, `task[i]`.", of="mixed_tasks", hint=2)
def row_of_the_sequence(y, L, task):
    return y * L[torch.arange(len(y)) % len(L)][:, None]


@mistake("You average the rows of L over the tasks. Each sequence has one task.", of="mixed_tasks", hint=2)
def tasks_averaged(y, L, task):
    return y * L[task].mean(0) if len(task) else y.clone()


@mistake("You change y in place. Return a new tensor.", of="mixed_tasks", hint=4)
def mixed_in_place(y, L, task):
    result = y * L[task][:, None]
    with torch.no_grad():
        y.copy_(result)
    return result


# Other right solutions.


@alternative("matrix products, and GELU by the error function", of="Adapter")
class by_products(nn.Module):
    def __init__(self, d_model, d_bottleneck):
        super().__init__()
        for name, shape in (("W_down", (d_bottleneck, d_model)), ("b_down", d_bottleneck), ("W_up", (d_model, d_bottleneck)),
                            ("b_up", d_model)):  # fmt: skip
            self.register_parameter(name, nn.Parameter(torch.zeros(shape)))
        nn.init.kaiming_uniform_(self.W_down, a=5**0.5)

    def forward(self, h):
        z = h @ self.W_down.T + self.b_down
        return torch.einsum("...m,dm->...d", z * (1 + torch.erf(z / 2**0.5)) / 2, self.W_up) + self.b_up + h


@alternative("through the merged weight", of="IA3Linear")
class through_the_weight(nn.Module):
    def __init__(self, base, on_input=False):
        super().__init__()
        for p in base.parameters():
            p.requires_grad = False
        self.base, self.axis = base, int(on_input)
        self.scale = nn.Parameter(torch.ones(base.weight.shape[self.axis], dtype=base.weight.dtype))

    def parts(self):
        W = torch.einsum("oi,i->oi" if self.axis else "oi,o->oi", self.base.weight, self.scale)
        b = self.base.bias
        return W, b if self.axis or b is None else b * self.scale

    def forward(self, x):
        W, b = self.parts()
        return x @ W.T if b is None else x @ W.T + b

    def merged(self):
        W, b = self.parts()
        return W.data, b if b is None else b.data.clone()


@alternative("task by task", of="mixed_tasks")
def task_by_task(y, L, task):
    result = torch.zeros_like(y)
    for t, row in enumerate(L):
        result = torch.where((task == t)[:, None, None], y * row, result)
    return result


@alternative("one-hot and einsum", of="mixed_tasks")
def by_one_hot(y, L, task):
    return torch.einsum("bnd,bt,td->bnd", y, F.one_hot(task, len(L)).to(y.dtype), L)
