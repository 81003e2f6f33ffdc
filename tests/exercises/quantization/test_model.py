"""Small models put together here, layer by layer; what they should hold and answer is worked out in float64 here.

Codes are compared exactly: in float64 a rounding error turns one into its neighbour in fewer than one of 10⁹ runs, and where
weights are float32 they are drawn until all lie 1e-3 of a step away from the middle between two codes. Outputs of float64
models have 1e-7, since norms enlarge rounding errors. A layer made in the cell begins with values of chance, so nothing is
asked of a model before it was loaded. Perplexities have 1e-5, for means that are taken in float32.

The last check trains a model in the judge. The perplexity of its int8 version is allowed to be 1 % above that in floats;
over sixty seeds it lay within 0.2 % of it, above or below.
"""

import math

import pytest
import torch
from torch import nn

from grader.testing import (
    LearnerError,
    Mismatch,
    assert_close,
    assert_equal,
    fetch_list,
    keep,
    library,
    load,
    parameters,
    state,
    vjp,
)

F64, F32 = torch.float64, torch.float32
LINEAR = {
    "blocks.first.up": (6, 9, True),
    "blocks.first.up_too": (9, 7, False),
    "blocks.second.down": (7, 5, True),
    "blocks.second.lm_head": (5, 6, True),
    "lm_head": (6, 11, False),
}
DEEP = tuple(LINEAR)[:4]


def randn(rng, *shape, dtype=F64):
    return torch.from_numpy(rng.standard_normal(shape)).to(dtype)


def _sequential(side, **layers):
    out = library(side, "torch.nn.Sequential")()
    add = out.add_module
    for name, layer in layers.items():
        add(name, layer)
    return out


def _linear(side, n_in, n_out, bias=True, dtype=F64):
    return library(side, "torch.nn.Linear")(n_in, n_out, bias=bias, dtype=dtype)


def _model(side, rng, tied=False, dtype=F64):
    """embed, two blocks, a norm, lm_head, and all its weights; the head's weight is the embedding's where tied."""
    nn = "torch.nn."
    embed = library(side, nn + "Embedding")(11, 6, dtype=dtype)
    layers = {name: _linear(side, *sizes, dtype=dtype) for name, sizes in LINEAR.items()}
    if tied:
        layers["lm_head"].weight = keep(embed.get_parameter, "weight")
    first = _sequential(
        side,
        norm=library(side, nn + "LayerNorm")(6, dtype=dtype),
        up=layers["blocks.first.up"],
        act=library(side, nn + "Tanh")(),
        up_too=layers["blocks.first.up_too"],
    )
    second = _sequential(side, down=layers["blocks.second.down"], lm_head=layers["blocks.second.lm_head"])
    norm = library(side, nn + "LayerNorm")(6, dtype=dtype)
    model = _sequential(
        side, embed=embed, blocks=_sequential(side, first=first, second=second), norm=norm, lm_head=layers["lm_head"]
    )
    values = {"embed.weight": randn(rng, 11, 6, dtype=dtype)}
    for name in ("blocks.first.norm", "norm"):
        values[f"{name}.weight"], values[f"{name}.bias"] = randn(rng, 6, dtype=dtype), randn(rng, 6, dtype=dtype)
    for name, (n_in, n_out, bias) in LINEAR.items():
        values[f"{name}.weight"] = randn(rng, n_out, n_in, dtype=dtype)
        if bias:
            values[f"{name}.bias"] = randn(rng, n_out, dtype=dtype)
    if tied:
        del values["lm_head.weight"]
    load(model, **values)
    return model, values | ({"lm_head.weight": values["embed.weight"]} if tied else {})


def _codes(W):
    """By the definition, a row at a time."""
    scale = torch.stack([row.abs().max() / 127 if row.any() else torch.ones((), dtype=W.dtype) for row in W])[:, None]
    return torch.round(W / scale).to(torch.int8), scale


def _quantized(values, layers):
    """What the state of the model is when these layers are in int8."""
    out = {}
    for name, value in values.items():
        layer, _, last = name.rpartition(".")
        if layer in layers and last == "weight":
            out[f"{layer}.codes"], out[f"{layer}.scale"] = _codes(value)
        else:
            out[name] = value
    return out


def _output(values, ids):
    """The model's logits from a state, in floats or with codes."""

    def linear(name, x):
        W = values.get(f"{name}.weight")
        if W is None:
            W = values[f"{name}.scale"] * values[f"{name}.codes"]
        return x @ W.T + values.get(f"{name}.bias", 0.0)

    def norm(name, x):
        x = (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True, unbiased=False) + 1e-5).sqrt()
        return x * values[f"{name}.weight"] + values[f"{name}.bias"]

    x = linear("blocks.first.up", norm("blocks.first.norm", values["embed.weight"][ids])).tanh()
    x = linear("blocks.second.down", linear("blocks.first.up_too", x))
    return linear("lm_head", norm("norm", linear("blocks.second.lm_head", x)))


