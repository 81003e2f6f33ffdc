"""Raises the recursion limit and overflows the stack in C."""
# exercise: attention/scaled_dot_product
# status: error
# says: crash

import sys

sys.setrecursionlimit(10**9)


class Deep:
    def __getattr__(self, name):
        return getattr(self, name + "x")

    def __repr__(self):
        return repr([self])


def sdpa(Q, K, V, mask=None):
    return repr(Deep())
