"""rsLoRA's scaling, LoRA+'s step and its groups for an optimiser.

Steps are compared with sums of outer products over the rows, in float64, and with what the step does to the loss;
groups with lists that are written out here, by the parameters' values (all of them differ), and by what an optimiser
does with them. Tolerances are the defaults: float64 1e-9 relative (sums of a dozen products, 1e-10 absolute), float32
1e-5 relative and 5e-5 absolute. Nothing can fail by chance.
"""

import torch

from grader.testing import (
    LearnerError,
    Mismatch,
    assert_close,
    assert_equal,
    assert_no_aliasing,
    assert_unchanged,
    keep,
    keep_item,
    library,
    load,
    state,
)

RULE = "Group 1 has lora_A and other matrices, group 2 lora_B, group 3 what has one axis or none."


def _factors(r, n, n_in=7, n_out=5, dtype=torch.float64):
    """A, B, X, G."""
    return [torch.randn(shape, dtype=dtype) for shape in ((r, n_in), (n_out, r), (n, n_in), (n, n_out))]


def _step(A, B, X, G, s, lr, ratio):
    """One step, a row at a time, in float64."""
    A, B = A.detach().double(), B.detach().double()
    grad_A, grad_B = torch.zeros_like(A), torch.zeros_like(B)
    for x, g in zip(X.double(), G.double(), strict=True):
        grad_A += s * torch.outer(B.T @ g, x)
        grad_B += s * torch.outer(g, A @ x)
    return A - lr * grad_A, B - lr * ratio * grad_B


def _assert_pair(found):
    pair = isinstance(found, tuple | list) and len(found) == 2
    assert pair, "plus_step has to return a tuple: (A_new, B_new)."


def _told(old, mine, right, name):
    """In words, how a step went wrong."""
    if not isinstance(mine, torch.Tensor) or mine.shape != right.shape or not bool(mine.isfinite().all()):
        return ""
    step, wanted = mine.detach().double() - old, right - old
    size = float((step * wanted).sum() / wanted.square().sum().clamp(min=1e-300))
    if float((step - size * wanted).abs().max()) <= 1e-6 * float(step.abs().max()):
        return f"Your step of {name} runs along the right line, but is {size:.4g} times as long: look at s, η and λ."
    formula = "s · Bᵀ Gᵀ X" if name == "A" else "s · Gᵀ X Aᵀ"
    return f"Your step of {name} does not run along its gradient, {formula} at the old A and B."


def _close_step(found, given, case, dtype=torch.float64):
    _assert_pair(found)
    atol = 1e-10 if dtype == torch.float64 else 5e-5
    for name, old, mine, right in zip("AB", given, found, _step(*given), strict=False):
        why = _told(old.detach().double(), mine, right, name)
        assert_close(mine, right.to(dtype), atol=atol, what=f"{name}_new {case}", why=why)


def _model(side, **modules):
    """Modules by name, each a dict of parameters: shapes, or None for a tensor that is filled elsewhere."""
    model = library(side, "torch.nn.Sequential")()
    for name, shapes in modules.items():
        parts = {key: torch.zeros(shape) for key, shape in sorted(shapes.items())}  # as ParameterDict orders them
        model.add_module(name, library(side, "torch.nn.ParameterDict")(parts))
    load(model, **{name: torch.randn(value.shape) for name, value in state(model).items()})
    return model


def _large(side):
    """Adapters, frozen bases, a trained head, vectors, a number, and names that only look like lora_B."""
    model = _model(
        side,
        norm={"gain": (6,)},
        q_proj={"weight": (5, 6), "lora_B": (5, 2), "bias": (5,), "lora_A": (2, 6)},
        lora_B={"weight": (4, 3), "lora_A": (3, 3), "lora_B": (4, 3), "shift": (4,)},
        v_proj={"my_lora_B": (2, 2), "lora_B_scale": (7,), "magnitude": (3,), "frozen": (3,)},
        head={"kernel": (3, 2, 2), "lora_B": (8,), "gate": ()},
    )
    model.add_module("block", _model(side, up={"lora_A": (2, 7), "lora_B": (3, 2), "scale": (2,)}))
    for name in ("q_proj.weight", "q_proj.bias", "v_proj.frozen"):
        keep(model.get_parameter, name).requires_grad = False
    return model


