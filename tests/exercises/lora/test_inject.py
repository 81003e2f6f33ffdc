"""inject and its companions on small models that are put together here, layer by layer.

Expected names, numbers of parameters and outputs are worked out by hand or in float64 here; the reference is not asked.
How A is drawn is a matter of chance, so values of A never cross before the suite has loaded its own. Tolerances are
the defaults, but 5e-3 absolute for outputs (see `_close`).

The first checks give different answers for nearly every known mistake, since a diagnosis replays calls in this order.
"""

import torch

from grader.testing import (
    LearnerError,
    Mismatch,
    assert_close,
    assert_equal,
    fetch_list,
    keep,
    library,
    load,
    state,
)


def _sequential(side, **layers):
    """An nn.Sequential with these children, by name."""
    out = library(side, "torch.nn.Sequential")()
    for name, layer in layers.items():
        out.add_module(name, layer)
    return out


def _bare(side, n_in, n_out, bias=True):
    return library(side, "torch.nn.Linear")(n_in, n_out, bias=bias)


def _linear(side, n_in, n_out, bias=True, dtype=torch.float32):
    layer = library(side, "torch.nn.Linear")(n_in, n_out, bias=bias, dtype=dtype)
    values = {"weight": torch.randn(n_out, n_in, dtype=dtype)} | (
        {"bias": torch.randn(n_out, dtype=dtype)} if bias else {}
    )
    load(layer, **values)
    return layer


def _model(side, tied=True):
    """embed, two blocks, a batch norm (it has buffers), lm_head; the head's weight is the embedding's where tied."""
    nn = "torch.nn."
    embed = library(side, nn + "Embedding")(11, 6)
    blocks = _sequential(
        side,
        first=_sequential(
            side,
            norm=library(side, nn + "LayerNorm")(6),
            q_proj=_bare(side, 6, 8),
            act=library(side, nn + "Tanh")(),
            mix=_sequential(side, proj=_bare(side, 8, 7, bias=False)),
        ),
        second=_sequential(
            side,
            q_proj=_bare(side, 7, 5),
            q_proj_out=_bare(side, 5, 6),
            proj=library(side, nn + "LayerNorm")(6),
            lora_gate=_bare(side, 6, 6),
        ),
    )
    head = _bare(side, 6, 11, bias=False)
    if tied:
        head.weight = keep(embed.get_parameter, "weight")
    model = _sequential(side, embed=embed, blocks=blocks, scale=library(side, nn + "BatchNorm1d")(6), lm_head=head)
    model.eval()
    values = {"embed.weight": torch.randn(11, 6)}
    for name, (n_in, n_out) in LINEAR.items():
        values |= {f"{name}.weight": torch.randn(n_out, n_in), f"{name}.bias": torch.randn(n_out)}
    for name in ("blocks.first.mix.proj.bias", "lm_head.bias", *(["lm_head.weight"] if tied else [])):
        del values[name]
    load(model, **values)
    return model


LINEAR = {
    "blocks.first.q_proj": (6, 8),
    "blocks.first.mix.proj": (8, 7),
    "blocks.second.q_proj": (7, 5),
    "blocks.second.q_proj_out": (5, 6),
    "blocks.second.lora_gate": (6, 6),
    "lm_head": (6, 11),
}
SOME = ["proj", "first.q_proj", "lora_gate"]
HIT = ["blocks.first.q_proj", "blocks.first.mix.proj", "blocks.second.lora_gate"]
BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


def _names(model):
    """The names in the model's state, without the values: those of A are a matter of chance."""
    return [name for name in fetch_list(keep(model.state_dict).keys(), 200) if not name.endswith(BUFFERS)]


def _trained(model):
    return sorted(name for name in _names(model) if keep(model.get_parameter, name).requires_grad)


def _factor_names(*layers):
    return sorted(f"{layer}.{which}" for layer in layers for which in ("lora_A", "lora_B"))


def _fill(model, *layers, r, sizes=LINEAR):
    """Our own values in the factors of these layers, by the factors' names."""
    values = {}
    for layer in layers:
        n_in, n_out = sizes[layer]
        values |= {f"{layer}.lora_A": torch.randn(r, n_in), f"{layer}.lora_B": torch.randn(n_out, r)}
    try:
        load(model, **values)
    except LearnerError as error:
        raise Mismatch(
            f"The model that was given has no adapter of rank {r} at {' and '.join(layers)}: {error.text}"
        ) from None
    return values