def _close(actual, expected, what, why=""):
    assert_close(actual, expected, rtol=1e-7, atol=1e-7, what=what, why=why)


def _in_int8(model):
    """The layers with codes, in the order of the model."""
    names = fetch_list(keep(model.state_dict).keys(), 200)
    return [name.removesuffix(".codes") for name in names if name.endswith(".codes")]


def _assert_state(found, expected, what, why=""):
    """The layers that have codes first, then all keys, then the values."""
    have, want = ([name for name in side if name.endswith(".codes")] for side in (found, expected))
    for name in want:
        layer = name.removesuffix(".codes")
        if name not in found and f"{layer}.weight" in found:
            raise Mismatch(f"{what}: the linear layer {layer} still has its weight in floats and no codes. {why}".strip())
        if f"{layer}.weight" in found:
            raise Mismatch(f"{what}: {layer} has its codes, but keeps its weight in floats beside them.")
    for name in have:
        if name not in want:
            raise Mismatch(f"{what}: {name.removesuffix('.codes')} has codes, but is to stay in floats. {why}".strip())
    missing = [name for name in expected if name not in found]
    for owner in (name.rpartition(".")[0] for name in missing):
        if not any(name.startswith(f"{owner}.") for name in found):
            raise Mismatch(f"{what}: there is no {owner} any more, or there is nothing in it. {why}".strip())
    if missing:
        raise Mismatch(
            f"{what}: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not saved. Only registered buffers and"
            " parameters are."
        )
    for name, value in expected.items():
        if name.endswith(".scale"):
            assert_close(found[name], value, what=f"{name} of {what}", why="One scale for each row of the weight.")
        else:
            assert_equal(found[name], value, what=f"{name} of {what}")
    extra = [name for name in found if name not in expected]
    if extra:
        raise Mismatch(f"{what}: {', '.join(extra)} should not be there.")


# All of it, small ---------------------------------------------------------------------------------------------------


def test_whole_way(solution, rng):
    """A tiny model goes the whole way: counted, measured, made int8, saved and loaded"""
    # Most known mistakes answer differently here, so that little is replayed in order to name one. What is not looked at
    # here is looked at in the checks below.
    get = library
    embed, drop = get(solution, "torch.nn.Embedding")(4, 2, dtype=F64), get(solution, "torch.nn.Dropout")(0.5)
    head, pair = _linear(solution, 2, 4, bias=False), _linear(solution, 2, 2)
    head.weight = keep(embed.get_parameter, "weight")
    block = _sequential(solution, up=_linear(solution, 2, 3), lm_head=_linear(solution, 3, 2, bias=False))
    model = _sequential(solution, embed=embed, a=block, b=pair, ab=pair, drop=drop, lm_head=head)
    model.register_buffer("mask", torch.ones(5, dtype=torch.bool), persistent=False)
    shapes = {"embed.weight": (4, 2), "a.up.weight": (3, 2), "a.up.bias": (3,), "a.lm_head.weight": (2, 3),
              "b.weight": (2, 2), "b.bias": (2,)}  # fmt: skip
    values = {name: 0.8 * randn(rng, *shape) for name, shape in shapes.items()}
    values["a.up.weight"][1] = 0.0
    others = {name: randn(rng, *shape) for name, shape in shapes.items()}
    tokens = torch.from_numpy(rng.integers(0, 4, (2, 4)))
    load(model, **values)
    whole, found, mode = solution.size_bytes(model), solution.perplexity(model, tokens), model.training
    made = solution.quantize_model(model)
    first, size = state(made), solution.size_bytes(made)
    second, after = state(solution.quantize_model(model, ("a",))), state(model)

    everything = dict(values)
    for place, name in (("ab", "b"), ("lm_head", "embed")):
        everything |= {f"{place}{key.removeprefix(name)}": v for key, v in values.items() if key.startswith(f"{name}.")}
    assert_equal(whole, 8 * (8 + 6 + 3 + 6 + 4 + 2) + 5, what="size_bytes of the model in float64",
                 why="29 numbers of 8 bytes (the tied weight and b, in two places, count once), a mask of 5 that is not saved,"
                 " and nothing of a file around them.")  # fmt: skip
    x = everything["embed.weight"][tokens]
    for name in ("a.up", "a.lm_head", "b", "ab"):
        x = x @ everything[f"{name}.weight"].T + everything.get(f"{name}.bias", 0.0)
    what = "the perplexity of the model in floats"
    if not isinstance(found, float):
        raise Mismatch(f"{what}: a float is expected, not {type(found).__name__}.")
    assert_close(found, _perplexity(x @ everything["embed.weight"].T, tokens), rtol=1e-5, what=what,
                 why="There is a Dropout in it, and 6 of 8 tokens are predicted, each at the place before.")  # fmt: skip
    assert mode is True, "The model was in training before perplexity, and is in evaluation afterwards."
    deep = _quantized(everything, ("a.up", "a.lm_head", "b", "ab"))
    why = "Only the output layer, lm_head, is tied and in `skip`. b and ab are one layer in two places."
    _assert_state(first, deep, "the state of the quantized model", why)
    assert_equal(size, 8 * 8 + (6 + 6 + 4) + 8 * (3 + 2 + 2) + 8 * (3 + 2) + 5, what="size_bytes of the model in int8",
                 why="The embedding (tied, so once) 64, codes 16, scales 56, biases 40, a mask that is not saved 5.")  # fmt: skip
    gone = [name for name in values if name not in after]
    assert not gone, f"The model that was given has no {gone[0]} any more: exchange the layers of a copy, not its own."
    expected = _quantized(everything, ("b", "ab"))
    _assert_state(second, expected, 'the state of the model quantized with skip = ("a",)', "`a` is the block that they lie in.")

    made.eval()
    made(tokens)
    parameters(made)
    load(model, **others)
    again = solution.load_quantized(model, second)
    third, after = state(again), state(model)
    raised = []
    for state_ in ({name: v for name, v in second.items() if name != "b.scale"}, {**second, "b.zero_point": torch.zeros(2)}):
        try:
            solution.load_quantized(model, state_)
            raised.append("nothing")
        except NotImplementedError:
            raise
        except LearnerError as error:
            raised.append("RuntimeError" if isinstance(error, RuntimeError) else error.kind)

    what = "the state of the model that was loaded again"
    _assert_state(third, expected, what, "The keys of `state` tell which layers have codes.")
    lost = [name for name in others if name not in after]
    assert not lost, f"The float model that was given to load_quantized has no {lost[0]} any more: work on a copy."
    for name, value in others.items():
        assert_equal(after[name], value, what=f"{name} of the float model that was given to load_quantized")
    for what, kind in zip(("lacks b.scale", "has b.zero_point, which is unknown,"), raised, strict=True):
        if kind != "RuntimeError":
            raise Mismatch(f"load_quantized with a state that {what} has to raise RuntimeError; {kind} was raised.")


