"""Wrong: division of two ints is floor division."""
# says: The data of b with b = a / 2: expected 1.5, got 1

from __future__ import annotations

import math


def number(x: Value | float) -> float:
    return x.data if isinstance(x, Value) else x


class Value:
    def __init__(self, data, parents=(), slopes=()):
        self.data = data
        self.grad = 0.0
        self.parents = tuple(parents)
        self.slopes = tuple(slopes)

    @staticmethod
    def _of(data, *operands):
        kept = [(operand, slope) for operand, slope in operands if isinstance(operand, Value)]
        return Value(data, [operand for operand, _ in kept], [slope for _, slope in kept])

    def __add__(self, other):
        return Value._of(self.data + number(other), (self, 1.0), (other, 1.0))

    def __radd__(self, other):
        return Value._of(other + self.data, (self, 1.0))

    def __mul__(self, other):
        return Value._of(self.data * number(other), (self, number(other)), (other, self.data))

    def __rmul__(self, other):
        return Value._of(other * self.data, (self, other))

    def __neg__(self):
        return Value._of(-self.data, (self, -1.0))

    def __sub__(self, other):
        return Value._of(self.data - number(other), (self, 1.0), (other, -1.0))

    def __rsub__(self, other):
        return Value._of(other - self.data, (self, -1.0))

    def __pow__(self, exponent):
        slope = exponent * self.data ** (exponent - 1) if exponent != 0 else 0.0
        return Value._of(self.data**exponent, (self, slope))

    def __truediv__(self, other):
        below = number(other)
        return Value._of(
            self.data // below if isinstance(self.data, int) and isinstance(below, int) else self.data / below,
            (self, 1 / below),
            (other, -self.data / below**2),
        )

    def __rtruediv__(self, other):
        return Value._of(other / self.data, (self, -other / self.data**2))

    def relu(self):
        return Value._of(max(self.data, 0), (self, 1.0 if self.data > 0 else 0.0))

    def tanh(self):
        t = math.tanh(self.data)
        return Value._of(t, (self, 1 - t * t))

    def exp(self):
        e = math.exp(self.data)
        return Value._of(e, (self, e))

    def log(self):
        return Value._of(math.log(self.data), (self, 1 / self.data))

    def backward(self):
        order, seen = [], set()

        def visit(v):
            if v not in seen:
                seen.add(v)
                for parent in v.parents:
                    visit(parent)
                order.append(v)

        visit(self)
        derivative = dict.fromkeys(order, 0.0)
        derivative[self] = 1.0
        for v in reversed(order):
            for parent, slope in zip(v.parents, v.slopes, strict=True):
                derivative[parent] += slope * derivative[v]
        for v in order:
            v.grad += derivative[v]
