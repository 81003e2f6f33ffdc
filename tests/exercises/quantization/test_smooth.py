"""Factors by plain loops in Python's floats (float64), products and norms in float64.

Tolerance: a power and a quotient in float32 come out within some 1e-6 of the right factor, for columns from 1e-9 to
1e9: the default 1e-5 relative, without an absolute part where tiny columns are looked at. The output of norm and
matrices is compared with 1e-5 of the sum of the magnitudes that are added up. The error in int8 has to fall to a
quarter; a right program has less than a tenth of it. No check depends on chance.
"""

import torch

from grader.testing import assert_close, assert_equal, assert_unchanged


def _floats(rng, *shape, dtype=torch.float32):
    """Numbers of both signs, none near 0."""
    return torch.from_numpy(rng.uniform(0.2, 3.0, shape) * rng.choice([-1.0, 1.0], shape)).to(dtype)


def _weights(rng, sizes, k, dtype=torch.float32):
    """Matrices of which each has the largest number of some columns, below 0 as often as above."""
    weights = [_floats(rng, n, k, dtype=dtype) for n in sizes]
    owner, sign = rng.permutation(k), rng.permutation(k)
    for c in range(k):
        W = weights[owner[c] % len(weights)]
        W[int(rng.integers(len(W))), c] = float(rng.uniform(3.5, 9.0)) * (1 - 2 * (int(sign[c]) % 2))
    return weights


def _x_max(rng, k, dtype=torch.float32):
    return torch.from_numpy(rng.uniform(0.3, 40.0, k)).to(dtype)


def _factors(x_max, weights, alpha):
    """By loops."""
    s = []
    for k, x in enumerate(x_max.double().tolist()):
        w = max(abs(v) for W in weights for v in W[:, k].double().tolist())
        s.append(1.0 if x == 0 or w == 0 else x**alpha / w ** (1 - alpha))
    return torch.tensor(s, dtype=torch.float64).to(x_max.dtype)


def _folded(answer):
    """gamma, beta and the list of matrices of an answer of `fold`, whose form is looked at first."""
    assert isinstance(answer, (tuple, list)), f"fold gives gamma, beta and the weights, not {type(answer).__name__}."
    assert len(answer) == 3, f"fold gives three things, gamma, beta and the weights, not {len(answer)}."
    assert isinstance(answer[2], (list, tuple)), (
        f"The weights that fold gives are a list, a matrix for each that came in, not {type(answer[2]).__name__}."
    )
    return answer[0], answer[1], list(answer[2])


def _norm(x, gamma, beta):
    x = x.double()
    unit = (x - x.mean(-1, keepdim=True)) / x.var(-1, unbiased=False, keepdim=True).sqrt()
    return unit * gamma.double() + (0.0 if beta is None else beta.double())


def test_factors(solution, rng):
    """smoothing_factors: x_max^α / w_max^(1 - α) for each column, over all matrices"""
    cases = [((5, 3), 7, 0.3), ((4, 6, 2), 9, 0.75), ((3,), 5, 0.5), ((2, 8), 6, 0.85)]
    made = [(_x_max(rng, k), _weights(rng, sizes, k), alpha) for sizes, k, alpha in cases]
    found = [solution.smoothing_factors(*case) for case in made]
    for (sizes, k, alpha), case, values in zip(cases, made, found, strict=True):
        what = f"s for α = {alpha}, K = {k} and {len(sizes)} matrices of {', '.join(map(str, sizes))} rows"
        assert_close(values, _factors(*case), what=what)


