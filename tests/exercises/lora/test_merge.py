"""Merging and switching against ΔW written out here, in float64 unless the check is about rounding.

Tolerances are the defaults: float64 1e-9 relative. Absolute 1e-9 is allowed where sums of a dozen
products may cancel. What has to come back bit for bit is compared exactly. No check depends on chance. A
sequence of calls is made first and judged afterwards, so that all of it is there to tell one mistake from
another.
"""

import torch
import torch.nn.functional as F

from grader.testing import LearnerError, Mismatch, assert_close, assert_equal, keep, library, load

ATOL = 1e-9
STRIDE, PADDING = 2, 1


def _randn(*shape, dtype=torch.float64):
    return torch.randn(*shape, dtype=torch.float64).to(dtype)


def _layer(side, kind, weight, bias=None):
    """A layer of that kind on that side, filled."""
    dtype, shape = weight.dtype, weight.shape
    match kind:
        case "Linear":
            layer = library(side, "torch.nn.Linear")(shape[1], shape[0], bias=bias is not None, dtype=dtype)
        case "Conv1D":
            layer = side.Conv1D(shape[0], shape[1]).to(dtype)
        case "Conv2d":
            layer = library(side, "torch.nn.Conv2d")(
                shape[1], shape[0], tuple(shape[2:]), stride=STRIDE, padding=PADDING, dtype=dtype
            )
        case "Embedding":
            layer = library(side, "torch.nn.Embedding")(shape[0], shape[1], dtype=dtype)
    load(layer, weight=weight) if bias is None else load(layer, weight=weight, bias=bias)
    return layer


def _case(kind, dtype=torch.float64, square=False):
    """Weight, bias and two adapters of different rank for a layer of that kind, an input, and (α / r) · B A of each."""
    n_in, n_out, ranks = (5, 5, (2, 3)) if square else (6, 4, (2, 3))
    alphas = (7.0, 0.75)  # neither α, α / r nor r / α of one is any of the other's
    bias, taps = _randn(n_out) + 2.0, (3, 2)
    adapters, products = {}, {}
    for name, r, alpha in zip(("poems", "code"), ranks, alphas, strict=True):
        A = _randn(r, n_in, *taps) if kind == "Conv2d" else _randn(r, n_in)
        B = _randn(n_out, r, 1, 1) if kind == "Conv2d" else _randn(n_out, r)
        product = torch.einsum("or,r...->o...", B.reshape(n_out, r), A) * alpha / r
        adapters[name] = (A.to(dtype), B.to(dtype), alpha)
        products[name] = product.to(dtype)
    if kind in ("Conv1D", "Embedding"):
        products = {name: product.T.contiguous() for name, product in products.items()}
    weight = _randn(*products["code"].shape)
    if kind == "Embedding":
        return weight.to(dtype), None, adapters, torch.randint(n_in, (3, 4)), products
    x = _randn(2, n_in, 6, 7) if kind == "Conv2d" else _randn(3, 2, n_in)
    return weight.to(dtype), bias.to(dtype), adapters, x.to(dtype), products


def _output(kind, x, weight, bias):
    match kind:
        case "Linear":
            return F.linear(x, weight, bias)
        case "Conv1D":
            return x @ weight + bias
        case "Conv2d":
            return F.conv2d(x, weight, bias, stride=STRIDE, padding=PADDING)
    return F.embedding(x, weight)


def _module(solution, kind, weight, bias, adapters):
    layer = _layer(solution, kind, weight, bias)
    module = solution.MergeableLoRA(layer, adapters, *([True] if kind == "Conv1D" else []))
    return module, layer


def _error(call, *args):
    """What the call raised, or None."""
    try:
        call(*args)
    except LearnerError as error:
        return error
    return None


def _assert_raised(error, kind, what):
    if isinstance(error, NotImplementedError):  # a stub's, and no answer although it is a RuntimeError
        raise error
    if not isinstance(error, kind):
        got = "nothing was raised" if error is None else f"{error.kind} was raised"
        raise Mismatch(f"{what} has to raise {kind.__name__}; {got}.")


def _check_delta(solution, kind, squares=(False, True)):
    for square in squares:
        weight, bias, adapters, _, products = _case(kind, square=square)
        module, layer = _module(solution, kind, weight, bias, adapters)
        found = {name: module.delta(name) for name in adapters}
        after = layer.weight
        for name, product in products.items():
            r, alpha = adapters[name][0].shape[0], adapters[name][2]
            what = f"ΔW for {kind} (weight of shape {tuple(weight.shape)}, r = {r}, α = {alpha:g})"
            assert_close(found[name], product, atol=ATOL, what=what)
        why = "delta() only computes."
        assert_equal(after.detach(), weight, what="the layer's weight after delta()", why=why)