def _expected(weights, ids, factors, scaling):
    """The model's output for token ids, in float64 from its weights before injection and the factors."""
    w = {name: value.double() for name, value in {**weights, **factors}.items()}

    def linear(name, x):
        h = x @ w[f"{name}.weight"].T + w.get(f"{name}.bias", 0.0)
        if f"{name}.lora_A" in w:
            h = h + scaling * x @ w[f"{name}.lora_A"].T @ w[f"{name}.lora_B"].T
        return h

    def norm(x):  # gamma 1, beta 0
        return (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True, unbiased=False) + 1e-5).sqrt()

    h = linear("blocks.first.q_proj", norm(w["embed.weight"][ids])).tanh()
    h = linear("blocks.second.q_proj", linear("blocks.first.mix.proj", h))
    h = linear("blocks.second.lora_gate", norm(linear("blocks.second.q_proj_out", h)))
    return linear("lm_head", h / (1 + 1e-5) ** 0.5).to(weights["embed.weight"].dtype)


def _close(out, expected, what, why=""):
    # Outputs are of size ten to a hundred. A norm of seven numbers that happen to lie close together enlarges the rounding
    # before it; by more than a thousand, which it would take to miss this, in fewer than one run of 10^9. A mistake shows in
    # whole units.
    assert_close(out, expected, rtol=1e-4, atol=5e-3, what=what, why=why)


def test_suffixes(solution):
    """A list of suffixes: the layers whose name ends so are wrapped, in the model that was given"""
    model, ids = _model(solution), torch.tensor([3, 9, 0, 3])
    weights = state(model)
    names = solution.inject(model, SOME, 3, 12)
    found = _names(model)
    start = model(ids)
    assert_equal(names, HIT, what=f"the list returned for the suffixes {SOME}")
    assert_equal(
        sorted(name for name in found if ".lora_" in name and "lora_gate.w" not in name and "lora_gate.b" not in name),
        _factor_names(*HIT),
        what="the names of the factors in the model that was given",
    )
    why = "Every B is zero, so nothing is changed yet."
    _close(start, _expected(weights, ids, {}, 0.0), "the model's output just after inject", why)
    factors = _fill(model, *HIT, r=3)
    why = "Here r = 3 and α = 12; every wrapped layer adds 4 · B A x."
    _close(model(ids), _expected(weights, ids, factors, 4.0), "the model's output with other values in A and B", why)


def _assert_expressions(solution, cases):
    """For each expression: the names that are returned, and the adapters that are in the model."""
    results = []
    for targets in cases:
        model = _model(solution)
        results.append((solution.inject(model, targets, 2, 3), _names(model)))
    for (targets, expected), (names, found) in zip(cases.items(), results, strict=True):
        assert_equal(names, expected, what=f"the list returned for the expression {targets!r}")
        kept = [name for name in found if name.endswith(".lora_B")]
        assert_equal(kept, [f"{name}.lora_B" for name in expected], what=f"the adapters in the model for {targets!r}")


def test_expression(solution):
    """A string is a regular expression for the whole name"""
    alternatives = ["blocks.first.q_proj", "blocks.first.mix.proj", "blocks.second.q_proj"]
    cases = {
        r".*\.q_proj": ["blocks.first.q_proj", "blocks.second.q_proj"],
        r"blocks\.(first|second)\.(mix\.)?(q_)?proj": alternatives,
    }
    _assert_expressions(solution, cases)


def test_expression_for_all(solution):
    """The expression .* takes every linear layer and nothing else"""
    _assert_expressions(solution, {r".*": list(LINEAR), r"lm_head": ["lm_head"]})


def test_only_adapters_are_trained(solution):
    """Afterwards lora_A and lora_B are trained and nothing else is"""
    model = _model(solution)
    before = _trained(model)
    solution.inject(model, SOME, 3, 12)
    trained = _trained(model)
    assert len(before) > 10
    assert_equal(trained, _factor_names(*HIT), what="the list of trained parameters after inject")


def test_called_again(solution):
    """Called again, adapters are kept, bases are not wrapped in turn, and all adapters are trained"""
    model, ids = _model(solution), torch.tensor([1, 4, 10])
    weights = state(model)
    first = solution.inject(model, ["first.q_proj"], 3, 12)
    factors = _fill(model, "blocks.first.q_proj", r=3)
    same = solution.inject(model, ["first.q_proj"], 3, 12)
    more = solution.inject(model, r"blocks\.first\..*", 3, 12)
    found, trained = _names(model), _trained(model)
    assert_equal(first, ["blocks.first.q_proj"], what="the list returned by the first call")
    assert_equal(same, [], what="the list returned by the same call again", why="Nothing was wrapped by it.")
    what = "the list returned by a third call, for r'blocks\\.first\\..*'"
    assert_equal(more, ["blocks.first.mix.proj"], what=what)
    both = ("blocks.first.q_proj", "blocks.first.mix.proj")
    factor_names = sorted(name for name in found if name.endswith(("lora_A", "lora_B")))
    assert_equal(factor_names, _factor_names(*both), what="the names of all factors after three calls")
    assert_equal(trained, _factor_names(*both), what="the list of trained parameters after three calls")
    factors |= _fill(model, both[1], r=3)
    out = _expected(weights, ids, factors, 4.0)
    _close(model(ids), out, "the output after three calls", "The first adapter keeps the values it was given.")


