"""DoRALinear against the formula, row by row in float64, and gradients written out from section 4.3.

Tolerances: float64 the default 1e-9 relative and 1e-9 absolute for sums of a dozen products; float32 1e-5 relative and
1e-5 absolute (outputs of size ten), gradients 1e-4 absolute. In bfloat16 rows have length 2 and all numbers are small
integers, so that every result is exact. Values of A as they were drawn never cross: where a new layer is looked at, a
forward hook of ours puts a statement in the place of the output that no right draw changes. Nothing can fail by chance.
"""

import torch

from grader.testing import (
    LearnerError,
    Mismatch,
    assert_close,
    assert_equal,
    assert_gradients,
    assert_unchanged,
    keep,
    library,
    load,
    parameters,
    vjp,
)

N_IN, N_OUT = 7, 5
NAMES = ("lora_A", "lora_B", "magnitude")


def _layer(side, W, b=None):
    """An nn.Linear on that side with these weights."""
    layer = library(side, "torch.nn.Linear")(W.shape[1], W.shape[0], bias=b is not None, dtype=W.dtype)
    load(layer, weight=W) if b is None else load(layer, weight=W, bias=b)
    return layer


def _held(module, name):
    """A parameter, left on its side."""
    try:
        return keep(module.get_parameter, name)
    except LearnerError:
        raise Mismatch(f"{name} is no nn.Parameter of the module, with that name.") from None


def _fill(module, **values):
    """Put values into the three parameters, once their form was found right."""
    for name, value in values.items():
        held = _held(module, name)
        mine, asked = (f"{tuple(t.shape)} in {t.dtype}" for t in (held, value))
        assert mine == asked, f"{name} has the shape {mine}; {asked} is asked for."
    load(module, **values)
    return module


def _weights(r, dtype=torch.float64):
    """Random W, b, A, B, m, none of them small; m is not the length of anything, and one of it is negative."""
    W, b = torch.randn(N_OUT, N_IN, dtype=torch.float64), torch.randn(N_OUT, dtype=torch.float64) + 2.0
    A, B = torch.randn(r, N_IN, dtype=torch.float64), torch.randn(N_OUT, r, dtype=torch.float64)
    m = torch.rand(N_OUT, dtype=torch.float64) * 3 + 1.0
    m[3] *= -1.0
    return [t.to(dtype) for t in (W, b, A, B, m)]


def _module(side, W, b, A, B, m, r, alpha):
    return _fill(side.DoRALinear(_layer(side, W, b), r, alpha), lora_A=A, lora_B=B, magnitude=m)


def _weight(W, A, B, m, s):
    """W' row by row in float64."""
    rows = []
    for i in range(W.shape[0]):
        row = W[i].double() + s * sum(B[i, k].double() * A[k].double() for k in range(A.shape[0]))
        length = sum(float(v) ** 2 for v in row) ** 0.5
        rows.append(float(m[i]) * row / length if length else torch.zeros_like(row))
    return torch.stack(rows)


def _output(x, W, b, A, B, m, s):
    h = x.double() @ _weight(W, A, B, m, s).T
    return (h if b is None else h + b.double()).to(x.dtype)


def _near(actual, expected, what, why="", atol=None):
    atol = atol or (1e-9 if expected.dtype == torch.float64 else 1e-5)
    assert_close(actual, expected, atol=atol, what=what, why=why)


def _assert_rows(found, expected, m, case):
    """The rows of W' as they are found in outputs: their lengths first, then where they point."""
    found = found.detach()
    lengths = found.square().sum(1).sqrt()
    why = "They have to be |m_i|: V is divided by the lengths its own rows have now, and by nothing else."
    short = 1 - lengths.double() / m.abs().double()
    if float(short.min()) > 1e-9 and float(short.max()) < 1e-3:
        why += " Yours are all a trifle too short, as if a small number (ε) were added to the length."
    _near(lengths, m.abs(), f"the lengths of the rows of W' {case}", why)
    if float((found - expected).abs().max()) > 1e-7:
        cosine = ((found * expected).sum(1) / m.square()).tolist()
        told = "The lengths are right" if min(map(abs, cosine)) < 0.9999 else "Rows are right but for their sign"
        why = f"{told}; rows of W' point along V = W₀ + (α / r) · B A, against it where m is negative."
        _near(found, expected, f"W' {case}", why)


def _assert_plain(side):
    """The plain case. Checks of what is often forgotten begin with it: two things wrong are told one by one."""
    parts, x = _weights(2), torch.randn(3, N_IN, dtype=torch.float64)
    module = _module(side, *parts, 2, 5)
    _near(module(x), _output(x, *parts, 2.5), "the output of a layer with r = 2, α = 5")


