"""QLoRALinear against codes, constants and products that are worked out here, in float64 and by loops.

The weights are drawn anew until no number lies within 1e-4 of the middle between two levels (of NF4, scaled to 1),
and no deviation of an absmax within 0.02 of a step of a half-way case: then every right arithmetic gives the same
codes, and they are compared exactly, the constants to 1e-5 (the scale to 1e-4, since it is a difference of rounded numbers).
Values in float32 are compared to 1e-5 relative and 1e-5 absolute. Ŵ in bfloat16 is to be that of float32, rounded once:
it is read from codes and constants that we load, chosen so that float32 is at least 1e-3 of a step away from where
bfloat16 rounds up or down, and compared exactly. Products in bfloat16 are allowed 3 %, of the sum of the magnitudes.

How A is drawn is the learner's choice. Where it plays a part, a hook of ours looks at the output and puts in its place
a statement that no right draw changes. No check depends on chance.
"""

import itertools
from statistics import NormalDist

import numpy as np
import torch

from grader.testing import (
    LearnerError,
    Mismatch,
    assert_close,
    assert_equal,
    assert_gradients,
    keep,
    library,
    load,
    parameters,
    state,
    vjp,
)

DELTA = 1 - (1 / 30 + 1 / 32) / 2


def _side(count):
    return [NormalDist().inv_cdf(DELTA + (0.5 - DELTA) * i / count) for i in range(count)]


LEVELS = np.array(sorted([-z for z in _side(7)] + [0.0] + _side(8)))
LEVELS = (LEVELS / LEVELS.max()).astype(np.float32).astype(np.float64)
MIDDLES = (LEVELS[1:] + LEVELS[:-1]) / 2


