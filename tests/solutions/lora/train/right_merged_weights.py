"""In serve each row has a weight of its own, with its correction added; AdamW is told which parameters by groups."""

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


def finetune(model: nn.Module, batches: list[Batch], lr: float, weight_decay: float) -> list[float]:
    trained = []
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name.split(".")[-1] in ("lora_A", "lora_B")
        if parameter.requires_grad:
            trained.append(parameter)
    optimizer = torch.optim.AdamW([{"params": [p]} for p in trained], lr=lr, weight_decay=weight_decay)
    model.train()
    losses = []
    for ids, targets, counts in batches:
        optimizer.zero_grad()
        logits = model(ids)
        loss = F.cross_entropy(logits[counts], targets[counts])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def evaluate(model: nn.Module, batches: list[Batch]) -> float:
    modes = {module: module.training for module in model.modules()}
    model.eval()
    total, number = 0.0, 0
    try:
        for ids, targets, counts in batches:
            with torch.no_grad():
                logits = model(ids)
            total += F.cross_entropy(logits[counts], targets[counts], reduction="sum").item()
            number += counts.sum().item()
    finally:
        for module, mode in modes.items():
            module.training = mode
    return total / number


def forgetting(model: nn.Module, batches: list[Batch]) -> tuple[float, float]:
    were = {module: module.enabled for module in model.modules() if isinstance(module, LoRALinear)}
    try:
        for module in were:
            module.enabled = False
        before = evaluate(model, batches)
        for module in were:
            module.enabled = True
        after = evaluate(model, batches)
    finally:
        for module, enabled in were.items():
            module.enabled = enabled
    return before, after


def serve(layer: nn.Linear, x: Tensor, adapters: list[Adapter], which: Tensor) -> Tensor:
    W = torch.stack(
        [
            layer.weight if k < 0 else layer.weight + adapters[k][2] * adapters[k][1] @ adapters[k][0]
            for k in which.tolist()
        ]
    )
    return torch.baddbmm(layer.bias, x, W.mT) if layer.bias is not None else torch.bmm(x, W.mT)
