"""Values and gradients by the formulas of the statement, entry by entry in float64, from codes that were planted.

Numbers are made from codes, x = s · (code + u) with |u| ≤ 0.4, so that rounding errors of 1e-7 turn no code into
its neighbour and put none on the other side of an end. Numbers just beyond an end (by 0.1 to 0.4 steps) and exactly
at an end are put in on purpose; for the latter the step is a power of two, so that no way of writing is off by a
rounding. The layer's weights and first batches have such steps too, since there the largest number lies at the end
by construction.

Tolerances: the defaults (float32 1e-5 relative, float64 1e-9). The gradient of s is a sum with cancellation, and so
are the outputs and gradients of the layer: 1e-5 (float64: 1e-12) of the sum of the magnitudes is added. No check
depends on chance: the training check compares with the loss before it and needs a quarter, where a right layer
reaches less than a tenth.
"""

import contextlib

import torch

from grader.testing import (
    LearnerError,
    Mismatch,
    assert_close,
    assert_equal,
    assert_gradients,
    assert_unchanged,
    library,
    load,
    parameters,
    state,
    vjp,
)

K, N = 6, 5


def _top(bits):
    return 2 ** (bits - 1) - 1


def _planted(rng, shape, bits, s, ends=True):
    """x in float64: codes and fractions, some just beyond the ends and some far, with `ends` two exactly at them."""
    top = _top(bits)
    n = 1
    for size in shape:
        n *= size
    v = torch.from_numpy(rng.integers(-top + 1, top, n) + rng.uniform(-0.4, 0.4, n))
    if n >= 8:
        near, far = rng.uniform(0.1, 0.4, 2), rng.uniform(1.6, 1.6 + 2 * top, 3)
        special = [top + near[0], -top - near[1], top + far[0], -top - far[1], -top - far[2]]
        special += [float(top), float(-top)] if ends else []
        v[torch.from_numpy(rng.permutation(n)[: len(special)])] = torch.tensor(special, dtype=torch.float64)
    return s * v.reshape(shape)


def _values(x, clip, bits):
    """x̂, and whether each number is inside, in float64."""
    x, clip = x.double(), float(clip)
    if clip == 0:
        return torch.zeros_like(x), x == 0
    s = clip / _top(bits)
    return s * torch.round(x / s).clamp(-_top(bits), _top(bits)), x.abs() <= clip


def _cotangent(rng, shape):
    """Nothing near 0, nothing near 1."""
    return torch.from_numpy(rng.uniform(1.5, 4.0, shape) * rng.choice([-1.0, 1.0], shape))


def _step_gradient(x, s, bits, cotangent):
    """The gradient of s by a loop, and the sum of its magnitudes."""
    total, size, top = 0.0, 0.0, _top(bits)
    for value, weight in zip(x.double().flatten().tolist(), cotangent.double().flatten().tolist(), strict=True):
        v = value / float(s)
        slope = top if v > top else -top if v < -top else round(v) - v
        total, size = total + weight * slope, size + abs(weight * slope)
    g = (x.numel() * top) ** -0.5
    return torch.tensor(g * total, dtype=torch.float64), g * size


def _layer(side, W, b, bits, momentum=0.9):
    linear = library(side, "torch.nn.Linear")(W.shape[1], W.shape[0], bias=b is not None, dtype=W.dtype)
    load(linear, weight=W) if b is None else load(linear, weight=W, bias=b)
    return side.QATLinear(linear, bits, momentum)


def _weights(rng, bits, n=N, k=K, dtype=torch.float32):
    """W whose largest magnitude is negative and exactly q_max steps of 1/16, and a bias that lies on no grid."""
    top = _top(bits)
    W = _planted(rng, (n, k), bits, 1.0, ends=False).clamp(-top + 0.6, top - 0.6)
    W[1, 2] = -top
    return (W / 16).to(dtype), torch.from_numpy(rng.uniform(1.1, 1.9, n)).to(dtype)