# A layer ------------------------------------------------------------------------------------------------------------


def test_layer(solution, rng):
    """An Int8Linear holds codes, scale and bias as buffers, and multiplies by scale · codes as they are now"""
    cases = []
    for _ in range(2):
        codes = torch.from_numpy(rng.integers(-127, 128, (3, 5))).to(torch.int8)
        cases.append({"codes": codes, "scale": 0.1 * randn(rng, 3, 1).abs() + 0.05, "bias": randn(rng, 3)})
    x, dy = 3 * randn(rng, 2, 4, 5), randn(rng, 2, 4, 3)
    layer, narrow = solution.Int8Linear(*cases[0].values()), [value.float() for value in cases[1].values()]
    held, trained = state(layer), parameters(layer)
    for name in cases[0]:
        if name not in held:
            raise Mismatch(
                f"`{name}` of an Int8Linear is not in its state_dict, so that it is not saved with the model. Register it as"
                " a buffer."
            )
        assert_equal(held[name], cases[0][name], what=f"`{name}` in the layer's state")
    extra = [name for name in held if name not in cases[0]]
    assert not extra, f"An Int8Linear holds more than codes, scale and bias: {', '.join(extra)}."
    assert not trained, f"{' and '.join(trained)} of an Int8Linear would be trained: a buffer, no parameter, is wanted."
    y, (dx,) = vjp(layer, x, cotangent=dy, wrt=[0])
    load(layer, **cases[1])
    one, size = layer(x[0, 0]), solution.size_bytes(layer)
    plain = solution.Int8Linear(narrow[0].to(torch.int8), narrow[1], None)(x[0].float())
    (W, b), (V, c) = ((case["scale"] * case["codes"], case["bias"]) for case in cases)
    formula = "y = x (scale · codes)ᵀ + bias, all in the dtype of x, which is that of scale and bias."
    assert_close(y, x @ W.T + b, what="the output for x of shape (2, 4, 5)", why=formula)
    if dx is None:
        raise Mismatch("No gradient reaches x through an Int8Linear: a layer before it could not be trained.")
    assert_close(dx, dy @ W, what="the gradient of x")
    why = (
        "Forward has to compute from the buffers as they are now; a weight made earlier, or the layer it came from, is out"
        " of date."
    )
    assert_close(one, x[0, 0] @ V.T + c, why=why,
                 what="the output for x of shape (5,) after other values were loaded into the buffers")  # fmt: skip
    right = (x[0] @ V.T).float()
    assert_close(plain, right, rtol=1e-4, atol=1e-4 * float(right.abs().max()), what="the output in float32, without a bias")
    assert_equal(size, 15 + 24 + 24, what="size_bytes of a layer of 5 to 3 with scale and bias in float64",
                 why="15 codes of a byte, 3 scales and 3 biases of 8, and nothing of a file around them.")  # fmt: skip


