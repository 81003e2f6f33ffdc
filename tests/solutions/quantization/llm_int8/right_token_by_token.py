"""Style: a loop over tokens and outputs, integers of Python."""

import torch

from quantization.granularity import quantize_axis


def outlier_columns(X, threshold):
    mask = torch.zeros(X.shape[-1], dtype=torch.bool)
    for row in X.reshape(-1, X.shape[-1]):
        mask |= row.abs() > threshold
    return mask


def vector_wise_mm(X, W):
    Xq, sx = quantize_axis(X, 8, 0)
    Wq, sw = quantize_axis(W, 8, 0)
    xs, ws = Xq.tolist(), Wq.tolist()
    y = X.new_zeros(len(xs), len(ws))
    for m, x in enumerate(xs):
        for n, w in enumerate(ws):
            y[m, n] = sum(a * b for a, b in zip(x, w, strict=True)) * sx[m, 0] * sw[n, 0]
    return y


def llm_int8(X, W, threshold=6.0, bias=None):
    tokens = X.reshape(-1, X.shape[-1])
    mask = outlier_columns(X, threshold)
    y = X.new_zeros(len(tokens), len(W))
    for k in range(len(mask)):
        if mask[k]:
            y += tokens[:, k, None] * W[None, :, k]
    if bool((~mask).any()):
        y += vector_wise_mm(tokens[:, ~mask], W[:, ~mask])
    if bias is not None:
        y += bias
    return y.view(*X.shape[:-1], len(W))