LARGE = (
    ["q_proj.lora_A", "lora_B.lora_A", "lora_B.weight", "v_proj.my_lora_B", "head.kernel", "block.up.lora_A"],
    ["q_proj.lora_B", "lora_B.lora_B", "head.lora_B", "block.up.lora_B"],
    ["norm.gain", "lora_B.shift", "v_proj.lora_B_scale", "v_proj.magnitude", "head.gate", "block.up.scale"],
)


def _named(groups, values):
    """The groups with names in the place of parameters: [(names, lr, weight_decay), ...]."""
    assert isinstance(groups, list), "param_groups has to return a list of dicts."
    out = []
    for group in groups:
        keys = sorted(group) if isinstance(group, dict) else group
        assert keys == ["lr", "params", "weight_decay"], (
            f"A group has the keys {keys}; `params`, `lr` and `weight_decay` are asked for."
        )
        names = []
        for p in group["params"]:
            assert isinstance(p, torch.Tensor), "`params` of a group has to be a list of parameters."
            same = [name for name, value in values.items() if value.shape == p.shape and torch.equal(value, p)]
            names.append(same[0] if same else f"a tensor of shape {tuple(p.shape)} that is no parameter of the model")
        out.append((names, group["lr"], group["weight_decay"]))
    return out


def _assert_groups(found, lists, lr, ratio, decay, why=RULE):
    rates = zip(lists, (lr, lr * ratio, lr), (decay, decay, 0.0), strict=True)
    expected = [row for row in rates if row[0]]
    held, wanted = (sorted(name for row in rows for name in row[0]) for rows in (found, expected))
    extra, missing = [n for n in held if n not in wanted], [n for n in wanted if n not in held]
    assert not extra, f"In the groups is what does not belong there: {', '.join(extra)}. Only trained parameters do."
    assert not missing, f"In no group is {', '.join(missing)}, although it is trained."
    assert held == wanted, "A parameter is in the groups more than once."
    numbers = {name: i for i, row in enumerate(found) for name in row[0]}
    for names, *_ in expected:
        for name in names:
            beside = next((other for other in names if numbers[other] != numbers[name]), None)
            assert beside is None, f"{beside} and {name} are in different groups, and belong into one. {why}"
    for names, *_ in found:
        beside = [next(name for name in names if name in row[0]) for row in expected if set(names) & set(row[0])]
        assert len(beside) < 2, f"{beside[0]} and {beside[1]} are in one group, and belong into two. {why}"
    assert_equal([row[0] for row in found], [row[0] for row in expected], what="the parameters of the groups", why=why)
    assert_close([row[1] for row in found], [row[1] for row in expected], what="the list of the groups' lr", why=why)
    what = "the list of the groups' weight_decay"
    assert_close([row[2] for row in found], [row[2] for row in expected], what=what, why=why)


def test_scaling(solution):
    """The scaling is α / √r in rsLoRA and α / r in LoRA"""
    cases = ((12.0, 9), (0.5, 16), (7, 2), (32, 64), (3.0, 1))
    found = [
        (solution.rank_scaling(a, r), solution.rank_scaling(a, r, True), solution.rank_scaling(a, r, False))
        for a, r in cases
    ]
    for (alpha, r), (default, stabilized, plain) in zip(cases, found, strict=True):
        case = f"for α = {alpha:g}, r = {r}"
        assert_close(stabilized, alpha / r**0.5, what=f"the stabilized scaling {case}", why="It is α / √r.")
        assert_close(plain, alpha / r, what=f"the scaling {case}, stabilized=False", why="It is α / r.")
        assert_close(default, alpha / r**0.5, what=f"the scaling {case} by default", why="It is stabilized.")


def test_step(solution):
    """One step changes A and B by their gradients, B's with λ times the learning rate"""
    cases = ((3, 4, 0.5, 0.02, 16.0), (2, 6, 4.0, 0.01, 0.25), (4, 3, 1.5, 0.1, 1.0))
    inputs = [(*_factors(r, n), s, lr, ratio) for r, n, s, lr, ratio in cases]
    found = [solution.plus_step(*given) for given in inputs]
    for case, given, step in zip(cases, inputs, found, strict=True):
        _close_step(step, given, "with r = {}, {} rows, s = {:g}, η = {:g}, λ = {:g}".format(*case))


