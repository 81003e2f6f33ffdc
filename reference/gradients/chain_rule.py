"""The chain rule from the loss backwards: reverse accumulation.

∂L/∂x = dyᵀ J_k ... J₂ J₁, taken from the left, so that there is a vector at every step (Rumelhart, Hinton and Williams,
1986; Goodfellow, Bengio and Courville, Deep Learning, 6.5.2).
"""

from collections.abc import Callable

import numpy as np

from grader.marks import alternative, mistake

Layer = tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray, np.ndarray], np.ndarray]]


def vjp_chain(layers: list[Layer], x: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Forwards, keeping each layer's input; then backwards with the gradient."""
    inputs = []
    for f, _ in layers:
        inputs.append(x)
        x = f(x)
    for (_, vjp), x_i in zip(reversed(layers), reversed(inputs), strict=True):
        dy = vjp(x_i, dy)
    return x, dy


@alternative("Recursive: the first layer, and the rest of the chain.", of="vjp_chain")
def by_recursion(layers, x, dy):
    if not layers:
        return x, dy
    (f, vjp), *rest = layers
    y, gradient = by_recursion(rest, f(x), dy)
    return y, vjp(x, gradient)


@alternative("A list of closures, one for each layer, called from the last.", of="vjp_chain")
def by_closures(layers, x, dy):
    tape = []
    for f, vjp in layers:
        tape.append(lambda g, vjp=vjp, x=x: vjp(x, g))
        x = f(x)
    while tape:
        dy = tape.pop()(dy)
    return x, dy


@alternative("All values in one list, by number.", of="vjp_chain")
def by_number(layers, x, dy):
    values = [x]
    for i in range(len(layers)):
        values.append(layers[i][0](values[i]))
    gradient = dy
    for i in range(len(layers) - 1, -1, -1):
        gradient = layers[i][1](values[i], gradient)
    return values[-1], gradient


def _forward(layers, x):
    values = [x]
    for f, _ in layers:
        values.append(f(values[-1]))
    return values


@mistake(
    "Your backward pass goes from the first layer to the last. The gradient starts at the loss: the last layer's vjp "
    "comes first.",
    of="vjp_chain",
    hint=1,
)
def forward_order(layers, x, dy):
    values = _forward(layers, x)
    for (_, vjp), value in zip(layers, values, strict=False):
        dy = vjp(value, dy)
    return values[-1], dy


@mistake(
    "You give each vjp the output of its layer. A derivative is taken at the input: keep x before f is called.",
    of="vjp_chain",
    hint=2,
)
def at_the_output(layers, x, dy):
    values = _forward(layers, x)
    for (_, vjp), value in zip(reversed(layers), reversed(values[1:]), strict=True):
        dy = vjp(value, dy)
    return values[-1], dy


@mistake(
    "You give every vjp the first x. The derivative of a layer is taken at its own input, the output of the layer "
    "before.",
    of="vjp_chain",
    hint=2,
)
def always_at_x(layers, x, dy):
    values = _forward(layers, x)
    for _, vjp in reversed(layers):
        dy = vjp(x, dy)
    return values[-1], dy


@mistake(
    "You go backwards through the layers, but forwards through their inputs: the last layer gets the input of the "
    "first.",
    of="vjp_chain",
    hint=2,
)
def inputs_not_reversed(layers, x, dy):
    values = _forward(layers, x)
    for (_, vjp), value in zip(reversed(layers), values, strict=False):
        dy = vjp(value, dy)
    return values[-1], dy


@mistake(
    "You begin with ones and not with dy. The gradient of the loss for y is given, and every entry of y has its own.",
    of="vjp_chain",
    hint=1,
)
def dy_ignored(layers, x, dy):
    values = _forward(layers, x)
    dy = np.ones(np.shape(dy))
    for (_, vjp), value in zip(reversed(layers), reversed(values[:-1]), strict=True):
        dy = vjp(value, dy)
    return values[-1], dy


@mistake(
    "You give every vjp the dy of the very end. Each one takes the gradient of its own output: what the layer after it "
    "returned.",
    of="vjp_chain",
    hint=1,
)
def same_dy_for_all(layers, x, dy):
    values = _forward(layers, x)
    gradient = dy
    for (_, vjp), value in zip(reversed(layers), reversed(values[:-1]), strict=True):
        gradient = vjp(value, dy)
    return values[-1], gradient


@mistake(
    "Your backward pass stops before the first layer: you return the gradient of its output, and not that of x.",
    of="vjp_chain",
    hint=4,
)
def first_layer_left_out(layers, x, dy):
    values = _forward(layers, x)
    for i in range(len(layers) - 1, 0, -1):
        dy = layers[i][1](values[i], dy)
    return values[-1], dy


@mistake(
    "Your backward pass leaves the last layer out. dy is the gradient of its output, so its vjp has to be called too.",
    of="vjp_chain",
    hint=4,
)
def last_layer_left_out(layers, x, dy):
    values = _forward(layers, x)
    for i in range(len(layers) - 2, -1, -1):
        dy = layers[i][1](values[i], dy)
    return values[-1], dy


@mistake(
    "You apply the layers in the opposite order. The first of the list takes x.",
    of="vjp_chain",
    hint=1,
)
def layers_reversed(layers, x, dy):
    return by_recursion(list(layers)[::-1], x, dy)


@mistake(
    "Your y is the input of the last layer, one step short of its output.",
    of="vjp_chain",
    hint=4,
)
def y_one_layer_short(layers, x, dy):
    values = _forward(layers, x)
    for (_, vjp), value in zip(reversed(layers), reversed(values[:-1]), strict=True):
        dy = vjp(value, dy)
    return values[-2] if len(values) > 1 else x, dy


@mistake(
    "You work out each layer's input anew, from x. The numbers are right, but a chain of 100 layers costs 5,000 calls: "
    "keep the inputs of the forward pass.",
    of="vjp_chain",
    hint=2,
)
def inputs_worked_out_again(layers, x, dy):
    y = _forward(layers, x)[-1]
    for i in range(len(layers) - 1, -1, -1):
        dy = layers[i][1](_forward(layers[:i], x)[-1], dy)
    return y, dy


@mistake("You return dx alone; the pair (y, dx) is asked for.", of="vjp_chain", hint=4)
def dx_alone(layers, x, dy):
    return by_recursion(layers, x, dy)[1]


@mistake("You return the pair the wrong way round: it is (y, dx).", of="vjp_chain", hint=4)
def pair_exchanged(layers, x, dy):
    return by_recursion(layers, x, dy)[::-1]


@mistake(
    "Your gradient is the sum of what all layers return, and of dy. Along a chain derivatives are multiplied: each "
    "layer's result goes into the next vjp, and only the last one is dx.",
    of="vjp_chain",
    hint=1,
)
def gradients_added_up(layers, x, dy):
    values = _forward(layers, x)
    total = dy
    for (_, vjp), value in zip(reversed(layers), reversed(values[:-1]), strict=True):
        dy = vjp(value, dy)
        total = total + dy if np.shape(total) == np.shape(dy) else dy
    return values[-1], total


@mistake("Without layers you raise an error. Nothing happens there: y is x, and dx is dy.", of="vjp_chain", hint=4)
def no_layers_raises(layers, x, dy):
    if not layers:
        raise IndexError("list index out of range")
    return by_recursion(layers, x, dy)


@mistake("Without layers you return zeros or None for dx. Nothing happens there: dx is dy.", of="vjp_chain", hint=4)
def no_layers_gives_zeros(layers, x, dy):
    return by_recursion(layers, x, dy) if layers else (x, np.zeros(np.shape(x)))


@mistake("You multiply the result by dy at the end as well; it has gone in at the loss already.", of="vjp_chain", hint=1)
def dy_used_twice(layers, x, dy):
    y, dx = by_recursion(layers, x, dy)
    return y, dx * dy if np.shape(dx) == np.shape(dy) else dx


@mistake(
    "You clip the gradient between the layers. That may help a training that explodes, but it is no derivative any more: "
    "hand it on as the layer's vjp gave it.",
    of="vjp_chain",
    hint=3,
)
def clipped_between_layers(layers, x, dy):
    values = _forward(layers, x)
    for (_, vjp), value in zip(reversed(layers), reversed(values[:-1]), strict=True):
        dy = np.clip(vjp(value, dy), -1.0, 1.0)
    return values[-1], dy


@mistake(
    "You keep the inputs in a dict by the layer. The same pair may stand in the list twice: then only the last of "
    "its inputs is left. Keep one for each place in the list.",
    of="vjp_chain",
    hint=2,
)
def inputs_kept_by_layer(layers, x, dy):
    inputs = {}
    for layer in layers:
        inputs[layer] = x
        x = layer[0](x)
    for layer in reversed(layers):
        dy = layer[1](inputs[layer], dy)
    return x, dy
