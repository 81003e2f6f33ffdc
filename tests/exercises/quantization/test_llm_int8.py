"""Both parts by integers and float64, from codes that were planted.

The columns that go to int8 are made from codes, x = scale · (code + u) with |u| ≤ 0.45 and ± 127 somewhere in each
row, so that rounding errors of 1e-7 turn no code into its neighbour: the integer sums are then known exactly, and
neighbouring rows have scales that differ by factors of 3. Outlier columns are added to these.

Tolerance: two right programs differ by the order of float32 sums. Where there are outliers, 1e-6 of the sum of
their products' magnitudes joins the default 1e-5 relative; a float16 would be off by a hundred times as much. In
the check of exact sums everything is a small integer times a power of two, and y is compared exactly. The
comparison of errors is with the plain product of the suite: 1/20 is asked for, and a right program has about 1/80.
No check depends on chance.
"""

import torch

from grader.testing import assert_close, assert_equal, assert_unchanged


def _planted(rng, n, k, dtype=torch.float32, low=0.004, factors=True):
    """x (n, k), its codes and its scales (n, 1) in float64."""
    scale = torch.from_numpy(rng.uniform(low, 1.5 * low, (n, 1)))
    if factors:
        scale *= 3.0 ** -torch.from_numpy(rng.permutation(n) % 4)[:, None].double()
    q = torch.from_numpy(rng.integers(-126, 127, (n, k)))
    v = q + torch.from_numpy(rng.uniform(-0.45, 0.45, (n, k)))
    for i in range(n):
        place = int(rng.integers(k))
        v[i, place] = q[i, place] = 127 * (1 - 2 * (i % 2))
    return (scale * v).to(dtype), q, scale


