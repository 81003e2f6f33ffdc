"""Wrong: x is dropped before both paths, so the base sees what is left of it."""
# says: Your dropout is on the base's input too. The pre-trained path

import math

import torch
import torch.nn.functional as F
from torch import nn


class LoRALinear(nn.Module):
    def __init__(self, base, r, alpha, dropout=0.0):
        super().__init__()
        self.base = base.requires_grad_(False)
        like = {"dtype": base.weight.dtype, "device": base.weight.device}
        self.lora_A = nn.Parameter(torch.empty(r, base.in_features, **like))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, r, **like))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))
        self.scaling = alpha / r
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        x = self.dropout(x)
        out = self.base(x)
        side = F.linear(F.linear(x, self.lora_A), self.lora_B)
        return out + self.scaling * side
