"""# What fits on the card

Whether a model can be fine-tuned is decided by memory, before anything is learnt. A model of 7 billion
parameters has 14 GB of weights in bfloat16; to train all of it takes about 112 GB, the gradients and the
optimiser's numbers being seven times the weights. LoRA has those for the adapters only; QLoRA makes the
frozen weights four times smaller on top. Here you work the bytes out in advance, exactly, tensor by tensor.
Plain Python: the answers are ints, and no tensor is needed.

## What takes memory

    each number that is trained      2  the weight, in bfloat16
                                   + 2  its gradient, in bfloat16
                                   + 12 the optimiser: a float32 copy of the weight, and Adam's m and v in float32
    each number that is frozen       2  the weight, and nothing else
    a frozen matrix in NF4, n = out · in numbers, m = ⌈n / 64⌉ blocks (double quantization):
        ⌈n / 2⌉           the codes, two in a byte
      + m                 one byte for the scale of each block
      + 4 · ⌈m / 256⌉     a float32 for each 256 scales
      + 4                 a float32: the mean of the scales
    an adapter of rank r             A (r, in) and B (out, r): trained
    a matrix with an adapter keeps for the backward pass, for each token, in bfloat16:
        x                 in numbers: the gradient of A is made from it
        A x               r numbers: the gradient of B is made from it

What is kept for the backward pass is what a gradient is made from. A matrix that is trained itself needs
its x; a **frozen** matrix without an adapter keeps none, since only the gradient by x passes through it,
and that takes the weight, not x.

## What to write

`training_bytes(shapes, method, targets=(), r=0, tokens=0)` returns a dict with five ints, in bytes:

| key | what is counted |
|---|---|
| `"weights"` | all weights, frozen and trained; in `"qlora"` with all that belongs to NF4; the adapters too |
| `"gradients"` | of what is trained |
| `"optimizer"` | the float32 copies, m and v, of what is trained |
| `"activations"` | what the matrices and adapters keep for the backward pass, for `tokens` tokens |
| `"total"` | the sum of these four |

| argument | type | meaning |
|---|---|---|
| `shapes` | dict of str to tuple of ints | (out, in): a matrix; (n,): a bias or norm, which keeps no activations here |
| `method` | `"full"`, `"lora"` or `"qlora"` | anything else raises ValueError |
| `targets` | tuple of str | the matrices that get an adapter; under `"qlora"` these **and only these** are in NF4 |
| `r` | int | the rank |
| `tokens` | int | batch times sequence length |

- `"full"` trains everything, vectors too, and takes no notice of `targets` and `r`.
- Under `"lora"` and `"qlora"` only A and B are trained. They are in bfloat16, also beside an NF4 matrix.
- Blocks do not reach from one matrix into the next: each has its own, and the last may be shorter. The same
  holds for the 256 scales that share a float32, and for the half byte at the end.
- Every matrix has an input of its own. x is kept once, though two things may read it. What norms, attention
  and the loss keep is left out, and so are working memory and temporary copies.
- A name in `targets` that is not in `shapes` raises KeyError; one that names a vector raises ValueError.
  `shapes` is not changed.

`in_gib(n)` returns n bytes as a float in GiB: 1 GiB = 2³⁰ bytes. (1 GB is 10⁹ bytes, 7 % less; a "24 GB"
card has 24 GiB.)

## By hand

`{"q": (6, 10), "norm": (7,)}`, 67 numbers, tokens = 3, r = 2 and targets `("q",)`; the adapter has 2 · (6 +
10) = 32:

                weights                          gradients   optimizer   activations             total
    full        2 · 67 = 134                     134         804         2 · 3 · 10 = 60         1132
    lora        134 + 2 · 32 = 198               64          384         2 · 3 · (10 + 2) = 72   718
    qlora       (30 + 1 + 4 + 4) + 14 + 64 = 117 64          384         72                      637

## Source

Rajbhandari et al., "ZeRO: Memory Optimizations Toward Training Trillion Parameter Models" (2019), section
3.1 (the 16 bytes); arXiv:1910.02054. Hu et al. (2021), arXiv:2106.09685. Dettmers et al., "QLoRA: Efficient
Finetuning of Quantized LLMs" (2023), section 3 (double quantization); arXiv:2305.14314.
"""


def training_bytes(
    shapes: dict[str, tuple[int, ...]], method: str, targets: tuple[str, ...] = (), r: int = 0, tokens: int = 0
) -> dict[str, int]:
    """The bytes that fine-tuning takes: weights, gradients, optimizer, activations and their total."""
    raise NotImplementedError("go over the shapes: how many numbers are frozen, how many trained, what each keeps")


def in_gib(n: int) -> float:
    """n bytes in GiB."""
    raise NotImplementedError("how many bytes are a GiB?")


if __name__ == "__main__":
    # A model of 6.7 billion parameters: 32 layers of width 4096.
    shapes: dict[str, tuple[int, ...]] = {"embed": (32000, 4096), "head": (32000, 4096), "norm": (4096,)}
    for layer in range(32):
        shapes |= {f"{layer}.{name}": (4096, 4096) for name in "qkvo"} | {f"{layer}.norm{i}": (4096,) for i in (1, 2)}
        shapes |= {f"{layer}.up": (11008, 4096), f"{layer}.gate": (11008, 4096), f"{layer}.down": (4096, 11008)}
    targets = tuple(name for name, shape in shapes.items() if len(shape) == 2 and name not in ("embed", "head"))
    for method in ("full", "lora", "qlora"):
        parts = training_bytes(shapes, method, targets, r=16, tokens=512)
        print(f"{method:6}", *(f"{key} {in_gib(value):6.2f} " for key, value in parts.items()), "GiB")
