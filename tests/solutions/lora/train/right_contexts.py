"""Contexts that put things back, a loss by nll_loss, and serving with the rows sorted into groups."""

from collections import defaultdict
from contextlib import ExitStack, contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Batch = tuple[Tensor, Tensor, Tensor]
Adapter = tuple[Tensor, Tensor, float]


class LoRALinear(nn.Module):
    """Given: W₀ x + b + (α / r) · B A dropout(x), the second part only while `enabled`."""

    def __init__(self, base: nn.Linear, r: int, alpha: float, dropout: float) -> None:
        super().__init__()
        self.base = base
        self.lora_A = nn.Parameter(torch.randn(r, base.in_features) / base.in_features**0.5)
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, r))
        self.scaling = alpha / r
        self.drop = nn.Dropout(dropout)
        self.enabled = True

    def forward(self, x: Tensor) -> Tensor:
        h = self.base(x)
        return h + self.scaling * F.linear(F.linear(self.drop(x), self.lora_A), self.lora_B) if self.enabled else h


class TinyLM(nn.Module):
    """Given: a model that predicts each token from the one before it, (b, n) to (b, n, vocab)."""

    def __init__(self, vocab: int, d: int, hidden: int, r: int, alpha: float, dropout: float = 0.0) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocab, d)
        up, out = nn.Linear(d, hidden), nn.Linear(hidden, vocab)
        self.layers = nn.Sequential(LoRALinear(up, r, alpha, dropout), nn.Tanh(), LoRALinear(out, r, alpha, dropout))

    def forward(self, ids: Tensor) -> Tensor:
        return self.layers(self.embed(ids))


@contextmanager
def attribute(module: nn.Module, name: str, value: bool):
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def losses_of(model: nn.Module, batch: Batch) -> Tensor:
    """One loss for each counted place."""
    ids, targets, counts = batch
    where = counts.nonzero(as_tuple=True)
    return F.nll_loss(F.log_softmax(model(ids), dim=-1)[where], targets[where], reduction="none")


def finetune(model: nn.Module, batches: list[Batch], lr: float, weight_decay: float) -> list[float]:
    adapted = [module for module in model.modules() if isinstance(module, LoRALinear)]
    factors = [factor for layer in adapted for factor in (layer.lora_A, layer.lora_B)]
    ours = {id(factor) for factor in factors}
    for parameter in model.parameters():
        parameter.requires_grad_(id(parameter) in ours)
    model.train()
    optimizer = torch.optim.AdamW(factors, lr, weight_decay=weight_decay)

    def step(batch: Batch) -> float:
        loss = losses_of(model, batch).mean()
        for factor, grad in zip(factors, torch.autograd.grad(loss, factors), strict=True):
            factor.grad = grad
        optimizer.step()
        return float(loss.detach())

    return [step(batch) for batch in batches]


def evaluate(model: nn.Module, batches: list[Batch]) -> float:
    with ExitStack() as stack:
        for module in model.modules():
            stack.enter_context(attribute(module, "training", False))
        stack.enter_context(torch.no_grad())
        every = torch.cat([losses_of(model, batch) for batch in batches])
    return every.mean().item()


def forgetting(model: nn.Module, batches: list[Batch]) -> tuple[float, float]:
    def measured(enabled: bool) -> float:
        with ExitStack() as stack:
            for module in model.modules():
                if hasattr(module, "enabled"):
                    stack.enter_context(attribute(module, "enabled", enabled))
            return evaluate(model, batches)

    return measured(False), measured(True)


def serve(layer: nn.Linear, x: Tensor, adapters: list[Adapter], which: Tensor) -> Tensor:
    groups = defaultdict(list)
    for i, k in enumerate(which):
        groups[int(k)].append(i)
    y = layer(x)
    for k, rows in groups.items():
        if k != -1:
            A, B, s = adapters[k]
            y = y.index_add(0, torch.tensor(rows), torch.einsum("bni,ri,or->bno", x[rows], A, s * B))
    return y
