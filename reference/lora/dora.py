"""DoRA: the solution, known mistakes, other right solutions."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grader.marks import alternative, mistake


class DoRALinear(nn.Module):
    """Liu et al. (2024), section 4: W' = m · V / ‖V‖ row by row, V = W₀ + (α / r) · B A, and ‖V‖ a constant."""

    def __init__(self, base: nn.Linear, r: int, alpha: float) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        W0 = base.weight
        self.lora_A = nn.Parameter(torch.randn(r, base.in_features, dtype=W0.dtype))
        self.lora_B = nn.Parameter(W0.new_zeros(base.out_features, r))
        self.magnitude = nn.Parameter(W0.norm(dim=1))
        self.scaling = alpha / r

    def weight(self) -> Tensor:
        V = self.base.weight + self.scaling * self.lora_B @ self.lora_A
        n = V.detach().norm(dim=1)  # section 4.3: no gradient through the length
        n = n.where(n > 0, 1.0)  # a row of zeros stays one
        return (self.magnitude / n)[:, None] * V

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight(), self.base.bias)

    def merged(self) -> Tensor:
        return self.weight().detach()


class _General(DoRALinear):
    """The same in parts that a mistake can exchange."""

    def V(self):
        return self.base.weight + self.scaling * self.lora_B @ self.lora_A

    def length(self, V):
        n = V.detach().norm(dim=1, keepdim=True)
        return n.where(n > 0, 1.0)

    def weight(self):
        V = self.V()
        return self.magnitude[:, None] * V / self.length(V)


# Mistakes: the length.


@mistake(
    "Your norms run along the wrong axis: you have one length per input, a column of `base.weight`. There is one per "
    "output: the length of a row, as PyTorch stores the weight.",
    of="DoRALinear",
    hint=2,
)
class norm_of_columns(DoRALinear):
    def __init__(self, base, r, alpha):
        super().__init__(base, r, alpha)
        self.magnitude = nn.Parameter(base.weight.norm(dim=0))

    def weight(self):
        V = self.base.weight + self.scaling * self.lora_B @ self.lora_A
        return self.magnitude * V / V.detach().norm(dim=0)


@mistake(
    "You take one length for the whole matrix. Every output has its own: one norm per row of W₀ and of V.",
    of="DoRALinear",
    hint=2,
)
class norm_of_the_matrix(_General):
    def __init__(self, base, r, alpha):
        super().__init__(base, r, alpha)
        self.magnitude = nn.Parameter(base.weight.norm())

    def weight(self):
        V = self.V()
        return self.magnitude * V / V.detach().norm()


@mistake(
    "A gradient flows through your norm. In DoRA the length ‖V‖ follows V, but is a constant for the gradient: "
    "detach it (section 4.3). The outputs are right, the gradients of A and B are not.",
    of="DoRALinear",
    hint=3,
)
class norm_not_detached(_General):
    def length(self, V):
        zero = (V == 0).all(1, keepdim=True)
        return V.masked_fill(zero, 1.0).norm(dim=1, keepdim=True).masked_fill(zero, 1.0)


@mistake(
    "You detach the whole direction V / ‖V‖, so that A and B never learn. Only the norm in the denominator is a "
    "constant.",
    of="DoRALinear",
    hint=3,
)
class direction_detached(_General):
    def weight(self):
        V = self.V()
        return self.magnitude[:, None] * (V / self.length(V)).detach()


@mistake(
    "You divide by the lengths of W₀'s rows. The length has to be that of V = W₀ + s · B A as it is now: otherwise B A "
    "makes rows longer as in LoRA.",
    of="DoRALinear",
    hint=3,
)
class norm_of_the_base(_General):
    def length(self, V):
        return super().length(self.base.weight)


@mistake(
    "You multiply by the magnitude without dividing by ‖V‖. V is not of length one: its rows would come out m times "
    "as long as they are.",
    of="DoRALinear",
    hint=3,
)
class not_divided(_General):
    def length(self, V):
        return 1.0


@mistake(
    "You divide by the square of the length: the root of the sum of squares is missing.",
    of="DoRALinear",
    hint=3,
)
class norm_squared(_General):
    def __init__(self, base, r, alpha):
        super().__init__(base, r, alpha)
        self.magnitude = nn.Parameter(base.weight.square().sum(1))

    def length(self, V):
        return super().length(V).square()


@mistake(
    "Your lengths are sums of absolute values. The length of a row is the root of its sum of squares.",
    of="DoRALinear",
    hint=3,
)
class norm_l1(_General):
    def __init__(self, base, r, alpha):
        super().__init__(base, r, alpha)
        self.magnitude = nn.Parameter(base.weight.abs().sum(1))

    def length(self, V):
        n = V.detach().abs().sum(1, keepdim=True)
        return n.where(n > 0, 1.0)