def _batch(rng, shape, bits, largest, clip=None, dtype=torch.float32):
    """A batch whose largest magnitude is negative; its other numbers are codes of `clip`."""
    clip = largest if clip is None else clip
    top = _top(bits)
    v = torch.from_numpy(rng.integers(-top + 1, top, shape) + rng.uniform(-0.4, 0.4, shape)).clamp(
        -top + 0.6, top - 0.6
    )
    x = v * (clip / top)
    room = largest / clip
    if room < 1:
        x = torch.where(x.abs() < 0.95 * largest, x, torch.zeros_like(x))
    x.view(-1)[3] = -largest
    if room > 1.1:
        x.view(-1)[5] = clip * (1 + 0.4 / top)
    return x.to(dtype)


def _right(x, clip, W, b, bits):
    """y in float64, and the sum of the magnitudes as the scale of what rounding may do."""
    x_hat, W_hat = _values(x, clip, bits)[0], _values(W, W.abs().max(), bits)[0]
    y = x_hat @ W_hat.T
    return (y if b is None else y + b.double()), float((x_hat.abs() @ W_hat.abs().T).max())


def _assert_y(found, x, clip, W, b, bits, what, why=""):
    y, size = _right(x, clip, W, b, bits)
    assert_close(found, y.to(W.dtype), atol=(1e-5 if W.dtype == torch.float32 else 1e-12) * size, what=what, why=why)


def _clip_of(module):
    """The buffer, told in words where it is none."""
    found = state(module)
    if "clip" not in found:
        with contextlib.suppress(LearnerError):
            _ = module.clip
        raise Mismatch("state_dict() of the layer holds no `clip`: what was observed is not saved. Make it a buffer.")
    if "clip" in parameters(module):
        raise Mismatch("`clip` is a parameter of the layer, so that an optimizer would move it. Make it a buffer.")
    return found["clip"].detach()


def test_straight_through(solution, rng):
    """fake_quantize: x̂ lies on the grid, the gradient is 1 inside and 0 outside"""
    cases = [((5, 8), 3, 0.25), ((4, 9), 4, 0.125), ((2, 3, 7), 2, 0.5), ((40,), 8, 2.0)]
    made = []
    for shape, bits, s in cases:
        x, cotangent = _planted(rng, shape, bits, s).float(), _cotangent(rng, shape).float()
        made.append((x, torch.tensor(s * _top(bits)), bits, cotangent))
    found = [vjp(solution.fake_quantize, x, clip, bits, cotangent=c, wrt=(0,)) for x, clip, bits, c in made]
    for (x, clip, bits, _), (values, _) in zip(made, found, strict=True):
        assert_close(values, _values(x, clip, bits)[0].float(), what=f"x̂ to {bits} bits, clip {float(clip):g}")
    for (x, clip, bits, cotangent), (_, grads) in zip(made, found, strict=True):
        expected = cotangent * _values(x, clip, bits)[1]
        why = f"{bits} bits, clip {float(clip):g}: the gradient passes where -clip ≤ x ≤ clip, and nowhere else."
        assert_gradients(grads, [expected], ("x",), why=why)


def test_learnt_step(solution, rng):
    """lsq: the same grid, a gradient for x, and for s the one of the paper times g"""
    cases = [((5, 7), 3, 0.23), ((4, 9), 4, 0.117), ((3, 2, 7), 2, 0.61), ((37,), 8, 1.9)]
    made = []
    for shape, bits, s in cases:
        x, cotangent = _planted(rng, shape, bits, s, ends=False).float(), _cotangent(rng, shape).float()
        made.append((x, torch.tensor(s), bits, cotangent))
    found = [vjp(solution.lsq, x, s, bits, cotangent=c, wrt=(0, 1)) for x, s, bits, c in made]
    for (x, s, bits, _), (values, _) in zip(made, found, strict=True):
        assert_close(
            values, _values(x, float(s) * _top(bits), bits)[0].float(), what=f"x̂ of lsq to {bits} bits, s {float(s):g}"
        )
    for (x, s, bits, cotangent), (_, grads) in zip(made, found, strict=True):
        inside = x.double().abs() <= float(s) * _top(bits)
        assert_gradients(grads[:1], [cotangent * inside], ("x of lsq",), why="1 inside, 0 outside: g is for s alone.")
        by_s, size = _step_gradient(x, s, bits, cotangent)
        why = f"Here n = {x.numel()}, q_max = {_top(bits)}, g = 1 / √(n · q_max), and the entries are summed."
        assert_gradients(grads[1:], [by_s.float()], ("s",), rtol=1e-5, atol=1e-5 * size, why=why)


