"""Wrong: gives each vjp what comes out of its layer."""
# says: You give each vjp the output of its layer


def vjp_chain(layers, x, dy):
    outputs = []
    for f, _ in layers:
        x = f(x)
        outputs.append(x)
    for (_, vjp), y in zip(layers[::-1], outputs[::-1], strict=True):
        dy = vjp(y, dy)
    return x, dy