def test_no_match(solution):
    """Where nothing matches, ValueError is raised and nothing is changed"""
    cases = (["k_proj"], ["norm", "mix", "embed"], r"proj", [], r"blocks\.[a-z]*")
    raised = []
    model = _model(solution)
    before = _names(model), _trained(model)
    for targets in cases:
        try:
            raised.append(("nothing", targets, solution.inject(model, targets, 3, 12)))
        except LearnerError as error:
            raised.append((error.kind, targets, None))
    after = _names(model), _trained(model)
    alone = _linear(solution, 6, 8)
    try:
        raised.append(("nothing", r".*", solution.inject(alone, r".*", 3, 12)))
    except LearnerError as error:
        raised.append((error.kind, r".*", None))
    for kind, targets, _ in raised:
        if kind != "ValueError":
            where = "a model that is one nn.Linear itself" if targets == r".*" else "a model with no such linear layer"
            raise Mismatch(f"inject with targets = {targets!r} on {where} has to raise ValueError; {kind} was raised.")
    assert_equal(after[0], before[0], what="the names in the model after inject had raised")
    assert_equal(after[1], before[1], what="the list of trained parameters after inject had raised")


def test_shared_module(solution):
    """A module that stands in two places gets one adapter, in both"""
    layer, other = _linear(solution, 5, 5), _linear(solution, 5, 5)
    W, b = layer.weight.detach(), layer.bias.detach()
    V, c = other.weight.detach(), other.bias.detach()
    inner = _sequential(solution, proj=layer)
    model = _sequential(
        solution, one=inner, act=library(solution, "torch.nn.Tanh")(), two=inner, proj=layer, last=other
    )
    names = solution.inject(model, ["proj"], 2, 6)
    factor_names = [name for name in _names(model) if name.endswith(".lora_A")]
    stats = solution.trainable_stats(model)
    keys = fetch_list(keep(solution.adapter_state, model).keys(), 50)
    factors = _fill(model, "one.proj", r=2, sizes={"one.proj": (5, 5)})
    x = torch.randn(4, 5)
    out = model(x)
    places = ["one.proj", "two.proj", "proj"]
    assert_equal(names, places, what="the list returned where one layer stands in three places")
    assert_equal(
        factor_names, [f"{place}.lora_A" for place in places], what="the places of lora_A in the model's state"
    )
    A, B = (factors[f"one.proj.{which}"].double() for which in ("lora_A", "lora_B"))
    M = W.double() + 3 * B @ A
    h = (x.double() @ M.T + b).tanh() @ M.T + b
    expected = ((h @ M.T + b) @ V.double().T + c).float()
    _close(
        out, expected, "the output after values were loaded into the adapter", "It is one adapter, used three times."
    )
    assert_equal(stats, (20, 80), what="trainable_stats where one layer of 5 to 5 stands in three places, r = 2")
    assert_equal(sorted(keys), _factor_names("one.proj"), what="the keys of the state: each factor is there once")


def test_tied_weight(solution):
    """A weight that two layers share stays one parameter"""
    model, ids = _model(solution), torch.tensor([2, 7, 5])
    solution.inject(model, ["lm_head", "first.q_proj"], 2, 5)
    factors = _fill(model, "lm_head", "blocks.first.q_proj", r=2)
    E = torch.randn(11, 6)
    load(model, **{"embed.weight": E})
    weights = {name.replace(".base.", "."): value for name, value in state(model).items()}
    seen = weights["lm_head.weight"]
    stats = solution.trainable_stats(model)
    out = model(ids)
    why = "The output layer's weight is the embedding's, before and after."
    assert_equal(seen, E, what="lm_head's weight after another one was loaded into the embedding", why=why)
    _close(out, _expected(weights, ids, factors, 2.5), "the model's output with its tied weight")
    # embed 66, norms 24, batch norm 12; layers 56, 56, 40, 36, 42; adapters 2 · (6 + 11) and 2 · (6 + 8)
    assert_equal(stats, (62, 66 + 12 + 12 + 12 + 56 + 56 + 40 + 36 + 42 + 62), what="trainable_stats")


def test_stats(solution):
    """trainable_stats counts numbers, each parameter once, without buffers"""
    apart, tied = _model(solution, tied=False), _model(solution)
    plain = solution.trainable_stats(apart), solution.trainable_stats(tied)
    solution.inject(tied, SOME, 3, 12)
    after = solution.trainable_stats(tied)
    assert_equal(plain[0], (398, 398), what="the stats of a model with nothing frozen")
    assert_equal(plain[1], (332, 332), what="the stats where two layers share a weight of 66 numbers")
    added = 3 * (14 + 15 + 12)
    what = "the stats with adapters of r = 3 on layers of 6 to 8, 8 to 7 and 6 to 6"
    assert_equal(after, (added, 332 + added), what=what)