def test_first_batch_sets_the_clip(solution, rng):
    """QATLinear in training: the first batch sets the clip, both sides are quantized, the bias is not"""
    for bits, shape in ((4, (7, K)), (3, (2, 4, K))):
        W, b = _weights(rng, bits)
        largest = _top(bits) * 0.5
        x = _batch(rng, shape, bits, largest)
        module = _layer(solution, W, b, bits)
        before, y, after = _clip_of(module), module(x), _clip_of(module)
        assert_equal(before, torch.tensor(0.0), what="the buffer clip before the first call")
        assert_close(after, torch.tensor(largest), what="the buffer clip after the first batch", why="It is max|x|.")
        _assert_y(y, x, largest, W, b, bits, f"y of the first batch, {bits} bits")


def _trained(solution, rng, bits, momentum, dtype=torch.float32):
    """A layer that has seen three batches: module, W, b, its clip, the batches with their clips and outputs."""
    W, b = _weights(rng, bits, dtype=dtype)
    module = _layer(solution, W, b, bits, momentum)
    clip, seen = None, []
    for factor in (1.0, 4.0, 0.5):
        largest = _top(bits) * 0.25 * factor
        clip = largest if clip is None else momentum * clip + (1 - momentum) * largest
        x = _batch(rng, (4, K), bits, largest, clip, dtype)
        seen.append((x, clip, module(x)))
    return module, W, b, clip, seen


def test_clip_is_a_moving_average(solution, rng):
    """QATLinear in training: each further batch moves the clip by its share, then x is quantized with it"""
    for bits, momentum in ((4, 0.75), (3, 0.9), (5, 0.0)):
        module, W, b, clip, seen = _trained(solution, rng, bits, momentum)
        after = _clip_of(module)
        for i, (x, then, y) in enumerate(seen):
            _assert_y(
                y, x, then, W, b, bits, f"y of batch {i + 1}, momentum {momentum}", f"The clip is {then:.4g} there."
            )
        assert_close(after, torch.tensor(clip), what=f"the buffer clip after three batches, momentum {momentum}")


def test_observer_rests_in_evaluation(solution, rng):
    """QATLinear in evaluation: it quantizes with the clip that was observed, and does not move it"""
    bits = 4
    module, W, b, clip, _ = _trained(solution, rng, bits, 0.75)
    module.eval()
    large, small = _batch(rng, (5, K), bits, 8 * clip, clip), _batch(rng, (3, K), bits, 0.5 * clip, clip)
    found = [module(large), module(small), _clip_of(module)]
    module.train()
    again = 0.75 * clip + 0.25 * 2.0
    x = _batch(rng, (3, K), bits, 2.0, again)
    y = module(x)
    _assert_y(
        found[0], large, clip, W, b, bits, "y of a large batch after eval()", "What lies beyond the clip is cut off."
    )
    _assert_y(found[1], small, clip, W, b, bits, "y of a small batch after eval()")
    assert_close(found[2], torch.tensor(clip), what="the buffer clip after two batches in evaluation mode")
    _assert_y(y, x, again, W, b, bits, "y once the layer trains again")


def test_gradients_of_the_layer(solution, rng):
    """QATLinear: gradients of weight, bias and x are right, and none runs through a maximum"""
    bits = 4
    for mode in ("training", "evaluation", "a second batch in training"):
        W, b = _weights(rng, bits)
        module = _layer(solution, W, b, bits, 0.75)
        clip = _top(bits) * 0.5
        x = _batch(rng, (7, K), bits, clip)
        if mode == "evaluation":
            module(x)
            module.eval()
            x = _batch(rng, (7, K), bits, 3 * clip, clip)
        elif mode != "training":
            vjp(module, x, cotangent=torch.ones(7, N), wrt=(0,))
            largest, clip = 4 * clip, 1.75 * clip
            x = _batch(rng, (7, K), bits, largest, clip)
        cotangent = _cotangent(rng, (7, N)).float()
        names = (0, "linear.weight", "linear.bias")
        _, grads = vjp(module, x, cotangent=cotangent, wrt=names)
        x_hat, inside = _values(x, clip, bits)
        W_hat = _values(W, W.abs().max(), bits)[0]
        g = cotangent.double()
        expected = [(g @ W_hat) * inside, g.T @ x_hat, g.sum(0)]
        why = f"In {mode}. Both clips are constants in backward: no gradient runs through a maximum."
        named = ("x", "linear.weight", "linear.bias")
        assert_gradients(grads, [e.float() for e in expected], named, rtol=1e-5, atol=3e-4, why=why)


