"""Style: every Value is numbered when made; a heap hands them out, the newest first. No recursion."""

from __future__ import annotations

import heapq
import itertools
import math
import operator

NUMBERS = itertools.count()


class Value:
    def __init__(self, data, edges=()):
        self.data = data
        self.grad = 0.0
        self.edges = edges
        self.parents = tuple(parent for parent, _ in edges)
        self.number = next(NUMBERS)

    def _combine(self, other, operation, slopes):
        if isinstance(other, Value):
            mine, theirs = slopes(self.data, other.data)
            return Value(operation(self.data, other.data), ((self, mine), (other, theirs)))
        return Value(operation(self.data, other), ((self, slopes(self.data, other)[0]),))

    def __add__(self, other):
        return self._combine(other, operator.add, lambda *_: (1.0, 1.0))

    def __sub__(self, other):
        return self._combine(other, operator.sub, lambda *_: (1.0, -1.0))

    def __mul__(self, other):
        return self._combine(other, operator.mul, lambda a, b: (b, a))

    def __truediv__(self, other):
        return self._combine(other, operator.truediv, lambda a, b: (1 / b, -a / b / b))

    def __pow__(self, exponent):
        return self._combine(exponent, operator.pow, lambda a, n: (0.0 if n == 0 else n * math.pow(a, n - 1), None))

    def __radd__(self, other):
        return self + other

    def __rmul__(self, other):
        return self * other

    def __neg__(self):
        return self * -1

    def __rsub__(self, other):
        return Value(other - self.data, ((self, -1.0),))

    def __rtruediv__(self, other):
        return Value(other / self.data, ((self, -other / self.data / self.data),))

    def _map(self, value, slope):
        return Value(value, ((self, slope),))

    def relu(self):
        return self._map(self.data, 1.0) if self.data > 0 else self._map(0.0, 0.0)

    def tanh(self):
        return self._map(math.tanh(self.data), 1 - math.tanh(self.data) ** 2)

    def exp(self):
        return self._map(math.exp(self.data), math.exp(self.data))

    def log(self):
        return self._map(math.log(self.data), 1 / self.data)

    def backward(self):
        adjoint = {self.number: 1.0}
        heap = [(-self.number, self)]
        while heap:
            _, v = heapq.heappop(heap)
            passed = adjoint.pop(v.number)
            v.grad += passed
            for parent, slope in v.edges:
                if parent.number not in adjoint:
                    adjoint[parent.number] = 0.0
                    heapq.heappush(heap, (-parent.number, parent))
                adjoint[parent.number] += passed * slope