def test_output(solution):
    """The output is W' x + b, with rows of V turned by B A and of length m"""
    for r, alpha in ((3, 12), (2, 0.5)):
        parts, x = _weights(r), torch.randn(2, 4, N_IN, dtype=torch.float64)
        W, b, A, B, m = parts
        module = solution.DoRALinear(_layer(solution, W, b), r, alpha)
        start = _held(module, "magnitude").detach()
        _fill(module, lora_A=A, lora_B=B, magnitude=m)
        out, eye, zero = module(x), module(torch.eye(N_IN, dtype=W.dtype)), module(torch.zeros(1, N_IN, dtype=W.dtype))
        case = f"with r = {r}, α = {alpha:g}"
        _near(start, W.square().sum(1).sqrt(), "the magnitude at the start", "It is the length of each row of W₀.")
        _near(zero[0], b, f"the output for x = 0 {case}", "It is the bias alone: neither m nor the length touches b.")
        _assert_rows((eye - b).T, _weight(W, A, B, m, alpha / r), m, case)
        _near(out, _output(x, *parts, alpha / r), f"the output {case}")


def test_gradients(solution):
    """Gradients by A, B, the magnitude and x are right, the length being a constant"""
    (W, b, A, B, m), s = _weights(3), 4.0
    x, g = (torch.randn(2, 6, n, dtype=torch.float64) for n in (N_IN, N_OUT))
    module = _module(solution, W, b, A, B, m, 3, 12)
    out, grads = vjp(module, x, cotangent=g, wrt=(0, *NAMES))

    V = W + s * B @ A
    n = V.square().sum(1).sqrt()
    G = g.flatten(0, 1).T @ x.flatten(0, 1)  # by W'
    by_V = (m / n)[:, None] * G
    expected = [g @ _weight(W, A, B, m, s), s * B.T @ by_V, s * by_V @ A.T, (G * V).sum(1) / n]
    _near(out, _output(x, W, b, A, B, m, s), "the output")
    why = "The length of V is a constant for the gradient: nothing flows through the norm."
    assert_gradients(grads[:1], expected[:1], ("x",), atol=1e-9)
    assert_gradients(grads[1:], expected[1:], NAMES, atol=1e-9, why=why)


def test_starts_as_the_base(solution):
    """A new layer computes what its base computes"""
    (W, b, A, _, _), x = _weights(4), torch.randn(6, N_IN, dtype=torch.float64)
    module = solution.DoRALinear(_layer(solution, W, b), 4, 6)
    _fill(module, lora_A=A)
    start = _held(module, "magnitude").detach()
    out = module(x)
    first = module.merged()
    why = "At the start B A is zero and m is the length of each row, so that W' = W₀."
    _near(start, W.square().sum(1).sqrt(), "the magnitude at the start", "It is the length of each row of W₀.")
    _near(out, x @ W.T + b, "the output of a new layer, with our own A", why)
    _near(first, W, "merged() of a new layer", why)


def test_a_starts_random(solution):
    """lora_A starts random, no two rows equal"""
    _assert_plain(solution)
    r, n_in, n_out = 4, 6, 5
    module = solution.DoRALinear(_layer(solution, torch.randn(n_out, n_in)), r, 12)
    load(module.base, weight=torch.zeros(n_out, n_in))
    seen = []

    def look(_module, _args, output):
        rows = output.detach().T[:r]  # A's rows, each of length one
        finite = bool(torch.isfinite(rows).all())
        some = finite and bool((rows.abs().amax(1) > 0).all())
        seen[:] = [finite, some, some and len(torch.unique(rows.double().round(decimals=4), dim=0)) == r]
        return torch.tensor(seen)

    _fill(module, lora_B=torch.eye(n_out, r), magnitude=torch.ones(n_out))
    module.register_forward_hook(look)
    module(torch.eye(n_in))
    finite, some, apart = seen
    assert finite, "With B the first columns of the identity and W₀ = 0, the output has NaN: is A filled, and B A = V?"
    assert some, "lora_A starts with a row of zeros. With B zero too, no gradient ever reaches either of them."
    assert apart, "lora_A does not start random: two of its rows have the same direction."


