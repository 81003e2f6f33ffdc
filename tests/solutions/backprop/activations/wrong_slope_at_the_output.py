"""Wrong: thinks tanh_back is given the output."""
# says: t = tanh(x) comes first

import math

import numpy as np

C = math.sqrt(2 / math.pi)


def erf(x):
    return np.vectorize(math.erf, otypes=[x.dtype])(x)


def relu(x):
    return np.where(x > 0, x, 0).astype(x.dtype)


def relu_back(dy, x):
    return np.where(x > 0, dy, 0).astype(dy.dtype)


def sigmoid(x):
    out = np.empty(x.shape, x.dtype)
    up = x >= 0
    out[up] = 1 / (1 + np.exp(-x[up]))
    e = np.exp(x[~up])
    out[~up] = e / (1 + e)
    return out


def sigmoid_back(dy, x):
    return dy * (sigmoid(x) - sigmoid(x) ** 2)


def tanh_back(dy, x):
    t = x
    return dy * (1 - t) * (1 + t)


def gelu(x, approximate):
    if approximate == "none":
        return 0.5 * x * (1 + erf(x / math.sqrt(2)))
    return 0.5 * x * (1 + np.tanh(C * (x + 0.044715 * x**3)))


def gelu_back(dy, x, approximate):
    if approximate == "none":
        return dy * (0.5 * (1 + erf(x / math.sqrt(2))) + x * np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi))
    t = np.tanh(C * (x + 0.044715 * x * x * x))
    return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * C * (1 + 0.134145 * x * x))
