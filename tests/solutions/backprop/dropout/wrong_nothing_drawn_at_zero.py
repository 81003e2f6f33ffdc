"""Wrong: with p = 0 forward draws no random numbers."""
# says: With p = 0 you draw no random numbers. Training draws one for

from typing import Any

import numpy as np


def dropout_forward(x: np.ndarray, p: float, rng: np.random.Generator, training: bool) -> tuple[np.ndarray, Any]:
    if not training or p == 0:
        return x.copy(), None
    kept = rng.random(x.shape) >= p
    scale = 1 / (1 - p) if p < 1 else 0.0
    cache = (kept, scale)
    return apply(x, kept, scale), cache


def apply(x: np.ndarray, kept: np.ndarray, scale: float) -> np.ndarray:
    return np.where(kept, x * scale, np.zeros_like(x))


def dropout_backward(dy: np.ndarray, cache: Any) -> np.ndarray:
    if cache is None:
        return dy.copy()
    kept, scale = cache
    return apply(dy, kept, scale)