def test_range(solution, rng):
    """activation_range: the largest magnitude of each column, over all tokens of all batches"""
    batches = [_floats(rng, 4, 6), _floats(rng, 2, 3, 6), _floats(rng, 1, 6), _floats(rng, 3, 1, 2, 6)]
    for c in range(6):
        batch = batches[(c + 1) % 4].view(-1, 6)
        batch[int(rng.integers(len(batch))), c] = float(rng.uniform(4.0, 70.0)) * (1 - 2 * (c % 2))
    right = torch.tensor([max(abs(v) for X in batches for v in X[..., c].reshape(-1).tolist()) for c in range(6)])
    found, alone = solution.activation_range(batches), solution.activation_range(batches[1:2])
    turned = solution.activation_range(batches[::-1])
    assert_equal(found, right, what="x_max of four batches of different shapes")
    assert_equal(alone, batches[1].abs().amax((0, 1)), what="x_max of one batch of shape (2, 3, 6)")
    assert_equal(turned, right, what="x_max of the same batches backwards", why="The order of the batches is nothing.")


def test_fold(solution, rng):
    """fold: γ and β are divided by s, the columns of each matrix are multiplied by it"""
    gamma, beta, weights = _floats(rng, 6), _floats(rng, 6), _weights(rng, (4, 3, 7), 6)
    s = torch.from_numpy(rng.uniform(0.2, 5.0, 6)).float()
    answer = solution.fold(gamma, beta, weights, s)
    without = solution.fold(gamma, None, weights[:1], s)
    g, b, scaled = _folded(answer)
    assert_close(g, gamma / s, what="gamma / s")
    assert b is not None, "β is missing in what fold gives."
    assert_close(b, beta / s, what="beta / s")
    assert_equal(len(scaled), 3, what="how many matrices fold gives")
    for i, (V, W) in enumerate(zip(scaled, weights, strict=True)):
        assert_close(V, (W.double() * s.double()).float(), what=f"matrix {i}, smoothed")
    g, b, scaled = _folded(without)
    assert b is None, "An RMSNorm has no β: where None came in, None is given back."
    assert_close(g, gamma / s, what="gamma / s without a beta")
    assert_close(scaled[0], (weights[0].double() * s.double()).float(), what="the matrix, without a beta")


def test_output_unchanged(solution, rng):
    """Norm and matrices together give the output that they gave before"""
    x, gamma, beta = _floats(rng, 9, 8), _floats(rng, 8), _floats(rng, 8)
    gamma[3], gamma[6] = 50.0, -0.01
    weights = _weights(rng, (5, 3), 8)
    x_max = _norm(x, gamma, beta).abs().amax(0).float()
    found = []
    for alpha in (0.0, 0.4, 1.0):
        s = solution.smoothing_factors(x_max, weights, alpha)
        found.append((alpha, _folded(solution.fold(gamma, beta, weights, s))))
    before = _norm(x, gamma, beta)
    for alpha, (g, b, scaled) in found:
        after = _norm(x, g, b)
        for V, W in zip(scaled, weights, strict=True):
            size = before.abs() @ W.double().abs().T
            off = ((after @ V.double().T - before @ W.double().T).abs() / size).max()
            assert off < 1e-5, (
                f"With α = {alpha} the output of the smoothed layer is not what it was (off by {float(off):.2g} of its"
                " size). What the norm is divided by, the columns of W have to be multiplied by."
            )


def test_ranges_are_shared(solution, rng):
    """X / s has the range (x_max · w_max)^(1 - α) in each column, W · s the range (x_max · w_max)^α"""
    X = _floats(rng, 12, 7)
    X[:, 2] *= 100
    weights = _weights(rng, (6, 4), 7)
    w_max = torch.cat(weights).abs().amax(0)
    x_max = X.abs().amax(0)
    alphas = (0.2, 0.5, 0.65)
    found = [solution.smoothing_factors(x_max, weights, alpha) for alpha in alphas]
    for alpha, s in zip(alphas, found, strict=True):
        assert_equal(tuple(s.shape), (7,), what="the shape of s")
        assert bool((s > 0).all()), f"s has to be positive in every column: {s.tolist()}"
        left, right = (X / s).abs().amax(0), (torch.cat(weights) * s).abs().amax(0)
        assert float(left.max() / left.min()) < float(x_max.max() / x_max.min()), (
            f"With α = {alpha} the columns of X / s differ more in size than those of X did: nothing is smoothed."
        )
        why = "With α = 1/2 both are equally large in each column." if alpha == 0.5 else ""
        assert_close(left, (x_max * w_max) ** (1 - alpha), what=f"the range of X / s for α = {alpha}", why=why)
        assert_close(right, (x_max * w_max) ** alpha, what=f"the range of W · s for α = {alpha}", why=why)


