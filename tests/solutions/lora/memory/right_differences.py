"""LoRA as what remains of the full costs, QLoRA as LoRA with the targets stored anew; divmod instead of ceil."""

from functools import reduce
from operator import mul


def training_bytes(shapes, method, targets=(), r=0, tokens=0):
    sizes = {name: reduce(mul, shape, 1) for name, shape in shapes.items()}
    total = sum(sizes.values())
    if method == "full":
        inputs = sum(shape[-1] for shape in shapes.values() if len(shape) == 2)
        return finish(2 * total, total, inputs, tokens)
    if method not in ("lora", "qlora"):
        raise ValueError("unknown method")
    weights, adapters, inputs = 2 * total, 0, 0
    for name in targets:
        try:
            n_out, n_in = shapes[name]
        except ValueError:
            raise ValueError(f"{name}: adapters are for matrices") from None
        adapters += r * n_out + r * n_in
        inputs += n_in + r
        if method == "qlora":
            blocks = sum(map(bool, divmod(sizes[name], 64)[1:])) + sizes[name] // 64
            groups = blocks // 256 + (blocks % 256 > 0)
            weights += sizes[name] // 2 + sizes[name] % 2 + blocks + 4 * (groups + 1) - 2 * sizes[name]
    return finish(weights + 2 * adapters, adapters, inputs, tokens)


def finish(weights, trained, inputs, tokens):
    values = [weights, 2 * trained, 12 * trained, 2 * tokens * inputs]
    return dict(zip(["weights", "gradients", "optimizer", "activations", "total"], values + [sum(values)]))


def in_gib(n):
    return n * 2.0**-30