def test_delta_of_linear(solution):
    """ΔW of nn.Linear is (α / r) · B A, where in and out are equal too"""
    _check_delta(solution, "Linear")


def test_second_merge_is_refused(solution):
    """A second merge raises RuntimeError and changes nothing"""
    weight, bias, adapters, x, products = _case("Linear")
    module, layer = _module(solution, "Linear", weight, bias, adapters)
    module.switch("code")
    module.merge()
    once, error, twice, out = layer.weight, _error(module.merge), layer.weight, module(x)
    state = (module.active, module.merged)
    module.unmerge()
    back = layer.weight
    assert_close(once.detach(), weight + products["code"], atol=ATOL, what="the weight after one merge")
    assert_equal(twice.detach(), once.detach(), what="the weight after a second merge()")
    _assert_raised(error, RuntimeError, "A second merge()")
    assert_equal(state, ("code", True), what="(active, merged) after a second merge()")
    expected = _output("Linear", x, weight + products["code"], bias)
    assert_close(out, expected, atol=ATOL, what="the output after a second merge()")
    assert_equal(back.detach(), weight, what="the weight after merge(), merge(), unmerge()")


def test_nothing_to_merge_or_unmerge(solution):
    """merge() without an active adapter and unmerge() without a merged one raise RuntimeError"""
    weight, bias, adapters, _, _ = _case("Linear")
    module, layer = _module(solution, "Linear", weight, bias, adapters)
    merging, unmerging = _error(module.merge), _error(module.unmerge)
    states = [(module.active, module.merged)]
    module.switch("poems")
    active = _error(module.unmerge)
    module.merge()
    module.unmerge()
    again = _error(module.unmerge)
    states.append((module.active, module.merged))
    _assert_raised(merging, RuntimeError, "merge() with no adapter active")
    for error in (unmerging, active, again):
        _assert_raised(error, RuntimeError, "unmerge() with nothing merged")
    assert_equal(states, [(None, False), ("poems", False)], what="(active, merged) after what was refused")
    assert_equal(layer.weight.detach(), weight, what="the weight after what was refused")


def test_switching_while_merged(solution):
    """Switching while merged takes the old adapter out and puts the new one in"""
    weight, bias, adapters, x, products = _case("Linear", torch.float32)
    module, layer = _module(solution, "Linear", weight, bias, adapters)
    module.switch("poems")
    module.merge()
    seen = []
    for name in ("code", "poems", "poems", "code"):
        module.switch(name)
        seen.append((name, module.active, module.merged, layer.weight.detach(), module(x)))
    module.unmerge()
    back, beside = layer.weight, module(x)
    # Float32 sums of a dozen products of size ten: 1e-5 absolute.
    for name, active, merged, there, out in seen:
        right = weight + products[name]
        assert_equal((active, merged), (name, True), what=f"(active, merged) after switch({name!r}) while merged")
        assert_close(there, right, atol=1e-5, what=f"the weight after switch({name!r}) while merged")
        assert_close(out, _output("Linear", x, right, bias), atol=1e-5, what=f"the output after switch({name!r})")
    assert_equal(back.detach(), weight, what="the weight after four switches and unmerge()")
    assert_close(beside, _output("Linear", x, weight + products["code"], bias), atol=1e-5, what="the output unmerged")


def test_switching_while_unmerged(solution):
    """Switching while nothing is merged leaves the weight alone; switch(None) puts no adapter to use"""
    weight, bias, adapters, x, products = _case("Linear")
    module, layer = _module(solution, "Linear", weight, bias, adapters)
    seen = []
    for name in ("poems", "code", None, "poems"):
        module.switch(name)
        seen.append((name, module.active, module.merged, layer.weight.detach(), module(x)))
    module.merge()
    module.switch(None)
    last = (None, module.active, module.merged, layer.weight.detach(), module(x))
    for name, active, merged, there, out in [*seen, last]:
        used = weight if name is None else weight + products[name]
        assert_equal((active, merged), (name, False), what=f"(active, merged) after switch({name!r})")
        assert_equal(there, weight, what=f"the weight after switch({name!r})")
        assert_close(out, _output("Linear", x, used, bias), atol=ATOL, what=f"the output after switch({name!r})")


