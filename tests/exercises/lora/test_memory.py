"""training_bytes against tensors that are really made here, and counted by their own size.

For small models the suite builds, with PyTorch, what the statement describes: bfloat16 weights and gradients, float32
copies with Adam's moments beside them, packed codes with their scales, and what autograd keeps in a forward pass, as
torch.autograd.graph.saved_tensors_hooks sees it. Large cases are worked out by hand. All comparisons are exact, nothing
is random, and nothing can fail by chance.
"""

import torch
import torch.nn.functional as F

from grader.testing import LearnerError, Mismatch, assert_close, assert_equal, assert_unchanged

# Sizes with something left over everywhere: odd numbers, blocks and groups that are not full. None is like another.
SHAPES = {"embed": (31, 12), "q": (13, 15), "norm": (15,), "up": (151, 113), "bias": (151,), "down": (9, 151)}
TARGETS = ("q", "up")
METHODS = ("full", "lora", "qlora")


def _size(tensors):
    return sum(t.numel() * t.element_size() for t in tensors)


def _measured(shapes, method, targets, r, tokens):
    """The dict for that model, by making its tensors."""
    weights, trained, kept = [], [], 0
    for name, shape in shapes.items():
        adapted = method != "full" and name in targets
        if adapted and method == "qlora":
            weights += _nf4(shape[0] * shape[1])
        else:
            weights.append(torch.zeros(shape, dtype=torch.bfloat16))
            if method == "full":
                trained.append(weights[-1])
        if adapted:
            trained += [torch.zeros(s, dtype=torch.bfloat16) for s in ((r, shape[1]), (shape[0], r))]
            weights += trained[-2:]
        if len(shape) == 2:
            kept += _saved(shape, method, adapted, r, tokens)
    gradients = [torch.zeros_like(t) for t in trained]
    optimizer = _optimizer(trained)
    parts = {
        "weights": _size(weights),
        "gradients": _size(gradients),
        "optimizer": _size(optimizer),
        "activations": kept,
    }
    return parts | {"total": sum(parts.values())}


def _nf4(n):
    """The tensors of n weights in NF4 with double quantization."""
    codes = torch.zeros(n, dtype=torch.uint8)
    packed = torch.stack([part.sum() for part in codes.split(2)]).to(torch.uint8)
    scales = torch.stack([part.max() for part in codes.split(64)])
    outer = torch.stack([part.max().float() for part in scales.split(256)])
    return [packed, scales, outer, scales.float().mean()]


def _optimizer(trained):
    """The float32 copies, and for each of them Adam's two moments, in its dtype."""
    copies = [t.float() for t in trained]
    return [t for copy in copies for t in (copy, torch.zeros_like(copy), torch.zeros_like(copy))]


def _saved(shape, method, adapted, r, tokens):
    """The bytes of what autograd keeps for one matrix, parameters aside, each tensor once."""
    x = torch.ones(tokens, shape[1], dtype=torch.bfloat16, requires_grad=True) * 1
    W = torch.zeros(shape, dtype=torch.bfloat16, requires_grad=method == "full")
    A, B = (torch.zeros(s, dtype=torch.bfloat16, requires_grad=True) for s in ((r, shape[1]), (shape[0], r)))
    known, seen = {t.untyped_storage().data_ptr() for t in (W, A, B)}, {}

    def pack(t):
        if t.untyped_storage().data_ptr() not in known:
            seen[t.untyped_storage().data_ptr()] = t
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        out = F.linear(x, W)
        if adapted:
            out = out + F.linear(F.linear(x, A), B)
    del out
    return _size(seen.values())


def _assert_parts(actual, expected, what):
    """Key by key, so that the message says which part is wrong."""
    if not isinstance(actual, dict) or set(actual) != set(expected):
        raise Mismatch(f"{what}: a dict with the keys {', '.join(expected)} is asked for.")
    for key, value in expected.items():
        assert type(actual[key]) is int, (
            f"{key!r} is a {type(actual[key]).__name__}; an int is asked for, in whole bytes."
        )
        assert_equal(actual[key], value, what=f"{key!r} in bytes {what}")


