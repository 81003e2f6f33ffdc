"""Classes, functions and exceptions named with escapes, markup and surrogates."""
# exercise: attention/scaled_dot_product
# status: error
# says: Value␛[2J

Bad = type("\x1b[31mError\u202e[bold]", (Exception,), {})
Odd = type("Value\x1b[2J\n13 passed", (), {})
turn = []


def sdpa(Q, K, V, mask=None):
    turn.append(0)
    if len(turn) % 2:
        return Odd()
    raise Bad("\ud800\udfff surrogate")