def test_quantize_linear(solution, rng):
    """quantize_linear gives codes of 8 bits with a scale for each row, and the bias as it was"""
    cases = []
    for n_out, n_in, bias, dtype in ((4, 5, True, F32), (3, 7, False, F64), (5, 5, True, F64)):
        W = randn(rng, n_out, n_in, dtype=dtype) * 3.0 ** torch.arange(n_out, dtype=dtype)[:, None]
        while ((W / _codes(W)[1]).abs().frac() - 0.5).abs().min() < 1e-3:
            W = randn(rng, n_out, n_in, dtype=dtype) * 3.0 ** torch.arange(n_out, dtype=dtype)[:, None]
        W[1] = 0.0
        layer = _linear(solution, n_in, n_out, bias, dtype)
        values = {"weight": W} | ({"bias": randn(rng, n_out, dtype=dtype)} if bias else {})
        load(layer, **values)
        x = randn(rng, 2, n_in, dtype=dtype)
        made = solution.quantize_linear(layer)
        cases.append((values, x, state(made), made(x), state(layer), made.bias))
    for values, x, found, y, after, kept in cases:
        W, b = values["weight"], values.get("bias")
        codes, scale = _codes(W)
        case = f"of a layer of {W.shape[1]} to {W.shape[0]} in {W.dtype}, {'without' if b is None else 'with'} bias"
        for name in ("codes", "scale"):
            assert name in found, f"The state of an Int8Linear from a layer has no `{name}`: it holds {', '.join(found)}."
        assert_close(found["scale"], scale, what=f"the scale {case}", why="One scale for each output, that is each row.")
        assert_equal(found["codes"], codes, what=f"the codes {case}")
        if b is None:
            assert "bias" not in found, "The layer had no bias, so the Int8Linear has none."
        else:
            assert "bias" in found, "The bias of the layer is lost."
            assert_equal(found["bias"], b, what=f"the bias {case}", why="It is not quantized.")
            assert not getattr(kept, "requires_grad", False), "The bias of the Int8Linear is the layer's parameter: detach it."
        wide = {name: value.double() for name, value in values.items()}
        right, old = (x.double() @ M.T + wide.get("bias", 0.0) for M in (scale.double() * codes, wide["weight"]))
        if y.shape == old.shape and torch.allclose(y.double(), old, rtol=1e-5, atol=1e-5 * float(old.abs().max())):
            raise Mismatch(f"The output {case} is that of the layer in floats: your Int8Linear does not use its codes.")
        assert_close(y, right.to(W.dtype), rtol=1e-4, atol=1e-4 * float(right.abs().max()), what=f"the output {case}")
        assert_equal(after, values, what=f"the float layer after quantize_linear, {case}")


# A model ------------------------------------------------------------------------------------------------------------


def test_model(solution, rng):
    """Every linear layer but the output layer is in int8, however deep it lies; the model that was given is as it was"""
    model, values = _model(solution, rng)
    ids = torch.tensor([3, 9, 0, 3])
    made = solution.quantize_model(model)
    found, after, out = state(made), state(model), made(ids)
    load(model, **{name: randn(rng, *value.shape) for name, value in values.items() if name in after})
    later = state(made)
    gone = [name for name in values if name not in after]
    if gone:
        raise Mismatch(f"The model that was given has no {gone[0]} any more: exchange the layers of a copy, not its own.")
    assert_equal(after, values, what="the state of the model that was given")
    expected = _quantized(values, DEEP)
    _assert_state(found, expected, "the state of the quantized model")
    _close(out, _output(expected, ids), "the logits of the quantized model")
    for name, value in later.items():
        why = "It is the same tensor in both: the copy has to have its own."
        assert_equal(value, found[name], what=f"{name} of the result after the given model was changed", why=why)


def test_skip(solution, rng):
    """What `skip` names stays in floats: a layer, or all layers of a module, by whole dotted names"""
    everything = list(LINEAR)
    cases = {
        (): everything,
        ("lm_head", "blocks.second"): ["blocks.first.up", "blocks.first.up_too"],
        ("blocks.first.up",): [name for name in everything if name != "blocks.first.up"],
        ("blocks",): ["lm_head"],
        ("first.up", "first", "second.lm_head", "down", "lm_hea", "embed", "blocks.third"): everything,
        ("blocks.second.lm_head", "lm_head"): everything[:3],
    }
    model, values = _model(solution, rng)
    found = [_in_int8(solution.quantize_model(model, skip)) for skip in cases]
    twice = solution.quantize_model(solution.quantize_model(model, ("blocks.first", "lm_head")))
    kept = state(twice)
    for (skip, expected), names in zip(cases.items(), found, strict=True):
        assert_equal(names, expected, what=f"the list of the layers in int8 for skip = {skip!r}")
    what = "the state of a model that was quantized in two steps"
    _assert_state(kept, _quantized(values, DEEP), what, "What is in int8 already stays as it is.")


