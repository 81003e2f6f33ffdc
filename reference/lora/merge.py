"""Merging adapters and switching between them: the solution, known mistakes, other right solutions."""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grader.marks import alternative, mistake

Adapter = tuple[Tensor, Tensor, float]


class Conv1D(nn.Module):
    """GPT-2's linear layer, which stores its weight as (in, out) and computes x W + b."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) * 0.02)
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight + self.bias


def side_path(layer: nn.Module, x: Tensor, A: Tensor, B: Tensor) -> Tensor:
    """B A x for the kind of `layer`, unscaled, shaped like layer(x)."""
    match layer:
        case nn.Embedding():
            return F.embedding(x, A.T) @ B.T
        case nn.Conv2d(stride=stride, padding=padding, dilation=dilation):
            return F.conv2d(F.conv2d(x, A, None, stride, padding, dilation), B)
    return F.linear(F.linear(x, A), B)


class MergeableLoRA(nn.Module):
    """Hu et al. (2021), section 4.1, "No Additional Inference Latency": store W₀ + (α / r) · B A."""

    def __init__(self, layer: nn.Module, adapters: dict[str, Adapter], fan_in_fan_out: bool = False) -> None:
        super().__init__()
        self.layer, self.adapters, self.fan_in_fan_out = layer, adapters, fan_in_fan_out
        self.active: str | None = None
        self.merged = False

    def scaling(self, name: str) -> float:
        A, _, alpha = self.adapters[name]
        return alpha / A.shape[0]

    def delta(self, name: str) -> Tensor:
        A, B, _ = self.adapters[name]
        # A kernel is a long row: with rows for outputs, all four layers are one matrix product.
        BA = B.flatten(1) @ A.flatten(1)
        if self.fan_in_fan_out or isinstance(self.layer, nn.Embedding):
            BA = BA.T
        return (self.scaling(name) * BA).reshape(self.layer.weight.shape)

    def forward(self, x: Tensor) -> Tensor:
        h = self.layer(x)
        if self.active is None or self.merged:
            return h
        A, B, _ = self.adapters[self.active]
        return h + self.scaling(self.active) * side_path(self.layer, x, A, B)

    def merge(self) -> None:
        if self.merged:
            raise RuntimeError(f"{self.active} is merged already")
        if self.active is None:
            raise RuntimeError("no adapter is active")
        with torch.no_grad():
            self._before = self.layer.weight.clone()
            self.layer.weight += self.delta(self.active)
        self.merged = True

    def unmerge(self) -> None:
        if not self.merged:
            raise RuntimeError("nothing is merged")
        with torch.no_grad():
            self.layer.weight.copy_(self._before)
        self.merged = False

    def switch(self, name: str | None) -> None:
        if name is not None and name not in self.adapters:
            raise KeyError(name)
        was_merged = self.merged
        if was_merged:
            self.unmerge()
        self.active = name
        if was_merged and name is not None:
            self.merge()


# Mistakes: the scale.


@mistake(
    "The scale α / r is missing, in your ΔW and beside the layer: the correction is (α / r) · B A.",
    of="MergeableLoRA",
    hint=3,
)
class unscaled(MergeableLoRA):
    def scaling(self, name):
        return 1.0


@mistake(
    "You scale by α alone. The correction is (α / r) · B A, with the adapter's own rank r = A.shape[0].",
    of="MergeableLoRA",
    hint=3,
)
class scaled_without_rank(MergeableLoRA):
    def scaling(self, name):
        return self.adapters[name][2]


@mistake(
    "You scale by r / α, the fraction upside down. The correction is (α / r) · B A.",
    of="MergeableLoRA",
    hint=3,
)
class scaling_inverted(MergeableLoRA):
    def scaling(self, name):
        return 1 / super().scaling(name)


@mistake(
    "You take the rank from the wrong axis: A is (r, ...), so r is `A.shape[0]`; `A.shape[1]` is the "
    "number of inputs.",
    of="MergeableLoRA",
    hint=3,
)
class rank_from_inputs(MergeableLoRA):
    def scaling(self, name):
        A, _, alpha = self.adapters[name]
        return alpha / A.shape[1]


@mistake(
    "Your ΔW is B A without the scale: α / r is there beside the layer but missing in `delta`, so that "
    "merging changes the output.",
    of="MergeableLoRA",
    hint=3,
)
class delta_unscaled(MergeableLoRA):
    def delta(self, name):
        return super().delta(name) / self.scaling(name)


@mistake(
    "Your forward adds the side path unscaled. `side_path` gives B A x; it has to be multiplied by α / "
    "r, as ΔW is.",
    of="MergeableLoRA",
    hint=3,
)
class side_path_unscaled(MergeableLoRA):
    def forward(self, x):
        h = self.layer(x)
        if self.active is None or self.merged:
            return h
        A, B, _ = self.adapters[self.active]
        return h + side_path(self.layer, x, A, B)


# Mistakes: the layout of ΔW.


@mistake(
    "Your ΔW is (α / r) · B A whatever the layer is. That is right for nn.Linear only: the weights of "
    "Conv1D and nn.Embedding have their outputs on the last axis, and those of a convolution have four "
    "axes.",
    of="MergeableLoRA",
    hint=2,
)
class linear_only(MergeableLoRA):
    def delta(self, name):
        A, B, _ = self.adapters[name]
        return self.scaling(name) * (B @ A)


@mistake(
    "You take no notice of `fan_in_fan_out`: ΔW is (out, in) although the weight is stored (in, out). "
    "Where both are equal in size nothing raises, and the transpose of the correction is merged.",
    of="MergeableLoRA",
    hint=2,
)
class layout_ignored(MergeableLoRA):
    def delta(self, name):
        A, B, _ = self.adapters[name]
        if A.ndim == 4 or isinstance(self.layer, nn.Embedding):
            return super().delta(name)
        return self.scaling(name) * (B @ A)


@mistake(
    "Your ΔW is transposed: for nn.Linear you give (in, out). Its weight is (out, in), and ΔW = (α / r) "
    "· B A; only with `fan_in_fan_out` is that turned round.",
    of="MergeableLoRA",
    hint=2,
)
class layout_inverted(MergeableLoRA):
    def delta(self, name):
        A, B, _ = self.adapters[name]
        if A.ndim == 4 or isinstance(self.layer, nn.Embedding):
            return super().delta(name)
        return self.scaling(name) * (B @ A if self.fan_in_fan_out else (B @ A).T)


@mistake(
    "Your ΔW is always transposed, whether the weight is stored (in, out) or (out, in). nn.Linear stores"
    " (out, in): there it is (α / r) · B A as it stands.",
    of="MergeableLoRA",
    hint=2,
)
class layout_always_transposed(MergeableLoRA):
    def delta(self, name):
        A, B, _ = self.adapters[name]
        return super().delta(name) if A.ndim == 4 else self.scaling(name) * (B @ A).T


@mistake(
    "You treat nn.Embedding like nn.Linear. Its weight is (num, dim): a row belongs to a token, which is"
    " an input. B A is (dim, num), so ΔW is its transpose.",
    of="MergeableLoRA",
    hint=2,
)
class embedding_as_linear(MergeableLoRA):
    def delta(self, name):
        A, B, _ = self.adapters[name]
        return self.scaling(name) * (B @ A) if isinstance(self.layer, nn.Embedding) else super().delta(name)


@mistake(
    "Your ΔW of a convolution has the right numbers in the wrong places: A was reshaped so that its "
    "entries moved to other channels or taps (`reshape` to (in·kh·kw, r), say, is no transpose). Keep "
    "the first axis of A and flatten the rest.",
    of="MergeableLoRA",
    hint=4,
)
class convolution_scrambled(MergeableLoRA):
    def delta(self, name):
        A, B, _ = self.adapters[name]
        if A.ndim != 4:
            return super().delta(name)
        kernels = A.reshape(-1, A.shape[0]).T
        return (self.scaling(name) * B.flatten(1) @ kernels).reshape(self.layer.weight.shape)


# Mistakes: the output.


@mistake(
    "You keep adding the side path after merging: the adapter is in the weight already, so that it "
    "counts twice.",
    of="MergeableLoRA",
    hint=1,
)
class keeps_adding(MergeableLoRA):
    def forward(self, x):
        h = self.layer(x)
        if self.active is None:
            return h
        A, B, _ = self.adapters[self.active]
        return h + self.scaling(self.active) * side_path(self.layer, x, A, B)


@mistake(
    "Your forward leaves the active adapter out until it is merged. Unmerged, the scaled side path has "
    "to be added to the layer's output.",
    of="MergeableLoRA",
    hint=1,
)
class unmerged_without_adapter(MergeableLoRA):
    def forward(self, x):
        return self.layer(x)


# Mistakes: merging and unmerging.


@mistake(
    "You keep a copy of the layer. `layer` has to be the very layer that was given: the model goes on "
    "using that one, and would never see the merged weight.",
    of="MergeableLoRA",
    hint=1,
)
class layer_copied(MergeableLoRA):
    def __init__(self, layer, adapters, fan_in_fan_out=False):
        super().__init__(copy.deepcopy(layer), adapters, fan_in_fan_out)


@mistake(
    "You change the weight in place while PyTorch records for autograd, which it forbids for a "
    "parameter. Merge under `torch.no_grad()`.",
    of="MergeableLoRA",
    hint=4,
)
class merges_under_autograd(MergeableLoRA):
    def merge(self):
        if self.merged or self.active is None:
            raise RuntimeError("cannot merge")
        before = self.layer.weight.detach().clone()
        self.layer.weight += self.delta(self.active)
        self._before, self.merged = before, True


@mistake(
    "Merging twice adds ΔW twice: nothing guards `merge()`. A second merge has to raise RuntimeError and"
    " leave the weight as it is.",
    of="MergeableLoRA",
    hint=4,
)
class merges_twice(MergeableLoRA):
    def merge(self):
        if self.active is None:
            raise RuntimeError("no adapter is active")
        if not self.merged:
            self._before = self.layer.weight.detach().clone()
        with torch.no_grad():
            self.layer.weight += self.delta(self.active)
        self.merged = True


@mistake(
    "Merging twice adds ΔW twice, and the copy is taken anew the second time, so that unmerging gives "
    "back a merged weight. A second merge has to raise RuntimeError and leave everything as it is.",
    of="MergeableLoRA",
    hint=4,
)
class merges_twice_copies_twice(MergeableLoRA):
    def merge(self):
        if self.active is None:
            raise RuntimeError("no adapter is active")
        self._before = self.layer.weight.detach().clone()
        with torch.no_grad():
            self.layer.weight += self.delta(self.active)
        self.merged = True


@mistake(
    "Your `merge()` returns in silence when merged already. The statement asks for a RuntimeError: "
    "whoever merges twice has lost track of the weights and should hear of it.",
    of="MergeableLoRA",
    hint=4,
)
class second_merge_in_silence(MergeableLoRA):
    def merge(self):
        if not self.merged:
            super().merge()


@mistake(
    "Your `unmerge()` returns in silence when nothing is merged. The statement asks for a RuntimeError.",
    of="MergeableLoRA",
    hint=4,
)
class unmerges_in_silence(MergeableLoRA):
    def unmerge(self):
        if self.merged:
            super().unmerge()


@mistake(
    "You unmerge by subtracting ΔW. Rounding cannot be undone, so the weight comes back changed in its "
    "last bits, grossly so in bfloat16. Keep a copy of the weight while it is merged and put that back.",
    of="MergeableLoRA",
    hint=1,
)
class subtracts(MergeableLoRA):
    def unmerge(self):
        if not self.merged:
            raise RuntimeError("nothing is merged")
        with torch.no_grad():
            self.layer.weight -= self.delta(self.active)
        self.merged = False


@mistake(
    "What you keep is no copy: it shares its memory with the weight (`.data`, `.detach()` or plain "
    "assignment, without `.clone()`), and changes with it when ΔW is added in place. Unmerging then does"
    " nothing.",
    of="MergeableLoRA",
    hint=4,
)
class keeps_an_alias(MergeableLoRA):
    def merge(self):
        super().merge()
        self._before = self.layer.weight.detach()


@mistake(
    "Your copy of the weight is not taken anew at every merge, but once, when the module is made or first used. "
    "What was loaded or trained between then and merging is lost by unmerging.",
    of="MergeableLoRA",
    hint=4,
)
class copies_too_early(MergeableLoRA):
    def __init__(self, layer, adapters, fan_in_fan_out=False):
        super().__init__(layer, adapters, fan_in_fan_out)
        self._first = layer.weight.detach().clone()

    def merge(self):
        super().merge()
        self._before = self._first


@mistake(
    "After `unmerge()` your module still says that it is merged: `merged` has to become False again.",
    of="MergeableLoRA",
    hint=4,
)
class stays_merged(MergeableLoRA):
    def unmerge(self):
        super().unmerge()
        self.merged = True


@mistake(
    "Your `unmerge()` forgets which adapter is active. Only the weight goes back; the adapter stays "
    "active, beside the layer.",
    of="MergeableLoRA",
    hint=4,
)
class unmerging_deactivates(MergeableLoRA):
    def unmerge(self):
        super().unmerge()
        self.active = None


# Mistakes: switching.


@mistake(
    "You switch without unmerging: the new adapter is added on top of the old one. Take the old one out "
    "first.",
    of="MergeableLoRA",
    hint=1,
)
class switches_on_top(MergeableLoRA):
    def switch(self, name):
        if name is not None and name not in self.adapters:
            raise KeyError(name)
        self.active = name
        if self.merged and name is not None:
            with torch.no_grad():
                self.layer.weight += self.delta(name)


@mistake(
    "Your `switch` changes the name only: while merged, the weight still holds the old adapter.",
    of="MergeableLoRA",
    hint=4,
)
class switches_the_name_only(MergeableLoRA):
    def switch(self, name):
        if name is not None and name not in self.adapters:
            raise KeyError(name)
        self.active = name


@mistake(
    "Your `switch` leaves the new adapter unmerged. If one was merged before, the new one has to be "
    "merged after.",
    of="MergeableLoRA",
    hint=4,
)
class switch_leaves_unmerged(MergeableLoRA):
    def switch(self, name):
        if name is not None and name not in self.adapters:
            raise KeyError(name)
        if self.merged:
            self.unmerge()
        self.active = name


@mistake(
    "Your `switch` always merges. If no adapter was merged before, the new one stays beside the layer.",
    of="MergeableLoRA",
    hint=4,
)
class switch_always_merges(MergeableLoRA):
    def switch(self, name):
        super().switch(name)
        if name is not None and not self.merged:
            self.merge()


@mistake(
    "Your `switch(None)` leaves the old adapter in use. None means no adapter: `active` becomes None, "
    "and a merged one is taken out.",
    of="MergeableLoRA",
    hint=4,
)
class none_ignored(MergeableLoRA):
    def switch(self, name):
        if name is not None:
            super().switch(name)


@mistake(
    "Your `switch(None)` takes a merged adapter out but leaves it active. None means no adapter: "
    "`active` becomes None.",
    of="MergeableLoRA",
    hint=4,
)
class none_leaves_active(MergeableLoRA):
    def switch(self, name):
        active = self.active
        super().switch(name)
        self.active = active if name is None else name


@mistake(
    "Your `switch` raises for None. None is no unknown name: it means that no adapter is to be active.",
    of="MergeableLoRA",
    hint=4,
)
class none_refused(MergeableLoRA):
    def switch(self, name):
        if name is None:
            raise KeyError(name)
        super().switch(name)


@mistake(
    "Your `switch` takes the old adapter out before it finds that the new name is unknown: it raises, "
    "and the model is left without its adapter. Look at the name first.",
    of="MergeableLoRA",
    hint=4,
)
class switch_half_done(MergeableLoRA):
    def switch(self, name):
        was_merged = self.merged
        if was_merged:
            self.unmerge()
        if name is not None and name not in self.adapters:
            raise KeyError(name)
        self.active = name
        if was_merged and name is not None:
            self.merge()


@mistake(
    "Your `switch` takes any name. An unknown one has to raise KeyError at once, not somewhere later.",
    of="MergeableLoRA",
    hint=4,
)
class switch_takes_any_name(MergeableLoRA):
    def switch(self, name):
        was_merged = self.merged
        if was_merged:
            self.unmerge()
        self.active = name
        if was_merged and name in self.adapters:
            self.merge()


# Other right solutions.


@alternative("ΔW as the response of the side path to unit inputs", of="MergeableLoRA")
class delta_by_probing(MergeableLoRA):
    def delta(self, name):
        A, B, alpha = self.adapters[name]
        s = alpha / A.shape[0]
        match self.layer:
            case nn.Embedding():
                return s * (A.T @ B.T)
            case nn.Conv2d():
                return s * torch.einsum("or,rikl->oikl", B[:, :, 0, 0], A)
        columns = F.linear(F.linear(torch.eye(A.shape[1], dtype=A.dtype), A), B)  # row i: B A e_i
        return s * (columns if self.fan_in_fan_out else columns.T)


@alternative("a loop over the r outer products", of="MergeableLoRA")
class delta_by_loop(MergeableLoRA):
    def delta(self, name):
        A, B, alpha = self.adapters[name]
        total = torch.zeros_like(self.layer.weight)
        for k in range(A.shape[0]):
            for o in range(B.shape[0]):
                part = alpha / A.shape[0] * B[o, k] * A[k]
                if self.fan_in_fan_out or isinstance(self.layer, nn.Embedding):
                    total[:, o] += part
                else:
                    total[o] += part
        return total.detach()


@alternative("new parameters instead of changes in place, float32 inside", of="MergeableLoRA")
class replaces_data(MergeableLoRA):
    def merge(self):
        if self.merged or self.active is None:
            raise RuntimeError("cannot merge")
        self._before = self.layer.weight.data
        wide = torch.promote_types(self._before.dtype, torch.float32)
        self.layer.weight.data = (self._before.to(wide) + self.delta(self.active).to(wide)).to(self._before.dtype)
        self.merged = True

    def unmerge(self):
        if not self.merged:
            raise RuntimeError("nothing is merged")
        self.layer.weight.data = self._before
        self._before = None
        self.merged = False


@alternative("forward by the merged weight in both cases", of="MergeableLoRA")
class forward_by_delta(MergeableLoRA):
    def forward(self, x):
        if self.active is None or self.merged:
            return self.layer(x)
        weight = self.layer.weight + self.delta(self.active)
        return torch.func.functional_call(self.layer, {"weight": weight}, (x,))
