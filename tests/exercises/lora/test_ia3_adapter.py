"""Adapter, (IA)³ and mixed tasks against sums written out in float64; gradients written out by the chain rule.

Φ comes from `math.erf`. Tolerances: float64 1e-9 relative and 1e-10 absolute, float32 1e-5 relative and 2e-5 absolute
for sums of a dozen products; in bfloat16 all numbers are small integers and results exact. Values as they were drawn at
the start never cross: a forward hook of ours puts a statement in the place of the output that no right draw changes.
Nothing fails by chance.
"""

import math

import torch

from grader.testing import (
    LearnerError,
    Mismatch,
    assert_close,
    assert_equal,
    assert_gradients,
    assert_no_aliasing,
    assert_unchanged,
    keep,
    keep_item,
    library,
    load,
    parameters,
    state,
    vjp,
)

D, M = 6, 4
N_IN, N_OUT = 7, 5
NAMES = ("W_down", "b_down", "W_up", "b_up")
CASES = {"on the output": False, "on the input": True}


def _randn(*shape, dtype=torch.float64):
    return torch.randn(shape, dtype=torch.float64).to(dtype)


def _near(actual, expected, what, why=""):
    rtol, atol = (1e-9, 1e-10) if expected.dtype == torch.float64 else (1e-5, 2e-5)
    assert_close(actual, expected, rtol=rtol, atol=atol, what=what, why=why)


def _held(module, name):
    """A parameter, left on its side."""
    try:
        return keep(module.get_parameter, name)
    except LearnerError:
        raise Mismatch(f"{name} is no nn.Parameter of the module, with that name.") from None


def _fill(module, **values):
    """Put values into the parameters, once their form was found right."""
    for name, value in values.items():
        held = _held(module, name)
        mine, asked = (f"{tuple(t.shape)} in {t.dtype}" for t in (held, value))
        assert mine == asked, f"{name} has the shape {mine}; {asked} is asked for."
    load(module, **values)
    return module


# The adapter.


def _parts(dtype=torch.float64, d=D, m=M):
    return [_randn(*shape, dtype=dtype) + offset for shape, offset in (((m, d), 0), ((m,), 1), ((d, m), 0), ((d,), 2))]


def _adapter(side, parts):
    module = side.Adapter(parts[2].shape[0], parts[2].shape[1])
    module = module.double() if parts[0].dtype == torch.float64 else module
    return _fill(module, **dict(zip(NAMES, parts, strict=True)))


def _phi(z):
    return torch.tensor(
        [(1 + math.erf(float(v) / math.sqrt(2))) / 2 for v in z.flatten()], dtype=torch.float64
    ).reshape(z.shape)


def _adapted(h, W_down, b_down, W_up, b_up):
    """a(h), its correction alone, z: in float64."""
    h, W_down, b_down, W_up, b_up = (t.double() for t in (h, W_down, b_down, W_up, b_up))
    z = h @ W_down.T + b_down
    added = (z * _phi(z)) @ W_up.T + b_up
    return (h + added).to(torch.float64), added, z


def _same(mine, right):
    return isinstance(mine, torch.Tensor) and mine.shape == right.shape and torch.allclose(mine, right, 1e-9, 1e-9)


def _adapter_words(around, up, down):
    """What is wrong, from outputs with parts at zero."""
    if not _same(*around):
        return "With W_up and b_up at zero it has to be h itself, and is not."
    if not _same(*up):
        return "With W_up at zero it has to be h + b_up, and is not."
    if not _same(*down):
        return "With W_down at zero it has to be h + W_up GELU(b_down) + b_up, and is not: look at GELU and b_down."
    return "With W_down at zero it is right, so the way down is at fault: z = W_down h + b_down."


def test_adapter(solution):
    """The adapter adds W_up GELU(W_down h + b_down) + b_up to h"""
    parts, h = _parts(), _randn(3, 5, D)
    W_down, b_down, W_up, b_up = parts
    module = _adapter(solution, parts)
    out = module(h)
    cases = ((W_down, b_down, 0 * W_up, 0 * b_up), (W_down, b_down, 0 * W_up, b_up), (0 * W_down, b_down, W_up, b_up))
    found = [(out, _adapted(h, *parts)[0])]
    for case in cases:
        load(module, **dict(zip(NAMES, case, strict=True)))
        found.append((module(h), _adapted(h, *case)[0]))
    _near(out, found[0][1], f"a(h) with d_model = {D}, d_bottleneck = {M}", _adapter_words(*found[1:]))


