"""The place of the percentile is p / 100 of N, not of N - 1."""
# says: Your place of the percentile is p % of N

import numpy as np
import torch
from torch import Tensor


def heap(batches: list[Tensor]) -> np.ndarray:
    return np.concatenate([batch.numpy().astype(np.float64).ravel() for batch in batches])


def answer(value: float, batches: list[Tensor]) -> Tensor:
    return torch.tensor(float(value), dtype=batches[0].dtype)


def fake_quantize(x: Tensor, clip: Tensor, bits: int) -> Tensor:
    steps = 2 ** (bits - 1) - 1
    if float(clip) == 0.0:
        return x * 0
    codes = torch.round(x * steps / clip)
    codes[codes > steps] = steps
    codes[codes < -steps] = -steps
    return codes * clip / steps


def absmax_clip(batches: list[Tensor]) -> Tensor:
    return answer(np.abs(heap(batches)).max(), batches)


def ema_clip(batches: list[Tensor], momentum: float) -> Tensor:
    a = None
    for batch in batches:
        top = np.abs(heap([batch])).max()
        a = top if a is None else a + (1 - momentum) * (top - a)
    return answer(a, batches)


def percentile_clip(batches: list[Tensor], p: float) -> Tensor:
    magnitudes = np.sort(np.abs(heap(batches)))
    return answer(np.interp(p / 100 * magnitudes.size, np.arange(magnitudes.size), magnitudes), batches)


def mse_clip(batches: list[Tensor], bits: int, steps: int) -> Tensor:
    x = torch.from_numpy(heap(batches))
    best, least = None, None
    for i in range(steps, 0, -1):
        clip = x.abs().max() * i / steps
        error = torch.sum((x - fake_quantize(x, clip, bits)) ** 2)
        if least is None or error < least:
            best, least = clip, error
    return answer(best, batches)
