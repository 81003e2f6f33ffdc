"""A list of inputs, filled on the way forwards and read from its end on the way back."""


def vjp_chain(layers, x, dy):
    inputs = []
    for f, _ in layers:
        inputs.append(x)
        x = f(x)
    for (_, vjp), given in zip(reversed(layers), reversed(inputs)):
        dy = vjp(given, dy)
    return x, dy