def test_tied(solution, rng):
    """A layer whose weight is tied stays as it is, and tied"""
    ids = torch.tensor([2, 7, 5])
    model, values = _model(solution, rng, tied=True)
    made, plain = solution.quantize_model(model, ()), solution.quantize_model(model)
    found, E = state(made), randn(rng, 11, 6)
    load(made, **{"embed.weight": E})
    load(plain, **{"embed.weight": E})
    moved, out, also = state(made), made(ids), state(plain)
    one, two, last = (_linear(solution, 5, 5) for _ in range(3))
    two.weight = keep(one.get_parameter, "weight")
    pair = _sequential(solution, one=one, two=two, last=last)
    shared = {"one.weight": randn(rng, 5, 5), "last.weight": randn(rng, 5, 5)}
    shared |= {f"{name}.bias": randn(rng, 5) for name in ("one", "two", "last")}
    load(pair, **shared)
    three = solution.quantize_model(pair)
    names, values_of_three = _in_int8(three), state(three)
    why = "Its weight is the embedding's, which needs the floats."
    _assert_state(found, _quantized(values, DEEP), "the state of a tied model quantized with skip = ()", why)
    for name, where in ((moved, "with skip = ()"), (also, "with the default skip")):
        what = f"lm_head.weight after another embedding was loaded into the model, quantized {where}"
        why = "Before, the two were one tensor; in the copy they have come apart."
        assert_equal(name.get("lm_head.weight"), E, what=what, why=why)
    expected = _quantized(values, DEEP) | {"embed.weight": E, "lm_head.weight": E}
    _close(out, _output(expected, ids), "the logits after another embedding was loaded")
    why = "`one` and `two` are linear layers with biases of their own and one weight."
    assert_equal(names, ["last"], what="the list of the layers in int8 where two layers share a weight", why=why)
    assert_equal(values_of_three["two.weight"], shared["one.weight"], what="the weight that two layers share")


def test_shared_layer(solution, rng):
    """One layer in several places becomes one Int8Linear in all of them"""
    layer, last = _linear(solution, 5, 5), _linear(solution, 5, 5)
    inner = _sequential(solution, proj=layer)
    act = library(solution, "torch.nn.Tanh")()
    model = _sequential(solution, one=inner, act=act, two=inner, proj=layer, last=last)
    W, b, V, c = randn(rng, 5, 5), randn(rng, 5), randn(rng, 5, 5), randn(rng, 5)
    load(model, **{"one.proj.weight": W, "one.proj.bias": b, "last.weight": V, "last.bias": c})
    made = solution.quantize_model(model)
    names, size = _in_int8(made), solution.size_bytes(made)
    places = ["one.proj", "two.proj", "proj", "last"]
    what = "the list of the places in int8, where one layer stands in three"
    assert_equal(names, places, what=what, why="Each of its places has to have the Int8Linear.")
    x, other = randn(rng, 3, 5), torch.from_numpy(rng.integers(-127, 128, (5, 5))).to(torch.int8)
    load(made, **{"one.proj.codes": other})
    found, out = state(made), made(x)
    for place in places[:3]:
        why = "The three places held one layer; now each has codes of its own."
        what = f"{place}.codes after other codes were loaded at one.proj"
        assert_equal(found[f"{place}.codes"], other, what=what, why=why)
    M, (codes, scale) = _codes(W)[1] * other, _codes(V)
    right = ((x @ M.T + b).tanh() @ M.T + b) @ M.T + b
    _close(out, right @ (scale * codes).T + c, "the output of the model with one layer in three places")
    assert_equal(size, 2 * (25 + 40 + 40), what="size_bytes of two layers of 5 to 5, one of them in three places")


