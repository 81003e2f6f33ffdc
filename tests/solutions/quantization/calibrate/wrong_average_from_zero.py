"""Wrong: the moving average starts from 0 instead of from the first batch's largest magnitude."""
# says: Your average starts from 0, and is too small for long. The

import torch
from torch import Tensor


def together(batches: list[Tensor]) -> Tensor:
    return torch.cat([batch.flatten() for batch in batches])


def fake_quantize(x: Tensor, clip: Tensor, bits: int) -> Tensor:
    q_max = 2 ** (bits - 1) - 1
    scale = clip / q_max
    if scale == 0:
        return torch.zeros_like(x)
    return scale * (x / scale).round().clamp(-q_max, q_max)


def absmax_clip(batches: list[Tensor]) -> Tensor:
    return together(batches).abs().max()


def ema_clip(batches: list[Tensor], momentum: float) -> Tensor:
    average = torch.zeros_like(batches[0].abs().max())
    for batch in batches:
        average = momentum * average + (1 - momentum) * batch.abs().max()
    return average


def percentile_clip(batches: list[Tensor], p: float) -> Tensor:
    ordered = together(batches).abs().sort().values
    last = len(ordered) - 1
    t = p * last / 100
    below = int(t)
    above = min(below + 1, last)
    return ordered[below] + (t - below) * (ordered[above] - ordered[below])


def mse_clip(batches: list[Tensor], bits: int, steps: int) -> Tensor:
    x = together(batches)
    clips = [i / steps * x.abs().max() for i in range(1, steps + 1)]
    errors = [(x - fake_quantize(x, clip, bits)).square().mean().item() for clip in clips]
    return clips[errors.index(min(errors))]