def test_unknown_adapter_is_refused(solution):
    """switch() to an unknown name raises KeyError and changes nothing"""
    weight, bias, adapters, x, products = _case("Linear")
    for merge, unknown in ((False, "prose"), (True, "prose"), (True, "")):
        module, layer = _module(solution, "Linear", weight, bias, adapters)
        module.switch("code")
        if merge:
            module.merge()
        error = _error(module.switch, unknown)
        state, there, out = (module.active, module.merged), layer.weight, module(x)
        _assert_raised(error, KeyError, f"switch({unknown!r}), a name that is not among the adapters,")
        what = f"after switch({unknown!r}) to an unknown name while {'merged' if merge else 'unmerged'}"
        assert_equal(state, ("code", merge), what=f"(active, merged) {what}")
        kept = weight + products["code"] if merge else weight
        assert_close(there.detach(), kept, atol=ATOL, what=f"the weight {what}")
        assert_close(out, _output("Linear", x, weight + products["code"], bias), atol=ATOL, what=f"the output {what}")


def test_copy_is_taken_when_merging(solution):
    """Weights loaded before merging are the ones that come back"""
    weight, bias, adapters, _, products = _case("Linear")
    module, layer = _module(solution, "Linear", weight, bias, adapters)
    module.switch("poems")
    module.merge()
    module.unmerge()
    newer = _randn(*weight.shape)
    load(layer, weight=newer)
    module.merge()
    merged = layer.weight
    module.unmerge()
    back = layer.weight
    assert_close(merged.detach(), newer + products["poems"], atol=ATOL, what="the merged weight")
    assert_equal(back.detach(), newer, what="the weight after unmerging", why="It was loaded just before merging.")


def test_delta_of_conv1d(solution):
    """ΔW of Conv1D has the layout (in, out), where in and out are equal too"""
    _check_delta(solution, "Conv1D")


def test_delta_of_conv2d(solution):
    """ΔW of nn.Conv2d mixes the kernels of A"""
    _check_delta(solution, "Conv2d")


def test_delta_of_embedding(solution):
    """ΔW of nn.Embedding has a row for each token"""
    _check_delta(solution, "Embedding")


def test_output_before_and_after_merging(solution):
    """Merged or not, the output is the layer's plus the scaled adapter, for all four layers"""
    for kind in ("Linear", "Conv1D", "Conv2d", "Embedding"):
        weight, bias, adapters, x, products = _case(kind)
        module, layer = _module(solution, kind, weight, bias, adapters)
        plain = module(x)
        module.switch("code")
        beside = module(x)
        module.merge()
        merged, there = module(x), layer.weight
        alone, expected = _output(kind, x, weight, bias), _output(kind, x, weight + products["code"], bias)
        assert_close(plain, alone, atol=ATOL, what=f"{kind}: the output with no adapter active")
        assert_close(beside, expected, atol=ATOL, what=f"{kind}: the output with an adapter active, not merged")
        assert_close(there.detach(), weight + products["code"], atol=ATOL, what=f"{kind}: the merged weight")
        assert_close(merged, expected, atol=ATOL, what=f"{kind}: the output with the adapter merged")


def test_unmerging_gives_back_every_bit(solution):
    """After merging and unmerging, again and again, every bit of the weight is back, in bfloat16 too"""
    for kind, dtype in (("Linear", torch.bfloat16), ("Embedding", torch.float32), ("Linear", torch.float64)):
        weight, bias, adapters, _, products = _case(kind, dtype)
        weight = weight * 0.02  # small weights, large corrections: what is subtracted does not come back
        module, layer = _module(solution, kind, weight, bias, adapters)
        merged, back = [], []
        for name in ("poems", "code", "poems"):
            module.switch(name)
            module.merge()
            merged.append(layer.weight.detach())
            module.unmerge()
            back.append(layer.weight.detach())
        # In bfloat16 A, B, their product and the sum are rounded by 2⁻⁹ each: 4 % of the largest entry is plenty.
        loose = 0.04 * float(products["poems"].abs().max()) if dtype == torch.bfloat16 else None
        what = f"the merged {str(dtype).removeprefix('torch.')} weight of {kind}"
        assert_close(merged[0], weight + products["poems"], atol=loose, what=what)
        for after in back:
            what = f"the {str(dtype).removeprefix('torch.')} weight of {kind} after merging and unmerging"
            assert_equal(after, weight, what=what)


def test_attributes_tell_the_state(solution):
    """`active` and `merged` tell what is in use, from the start on"""
    weight, bias, adapters, _, _ = _case("Linear")
    module, _ = _module(solution, "Linear", weight, bias, adapters)
    states = [(module.active, module.merged)]
    for call, args in ((module.switch, ["code"]), (module.merge, []), (module.switch, ["poems"]), (module.unmerge, [])):
        call(*args)
        states.append((module.active, module.merged))
    steps = ("at the start", "after switch('code')", "after merge()", "after switch('poems')", "after unmerge()")
    expected = ((None, False), ("code", False), ("code", True), ("poems", True), ("poems", False))
    for step, state, right in zip(steps, states, expected, strict=True):
        assert_equal(state, right, what=f"(active, merged) {step}")