def test_length_and_direction_are_apart(solution):
    """However B A changes, row i of the weight is as long as m_i; and m does not turn it"""
    W, b, A, B, m = _weights(3)
    module = _module(solution, W, b, A, B, m, 3, 12)
    zero = module(torch.zeros(1, N_IN, dtype=torch.float64))
    found = []
    for size in (0.01, 1.0, 1000.0):
        load(module, lora_B=size * B)
        found.append((size, module(torch.eye(N_IN, dtype=torch.float64)).T - b[:, None], module.merged()))
    load(module, lora_B=B, magnitude=10.0 * m)
    longer = module.merged()
    _near(zero[0], b, "the output for x = 0", "It is the bias alone: neither m nor the length touches b.")
    for size, weight, merged in found:
        lengths = weight.square().sum(1).sqrt()
        what = f"the lengths of the rows of W', with B multiplied by {size:g}"
        why = "They are |m|, whatever B A is: otherwise the correction makes rows longer, as in LoRA."
        _near(lengths, m.abs(), what, why, atol=1e-7)
        expected = _weight(W, A, size * B, m, 4.0)
        _near(weight, expected, f"W' with B multiplied by {size:g}", atol=1e-7)
        _near(merged, expected, f"merged() with B multiplied by {size:g}", "It is the weight that forward uses.")
    what = "merged() with every magnitude ten times as large"
    _near(longer, 10.0 * _weight(W, A, B, m, 4.0), what, "Rows become longer, and keep their directions.")


def test_merged(solution):
    """merged() is the weight a plain layer needs: detached, and nothing is changed by it"""
    W, b, A, B, m = parts = _weights(3)
    layer = _layer(solution, W, b)
    module = _fill(solution.DoRALinear(layer, 3, 12), lora_A=A, lora_B=B, magnitude=m)
    x = torch.randn(4, N_IN, dtype=torch.float64)
    before = module(x)
    held = keep(module.merged)
    tied, merged = held.requires_grad, held.clone()
    keep(held.zero_) if not tied else None
    there, after = layer.weight.detach(), module(x)
    plain = library(solution, "torch.nn.functional.linear")(x, merged.detach(), b)
    _near(before, _output(x, *parts, 4.0), "the output before merged()")
    assert not tied, "merged() requires a gradient. It is to be stored in a plain layer: detach it."
    _near(merged, _weight(W, A, B, m, 4.0), "merged()")
    _near(plain, before, "the output of a plain layer with merged() for its weight")
    assert_equal(there, W, what="base.weight after merged()", why="The call only returns a weight.")
    assert_equal(after, before, what="the output after merged() was called and its result filled with zeros")


def test_only_three_are_trained(solution):
    """lora_A, lora_B and magnitude are trained, the base is frozen and stays as it is"""
    parts = W, b, A, B, m = _weights(3)
    layer = _layer(solution, W, b)
    module = _fill(solution.DoRALinear(layer, 3, 12), lora_A=A, lora_B=B, magnitude=m)
    x, g = torch.randn(4, N_IN, dtype=torch.float64), torch.randn(4, N_OUT, dtype=torch.float64)
    out, frozen = vjp(module, x, cotangent=g, wrt=("base.weight", "base.bias"))
    there = layer.weight.detach()
    trained = sorted(name for name, value in parameters(module).items() if value.requires_grad)
    W2, b2, *_ = _weights(3)
    load(layer, weight=W2, bias=b2)
    second = module(x)
    _near(out, _output(x, *parts, 4.0), "the output")
    for name, grad in zip(("base.weight", "base.bias"), frozen, strict=True):
        assert grad is None, f"{name} is still trained: a gradient reached it. The base has to be frozen."
    assert_equal(trained, sorted(NAMES), what="the list of trained parameters")
    assert_equal(there, W, what="base.weight after forward and backward")
    what = "the output after another weight and bias were loaded into the layer that was given"
    _near(second, _output(x, W2, b2, A, B, m, 4.0), what, "Keep that very layer, and nothing worked out from it but m.")


def test_row_of_zeros(solution):
    """A row of zeros stays one: no NaN in the output or in a gradient"""
    _assert_plain(solution)
    W, b, A, B, m = _weights(2)
    W[1], B[1], m[1] = 0.0, 0.0, 0.0
    x, g = torch.randn(3, N_IN, dtype=torch.float64), torch.randn(3, N_OUT, dtype=torch.float64)
    layer = _layer(solution, W, b)
    fresh = solution.DoRALinear(layer, 2, 3)
    start = _held(fresh, "magnitude").detach()
    _fill(fresh, lora_A=A, lora_B=B, magnitude=m)
    out, grads = vjp(fresh, x, cotangent=g, wrt=(0, *NAMES))
    merged = fresh.merged()
    V = W + 1.5 * B @ A
    n = V.square().sum(1).sqrt()
    n[1] = 1.0
    by_V = (m / n)[:, None] * (g.T @ x)
    expected = [g @ _weight(W, A, B, m, 1.5), 1.5 * B.T @ by_V, 1.5 * by_V @ A.T, (g.T @ x * V).sum(1) / n]
    why = "Row 1 of W₀ and of B is all zeros, and so is row 1 of W'."
    _near(start, W.square().sum(1).sqrt(), "the magnitude at the start")
    _near(out, _output(x, W, b, A, B, m, 1.5), "the output with a row of zeros", why)
    _near(merged, _weight(W, A, B, m, 1.5), "merged() with a row of zeros", why)
    assert_gradients(grads, expected, ("x", *NAMES), atol=1e-9, why=why)


