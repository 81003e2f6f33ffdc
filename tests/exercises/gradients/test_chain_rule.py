"""The hidden suite of gradients/chain_rule.

The layers are functions of this suite. The expected gradients do not use their vjp: each entry of x is moved by 1e-30 i
and sent through the chain (the complex step, Squire and Trapp 1998). Weights are about 1 and layers at most six, so
rounding is about 1e-15; the default tolerance of float64, 1e-9 relative and 1e-12 absolute, is far above, and no check
fails by chance. All call-backs are pure.
"""

import numpy as np

from grader.testing import Mismatch, assert_close, assert_equal, keep, keep_item, library, observe


class Layer:
    """A layer that can be run, sent back and watched."""

    def __init__(self, name, f, vjp, before, after):
        self.name, self.run, self.back, self.before, self.after = name, f, vjp, before, after

    def pair(self, log=None):
        def f(x):
            self._shape("f", "an input", x, self.before)
            if log is not None:
                log.append(("f", self.name, np.array(x)))
            return self.run(x)

        def vjp(x, dy):
            self._shape("vjp", "an input", x, self.before)
            self._shape("vjp", "a gradient of its output", dy, self.after)
            if log is not None:
                log.append(("vjp", self.name, np.array(x)))
            return self.back(x, dy)

        return f, vjp

    def _shape(self, function, what, array, expected):
        if np.shape(array) != expected:
            raise AssertionError(
                f"The {function} of the layer {self.name} was given {what} of shape {np.shape(array)}, expected {expected}."
            )


def _linear(rng, n, m, name="linear"):
    W, b = rng.normal(size=(m, n)) / np.sqrt(n), rng.normal(size=m)
    return Layer(f"{name} ({n} to {m})", lambda x: W @ x + b, lambda _, dy: W.T @ dy, (n,), (m,))


def _sine(n):
    return Layer("sin", lambda x: np.sin(x), lambda x, dy: dy * np.cos(x), (n,), (n,))


def _square(n):
    return Layer("x² / 3", lambda x: x * x / 3, lambda x, dy: dy * 2 * x / 3, (n,), (n,))


def _next_times(n):
    """Each entry times the one after it: a layer whose Jacobian is not symmetric and depends on x."""
    return Layer("neighbours", lambda x: x * np.roll(x, -1), lambda x, dy: dy * np.roll(x, -1) + np.roll(dy * x, 1), (n,), (n,))


def _run(layers, x):
    for layer in layers:
        x = layer.run(x)
    return x


def _expected(layers, x, dy):
    dx = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        moved = x.astype(complex)
        moved[place] += 1e-30j
        dx[place] = np.sum(dy * _run(layers, moved).imag) / 1e-30
    return _run(layers, x), dx


def _compare(answer, expected, where):
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        raise Mismatch(f"vjp_chain returned {type(answer).__name__}, expected the pair (y, dx).")
    assert_close(answer[0], expected[0], what=f"y {where}")
    assert_close(answer[1], expected[1], what=f"dx {where}")


def _check(solution, layers, x, dy, where):
    answer = solution.vjp_chain([layer.pair() for layer in layers], x.copy(), dy.copy())
    _compare(answer, _expected(layers, x, dy), where)


def _vectors(rng, n, m):
    return rng.uniform(0.3, 1.2, size=n), rng.normal(size=m)


def test_three_layers(solution, rng):
    """A chain of different layers, each one's derivative at its own input"""
    layers = [_square(4), _linear(rng, 4, 4), _next_times(4), _sine(4)]
    x, dy = _vectors(rng, 4, 4)
    _check(solution, layers, x, dy, "of a chain of four layers")


def test_worked_example(solution):
    """The example of the statement: squares, then their sum"""
    square = (lambda x: x * x, lambda x, dy: 2 * x * dy)
    add = (lambda x: np.array([x[0] + x[1]]), lambda _, dy: np.array([dy[0], dy[0]]))
    answer = solution.vjp_chain([square, add], np.array([3.0, 4.0]), np.array([10.0]))
    _compare(answer, (np.array([25.0]), np.array([60.0, 80.0])), "of the example")


def test_order_of_matrices(solution, rng):
    """Matrices do not commute: the order of the product is that of the layers"""
    layers = [_linear(rng, 5, 5, name) for name in ("first", "second", "third")]
    x, dy = _vectors(rng, 5, 5)
    _check(solution, layers, x, dy, "of three square matrices")


def test_every_depth(solution, rng):
    """One to six layers"""
    every = [_linear(rng, 3, 4), _sine(4), _next_times(4), _linear(rng, 4, 2), _square(2), _linear(rng, 2, 5)]
    for depth in range(1, 7):
        x, dy = _vectors(rng, 3, every[depth - 1].after)
        _check(solution, every[:depth], x, dy, f"of a chain of depth {depth}")