def _layer(side, W, b=None):
    layer = library(side, "torch.nn.Linear")(W.shape[1], W.shape[0], bias=b is not None, dtype=W.dtype)
    load(layer, weight=W) if b is None else load(layer, weight=W, bias=b)
    return layer


def _weights(dtype=torch.float64):
    """W, b and the two scales, one number of each negative and one zero."""
    W, b, on_out, on_in = _randn(N_OUT, N_IN), _randn(N_OUT) + 3, _randn(N_OUT) + 2, _randn(N_IN) + 2
    for scale in (on_out, on_in):
        scale[1], scale[3] = -1.5, 0.0
    return [t.to(dtype) for t in (W, b, on_out, on_in)]


def _ia3(side, W, b, scale, on_input):
    layer = _layer(side, W, b)
    return layer, _fill(side.IA3Linear(layer, on_input) if on_input else side.IA3Linear(layer), scale=scale)


def _scaled(x, W, b, scale, on_input):
    """y in float64, output by output."""
    x, W, scale = x.double(), W.double(), scale.double()
    columns = []
    for o in range(W.shape[0]):
        total = (x * (W[o] * scale if on_input else W[o])).sum(-1)
        total = total if b is None else total + b[o].double()
        columns.append(total if on_input else scale[o] * total)
    return torch.stack(columns, dim=-1)


def _merged(W, b, scale, on_input):
    W, scale = W.double(), scale.double()
    rows = [[W[o, i] * scale[i if on_input else o] for i in range(W.shape[1])] for o in range(W.shape[0])]
    return torch.tensor(rows), b if b is None or on_input else b.double() * scale


def _assert_pair(found):
    good = isinstance(found, tuple | list) and len(found) == 2
    assert good, "merged() has to return a tuple: (weight, bias), with None for a bias that is not there."


def test_ia3(solution):
    """(IA)³ multiplies the outputs, bias and all, or the inputs before the layer"""
    W, b, *scales = _weights()
    x, found = _randn(3, 4, N_IN), {}
    for (name, on_input), scale in zip(CASES.items(), scales, strict=True):
        _, module = _ia3(solution, W, b, scale, on_input)
        zero = torch.zeros(1, N_IN, dtype=torch.float64)
        found[name] = module(x), module(zero), on_input, scale
    for name, (out, zero, on_input, scale) in found.items():
        bias = b if on_input else scale * b
        why = (
            "It is the bias, unscaled: l multiplies x." if on_input else "It is l times the bias: l multiplies W x + b."
        )
        _near(zero[0], bias, f"the output for x = 0, scaled {name}", why)
        why = f"Where l is 1 it is the base's output; l has {len(scale)} numbers here."
        _near(out, _scaled(x, W, b, scale, on_input), f"the output, scaled {name}", why)


def test_mixed_tasks(solution):
    """Every sequence is scaled by the row of its own task"""
    cases = []
    for batch, n, tasks, d in ((4, 3, 5, 6), (5, 2, 3, 4), (3, 3, 3, 2), (1, 4, 2, 3)):
        y, L, task = _randn(batch, n, d), _randn(tasks, d), torch.randint(0, tasks, (batch,))
        task[0], task[-1] = tasks - 1, 1 if batch > 1 else 0
        cases.append((y, L, task))
    found = [solution.mixed_tasks(*case) for case in cases]
    for (y, L, task), mine in zip(cases, found, strict=True):
        expected = torch.stack(
            [torch.stack([token * L[t] for token in rows]) for rows, t in zip(y, task.tolist(), strict=True)]
        )
        fits = isinstance(mine, torch.Tensor) and mine.shape == y.shape
        right = [i for i in range(len(y)) if fits and _same(mine[i], expected[i])]
        why = f"The tasks of the sequences are {task.tolist()}; right are the sequences {right}."
        _near(mine, expected, f"mixed_tasks for y of shape {tuple(y.shape)} and L of shape {tuple(L.shape)}", why)