def test_ends(solution, rng):
    """α = 1 makes all columns of X / s equally large, α = 0 all columns of W · s"""
    x_max, weights = _x_max(rng, 8), _weights(rng, (3, 5), 8)
    one, zero = solution.smoothing_factors(x_max, weights, 1.0), solution.smoothing_factors(x_max, weights, 0.0)
    assert_close(one, x_max, what="s for α = 1", why="All of the difficulty goes to the weights: s is x_max itself.")
    assert_close(zero, 1 / torch.cat(weights).abs().amax(0), what="s for α = 0", why="s looks at the weights alone.")


def test_matrices_together(solution, rng):
    """Matrices behind one norm share one s: their order does not matter, nor how they are divided"""
    x_max, weights = _x_max(rng, 6), _weights(rng, (4, 2, 5), 6)
    found = [
        solution.smoothing_factors(x_max, weights, 0.6),
        solution.smoothing_factors(x_max, weights[::-1], 0.6),
        solution.smoothing_factors(x_max, [torch.cat(weights)], 0.6),
    ]
    names = ("three matrices", "the same in another order", "the same in one matrix")
    for values, name in zip(found, names, strict=True):
        assert_close(values, _factors(x_max, weights, 0.6), what=f"s for {name}", why="w_max is that of all of them.")


def test_int8_error_falls(solution, rng):
    """With a large column the error of the product in int8 falls to a quarter, and less"""
    X, W = torch.from_numpy(rng.normal(size=(24, 64))).float(), torch.from_numpy(rng.normal(size=(16, 64))).float()
    X[:, 30] = torch.from_numpy(rng.uniform(150.0, 200.0, 24) * rng.choice([-1.0, 1.0], 24)).float()
    s = solution.smoothing_factors(solution.activation_range([X[:10], X[10:]]), [W], 0.5)
    _, _, (V,) = _folded(solution.fold(torch.ones(64), None, [W], s))
    right = X.double() @ W.double().T

    def error(a, b):
        codes = []
        for x in (a.double(), b.double()):
            scale = x.abs().amax(1, keepdim=True) / 127
            codes.append(scale * torch.round(x / scale))
        return float((codes[0] @ codes[1].T - right).abs().mean())

    plain, smooth = error(X, W), error(X / s, V)
    assert smooth < plain / 4, (
        f"The mean error in int8 is {smooth:.3g} after smoothing with α = 1/2, {plain:.3g} before. The large column"
        " still sets the scales of all tokens, or the product is no longer X Wᵀ."
    )


def test_zeros(solution, rng):
    """Where a column of X or of all matrices is 0, s is 1; the others follow the formula"""
    x_max, weights = _x_max(rng, 7), _weights(rng, (3, 4), 7)
    x_max[2] = x_max[5] = 0.0
    for W in weights:
        W[:, 4] = W[:, 5] = 0.0
    weights[0][:, 1] = 0.0
    alphas = (0.5, 0.0, 1.0, 0.8)
    found = [solution.smoothing_factors(x_max, weights, alpha) for alpha in alphas]
    for alpha, values in zip(alphas, found, strict=True):
        what = f"s for α = {alpha}, where columns 2 and 5 of X and 4 and 5 of the weights are zeros"
        why = "Column 1 is 0 in the first matrix only, and no exception."
        assert_close(values, _factors(x_max, weights, alpha), what=what, why=why)


