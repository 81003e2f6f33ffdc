"""One walk over the shapes that counts bytes of weights, numbers that are trained and numbers that are kept."""

import math


def nf4_bytes(n: int) -> int:
    blocks = -(-n // 64)
    return -(-n // 2) + blocks + 4 * -(-blocks // 256) + 4


def training_bytes(
    shapes: dict[str, tuple[int, ...]], method: str, targets: tuple[str, ...] = (), r: int = 0, tokens: int = 0
) -> dict[str, int]:
    if method not in ("full", "lora", "qlora"):
        raise ValueError(f"no such method: {method!r}")
    if method == "full":
        targets = ()
    for name in targets:
        if len(shapes[name]) != 2:
            raise ValueError(f"{name} is not a matrix")

    weights = trained = kept = 0
    for name, shape in shapes.items():
        n = math.prod(shape)
        if method == "full":
            trained += n
            if len(shape) == 2:
                kept += shape[1]
        elif name in targets:
            rows, columns = shape
            weights += nf4_bytes(n) if method == "qlora" else 2 * n
            trained += r * (rows + columns)
            kept += columns + r
        else:
            weights += 2 * n
    parts = {
        "weights": weights + 2 * trained,
        "gradients": 2 * trained,
        "optimizer": 12 * trained,
        "activations": 2 * tokens * kept,
    }
    return parts | {"total": sum(parts.values())}


def in_gib(n: int) -> float:
    return n / 2**30
