"""A starts at zero too, so that nothing is ever learnt."""
# says: lora_A starts

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class DoRALinear(nn.Module):
    def __init__(self, base: nn.Linear, r: int, alpha: float) -> None:
        super().__init__()
        self.base = base
        for p in base.parameters():
            p.requires_grad_(False)
        like = {"dtype": base.weight.dtype, "device": base.weight.device}
        self.lora_A = nn.Parameter(torch.empty(r, base.in_features, **like).zero_())
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, r, **like))
        self.magnitude = nn.Parameter(torch.linalg.vector_norm(base.weight.data, dim=-1))
        self.s = alpha / r

    def forward(self, x: Tensor) -> Tensor:
        V = torch.add(self.base.weight, self.lora_B.mm(self.lora_A), alpha=self.s)
        with torch.no_grad():
            scale = torch.linalg.vector_norm(V, dim=-1).clamp(min=torch.finfo(V.dtype).tiny)
        h = F.linear(x, V * torch.unsqueeze(self.magnitude / scale, -1))
        return h if self.base.bias is None else h + self.base.bias

    def merged(self) -> Tensor:
        V = (self.base.weight + self.s * self.lora_B @ self.lora_A).data
        return F.normalize(V, dim=-1, eps=torch.finfo(V.dtype).tiny) * self.magnitude.data.unsqueeze(-1)