def test_extreme_columns(solution, rng):
    """Columns a billion times as large or as small follow the same formula, and leave the others alone"""
    k = 6
    x_max, weights = _x_max(rng, k), _weights(rng, (4, 3), k)
    factors = torch.tensor([1.0, 2.0**30, 1.0, 2.0**-30, 2.0**-30, 1.0])
    others = torch.tensor([1.0, 1.0, 2.0**-30, 2.0**-30, 2.0**30, 1.0])
    x_max, weights = x_max * factors, [W * others for W in weights]
    found = [solution.smoothing_factors(x_max, weights, alpha) for alpha in (0.5, 0.9)]
    for alpha, values in zip((0.5, 0.9), found, strict=True):
        assert_equal(tuple(values.shape), (k,), what="the shape of s")
        ratio = values / _factors(x_max, weights, alpha)
        assert_close(
            ratio,
            torch.ones(k),
            atol=0.0,
            what=f"s for α = {alpha}, divided by the right one",
            why="Columns 1 to 4 are very large or very small in X or in W. Only zeros are special.",
        )


def test_example_of_the_statement(solution):
    """The example worked by hand comes out"""
    X = torch.tensor([[-16.0, 1.0, 0.5], [4.0, -0.25, 1.0]])
    W = torch.tensor([[1.0, 0.25, -1.0], [-0.5, -0.25, 4.0]])
    x_max = solution.activation_range([X])
    s = solution.smoothing_factors(torch.tensor([16.0, 1.0, 1.0]), [W], 0.5)
    answer = solution.fold(
        torch.tensor([8.0, 2.0, 1.0]), torch.tensor([0.0, -1.0, 0.5]), [W], torch.tensor([4.0, 2.0, 0.5])
    )
    assert_equal(x_max, torch.tensor([16.0, 1.0, 1.0]), what="x_max of the example")
    assert_close(s, torch.tensor([4.0, 2.0, 0.5]), what="s of the example")
    g, b, (V,) = _folded(answer)
    assert_close(g, torch.tensor([2.0, 1.0, 2.0]), what="gamma of the example")
    assert_close(b, torch.tensor([0.0, -0.5, 1.0]), what="beta of the example")
    assert_close(V, torch.tensor([[4.0, 0.5, -0.5], [-2.0, -0.5, 2.0]]), what="W of the example")


def test_dtypes_sizes_and_layouts(solution, rng):
    """float64, sizes of one, strided arguments; nothing is changed in place"""
    for sizes, k in (((3, 5), 4), ((1,), 6), ((2, 1), 1)):
        x_max, weights = _x_max(rng, k, torch.float64), _weights(rng, sizes, k, torch.float64)
        strided = [W.T.contiguous().T for W in weights]
        gamma, beta = _floats(rng, k, dtype=torch.float64), _floats(rng, k, dtype=torch.float64)
        right = _factors(x_max, weights, 0.35)
        s = assert_unchanged(solution.smoothing_factors, x_max, strided, 0.35)
        answer = assert_unchanged(solution.fold, torch.stack([gamma, beta], 1)[:, 0], beta, strided, right)
        assert_close(s, right, what=f"s in float64 for {len(sizes)} matrices of {k} columns")
        g, b, scaled = _folded(answer)
        assert_close(g, gamma / right, what="gamma / s in float64")
        assert_close(b, beta / right, what="beta / s in float64")
        for V, W in zip(scaled, weights, strict=True):
            assert_close(V, W * right, what="a smoothed matrix in float64")
    X = _floats(rng, 5, 4, dtype=torch.float64)
    found = assert_unchanged(solution.activation_range, [X.T.contiguous().T, X[:1] * 2, X[None, :, :]])
    right = torch.maximum(X.abs().amax(0), 2 * X[0].abs())
    assert_equal(found, right, what="x_max in float64, of strided batches")
