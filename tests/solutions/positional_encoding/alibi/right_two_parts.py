"""The authors' recursion, the line and the mask as two tensors that are added, baddbmm for the scores."""

import math

import torch


def power_of_two_slopes(n):
    start = 2 ** (-(2 ** -(math.log2(n) - 3)))
    return [start * start**i for i in range(n)]


def slopes(h):
    if math.log2(h).is_integer():
        return torch.tensor(power_of_two_slopes(h), dtype=torch.float64)
    closest = 2 ** math.floor(math.log2(h))
    rest = slopes(2 * closest)[0::2][: h - closest]
    return torch.cat((torch.tensor(power_of_two_slopes(closest), dtype=torch.float64), rest))


def alibi(h, pos_q, pos_k):
    steps_back = (pos_q.unsqueeze(1) - pos_k.unsqueeze(0)).to(torch.float64)
    hidden = torch.zeros_like(steps_back).masked_fill_(steps_back < 0, float("-inf"))
    line = -slopes(h).reshape(h, 1, 1) * steps_back.clamp(min=0.0)
    return line + hidden


def scores(q, k, pos_q, pos_k):
    *lead, h, n_q, d = q.shape
    n_k = k.shape[-2]
    many = math.prod(lead) * h
    bias = alibi(h, pos_q, pos_k).to(q.dtype).expand(*lead, h, n_q, n_k).reshape(many, n_q, n_k)
    out = torch.baddbmm(bias, q.reshape(many, n_q, d), k.reshape(many, n_k, d).transpose(1, 2), alpha=1 / math.sqrt(d))
    return out.reshape(*lead, h, n_q, n_k)
