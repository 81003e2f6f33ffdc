"""Scales per tensor, axis and group, against codes that were planted.

Codes are compared exactly. So that this is fair to every right way of computing them (dividing by the
scale, multiplying by its reciprocal, in float32 or float64), the numbers are made from codes,
x = scale · (code + u) with |u| ≤ 0.45, and the largest of each part is ± scale · q_max: a rounding error
of 1e-7 turns no code into its neighbour. Half-way cases are made of powers of two. Scales and values have
the default tolerances (float32 1e-5 relative, float64 1e-9). Values are worked out by loops in float64.
The bound of half a step is widened by 1e-4 of it for the rounding of x. No check depends on chance.
"""

import torch

from grader.testing import Mismatch, assert_close, assert_equal, assert_unchanged


def _planted(rng, sizes, bits, dtype=torch.float32):
    """Parts of these sizes: lists of values, codes, and a scale for each. Neighbouring scales differ by a factor."""
    top = 2 ** (bits - 1) - 1
    values, codes, scales = [], [], []
    for i, size in enumerate(sizes):
        scale = torch.tensor(rng.uniform(0.01, 0.03) * 3 ** ((i * 5) % 7), dtype=torch.float64)
        q = torch.from_numpy(rng.integers(-top + 1, top, size)) if top > 1 else torch.zeros(size, dtype=torch.int64)
        x = q + torch.from_numpy(rng.uniform(-0.45, 0.45, size))
        where = int(rng.integers(size))
        q[where] = -top if i % 3 else top  # in most parts the largest magnitude is negative
        x[where] = q[where]
        values.append((scale * x).to(dtype))
        codes.append(q.to(torch.int8))
        scales.append(scale.to(dtype))
    return values, codes, torch.stack(scales)


def _axis_case(rng, shape, axis, bits, dtype=torch.float32):
    """x, its codes, and its scales for this axis (None: per tensor)."""
    if axis is None:
        numel = int(torch.tensor(shape).prod())
        values, codes, scales = _planted(rng, [numel], bits, dtype)
        return values[0].reshape(shape), codes[0].reshape(shape), scales.reshape([1] * len(shape))
    n = shape[axis]
    rest = [s for a, s in enumerate(shape) if a != axis % len(shape)]
    values, codes, scales = _planted(rng, [int(torch.tensor(rest).prod())] * n, bits, dtype)
    x = torch.stack([v.reshape(rest) for v in values], axis)
    q = torch.stack([c.reshape(rest) for c in codes], axis)
    kept = [1] * len(shape)
    kept[axis] = n
    return x.contiguous(), q.contiguous(), scales.reshape(kept)


def _group_case(rng, n, k, group, bits, dtype=torch.float32):
    rows = []
    for i in range(n):
        sizes = [min(group, k - start) for start in range(0, k, group)]
        values, codes, scales = _planted(rng, sizes, bits, dtype)
        factor = 3.0 ** (i % 3)
        rows.append((factor * torch.cat(values), torch.cat(codes), factor * scales))
    return tuple(torch.stack([row[i] for row in rows]) for i in range(3))


def _pair(found, name):
    if not isinstance(found, tuple | list) or len(found) != 2:
        raise Mismatch(f"{name} has to return two things: the codes and the scales.")
    return found


def _axis(solution, x, bits, axis):
    return _pair(solution.quantize_axis(x, bits, axis), "quantize_axis")


def _groups(solution, W, bits, group):
    return _pair(solution.quantize_groups(W, bits, group), "quantize_groups")


def _assert_parts(found, q, scale, case):
    """The scales first: where they are off, so are the codes."""
    assert_close(found[1], scale, what=f"the scale {case}")
    assert_equal(found[0], q, what=f"the codes {case}")


