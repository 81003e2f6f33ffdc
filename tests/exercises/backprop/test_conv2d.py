"""The hidden suite of backprop/conv2d.

Expected outputs and gradients come from the list of all products that the statement's formula holds: each is one
weight times one pixel, goes into one output, and hands dy times the other factor to both. Default tolerances for
float64 (1e-9 relative; sums of some hundred products in another order differ by about 1e-14, so 1e-11 is allowed
absolutely); for float32 1e-5 and 2e-5, as roundings of 6e-8 add up over a hundred products of about 1 and partly
cancel. No check fails by chance. The cache stays on the learner's side.
"""

import numpy as np

from grader.testing import Mismatch, assert_close, assert_equal, keep, keep_item, library

ATOL = 1e-11


def _expected(x, w, bias, stride, pad, dy):
    """y, dx, dw, dbias from the list of all products: each is one weight times one pixel, and goes into one output."""
    x, w, bias, dy = (np.asarray(value, np.float64) for value in (x, w, bias, dy))
    (n, c, height, width), (f, _, k_h, k_w) = x.shape, w.shape
    out = (height + 2 * pad - k_h) // stride + 1, (width + 2 * pad - k_w) // stride + 1
    image, kernel, a, b, channel, i, j = (index.ravel() for index in np.indices((n, f, *out, c, k_h, k_w)))
    row, column = stride * a + i - pad, stride * b + j - pad
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    output, weight, pixel = (
        tuple(index[inside] for index in indices)
        for indices in ((image, kernel, a, b), (kernel, channel, i, j), (image, channel, row, column))
    )
    y, dx, dw = np.zeros((n, f, *out)) + bias[:, None, None], np.zeros(x.shape), np.zeros(w.shape)
    np.add.at(y, output, w[weight] * x[pixel])
    np.add.at(dx, pixel, w[weight] * dy[output])
    np.add.at(dw, weight, x[pixel] * dy[output])
    return y, dx, dw, np.array([dy[:, k].sum() for k in range(f)])


