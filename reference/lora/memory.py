"""What fits on the card: the solution, known mistakes, other right solutions."""

from math import ceil, prod

from grader.marks import alternative, mistake


def training_bytes(
    shapes: dict[str, tuple[int, ...]], method: str, targets: tuple[str, ...] = (), r: int = 0, tokens: int = 0
) -> dict[str, int]:
    """16 bytes for what is trained (ZeRO, section 3.1), 2 for what is frozen, or NF4 (QLoRA, section 3)."""
    if method not in ("full", "lora", "qlora"):
        raise ValueError(f"no method {method!r}")
    if method == "full":
        targets = ()
    frozen_bytes = trained = kept = 0
    for name in targets:
        n_out, n_in = shapes[name]  # KeyError for an unknown name, ValueError for a vector
        trained += r * (n_out + n_in)
        kept += n_in + r  # x and A x
    for name, shape in shapes.items():
        n = prod(shape)
        if method == "full":
            trained += n
            kept += shape[1] if len(shape) == 2 else 0
        elif method == "qlora" and name in targets:
            frozen_bytes += _nf4_bytes(n)
        else:
            frozen_bytes += 2 * n
    return _parts(frozen_bytes + 2 * trained, 2 * trained, 12 * trained, 2 * tokens * kept)


def _nf4_bytes(n: int) -> int:
    """Codes, scales of blocks of 64, scales of 256 of those, and their mean."""
    m = ceil(n / 64)
    return ceil(n / 2) + m + 4 * ceil(m / 256) + 4


def _parts(weights, gradients, optimizer, activations):
    return {
        "weights": weights,
        "gradients": gradients,
        "optimizer": optimizer,
        "activations": activations,
        "total": weights + gradients + optimizer + activations,
    }


def in_gib(n: int) -> float:
    return n / 2**30


# What the mistakes share.

_right = training_bytes


def _with_nf4(shapes, method, targets, r, tokens, wrong):
    """The right parts, but with another count for a matrix in NF4."""
    parts = _right(shapes, method, targets, r, tokens)
    if method == "qlora":
        parts["weights"] += sum(wrong(prod(shapes[t])) - _nf4_bytes(prod(shapes[t])) for t in targets)
    return _sum(parts)


def _sum(parts):
    return _parts(*(parts[key] for key in ("weights", "gradients", "optimizer", "activations")))


def _counts(shapes, method, targets, r):
    """How many numbers there are, how many of them in matrices with an adapter, and how many in the adapters."""
    if method == "full":
        targets = ()
    everything = sum(map(prod, shapes.values()))
    return everything, sum(prod(shapes[t]) for t in targets), sum(r * sum(shapes[t]) for t in targets)


# Mistakes: what is trained.


@mistake(
    "You give frozen weights an optimiser state. Adam keeps its numbers for what it trains: for A and B only.",
    of="training_bytes",
    hint=1,
)
def adam_on_frozen(shapes, method, targets=(), r=0, tokens=0):
    parts = _right(shapes, method, targets, r, tokens)
    if method != "full":
        parts["optimizer"] += 12 * _counts(shapes, method, targets, r)[0]
    return _sum(parts)


@mistake(
    "You give frozen weights a gradient. None is kept for them: that is half of what LoRA saves.",
    of="training_bytes",
    hint=1,
)
def gradients_of_frozen(shapes, method, targets=(), r=0, tokens=0):
    parts = _right(shapes, method, targets, r, tokens)
    if method != "full":
        parts["gradients"] += 2 * _counts(shapes, method, targets, r)[0]
    return _sum(parts)


@mistake(
    "Your optimiser has Adam's m and v, but not the float32 copy of the weights: 12 bytes for each number that is "
    "trained, not 8.",
    of="training_bytes",
    hint=3,
)
def no_master_copy(shapes, method, targets=(), r=0, tokens=0):
    parts = _right(shapes, method, targets, r, tokens)
    parts["optimizer"] = parts["optimizer"] * 2 // 3
    return _sum(parts)


@mistake(
    "You keep the optimiser's numbers in bfloat16. Its copy of the weight, m and v are float32: 12 bytes for each "
    "number that is trained, not 6.",
    of="training_bytes",
    hint=3,
)
def optimizer_in_bfloat16(shapes, method, targets=(), r=0, tokens=0):
    parts = _right(shapes, method, targets, r, tokens)
    parts["optimizer"] //= 2
    return _sum(parts)


@mistake(
    "The adapters are missing in your weights. A and B are in memory beside the frozen weights.",
    of="training_bytes",
    hint=2,
)
def adapters_not_in_weights(shapes, method, targets=(), r=0, tokens=0):
    parts = _right(shapes, method, targets, r, tokens)
    parts["weights"] -= 2 * _counts(shapes, method, targets, r)[2]
    return _sum(parts)