def test_full_weights_are_kept(solution, rng):
    """QATLinear: the weights themselves stay unrounded, and new ones count at once"""
    bits = 3
    W, b = _weights(rng, bits)
    module = _layer(solution, W, b, bits)
    x = _batch(rng, (7, K), bits, 1.5)
    module(x)
    kept = parameters(module)["linear.weight"].detach()
    W2, b2 = _weights(rng, bits)
    load(module.linear, weight=2 * W2, bias=b2)
    y = module(x)
    why = "Weights rounded in place cannot be trained: steps smaller than the grid are lost."
    assert_equal(kept, W, what="linear.weight after a call", why=why)
    _assert_y(y, x, 1.5, 2 * W2, b2, bits, "y after new weights were loaded", "Quantize the weights at each call.")


def test_without_a_bias(solution, rng):
    """QATLinear: a layer without a bias, inputs of any shape, float64"""
    bits = 5
    for shape, dtype in (((7, K), torch.float32), ((K,), torch.float32), ((2, 1, 3, K), torch.float64)):
        W, _ = _weights(rng, bits, dtype=dtype)
        module = _layer(solution, W, None, bits)
        x = _batch(rng, shape, bits, _top(bits) * 0.25, dtype=dtype)
        y, clip = assert_unchanged(module, x), _clip_of(module)
        _assert_y(y, x, _top(bits) * 0.25, W, None, bits, f"y for x of shape {shape} in {dtype}, no bias")
        assert_close(clip, torch.tensor(_top(bits) * 0.25, dtype=dtype), what=f"the buffer clip of a {dtype} layer")


def test_one_entry_at_a_time(solution):
    """lsq: what a single number below, inside and above does to s"""
    s, bits, one = torch.tensor(0.5), 3, torch.ones(1)
    numbers = {
        "above": (2.0, 3.0),
        "just above": (1.6, 3.0),
        "below": (-4.0, -3.0),
        "inside": (0.3, 0.4),
        "negative": (-0.9, -0.2),
    }
    found = [vjp(solution.lsq, torch.tensor([x]), s, bits, cotangent=one, wrt=(1,))[1] for x, _ in numbers.values()]
    for (name, (x, slope)), grads in zip(numbers.items(), found, strict=True):
        why = f"x is {x:g} alone ({name}), s is 0.5 with 3 bits, and g = 1 / √3."
        assert_gradients(grads, [torch.tensor(slope / 3**0.5)], ("s",), rtol=1e-5, atol=1e-6, why=why)


def test_examples_of_the_statement(solution):
    """The examples worked by hand come out, half-way cases go to the even code"""
    x = torch.tensor([0.3, -0.9, 1.5, 1.6, -4.0])
    values, grads = vjp(solution.fake_quantize, x, torch.tensor(1.5), 3, cotangent=torch.ones(5), wrt=(0,))
    three = torch.tensor([0.3, -0.9, 1.6])
    _, steps = vjp(solution.lsq, three, torch.tensor(0.5), 3, cotangent=torch.ones(3), wrt=(1,))
    half = torch.tensor([0.25, 0.75, 1.25, -0.25, -0.75, -1.25])
    even = [solution.fake_quantize(half, torch.tensor(3.5), 4), solution.lsq(half, torch.tensor(0.5), 4)]
    assert_close(values, torch.tensor([0.5, -1.0, 1.5, 1.5, -1.5]), what="x̂ of the example")
    assert_gradients(grads, [torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0])], ("x",), why="The gradients of the example.")
    assert_gradients(steps, [torch.tensor(3.2 / 3)], ("s",), rtol=1e-5, atol=1e-6, why="The example of lsq.")
    for name, found in zip(("fake_quantize", "lsq"), even, strict=True):
        assert_close(found, torch.tensor([0.0, 1.0, 1.0, 0.0, -1.0, -1.0]), what=f"x̂ of half-way cases by {name}")


