"""LoRALinear against the formula, written out here in float64.

Tolerances are the defaults: float32 1e-5 relative and 1e-6 absolute, widened to 1e-5 absolute where sums
of a dozen products of size ten may cancel; float64 1e-9. In bfloat16 the case is made of small integers,
so that every result is exact.

How A is drawn is the learner's choice, and so is how dropout is done. Where chance plays a part, a
forward hook of ours looks at the output and puts in its place a statement that no right draw changes ("B
A x is zero", "these outputs occur"): a wrong answer is then wrong in the same way for every learner, and
the mistake can be named. False failures by chance: the dropout check looks at 1,000 rows; the rarest of
the eight patterns has probability 0.027 (missed with probability 1e-12), and the share of kept entries is
0.7 with standard deviation 0.0084 (allowed is 0.05, six of them: 3e-9).

The checks in which most mistakes show come first, since a diagnosis replays calls in this order.
"""

import contextlib
import itertools

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
    vjp,
)

N_IN, N_OUT = 7, 5
SUM_ATOL = 1e-5


def _layer(side, W, b=None):
    """An nn.Linear on that side with these weights."""
    layer = library(side, "torch.nn.Linear")(W.shape[1], W.shape[0], bias=b is not None, dtype=W.dtype)
    load(layer, weight=W) if b is None else load(layer, weight=W, bias=b)
    return layer


def _fill(module, A=None, B=None):
    """Put values into the factors. One that cannot take them is the learner's mistake, told as that."""
    values = {name: value for name, value in (("lora_A", A), ("lora_B", B)) if value is not None}
    try:
        load(module, **values)
    except LearnerError as error:
        _probe(module, A)
        raise Mismatch(
            f"The factors are not as in the statement: {error.text}. It asks for two nn.Parameter of the "
            "module, lora_A of shape (r, in_features) and lora_B of shape (out_features, r)."
        ) from None
    return module


def _probe(module, A):
    """Calls that tell the ways of having other factors apart, without looking at how they were drawn."""
    if A is not None:
        r, n_in = A.shape
        for shape in ((n_in, r), (N_OUT, r)):
            with contextlib.suppress(LearnerError):
                load(module, lora_A=torch.zeros(shape))
    with contextlib.suppress(LearnerError):
        module.get_submodule("lora_A")


def _watched(module, x, summary):
    """The output for x as a hook of ours sees it. The call itself returns summary(output), a tensor."""
    seen = []

    def look(_module, _args, output):
        seen.append(output)
        if not isinstance(output, torch.Tensor):
            raise Mismatch("forward returned no tensor. Is a `return` missing?")
        return summary(output.detach())

    module.register_forward_hook(look)
    module(x)
    if len(seen) != 1:
        raise Mismatch("calling the module did not run its forward once.")
    return seen[0].detach()


def _start(side, r, n_in, n_out, summary):
    """A new layer's lora_A, scaled, as the first r columns of outputs: the base is zero, and B the identity."""
    module = _fill(side.LoRALinear(_layer(side, torch.zeros(n_out, n_in)), r, 12), B=torch.eye(n_out, r))
    return _watched(module, torch.eye(n_in), summary)


def _is(expected):
    """A summary: whether the output is `expected`."""

    def summary(out):
        return torch.tensor([out.shape == expected.shape and torch.allclose(out, expected, 1e-5, SUM_ATOL)])

    return summary


def _formula(x, W, b, A, B, scaling):
    wide = [None if t is None else t.double() for t in (x, W, b, A, B)]
    x64, W64, b64, A64, B64 = wide
    h = x64 @ W64.T + scaling * (x64 @ A64.T) @ B64.T
    return (h if b64 is None else h + b64).to(x.dtype)


def _weights(r, n_in=N_IN, n_out=N_OUT, dtype=torch.float32):
    """Random W, b, A, B, none of them small: a part that is lost or doubled is seen."""
    return (torch.randn(n_out, n_in, dtype=dtype), torch.randn(n_out, dtype=dtype) + 2.0,
            torch.randn(r, n_in, dtype=dtype), torch.randn(n_out, r, dtype=dtype))  # fmt: skip


