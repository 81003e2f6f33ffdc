"""Lists of Python floats, and a matrix for each position."""

import math

import torch


def powers(base, d):
    return [base ** (-2.0 * i / d) for i in range(d // 2)]


def linear(d, factor, theta=10000.0):
    return torch.tensor([f / factor for f in powers(theta, d)], dtype=torch.float64)


def ntk(d, factor, theta=10000.0):
    return torch.tensor(powers(theta * math.pow(factor, d / (d - 2)), d), dtype=torch.float64)


def yarn(d, factor, length, theta=10000.0, fast=32.0, slow=1.0):
    out = []
    for f in powers(theta, d):
        rounds = length * f / math.tau
        gamma = min(1.0, max(0.0, (rounds - slow) / (fast - slow)))
        out.append(gamma * f + (1 - gamma) * (f / factor))
    return torch.tensor(out, dtype=torch.float64)


def sharpness(factor):
    return 0.1 * math.log(factor) + 1.0


def rotate(x, pos, frequencies, m=1.0):
    rows = []
    for t in range(x.shape[-2]):
        blocks = []
        for f in frequencies.tolist():
            c, s = math.cos(int(pos[t]) * f), math.sin(int(pos[t]) * f)
            blocks.append(torch.tensor([[c, -s], [s, c]], dtype=torch.float64))
        matrix = m * torch.block_diag(*blocks).to(x.dtype)
        rows.append(x[..., t, :] @ matrix.T)
    return torch.stack(rows, dim=-2) if rows else x.clone()
