"""Wrong: the search takes the mean square of each batch, then the mean of those, so that small batches count too much."""
# says: You average the batches' mean errors

import torch


def flat(batches):
    return torch.cat([b.reshape(-1) for b in batches])


def fake_quantize(x, clip, bits):
    if clip == 0:
        return torch.zeros_like(x)
    q_max = 2 ** (bits - 1) - 1
    scale = clip / q_max
    return scale * torch.clamp(torch.round(x / scale), -q_max, q_max)


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
    largest = absmax_clip(batches)
    clips = [i / steps * largest for i in range(1, steps + 1)]
    losses = []
    for clip in clips:
        errors = [(b - fake_quantize(b, clip, bits)).square().mean() for b in batches]
        losses.append(torch.stack(errors).mean())
    return clips[int(torch.stack(losses).argmin())]
