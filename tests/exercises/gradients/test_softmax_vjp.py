"""The hidden suite of gradients/softmax_vjp.

The expected gradients do not come from the formula: softmax is run here with each score moved by 1e-30 i
(the complex-step derivative, Squire and Trapp 1998), which gives its Jacobian to the last digit. Default
tolerances: float64 1e-9 relative and 1e-12 absolute, float32 1e-5 and 1e-6; s lies in [0, 1] and |dy| is
about 1, so rounding is a few 1e-16 (float32: 1e-7) and no check fails by chance.
"""

import numpy as np

from grader.testing import Mismatch, assert_close, assert_equal, observe

STEP = 1e-30


def _softmax(x, axis):
    e = np.exp(x - x.real.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _gradient(x, dy, axis):
    """d sum(dy * softmax(x)) / dx, one score at a time."""
    dx = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        moved = x.astype(complex)
        moved[place] += STEP * 1j
        dx[place] = np.sum(dy * _softmax(moved, axis).imag) / STEP
    return dx


def _shaped(dx, shape):
    """`dx`, once it is an array of that shape: only then can its lines be looked at."""
    if getattr(dx, "shape", None) != shape:
        assert_close(dx, np.zeros(shape), what="the gradient dx")
        raise Mismatch(f"The gradient dx is no NumPy array of shape {shape}.")
    return dx


def test_values(solution, rng):
    """The gradient is that of softmax, along the axis that is named"""
    x, dy = rng.normal(size=(3, 4, 2)), rng.normal(size=(3, 4, 2))
    answers = {axis: solution.softmax_vjp(_softmax(x, axis), dy.copy(), axis) for axis in (1, 0, -1)}
    for axis, answer in answers.items():
        assert_close(answer, _gradient(x, dy, axis), what=f"the gradient dx with axis={axis}")


def test_worked_example(solution):
    """The example of the statement"""
    dx = solution.softmax_vjp(np.array([0.2, 0.5, 0.3]), np.array([1.0, 2.0, 4.0]), -1)
    assert_close(dx, np.array([-0.28, -0.2, 0.48]), what="the gradient dx")


def test_jacobian(solution, rng):
    """One output at a time gives the rows of the Jacobian, off the diagonal too"""
    x = rng.normal(size=5)
    s = _softmax(x, 0)
    rows = [solution.softmax_vjp(s.copy(), unit, 0) for unit in np.eye(5)]
    for i, row in enumerate(rows):
        assert_close(
            row, _gradient(x, np.eye(5)[i], 0), what=f"the gradient dx with dy = 1 for output {i} and 0 for the others"
        )


def test_sums_to_zero(solution, rng):
    """Each line of dx sums to zero, and is not zero itself"""
    x, dy = rng.normal(size=(4, 3, 5)), rng.normal(size=(4, 3, 5))
    for axis in (0, 1, 2):
        dx = _shaped(solution.softmax_vjp(_softmax(x, axis), dy.copy(), axis), x.shape)
        total = dx.sum(axis)
        assert_close(total, np.zeros(total.shape), what=f"the sum of dx along axis {axis}",
                     why="Adding one number to all scores of a line changes no probability.")  # fmt: skip
        assert_close(dx, _gradient(x, dy, axis), what=f"the gradient dx with axis={axis}")


def test_constant_dy(solution, rng):
    """A part of dy that is constant along the line changes nothing"""
    x, dy = rng.normal(size=(3, 5)), rng.normal(size=(3, 5))
    s = _softmax(x, 1)
    level = rng.uniform(1.0, 9.0, size=(3, 1))
    raised = solution.softmax_vjp(s.copy(), dy + level, 1)
    constant = solution.softmax_vjp(s.copy(), np.broadcast_to(level, s.shape).copy(), 1)
    assert_close(raised, _gradient(x, dy, 1), what="the gradient dx with a constant added to each line of dy")
    assert_close(constant, np.zeros(s.shape), what="the gradient dx for a dy that is constant along each line")


def test_every_axis(solution, rng):
    """Every axis of a four-dimensional array, counted from either end"""
    x, dy = rng.normal(size=(2, 3, 4, 2)), rng.normal(size=(2, 3, 4, 2))
    for axis in range(4):
        s, expected = _softmax(x, axis), _gradient(x, dy, axis)
        answers = [solution.softmax_vjp(s.copy(), dy.copy(), number) for number in (axis, axis - 4)]
        assert_close(answers[0], expected, what=f"the gradient dx with axis={axis} for the shape (2, 3, 4, 2)")
        assert_equal(answers[1], answers[0], what=f"the gradient dx with axis={axis - 4}, which is axis {axis}")


def test_square(solution, rng):
    """Rows and columns are told apart where the array is square"""
    x, dy = rng.normal(size=(4, 4)), rng.normal(size=(4, 4))
    answers = [solution.softmax_vjp(_softmax(x, axis), dy.copy(), axis) for axis in (0, 1)]
    for axis, answer in enumerate(answers):
        assert_close(answer, _gradient(x, dy, axis), what=f"the gradient dx with axis={axis} for the shape (4, 4)")


def test_zero_probability(solution, rng):
    """A masked token, whose probability is 0, gets a gradient of exactly 0"""
    x, dy = rng.normal(size=(3, 6)), 50.0 * rng.normal(size=(3, 6))
    masked = np.zeros((3, 6), bool)
    masked[0, 1] = masked[1, 4] = masked[1, 0] = masked[2, 5] = True
    dy[0, 1], dy[1, 4] = 1e30, -1e30  # whatever is there, it has no say in the others
    s = _softmax(np.where(masked, -np.inf, x), 1)
    dx = _shaped(solution.softmax_vjp(s.copy(), dy.copy(), 1), x.shape)
    assert_equal(dx[masked], np.zeros(4), what="the gradient dx of the masked tokens")
    # -800 for -inf: exp underflows to 0 all the same, and the complex step stays finite. 50 times the usual dy.
    expected = np.where(masked, 0.0, _gradient(np.where(masked, -800.0, x), dy, 1))
    assert_close(dx, expected, atol=1e-10, what="the gradient dx with masked tokens, where dy is as large as 1e30",
                 why="A token of probability 0 has no say in the gradient of the others.")  # fmt: skip


def test_one_hot(solution, rng):
    """A line that is certain of one token gets a gradient of exactly 0, its neighbours their own"""
    x, dy = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    s = _softmax(x, 1)
    s[1] = [0.0, 0.0, 1.0, 0.0]
    expected = _gradient(x, dy, 1)
    expected[1] = 0.0
    assert_close(solution.softmax_vjp(s, dy, 1), expected, what="the gradient dx where line 1 of s is [0, 0, 1, 0]")


def test_scale_of_each_line(solution, rng):
    """Lines of very different scale are each as accurate as their own numbers"""
    x, dy = rng.normal(size=(5, 4)), rng.normal(size=(5, 4))
    scale = 10.0 ** np.array([[-150.0], [-6.0], [0.0], [6.0], [150.0]])
    dx = _shaped(solution.softmax_vjp(_softmax(x, 1), dy * scale, 1), x.shape)
    expected = _gradient(x, dy, 1) * scale
    for line, size in enumerate(scale[:, 0].tolist()):
        # Relative to the line's own scale: entries may be smaller than their line by cancellation.
        assert_close(
            dx[line], expected[line], atol=1e-12 * size, what=f"the gradient dx of a line whose dy is about {size:.0e}"
        )


def test_float32(solution, rng):
    """float32 in, float32 out"""
    x, dy = rng.normal(size=(3, 7)), rng.normal(size=(3, 7)).astype(np.float32)
    s = _softmax(x, 1).astype(np.float32)
    dx = solution.softmax_vjp(s.copy(), dy.copy(), 1)
    assert_close(dx, _gradient(x, dy, 1).astype(np.float32), what="the gradient dx of float32 arrays")


def test_sizes_one_and_zero(solution, rng):
    """Axes of size one give zeros, axes of size zero an empty array"""
    dy = rng.normal(size=(4, 1))
    answers = {
        (4, 1): (solution.softmax_vjp(np.ones((4, 1)), dy.copy(), 1), np.zeros((4, 1))),
        (0, 3): (solution.softmax_vjp(np.ones((0, 3)), np.ones((0, 3)), 1), np.zeros((0, 3))),
        (3, 0): (solution.softmax_vjp(np.ones((3, 0)), np.ones((3, 0)), 1), np.zeros((3, 0))),
    }
    for shape, (answer, expected) in answers.items():
        assert_close(answer, expected, what=f"the gradient dx for the shape {shape} with axis=1")
    x = rng.normal(size=(4, 1))
    assert_close(
        solution.softmax_vjp(_softmax(x, 0), dy.copy(), 0),
        _gradient(x, dy, 0),
        what="the gradient dx for the shape (4, 1) with axis=0",
    )


def test_inputs_are_only_read(solution, rng):
    """s and dy hold the same numbers afterwards, whatever their strides"""
    x, dy = rng.normal(size=(4, 6)), rng.normal(size=(6, 4))
    s = _softmax(x, 0)
    for given, g, scores in ((s, dy.T, x), (s[:, ::-2], dy.T[:, ::-2], x[:, ::-2])):
        seen = observe(solution.softmax_vjp, given, g, 0)
        for name, before, after in zip(("s", "dy"), (given, g), seen.args, strict=False):
            assert_equal(after, before, what=f"{name} after the call (it must not be changed in place)")
        assert_close(seen.value, _gradient(scores, g, 0), what="the gradient dx")