def test_size(solution, rng):
    """size_bytes counts every parameter and buffer by its dtype, once"""
    tied, apart = _model(solution, rng, tied=True, dtype=F32)[0], _model(solution, rng, dtype=F32)[0]
    made, whole = solution.quantize_model(tied), solution.quantize_model(apart, ())
    batch_norm = library(solution, "torch.nn.BatchNorm1d")(5)
    mixed = _sequential(solution, norm=batch_norm, out=_linear(solution, 5, 3))
    mixed.register_buffer("mask", torch.ones(3, 7, dtype=torch.bool), persistent=False)
    sizes = [solution.size_bytes(m) for m in (mixed, apart, tied, made, whole)]
    bare = solution.size_bytes(batch_norm)
    small = solution.size_bytes(solution.quantize_model(mixed))
    # embed 66, norms 24; layers 54 + 9, 63, 35 + 5, 30 + 6; head 66. Rows: 9, 7, 5, 6 and 11.
    biases, weights, rows = 9 + 5 + 6, 54 + 63 + 35 + 30, 9 + 7 + 5 + 6
    tables = 66 + 24
    assert_equal(bare, 4 * 5 * 4 + 8, what="size_bytes of a BatchNorm1d(5)",
                 why="Two parameters and two buffers of 5 float32 numbers, and one int64.")  # fmt: skip
    assert_equal(sizes[0], 80 + 8 + 8 * (15 + 3) + 21, what="size_bytes of a batch norm, a float64 layer and a mask",
                 why="The mask, 21 bools of a byte, is a buffer that is not saved, and counts.")  # fmt: skip
    assert_equal(sizes[1], 4 * (tables + weights + biases + 66), what="size_bytes of a float32 model, nothing tied")
    assert_equal(sizes[2], 4 * (tables + weights + biases), what="size_bytes of a float32 model with a tied weight",
                 why="The 66 numbers of embedding and output layer are one tensor.")  # fmt: skip
    assert_equal(sizes[3], 4 * (tables + biases + rows) + weights, what="size_bytes of the tied model in int8",
                 why="Codes take a byte, and each row's scale takes four.")  # fmt: skip
    assert_equal(sizes[4], 4 * (tables + biases + rows + 11) + weights + 66, what="size_bytes of the model, all in int8")
    assert_equal(small, 80 + 8 + 15 + 8 * (3 + 3) + 21, what="size_bytes of the batch norm, a layer in int8 and a mask")


# Perplexity and loading ---------------------------------------------------------------------------------------------


def _losses(logits, tokens):
    """-ln p of each token but the first of a row, row by row."""
    return [
        float(logits[i, t].logsumexp(0) - logits[i, t, token])
        for i, row in enumerate(tokens.tolist())
        for t, token in enumerate(row[1:])
    ]


def _perplexity(logits, tokens):
    losses = _losses(logits, tokens)
    return math.exp(math.fsum(losses) / len(losses))


def test_perplexity(solution, rng):
    """perplexity is exp of the mean loss over all tokens that were predicted"""
    cases = []
    model = _sequential(solution, bigrams=library(solution, "torch.nn.Embedding")(7, 7, dtype=F64))
    for batch, n in ((3, 6), (1, 2), (4, 2), (1, 9)):
        table, tokens = 2 * randn(rng, 7, 7), torch.from_numpy(rng.integers(0, 7, (batch, n)))
        load(model, **{"bigrams.weight": table})
        cases.append((table[tokens], tokens, solution.perplexity(model, tokens)))
    load(model, **{"bigrams.weight": torch.full((7, 7), 3.0, dtype=F64)})
    flat = solution.perplexity(model, torch.tensor([[1, 5, 2, 2], [0, 0, 6, 3]]))
    for logits, tokens, found in cases:
        what = f"the perplexity of tokens of shape {tuple(tokens.shape)}"
        if not isinstance(found, float):
            raise Mismatch(f"{what}: a float is expected, not {type(found).__name__}.")
        # A mean in float32 is the same within 1e-6.
        assert_close(found, _perplexity(logits, tokens), rtol=1e-5, what=what,
                     why="The logits at a place are about the token after it; the mean comes before exp.")  # fmt: skip
    assert_close(flat, 7.0, rtol=1e-5, what="the perplexity where all of 7 tokens are equally likely everywhere")


def test_perplexity_mode(solution, rng):
    """perplexity is measured without dropout, and the model is in its old mode afterwards"""
    nn = "torch.nn."
    drop = library(solution, nn + "Dropout")(0.5)
    embed = library(solution, nn + "Embedding")(7, 16, dtype=F64)
    model = _sequential(solution, embed=embed, drop=drop, lm_head=_linear(solution, 16, 7))
    E, W, b = randn(rng, 7, 16), randn(rng, 7, 16), randn(rng, 7)
    load(model, **{"embed.weight": E, "lm_head.weight": W, "lm_head.bias": b})
    tokens = torch.from_numpy(rng.integers(0, 7, (2, 8)))
    found, modes = [], []
    for mode in (True, False, True):
        model.train(mode)
        found.append(solution.perplexity(model, tokens))
        modes.append((mode, model.training, drop.training))
    right = _perplexity((E @ W.T + b)[tokens], tokens)
    for value, (mode, whole, part) in zip(found, modes, strict=True):
        where = f"of a model that is in {'training' if mode else 'evaluation'}"
        assert_close(value, right, rtol=1e-5, what=f"the perplexity {where}", why="It is measured without dropout.")
        assert whole == mode, f"After perplexity {where}, its `training` is {whole}: put the mode back that it was in."
        assert part == mode, f"After perplexity {where}, a Dropout in it has `training` = {part}: its parts have a mode too."


