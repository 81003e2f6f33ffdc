"""Style: micrograd's closures, on grads that are put aside before and added back afterwards."""

from __future__ import annotations

import math


class Value:
    def __init__(self, data, _parents=()):
        self.data = data
        self.grad = 0.0
        self.parents = _parents
        self._push = lambda: None

    def __repr__(self):
        return f"Value({self.data}, grad={self.grad})"

    def __add__(self, other):
        if not isinstance(other, Value):
            return self._unary(self.data + other, lambda: 1.0)
        out = Value(self.data + other.data, (self, other))

        def push():
            self.grad += out.grad
            other.grad += out.grad

        out._push = push
        return out

    def __mul__(self, other):
        if not isinstance(other, Value):
            return self._unary(self.data * other, lambda: other)
        out = Value(self.data * other.data, (self, other))

        def push():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad

        out._push = push
        return out

    def __truediv__(self, other):
        if not isinstance(other, Value):
            return self._unary(self.data / other, lambda: 1 / other)
        out = Value(self.data / other.data, (self, other))

        def push():
            self.grad += out.grad / other.data
            other.grad -= out.grad * out.data / other.data

        out._push = push
        return out

    def __sub__(self, other):
        if not isinstance(other, Value):
            return self._unary(self.data - other, lambda: 1.0)
        out = Value(self.data - other.data, (self, other))

        def push():
            self.grad += out.grad
            other.grad -= out.grad

        out._push = push
        return out

    def _unary(self, data, slope):
        out = Value(data, (self,))

        def push():
            self.grad += slope() * out.grad

        out._push = push
        return out

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self):
        return self._unary(-self.data, lambda: -1.0)

    def __rsub__(self, other):
        return self._unary(other - self.data, lambda: -1.0)

    def __rtruediv__(self, other):
        return self._unary(other / self.data, lambda: -other / (self.data * self.data))

    def __pow__(self, exponent):
        return self._unary(self.data**exponent, lambda: exponent * self.data ** (exponent - 1) if exponent else 0.0)

    def relu(self):
        return self._unary(self.data if self.data > 0 else 0.0, lambda: float(self.data > 0))

    def tanh(self):
        return self._unary(math.tanh(self.data), lambda: 1.0 - math.tanh(self.data) ** 2)

    def exp(self):
        return self._unary(math.exp(self.data), lambda: math.exp(self.data))

    def log(self):
        return self._unary(math.log(self.data), lambda: 1.0 / self.data)

    def backward(self):
        topo, visited = [], set()

        def build(v):
            if id(v) in visited:
                return
            visited.add(id(v))
            for p in v.parents:
                build(p)
            topo.append(v)

        build(self)
        before = [v.grad for v in topo]
        for v in topo:
            v.grad = 0.0
        self.grad = 1.0
        for v in reversed(topo):
            v._push()
        for v, old in zip(topo, before, strict=True):
            v.grad += old