def test_zeros_and_tiny_numbers(solution, rng):
    """A clip of 0 gives zeros; numbers of 10⁻¹² have gradients like all others"""
    none = [
        solution.fake_quantize(x, torch.tensor(0.0), 8) for x in (torch.zeros(3, 4), torch.tensor([1.5, -2.0, 0.0]))
    ]
    W, b = _weights(rng, 4)
    untrained = _layer(solution, W, b, 4)
    untrained.eval()
    y = untrained(_batch(rng, (3, K), 4, 2.0))
    flat = _layer(solution, torch.zeros(N, K), b, 4)(_batch(rng, (3, K), 4, 2.0))
    assert_close(none[0], torch.zeros(3, 4), what="x̂ of zeros, clip 0")
    assert_close(none[1], torch.zeros(3), what="x̂ for the clip 0")
    assert_close(y, b.expand(3, N), what="y in evaluation mode before anything was observed (clip 0)")
    assert_close(flat, b.expand(3, N), what="y of a layer whose weights are all 0")

    tiny = 2.0**-42
    x, cotangent = _planted(rng, (5, 8), 4, tiny).float(), _cotangent(rng, (5, 8)).float()
    values, grads = vjp(solution.fake_quantize, x, torch.tensor(7 * tiny), 4, cotangent=cotangent, wrt=(0,))
    right, inside = _values(x, 7 * tiny, 4)
    assert_close(values, right.float(), atol=0.0, what="x̂ of tiny numbers")
    assert_gradients(grads, [cotangent * inside], ("x",), why="All numbers are some 10⁻¹² large.")


def test_float64_and_layouts(solution, rng):
    """float64 keeps its digits, transposed arguments are read rightly, nothing is changed in place"""
    clip = torch.tensor(7 * 0.125, dtype=torch.float64)
    x, cotangent = _planted(rng, (6, 9), 4, 0.125), _cotangent(rng, (9, 6))
    values, grads = vjp(solution.fake_quantize, x.T, clip, 4, cotangent=cotangent, wrt=(0,))
    plain = assert_unchanged(solution.fake_quantize, x.T, clip, 4)
    right, inside = _values(x.T, clip, 4)
    assert_close(values, right, what="x̂ in float64")
    assert_close(plain, right, what="x̂ in float64, without gradients")
    assert_gradients(grads, [cotangent * inside], ("x",))
    s = torch.tensor(0.117, dtype=torch.float64)
    x = _planted(rng, (6, 9), 4, 0.117, ends=False)
    values, grads = vjp(solution.lsq, x.T, s, 4, cotangent=cotangent, wrt=(0, 1))
    plain = assert_unchanged(solution.lsq, x.T, s, 4)
    right, inside = _values(x.T, 7 * 0.117, 4)
    by_s, size = _step_gradient(x.T, s, 4, cotangent)
    assert_close(values, right, what="x̂ of lsq in float64")
    assert_close(plain, right, what="x̂ of lsq in float64, without gradients")
    assert_gradients(grads, [cotangent * inside, by_s], ("x of lsq", "s"), rtol=1e-9, atol=1e-12 * size)


def test_it_trains(solution, rng):
    """At 3 bits the weights find better codes than those they began with"""
    bits = 3
    W, b = _weights(rng, bits)
    x = _batch(rng, (60, K), bits, 1.5)
    target = x @ (W * torch.from_numpy(rng.uniform(0.5, 1.5, (N, K))).float() + 0.06).T + b
    module = _layer(solution, W, torch.zeros(N), bits)
    module(x)
    module.eval()
    losses = []
    for _ in range(12):
        error = (module(x) - target).detach()
        losses.append(float(error.square().mean()))
        _, grads = vjp(module, x, cotangent=error / len(x), wrt=("linear.weight", "linear.bias"))
        if any(grad is None for grad in grads):
            raise Mismatch("No gradient reaches the layer's weights: it cannot be trained.")
        now = parameters(module)
        load(module.linear, weight=now["linear.weight"].detach() - 0.5 * grads[0],
             bias=now["linear.bias"].detach() - 0.5 * grads[1])  # fmt: skip
    assert losses[-1] < 0.25 * losses[0], (
        f"Twelve steps of gradient descent took the loss from {losses[0]:.3g} to {losses[-1]:.3g}."
    )