def test_example_of_the_statement(solution):
    """The example worked by hand comes out"""
    adapter = (torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0], [-1.0]]), 2.0)
    x, expected = torch.tensor([1.0, 1.0]), torch.tensor([19.0, -5.0])
    module, layer = _module(solution, "Linear", torch.eye(2), None, {"it": adapter})
    module.switch("it")
    before = module(x)
    module.merge()
    merged = layer.weight.detach()
    after = module(x)
    assert_close(before, expected, what="the output before merging")
    assert_close(merged, torch.tensor([[7.0, 12.0], [-2.0, -3.0]]), what="the merged weight")
    assert_close(after, expected, what="the output after merging")
    transposed, _ = _module(solution, "Conv1D", torch.eye(2), torch.zeros(2), {"it": adapter})
    assert_close(transposed.delta("it"), torch.tensor([[6.0, -2.0], [12.0, -4.0]]), what="ΔW for a Conv1D")


def test_only_the_weight_is_changed(solution):
    """Bias and adapters stay as they are"""
    weight, bias, adapters, _, _ = _case("Linear")
    module, layer = _module(solution, "Linear", weight, bias, adapters)
    for name in ("poems", "code"):
        module.switch(name)
        module.merge()
        module.unmerge()
    module.merge()
    merged = layer.weight
    there = layer.bias
    load(layer, bias=bias - 1.0)
    module.unmerge()
    after = layer.bias
    module.merge()
    assert_equal(there.detach(), bias, what="the bias after merging")
    why = "It was loaded while an adapter was merged; unmerging is for the weight only."
    assert_equal(after.detach(), bias - 1.0, what="the bias after unmerging", why=why)
    for name, (A, B, alpha) in adapters.items():
        mine = module.adapters[name]
        assert_equal(mine[0], A, what=f"A of {name!r} after merging")
        assert_equal(mine[1], B, what=f"B of {name!r} after merging")
        assert_close(mine[2], alpha, what=f"α of {name!r} after merging")
    changed = int((merged.detach() != weight).sum())
    assert changed == weight.numel(), f"Merging changed {changed} of {weight.numel()} weights; here ΔW changes all."


def test_weight_is_changed_in_place(solution):
    """Merging changes the layer's own Parameter, and leaves autograd as it was"""
    weight, bias, adapters, _, products = _case("Linear")
    module, layer = _module(solution, "Linear", weight, bias, adapters)
    held = keep(layer.get_parameter, "weight")
    module.switch("code")
    module.merge()
    merged, seen, recording = layer.weight, held.detach(), library(solution, "torch.is_grad_enabled")()
    module.unmerge()
    back, last = held.detach(), library(solution, "torch.is_grad_enabled")()
    right = weight + products["code"]
    assert_close(merged.detach(), right, atol=ATOL, what="the merged weight")
    why = "Tied layers and optimisers hold the Parameter that the layer had: change that one, and put no other in its place."
    assert_close(seen, right, atol=ATOL, what="the layer's own Parameter after merging", why=why)
    assert_equal(back, weight, what="the layer's own Parameter after unmerging", why=why)
    why = "Switch it off for the change of the weight only: whatever is trained afterwards needs it."
    assert_equal(recording, True, what="torch.is_grad_enabled() after merge()", why=why)
    assert_equal(last, True, what="torch.is_grad_enabled() after unmerge()", why=why)


def test_layers_do_not_share_their_copies(solution):
    """Two layers with adapters of the same names are merged and unmerged each by itself"""
    made = []
    for _ in range(2):
        weight, bias, adapters, _, products = _case("Linear")
        made.append((*_module(solution, "Linear", weight, bias, adapters), weight, weight + products["poems"]))
    merged = []
    for module, layer, _, _ in made:
        module.switch("poems")
        module.merge()
        merged.append(layer.weight)
    back = []
    for module, layer, _, _ in made:
        module.unmerge()
        back.append(layer.weight)
    for which, (_, _, weight, right), there, after in zip(("first", "second"), made, merged, back, strict=True):
        assert_close(there.detach(), right, atol=ATOL, what=f"the merged weight of the {which} layer")
        why = "Both layers were merged before either was unmerged: a model has many."
        assert_equal(after.detach(), weight, what=f"the weight of the {which} layer after unmerging", why=why)
