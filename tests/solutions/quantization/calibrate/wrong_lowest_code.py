"""Wrong: clamps to -q_max - 1, the lowest integer of so many bits, where the grid ends at -q_max."""
# says: one step below -clip

import torch


def flat(batches):
    return torch.cat([b.reshape(-1) for b in batches])


def fake_quantize(x, clip, bits):
    if clip == 0:
        return torch.zeros_like(x)
    q_max = 2 ** (bits - 1) - 1
    scale = clip / q_max
    return scale * torch.clamp(torch.round(x / scale), -q_max - 1, q_max)


def absmax_clip(batches):
    return flat(batches).abs().max()


def ema_clip(batches, momentum):
    a = batches[0].abs().max()
    for b in batches[1:]:
        M = b.abs().max()
        a = momentum * a + (1 - momentum) * M
    return a


def percentile_clip(batches, p):
    a = flat(batches).abs().sort().values
    t = p / 100 * (len(a) - 1)
    low = int(t)
    high = min(low + 1, len(a) - 1)
    return a[low] + (t - low) * (a[high] - a[low])


def mse_clip(batches, bits, steps):
    x = flat(batches)
    largest = absmax_clip(batches)
    clips = [i / steps * largest for i in range(1, steps + 1)]
    losses = []
    for clip in clips:
        losses.append((x - fake_quantize(x, clip, bits)).square().mean())
    return clips[int(torch.stack(losses).argmin())]
