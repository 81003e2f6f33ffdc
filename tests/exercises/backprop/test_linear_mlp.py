"""The hidden suite of backprop/linear_mlp.

The expected gradients use no formula of the backward pass: the loss is worked out with one parameter moved by 1e-30 i
(the complex-step derivative, Squire and Trapp 1998), one number at a time, which gives each slope to the last digit;
relu looks at the real part alone, so its slope at 0 is 0. Default tolerances for float64 (1e-9 relative, 1e-12
absolute) unless a reason stands beside another; for float32 1e-4 and 1e-5, as roundings of 6e-8 add up over the sums
and partly cancel. A float32 check would fail a right solution only if rounding turned the sign of a hidden number: one
within 1e-6 of 0 among 15, which is drawn with a chance of about 1e-5, and its share in the gradient is then itself of
ordinary size. So that check draws numbers in quarters, where nothing of the kind can be.
"""

import numpy as np

from grader.testing import Mismatch, assert_close, assert_equal, keep, library

STEP = 1e-30
NAMES = ("W1", "b1", "W2", "b2")


def _loss(params, X, y):
    """The mean cross-entropy, for complex parameters too; each row's logits are shifted by a real number."""
    hidden = X @ params["W1"] + params["b1"]
    logits = hidden * (hidden.real > 0) @ params["W2"] + params["b2"]
    top = logits.real.max(1)
    shifted = logits - top[:, None]
    return np.mean(np.log(np.exp(shifted).sum(1)) - shifted[np.arange(len(y)), y])


def _expected(params, X, y):
    wide = {name: params[name].astype(complex) for name in NAMES}
    grads = {}
    for name in NAMES:
        grad = np.zeros(wide[name].shape)
        for place in np.ndindex(grad.shape):
            wide[name][place] += STEP * 1j
            grad[place] = _loss(wide, X, y).imag / STEP
            wide[name][place] -= STEP * 1j
        grads[name] = grad.astype(params[name].dtype)
    return float(_loss(wide, X, y).real), grads


def _draw(rng, n, d, h, c, dtype=np.float64):
    shapes = {"W1": (d, h), "b1": (h,), "W2": (h, c), "b2": (c,)}
    params = {name: rng.normal(size=shape).astype(dtype) for name, shape in shapes.items()}
    return params, rng.normal(size=(n, d)).astype(dtype), rng.integers(0, c, size=n)


def _judge(answer, given, where="", **tolerance):
    if not isinstance(answer, tuple | list) or len(answer) != 2 or not isinstance(answer[1], dict):
        raise Mismatch(
            "mlp_forward_backward has to return the pair (loss, grads), with a dict of gradients; what came is of type "
            f"{type(answer).__name__}."
        )
    loss, grads = answer
    expected, gradients = _expected(*given)
    try:
        loss = float(loss)
    except (TypeError, ValueError):
        raise Mismatch(f"The loss has to be a single number; what came is of type {type(loss).__name__}.") from None
    assert_close(loss, expected, what=f"the loss{where}", **tolerance)
    for name in NAMES:
        if name not in grads:
            raise Mismatch(f'grads has no "{name}"; it needs the four names of params.')
        assert_close(grads[name], gradients[name], what=f'the gradient grads["{name}"]{where}', **tolerance)


def _rich(rng):
    """A batch in which hidden values and logits of both signs and all classes occur, whatever is drawn."""
    params, X, y = _draw(rng, 6, 3, 5, 4)
    X[:3] = [[1.5, -1.0, 0.5], [-1.5, 1.0, -0.5], [0.5, 2.0, -2.0]]
    y[:4] = [2, 0, 3, 1]
    return params, X, y


def test_values(solution, rng):
    """Loss and all four gradients for a batch"""
    cases = [_rich(rng), _draw(rng, 2, 5, 3, 6)]
    answers = [solution.mlp_forward_backward(*case) for case in cases]
    for answer, case in zip(answers, cases, strict=True):
        _judge(answer, case)


def test_worked_example(solution):
    """The example of the statement"""
    params = {"W1": np.array([[1.0, -1.0]]), "b1": np.array([0.0, 1.0])}
    params |= {"W2": np.array([[1.0, 0.0], [0.0, 5.0]]), "b2": np.array([0.0, np.log(3.0)])}
    given = params, np.array([[2.0]]), np.array([0])
    _judge(solution.mlp_forward_backward(*given), given, " of the example")


def test_mean(solution, rng):
    """Repeating every row changes neither loss nor gradients"""
    params, X, y = _draw(rng, 3, 4, 2, 5)
    answers = [solution.mlp_forward_backward(params, np.repeat(X, k, axis=0), np.repeat(y, k)) for k in (1, 2, 5)]
    for k, answer in zip((1, 2, 5), answers, strict=True):
        _judge(answer, (params, X, y), f" with each row {k} times" if k > 1 else "")


def test_shifted_logits(solution, rng):
    """Adding a number to all logits changes nothing, so db2 and the rows of dW2 sum to zero"""
    params, X, y = _rich(rng)
    moved = {**params, "b2": params["b2"] + 3.5}
    answers = [solution.mlp_forward_backward(p, X, y) for p in (params, moved)]
    for answer in answers:
        _judge(answer, (params, X, y), " before or after 3.5 was added to all of b2")
    grads = answers[1][1]
    assert_close(float(grads["b2"].sum()), 0.0, what='the sum of grads["b2"]')
    assert_close(grads["W2"].sum(1), np.zeros(5), what='the sum of each row of grads["W2"]')