def test_merged(solution):
    """merged() gives weight and bias of a plain layer that computes the same, and changes nothing"""
    W, b, *scales = _weights()
    x, found = _randn(4, N_IN), []
    for (name, on_input), scale in zip(CASES.items(), scales, strict=True):
        for bias in (b, None):
            layer, module = _ia3(solution, W, bias, scale, on_input)
            case = f"scaled {name}, {'without a bias' if bias is None else 'with a bias'}"
            expected = _merged(W, bias, scale, on_input)
            pair = keep(module.merged)
            weight = keep_item(pair, 0)
            fetched = module.merged()
            tied = [weight.requires_grad] + ([keep_item(pair, 1).requires_grad] if bias is not None else [])
            if not any(tied):
                for i in range(len(tied)):
                    keep(keep_item(pair, i).zero_)
            found.append((case, fetched, expected, tied, state(layer), module(x), (W, bias, scale, on_input)))
    for case, fetched, expected, tied, held, after, given in found:
        _assert_pair(fetched)
        assert not any(tied), "What merged() returns requires a gradient. It is to be stored in a plain layer."
        why = "Row o of the weight makes output o, column i meets input i: l multiplies one of them."
        _near(fetched[0], expected[0], f"the weight of merged(), {case}", why)
        if expected[1] is None:
            assert fetched[1] is None, "The base has no bias: merged() has to return None for it."
        else:
            why = "On the input l never meets the bias." if given[3] else "On the output l multiplies the bias too."
            _near(fetched[1], expected[1], f"the bias of merged(), {case}", why)
        why = "merged() was called, and what it returned was filled with zeros. It has to be memory of its own."
        assert_equal(held["weight"], given[0], what=f"base.weight, {case}", why=why)
        if given[1] is not None:
            assert_equal(held["bias"], given[1], what=f"base.bias, {case}", why=why)
        _near(after, _scaled(x, *given), f"the output after that, {case}", why)


def test_adapter_starts_as_nothing(solution):
    """A new adapter returns h, and its W_down starts random"""
    module = solution.Adapter(D, M)
    held = parameters(module)
    assert_equal(", ".join(sorted(held)), ", ".join(sorted(NAMES)), what="the names of the adapter's parameters")
    shapes = {"W_down": (M, D), "b_down": (M,), "W_up": (D, M), "b_up": (D,)}
    for name, shape in shapes.items():
        mine = f"{tuple(held[name].shape)} in {held[name].dtype}"
        assert mine == f"{shape} in torch.float32", f"{name} is {mine}; {shape} in torch.float32 is asked for."
        assert held[name].requires_grad, f"{name} does not require a gradient, so it would never be trained."
    for name in ("W_up", "b_up"):
        assert not bool(held[name].detach().any()), (
            f"{name} does not start at zero: a new adapter has to change nothing."
        )
    h, seen = torch.randn(9, D), []

    def look(_module, args, output):
        seen[:] = [output.shape == args[0].shape and torch.allclose(output.detach(), args[0].detach(), 1e-5, 1e-6)]
        return torch.tensor(seen)

    def look_down(_module, args, output):
        z = (output - args[0]).detach()[:, :M]  # GELU(W_down + b_down), a column per unit
        finite = bool(z.isfinite().all())
        moves = finite and bool((z.amax(0) - z.amin(0) > 1e-7).all())
        seen[:] = [finite, moves, moves and len(torch.unique(z.T.double().round(decimals=5), dim=0)) == M]
        return torch.tensor(seen)

    hook = module.register_forward_hook(look)
    module(h)
    same = bool(seen[0])
    hook.remove()
    _fill(module, W_up=torch.eye(D, M), b_down=torch.ones(M))
    module.register_forward_hook(look_down)
    module(torch.eye(D))
    finite, moves, apart = seen
    assert same, "A new adapter does not return h. With W_up and b_up at zero nothing is added."
    assert finite, "With W_up the identity, a new adapter gives NaN: is W_down filled?"
    assert moves, "A unit of the bottleneck does not depend on h: W_down starts with a row of equal numbers or zeros."
    assert apart, "W_down does not start random: two of its rows are equal, and would learn the same for ever."


def test_ia3_starts_as_the_base(solution):
    """A new (IA)³ layer computes what its base computes: every number is one"""
    W, b, x = (
        torch.randint(-3, 4, s) for s in ((N_OUT, N_IN), (N_OUT,), (3, N_IN))
    )  # sums below 256, exact in bfloat16
    b += 4
    found = []
    for on_input in (False, True):
        for dtype in (torch.float64, torch.float32, torch.bfloat16):
            module = solution.IA3Linear(_layer(solution, W.to(dtype), b.to(dtype)), on_input)
            found.append((on_input, dtype, _held(module, "scale").detach(), module(x.to(dtype))))
    for on_input, dtype, scale, out in found:
        why = f"on_input is {on_input}, the base has {N_IN} inputs and {N_OUT} outputs."
        assert_equal(scale, torch.ones(N_IN if on_input else N_OUT, dtype=dtype), what="scale at the start", why=why)
        assert_equal(out, (x @ W.T + b).to(dtype), what=f"the output of a new layer in {dtype}", why=why)


