"""Style: plain loops over tokens and features, Python floats, a list of dicts for a cache."""

import math

import numpy as np


def ln_forward(x, gamma, beta, eps):
    D = x.shape[-1]
    y = np.zeros_like(x)
    tokens = []
    for index in np.ndindex(x.shape[:-1]):
        token = [float(v) for v in x[index]]
        mu = math.fsum(token) / D
        variance = math.fsum((v - mu) ** 2 for v in token) / D
        std = math.sqrt(variance + eps)
        x_hat = [(v - mu) / std for v in token]
        for i in range(D):
            y[(*index, i)] = float(gamma[i]) * x_hat[i] + float(beta[i])
        tokens.append({"index": index, "std": std, "x_hat": x_hat})
    return y, {"tokens": tokens, "gamma": gamma.copy()}


def ln_backward(dy, cache):
    gamma = cache["gamma"]
    D = len(gamma)
    dx = np.zeros_like(dy)
    dgamma, dbeta = [0.0] * D, [0.0] * D
    for token in cache["tokens"]:
        index, std, x_hat = token["index"], token["std"], token["x_hat"]
        d_hat = [float(dy[(*index, i)]) * float(gamma[i]) for i in range(D)]
        for j in range(D):
            total = 0.0
            for i in range(D):
                total += d_hat[i] * ((i == j) - 1 / D - x_hat[i] * x_hat[j] / D)
            dx[(*index, j)] = total / std
            dgamma[j] += float(dy[(*index, j)]) * x_hat[j]
            dbeta[j] += float(dy[(*index, j)])
    return dx, np.array(dgamma, dtype=dy.dtype), np.array(dbeta, dtype=dy.dtype)
