"""Style: as few primitives as possible: a - b is a + (-b), a / b is a * b ** -1, as in micrograd."""

from __future__ import annotations

import math


class Value:
    def __init__(self, data, parents=(), slopes=()):
        self.data, self.grad, self.parents, self._slopes = data, 0.0, parents, slopes

    def __add__(self, other):
        if isinstance(other, Value):
            return Value(self.data + other.data, (self, other), (1.0, 1.0))
        return Value(self.data + other, (self,), (1.0,))

    def __mul__(self, other):
        if isinstance(other, Value):
            return Value(self.data * other.data, (self, other), (other.data, self.data))
        return Value(self.data * other, (self,), (other,))

    def __pow__(self, n):
        return Value(self.data**n, (self,), (n * self.data ** (n - 1) if n != 0 else 0.0,))

    def __radd__(self, other):
        return self + other

    def __rmul__(self, other):
        return self * other

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + (-other)

    def __rsub__(self, other):
        return -self + other

    def __truediv__(self, other):
        return self * other**-1

    def __rtruediv__(self, other):
        return self**-1 * other

    def relu(self):
        return Value(max(0, self.data), (self,), (1.0 if self.data > 0 else 0.0,))

    def tanh(self):
        t = math.tanh(self.data)
        return Value(t, (self,), (1 - t**2,))

    def exp(self):
        e = math.exp(self.data)
        return Value(e, (self,), (e,))

    def log(self):
        return Value(math.log(self.data), (self,), (1 / self.data,))

    def backward(self):
        order = []
        self._visit(order, set())
        adjoints = {self: 1.0}
        for value in reversed(order):
            adjoint = adjoints[value]
            value.grad += adjoint
            for parent, slope in zip(value.parents, value._slopes, strict=True):
                adjoints[parent] = adjoints.get(parent, 0.0) + adjoint * slope

    def _visit(self, order, done):
        if self in done:
            return
        done.add(self)
        for parent in self.parents:
            parent._visit(order, done)
        order.append(self)
