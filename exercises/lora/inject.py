"""# Putting LoRA into a model

A language model has hundreds of linear layers, and which of them get an adapter is said by name: "every
`q_proj` and `v_proj`". Injection walks over the finished model, puts a LoRA layer in the place of each
`nn.Linear` whose name fits, and freezes all the rest. What is trained is then well below one per cent of
the model, the optimiser keeps its moments for that part only, and the file you give away holds nothing
else: a few megabytes to be loaded into anybody's copy of the base model.

## What to write

`LoRALinear` is given (it is `lora/linear` without dropout). In PyTorch a module's dotted name is its way
from the model: `blocks.1.attn.q_proj` is the attribute `q_proj` of the module `blocks.1.attn`.

| function | what it does |
|---|---|
| `inject(model, targets, r, alpha)` | wraps the matching layers in `model` itself, freezes the rest; returns names |
| `trainable_stats(model)` | returns two ints: the numbers that are trained, and all the numbers |
| `adapter_state(model)` | returns a dict with the adapters' tensors and nothing else |
| `load_adapter(model, state)` | copies such a dict into the model's adapters; returns None |

| argument | type or shape | meaning |
|---|---|---|
| `model` | `torch.nn.Module` | any nesting; float32 or float64 |
| `targets` | str | a regular expression that must match the **whole** dotted name (`re.fullmatch`) |
| | list of str | suffixes: the name is one of them, or ends in a dot and one of them |
| `r`, `alpha` | int, int or float | for `LoRALinear(base, r, alpha)`; A is (r, in_features), B (out_features, r) |
| `state` | dict of str to Tensor | what `adapter_state` returned, here or elsewhere |

**inject.** Only `nn.Linear` is replaced; a container, an embedding or a norm whose name matches is passed
over. `["proj"]` means `proj` and `blocks.0.proj`, not `q_proj`; `["attn.proj"]` means `blocks.0.attn.proj`
too. The model itself has no name and is never replaced.

- Afterwards the `lora_A` and `lora_B` of all adapters are trained, and no other parameter of the model:
  not a bias, not a norm, not the embedding.
- The list has the names that were wrapped by this call, in the order of `named_modules()`.
- It may be called again. A layer that has its adapter keeps it, with its values, and its `base` is not
  wrapped in turn; layers that match for the first time are wrapped, and earlier adapters stay trained.
- If nothing matches, neither a linear layer nor one wrapped earlier, it raises ValueError and leaves the
  model as it was, its `requires_grad` included. A misspelt target must not train nothing in silence.
- Models share. If **one module stands in two places** (one block used twice), each place whose name
  matches gets the *same* LoRALinear, and each name is in the list. If **one weight serves two layers**
  (the output layer's is the embedding's), it stays one `nn.Parameter` after wrapping.

**trainable_stats.** A parameter that is used in several places counts once. Buffers do not count. Each
adapter has r · (in_features + out_features) numbers.

**adapter_state.** Keys are the dotted names of the factors, such as `blocks.0.q_proj.lora_A`; a factor that has
two names is there once, under the first. Values are detached copies: training on does not change them. It does
not depend on what is trained just now: somebody may have frozen the adapters. Which tensors belong to it is
decided by the module they are in; a layer may well be *called* `lora_gate` and be none of ours.

**load_adapter.** `state` must have just the keys of `adapter_state(model)`: if any is missing or unknown it
raises KeyError, and nothing is changed. The values are copied into the parameters that are there, since the
optimiser holds those.

## By hand

A model with `q_proj` of 6 to 8 and `lm_head` of 6 to 11 without bias (8 · 6 + 8 = 56 numbers and 66), r = 2 and
`targets = ["q_proj"]`: the list is `["q_proj"]`, the adapter has 2 · (6 + 8) = 28 numbers, the stats are
(28, 56 + 66 + 28) = (28, 150), and the state has the keys `q_proj.lora_A` (2, 6) and `q_proj.lora_B` (8, 2).

## Source

Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models" (2021), section 4.2 ("Applying LoRA to
Transformer"); arXiv:2106.09685. Expression or list of suffixes: as `target_modules` in the PEFT library.
"""

import math
import re  # noqa: F401  (for the expressions)

import torch
from torch import Tensor, nn


class LoRALinear(nn.Module):
    """Given: W₀ x + b + (α / r) · B A x with a frozen base; A random, B zero."""

    def __init__(self, base: nn.Linear, r: int, alpha: float) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.lora_A = nn.Parameter(torch.empty(r, base.in_features, dtype=base.weight.dtype))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, r, dtype=base.weight.dtype))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))
        self.scaling = alpha / r

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + self.scaling * (x @ self.lora_A.T @ self.lora_B.T)


def inject(model: nn.Module, targets: str | list[str], r: int, alpha: float) -> list[str]:
    """Wrap every nn.Linear of `model` whose dotted name matches `targets`, freeze the rest, return the names."""
    raise NotImplementedError("find the places that match, put a LoRALinear in each, freeze all but the adapters")


def trainable_stats(model: nn.Module) -> tuple[int, int]:
    """How many numbers of the model are trained, and how many it has."""
    raise NotImplementedError("add up the sizes of the parameters, each parameter once")


def adapter_state(model: nn.Module) -> dict[str, Tensor]:
    """Detached copies of every lora_A and lora_B, by dotted name."""
    raise NotImplementedError("collect the factors of the LoRALinear modules")


def load_adapter(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Copy `state` into the model's adapters. KeyError, and nothing changed, if the keys are not theirs."""
    raise NotImplementedError("compare the keys first, then copy in place")


if __name__ == "__main__":
    torch.manual_seed(0)

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.linear1, self.linear2 = nn.LayerNorm(64), nn.Linear(64, 256), nn.Linear(256, 64)

        def forward(self, x: Tensor) -> Tensor:
            return x + self.linear2(self.linear1(self.norm(x)).relu())

    model = nn.Sequential(nn.Embedding(1000, 64), *(Block() for _ in range(4)), nn.Linear(64, 1000))
    ids = torch.randint(1000, (2, 7))
    before = model(ids)
    print("wrapped:", inject(model, ["linear1", "linear2"], r=4, alpha=8))
    trained, total = trainable_stats(model)
    print(f"{trained:,} of {total:,} numbers are trained ({trained / total:.1%})")
    print("nothing has changed yet:", torch.equal(model(ids), before))
    size = sum(t.numel() * t.element_size() for t in adapter_state(model).values())
    print(f"the adapter's file: {size / 1000:.0f} kB; the model's: {total * 4 / 1000:.0f} kB")