@mistake(
    'Under "full" you train the matrices only. Vectors, that is biases and norms, are trained as well.',
    of="training_bytes",
    hint=2,
)
def vectors_frozen(shapes, method, targets=(), r=0, tokens=0):
    parts = _right(shapes, method, targets, r, tokens)
    if method == "full":
        vectors = sum(prod(shape) for shape in shapes.values() if len(shape) == 1)
        parts["gradients"] -= 2 * vectors
        parts["optimizer"] -= 12 * vectors
    return _sum(parts)


@mistake(
    'You put adapters beside the matrices under "full". There `targets` and `r` mean nothing: the matrices themselves '
    "are trained.",
    of="training_bytes",
    hint=2,
)
def adapters_in_full(shapes, method, targets=(), r=0, tokens=0):
    parts = _right(shapes, method, targets, r, tokens)
    if method == "full":
        extra = _counts(shapes, "lora", targets, r)[2]
        parts["weights"] += 2 * extra
        parts["gradients"] += 2 * extra
        parts["optimizer"] += 12 * extra
    return _sum(parts)


# Mistakes: NF4.


@mistake(
    "You forget the quantization constants. Codes alone cannot be turned back into weights: the scale of every "
    "block, the scales' own scales and their mean are stored too.",
    of="training_bytes",
    hint=3,
)
def constants_forgotten(shapes, method, targets=(), r=0, tokens=0):
    return _with_nf4(shapes, method, targets, r, tokens, lambda n: ceil(n / 2))


@mistake(
    "Your scales take four bytes each, as without double quantization. Here a block's scale is one byte, with a "
    "float32 for each 256 of them and one for the mean.",
    of="training_bytes",
    hint=3,
)
def quantized_once(shapes, method, targets=(), r=0, tokens=0):
    return _with_nf4(shapes, method, targets, r, tokens, lambda n: ceil(n / 2) + 4 * ceil(n / 64))


@mistake(
    "You count the scales of the blocks, but not what belongs to these: a float32 for each 256 of them, and one for "
    "their mean.",
    of="training_bytes",
    hint=3,
)
def second_constants_forgotten(shapes, method, targets=(), r=0, tokens=0):
    return _with_nf4(shapes, method, targets, r, tokens, lambda n: ceil(n / 2) + ceil(n / 64))


@mistake(
    "Your codes take a byte each. A code of NF4 has four bits: two are packed into one byte.",
    of="training_bytes",
    hint=3,
)
def codes_not_packed(shapes, method, targets=(), r=0, tokens=0):
    return _with_nf4(shapes, method, targets, r, tokens, lambda n: _nf4_bytes(n) - ceil(n / 2) + n)


