"""Each Value keeps the slope by each parent, worked out in the forward pass; backward keeps its own table of gradients."""

from __future__ import annotations

import math


class Value:
    def __init__(self, data: float, parents: tuple[Value, ...] = (), slopes: tuple[float, ...] = ()) -> None:
        self.data = data
        self.grad = 0.0
        self.parents = parents
        self.slopes = slopes

    def __add__(self, other: Value | float) -> Value:
        if isinstance(other, Value):
            return Value(self.data + other.data, (self, other), (1.0, 1.0))
        return Value(self.data + other, (self,), (1.0,))

    def __radd__(self, other: float) -> Value:
        return Value(other + self.data, (self,), (1.0,))

    def __mul__(self, other: Value | float) -> Value:
        if isinstance(other, Value):
            return Value(self.data * other.data, (self, other), (other.data, self.data))
        return Value(self.data * other, (self,), (other,))

    def __rmul__(self, other: float) -> Value:
        return Value(other * self.data, (self,), (other,))

    def __neg__(self) -> Value:
        return Value(-self.data, (self,), (-1.0,))

    def __sub__(self, other: Value | float) -> Value:
        if isinstance(other, Value):
            return Value(self.data - other.data, (self, other), (1.0, -1.0))
        return Value(self.data - other, (self,), (1.0,))

    def __rsub__(self, other: float) -> Value:
        return Value(other - self.data, (self,), (-1.0,))

    def __pow__(self, exponent: float) -> Value:
        slope = exponent * self.data ** (exponent - 1) if exponent != 0 else 0.0
        return Value(self.data**exponent, (self,), (slope,))

    def __truediv__(self, other: Value | float) -> Value:
        if isinstance(other, Value):
            quotient = self.data / other.data
            return Value(quotient, (self, other), (1 / other.data, -quotient / other.data))
        return Value(self.data / other, (self,), (1 / other,))

    def __rtruediv__(self, other: float) -> Value:
        quotient = other / self.data
        return Value(quotient, (self,), (-quotient / self.data,))

    def relu(self) -> Value:
        on = self.data > 0
        return Value(self.data if on else 0.0, (self,), (1.0 if on else 0.0,))

    def tanh(self) -> Value:
        t = math.tanh(self.data)
        return Value(t, (self,), (1 - t * t,))

    def exp(self) -> Value:
        e = math.exp(self.data)
        return Value(e, (self,), (e,))

    def log(self) -> Value:
        return Value(math.log(self.data), (self,), (1 / self.data,))

    def backward(self) -> None:
        finished: list[Value] = []  # parents before children
        seen = set()
        stack = [(self, False)]
        while stack:
            v, parents_done = stack.pop()
            if parents_done:
                finished.append(v)
            elif v not in seen:
                seen.add(v)
                stack.append((v, True))
                stack.extend((p, False) for p in v.parents)

        grads = dict.fromkeys(finished, 0.0)
        grads[self] = 1.0
        for v in reversed(finished):
            for parent, slope in zip(v.parents, v.slopes):
                grads[parent] += grads[v] * slope
        for v, g in grads.items():
            v.grad += g
