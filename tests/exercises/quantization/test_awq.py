"""Scales and rounded weights by NumPy in float64, each group on its own; every α of the search is tried here, too.

Numbers are drawn again where a right program could differ: where a code lies within 1e-3 of half-way (1e-9 in the
search, which is done in float64 but for one check) and where the best two values of α err within 1 % of one another. So
any right order of operations gives these codes and this α. Tolerance: the default, 1e-5 relative in float32, 1e-9 in
float64. No check depends on chance.
"""

import numpy as np
import torch

from grader.testing import assert_close, assert_equal, assert_unchanged


def _a(X):
    return np.abs(X.reshape(-1, X.shape[-1])).mean(0)


def _s(a, alpha):
    live = a > 0
    s = np.ones_like(a)
    if live.any():
        powers = a[live] ** alpha
        s[live] = powers / np.sqrt(powers.max() * powers.min())
    return s


def _rounded(W, s, bits, group, near=None):
    """Q(W · s) / s; how far the nearest code is from half-way goes to `near`."""
    out, scaled = np.empty_like(W), W * s
    for start in range(0, W.shape[1], group):
        part = scaled[:, start : start + group]
        largest = np.abs(part).max(1, keepdims=True)
        step = np.where(largest > 0, largest / (2 ** (bits - 1) - 1), 1.0)
        out[:, start : start + group] = step * np.rint(part / step)
        if near is not None:
            near.append(np.abs(np.abs(part / step) % 1 - 0.5).min())
    return out / s


def _errors(W, X, bits, group, steps, near=None):
    """The error of each α, and with it what other measures would say."""
    x, a = X.reshape(-1, X.shape[-1]), _a(X)
    errors, others = [], []
    for i in range(steps + 1):
        D = W - _rounded(W, _s(a, i / steps), bits, group, near)
        y = x @ D.T
        errors.append((y**2).mean())
        others.append([(D**2).mean(), np.abs(y).mean(), np.abs(y).max(), abs(y.mean()), (y[0] ** 2).mean()])
    return np.array(errors), np.array(others)


def _case(rng, n, k, m, bits, group, steps, end=None, lead=None, rich=False, dtype=np.float64, margin=0.01):
    """W, X, α and s as tensors. `end` is the α that is to be best, None one between.

    With `rich` other measures of the error, and other ways to search, have to find another α. One try in 44 is such a case:
    2000 of them are as good as certain to have one.
    """
    for _ in range(2000):
        spread = np.exp(rng.uniform(-1.5, 1.5, k))
        X = rng.normal(size=(m, k)) * spread * np.exp(rng.uniform(-1, 1, (m, 1)))
        power = {None: rng.uniform(-0.6, 0.3), 0.0: 1.0, 1.0: -1.2}[end]
        W = (rng.normal(size=(n, k)) * spread**power).astype(dtype).astype(np.float64)
        X = X.astype(dtype).astype(np.float64)
        near = []
        errors, others = _errors(W, X, bits, group, steps, near)
        order = errors.argsort()
        i = int(order[0])
        if errors[order[1]] < (1 + margin) * errors[i] or min(near) < (1e-9 if dtype == np.float64 else 1e-4):
            continue
        if (i == 0) != (end == 0.0) or (i == steps) != (end == 1.0):
            continue
        if rich:
            falls = np.flatnonzero(errors[1:] < errors[:-1])
            valley = int(np.argmax(errors[1:] >= errors[:-1]))
            largest = np.abs(X).max(0)
            best = np.argmin([((X @ (W - _rounded(W, _s(largest, j / steps), bits, group)).T) ** 2).mean()
                              for j in range(steps + 1)])  # fmt: skip
            if i in (*others.argmin(0), best) or not len(falls) or falls[-1] + 1 == i or valley == i or 2 * i == steps:
                continue
        W, X = torch.from_numpy(W.astype(dtype)), torch.from_numpy(X.astype(dtype))
        a = _a(X.double().numpy())
        s = torch.from_numpy(_s(a, i / steps)).to(W.dtype)
        return W, X if lead is None else X.reshape(*lead, k), i / steps, s, errors
    raise AssertionError("no case was found")