def test_no_layers(solution, rng):
    """Without layers y is x and dx is dy"""
    x, dy = _vectors(rng, 3, 3)
    answer = solution.vjp_chain([], x.copy(), dy.copy())
    _compare(answer, (x, dy), "without layers")


def test_shapes(solution, rng):
    """Layers may change the shape, from matrix to vector to a single number"""
    W, v = rng.normal(size=(3, 4)), rng.normal(size=2)
    layers = [
        Layer("X W", lambda X: X @ W, lambda _, d: d @ W.T, (2, 3), (2, 4)),
        Layer("sums of the squares of the rows", lambda X: (X * X).sum(1), lambda X, d: 2 * X * d[:, None], (2, 4), (2,)),
        Layer("v · x", lambda x: np.sum(v * x, keepdims=True), lambda _, d: d * v, (2,), (1,)),
    ]
    x, dy = rng.normal(size=(2, 3)), np.array([1.7])
    _check(solution, layers, x, dy, "of a chain from (2, 3) to (1,)")
    _check(solution, layers[:2], x, rng.normal(size=2), "of a chain from (2, 3) to (2,)")


def test_each_output(solution, rng):
    """One output at a time gives the rows of the Jacobian, and dx is linear in dy"""
    layers = [_linear(rng, 4, 3), _sine(3), _next_times(3), _linear(rng, 3, 2)]
    x, dy = _vectors(rng, 4, 2)
    pairs = [layer.pair() for layer in layers]
    answers = [solution.vjp_chain(pairs, x.copy(), d) for d in (np.array([1.0, 0.0]), np.array([0.0, 1.0]), -3 * dy, 0 * dy)]
    for answer, d in zip(answers, ([1.0, 0.0], [0.0, 1.0], -3 * dy, 0 * dy), strict=True):
        _compare(answer, _expected(layers, x, np.array(d)), f"with dy = {np.round(d, 3).tolist()}")


def test_same_layer_twice(solution, rng):
    """The same pair of functions may stand in the list twice, with an input each"""
    square, mix = _square(3), _linear(rng, 3, 3)
    x, dy = _vectors(rng, 3, 3)
    # A tuple that is sent twice arrives as two. So each is put into an array there, and the list takes it from that.
    shelf = keep(library(solution, "numpy.empty"), 2, "O")
    shelf[0], shelf[1] = square.pair(), mix.pair()
    pair, other = keep_item(shelf, 0), keep_item(shelf, 1)
    answer = solution.vjp_chain([pair, other, pair, pair, other], x.copy(), dy.copy())
    _compare(answer, _expected([square, mix, square, square, mix], x, dy), "of a chain with the same pairs in it twice")


def test_calls(solution, rng):
    """Every f is called once, in order, and every vjp once, in the opposite order"""
    layers = [_linear(rng, 3, 4, "A"), _sine(4), _linear(rng, 4, 2, "B"), _square(2)]
    x, dy = _vectors(rng, 3, 2)
    log = []
    answer = solution.vjp_chain([layer.pair(log) for layer in layers], x.copy(), dy.copy())
    forwards = [name for kind, name, _ in log if kind == "f"]
    backwards = [name for kind, name, _ in log if kind == "vjp"]
    names = [layer.name for layer in layers]
    if forwards != names:
        raise Mismatch(f"The layers {names} were run in this order: {forwards}. Each f is called once, in order.")
    if backwards != names[::-1]:
        raise Mismatch(f"The vjp of the layers {names} were called in this order: {backwards}; once each, from the last.")
    value = x
    for layer, given in zip(layers, [point for kind, _, point in log if kind == "vjp"][::-1], strict=True):
        assert_close(given, value, what=f"the input at which the vjp of {layer.name} was called")
        value = layer.run(value)
    _compare(answer, _expected(layers, x, dy), "of a chain of four layers")


def test_inputs_are_only_read(solution, rng):
    """x and dy hold the same numbers afterwards, whatever their strides"""
    layers = [_square(4), _linear(rng, 4, 3), _sine(3)]
    x, dy = rng.uniform(0.3, 1.2, size=8)[::-2], rng.normal(size=(3, 2))[:, 1]
    seen = observe(solution.vjp_chain, [layer.pair() for layer in layers], x, dy)
    assert_equal(seen.args[1], x, what="x after the call (it must not be changed in place)")
    assert_equal(seen.args[2], dy, what="dy after the call (it must not be changed in place)")
    _compare(seen.value, _expected(layers, x, dy), "of arrays with strides of their own")