def test_zero_hidden(solution, rng):
    """Hidden neurons at exactly 0 pass nothing back, dead ones neither"""
    params, _, y = _draw(rng, 4, 3, 4, 3)
    params["W1"], params["b1"] = rng.integers(-2, 3, size=(3, 4)).astype(float), np.array([-1.0, 0.0, 2.0, -50.0])
    X = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, -1.0, 2.0], [-1.0, 0.0, 1.0]])
    given = params, X, y
    _judge(solution.mlp_forward_backward(*given), given, " where hidden neurons are exactly 0")


def test_large_logits(solution, rng):
    """Rows with logits of 10,000 beside ordinary rows"""
    params, X, y = _rich(rng)
    X[0] *= 8000.0
    X[2] *= -3000.0
    # The first answer is for rows whose class is the likely one, the second for rows whose class has P = 0.
    logits = np.maximum(X @ params["W1"] + params["b1"], 0) @ params["W2"] + params["b2"]
    cases = []
    for choose in (np.argmax, np.argmin):
        labels = y.copy()
        labels[0], labels[2] = choose(logits[0]), choose(logits[2])
        cases.append((params, X, labels))
    answers = [solution.mlp_forward_backward(*case) for case in cases]
    for answer, case, words in zip(answers, cases, ("most", "least"), strict=True):
        # The large rows' entries set the scale: 1e-9 of about 10,000.
        _judge(answer, case, f" with large rows whose class is the {words} likely one", rtol=1e-9, atol=1e-8)


def test_far_shift(solution, rng):
    """All logits of a row are far above or below zero, alike, each row in its own way"""
    params, X, y = _draw(rng, 5, 2, 3, 4)
    params["W1"][:, 0], params["b1"][0] = [1.0, 0.0], 0.0
    params["W1"][0, 1:] = 0.0
    params["W2"][0] = 1.0  # the first hidden neuron moves all logits of a row alike
    cases = []
    for size, shift in ((800.0, -400.0), (2000.0, 0.0), (30.0, -5000.0)):
        rows = X.copy()
        rows[:, 0] = np.array([0.01, 0.5, 1.0, -0.1, 0.03]) * size
        cases.append(({**params, "b2": params["b2"] + shift}, rows, y))
    answers = [solution.mlp_forward_backward(*case) for case in cases]
    for answer, case, size in zip(answers, cases, ("-400 and 400", "0 and 2000", "-5000"), strict=True):
        _judge(answer, case, f" where rows of logits lie near {size}", atol=1e-9)


def test_sizes_of_one(solution, rng):
    """One row, one feature, one hidden neuron, one class"""
    cases = [_draw(rng, *sizes) for sizes in ((1, 3, 4, 2), (4, 1, 3, 2), (5, 2, 1, 3), (3, 2, 4, 1))]
    for case in cases:
        case[0]["b1"] += 1.0
    answers = [solution.mlp_forward_backward(*case) for case in cases]
    for answer, case in zip(answers, cases, strict=True):
        n, d = case[1].shape
        h, c = case[0]["W2"].shape
        _judge(answer, case, f" with N = {n}, D = {d}, H = {h}, C = {c}")


def test_one_class_only(solution, rng):
    """All rows have the same class; others never occur"""
    params, X, _ = _rich(rng)
    given = params, X, np.full(6, 2)
    _judge(solution.mlp_forward_backward(*given), given, " where every row is of class 2")


def test_float32(solution, rng):
    """float32 in, float32 gradients out"""
    params, X, y = _draw(rng, 5, 4, 3, 6)
    params = {name: (np.round(value * 4) / 4).astype(np.float32) for name, value in params.items()}
    params["b1"] += np.float32(1 / 64)  # products of quarters are sixteenths: no hidden number comes near 0
    X = (np.round(X * 4) / 4).astype(np.float32)
    answer = solution.mlp_forward_backward(params, X, y)
    _judge(answer, (params, X, y), " of float32 arrays", rtol=1e-4, atol=1e-5)


def test_descent(solution, rng):
    """A small step against the gradient lowers the loss by as much as the gradient says"""
    params, X, y = _rich(rng)
    rate = 1e-6
    before, grads = solution.mlp_forward_backward(params, X, y)
    _judge((before, grads), (params, X, y))
    after, _ = solution.mlp_forward_backward({name: params[name] - rate * grads[name] for name in NAMES}, X, y)
    promised = rate * sum(float(np.sum(grads[name] ** 2)) for name in NAMES)
    # The second-order term is of relative size 1e-6 times the curvature, rounding of the loss 1e-16 / 1e-6.
    assert_close(float(before - after), promised, rtol=1e-2, atol=1e-12, what="what a step of 1e-6 gains")


def test_arguments_are_only_read(solution, rng):
    """Parameters and data hold the same numbers afterwards, whatever their strides"""
    params, X, y = _rich(rng)
    turn = library(solution, "numpy.transpose")
    there = {name: keep(turn, np.ascontiguousarray(value.T)) for name, value in params.items()}
    X_there, y_there = keep(turn, np.ascontiguousarray(X.T)), keep(turn, y)
    answers = [solution.mlp_forward_backward(there, X_there, y_there) for _ in range(2)]
    after = {name: there[name][...] for name in NAMES} | {"X": X_there[...], "y": y_there[...]}
    for name, before in {**params, "X": X, "y": y}.items():
        assert_equal(after[name], before, what=f"{name} afterwards (it must not be changed in place)")
    for answer in answers:
        _judge(answer, (params, X, y), " in one of two equal calls")