def _stored(W, block, outer):
    """What is stored for W, and whether every rounding is clear."""
    flat = W.double().numpy().reshape(-1)
    parts = [flat[i : i + block] for i in range(0, len(flat), block)]
    absmax = np.array([np.abs(part).max() for part in parts])
    unit = np.concatenate([part / m for part, m in zip(parts, absmax, strict=True)])
    clear = np.abs(unit[:, None] - MIDDLES).min() > 1e-4
    codes = np.abs(unit[:, None] - LEVELS).argmin(1)
    even = np.append(codes, 0) if len(codes) % 2 else codes
    packed = torch.from_numpy((16 * even[0::2] + even[1::2]).astype(np.uint8))
    deviation = absmax - absmax.mean()
    scale = np.array([np.abs(deviation[i : i + outer]).max() / 127 for i in range(0, len(absmax), outer)])
    scale = np.where(scale > 1e-9, scale, 1.0)
    steps = deviation / scale[np.arange(len(absmax)) // outer]
    clear = clear and np.abs(np.abs(steps - np.floor(steps)) - 0.5).min() > 0.02
    return (
        {
            "packed": packed,
            "absmax_q": torch.from_numpy(np.round(steps).astype(np.int8)),
            "absmax_scale": torch.from_numpy(scale).float(),
            "absmax_mean": torch.tensor(absmax.mean()).float(),
        },
        clear,
    )


def _read(stored, shape, block, outer):
    """Ŵ in float64."""
    nibbles = [half for byte in stored["packed"].tolist() for half in (byte // 16, byte % 16)][: shape[0] * shape[1]]
    scale, mean = stored["absmax_scale"].double().tolist(), float(stored["absmax_mean"])
    absmax = [max(mean + scale[i // outer] * q, 0.0) for i, q in enumerate(stored["absmax_q"].tolist())]
    flat = [LEVELS[code] * absmax[i // block] for i, code in enumerate(nibbles)]
    return torch.tensor(flat, dtype=torch.float64).reshape(shape)


def _weights(n_out, n_in, block, outer, dtype=torch.float32):
    """A weight whose roundings are clear, and what is stored for it."""
    while True:
        W = (torch.randn(n_out, n_in) * (1 + torch.arange(n_out)[:, None] % 3)).to(dtype)
        stored, clear = _stored(W.float(), block, outer)
        if clear:
            return W, stored


def _linear(side, W, b=None):
    layer = library(side, "torch.nn.Linear")(W.shape[1], W.shape[0], bias=b is not None, dtype=W.dtype)
    load(layer, weight=W) if b is None else load(layer, weight=W, bias=b)
    return layer


def _planted(rng, shape, block, outer):
    """Codes and constants, drawn as such."""
    n = shape[0] * shape[1]
    m = -(-n // block)
    codes = rng.integers(0, 16, n + n % 2)
    codes[n:] = 0
    return {
        "packed": torch.from_numpy((16 * codes[0::2] + codes[1::2]).astype(np.uint8)),
        "absmax_q": torch.from_numpy(rng.integers(-127, 128, m).astype(np.int8)),
        "absmax_scale": torch.from_numpy(rng.uniform(0.002, 0.01, -(-m // outer))).float(),
        "absmax_mean": torch.tensor(rng.uniform(1.3, 1.5)).float(),
    }


def _fill(module, **values):
    """Values into state or factors. What cannot take them is the learner's mistake, told as that."""
    try:
        load(module, **values)
    except LearnerError as error:
        raise Mismatch(
            f"The state is not as in the statement: {error.text}. It asks for the buffers packed, absmax_q, absmax_scale,"
            " absmax_mean (and bias), and for the parameters lora_A (r, in) and lora_B (out, r)."
        ) from None
    return module


def _made(side, rng, n_out, n_in, r, alpha, block, outer, dtype=torch.float32, bias=True):
    """A layer with planted codes and factors, and Ŵ, b, A, B."""
    W, b = torch.randn(n_out, n_in), torch.randn(n_out) + 2.0
    layer = _linear(side, W, b) if bias else _linear(side, W)
    module = side.QLoRALinear(layer, r, alpha, block, outer, dtype)
    stored = _planted(rng, (n_out, n_in), block, outer)
    A, B = torch.randn(r, n_in), torch.randn(n_out, r)
    _fill(module, **stored, lora_A=A, lora_B=B)
    return module, _read(stored, (n_out, n_in), block, outer), b if bias else torch.zeros(n_out), A, B


def _formula(x, W, b, A, B, scaling):
    return x.double() @ W.T + b.double() + scaling * (x.double() @ A.double().T) @ B.double().T


def test_output(solution, rng):
    """y = x Ŵᵀ + b + (α / r) · x Aᵀ Bᵀ, with the Ŵ of the stored codes"""
    cases = [((5, 7), 3, 12, 8, 2, True), ((6, 4), 2, 0.5, 5, 3, True), ((3, 9), 4, 6, 64, 256, False)]
    made = [_made(solution, rng, *shape, r, alpha, block, outer, bias=bias)
            for shape, r, alpha, block, outer, bias in cases]  # fmt: skip
    inputs = [torch.randn(2, 3, shape[1]) for shape, *_ in cases]
    found = [module(x) for (module, *_), x in zip(made, inputs, strict=True)]
    for (_, r, alpha, block, outer, bias), (_, *parts), x, y in zip(cases, made, inputs, found, strict=True):
        why = f"Here r = {r}, α = {alpha}, block = {block}, outer = {outer}, {'with' if bias else 'without'} a bias."
        assert_close(y, _formula(x, *parts, alpha / r).float(), rtol=1e-5, atol=2e-5, what="the output", why=why)


def test_dequantized(solution, rng):
    """dequantized gives the numbers that the stored codes stand for, in the shape of the weight"""
    cases = [((5, 7), 8, 2), ((4, 6), 4, 3), ((3, 5), 64, 256), ((7, 1), 2, 2), ((1, 9), 3, 1)]
    made = [_made(solution, rng, *shape, 2, 3, block, outer) for shape, block, outer in cases]
    found = [module.dequantized() for module, *_ in made]
    for (shape, block, outer), (_, W, *_), values in zip(cases, made, found, strict=True):
        what = f"Ŵ of shape {shape} in blocks of {block} and {outer}"
        assert_close(values, W.float(), atol=1e-6, what=what)


def test_what_is_stored(solution):
    """The weight is stored as packed codes and two-level constants, and nothing else is kept"""
    cases = [((5, 7), 8, 2, True), ((6, 12), 9, 3, False), ((4, 33), 64, 256, True), ((3, 5), 4, 4, True)]
    made = [(case, *_weights(*case[0], *case[1:3])) for case in cases]
    for (shape, block, outer, bias), W, stored in made:
        b = torch.randn(shape[0]) + 2
        module = solution.QLoRALinear(_linear(solution, W, b) if bias else _linear(solution, W), 2, 3, block, outer)
        # How A starts is the learner's own affair, B is asked for elsewhere.
        _fill(module, lora_A=torch.ones(2, shape[1]), lora_B=torch.ones(shape[0], 2))
        found = state(module)
        right = {**stored, **({"bias": b} if bias else {})}
        names = sorted([*right, "lora_A", "lora_B"])
        extra = [name for name in found if name not in names]
        assert not extra, f"The state holds more than it should: {', '.join(extra)}. Keep only {', '.join(names)}."
        missing = [name for name in names if name not in found]
        assert not missing, f"The state lacks {', '.join(missing)}."
        case = f"for a {shape} weight in blocks of {block} and {outer}"
        for name, value in right.items():
            rtol = 1e-4 if name == "absmax_scale" else None
            assert_close(found[name], value, rtol=rtol, what=f"`{name}` {case}")


def test_memory(solution):
    """The frozen weight takes little more than half a byte for each number"""
    n_out, n_in = 257, 64
    W, b = torch.randn(n_out, n_in), torch.randn(n_out)
    W[255] *= 9  # the last block of the first 256
    W[256] *= 3
    module = solution.QLoRALinear(_linear(solution, W, b), 2, 3)
    _fill(module, lora_A=torch.ones(2, n_in))
    kept = {name: value for name, value in state(module).items() if name not in ("lora_A", "lora_B", "bias")}
    size = sum(value.numel() * value.element_size() for value in kept.values())
    expected = n_out * n_in // 2 + 257 + 2 * 4 + 4
    assert size == expected, (
        f"The frozen weight takes {size} bytes, expected {expected}: 4 bits, and 8 for each block of 64."
    )
    scale = _stored(W, 64, 256)[0]["absmax_scale"]
    what = "`absmax_scale` of a layer made with block and outer left out (64 and 256)"
    assert_close(kept.get("absmax_scale"), scale, rtol=1e-4, what=what)


def test_only_the_factors_are_trained(solution):
    """lora_A and lora_B are trained, in float32, and nothing else is"""
    for dtype, compute in itertools.product((torch.float32, torch.bfloat16), repeat=2):
        W, b = torch.randn(4, 6).to(dtype), torch.randn(4).to(dtype)
        module = solution.QLoRALinear(_linear(solution, W, b), 3, 5, 8, 2, compute)
        _fill(module, lora_A=torch.ones(3, 6), lora_B=torch.ones(4, 3))
        found = parameters(module)
        trained = sorted(name for name, value in found.items() if value.requires_grad)
        bias_tied = module.bias.requires_grad
        case = f"for a layer in {dtype} and compute_dtype = {compute}"
        assert trained == ["lora_A", "lora_B"], f"Trained are {trained} {case}; only lora_A and lora_B should be."
        assert not bias_tied, f"The bias still hangs on autograd {case}: it is frozen, and a copy by value."
        shapes = {name: (tuple(found[name].shape), found[name].dtype) for name in trained}
        for name, shape in (("lora_A", (3, 6)), ("lora_B", (4, 3))):
            assert shapes[name][0] == shape, f"{name} has the shape {shapes[name][0]}, expected {shape}."
            assert shapes[name][1] == torch.float32, (
                f"{name} is in {shapes[name][1]} {case}; the factors stay in float32."
            )


def test_gradients(solution, rng):
    """Gradients reach A, B and x, through both paths, and have the right values"""
    for shape, r, alpha in (((5, 7), 3, 12), ((4, 6), 2, 5)):
        module, W, b, A, B = _made(solution, rng, *shape, r, alpha, 8, 2)
        x, g = torch.randn(6, shape[1]), torch.randn(6, shape[0])
        y, grads = vjp(module, x, cotangent=g, wrt=(0, "lora_A", "lora_B"))
        s, wide = alpha / r, g.double()
        expected = [
            wide @ W + s * wide @ B.double() @ A.double(),
            s * B.double().T @ wide.T @ x.double(),
            s * wide.T @ x.double() @ A.double().T,
        ]
        assert_close(y, _formula(x, W, b, A, B, s).float(), atol=2e-5, what="the output")
        why = "x gets its gradient through Ŵ and through the factors."
        assert_gradients(grads, [e.float() for e in expected], ("x", "lora_A", "lora_B"), atol=1e-4, why=why)


def test_start(solution):
    """At the start the layer is its quantized base: lora_B is zero, lora_A random"""
    n_out, n_in, r = 6, 5, 4
    W, stored = _weights(n_out, n_in, 8, 2)
    module = solution.QLoRALinear(_linear(solution, W), r, 12, 8, 2)
    x = torch.randn(9, n_in)
    base = _read(stored, (n_out, n_in), 8, 2)
    out = module(x)
    _fill(module, lora_B=torch.eye(n_out, r))

    def rows_differ(_module, _args, output):
        if not isinstance(output, torch.Tensor):
            raise Mismatch("forward returned no tensor. Is a `return` missing?")
        A = ((output.detach().double() - base.T)[:, :r] / 3.0).T
        pairs = itertools.combinations(A, 2)
        return torch.tensor([bool(A.abs().max() > 1e-3) and all((a - b).abs().max() > 1e-4 for a, b in pairs)])

    module.register_forward_hook(rows_differ)
    differ = module(torch.eye(n_in))
    why = "Without training it is x Ŵᵀ: lora_B has to start at zero."
    assert_close(out, (x.double() @ base.T).float(), atol=2e-5, what="the output at the start", why=why)
    assert_equal(differ, torch.tensor([True]), what="whether the rows of lora_A are random, no two alike")


def _clear_in_bfloat16(W):
    """Whether float32 errors can change no rounding to bfloat16."""
    bits = W.float().view(torch.int32).long() & 0xFFFF
    return bool(((bits - 0x8000).abs() > 64).all())


def test_compute_dtype(solution, rng):
    """In bfloat16: Ŵ is rounded once, at the end; the result has the dtype of x"""
    shape, block, outer = (6, 7), 8, 2
    while True:
        stored = _planted(rng, shape, block, outer)
        W = _read(stored, shape, block, outer)
        if _clear_in_bfloat16(W):
            break
    module = solution.QLoRALinear(_linear(solution, torch.randn(shape)), 3, 12, block, outer, torch.bfloat16)
    A, B = torch.randn(3, 7), torch.randn(6, 3)
    _fill(module, **stored, lora_A=A, lora_B=torch.zeros(6, 3))
    rounded = W.float().to(torch.bfloat16)
    values, picked = module.dequantized(), module(torch.eye(7))
    nearly = module((1 + 2.0**-12) * torch.eye(7))
    x = torch.randn(5, 7)
    _fill(module, lora_B=B)
    outputs = [module(x), module(x.to(torch.bfloat16))]
    _fill(module, packed=torch.full((21,), 0x77, dtype=torch.uint8), lora_B=torch.eye(3).repeat(2, 1))
    path = module(torch.eye(7))
    assert_equal(values, rounded, what="Ŵ in bfloat16", why="Work in float32 and round the finished Ŵ once.")
    why = "Each row of x picks one column of Ŵ, as it is in bfloat16; the result has the dtype of x."
    assert_equal(
        picked, rounded.T.float(), what="the output for x = I in float32 and compute_dtype = bfloat16", why=why
    )
    why = "These x are 1 and 0 once they are rounded to bfloat16. x is taken in compute_dtype too, not Ŵ alone."
    assert_equal(
        nearly, rounded.T.float(), what="the output for x = (1 + 2⁻¹²) · I and compute_dtype = bfloat16", why=why
    )
    why = "Here Ŵ is 0, and each row of B picks a row of A. A and B are taken in compute_dtype, for this call only."
    picked_A = 4 * A.to(torch.bfloat16).float().repeat(2, 1).T
    assert_equal(path, picked_A, what="the low-rank path for x = I and compute_dtype = bfloat16", why=why)
    zero = torch.zeros(6)
    right = _formula(x, W, zero, A, B, 4.0)
    bound = float(_formula(x.abs(), W.abs(), zero, A.abs(), B.abs(), 4.0).max()) * 0.03
    for y, dtype in zip(outputs, (torch.float32, torch.bfloat16), strict=True):
        what = f"the output of a layer that computes in bfloat16, for x in {dtype}"
        assert_close(y, right.to(dtype), rtol=0.0, atol=bound, what=what)


def test_bfloat16_layer(solution):
    """A bfloat16 layer is quantized in float32, and computes in float32 unless told otherwise"""
    W, stored = _weights(5, 7, 8, 2, torch.bfloat16)
    b = torch.randn(5).to(torch.bfloat16)
    module = solution.QLoRALinear(_linear(solution, W, b), 2, 3, 8, 2)
    _fill(module, lora_A=torch.ones(2, 7), lora_B=torch.zeros(5, 2))
    found, values = state(module), module.dequantized()
    x = torch.randn(4, 7).to(torch.bfloat16)
    y = module(x)
    for name, value in {**stored, "bias": b.float()}.items():
        assert_close(found.get(name), value, rtol=1e-4 if name == "absmax_scale" else None, what=f"`{name}`")
    read = _read(stored, (5, 7), 8, 2)
    assert_close(values, read.float(), rtol=1e-4, atol=1e-5, what="Ŵ of a bfloat16 layer")
    right = (x.double() @ read.T + b.double()).to(torch.bfloat16)
    assert_close(y, right, what="the output for x in bfloat16", why="It has the dtype of x.")


def test_merged(solution, rng):
    """merged is Ŵ + (α / r) · B A in float32, without gradient, whatever the compute dtype is"""
    cases = [((5, 7), 3, 12, torch.float32), ((4, 6), 2, 0.5, torch.bfloat16), ((6, 3), 1, 4, torch.bfloat16)]
    made = [_made(solution, rng, *shape, r, alpha, 8, 2, dtype) for shape, r, alpha, dtype in cases]
    kept = [keep(module.merged) for module, *_ in made]
    tied = [merged.requires_grad for merged in kept]
    found = [merged.detach().clone() for merged in kept]
    for (shape, r, alpha, dtype), (_, W, _, A, B), merged, grad in zip(cases, made, found, tied, strict=True):
        right = (W + alpha / r * B.double() @ A.double()).float()
        what = f"merged() of shape {shape} with compute_dtype = {dtype}"
        assert_close(merged, right, atol=1e-5, what=what)
        assert not grad, f"{what} hangs on autograd: it is for serving, without a gradient."


def test_loaded_state_counts(solution, rng):
    """What is loaded into codes, constants and factors counts at the next call"""
    module, W, b, A, B = _made(solution, rng, 4, 6, 2, 5, 8, 2)
    x = torch.randn(3, 6)
    first = module(x)
    stored = _planted(rng, (4, 6), 8, 2)
    _fill(module, **stored, bias=b - 1, lora_A=2 * A, lora_B=B + 1)
    second, values = module(x), module.dequantized()
    other = _read(stored, (4, 6), 8, 2)
    assert_close(first, _formula(x, W, b, A, B, 2.5).float(), atol=2e-5, what="the output before")
    assert_close(values, other.float(), atol=1e-6, what="Ŵ after other codes were loaded")
    right = _formula(x, other, b - 1, 2 * A, B + 1, 2.5).float()
    assert_close(second, right, atol=5e-5, what="the output after other codes, bias and factors were loaded")


def test_given_layer_is_not_changed(solution):
    """The given layer keeps its weight and stays as it was"""
    W, b = torch.randn(4, 6), torch.randn(4)
    layer = _linear(solution, W, b)
    module = solution.QLoRALinear(layer, 2, 3, 8, 2)
    _fill(module, bias=b + 5)
    after = state(layer)
    assert_equal(after["weight"], W, what="the weight of the given layer")
    assert_equal(
        after["bias"], b, what="the bias of the given layer", why="Keep a copy of the bias, not the tensor itself."
    )


def test_example_of_the_statement(solution):
    """The example worked by hand comes out; x may have any leading axes"""
    W = torch.tensor([[0.5, -2.0, 0.1], [0.0, 3.0, 1.0]])
    module = solution.QLoRALinear(_linear(solution, W), 1, 3, 4, 2)
    _fill(module, lora_A=torch.tensor([[1.0, 0, 2]]), lora_B=torch.tensor([[1.0], [-1.0]]))
    values, y = module.dequantized(), module(torch.ones(3))
    empty, many = module(torch.zeros(0, 3)), module(torch.ones(3, 2, 1).permute(1, 2, 0))
    right = torch.tensor([[0.492200, -2.0, 0.159160], [0.0, 3.0, 1.013746]])
    assert_close(values, right, atol=1e-3, what="Ŵ of the example")
    expected = torch.tensor([7.6514, -4.9863])
    assert_close(y, expected, atol=1e-3, what="y of the example")
    assert_equal(tuple(empty.shape), (0, 2), what="the shape of the output for no rows")
    assert_close(many, expected.expand(2, 1, 2).clone(), atol=1e-3, what="y for two leading axes")