def _weights(rng, n, k, bits, group, dtype=np.float64):
    """W, s and Ŵ, no code near half-way."""
    while True:
        W = rng.normal(size=(n, k)).astype(dtype)
        s = np.exp(rng.uniform(-1.2, 1.2, k)).astype(dtype)
        near = []
        right = _rounded(W.astype(np.float64), s.astype(np.float64), bits, group, near)
        if min(near) > 1e-3:
            return torch.from_numpy(W), torch.from_numpy(s), torch.from_numpy(right.astype(dtype))


def _pair(answer):
    """α and s of an answer of `search`, whose form is looked at first."""
    assert isinstance(answer, (tuple, list)), f"search gives α and s, not {type(answer).__name__}."
    assert len(answer) == 2, f"search gives two things, α and s, not {len(answer)}."
    alpha, s = answer
    assert isinstance(alpha, (int, float)), f"The α that search gives is a Python float, not {type(alpha).__name__}."
    return float(alpha), s


def _assert_found(answer, alpha, s, errors, what):
    found, scales = _pair(answer)
    steps = len(errors) - 1
    i = found * steps
    on_grid = 0 <= found <= 1 and abs(i - round(i)) < 1e-6
    assert on_grid, f"α = {found} {what} is none of 0, 1/{steps}, …, 1: it is i / steps, for i = 0 … steps."
    assert abs(found - alpha) < 1e-9, (
        f"You found α = {found:.4g} {what}, whose mean square error of the output is {errors[round(i)]:.4g}; "
        f"α = {alpha:.4g} has {errors.min():.4g}."
    )
    assert_close(scales, s, what=f"the s of the best α {what}", why="It is the s of the α that you give.")


def test_importance(solution, rng):
    """importance: the mean magnitude of each column, over all tokens"""
    made = [rng.normal(size=shape) * np.exp(rng.uniform(-2, 2, shape[-1])) for shape in ((9, 5), (2, 4, 6), (1, 3))]
    found = [solution.importance(torch.from_numpy(X).float()) for X in made]
    for X, values in zip(made, found, strict=True):
        a = torch.from_numpy(_a(X)).float()
        assert_close(values, a, what=f"a for X of shape {X.shape}", why="|X| before the mean, or signs cancel.")


def test_scales(solution, rng):
    """awq_scales: a^α, divided by the root of its largest times its smallest"""
    cases = [(np.exp(rng.uniform(-2, 3, k)), alpha) for k, alpha in ((7, 0.3), (5, 0.5), (4, 0.85), (6, 1.0))]
    found = [solution.awq_scales(torch.from_numpy(a).float(), alpha) for a, alpha in cases]
    for (a, alpha), values in zip(cases, found, strict=True):
        assert_close(values, torch.from_numpy(_s(a, alpha)).float(), what=f"s for α = {alpha}")


def test_weight(solution, rng):
    """quantized_weight: columns scaled, rounded in their groups, scaled back"""
    cases = [(5, 9, 4, 4), (3, 8, 3, 3), (4, 7, 8, 16), (6, 5, 2, 1)]
    made = [_weights(rng, *case) for case in cases]
    found = [assert_unchanged(solution.quantized_weight, W, s, bits, group) for (W, s, _), (*_, bits, group) in
             zip(made, cases, strict=True)]  # fmt: skip
    for (n, k, bits, group), (_, _, right), values in zip(cases, made, found, strict=True):
        what = f"Ŵ of a ({n}, {k}) matrix to {bits} bits in groups of {group}"
        assert_close(values, right, what=what)


def test_search(solution, rng):
    """search: the α with the smallest mean square error of the output"""
    cases = [(4, 10, 8, 4, 5, 10), (3, 8, 6, 3, 3, 7), (5, 6, 9, 3, 4, 9)]
    made = [_case(rng, *case, rich=case is cases[0]) for case in cases]
    found = [assert_unchanged(solution.search, W, X, *case[3:]) for case, (W, X, *_) in zip(cases, made, strict=True)]
    for (n, k, _, bits, group, steps), (_, _, alpha, s, errors), answer in zip(cases, made, found, strict=True):
        what = f"for a ({n}, {k}) matrix to {bits} bits in groups of {group}, steps = {steps}"
        _assert_found(answer, alpha, s, errors, what)