@mistake(
    "You normalise W₀ alone and add s · B A afterwards, as it is. The correction belongs into V, before the rows get "
    "their lengths.",
    of="DoRALinear",
    hint=3,
)
class correction_not_normalised(_General):
    def weight(self):
        W0 = self.base.weight
        return self.magnitude[:, None] * W0 / self.length(W0) + self.scaling * self.lora_B @ self.lora_A


@mistake(
    "You divide by a length of zero where a row of V is all zeros, and get NaN. Such a row stays zeros.",
    of="DoRALinear",
    hint=4,
)
class nan_at_zero(_General):
    def length(self, V):
        return V.detach().norm(dim=1, keepdim=True)


@mistake(
    "You add a small number to every length, against division by zero: no row gets its length exactly, and a short "
    "one loses most of it. Divide by the length alone, and deal with a row of zeros apart.",
    of="DoRALinear",
    hint=4,
)
class epsilon_added(_General):
    def length(self, V):
        return V.detach().norm(dim=1, keepdim=True) + 1e-6


# Mistakes: the magnitude.


@mistake(
    "Your magnitude starts at one, so that the layer does not start as the base: the rows of W₀ lose their lengths. "
    "m starts as the lengths of W₀'s rows.",
    of="DoRALinear",
    hint=1,
)
class magnitude_of_ones(DoRALinear):
    def __init__(self, base, r, alpha):
        super().__init__(base, r, alpha)
        self.magnitude = nn.Parameter(torch.ones_like(self.magnitude))


@mistake(
    "Your magnitude is not trained: it is a buffer or a plain tensor. It has to be an `nn.Parameter`, or DoRA cannot "
    "learn how long a row should be.",
    of="DoRALinear",
    hint=2,
)
class magnitude_a_buffer(DoRALinear):
    def __init__(self, base, r, alpha):
        super().__init__(base, r, alpha)
        m = self.magnitude.detach()
        del self.magnitude
        self.register_buffer("magnitude", m)


@mistake(
    "Your magnitude is a parameter that is not trained (`requires_grad=False`). The lengths are learnt like A and B.",
    of="DoRALinear",
    hint=2,
)
class magnitude_frozen(DoRALinear):
    def __init__(self, base, r, alpha):
        super().__init__(base, r, alpha)
        self.magnitude.requires_grad_(False)


@mistake(
    "Your magnitude has the shape (out_features, 1). This exercise keeps it with one axis, (out_features,): the axis "
    "is added where it multiplies V.",
    of="DoRALinear",
    hint=2,
)
class magnitude_as_column(DoRALinear):
    def __init__(self, base, r, alpha):
        super().__init__(base, r, alpha)
        self.magnitude = nn.Parameter(base.weight.norm(dim=1, keepdim=True))

    def weight(self):
        V = self.base.weight + self.scaling * self.lora_B @ self.lora_A
        n = V.detach().norm(dim=1, keepdim=True)
        return self.magnitude * V / n.where(n > 0, 1.0)


@mistake(
    "You leave the magnitude out: the rows are normalised, and have length one whatever m is.",
    of="DoRALinear",
    hint=3,
)
class magnitude_left_out(_General):
    def weight(self):
        V = self.V()
        return V / self.length(V) + 0.0 * self.magnitude[:, None]


# Mistakes: the rest.


@mistake(
    "The bias gets the factor m / ‖V‖ too. Only W x is given its length; b is added as it is. (Who scales what "
    "`base(x)` gives scales its bias.)",
    of="DoRALinear",
    hint=3,
)
class bias_scaled(_General):
    def forward(self, x):
        V, b = self.V(), self.base.bias
        return (self.magnitude[:, None] / self.length(V))[:, 0] * F.linear(x, V, b)


@mistake(
    "The base's bias is lost: W' x is returned without b.",
    of="DoRALinear",
    hint=3,
)
class bias_left_out(DoRALinear):
    def forward(self, x):
        return F.linear(x, self.weight())


@mistake(
    "Your B A is not scaled. V is W₀ + (α / r) · B A.",
    of="DoRALinear",
    hint=3,
)
class unscaled(DoRALinear):
    def __init__(self, base, r, alpha):
        super().__init__(base, r, alpha)
        self.scaling = 1.0


@mistake(
    "Your scaling is r / α, the fraction upside down. It is α / r.",
    of="DoRALinear",
    hint=3,
)
class scaling_inverted(DoRALinear):
    def __init__(self, base, r, alpha):
        super().__init__(base, r, alpha)
        self.scaling = r / alpha


@mistake(
    "Your scaling is α alone. It is α / r.",
    of="DoRALinear",
    hint=3,
)
class scaling_without_rank(DoRALinear):
    def __init__(self, base, r, alpha):
        super().__init__(base, r, alpha)
        self.scaling = alpha


@mistake(
    "Your layer is plain LoRA: W₀ x + b + s · B A x. Nothing normalises V, and the magnitude is not used.",
    of="DoRALinear",
    hint=1,
)
class plain_lora(_General):
    def weight(self):
        return self.V() + 0.0 * self.magnitude[:, None]