def _values(q, scale, group):
    """Ŵ by a loop, in float64."""
    out = torch.empty(q.shape, dtype=torch.float64)
    for i in range(q.shape[0]):
        for k in range(q.shape[1]):
            out[i, k] = int(q[i, k]) * float(scale[i, k // group])
    return out.to(scale.dtype)


def test_a_scale_for_each_index(solution, rng):
    """quantize_axis: each index of the axis keeps a scale, all other axes share it"""
    cases = [((5, 7), 0, 8), ((5, 7), 1, 4), ((3, 4, 6), 1, 6), ((3, 4, 6), 0, 3), ((2, 3, 4, 5), 2, 8)]
    made = [(shape, axis, bits, *_axis_case(rng, shape, axis, bits)) for shape, axis, bits in cases]
    found = [_axis(solution, x, bits, axis) for _, axis, bits, x, _, _ in made]
    for (shape, axis, bits, _, q, scale), parts in zip(made, found, strict=True):
        _assert_parts(parts, q, scale, f"for the shape {shape}, axis {axis}, {bits} bits")


def test_per_tensor_and_from_the_end(solution, rng):
    """axis=None is one scale for all, axis=-1 the last axis"""
    cases = [((4, 9), None, 8), ((2, 3, 5), None, 4), ((4, 9), -1, 5), ((2, 3, 5), -2, 8), ((6, 4), -2, 4)]
    made = [(shape, axis, bits, *_axis_case(rng, shape, axis, bits)) for shape, axis, bits in cases]
    found = [_axis(solution, x, bits, axis) for _, axis, bits, x, _, _ in made]
    for (shape, axis, bits, _, q, scale), parts in zip(made, found, strict=True):
        _assert_parts(parts, q, scale, f"for the shape {shape}, axis {axis}, {bits} bits")


def test_groups(solution, rng):
    """quantize_groups: neighbouring columns of a row share a scale"""
    cases = [(5, 12, 4, 8), (3, 20, 5, 4), (4, 6, 1, 3), (3, 7, 7, 5)]
    made = [(case, *_group_case(rng, *case)) for case in cases]
    found = [_groups(solution, W, bits, group) for (_, _, group, bits), W, _, _ in made]
    for ((n, k, group, bits), _, q, scale), parts in zip(made, found, strict=True):
        _assert_parts(parts, q, scale, f"for ({n}, {k}) in groups of {group}, {bits} bits")


def test_last_group_is_shorter(solution, rng):
    """Where the group does not divide K, what is left is a group too"""
    cases = [(5, 14, 4, 8), (3, 11, 5, 4), (2, 7, 6, 3), (4, 5, 9, 8), (2, 9, 8, 4)]
    made = [(case, *_group_case(rng, *case)) for case in cases]
    found = [_groups(solution, W, bits, group) for (_, _, group, bits), W, _, _ in made]
    for ((n, k, group, bits), _, q, scale), parts in zip(made, found, strict=True):
        _assert_parts(parts, q, scale, f"for ({n}, {k}) in groups of {group}, {bits} bits")


def test_values_of_groups(solution, rng):
    """dequant_groups: each code times the scale of its group"""
    cases = [(3, 12, 4), (4, 14, 4), (2, 11, 5), (3, 5, 9), (5, 6, 1)]
    made = [_group_case(rng, n, k, group, 8)[1:] for n, k, group in cases]
    found = [solution.dequant_groups(q, scale, group) for (_, _, group), (q, scale) in zip(cases, made, strict=True)]
    for (n, k, group), (q, scale), values in zip(cases, made, found, strict=True):
        assert_close(values, _values(q, scale, group), what=f"Ŵ for ({n}, {k}) in groups of {group}")


def test_example_of_the_statement(solution):
    """The example worked by hand comes out"""
    W = torch.tensor([[0.7, -0.1, 0.3, 7.0, 2.0], [0.0, 0.0, 14.0, 4.0, -3.5]])
    tensor, rows, groups = _axis(solution, W, 4, None), _axis(solution, W, 4, 0), _groups(solution, W, 4, 2)
    codes = [[7, -1, 0, 7, 7], [0, 0, 7, 2, -7]]
    back = solution.dequant_groups(torch.tensor(codes, dtype=torch.int8), torch.tensor([[0.1, 1, 2 / 7], [1, 2, 0.5]]), 2)
    q = torch.tensor([[0, 0, 0, 4, 1], [0, 0, 7, 2, -2]], dtype=torch.int8)
    _assert_parts(tensor, q, torch.tensor([[2.0]]), "of the example, per tensor")
    q = torch.tensor([[1, 0, 0, 7, 2], [0, 0, 7, 2, -2]], dtype=torch.int8)
    _assert_parts(rows, q, torch.tensor([[1.0], [2.0]]), "of the example, per row")
    q, scale = torch.tensor(codes, dtype=torch.int8), torch.tensor([[0.1, 1, 2 / 7], [1, 2, 0.5]])
    _assert_parts(groups, q, scale, "of the example, in groups of 2")
    assert_close(back, torch.tensor([[0.7, -0.1, 0.0, 7.0, 2.0], [0.0, 0.0, 14.0, 4.0, -3.5]]), what="Ŵ of the example")


def test_half_way_cases(solution):
    """Half-way cases go to the even code"""
    x = torch.tensor([[0.5, 1.5, 2.5, -0.5, -1.5, 7.0], [5.0, -1.0, 3.0, 1.0, -14.0, 9.0]])
    codes = torch.tensor([[0, 2, 2, 0, -2, 7], [2, 0, 2, 0, -7, 4]], dtype=torch.int8)
    scale = torch.tensor([[1.0], [2.0]])
    _assert_parts(_axis(solution, x, 4, 0), codes, scale, "per row")
    _assert_parts(_groups(solution, x, 4, 6), codes, scale, "in groups of 6")


def test_zeros(solution, rng):
    """A part of zeros gets the scale 1, its neighbours their own"""
    x, q, scale = _axis_case(rng, (5, 7), 0, 8)
    W, codes, scales = _group_case(rng, 4, 11, 4, 6)
    for row in (1, 4):
        x[row], q[row], scale[row] = 0.0, 0, 1.0
    for i, g in ((0, 1), (2, 2), (3, 0)):
        part = slice(g * 4, g * 4 + 4)
        W[i, part], codes[i, part], scales[i, g] = 0.0, 0, 1.0
    none = torch.zeros(3, 5)
    by_axis, by_group = _axis(solution, x, 8, 0), _groups(solution, W, 6, 4)
    zeros = [_axis(solution, none, 4, None), _axis(solution, none, 4, 1), _groups(solution, none, 4, 3)]
    _assert_parts(by_axis, q, scale, "where the rows 1 and 4 are zero")
    _assert_parts(by_group, codes, scales, "where some groups are zero")
    for parts, shape, case in zip(zeros, ((1, 1), (1, 5), (3, 2)), ("per tensor", "per column", "in groups"), strict=True):
        _assert_parts(parts, torch.zeros(3, 5, dtype=torch.int8), torch.ones(shape), f"of a matrix of zeros, {case}")


def test_tiny_numbers(solution, rng):
    """A row and a group of 10⁻¹² beside ordinary ones are quantized like all others"""
    x, q, scale = _axis_case(rng, (4, 9), 0, 8)
    W, codes, scales = _group_case(rng, 3, 10, 4, 8)
    x[2] *= 2.0**-40
    scale[2] *= 2.0**-40
    W[1, 4:8] *= 2.0**-40
    scales[1, 1] *= 2.0**-40
    by_axis, by_group = _axis(solution, x, 8, 0), _groups(solution, W, 8, 4)
    why = "One part is some 10⁻¹² large: small, but not 0."
    assert_close(by_axis[1], scale, atol=0.0, what="the scale per row", why=why)
    assert_equal(by_axis[0], q, what="the codes per row", why=why)
    assert_close(by_group[1], scales, atol=0.0, what="the scale of the groups", why=why)
    assert_equal(by_group[0], codes, what="the codes of the groups", why=why)


def test_outlier_stays_in_its_part(solution, rng):
    """A row, or a group, a thousand times as large leaves all others as they were"""
    x, q, scale = _axis_case(rng, (6, 8), 0, 5)
    W, codes, scales = _group_case(rng, 3, 13, 5, 4)
    x[3] *= 1024
    scale[3] *= 1024
    W[1, 5:10] *= 1024
    scales[1, 1] *= 1024
    by_axis, by_group = _axis(solution, x, 5, 0), _groups(solution, W, 4, 5)
    back = solution.dequant_groups(codes, scales, 5)
    _assert_parts(by_axis, q, scale, "where row 3 is large")
    _assert_parts(by_group, codes, scales, "where the middle group of row 1 is large")
    step = scales.repeat_interleave(5, 1)[:, :13]
    worst = ((back - W).abs() / step).max()
    assert worst <= 0.5 + 1e-4, f"Ŵ is off by {float(worst):.3g} steps of its group; half a step is allowed."


def test_finer_parts_err_less(solution, rng):
    """Per tensor, per row, in groups: the finer, the smaller the error"""
    W = torch.from_numpy(rng.normal(0.0, 1.0, (8, 60)) * rng.uniform(0.2, 4.0, (8, 60)).round()).float()
    W[5] *= 30
    W[:, 44] *= 6
    q, scale = _axis(solution, W, 4, None)
    rows, row_scale = _axis(solution, W, 4, 0)
    parts, part_scale = _groups(solution, W, 4, 16)
    found = [scale * q, row_scale * rows, solution.dequant_groups(parts, part_scale, 16)]
    errors = [float((back - W)[[0, 1, 2, 3, 4, 6, 7]].abs().mean()) for back in found]
    assert errors[0] > 2 * errors[1], f"mean error of the ordinary rows: {errors[0]:.3g} per tensor, {errors[1]:.3g} per row"
    assert errors[1] > 1.2 * errors[2], f"mean error: {errors[1]:.3g} per row, {errors[2]:.3g} in groups of 16"


def test_dtypes_sizes_and_layouts(solution, rng):
    """float64, axes of size 1, transposed arguments; nothing is changed in place"""
    for shape, axis in (((1, 6), 0), ((6, 1), 0), ((1, 1), None), ((1, 4, 1), 1)):
        x, q, scale = _axis_case(rng, shape, axis, 8, torch.float64)
        _assert_parts(assert_unchanged(solution.quantize_axis, x, 8, axis), q, scale, f"for {shape} in float64, axis {axis}")
    for n, k, group in ((1, 9, 4), (3, 1, 2), (2, 5, 3)):
        W, q, scale = _group_case(rng, n, k, group, 6, torch.float64)
        case = f"for ({n}, {k}) in float64, groups of {group}"
        _assert_parts(assert_unchanged(solution.quantize_groups, W, 6, group), q, scale, case)
        back = assert_unchanged(solution.dequant_groups, q, scale, group)
        assert_close(back, _values(q, scale, group), what=f"Ŵ {case}")

    x, q, scale = _axis_case(rng, (5, 8), 0, 8)
    _assert_parts(assert_unchanged(solution.quantize_axis, x.T, 8, 1), q.T, scale.T, "of a transposed tensor")
    W, q, scale = _group_case(rng, 4, 10, 4, 8)
    turned, codes = W.T.contiguous().T, q.T.contiguous().T
    _assert_parts(assert_unchanged(solution.quantize_groups, turned, 8, 4), q, scale, "of a transposed W")
    back = assert_unchanged(solution.dequant_groups, codes, scale.T.contiguous().T, 4)
    assert_close(back, _values(q, scale, 4), what="Ŵ of transposed codes")