def test_load(solution, rng):
    """load_quantized makes the same model again, bit by bit, from a float model with other values"""
    ids, cases = torch.tensor([1, 4, 10, 4]), []
    for tied, skip in ((False, ()), (True, ("lm_head",)), (False, ("blocks.second",))):
        model, values = _model(solution, rng, tied)
        made = solution.quantize_model(model, skip)
        saved, out = state(made), made(ids)
        fresh, values = model, {name: randn(rng, *value.shape) for name, value in values.items()}
        if tied:
            values["lm_head.weight"] = values["embed.weight"]
        load(fresh, **{name: value for name, value in values.items() if not tied or name != "lm_head.weight"})
        again = solution.load_quantized(fresh, saved)
        cases.append((tied, skip, saved, out, values, state(again), again(ids), state(fresh), again))
    for tied, skip, saved, out, values, found, repeated, after, again in cases:
        case = f"with skip = {skip!r}{' and a tied weight' if tied else ''}"
        what = f"the state of the loaded model that was quantized {case}"
        _assert_state(found, saved, what, "The keys of `state` tell which layers have codes.")
        for name in saved:  # scales bit by bit, too
            assert_equal(found[name], saved[name], what=f"{name} of {what}")
        _close(repeated, out, f"the logits of the loaded model {case}")
        assert "blocks.first.up_too.weight" in after, "The float model that was given to load_quantized is in int8 now."
        assert_equal(after, values, what=f"the float model that was given to load_quantized, {case}")
        if tied:
            E = randn(rng, 11, 6)
            load(again, **{"embed.weight": E})
            assert_equal(state(again)["lm_head.weight"], E, what="lm_head.weight after another embedding was loaded",
                         why="In the loaded model the two are no longer tied.")  # fmt: skip


def test_load_wrong_keys(solution, rng):
    """load_quantized raises RuntimeError for missing and unknown keys"""
    model = _model(solution, rng)[0]
    saved = state(solution.quantize_model(model))
    solution.load_quantized(model, saved)
    wrong = {
        "lacks blocks.first.up.scale": {k: v for k, v in saved.items() if k != "blocks.first.up.scale"},
        "lacks embed.weight": {k: v for k, v in saved.items() if k != "embed.weight"},
        "lacks blocks.second.down.codes": {k: v for k, v in saved.items() if k != "blocks.second.down.codes"},
        "has blocks.first.up.zero_point": {**saved, "blocks.first.up.zero_point": torch.zeros(9, dtype=F64)},
        "has blocks.first.up_too.bias": {**saved, "blocks.first.up_too.bias": torch.zeros(7, dtype=F64)},
    }
    raised = []
    for given in wrong.values():
        try:
            solution.load_quantized(model, given)
            raised.append("nothing")
        except NotImplementedError:
            raise
        except LearnerError as error:
            raised.append("RuntimeError" if isinstance(error, RuntimeError) else error.kind)
    for what, kind in zip(wrong, raised, strict=True):
        if kind != "RuntimeError":
            raise Mismatch(f"load_quantized with a state that {what} has to raise RuntimeError; {kind} was raised.")


def test_example_of_the_statement(solution):
    """The examples worked by hand come out"""
    layer = _linear(solution, 3, 2, dtype=F32)
    load(layer, weight=torch.tensor([[127 / 64, -0.5, 0.25], [0.0, 0.0, 0.0]]), bias=torch.tensor([0.5, -1.0]))
    before, made = solution.size_bytes(layer), solution.quantize_linear(layer)
    y, after, held = made(torch.tensor([1.0, 2.0, 4.0])), solution.size_bytes(made), state(made)
    bigrams = library(solution, "torch.nn.Embedding")(2, 2, dtype=F64)
    load(bigrams, weight=torch.tensor([[0.5, 0.5], [0.125, 0.875]], dtype=F64).log())
    found = solution.perplexity(_sequential(solution, bigrams=bigrams), torch.tensor([[0, 1, 0]]))
    assert_equal(held.get("codes"), torch.tensor([[127, -32, 16], [0, 0, 0]], dtype=torch.int8), what="the codes")
    assert_equal(held.get("scale"), torch.tensor([[1 / 64], [1.0]]), what="the scales")
    assert_close(y, torch.tensor([2.484375, -1.0]), what="y")
    assert_equal((before, after), (32, 22), what="the sizes before and after, in bytes")
    assert_close(found, 4.0, rtol=1e-5, what="the perplexity")


# The whole ----------------------------------------------------------------------------------------------------------

V, D, H, STEPS = 12, 12, 24, 40


