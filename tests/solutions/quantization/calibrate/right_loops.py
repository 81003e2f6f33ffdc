"""Style: plain loops over the batches, and a percentile from a sorted list of Python numbers."""

import math

import torch


def fake_quantize(x, clip, bits):
    if clip == 0:
        return torch.zeros_like(x)
    q_max = 2 ** (bits - 1) - 1
    scale = clip / q_max
    q = torch.round(x / scale)
    q[q > q_max] = q_max
    q[q < -q_max] = -q_max
    return scale * q


def absmax_clip(batches):
    best = batches[0].abs().max()
    for batch in batches:
        if batch.abs().max() > best:
            best = batch.abs().max()
    return best


def ema_clip(batches, momentum):
    a = None
    for batch in batches:
        M = batch.abs().max()
        if a is None:
            a = M
        else:
            a = momentum * a + (1 - momentum) * M
    return a


def percentile_clip(batches, p):
    numbers = []
    for batch in batches:
        for value in batch.reshape(-1).tolist():
            numbers.append(abs(value))
    numbers.sort()
    t = p / 100 * (len(numbers) - 1)
    low = math.floor(t)
    high = min(low + 1, len(numbers) - 1)
    return torch.tensor(numbers[low] + (t - low) * (numbers[high] - numbers[low]), dtype=batches[0].dtype)


def mse_clip(batches, bits, steps):
    largest = absmax_clip(batches)
    best = None
    best_error = None
    for i in range(1, steps + 1):
        clip = i / steps * largest
        error = 0.0
        for batch in batches:
            error += ((batch - fake_quantize(batch, clip, bits)) ** 2).sum().item()
        if best is None or error < best_error:
            best = clip
            best_error = error
    return best
