"""Style: counts the users of every Value first and passes on what has been received from all of them (Kahn's order)."""

from __future__ import annotations

import math
from collections import deque


def plain(x):
    return x if isinstance(x, int | float) else x.data


class Value:
    def __init__(self, data: float, inputs=()) -> None:
        self.data = data
        self.grad = 0.0
        self.inputs = [(v, d) for v, d in inputs if isinstance(v, Value)]

    @property
    def parents(self):
        return tuple(v for v, _ in self.inputs)

    def __add__(self, other):
        return Value(self.data + plain(other), [(self, 1), (other, 1)])

    def __radd__(self, other):
        return self.__add__(other)

    def __mul__(self, other):
        return Value(self.data * plain(other), [(self, plain(other)), (other, self.data)])

    def __rmul__(self, other):
        return self.__mul__(other)

    def __neg__(self):
        return Value(-self.data, [(self, -1)])

    def __sub__(self, other):
        return Value(self.data - plain(other), [(self, 1), (other, -1)])

    def __rsub__(self, other):
        return Value(other - self.data, [(self, -1)])

    def __pow__(self, n):
        return Value(self.data**n, [(self, n * self.data ** (n - 1) if n else 0)])

    def __truediv__(self, other):
        q = self.data / plain(other)
        return Value(q, [(self, 1 / plain(other)), (other, -q / plain(other))])

    def __rtruediv__(self, other):
        q = other / self.data
        return Value(q, [(self, -q / self.data)])

    def relu(self):
        return Value(max(self.data, 0), [(self, int(self.data > 0))])

    def tanh(self):
        t = math.tanh(self.data)
        return Value(t, [(self, (1 - t) * (1 + t))])

    def exp(self):
        return Value(math.exp(self.data), [(self, math.exp(self.data))])

    def log(self):
        return Value(math.log(self.data), [(self, 1 / self.data)])

    def backward(self):
        waiting, stack, found = {}, [self], {id(self)}
        while stack:
            v = stack.pop()
            for parent, _ in v.inputs:
                waiting[id(parent)] = waiting.get(id(parent), 0) + 1
                if id(parent) not in found:
                    found.add(id(parent))
                    stack.append(parent)
        received = {id(self): 1.0}
        ready = deque([self])
        while ready:
            v = ready.popleft()
            v.grad += received[id(v)]
            for parent, slope in v.inputs:
                received[id(parent)] = received.get(id(parent), 0.0) + slope * received[id(v)]
                waiting[id(parent)] -= 1
                if waiting[id(parent)] == 0:
                    ready.append(parent)