@mistake(
    "The base is still trained: its weight has `requires_grad=True`. Only lora_A, lora_B and magnitude learn.",
    of="DoRALinear",
    hint=1,
)
class base_trainable(DoRALinear):
    def __init__(self, base, r, alpha):
        super().__init__(base, r, alpha)
        self.base.requires_grad_(True)


@mistake(
    "You freeze the base's weight and forget its bias, which would still be trained.",
    of="DoRALinear",
    hint=1,
)
class bias_trainable(DoRALinear):
    def __init__(self, base, r, alpha):
        super().__init__(base, r, alpha)
        if base.bias is not None:
            base.bias.requires_grad_(True)


@mistake(
    "`merged` returns V, whose rows do not have the lengths m. It returns the weight that forward uses, m · V / ‖V‖.",
    of="DoRALinear",
    hint=4,
)
class merged_without_magnitude(_General):
    def merged(self):
        return self.V().detach()


@mistake(
    "`merged` returns a weight that is tied to autograd. It is to be stored in a plain layer: detach it.",
    of="DoRALinear",
    hint=4,
)
class merged_attached(DoRALinear):
    def merged(self):
        return self.weight()


@mistake(
    "`merged` writes into the base. It only returns the weight: after it, forward would count B A twice.",
    of="DoRALinear",
    hint=4,
)
class merged_into_the_base(DoRALinear):
    def merged(self):
        with torch.no_grad():
            return self.base.weight.copy_(self.weight()).clone()


@mistake(
    "The sign of the magnitude is lost: you use |m|. m is a trained number and is used as it is.",
    of="DoRALinear",
    hint=3,
)
class magnitude_made_positive(DoRALinear):
    def weight(self):
        V = self.base.weight + self.scaling * self.lora_B @ self.lora_A
        n = V.detach().norm(dim=1)
        return (self.magnitude.abs() / n.where(n > 0, 1.0))[:, None] * V


@mistake(
    "Your lora_B starts random, so that the layer does not start as the base. B starts at zero, A random.",
    of="DoRALinear",
    hint=1,
)
class b_not_zero(DoRALinear):
    def __init__(self, base, r, alpha):
        super().__init__(base, r, alpha)
        nn.init.ones_(self.lora_B)


# Other right solutions.


@alternative("two paths as in LoRA, the factor m / n on their sum, the bias last", of="DoRALinear")
class two_paths(nn.Module):
    def __init__(self, base, r, alpha):
        super().__init__()
        for parameter in base.parameters():
            parameter.requires_grad = False
        self.base, self.r, self.alpha = base, r, alpha
        dtype = base.weight.dtype
        self.lora_A = nn.Parameter(nn.init.kaiming_uniform_(torch.empty(r, base.in_features, dtype=dtype), a=5**0.5))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, r, dtype=dtype))
        self.magnitude = nn.Parameter(base.weight.detach().square().sum(1).sqrt())

    def factor(self):
        with torch.no_grad():
            V = self.base.weight + self.lora_B @ self.lora_A * self.alpha / self.r
            n = V.square().sum(-1).sqrt()
            inverse = torch.where(n == 0, torch.zeros_like(n), 1 / n)
        return self.magnitude * inverse

    def forward(self, x):
        path = F.linear(F.linear(x, self.lora_A), self.lora_B) * self.alpha / self.r
        h = (F.linear(x, self.base.weight) + path) * self.factor()
        return h if self.base.bias is None else h + self.base.bias

    @torch.no_grad()
    def merged(self):
        return torch.diag(self.factor()) @ (self.base.weight + self.lora_B @ self.lora_A * self.alpha / self.r)


@alternative("row by row, in float64", of="DoRALinear")
class by_rows(DoRALinear):
    def weight(self):
        rows = []
        for i in range(self.base.out_features):
            row = self.base.weight[i].double() + self.scaling * (self.lora_B[i].double() @ self.lora_A.double())
            length = float(row.detach().norm()) or 1.0
            rows.append(self.magnitude[i].double() * row / length)
        return torch.stack(rows).to(self.base.weight.dtype)


@alternative("the gradients written by hand in an autograd function", of="DoRALinear")
class own_backward(DoRALinear):
    class Lengthen(torch.autograd.Function):
        @staticmethod
        def forward(ctx, m, V):
            n = torch.linalg.vector_norm(V, dim=1)
            n = torch.where(n == 0, torch.ones_like(n), n)
            ctx.save_for_backward(m, V, n)
            return (m / n).unsqueeze(1) * V

        @staticmethod
        def backward(ctx, G):
            m, V, n = ctx.saved_tensors
            return (G * V).sum(1) / n, (m / n).unsqueeze(1) * G

    def weight(self):
        V = torch.addmm(self.base.weight, self.lora_B, self.lora_A, alpha=self.scaling)
        return self.Lengthen.apply(self.magnitude, V)