def _assert_plain(side):
    """The plain case. Checks of what is often added last begin with it: two things wrong are told one by one."""
    W, b, A, B = _weights(2)
    x = torch.randn(3, N_IN)
    module = _fill(side.LoRALinear(_layer(side, W, b), 2, 5), A, B)
    assert_close(module(x), _formula(x, W, b, A, B, 2.5), atol=SUM_ATOL, what="the output in float32, no dropout")


def test_output_is_base_plus_scaled_correction(solution):
    """The output is W₀ x + b + (α / r) · B A x"""
    W, b, A, B = _weights(3)
    x = torch.randn(2, 4, N_IN)
    module = _fill(solution.LoRALinear(_layer(solution, W, b), 3, 12), A, B)
    why = "Here r = 3 and α = 12."
    assert_close(module(x), _formula(x, W, b, A, B, 4.0), atol=SUM_ATOL, what="the output", why=why)

    W, b, A, B = _weights(2)
    x = torch.randn(6, N_IN)
    module = _fill(solution.LoRALinear(_layer(solution, W, b), 2, 0.5), A, B)
    why = "Here r = 2 and α = 0.5."
    assert_close(module(x), _formula(x, W, b, A, B, 0.25), atol=SUM_ATOL, what="the output", why=why)


def test_a_starts_random_and_b_zero(solution):
    """lora_A starts random, lora_B starts at zero"""
    _assert_plain(solution)
    r, n_in, n_out = 4, N_IN, 6
    A = torch.randn(r, n_in)
    module = _fill(solution.LoRALinear(_layer(solution, torch.zeros(n_out, n_in)), r, 12), A=A)
    out = _watched(module, torch.randn(9, n_in), _is(torch.zeros(9, n_out)))
    assert_equal(out, torch.zeros(9, n_out), what="B A x at the start, with our own A", why="B is not zero.")

    def properties(out):
        rows = out[:, :r].T
        apart = all(not torch.equal(one, other) for one, other in itertools.combinations(rows, 2))
        return torch.tensor([bool((rows != 0).any()), apart, bool((rows != rows[:, :1]).any())])

    some, apart, varied = properties(_start(solution, r, n_in, n_out, properties)).tolist()
    assert some, "lora_A starts at zero. With B zero too, no gradient ever reaches either of them."
    assert apart, "lora_A does not start random: two of its rows are the same."
    assert varied, "lora_A does not start random: the numbers in a row are all the same."


def test_only_the_factors_are_trained(solution):
    """lora_A and lora_B are trained, the base is frozen"""
    W, b, A, B = _weights(3)
    module = _fill(solution.LoRALinear(_layer(solution, W, b), 3, 12), A, B)
    names = ("base.weight", "base.bias")
    _, frozen = vjp(module, torch.randn(4, N_IN), cotangent=torch.randn(4, N_OUT), wrt=names)
    for name, grad in zip(names, frozen, strict=True):
        if grad is not None:
            raise Mismatch(f"{name} is still trained: a gradient reached it. The base has to be frozen.")
    trained = sorted(name for name, value in parameters(module).items() if value.requires_grad)
    assert_equal(trained, ["lora_A", "lora_B"], what="the list of trained parameters")


