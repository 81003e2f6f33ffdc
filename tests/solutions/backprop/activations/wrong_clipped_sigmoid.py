"""Wrong: sigmoid is kept finite by clipping x to -30 ... 30."""
# says: as if x were cut off (np.clip) before the exponential

import math

import numpy as np

C = math.sqrt(2 / math.pi)
K = 0.044715


def erf(x: np.ndarray) -> np.ndarray:
    """The error function of each entry, with the dtype of x. This one is given."""
    return np.vectorize(math.erf, otypes=[x.dtype])(x)


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def relu_back(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, dy, np.zeros_like(dy))


def sigmoid(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, -30, 30)
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def sigmoid_back(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    return dy * sigmoid(x) * sigmoid(-x)


def tanh_back(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    return dy * (1 - np.tanh(x) ** 2)


def gelu(x: np.ndarray, approximate: str) -> np.ndarray:
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(C * (x + K * x * x * x)))
    return 0.5 * x * (1 + erf(x / math.sqrt(2)))


def gelu_back(dy: np.ndarray, x: np.ndarray, approximate: str) -> np.ndarray:
    if approximate == "tanh":
        t = np.tanh(C * (x + K * x * x * x))
        du = C * (1 + 3 * K * x * x)
        return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * du)
    Phi = 0.5 * (1 + erf(x / math.sqrt(2)))
    phi = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    return dy * (Phi + x * phi)
