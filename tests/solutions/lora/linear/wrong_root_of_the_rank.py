"""Wrong: the correction is scaled by α / √r."""
# says: Your LoRA path is scaled by α / √r. That is rank-stabilised

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
        self.scaling = alpha / math.sqrt(r)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        out = self.base(x)
        side = F.linear(F.linear(self.dropout(x), self.lora_A), self.lora_B)
        return out + self.scaling * side