def test_state(solution):
    """adapter_state has copies of the factors and nothing else, trained or not"""
    model = _model(solution)
    solution.inject(model, SOME, 3, 12)
    factors = _fill(model, *HIT, r=3)
    saved = keep(solution.adapter_state, model)
    first = solution.adapter_state(model)
    for name in _factor_names("blocks.first.q_proj"):
        keep(model.get_parameter, name).requires_grad = False
    second = solution.adapter_state(model)
    _fill(model, *HIT, r=3)
    later = {name: saved[name] for name in factors if name in fetch_list(saved.keys(), 200)}
    assert_equal(first, factors, what="adapter_state(model)")
    assert_equal(any(value.requires_grad for value in first.values()), False, what="whether a value has requires_grad")
    assert_equal(second, factors, what="adapter_state(model) with one adapter frozen")
    why = "It was asked for before other values were loaded into the factors: what is saved must be a copy."
    assert_equal(later, factors, what="the state that was kept", why=why)


def test_load_into_a_fresh_base(solution):
    """A state loaded into another copy of the base gives the same model"""
    model, ids = _model(solution), torch.tensor([8, 8, 1])
    weights = state(model)
    solution.inject(model, SOME, 3, 12)
    factors = _fill(model, *HIT, r=3)
    saved = solution.adapter_state(model)
    fresh = _model(solution)
    load(fresh, **{name: value for name, value in weights.items() if "head" not in name})
    solution.inject(fresh, SOME, 3, 12)
    held = keep(fresh.get_parameter, "blocks.second.lora_gate.lora_B")
    result = solution.load_adapter(fresh, saved)
    out, trained, there = fresh(ids), _trained(fresh), held.detach()
    assert_equal(result, None, what="what load_adapter returns")
    _close(out, _expected(weights, ids, factors, 4.0), "the output of a fresh base with the loaded adapter")
    why = "The optimiser holds the parameters that are there: copy into those."
    what = "the lora_B that was a parameter of the model before loading"
    assert_equal(there, factors["blocks.second.lora_gate.lora_B"], what=what, why=why)
    assert_equal(trained, _factor_names(*HIT), what="the list of trained parameters after loading")


def test_load_wrong_keys(solution):
    """load_adapter raises KeyError for missing and unknown keys, before it changes anything"""
    model = _model(solution)
    solution.inject(model, SOME, 3, 12)
    factors = _fill(model, *HIT, r=3)
    good = {name: torch.randn(value.shape) for name, value in factors.items()}
    first, last = next(iter(good)), list(good)[-1]
    wrong = {
        "a state without its last key": {name: value for name, value in good.items() if name != last},
        "a state without its first key": {name: value for name, value in good.items() if name != first},
        "a state with one key more": {**good, "blocks.second.q_proj.lora_A": torch.randn(3, 7)},
        "a state with a weight of the base": {**good, "blocks.second.q_proj.weight": torch.randn(5, 7)},
        "an empty state": {},
    }
    raised, after = [], []
    for state_ in wrong.values():
        try:
            solution.load_adapter(model, state_)
            raised.append("nothing")
        except LearnerError as error:
            raised.append(error.kind if not isinstance(error, KeyError) else "KeyError")
        after.append({name: keep(model.get_parameter, name).detach() for name in factors})
    for what, kind, values in zip(wrong, raised, after, strict=True):
        if kind != "KeyError":
            raise Mismatch(f"load_adapter with {what} has to raise KeyError; {kind} was raised.")
        assert_equal(values, factors, what=f"the factors after load_adapter was given {what}")


def test_example_of_the_statement(solution):
    """The example worked by hand comes out, in float64 too"""
    for dtype in (torch.float32, torch.float64):
        model = _sequential(
            solution,
            q_proj=_linear(solution, 6, 8, dtype=dtype),
            lm_head=_linear(solution, 6, 11, bias=False, dtype=dtype),
        )
        names = solution.inject(model, ["q_proj"], 2, 4)
        stats = solution.trainable_stats(model)
        load(model, **{"q_proj.lora_A": torch.ones(2, 6, dtype=dtype), "q_proj.lora_B": torch.ones(8, 2, dtype=dtype)})
        saved = solution.adapter_state(model)
        assert_equal(names, ["q_proj"], what="the list of the example")
        assert_equal(stats, (28, 150), what="the stats of the example")
        expected = {"q_proj.lora_A": torch.ones(2, 6, dtype=dtype), "q_proj.lora_B": torch.ones(8, 2, dtype=dtype)}
        assert_equal(saved, expected, what=f"the state of the example in {dtype}, loaded with ones")