def test_measured(solution):
    """For a small model, every part is what the real tensors take"""
    results = {method: solution.training_bytes(SHAPES, method, TARGETS, 4, 5) for method in METHODS}
    for method in METHODS:
        _assert_parts(results[method], _measured(SHAPES, method, TARGETS, 4, 5), f"for {method!r}")


def test_example_of_the_statement(solution):
    """The example worked by hand comes out"""
    shapes = {"q": (6, 10), "norm": (7,)}
    expected = {"full": (134, 134, 804, 60, 1132), "lora": (198, 64, 384, 72, 718), "qlora": (117, 64, 384, 72, 637)}
    results = {method: solution.training_bytes(shapes, method, ("q",), r=2, tokens=3) for method in METHODS}
    for method, numbers in expected.items():
        keys = ("weights", "gradients", "optimizer", "activations", "total")
        _assert_parts(results[method], dict(zip(keys, numbers, strict=True)), f"in the example for {method!r}")


def test_left_over(solution):
    """Blocks, groups of scales and half bytes that are not full take their room, matrix by matrix"""
    # 63, 64, 65 numbers: 1, 1, 2 blocks. 16384 numbers are 256 blocks; one number more is one block and one group more.
    cases = {(7, 9): 32 + 1 + 8, (8, 8): 32 + 1 + 8, (5, 13): 33 + 2 + 8, (128, 128): 8192 + 256 + 8,
             (5, 3277): 8193 + 257 + 12, (1, 1): 1 + 1 + 8}  # fmt: skip
    ask = solution.training_bytes
    alone = [ask({"w": shape}, "qlora", ("w",), 0, 0)["weights"] for shape in cases]
    shapes = {f"w{i}": shape for i, shape in enumerate(cases)}
    together = ask(shapes, "qlora", tuple(shapes), 0, 0)
    for (shape, expected), size in zip(cases.items(), alone, strict=True):
        assert_equal(size, expected, what=f"the bytes of one matrix of shape {shape} in NF4, with r = 0")
    why = "They have their blocks and means each for itself."
    assert_equal(together["weights"], sum(cases.values()), what="the bytes of all six matrices in one model", why=why)


def test_only_targets(solution):
    """What is no target is frozen in bfloat16: no gradient, no optimiser, no activations"""
    some = {"a": (20, 30), "b": (30, 40), "v": (10,)}
    lora, qlora = (solution.training_bytes(some, method, ("b",), 3, 7) for method in ("lora", "qlora"))
    none = {method: solution.training_bytes(some, method, (), 3, 7) for method in METHODS}
    _assert_parts(lora, _measured(some, "lora", ("b",), 3, 7), "for 'lora' with one target of two matrices")
    _assert_parts(qlora, _measured(some, "qlora", ("b",), 3, 7), "for 'qlora' with one target of two matrices")
    frozen = {"weights": 2 * 1810, "gradients": 0, "optimizer": 0, "activations": 0, "total": 2 * 1810}
    _assert_parts(none["lora"], frozen, "for 'lora' without a target")
    _assert_parts(none["qlora"], frozen, "for 'qlora' without a target")
    _assert_parts(none["full"], _measured(some, "full", (), 3, 7), "for 'full' without targets")


def test_grows(solution):
    """Adapters grow with the rank, activations with the tokens, and the rest stands still"""
    asked = [(4, 10), (8, 10), (4, 30)]
    results = [solution.training_bytes(SHAPES, "qlora", ("q", "down"), r, tokens) for r, tokens in asked]
    base, rank, more = results
    numbers = 13 + 15 + 9 + 151
    assert_equal(rank["weights"] - base["weights"], 2 * 4 * numbers, what="what r = 8 adds to the weights of r = 4")
    assert_equal(rank["optimizer"], 2 * base["optimizer"], what="the optimizer with r = 8, twice that of r = 4")
    gained = rank["activations"] - base["activations"]
    assert_equal(
        gained, 2 * 10 * 4 * 2, what="what r = 8 adds to the activations of r = 4, for 10 tokens and two targets"
    )
    assert_equal(
        more["activations"], 3 * base["activations"], what="the activations of 30 tokens, three times those of 10"
    )
    same = {key: value for key, value in more.items() if key in ("weights", "gradients", "optimizer")}
    assert_equal(same, {key: base[key] for key in same}, what="the other parts with more tokens")