def test_gradients_of_the_adapter(solution):
    """Gradients by h and the four parameters of the adapter are right"""
    parts, h, g = _parts(), _randn(2, 5, D), _randn(2, 5, D)
    module = _adapter(solution, parts)
    out, grads = vjp(module, h, cotangent=g, wrt=(0, *NAMES))
    W_down, _, W_up, _ = parts
    expected, _, z = _adapted(h, *parts)
    slope = _phi(z) + z * (-z * z / 2).exp() / math.sqrt(2 * math.pi)
    dz = (g @ W_up) * slope
    flat, rows, a, d = (t.flatten(0, 1) for t in (g, h, z * _phi(z), dz))
    by_hand = (g + dz @ W_down, d.T @ rows, d.sum(0), flat.T @ a, flat.sum(0))
    _near(out, expected, "a(h)")
    assert_gradients(grads, by_hand, ("h", *NAMES), atol=1e-9)


def test_gradients_of_ia3(solution):
    """Gradients by x, the scale, y and L are right, and none reaches the base"""
    W, b, *scales = _weights()
    x, g = _randn(2, 3, N_IN), _randn(2, 3, N_OUT)
    runs = []
    for (name, on_input), scale in zip(CASES.items(), scales, strict=True):
        _, module = _ia3(solution, W, b, scale, on_input)
        trained = sorted(key for key, value in parameters(module).items() if value.requires_grad)
        runs.append(
            (name, on_input, scale, trained, *vjp(module, x, cotangent=g, wrt=(0, "scale", "base.weight", "base.bias")))
        )
    y, L, task, c = _randn(4, 3, 5), _randn(3, 5), torch.tensor([2, 0, 2, 1]), _randn(4, 3, 5)
    mixed, mixed_grads = vjp(solution.mixed_tasks, y, L, task, cotangent=c, wrt=(0, 1))
    for name, on_input, scale, trained, out, (by_x, by_scale, *frozen) in runs:
        _near(out, _scaled(x, W, b, scale, on_input), f"the output, scaled {name}")
        for key, grad in zip(("base.weight", "base.bias"), frozen, strict=True):
            assert grad is None, f"{key} is still trained: a gradient reached it. The base has to be frozen."
        assert_equal(trained, ["scale"], what="the list of trained parameters")
        if on_input:
            expected = (g @ W * scale, ((g @ W) * x).sum((0, 1)))
        else:
            expected = ((g * scale) @ W, (g * (x @ W.T + b)).sum((0, 1)))
        assert_gradients((by_x, by_scale), expected, (f"x, scaled {name}", f"scale, {name}"), atol=1e-9)
    _near(mixed, y * L[task].reshape(4, 1, 5), "mixed_tasks")
    by_L = torch.zeros_like(L)
    for i, t in enumerate(task.tolist()):
        by_L[t] += (c[i] * y[i]).sum(0)
    assert_gradients(mixed_grads, (c * L[task].reshape(4, 1, 5), by_L), ("y", "L"), atol=1e-9)


def test_the_base_is_used_as_it_is(solution):
    """The layer that was given is kept itself: new weights and a new scale count at the next call"""
    W, b, *scales = _weights()
    x, found = _randn(3, N_IN), []
    for (name, on_input), scale in zip(CASES.items(), scales, strict=True):
        layer, module = _ia3(solution, W, b, scale, on_input)
        first = module(x)
        W2, b2, *others = _weights()
        load(layer, weight=W2, bias=b2)
        load(module, scale=others[on_input] * 2)
        found.append((name, on_input, scale, first, module(x), module.merged(), (W2, b2, others[on_input] * 2)))
    for name, on_input, scale, first, second, merged, new in found:
        _near(first, _scaled(x, W, b, scale, on_input), f"the output, scaled {name}")
        why = "Keep that very layer, and nothing that was worked out from it."
        _near(second, _scaled(x, *new, on_input), f"the output with values loaded later, scaled {name}", why)
        _assert_pair(merged)
        _near(
            merged[0],
            _merged(*new, on_input)[0],
            f"the weight of merged() with values loaded later, scaled {name}",
            why,
        )


