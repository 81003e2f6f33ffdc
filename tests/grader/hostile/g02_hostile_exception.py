"""Raises exceptions whose text, class and traceback fight back."""
# exercise: attention/scaled_dot_product
# status: error


class Text(str):
    def __getitem__(self, key):
        raise SystemExit(0)


class Hostile(Exception):
    turns = 0

    def __str__(self):
        Hostile.turns += 1
        if Hostile.turns % 3 == 0:
            raise SystemExit(0)
        return Text("passed " * 1_000_000) if Hostile.turns % 3 == 1 else 5

    __repr__ = __str__


def sdpa(Q, K, V, mask=None):
    raise Hostile