def test_groups(solution):
    """The groups: A and matrices, B with lr · ratio, vectors without decay; frozen ones are in none"""
    model = _large(solution)
    values = state(model)
    default, given = solution.param_groups(model, 0.02), solution.param_groups(model, 0.01, 4.0, 0.3)
    _assert_groups(_named(given, values), LARGE, 0.01, 4.0, 0.3)
    _assert_groups(_named(default, values), LARGE, 0.02, 16.0, 0.0, f"Without being told, λ is 16. {RULE}")


def test_alpha(solution):
    """With α' rsLoRA has the scaling that LoRA has with α"""
    cases = ((12.0, 9), (0.5, 16), (7, 2), (32, 64), (3.0, 1))
    found = [solution.stabilized_alpha(alpha, r) for alpha, r in cases]
    for (alpha, r), mine in zip(cases, found, strict=True):
        assert isinstance(mine, float | int), "stabilized_alpha has to return a number."
        why = f"LoRA's scaling is {alpha / r:g} here, rsLoRA's with your α' is {mine / r**0.5:g}."
        assert_close(mine, alpha / r**0.5, what=f"α' for α = {alpha:g}, r = {r}", why=why)


def test_flat_in_the_rank(solution):
    """With rsLoRA the first step moves the output equally far at every rank, with LoRA ever less"""
    n, moved = 64, {True: [], False: []}
    H = torch.ones(1, 1, dtype=torch.float64)
    for _ in range(6):  # Sylvester's matrices: rows of ±1 at right angles
        H = torch.cat([torch.cat([H, H], 1), torch.cat([H, -H], 1)])
    g = torch.randn(1, 5, dtype=torch.float64)
    ranks = (1, 4, 16, 64)
    for stabilized, sizes in moved.items():
        for r in ranks:
            A, B, x = H[:r], torch.zeros(5, r, dtype=torch.float64), H.sum(0, keepdim=True) / n
            s = solution.rank_scaling(6.0, r, stabilized)
            A1, B1 = solution.plus_step(A, B, x, g, s, 0.001, 16.0)
            assert_equal(A1, A, what="A after a step with B = 0", why="B is zero, so that no gradient reaches A.")
            sizes.append(float((s * x @ A1.T @ B1.T).norm() / g.norm()))
    # A x = 1, 1, ..., 1: the movement is λ η s² r.
    flat = [0.016 * 36.0] * 4
    why = "It is λ η α² at every rank: that is what the root is for."
    assert_close(moved[True], flat, what=f"the list of movements at the ranks {ranks} with rsLoRA", why=why)
    fading = [0.016 * 36.0 / r for r in ranks]
    assert_close(moved[False], fading, what=f"the list of movements at the ranks {ranks} with LoRA")


def test_step_lowers_the_loss(solution):
    """A small step lowers the loss by as much as the squares of the gradients say"""
    A, B, X, _ = _factors(3, 6)
    Y, s, lr, ratio = torch.randn(6, 5, dtype=torch.float64), 0.7, 1e-7, 8.0

    def loss(a, b):
        return float((s * X @ a.T @ b.T - Y).square().sum()) / 2

    G = s * X @ A.T @ B.T - Y
    found = solution.plus_step(A, B, X, G, s, lr, ratio)
    A1, B1 = _step(A, B, X, G, s, 1.0, 1.0)
    expected = lr * float((A1 - A).square().sum() + ratio * (B1 - B).square().sum())
    _assert_pair(found)
    fallen = loss(A, B) - loss(*found)
    # Second order: a part of 1e-4 at the most.
    assert abs(fallen - expected) < 0.01 * expected, (
        f"The loss fell by {fallen:.3g} where a small step against both gradients lowers it by {expected:.3g}."
    )