def _trained(rng):
    """A language model, trained here on text of a Markov chain, and text of the chain that it has not seen."""
    P = torch.softmax(2.5 * randn(rng, V, V), 1)
    columns = [torch.from_numpy(rng.integers(0, V, 60))]
    for _ in range(18):
        u = torch.from_numpy(rng.uniform(0, 1, (60, 1)))
        columns.append((P[columns[-1]].cumsum(1) < u).sum(1).clamp(max=V - 1))
    tokens = torch.stack(columns, 1)
    blocks = nn.Sequential()
    for name in ("first", "second"):
        block = nn.Sequential()
        for part, module in (("norm", nn.LayerNorm(D)), ("up", nn.Linear(D, H)), ("act", nn.GELU()), ("down", nn.Linear(H, D))):
            block.add_module(part, module)
        blocks.add_module(name, block)
    model = nn.Sequential()
    parts = ("embed", nn.Embedding(V, D)), ("blocks", blocks), ("norm", nn.LayerNorm(D)), ("lm_head", nn.Linear(D, V, bias=False))
    for name, module in parts:
        model.add_module(name, module)
    model.lm_head.weight = model.embed.weight
    model.double()
    with torch.no_grad():
        for p in model.parameters():
            if p.dim() == 2:
                p.copy_(randn(rng, *p.shape) / math.sqrt(p.shape[1]))
    weights = list(model.parameters())
    m, v = [torch.zeros_like(p) for p in weights], [torch.zeros_like(p) for p in weights]
    for t in range(1, STEPS + 1):  # Adam; the first step of torch's own imports for seconds
        loss = nn.functional.cross_entropy(model(tokens[:40, :-1]).flatten(0, 1), tokens[:40, 1:].flatten())
        for i, (p, g) in enumerate(zip(weights, torch.autograd.grad(loss, weights), strict=True)):
            m[i], v[i] = 0.9 * m[i] + 0.1 * g, 0.99 * v[i] + 0.01 * g * g
            p.data -= 0.02 * (m[i] / (1 - 0.9**t)) / ((v[i] / (1 - 0.99**t)).sqrt() + 1e-8)
    return model, tokens[40:]


@pytest.mark.last  # so that it is not replayed for every known mistake
def test_perplexity_budget(solution, rng):
    """A trained model in int8 predicts as well as before, within one per cent, at a fraction of the bytes"""
    own, tokens = _trained(rng)
    values = {name: value.clone() for name, value in own.state_dict().items()}
    blocks = {}
    for name in ("first", "second"):
        blocks[name] = _sequential(
            solution,
            norm=library(solution, "torch.nn.LayerNorm")(D, dtype=F64),
            up=_linear(solution, D, H),
            act=library(solution, "torch.nn.GELU")(),
            down=_linear(solution, H, D),
        )
    embed, head = library(solution, "torch.nn.Embedding")(V, D, dtype=F64), _linear(solution, D, V, bias=False)
    head.weight = keep(embed.get_parameter, "weight")
    norm = library(solution, "torch.nn.LayerNorm")(D, dtype=F64)
    model = _sequential(solution, embed=embed, blocks=_sequential(solution, **blocks), norm=norm, lm_head=head)
    load(model, **{name: value for name, value in values.items() if name != "lm_head.weight"})
    made = solution.quantize_model(model)
    again = solution.load_quantized(model, state(made))
    found = [solution.perplexity(m, tokens) for m in (model, made, again)]
    sizes = [solution.size_bytes(m) for m in (model, made)]
    right = _perplexity(own(tokens).detach(), tokens)
    with torch.no_grad():
        for name, module in own.named_modules():
            if isinstance(module, nn.Linear) and name != "lm_head":
                codes, scale = _codes(module.weight)
                module.weight.copy_(scale * codes)
    rounded = _perplexity(own(tokens).detach(), tokens)
    assert right < 0.8 * V, "the suite's model was not trained"
    assert_close(found[0], right, rtol=1e-5, what="the perplexity of the trained model in floats")
    assert found[1] <= 1.01 * right, (
        f"In int8 the perplexity is {found[1]:.4f}, in floats it was {right:.4f}. With a scale for each output it should rise by"
        " less than one per cent: the int8 model does not compute what the float model did."
    )
    assert_close(found[1], rounded, rtol=1e-5, what="the perplexity of the model in int8",
                 why=f"In floats it is {right:.6f}: if yours is this, the codes are not used.")  # fmt: skip
    assert_close(found[2], found[1], rtol=1e-7, what="the perplexity of the model after it was saved and loaded")
    floats = V * D + 3 * 2 * D + 2 * (H + D)
    assert_equal(sizes[0], 8 * (floats + 4 * D * H), what="size_bytes of the trained model in float64")
    assert_equal(sizes[1], 8 * (floats + 2 * (H + D)) + 4 * D * H, what="size_bytes of the trained model in int8")
