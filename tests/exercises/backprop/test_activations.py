"""The hidden suite of backprop/activations.

Expected values are the statement's formulas in float64. The slopes are not the statement's: each formula is run at
x + 1e-30 i (the complex-step derivative, Squire and Trapp 1998), which gives its slope to the last digit; only for the
exact GELU, as there is no erf of complex numbers, Φ(x) + x φ(x) is written out in Python's floats. Default tolerances
for float64 (1e-9 relative, 1e-12 absolute); float32 answers are held against float64 values with 1e-5 and 1e-6, as each
is a few roundings of 6e-8. The measured slopes are central differences with h = 1e-4, whose own error is below
h² / 6 · 3 = 5e-9 for these functions (no third derivative exceeds 3), with 1e-6 allowed. No check fails by chance.
"""

import math

import numpy as np

from grader.testing import Mismatch, assert_close, assert_unchanged, keep, library

STEP = 1e-30
FORMULAS = {
    "relu": lambda z: z * (z.real > 0),
    "sigmoid": lambda z: 1 / (1 + np.exp(-_within(z))),
    "tanh": lambda z: np.tanh(_within(z)),
    "gelu none": None,
    "gelu tanh": lambda z: z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))) / 2,
}


def _within(z):
    """Beyond 600 neither function changes by as much as 1e-200, and e to a complex power would overflow."""
    return np.clip(z.real, -600, 600) + 1j * z.imag


def _gelu(z):
    cdf = math.erfc(-z / math.sqrt(2)) / 2
    return z * cdf, cdf + z * math.exp(-min(z * z / 2, 700.0)) / math.sqrt(2 * math.pi)


def _expected(name, x, dy=1.0):
    """What comes out of the function of that name, and dy times its slope, both in float64."""
    wide = np.array(x, np.float64)
    if name == "gelu none":
        pairs = np.array([_gelu(float(z)) for z in wide.ravel()]).reshape(-1, 2)
        return pairs[:, 0].reshape(wide.shape), pairs[:, 1].reshape(wide.shape) * dy
    found = FORMULAS[name](wide + 1j * STEP)
    return found.real, found.imag / STEP * dy


def _forward(solution, name, x):
    function, *kind = name.split()
    return getattr(solution, function)(x, *kind)


def _backward(solution, name, dy, x):
    function, *kind = name.split()
    return getattr(solution, f"{function}_back")(dy, x, *kind)


def _call(name, back=False):
    function, *kind = name.split()
    words = ", ".join((["dy"] if back else []) + ["x"] + [f'"{k}"' for k in kind])
    return f"{function}{'_back' if back else ''}({words})"


def _check(solution, x, dy, where, names=tuple(FORMULAS), **tolerance):
    forward = [name for name in names if name != "tanh"]
    ys = [_forward(solution, name, x) for name in forward]
    dxs = [_backward(solution, name, dy, x) for name in names]
    for name, y in zip(forward, ys, strict=True):
        assert_close(y, _expected(name, x)[0].astype(x.dtype), what=f"{_call(name)} {where}", **tolerance)
    for name, dx in zip(names, dxs, strict=True):
        assert_close(dx, _expected(name, x, dy)[1].astype(x.dtype), what=f"{_call(name, True)} {where}", **tolerance)


def _draw(rng, shape, dtype=np.float64):
    """Numbers of both signs and of sizes from 0.1 to 3, and a dy of both signs that is never 1."""
    x = rng.uniform(0.1, 3.0, size=shape) * np.where(rng.random(shape) < 0.5, -1, 1)
    return x.astype(dtype), (rng.normal(size=shape) * 1.5).astype(dtype)


def test_values(solution, rng):
    """All functions and their slopes for numbers of both signs"""
    x, dy = _draw(rng, (4, 6))
    x[0, :3], x[1, :3] = [-2.0, -0.5, 1.5], [0.75, 2.5, -1.25]  # whatever is drawn, both signs are there
    dy[0, :3], dy[1, :3] = [1.5, -2.0, -0.5], [0.5, 1.25, -3.0]
    _check(solution, x, dy, "for random numbers")


def test_worked_example(solution):
    """The example of the statement"""
    _check(solution, np.array([-1.0, 0.0, 2.0]), np.array([1.0, 1.0, 10.0]), "for x = [-1, 0, 2], dy = [1, 1, 10]")


def test_zero(solution):
    """At exactly 0: relu has the slope 0, gelu 0.5, sigmoid 0.25, tanh 1"""
    x, dy = np.array([0.0, -0.0, 0.0, 1e-300, -1e-300]), np.array([2.0, -3.0, 0.5, 4.0, 4.0])
    _check(solution, x, dy, "for x = [0, -0, 0, 1e-300, -1e-300]")


def test_exact_or_tanh(solution):
    """The exact GELU and its approximation are told apart, forward and backward"""
    x = np.linspace(-4.0, 4.0, 17)
    dy = np.where(np.arange(17) % 2, -2.0, 3.0)
    names = ("gelu none", "gelu tanh")
    found = {name: (_forward(solution, name, x), _backward(solution, name, dy, x)) for name in names}
    for name, (y, dx) in found.items():
        expected, slopes = _expected(name, x, dy)
        assert_close(y, expected, what=f"{_call(name)} for x from -4 to 4", why="The two kinds differ by up to 0.0005.")
        assert_close(dx, slopes, what=f"{_call(name, True)} for x from -4 to 4", why="It is the slope of its own kind.")