def test_step_leaves_its_arguments_alone(solution):
    """plus_step changes nothing in place, shares no memory, and takes parameters and views"""
    A, B, X, G = _factors(3, 4)
    rest = (0.5, 0.02, 16.0)
    trained = [t.clone().requires_grad_() for t in (A, B)]
    cases = {
        "with 4 rows": (A, B, X, G),
        "with no rows at all (nothing to learn from)": (A, B, X[:0], G[:0]),
        "with one row": (A, B, X[:1], G[:1]),
        "for views that are not contiguous": (*(t.T.contiguous().T for t in (A, B, X)), G.flip(0)),
    }
    calls = (assert_unchanged, assert_no_aliasing, *[lambda f, *args: f(*args)] * 2)
    found = [call(solution.plus_step, *given, *rest) for call, given in zip(calls, cases.values(), strict=True)]
    kept = keep(solution.plus_step, *trained, X, G, *rest)
    tied = [keep_item(kept, i).requires_grad for i in range(2)]
    for (case, given), mine in zip(cases.items(), found, strict=True):
        _close_step(mine, (*given, *rest), case)
    assert tied == [False, False], "A_new or B_new requires a gradient. Plain tensors are asked for."


def test_step_in_float32(solution):
    """In float32 the step is right too, and rows of extreme size do not spoil the others"""
    A, B, X, G = _factors(3, 4, dtype=torch.float32)
    G[1], X[1] = G[1] * 1e6, X[1] * 1e-6
    given = A, B, X, G, 0.5, 0.02, 16.0
    _close_step(solution.plus_step(*given), given, "in float32", torch.float32)


def test_shared_and_single(solution):
    """A shared parameter is in the groups once, empty groups are left out, and the order is the model's"""
    model = _model(solution, one={"lora_B": (4, 2), "lora_A": (2, 3)}, two={"weight": (6, 5)})
    model.add_module("three", keep(model.get_submodule, "one"))
    alone = library(solution, "torch.nn.ParameterDict")({"lora_B": torch.randn(3, 1)})
    vectors = _model(solution, norm={"gain": (5,), "shift": (5,)})
    frozen = _model(solution, base={"weight": (3, 4)})
    keep(frozen.get_parameter, "base.weight").requires_grad = False
    results = []
    for given in (model, alone, vectors, frozen):
        results.append((state(given), solution.param_groups(given, 0.1, 3.0, 0.2)))
    lists = (
        (["one.lora_A", "two.weight"], ["one.lora_B"], []),
        ([], ["lora_B"], []),
        ([], [], ["norm.gain", "norm.shift"]),
        ([], [], []),
    )
    for (values, groups), expected in zip(results, lists, strict=True):
        empty = isinstance(groups, list) and any(isinstance(g, dict) and g.get("params") == [] for g in groups)
        assert not empty, "A group without parameters is in the list. It is to be left out."
        _assert_groups(_named(groups, values), expected, 0.1, 3.0, 0.2)


def test_an_optimizer_takes_them(solution):
    """An optimiser that is given the groups moves the model's own parameters, each at its own rate"""
    model = _large(solution)
    before = state(model)
    groups = keep(solution.param_groups, model, 0.01, 4.0, 0.3)
    optimizer = library(solution, "torch.optim.SGD")(groups, lr=1.0)
    for name, value in before.items():
        parameter = keep(model.get_parameter, name)
        if parameter.requires_grad:
            parameter.grad = torch.ones(value.shape)
    optimizer.step()
    after = state(model)
    rates = {name: rate for names, rate in zip(LARGE, (0.01, 0.04, 0.01), strict=True) for name in names}
    for name, value in before.items():
        lr, decay = rates.get(name, 0.0), 0.0 if name in LARGE[2] else 0.3
        why = "SGD took a step with a gradient of ones: what is trained moves by lr · (1 + weight_decay · value)."
        assert_close(after[name], value - lr * (1 + decay * value), what=f"{name} after a step of SGD", why=why)


def test_example_of_the_statement(solution):
    """The example worked by hand comes out"""
    scalings = [solution.rank_scaling(8, 4, False), solution.rank_scaling(8, 4), solution.stabilized_alpha(8, 4)]
    given = (torch.tensor(v) for v in ([[1.0, 2.0]], [[0.0], [1.0]], [[1.0, 1.0]], [[1.0, -1.0]]))
    try:
        found = solution.plus_step(*given, 2.0, 0.1, 10.0)
    except LearnerError as error:
        raise Mismatch(f"plus_step raised {error} in the example of the statement.") from None
    assert_close(scalings, [2.0, 4.0, 4.0], what="the list of s for LoRA, s for rsLoRA and α'")
    assert_close(found, (torch.tensor([[1.2, 2.2]]), torch.tensor([[-6.0], [7.0]])), what="(A_new, B_new)")