def test_gradients_by_value(solution):
    """Gradients of lora_A, lora_B and x are right, and x gets the base's share"""
    W, b, A, B = _weights(3, dtype=torch.float64)
    x, g = torch.randn(2, 6, N_IN, dtype=torch.float64), torch.randn(2, 6, N_OUT, dtype=torch.float64)
    module = _fill(solution.LoRALinear(_layer(solution, W.float(), b.float()), 3, 12), A.float(), B.float())
    _, grads = vjp(module, x.float(), cotangent=g.float(), wrt=(0, "lora_A", "lora_B"))

    rows, pulled = x.flatten(0, 1), g.flatten(0, 1)
    expected = [g @ W + 4.0 * g @ B @ A, 4.0 * (pulled @ B).T @ rows, 4.0 * pulled.T @ (rows @ A.T)]
    # Sums of a dozen products of size 100 in float32: 1e-4 absolute.
    assert_gradients(grads, [e.float() for e in expected], ("x", "lora_A", "lora_B"), rtol=1e-5, atol=1e-4)


def test_base_is_the_layer_that_was_given(solution):
    """The base is the given layer itself, and keeps every bit of its weights"""
    W, b, A, B = _weights(3)
    layer = _layer(solution, W, b)
    module = _fill(solution.LoRALinear(layer, 3, 12), A, B)
    x = torch.randn(4, N_IN)
    vjp(module, x, cotangent=torch.randn(4, N_OUT), wrt=("lora_A", "lora_B"))
    after, mine, first = layer.weight, module.base.weight, module(x)
    W2, b2, _, _ = _weights(3)
    load(layer, weight=W2, bias=b2)
    second = module(x)
    assert_equal(after.detach(), W, what="the given layer's weight after forward and backward")
    assert_equal(mine.detach(), W, what="base.weight after forward and backward")
    assert_close(first, _formula(x, W, b, A, B, 4.0), atol=SUM_ATOL, what="the output after forward and backward")
    what = "the output after other weights were loaded into the layer that was given"
    expected = _formula(x, W2, b2, A, B, 4.0)
    assert_close(second, expected, atol=SUM_ATOL, what=what, why="Keep that layer, not a copy of it.")


def test_dropout_leaves_the_base_alone(solution):
    """In training mode, dropout does not touch the base's output"""
    W, b, A, _ = _weights(3)
    x = torch.randn(40, N_IN)
    module = _fill(solution.LoRALinear(_layer(solution, W, b), 3, 12, 0.5), A, torch.zeros(N_OUT, 3))
    base = x @ W.T + b
    out = _watched(module, x, _is(base))
    why = "B is zero here, so that only dropout outside the LoRA path can change the output."
    assert_close(out, base, atol=SUM_ATOL, what="the output with B = 0 in training mode", why=why)
    assert_unchanged(module, x)  # the hook is still there: no random number crosses


def test_dropout_is_on_the_input_of_the_lora_path(solution):
    """In training mode, each entry of x is dropped on its way to A and the rest is divided by 1 - dropout"""
    _assert_plain(solution)
    p, scaling = 0.3, 1.5
    A = torch.tensor([[1.0, 2.0, 4.0], [1.0, -1.0, 3.0]])
    B = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, -1.0]])
    module = _fill(solution.LoRALinear(_layer(solution, torch.zeros(4, 3)), 2, 3, p), A, B)
    masks = torch.tensor(list(itertools.product((0.0, 1.0), repeat=3)))

    def occurring(out):
        return torch.unique(out.double().round(decimals=3) + 0.0, dim=0)

    out = _watched(module, torch.ones(1000, 3), occurring)
    possible, found = occurring(scaling * (masks / (1 - p)) @ A.T @ B.T), occurring(out)
    if found.shape[0] != possible.shape[0]:
        raise Mismatch(
            f"For 1,000 rows x = [1, 1, 1] in training mode {found.shape[0]} different outputs occurred. Each of "
            f"the three entries of x is dropped or kept by itself, so that {possible.shape[0]} occur."
        )
    what = "the set of outputs for x = [1, 1, 1] with dropout 0.3"
    assert_close(found, possible, atol=2e-3, what=what, why="Kept entries of x are divided by 1 - dropout.")
    # A's first row is 1, 2, 4: the first output, unscaled, is a number whose bits are the mask.
    mask = (out[:, 0] * (1 - p) / scaling).round().long()
    kept = float(torch.stack([mask >> bit & 1 for bit in range(3)]).double().mean())
    assert abs(kept - 0.7) < 0.05, f"With dropout 0.3 a share of {kept:.2f} of the entries was kept, not 0.7."