def test_shapes_and_arguments(solution):
    """Any leading axes, no bias, a bottleneck of one; arguments stay as they are and may be views"""
    W, _, *scales = _weights()
    parts, narrow = _parts(), _parts(m=1)
    adapter, one = _adapter(solution, parts), _adapter(solution, narrow)
    found = []
    for shape in ((), (1,), (2, 1, 3), (0,), (4,)):
        h, x = _randn(*shape, D), _randn(*shape, N_IN)
        if shape == (4,):
            h, x = (t.T.contiguous().T for t in (h, x))
        found.append((f"a(h) for h of shape {tuple(h.shape)}", assert_unchanged(adapter, h), _adapted(h, *parts)[0]))
        found.append((f"a(h) with d_bottleneck = 1, h of shape {tuple(h.shape)}", one(h), _adapted(h, *narrow)[0]))
        for (name, on_input), scale in zip(CASES.items(), scales, strict=True):
            _, module = _ia3(solution, W, None, scale, on_input)
            what = f"the output without a bias, scaled {name}, x of shape {tuple(x.shape)}"
            found.append((what, assert_unchanged(module, x), _scaled(x, W, None, scale, on_input)))
    y, L, task = _randn(4, 3, 5), _randn(3, 5), torch.tensor([2, 0, 2, 1])
    right = y * L[task].reshape(4, 1, 5)
    found.append(("mixed_tasks", assert_unchanged(solution.mixed_tasks, y, L, task), right))
    ones = assert_no_aliasing(solution.mixed_tasks, y, torch.ones(3, 5, dtype=torch.float64), task)
    found.append(("mixed_tasks with L of ones", ones, y))
    views = solution.mixed_tasks(y.mT.contiguous().mT, L.T.contiguous().T, task)
    found.append(("mixed_tasks for views that are not contiguous", views, right))
    for what, mine, expected in found:
        _near(mine, expected, what)


def test_dtypes(solution):
    """float32 and bfloat16 stay what they are, and large inputs do not spoil the others"""
    parts, h = _parts(torch.float32), _randn(4, D, dtype=torch.float32)
    h[1] *= 1e4
    out = _adapter(solution, parts)(h)
    y, L, task = _randn(4, 3, 5, dtype=torch.float32), _randn(3, 5, dtype=torch.float32), torch.tensor([1, 0, 2, 1])
    mixed = solution.mixed_tasks(y, L, task)
    runs = []
    for name, on_input in CASES.items():
        shapes = (N_OUT, N_IN), (N_OUT,), (N_IN if on_input else N_OUT,), (2, N_IN)
        W, b, scale, x = (torch.randint(-3, 4, shape).bfloat16() for shape in shapes)
        x[:, 2:] = 0  # two products and a bias: below 256, exact
        _, module = _ia3(solution, W, b, scale, on_input)
        runs.append(
            (name, module(x), module.merged(), _scaled(x, W, b, scale, on_input), _merged(W, b, scale, on_input))
        )
    expected = _adapted(h, *parts)[0]
    for i in range(len(h)):
        size = float(h[i].abs().max())
        what, why = f"a(h) in float32, row {i}", "One row of h is ten thousand times as large as the others."
        mine = out[i] if isinstance(out, torch.Tensor) and out.shape == h.shape else out
        assert_close(mine, expected[i].float(), rtol=1e-5, atol=2e-5 * max(size, 1.0), what=what, why=why)
    _near(mixed, y * L[task].reshape(4, 1, 5), "mixed_tasks in float32")
    for name, out, merged, right, (weight, bias) in runs:
        assert_equal(out, right.bfloat16(), what=f"the output in bfloat16, scaled {name}")
        _assert_pair(merged)
        assert_equal(merged[0], weight.bfloat16(), what=f"the weight of merged() in bfloat16, scaled {name}")
        assert_equal(merged[1], bias.bfloat16(), what=f"the bias of merged() in bfloat16, scaled {name}")


def test_example_of_the_statement(solution):
    """The examples worked by hand come out"""
    parts = [torch.tensor(v) for v in ([[1.0, 1.0]], [-1.0], [[2.0], [0.0]], [0.0, 1.0])]
    out = _adapter(solution, parts)(torch.ones(2))
    W, b, x = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), torch.ones(3), torch.ones(2)
    on_out = _ia3(solution, W, b, torch.tensor([2.0, 0.0, 1.0]), False)[1](x)
    on_in = _ia3(solution, W, b, torch.tensor([2.0, 0.0]), True)[1](x)
    assert_close(out, torch.tensor([1 + 1.6826894921370859, 2.0]), what="a(h) of the example")
    assert_close(on_out, torch.tensor([8.0, 0.0, 12.0]), what="y of the example, scaled on the output")
    assert_close(on_in, torch.tensor([3.0, 7.0, 11.0]), what="y of the example, scaled on the input")