def _loops(x, w, bias, stride, pad):
    """y by the formula of the statement, one product after the other."""
    (n, c, height, width), (f, _, k_h, k_w) = x.shape, w.shape
    y = np.empty((n, f, (height + 2 * pad - k_h) // stride + 1, (width + 2 * pad - k_w) // stride + 1))
    for at in np.ndindex(y.shape):
        y[at] = bias[at[1]]
        for k, i, j in np.ndindex(c, k_h, k_w):
            row, column = stride * at[2] + i - pad, stride * at[3] + j - pad
            if 0 <= row < height and 0 <= column < width:
                y[at] += w[at[1], k, i, j] * x[at[0], k, row, column]
    return y


def _forward(solution, x, w, bias, stride, pad):
    """y by value, and the cache as a handle."""
    pair = keep(solution.conv2d_forward, x, w, bias, stride, pad)
    kind = repr(pair).split()[0].removeprefix("<")
    try:
        size = 0 if kind in ("ndarray", "dict") else len(pair)
    except TypeError:
        size = 0
    if size != 2:
        hint = " Is a return missing?" if kind == "NoneType" else ""
        raise Mismatch(f"conv2d_forward has to return the pair (y, cache); what came is of type {kind}.{hint}")
    return pair[0], keep_item(pair, 1)


def _backward(solution, dy, cache):
    grads = solution.conv2d_backward(dy, cache)
    if not isinstance(grads, tuple | list) or len(grads) != 3:
        kind = f"{len(grads)} values" if isinstance(grads, tuple | list) else f"a {type(grads).__name__}"
        raise Mismatch(f"conv2d_backward has to return dx, dw and dbias; what came is {kind}.")
    return grads


def _draw(rng, images, kernels, stride, pad, dtype=np.float64):
    """x, w, bias and dy for images (N, C, H, W) and kernels (F, k_h, k_w)."""
    n, c, height, width = images
    f, k_h, k_w = kernels
    out = (height + 2 * pad - k_h) // stride + 1, (width + 2 * pad - k_w) // stride + 1
    shapes = images, (f, c, k_h, k_w), (f,), (n, f, *out)
    return [(rng.normal(size=shape) + 0.3).astype(dtype) for shape in shapes]


def _case(solution, rng, images, kernels, stride, pad):
    """What came, and what is expected, for one setting: all calls are made before anything is compared."""
    x, w, bias, dy = _draw(rng, images, kernels, stride, pad)
    y, cache = _forward(solution, x, w, bias, stride, pad)
    where = f" for x of shape {x.shape}, w of shape {w.shape}, stride {stride}, pad {pad}"
    return where, (y, *_backward(solution, dy, cache)), _expected(x, w, bias, stride, pad, dy)


def _compare(cases):
    names = "the output y", "the gradient dx", "the gradient dw", "the gradient dbias"
    for where, found, expected in cases:
        for name, mine, theirs in zip(names, found, expected, strict=True):
            assert_close(mine, theirs, what=name + where, atol=ATOL)


def test_values(solution, rng):
    """Forward and backward are right with stride 2 and padding"""
    _compare([_case(solution, rng, (2, 3, 6, 7), (4, 3, 2), 2, 1)])


def test_worked_example(solution):
    """The example of the statement, and the same image turned round"""
    x = np.array([[1.0, 2, 0], [0, 3, 1], [2, 0, 4]])[None, None]
    w, bias, dy = np.array([[[[1.0, 0], [2, -1]]]]), np.array([0.5]), np.array([[[[1.0, 0], [1, -1]]]])
    y, cache = _forward(solution, x, w, bias, 1, 0)
    grads = _backward(solution, dy, cache)
    turned = _forward(solution, x[:, :, ::-1, ::-1].copy(), w, bias, 1, 0)[0]
    assert_close(y, np.array([[[[-1.5, 7.5], [4.5, -0.5]]]]), what="the output y")
    assert_close(grads[0], np.array([[[[1.0, 0, 0], [3, -2, 0], [2, -3, 1]]]]), what="the gradient dx")
    assert_close(grads[1], np.array([[[[-2.0, 4], [2, -1]]]]), what="the gradient dw")
    assert_close(grads[2], np.array([1.0]), what="the gradient dbias")
    assert_close(turned, _loops(x[:, :, ::-1, ::-1], w, bias, 1, 0), what="the output y for the image turned round")


def test_plain(solution, rng):
    """Stride 1 without padding, with kernels of even and odd sizes"""
    cases = [_case(solution, rng, (2, 3, 5, 6), (2, k_h, k_w), 1, 0) for k_h, k_w in ((2, 3), (4, 2), (3, 3), (5, 6))]
    _compare(cases)


def test_formula(solution, rng):
    """Every output is the sum of the statement's formula"""
    answers = []
    for images, kernels, stride, pad in (((2, 2, 4, 5), (3, 3, 2), 1, 0), ((1, 3, 5, 4), (2, 2, 3), 2, 1)):
        x, w, bias, _ = _draw(rng, images, kernels, stride, pad)
        answers.append((stride, pad, _forward(solution, x, w, bias, stride, pad)[0], _loops(x, w, bias, stride, pad)))
    for stride, pad, y, expected in answers:
        assert_close(y, expected, what=f"the output y for stride {stride} and pad {pad}", atol=ATOL)


def test_one_pixel(solution):
    """A single bright pixel leaves the kernel around it, and its dx is the kernel's share"""
    w = np.array([[[[1.0, 2, 3], [4, 5, 6]]]])
    x = np.zeros((1, 1, 4, 5))
    x[0, 0, 2, 3] = 1.0
    y, cache = _forward(solution, x, w, np.array([0.0]), 1, 0)
    dy = np.zeros((1, 1, 3, 3))
    dy[0, 0, 1, 2] = 10.0
    dx, dw, dbias = _backward(solution, dy, cache)
    print_of_kernel, share = np.zeros((1, 1, 3, 3)), np.zeros((1, 1, 4, 5))
    print_of_kernel[0, 0, 1:, 1:] = [[6.0, 5], [3, 2]]
    share[0, 0, 1:3, 2:5] = 10.0 * w[0, 0]
    why = "The entry (i, j) of the kernel meets the pixel i rows down and j columns to the right."
    assert_close(y, print_of_kernel, what="the output y for one bright pixel at row 2, column 3", why=why)
    assert_close(dx, share, what="the gradient dx where dy is 10 at row 1, column 2 only", why=why)
    assert_close(dw, np.array([[[[0.0, 0, 0], [0, 10, 0]]]]), what="the gradient dw", why=why)
    assert_close(dbias, np.array([10.0]), what="the gradient dbias")


def test_padding(solution, rng):
    """The padding is zeros on all four sides, and dx comes without it"""
    settings = (((2, 2, 3, 4), (3, 2, 3), 1, 1), ((1, 2, 4, 3), (2, 3, 3), 1, 2), ((2, 1, 2, 3), (2, 4, 5), 1, 2))
    _compare([_case(solution, rng, *setting) for setting in settings])


def test_stride_with_leftover(solution, rng):
    """With a stride, rows and columns that are left over get exactly 0"""
    x, w, bias, dy = _draw(rng, (2, 2, 6, 8), (3, 2, 3), 3, 0)
    y, cache = _forward(solution, x, w, bias, 3, 0)
    grads = _backward(solution, dy, cache)
    _compare(
        [(" for x of shape (2, 2, 6, 8), kernels of (2, 3) and stride 3", (y, *grads), _expected(x, w, bias, 3, 0, dy))]
    )
    dx = grads[0]
    assert not dx[:, :, 5:].any(), "The last row of x is under no place of the kernel, but its dx is not exactly 0."
    assert not dx[:, :, 2].any(), "Row 2 of x is skipped by the stride, but its dx is not exactly 0."
    assert not dx[:, :, :, 6:].any(), (
        "The last two columns of x are under no place of the kernel, but their dx is not 0."
    )


def test_strides(solution, rng):
    """Strides 2 to 4, as large as the kernel and larger, with padding and without"""
    settings = (
        ((2, 2, 5, 7), (3, 3, 2), 2, 0),
        ((1, 3, 6, 4), (2, 2, 2), 2, 0),
        ((2, 2, 7, 6), (2, 1, 2), 3, 1),
        ((1, 2, 5, 8), (3, 3, 4), 4, 2),
    )
    _compare([_case(solution, rng, *setting) for setting in settings])


def test_adjoint(solution, rng):
    """Without bias the sums of y ∘ dy, x ∘ dx and w ∘ dw are one number"""
    x, w, bias, dy = _draw(rng, (2, 3, 5, 6), (4, 2, 3), 2, 1)
    y, cache = _forward(solution, x, w, 0.0 * bias, 2, 1)
    dx, dw, _ = _backward(solution, dy, cache)
    for name, value, shape in (("y", y, dy.shape), ("dx", dx, x.shape), ("dw", dw, w.shape)):
        if getattr(value, "shape", None) != shape:
            assert_close(value, np.zeros(shape), what=name)
    expected = _expected(x, w, 0.0 * bias, 2, 1, dy)
    total = np.sum(expected[0] * dy)
    why = "y is linear in x and in w, so the three sums are the same."
    assert_close(np.sum(y * dy), total, what="the sum of y ∘ dy", why=why, atol=ATOL)
    assert_close(np.sum(x * dx), total, what="the sum of x ∘ dx", why=why, atol=ATOL)
    assert_close(np.sum(w * dw), total, what="the sum of w ∘ dw", why=why, atol=ATOL)


def test_images_on_their_own(solution, rng):
    """Each image is convolved by itself, and dw and dbias are sums over the images"""
    x, w, bias, dy = _draw(rng, (3, 2, 4, 5), (2, 3, 2), 1, 1)
    y, cache = _forward(solution, x, w, bias, 1, 1)
    together = (y, *_backward(solution, dy, cache))
    parts = []
    for n in range(3):
        one, cache = _forward(solution, x[n : n + 1], w, bias, 1, 1)
        parts.append((one, *_backward(solution, dy[n : n + 1], cache)))
    expected = _expected(x, w, bias, 1, 1, dy)
    _compare([(" for three images", together, expected)])
    for n, part in enumerate(parts):
        _compare([(f" for image {n} alone", part, _expected(x[n : n + 1], w, bias, 1, 1, dy[n : n + 1]))])


def test_small_sizes(solution, rng):
    """One channel, one kernel, kernels of one pixel, images of one pixel"""
    settings = (
        ((1, 1, 1, 1), (1, 1, 1), 1, 0),
        ((2, 3, 4, 5), (2, 1, 1), 1, 0),
        ((2, 1, 3, 4), (1, 3, 4), 1, 0),
        ((1, 2, 1, 1), (3, 3, 3), 1, 1),
        ((3, 1, 1, 6), (2, 1, 3), 2, 0),
    )
    _compare([_case(solution, rng, *setting) for setting in settings])


def test_float32(solution, rng):
    """float32 in, float32 out"""
    x, w, bias, dy = _draw(rng, (2, 3, 5, 4), (2, 3, 2), 2, 1, np.float32)
    y, cache = _forward(solution, x, w, bias, 2, 1)
    found = (y, *_backward(solution, dy, cache))
    names = "the output y", "the gradient dx", "the gradient dw", "the gradient dbias"
    for name, mine, theirs in zip(names, found, _expected(x, w, bias, 2, 1, dy), strict=True):
        assert_close(mine, theirs.astype(np.float32), what=f"{name} of float32 arrays", atol=2e-5)


def test_arguments_are_only_read(solution, rng):
    """x, w, bias and dy hold the same numbers afterwards, whatever their strides"""
    x, w, bias, dy = _draw(rng, (2, 2, 4, 4), (3, 3, 3), 1, 1)
    plain = {"x": x.swapaxes(2, 3), "w": w[:, :, ::-1, ::-1], "bias": bias[::-1], "dy": dy.swapaxes(2, 3)}
    there = library(solution, "numpy.asarray")
    given = {name: keep(there, value) for name, value in plain.items()}
    y, cache = _forward(solution, given["x"], given["w"], given["bias"], 1, 1)
    grads = _backward(solution, given["dy"], cache)
    after = {name: value[...] for name, value in given.items()}
    for name, before in plain.items():
        assert_equal(after[name], before, what=f"{name} afterwards (it must not be changed in place)")
    x, w, bias, dy = (value.copy() for value in plain.values())
    _compare([("", (y, *grads), _expected(x, w, bias, 1, 1, dy))])


def test_caches(solution, rng):
    """Each cache belongs to its own call, and serves more than one backward"""
    settings = [((2, 2, 4, 5), (3, 2, 3), 1, 1), ((2, 2, 4, 5), (3, 2, 3), 2, 1), ((2, 2, 4, 5), (3, 2, 3), 1, 1)]
    calls = [_draw(rng, *setting) for setting in settings]
    caches = [_forward(solution, *call[:3], *setting[2:])[1] for call, setting in zip(calls, settings, strict=True)]
    order = (0, 1, 0, 2)
    answers = [_backward(solution, (1.0 + k) * calls[i][3], caches[i]) for k, i in enumerate(order)]
    for k, (i, grads) in enumerate(zip(order, answers, strict=True)):
        x, w, bias, dy = calls[i]
        where = f" of backward number {k + 1}, with the cache of forward number {i + 1}"
        expected = _expected(x, w, bias, *settings[i][2:], (1.0 + k) * dy)
        _compare([(where, (expected[0], *grads), expected)])