def test_no_dropout_in_evaluation(solution):
    """In evaluation mode nothing is dropped"""
    W, b, A, B = _weights(3)
    x = torch.randn(12, N_IN)
    expected = _formula(x, W, b, A, B, 4.0)
    module = _fill(solution.LoRALinear(_layer(solution, W, b), 3, 12, dropout=0.5), A, B)
    module.eval()
    assert_close(_watched(module, x, _is(expected)), expected, atol=SUM_ATOL, what="the output after eval()")


def test_evaluation_is_the_same_layer(solution):
    """In evaluation mode gradients are right too, the base stays as it is, and new factors count at once"""
    _assert_plain(solution)
    W, b, A, B = _weights(3)
    x, g = torch.randn(6, N_IN), torch.randn(6, N_OUT)
    module = _fill(solution.LoRALinear(_layer(solution, W, b), 3, 12), A, B)
    module.eval()
    first, grads = vjp(module, x, cotangent=g, wrt=(0, "lora_A", "lora_B"))
    there = module.base.weight
    _, _, A2, B2 = _weights(3)
    second = _fill(module, A2, B2)(x)
    assert_close(first, _formula(x, W, b, A, B, 4.0), atol=SUM_ATOL, what="the output after eval()")
    x64, g64, W64, A64, B64 = (t.double() for t in (x, g, W, A, B))
    pulled = 4.0 * g64 @ B64
    expected = [(g64 @ W64 + pulled @ A64).float(), (pulled.T @ x64).float(), (4.0 * g64.T @ x64 @ A64.T).float()]
    why = "The module is in evaluation mode, which switches dropout off and nothing else."
    assert_gradients(grads, expected, ("x", "lora_A", "lora_B"), rtol=1e-5, atol=1e-4, why=why)
    assert_equal(there.detach(), W, what="base.weight after eval()", why="The base keeps every bit of its weights.")
    what = "the output after eval(), once other factors were loaded"
    assert_close(
        second, _formula(x, W, b, A2, B2, 4.0), atol=SUM_ATOL, what=what, why="Keep nothing worked out before."
    )


def test_dtype_follows_the_base(solution):
    """A float64 and a bfloat16 base get factors and results of their own dtype"""
    _assert_plain(solution)
    for dtype in (torch.float64, torch.bfloat16):
        # Small integers: every product and sum is exact, in bfloat16 too.
        shapes = ((N_OUT, N_IN), (N_OUT,), (2, N_IN), (N_OUT, 2), (3, N_IN))
        W, b, A, B, x = (torch.randint(-2, 3, shape).to(dtype) for shape in shapes)
        module = _fill(solution.LoRALinear(_layer(solution, W, b), 2, 2), A, B)
        mine = parameters(module)
        for name in ("lora_A", "lora_B"):
            assert_equal(str(mine[name].dtype), str(dtype), what=f"the dtype of {name} for a {dtype} base")
        assert_equal(module(x), _formula(x, W, b, A, B, 1.0), what=f"the output of a {dtype} layer")

    W, b, A, B = _weights(3, dtype=torch.float64)
    x = torch.randn(4, N_IN, dtype=torch.float64)
    module = _fill(solution.LoRALinear(_layer(solution, W, b), 3, 12), A, B)
    why = "Nothing may be rounded to float32 on the way."
    assert_close(module(x), _formula(x, W, b, A, B, 4.0), what="the output of a float64 layer", why=why)


def test_example_of_the_statement(solution):
    """The example worked by hand comes out"""
    layer = _layer(solution, torch.eye(2), torch.tensor([0.5, -0.5]))
    A, B = torch.tensor([[1.0, -1.0]]), torch.tensor([[2.0], [1.0]])
    module = _fill(solution.LoRALinear(layer, 1, 2), A, B)
    assert_close(module(torch.tensor([3.0, 1.0])), torch.tensor([11.5, 4.5]), what="h of the example")