@mistake(
    "You round down: what is left over at the end of a matrix, half a byte, a shorter block or a shorter group of "
    "scales, takes its room as well.",
    of="training_bytes",
    hint=4,
)
def rounded_down(shapes, method, targets=(), r=0, tokens=0):
    return _with_nf4(shapes, method, targets, r, tokens, lambda n: n // 2 + n // 64 + 4 * (n // 64 // 256) + 4)


@mistake(
    'You store everything in NF4 under "qlora". Only the targets are quantized: embeddings, norms and other '
    "matrices stay in bfloat16.",
    of="training_bytes",
    hint=2,
)
def everything_in_nf4(shapes, method, targets=(), r=0, tokens=0):
    parts = _right(shapes, method, targets, r, tokens)
    if method == "qlora":
        parts["weights"] += sum(_nf4_bytes(prod(s)) - 2 * prod(s) for name, s in shapes.items() if name not in targets)
    return _sum(parts)


@mistake(
    "You cut all quantized matrices into blocks together. Each has blocks, scales and a mean of its own.",
    of="training_bytes",
    hint=4,
)
def blocks_over_all(shapes, method, targets=(), r=0, tokens=0):
    parts = _right(shapes, method, targets, r, tokens)
    if method == "qlora":
        sizes = [prod(shapes[name]) for name in targets]
        parts["weights"] += (_nf4_bytes(sum(sizes)) if sizes else 0) - sum(map(_nf4_bytes, sizes))
    return _sum(parts)


# Mistakes: activations.


@mistake(
    "You keep x for every matrix, whether it is trained or not. A frozen matrix without an adapter needs no x in the "
    "backward pass: the gradient by x is made from the weight.",
    of="training_bytes",
    hint=2,
)
def inputs_of_frozen_kept(shapes, method, targets=(), r=0, tokens=0):
    parts = _right(shapes, method, targets, r, tokens)
    if method != "full":
        parts["activations"] += sum(2 * tokens * s[1] for n, s in shapes.items() if len(s) == 2 and n not in targets)
    return _sum(parts)


@mistake(
    "You forget A x, r numbers for each token: the gradient of B is made from it.",
    of="training_bytes",
    hint=3,
)
def inner_forgotten(shapes, method, targets=(), r=0, tokens=0):
    parts = _right(shapes, method, targets, r, tokens)
    if method != "full":
        parts["activations"] -= 2 * tokens * r * len(targets)
    return _sum(parts)


@mistake(
    "You keep the outputs of the matrices, `shape[0]` numbers for each token. What a matrix keeps for its gradient is "
    "its input, `shape[1]` numbers.",
    of="training_bytes",
    hint=3,
)
def outputs_kept(shapes, method, targets=(), r=0, tokens=0):
    parts = _right(shapes, method, targets, r, tokens)
    matrices = targets if method != "full" else [name for name, shape in shapes.items() if len(shape) == 2]
    parts["activations"] += 2 * tokens * sum(shapes[name][0] - shapes[name][1] for name in matrices)
    return _sum(parts)


# Mistakes: the unit.


@mistake(
    "You divide by 10⁹: that is GB. A GiB has 2³⁰ bytes, 7 % more.",
    of="in_gib",
    hint=4,
)
def gigabytes(n):
    return n / 1e9


@mistake(
    "You round to whole GiB. A float is asked for.",
    of="in_gib",
    hint=4,
)
def whole_gib(n):
    return float(n // 2**30)


# Other right solutions.


@alternative("a list of what is trained and one of what is frozen, summed up", of="training_bytes")
def by_lists(shapes, method, targets=(), r=0, tokens=0):
    if method not in {"full", "lora", "qlora"}:
        raise ValueError(method)
    trained, frozen, inputs = [], [], []
    if method == "full":
        trained = [prod(shape) for shape in shapes.values()]
        inputs = [shape[1] for shape in shapes.values() if len(shape) > 1]
    else:
        for name in targets:
            if name not in shapes:
                raise KeyError(name)
            if len(shapes[name]) == 1:
                raise ValueError(name)
        for name, shape in shapes.items():
            size = prod(shape)
            if name in targets and method == "qlora":
                blocks = -(-size // 64)
                frozen.append((size + 1) // 2 + blocks + 4 * -(-blocks // 256) + 4)
            else:
                frozen.append(size * 2)
        for name in targets:
            rows, columns = shapes[name]
            trained += [r * columns, rows * r]
            inputs += [columns, r]
    numbers = sum(trained)
    out = {"weights": sum(frozen) + 2 * numbers, "gradients": 2 * numbers, "optimizer": 12 * numbers}
    out["activations"] = sum(inputs) * tokens * 2
    return out | {"total": sum(out.values())}


@alternative("bits first, bytes at the end", of="training_bytes")
def by_bits(shapes, method, targets=(), r=0, tokens=0):
    if method not in ("full", "lora", "qlora"):
        raise ValueError("method")
    chosen = set() if method == "full" else set(targets)
    if chosen - set(shapes):
        raise KeyError(*(chosen - set(shapes)))
    if any(len(shapes[name]) < 2 for name in chosen):
        raise ValueError("a vector")
    bits, trained, kept = 0, 0, 0
    for name, (first, *rest) in shapes.items():
        size = first * (rest[0] if rest else 1)
        if name not in chosen:
            bits += 16 * size
            trained += size * (method == "full")
            kept += rest[0] if rest and method == "full" else 0
            continue
        blocks = (size + 63) // 64
        bits += (
            16 * size if method == "lora" else 8 * ((4 * size + 7) // 8) + 8 * blocks + 32 * ((blocks + 255) // 256 + 1)
        )
        bits += 16 * r * (first + rest[0])
        trained += r * (first + rest[0])
        kept += rest[0] + r
    parts = [bits // 8, 2 * trained, 12 * trained, 2 * tokens * kept]
    return dict(zip(("weights", "gradients", "optimizer", "activations", "total"), [*parts, sum(parts)], strict=True))


@alternative("three divisions by 1024", of="in_gib")
def by_steps(n):
    for _ in range(3):
        n = n / 1024
    return n


@mistake(
    "Under \"qlora\" you put every matrix into NF4. Only the targets are: a matrix without an adapter stays in "
    "bfloat16, 2 bytes a number.",
    of="training_bytes",
    hint=2,
)
def every_matrix_in_nf4(shapes, method, targets=(), r=0, tokens=0):
    parts = _right(shapes, method, targets, r, tokens)
    if method == "qlora":
        sizes = [prod(shape) for name, shape in shapes.items() if len(shape) == 2 and name not in targets]
        parts["weights"] += sum(_nf4_bytes(n) - 2 * n for n in sizes)
    return _sum(parts)
