"""An object for each matrix, that knows its own costs."""

import math
from dataclasses import dataclass


@dataclass
class Piece:
    shape: tuple
    method: str
    target: bool
    r: int

    @property
    def n(self):
        return math.prod(self.shape)

    @property
    def trained(self):
        if self.method == "full":
            return self.n
        return self.r * sum(self.shape) if self.target else 0

    @property
    def weights(self):
        if self.method == "full":
            return 2 * self.n
        frozen = 2 * self.n
        if self.target and self.method == "qlora":
            m = math.ceil(self.n / 64)
            frozen = math.ceil(self.n / 2) + m + 4 * math.ceil(m / 256) + 4
        return frozen + 2 * self.trained

    @property
    def kept(self):
        if self.method == "full":
            return self.shape[1] if len(self.shape) == 2 else 0
        return self.shape[1] + self.r if self.target else 0


def training_bytes(shapes, method, targets=(), r=0, tokens=0):
    if method not in ["full", "lora", "qlora"]:
        raise ValueError(method)
    if method != "full" and any(len(shapes[t]) != 2 for t in targets):
        raise ValueError("targets must be matrices")
    pieces = [Piece(shape, method, name in targets, r) for name, shape in shapes.items()]
    weights, trained = sum(p.weights for p in pieces), sum(p.trained for p in pieces)
    kept = 2 * tokens * sum(p.kept for p in pieces)
    parts = dict(weights=weights, gradients=2 * trained, optimizer=12 * trained, activations=kept)
    return {**parts, "total": sum(parts.values())}


def in_gib(n):
    return float(n) / (1 << 30)