def test_starts_as_the_base(solution):
    """A new layer computes exactly what its base computes"""
    W, b, _, _ = _weights(3)
    x = torch.randn(4, N_IN)
    base = _formula(x, W, b, torch.zeros(3, N_IN), torch.zeros(N_OUT, 3), 1.0)
    module = solution.LoRALinear(_layer(solution, W, b), 3, 12)
    out = _watched(module, x, _is(base))
    why = "Nothing is learnt yet: B A has to be zero."
    assert_close(out, base, atol=SUM_ATOL, what="the output of a new layer", why=why)


def test_a_is_drawn_from_the_generator(solution):
    """The same seed gives the same lora_A, another seed another one"""
    first = []

    def remember(out):
        first[:] = [out]
        return torch.tensor([True])

    def same(out):
        return torch.tensor([torch.equal(out, first[0])])

    # Memory that was never filled does not follow the seed, whatever happens to be in it.
    seeds, summaries = (11, 12, 12, 11), (remember, same, same, same)
    starts = []
    for seed, summary in zip(seeds, summaries, strict=True):
        library(solution, "torch.manual_seed")(seed)
        starts.append(_start(solution, 4, N_IN, 6, summary))
    for seed, start in zip(seeds, starts, strict=True):
        if torch.equal(start, starts[0]) != (seed == seeds[0]):
            how = "with another seed, yet it is the same" if seed != seeds[0] else "with the same seed, yet it differs"
            raise Mismatch(f"lora_A was drawn again {how}. Draw it with PyTorch, and do not seed there yourself.")


def test_first_step_learns_a_correction_of_rank_r(solution):
    """One step of gradient descent changes the layer by a matrix of rank r at the most"""
    r, lr = 2, 0.125
    W, b, A, _ = _weights(r)
    x, g = torch.randn(8, N_IN), torch.randn(8, N_OUT)
    module = _fill(solution.LoRALinear(_layer(solution, W, b), r, 6), A, torch.zeros(N_OUT, r))
    _, (grad_A, grad_B) = vjp(module, x, cotangent=g, wrt=("lora_A", "lora_B"))
    expected = [torch.zeros(r, N_IN), 3.0 * g.T @ (x @ A.T)]
    assert_gradients([grad_A, grad_B], expected, ("lora_A", "lora_B"), atol=1e-4)

    _fill(module, A - lr * grad_A, -lr * grad_B)
    changed = module(torch.eye(N_IN)).T - b[:, None] - W
    what = "the change of the weight, W - W₀, after one step"
    assert_close(changed, -3.0 * lr * grad_B @ A, atol=1e-4, what=what)
    rank = int(torch.linalg.matrix_rank(changed, rtol=1e-4))
    assert rank == r, f"After one step W - W₀ has rank {rank}; with r = {r} it should have rank {r}."


def test_any_shape_and_no_bias(solution):
    """Any number of leading axes, a base without a bias, r = 1; x is left as it was"""
    W, b, A, B = _weights(1)
    with_bias = _fill(solution.LoRALinear(_layer(solution, W, b), 1, 3), A, B)
    without = _fill(solution.LoRALinear(_layer(solution, W), 1, 3), A, B)
    inputs = [torch.randn(shape) for shape in ((N_IN,), (1, N_IN), (2, 1, 3, N_IN), (0, N_IN))]
    for x in (*inputs, torch.randn(N_IN, 4).T):
        what = f"the output for x of shape {tuple(x.shape)}"
        out = assert_unchanged(with_bias, x)
        assert_close(out, _formula(x, W, b, A, B, 3.0), atol=SUM_ATOL, what=what)
        expected = _formula(x, W, None, A, B, 3.0)
        assert_close(without(x), expected, atol=SUM_ATOL, what=f"{what}, without a bias")