def test_ends_are_tried(solution, rng):
    """Both ends of the grid are tried: α = 0, the nearest codes, and α = 1"""
    made = [(_case(rng, 4, 8, 7, 4, 4, steps, end=end), steps) for end in (0.0, 1.0) for steps in (6, 1)]
    found = [solution.search(W, X, 4, 4, steps) for (W, X, *_), steps in made]
    for ((_, _, alpha, s, errors), steps), answer in zip(made, found, strict=True):
        _assert_found(answer, alpha, s, errors, f"with steps = {steps}, where an end is best")


def test_default_steps(solution, rng):
    """Without `steps` the grid has steps of 1/20; bits and groups are followed"""
    W, X, alpha, s, errors = _case(rng, 4, 9, 8, 3, 4, 20, margin=0.001)
    V, Z, beta, t, others = _case(rng, 3, 7, 6, 5, 2, 20, lead=(2, 3), margin=0.001)
    found, deep = solution.search(W, X, 3, 4), solution.search(V, Z, 5, 2)
    _assert_found(found, alpha, s, errors, "with 20 steps")
    _assert_found(deep, beta, t, others, "with 20 steps, for X of shape (2, 3, 7)")


def test_scales_lie_around_one(solution, rng):
    """α = 0 gives s = 1; the largest and the smallest s are inverses; a factor of all a changes nothing"""
    a = torch.from_numpy(np.exp(rng.uniform(-3, 4, 8)))
    zero, middle, times = (solution.awq_scales(*case) for case in ((a, 0.0), (a, 0.6), (1000 * a, 0.6)))
    assert_close(zero, torch.ones_like(a), what="s for α = 0", why="Nothing is scaled then.")
    assert_equal(tuple(middle.shape), (8,), what="the shape of s")
    product = float(middle.max() * middle.min())
    assert abs(product - 1) < 1e-9, f"The largest times the smallest s is {product:.6g}, not 1: s is to lie around 1."
    assert_equal(middle.argsort().tolist(), a.argsort().tolist(), what="the order of the columns by s",
                 why="The more important a column, the larger its s.")  # fmt: skip
    assert_close(times, middle, what="s for 1000 · a", why="s depends on the ratios of the columns only.")


def test_important_column_is_spared(solution, rng):
    """A column with inputs a hundred times as large errs less, and the output too"""
    X, W = rng.normal(size=(64, 32)), rng.normal(size=(24, 32))
    X[:, 7] *= 100
    x, w = torch.from_numpy(X), torch.from_numpy(W)
    alpha, s = _pair(solution.search(w, x, 3, 16))
    V, plain = solution.quantized_weight(w, s, 3, 16), torch.from_numpy(_rounded(W, np.ones(32), 3, 16))
    assert_equal(tuple(V.shape), (24, 32), what="the shape of Ŵ")
    before, after = ((x @ (w - v).T).square().mean() for v in (plain, V))
    assert after < before / 4, (
        f"The search found α = {alpha}: the mean square error of the output is {float(after):.3g}, that of the nearest"
        f" codes {float(before):.3g}; it should fall to a quarter at the most."
    )
    small, large = (w - V)[:, 7].abs().mean(), (w - plain)[:, 7].abs().mean()
    assert small < large / 2, "The important column is not spared: its own error should shrink by half at least."


def test_dead_columns(solution, rng):
    """Columns of zeros in X have s = 1 and take no part in the normalization"""
    a = np.exp(rng.uniform(1, 3, 6))
    a[[1, 4]] = 0.0
    found = [solution.awq_scales(torch.from_numpy(a), alpha) for alpha in (0.5, 1.0, 0.0)]
    none = solution.awq_scales(torch.zeros(3), 0.5)
    W, X = rng.normal(size=(3, 6)), rng.normal(size=(5, 6)) * np.exp(rng.uniform(-1, 1, 6))
    X[:, 2] = 0.0
    answer = solution.search(torch.from_numpy(W), torch.from_numpy(X), 4, 6, 4)
    still = solution.search(torch.from_numpy(W), torch.zeros(5, 6, dtype=torch.float64), 4, 6, 1)
    for alpha, values in zip((0.5, 1.0, 0.0), found, strict=True):
        what = f"s for α = {alpha}, where columns 1 and 4 are dead"
        assert_close(values, torch.from_numpy(_s(a, alpha)), what=what)
    assert_close(none, torch.ones(3), what="s where all columns are dead")
    alpha, s = _pair(answer)
    assert_equal(tuple(s.shape), (6,), what="the shape of s")
    assert_close(s, torch.from_numpy(_s(_a(X), alpha)), what=f"s for α = {alpha}, where column 2 is dead")
    assert_close(_pair(still)[1], torch.ones(6, dtype=torch.float64), what="the s found for inputs of zeros")