def _case(rng, m, k, n, outliers, dtype=torch.float32, threshold=6.0):
    """X, W, bias, and y in float64 with the sum of the magnitudes of what was multiplied in floats.

    All ordinary values are below 1. In outlier columns one value in three exceeds the threshold, the first of them is
    negative; W is five times as large there, and twelve in a place.
    """
    rest = [c for c in range(k) if c not in outliers]
    X, W = torch.empty(m, k, dtype=dtype), torch.empty(n, k, dtype=dtype)
    ints = torch.zeros(m, n, dtype=torch.float64)
    if rest:
        X[:, rest], xq, xs = _planted(rng, m, len(rest), dtype)
        W[:, rest], wq, ws = _planted(rng, n, len(rest), dtype)
        ints = (xq @ wq.T).double() * xs * ws.T
    for c in outliers:
        column = torch.from_numpy(rng.uniform(0.2, 0.9, m) * threshold * rng.choice([-1.0, 1.0], m))
        large = torch.from_numpy(rng.permutation(m)[: max(1, m // 3)])
        column[large] = -threshold * torch.from_numpy(rng.uniform(1.2, 6.0, len(large)))
        X[:, c] = column.to(dtype)
        W[:, c] = torch.from_numpy(rng.uniform(1.0, 3.0, n) * rng.choice([-1.0, 1.0], n)).to(dtype)
    if outliers and n > 1:
        W[1, outliers[0]] = 12.0 * threshold / 6
    bias = torch.from_numpy(rng.uniform(1.5, 3.0, n)).to(dtype)
    floats = X[:, list(outliers)].double() @ W[:, list(outliers)].double().T
    size = (
        float((X[:, list(outliers)].abs().double() @ W[:, list(outliers)].abs().double().T).max()) if outliers else 0.0
    )
    return X, W, bias, ints + floats, size


def _assert_y(found, y, size, dtype, what, why=""):
    atol = (1e-6 if dtype == torch.float32 else 1e-13) * (size + float(y.abs().max()))
    assert_close(found, y.to(dtype), atol=atol, what=what, why=why)


def test_columns(solution, rng):
    """outlier_columns: one large magnitude marks its column, whatever the other tokens have"""
    X = torch.from_numpy(rng.uniform(-5.0, 5.0, (6, 9))).float()
    X[:, 0], X[4, 2], X[1, 5], X[0, 7], X[3, 8] = 7.5, -6.5, 30.0, 6.0, -6.0
    deep = torch.from_numpy(rng.uniform(-2.0, 2.0, (2, 3, 7))).float()
    deep[1, 2, 1], deep[0, 0, 4], deep[1, 0, 6] = -3.5, 4.0, 3.0
    found = [solution.outlier_columns(X, 6.0), solution.outlier_columns(X, 7.0), solution.outlier_columns(X, 100.0),
             solution.outlier_columns(deep, 3.0), solution.outlier_columns(deep[0, :1], 0.01)]  # fmt: skip
    right = [[0, 2, 5], [0, 5], [], [1, 4]]
    names = ("6, which two columns just reach", "7", "100", "3, for X of shape (2, 3, 7)")
    for values, columns, name in zip(found, right, names, strict=False):
        expected = torch.zeros(7 if "shape" in name else 9, dtype=torch.bool)
        expected[columns] = True
        assert_equal(values, expected, what=f"the mask for the threshold {name}")
    assert_equal(found[4], (deep[0, 0].abs() > 0.01), what="the mask for a single token")


def test_vector_wise(solution, rng):
    """vector_wise_mm: a scale for each row of X and of W, exact sums between"""
    sizes = ((5, 9, 4), (3, 40, 7), (6, 5, 2))
    made = []
    for m, k, n in sizes:
        (X, xq, xs), (W, wq, ws) = _planted(rng, m, k, low=0.03), _planted(rng, n, k)
        made.append((X, W, (xq @ wq.T).double() * xs * ws.T))
    found = [solution.vector_wise_mm(X, W) for X, W, _ in made]
    for size, (_, _, y), values in zip(sizes, made, found, strict=True):
        _assert_y(values, y, 0.0, torch.float32, f"the product for M, K, N = {size}")


def test_decomposition(solution, rng):
    """llm_int8: the outlier columns in floats, all others in int8, the bias once"""
    settings = (((7, 9, 5), (2, 6)), ((4, 12, 6), (0,)), ((5, 8, 3), (1, 3, 7)))
    made = [_case(rng, *sizes, outliers) for sizes, outliers in settings]
    found = [solution.llm_int8(X, W, 6.0, bias) for X, W, bias, _, _ in made]
    for (sizes, outliers), (_, _, bias, y, size), values in zip(settings, made, found, strict=True):
        what = f"y for M, K, N = {sizes}, outliers in the columns {list(outliers)}"
        _assert_y(values, y + bias.double(), size, torch.float32, what)


def test_without_outliers(solution, rng):
    """Without outliers y is the plain vector-wise product, with all columns outliers the product in floats"""
    X, W, bias, y, _ = _case(rng, 6, 10, 4, ())
    high, low = solution.llm_int8(X, W, 6.0, bias), solution.llm_int8(X, W)
    A, B, c, z, size = _case(rng, 5, 3, 4, (0, 1, 2))
    alone, plain = solution.llm_int8(A, B, 6.0, c), solution.llm_int8(A, B)
    _assert_y(high, y + bias.double(), 0.0, torch.float32, "y without outliers")
    _assert_y(low, y, 0.0, torch.float32, "y without outliers, without a bias and a threshold")
    _assert_y(alone, z + c.double(), size, torch.float32, "y where all columns are outliers")
    _assert_y(plain, z, size, torch.float32, "y where all columns are outliers, without a bias")


def test_threshold_is_followed(solution, rng):
    """A higher threshold leaves more columns to int8, a lower one takes more out"""
    X, W, bias, y, size = _case(rng, 7, 11, 3, (4, 5), threshold=1.0)
    Z, V, _, z, other = _case(rng, 6, 9, 4, (8,), threshold=40.0)
    A, B, _, w, third = _case(rng, 5, 10, 3, (2, 7))
    before = A[:, 2:3].double()
    A[:, 2] = A[:, 2].clamp(-7.5, 7.5)
    w = w + (A[:, 2:3].double() - before) @ B[:, 2:3].double().T
    found = [solution.llm_int8(X, W, 1.0, bias), solution.llm_int8(Z, V, 40.0), solution.llm_int8(A, B)]
    _assert_y(found[0], y + bias.double(), size, torch.float32, "y for the threshold 1, no value above 6")
    _assert_y(found[1], z, other, torch.float32, "y for the threshold 40")
    _assert_y(found[2], w, third, torch.float32, "y for the default threshold, 6, with 7.5 the largest of a column")


def test_parts_sum_exactly(solution, rng):
    """Where the values lie on the grids, the two parts add up to X Wᵀ exactly"""
    X = torch.from_numpy(rng.integers(-120, 121, (5, 8))).float() / 64
    W = torch.from_numpy(rng.integers(-120, 121, (3, 8))).float() / 32
    X[:, 1], W[:, 0] = 127 / 64, -127 / 32
    X[:, 6] = torch.tensor([10.0, -7.0, 3.0, 64.0, 0.0])
    found = solution.llm_int8(X, W, 6.0)
    why = "Nothing is rounded here: a column that is left out, or counted twice, shows."
    assert_close(found, (X.double() @ W.double().T).float(), rtol=1e-6, atol=2e-5, what="y", why=why)


def test_error_shrinks(solution, rng):
    """With an outlier column the error is a twentieth of that of plain int8, and less"""
    X, W = torch.from_numpy(rng.normal(size=(24, 64))).float(), torch.from_numpy(rng.normal(size=(16, 64))).float()
    X[:, 30] = torch.from_numpy(rng.uniform(250.0, 300.0, 24) * rng.choice([-1.0, 1.0], 24)).float()
    right = X.double() @ W.double().T
    split, whole = solution.llm_int8(X, W, 6.0), solution.vector_wise_mm(X, W)
    _assert_y(split, right, 100 * 300.0 * 64, torch.float32, "y")  # roughly: the errors themselves come next
    scale = X.double().abs().amax(1, keepdim=True) / 127
    plain = (torch.round(X.double() / scale) * scale) @ W.double().T
    errors = [float((values - right).abs().mean()) for values in (split.double(), whole.double(), plain)]
    assert errors[1] > 0.5 * errors[2], "vector_wise_mm errs too little for 8 bits: are both sides quantized?"
    assert errors[0] > 1e-4, "llm_int8 errs too little for 8 bits: only the outlier columns are multiplied in floats."
    assert errors[0] < errors[2] / 20, (
        f"The mean error is {errors[0]:.3g}, that of plain int8 {errors[2]:.3g}: the outlier still sets the scales,"
        f" or is quantized itself."
    )


def test_tokens_do_not_meet(solution, rng):
    """A token a million times as large, or as small, leaves all others as they were"""
    (X, xq, xs), (W, wq, ws) = _planted(rng, 5, 9), _planted(rng, 4, 9)
    factors = torch.tensor([1.0, 2.0**20, 1.0, 2.0**-40, 1.0])[:, None]
    outputs = torch.tensor([1.0, 2.0**-30, 2.0**15, 1.0])[:, None]
    found = solution.vector_wise_mm(factors * X, outputs * W)
    y = (xq @ wq.T).double() * (xs * factors) * (ws * outputs).T
    size = (xq.abs() @ wq.abs().T).double() * (xs * factors) * (ws * outputs).T
    assert_equal(tuple(found.shape), (5, 4), what="the shape of the product")
    bad = (found.double() - y).abs() > 1e-5 * size
    assert not bool(bad.any()), (
        f"At {bad.nonzero()[0].tolist()} the product is off: a row of X or W whose numbers are very large or small"
        f" sets the scale of other rows, or its scale is kept from being small."
    )


def test_long_sums(solution, rng):
    """Sums over 3000 columns of the largest codes do not wrap round"""
    signs = torch.from_numpy(rng.choice([-1.0, 1.0], 3000)).float()
    X = torch.stack([signs, 0.5 * signs, -signs])
    W = torch.stack([2.0 * signs, -signs])
    found = [solution.vector_wise_mm(X, W), solution.llm_int8(X, W, 6.0)]
    expected = torch.tensor([[6000.0, -3000.0], [3000.0, -1500.0], [-6000.0, 3000.0]])
    for name, values in zip(("vector_wise_mm", "llm_int8"), found, strict=True):
        assert_close(values, expected, what=f"the product by {name} over 3000 columns", why="Keep the sums in int32.")


def test_example_of_the_statement(solution):
    """The example worked by hand comes out"""
    X, W = torch.tensor([[1.27, -20.0, 0.5], [-2.54, 1.0, 1.275]]), torch.tensor([[2.54, 3.0, 1.0]])
    mask, y = solution.outlier_columns(X, 6.0), solution.llm_int8(X, W)
    assert_equal(mask, torch.tensor([False, True, False]), what="the mask of the example")
    assert_close(y, torch.tensor([[-56.2742], [-2.1716]]), atol=2e-5, what="y of the example")


def test_zeros(solution, rng):
    """Tokens and outputs of zeros: y is 0 there, and never NaN"""
    X, W, bias, y, size = _case(rng, 6, 10, 4, (3,))
    X[2] = 0.0
    W[1] = 0.0
    y[2], y[:, 1] = 0.0, 0.0
    rest = torch.arange(10) != 3
    X[4, rest] = 0.0
    y[4] = X[4, 3].double() * W[:, 3].double()
    found = [solution.llm_int8(X, W, 6.0, bias), solution.vector_wise_mm(torch.zeros(2, 5), torch.ones(3, 5))]
    _assert_y(found[0], y + bias.double(), size, torch.float32, "y where token 2 and output 1 are zeros")
    assert_equal(found[1], torch.zeros(2, 3), what="the product of zeros")


def test_leading_axes(solution, rng):
    """More leading axes: one mask for all tokens, y of shape (…, N)"""
    X, W, bias, y, size = _case(rng, 12, 9, 5, (1, 4))
    # The large values of column 1 all in the first sequence: a mask of each sequence by itself would differ.
    order = X[:, 1].abs().argsort(descending=True)
    X, y = X[order], y[order]
    deep = X.reshape(3, 4, 9)
    found = [solution.llm_int8(deep, W, 6.0, bias), solution.llm_int8(X.reshape(2, 1, 6, 9), W, 6.0)]
    _assert_y(found[0], (y + bias.double()).reshape(3, 4, 5), size, torch.float32, "y for X of shape (3, 4, 9)")
    _assert_y(found[1], y.reshape(2, 1, 6, 5), size, torch.float32, "y for X of shape (2, 1, 6, 9)")


def test_dtypes_sizes_and_layouts(solution, rng):
    """float64, sizes of one, transposed arguments; nothing is changed in place"""
    settings = (((7, 9, 5), (2, 6)), ((1, 6, 3), (5,)), ((4, 2, 1), (0,)), ((3, 1, 2), ()), ((3, 1, 2), (0,)))
    made = [_case(rng, *sizes, outliers, torch.float64) for sizes, outliers in settings]
    X, W, bias, y, size = _case(rng, 7, 9, 5, (2, 6))
    (A, xq, xs), (B, wq, ws) = _planted(rng, 5, 9, torch.float64), _planted(rng, 4, 9, torch.float64)
    plain = assert_unchanged(solution.vector_wise_mm, A.T.contiguous().T, B.T.contiguous().T)
    found = [assert_unchanged(solution.llm_int8, X, W, 6.0, bias) for X, W, bias, _, _ in made]
    turned = assert_unchanged(solution.llm_int8, X.T.contiguous().T, W.T.contiguous().T, 6.0, bias)
    mask = assert_unchanged(solution.outlier_columns, X.T.contiguous().T, 6.0)
    _assert_y(plain, (xq @ wq.T).double() * xs * ws.T, 0.0, torch.float64, "the product in float64")
    for (sizes, outliers), (_, _, b, z, s), values in zip(settings, made, found, strict=True):
        what = f"y in float64 for M, K, N = {sizes}, outliers in {list(outliers)}"
        _assert_y(values, z + b, s, torch.float64, what)
    _assert_y(turned, y + bias.double(), size, torch.float32, "y of transposed arguments")
    assert_equal(mask.nonzero().flatten().tolist(), [2, 6], what="the outlier columns of a transposed X")