def test_seven_billion(solution):
    """A model of 6.7 billion parameters: 112 GB to train whole, a twentieth of it with QLoRA"""
    shapes = {"embed": (32000, 4096), "head": (32000, 4096)}
    for i in range(32):
        shapes |= {f"{i}.{name}": (4096, 4096) for name in "qkvo"} | {
            f"{i}.up": (22016, 4096),
            f"{i}.down": (4096, 11008),
        }
    targets = tuple(name for name in shapes if "." in name)
    full, qlora = (solution.training_bytes(shapes, method, targets, 16, 0) for method in ("full", "qlora"))
    block = 4 * 4096**2 + 3 * 4096 * 11008
    count = 32 * block + 2 * 32000 * 4096
    assert_equal(full["total"], 16 * count, what="the bytes to train all of the model, 16 for each number")
    adapters = 32 * 16 * (4 * 8192 + 22016 + 4096 + 4096 + 11008)
    # A block of 64 · 256 numbers takes 8192 + 256 + 4 bytes; all sizes are multiples of that.
    stored = 32 * block // 16384 * 8452 + 32 * 6 * 4 + 2 * 2 * 32000 * 4096
    assert_equal(
        qlora["weights"], stored + 2 * adapters, what="the weights under 'qlora' of a model of 6.7 billion numbers"
    )
    assert_equal(
        qlora["total"], stored + 16 * adapters, what="the total under 'qlora' of a model of 6.7 billion numbers"
    )


def test_defaults_and_inputs(solution):
    """Without targets, rank and tokens, and `shapes` is left as it was"""
    plain = solution.training_bytes({"w": (3, 5), "b": (3,)}, "full")
    adapted = solution.training_bytes({"w": (3, 5), "b": (3,)}, "lora", ("w",))
    assert_unchanged(solution.training_bytes, dict(SHAPES), "qlora", TARGETS, 4, 5)
    expected = {"weights": 36, "gradients": 36, "optimizer": 216, "activations": 0, "total": 288}
    _assert_parts(plain, expected, "for 'full' with nothing else given")
    bare = {"weights": 36, "gradients": 0, "optimizer": 0, "activations": 0, "total": 36}
    _assert_parts(adapted, bare, "for 'lora' with a target, the rank left at 0")
    _assert_parts(solution.training_bytes({}, "lora"), dict.fromkeys(expected, 0), "for a model without weights")


def test_refused(solution):
    """An unknown method raises ValueError, an unknown target KeyError, a vector as a target ValueError"""
    cases = [
        ("adapter", ("q",), "ValueError"),
        ("", (), "ValueError"),
        ("LoRA", ("q",), "ValueError"),
        ("lora", ("q", "k"), "KeyError"),
        ("qlora", ("k",), "KeyError"),
        ("lora", ("norm",), "ValueError"),
        ("qlora", ("q", "bias"), "ValueError"),
    ]
    raised = []
    for method, targets, _ in cases:
        try:
            solution.training_bytes(SHAPES, method, targets, 4, 5)
            raised.append("nothing")
        except LearnerError as error:
            raised.append("KeyError" if isinstance(error, KeyError) else error.kind)
    for (method, targets, expected), kind in zip(cases, raised, strict=True):
        if kind != expected:
            raise Mismatch(f"method {method!r} with targets {targets} has to raise {expected}; {kind} was raised.")
    ignored = solution.training_bytes(SHAPES, "full", ("k", "norm"), 4, 5)
    _assert_parts(ignored, _measured(SHAPES, "full", (), 4, 5), "for 'full' with targets that do not count")


def test_gib(solution):
    """in_gib divides by 2³⁰"""
    sizes = (2**30, 3 * 2**29, 24 * 10**9, 1, 0)
    for n, value in [(n, solution.in_gib(n)) for n in sizes]:
        assert_close(value, n / 1073741824, what=f"in_gib({n})")