def test_extreme_columns(solution, rng):
    """Tiny and huge columns follow the same formula, and a tiny row of W is not lost"""
    a = np.exp(rng.uniform(-1, 1, 6)) * np.array([1, 2.0**30, 1, 2.0**-40, 2.0**-20, 1])
    found = [solution.awq_scales(torch.from_numpy(a), alpha) for alpha in (0.5, 0.9)]
    W, s, right = _weights(rng, 4, 8, 4, 3)
    rows = torch.tensor([1.0, 2.0**40, 2.0**-40, 1.0], dtype=torch.float64)[:, None]
    weight = solution.quantized_weight(W * rows, s, 4, 3)
    for alpha, values in zip((0.5, 0.9), found, strict=True):
        assert_equal(tuple(values.shape), (6,), what="the shape of s")
        what = f"s for α = {alpha}, divided by the right one"
        why = "Columns 1, 3 and 4 are very large or very small. Only zeros are special."
        assert_close(values / torch.from_numpy(_s(a, alpha)), torch.ones(6, dtype=torch.float64), what=what, why=why)
    assert_close(
        weight / rows, right, what="Ŵ, divided by the sizes of its rows", why="Rows 1 and 2 are huge and tiny."
    )


def test_example_of_the_statement(solution):
    """The example worked by hand comes out, step by step"""
    X, W = torch.tensor([[-16.0, 1.0, 2.0], [16.0, -1.0, 6.0]]), torch.tensor([[1.6, 2.4, -7.0]])
    a, s = solution.importance(X), solution.awq_scales(torch.tensor([16.0, 1.0, 4.0]), 0.5)
    weight = solution.quantized_weight(W, torch.tensor([2.0, 0.5, 1.0]), 4, 3)
    answer = solution.search(W, X, 4, 3, 2)
    assert_close(a, torch.tensor([16.0, 1.0, 4.0]), what="a of the example")
    assert_close(s, torch.tensor([2.0, 0.5, 1.0]), what="s of the example")
    assert_close(weight, torch.tensor([[1.5, 2.0, -7.0]]), what="Ŵ of the example")
    _assert_found(answer, 0.5, torch.tensor([2.0, 0.5, 1.0]), np.array([46.24, 1.44, 10.24]), "in the example")


def test_dtypes_sizes_and_layouts(solution, rng):
    """float32, sizes of one, strided arguments; nothing is changed in place"""
    W, X, alpha, s, errors = _case(rng, 3, 8, 6, 4, 3, 5, dtype=np.float32)
    answer = assert_unchanged(solution.search, W.T.contiguous().T, X.T.contiguous().T, 4, 3, 5)
    one, t, right = _weights(rng, 1, 7, 3, 4, np.float32)
    weight = assert_unchanged(solution.quantized_weight, torch.stack([one, one], 2)[:, :, 0], t, 3, 4)
    a = assert_unchanged(solution.importance, X.T.contiguous().T)
    scales = assert_unchanged(solution.awq_scales, torch.stack([a, a], 1)[:, 0], 0.7)
    single = assert_unchanged(solution.awq_scales, torch.tensor([3.0]), 0.7)
    tiny = assert_unchanged(solution.quantized_weight, torch.tensor([[2.0]]), torch.tensor([3.0]), 4, 2)
    _assert_found(answer, alpha, s, errors, "in float32")
    assert_close(weight, right, what="Ŵ of one row in float32")
    assert_close(a, torch.from_numpy(_a(X.double().numpy())).float(), what="a in float32")
    assert_close(scales, torch.from_numpy(_s(a.double().numpy(), 0.7)).float(), what="s in float32")
    assert_close(single, torch.ones(1), what="s of a single column")
    assert_close(tiny, torch.tensor([[2.0]]), what="Ŵ of a single number")