def test_slopes_are_measured(solution, rng):
    """Each backward function is the slope of its own forward function, as measured by nudging x"""
    x, dy = _draw(rng, (12,))
    h = 1e-4
    found = []
    for name in FORMULAS:
        if name != "tanh":
            up, down = _forward(solution, name, x + h), _forward(solution, name, x - h)
            found.append((name, up, down, _backward(solution, name, dy, x)))
    for name, up, down, dx in found:
        for value, what in ((up, "x + 0.0001"), (down, "x - 0.0001")):
            assert_close(value, _expected(name, x + h if value is up else x - h)[0], what=f"{_call(name)} at {what}")
        assert_close(
            dx,
            dy * (up - down) / (2 * h),
            rtol=1e-6,
            atol=1e-6,
            what=_call(name, True),
            why=f"The slope was measured on your own {name.split()[0]}.",
        )


def test_symmetry(solution, rng):
    """sigmoid(x) + sigmoid(-x) = 1, relu(x) - relu(-x) = x, gelu(x) - gelu(-x) = x; slopes accordingly"""
    x, dy = _draw(rng, (9,))
    names = [name for name in FORMULAS if name != "tanh"]
    found = [(name, *(_forward(solution, name, z) for z in (x, -x))) for name in names]
    slopes = [(name, *(_backward(solution, name, dy, z) for z in (x, -x))) for name in FORMULAS]
    for name, there, back in found:
        for y, z in ((there, x), (back, -x)):
            assert_close(y, _expected(name, z)[0], what=_call(name))
        total = there + back if name == "sigmoid" else there - back
        assert_close(total, np.ones(9) if name == "sigmoid" else x, what=f"{_call(name)} and the same of -x, together")
    for name, there, back in slopes:
        even = name in ("sigmoid", "tanh")
        assert_close(there - back if even else there + back, np.zeros(9) if even else dy,
                     what=f"{_call(name, True)} at x and at -x, together")  # fmt: skip


def test_far_away(solution, rng):
    """Numbers as large as 10,000 beside small ones: everything stays finite"""
    x = np.array([[-1e4, -1.0, 1e4], [0.5, 1e3, -1e3], [-750.0, 720.0, 2.0]])
    dy = _draw(rng, (3, 3))[1]
    _check(solution, x, dy, "for x between -10,000 and 10,000")
    _check(solution, x.astype(np.float32), dy.astype(np.float32), "for float32 x between -10,000 and 10,000",
           rtol=1e-5, atol=1e-6)  # fmt: skip


def test_small_sigmoids(solution):
    """sigmoid keeps its digits where it is small"""
    xs = [np.array([-12.0, -15.0]), np.array([-20.0, -25.0]), np.array([-40.0, -100.0, -300.0])]
    xs += [np.array([-9.0, -10.0, -12.5], np.float32), np.array([-20.0, -40.0, -80.0], np.float32)]
    found = [(x, solution.sigmoid(x)) for x in xs]
    for x, mine in found:
        wide = x.astype(np.float64)
        numbers = set(np.ravel(mine).tolist()) if isinstance(mine, np.ndarray) else set()
        if len(numbers) == 1 and max(numbers) > 0:
            raise Mismatch(
                f"sigmoid(x) is {max(numbers):.4g} for all of the {x.dtype} x = {x.tolist()}, as if x were cut off "
                "(np.clip) before the exponential. It goes on falling; e to the power of -|x| never overflows."
            )
        # Rounding -80 / 1 in the exponent costs single numbers 80 times 6e-8 of their relative precision.
        rtol = 1e-4 if x.dtype == np.float32 else 1e-9
        expected = (np.exp(wide) / (1 + np.exp(wide))).astype(x.dtype)
        assert_close(mine, expected, rtol=rtol, atol=0.0, what=f"sigmoid(x) for {x.dtype} x = {x.tolist()}")


def test_float32(solution, rng):
    """float32 in, float32 out"""
    x, dy = _draw(rng, (3, 5), np.float32)
    _check(solution, x, dy, "for float32 x", rtol=1e-5, atol=1e-6)


def test_any_shape(solution, rng):
    """Any number of axes, and none of anything"""
    for shape in ((5,), (2, 1, 3), (1, 1), (0,), (2, 0, 3)):
        _check(solution, *_draw(rng, shape), f"for x of shape {shape}")


def test_single_number(solution):
    """A single number, x of shape ()"""
    there = library(solution, "numpy.asarray")
    x, dy = np.asarray(-0.7), np.asarray(2.5)
    found = []
    for name in FORMULAS:
        function, *kind = name.split()
        if name != "tanh":
            found.append((_call(name), there(keep(getattr(solution, function), x, *kind)), _expected(name, x)[0]))
        dx = there(keep(getattr(solution, f"{function}_back"), dy, x, *kind))
        found.append((_call(name, True), dx, _expected(name, x, dy)[1]))
    for call, mine, expected in found:
        assert_close(mine, np.asarray(expected), what=f"{call} for x of shape ()")


def test_arguments_are_only_read(solution, rng):
    """x and dy hold the same numbers afterwards, whatever their strides"""
    x, dy = (value.T for value in _draw(rng, (4, 5)))
    found = []
    for name in FORMULAS:
        function, *kind = name.split()
        if name != "tanh":
            found.append((_call(name), assert_unchanged(getattr(solution, function), x, *kind), _expected(name, x)[0]))
        dx = assert_unchanged(getattr(solution, f"{function}_back"), dy, x, *kind)
        found.append((_call(name, True), dx, _expected(name, x, dy)[1]))
    for call, mine, expected in found:
        assert_close(mine, expected, what=f"{call} for a transposed view")