def test_rows_of_any_size(solution):
    """Rows of very different length are each normalised by their own: no ε is added"""
    for dtype, sizes in ((torch.float64, (1e-9, 1e6, 1.0, 1e-4, 30.0)), (torch.float32, (1e-7, 9.0, 1.0, 1e-3, 3.0))):
        W, b, A, B, m = _weights(3)
        scale = torch.tensor(sizes, dtype=torch.float64)[:, None]
        parts = [t.to(dtype) for t in (W * scale, b, A, B * scale, m)]
        x = torch.randn(4, N_IN, dtype=torch.float64).to(dtype)
        out = _module(solution, *parts, 3, 12)(x)
        atol = 1e-9 if dtype == torch.float64 else 5e-5  # V is rounded at its own size, and cancels by ten at the most
        why = "Rows of W₀ are of very different sizes; each of W' is as long as its m."
        _near(out, _output(x, *parts, 4.0), f"the output for rows of many sizes in {dtype}", why, atol)


def test_dtypes(solution):
    """A float32 and a bfloat16 base get parameters and results of their own dtype"""
    _assert_plain(solution)
    parts, x = _weights(3, torch.float32), torch.randn(6, N_IN)
    module = _module(solution, *parts, 3, 12)
    out, merged = module(x), module.merged()
    _near(out, _output(x, *parts, 4.0), "the output of a float32 layer", atol=5e-5)
    _near(merged, _weight(*[parts[i] for i in (0, 2, 3, 4)], 4.0).float(), "merged() of a float32 layer", atol=5e-5)

    # Rows of V with four entries ±1: of length 2. All is exact.
    A, B = torch.randint(-2, 3, (2, N_IN)), torch.randint(-2, 3, (N_OUT, 2))
    V = torch.zeros(N_OUT, N_IN)
    for row in V:
        row[torch.randperm(N_IN)[:4]] = torch.randint(0, 2, (4,)) * 2.0 - 1.0
    m, b, x = torch.tensor([2.0, 6.0, 4.0, -2.0, 10.0]), torch.randint(-2, 3, (N_OUT,)), torch.randint(-2, 3, (3, N_IN))
    W, b, A, B, m, x = (t.bfloat16() for t in (V - B @ A, b, A, B, m, x))
    module = _module(solution, W, b, A, B, m, 2, 2)
    out, merged = module(x), module.merged()
    assert_equal(out, _output(x, W, b, A, B, m, 1.0), what="the output of a bfloat16 layer")
    assert_equal(merged, (m[:, None] / 2 * V).bfloat16(), what="merged() of a bfloat16 layer")


def test_any_shape_and_no_bias(solution):
    """Any number of leading axes, a base without a bias, r = 1; x is left as it was"""
    W, _, A, B, m = parts = _weights(1)
    with_bias, without = _module(solution, *parts, 1, 3), _module(solution, W, None, A, B, m, 1, 3)
    for shape in ((N_IN,), (1, N_IN), (2, 1, 3, N_IN), (0, N_IN), (N_IN, 4)):
        x = torch.randn(shape, dtype=torch.float64)
        x = x.T if shape == (N_IN, 4) else x
        what = f"the output for x of shape {tuple(x.shape)}"
        _near(assert_unchanged(with_bias, x), _output(x, *parts, 3.0), what)
        _near(without(x), _output(x, W, None, A, B, m, 3.0), f"{what}, without a bias")


def test_example_of_the_statement(solution):
    """The example worked by hand comes out"""
    W, b = torch.tensor([[3.0, 4.0], [0.0, 2.0]]), torch.ones(2)
    module = solution.DoRALinear(_layer(solution, W, b), 1, 2)
    start = _held(module, "magnitude").detach()
    _fill(module, lora_A=torch.tensor([[1.0, 0.0]]), lora_B=torch.tensor([[1.0], [0.0]]))
    out = module(torch.tensor([1.0, 2.0]))
    assert_close(start, torch.tensor([5.0, 2.0]), what="the magnitude at the start of the example")
    assert_close(out, torch.tensor([65.0 / 41.0**0.5 + 1.0, 5.0]), what="h of the example")
