"""The hidden suite of backprop/batchnorm.

Expected outputs and statistics are worked out here feature by feature. The expected gradients come from no formula for
the backward pass: each input is moved by 1e-30 i through the forward formula (the complex-step derivative, Squire and
Trapp 1998). Default tolerances for float64 (1e-9 relative, 1e-12 absolute) unless a reason stands beside another; for
float32 1e-5 and 1e-5, as roundings of 6e-8 add up over the batch and partly cancel. No check fails by chance. The
cache stays on the learner's side.
"""

import numpy as np

from grader.testing import Mismatch, assert_close, assert_equal, keep, keep_item, library

STEP = 1e-30
MOMENTUM = 0.3


def _feature(values, gamma, beta, mean, var, eps, training):
    """y of one feature, whose values are along the last axis; complex numbers go through it as they are."""
    if training:
        mean = values.mean(-1, keepdims=True)
        var = ((values - mean) ** 2).mean(-1, keepdims=True)
    return gamma * (values - mean) / np.sqrt(var + eps) + beta


def _formula(x, gamma, beta, running, eps, training):
    y = np.empty(x.shape)
    for d in range(x.shape[1]):
        values = x[:, d].ravel()
        found = _feature(values, gamma[d], beta[d], running[0][d], running[1][d], eps, training)
        y[:, d] = found.reshape(x[:, d].shape)
    return y


def _new_running(x, running, momentum):
    means, variances = [], []
    for d in range(x.shape[1]):
        values = x[:, d].ravel()
        means.append((1 - momentum) * running[0][d] + momentum * values.sum() / values.size)
        spread = running[1][d] if values.size == 1 else ((values - values.mean()) ** 2).sum() / (values.size - 1)
        variances.append((1 - momentum) * running[1][d] + momentum * spread)
    return np.array(means), np.array(variances)


def _gradients(x, gamma, beta, running, eps, training, dy):
    """d sum(dy * y) by x, gamma and beta: each row of `moved` is a feature with one of its values moved."""
    dx, dgamma, dbeta = np.zeros(x.shape), np.zeros(gamma.shape), np.zeros(beta.shape)
    for d in range(x.shape[1]):
        values, cotangent = x[:, d].ravel(), dy[:, d].ravel()
        rest = running[0][d], running[1][d], eps, training
        moved = values + 1j * STEP * np.eye(values.size)
        dx[:, d] = (_feature(moved, gamma[d], beta[d], *rest).imag @ cotangent / STEP).reshape(x[:, d].shape)
        dgamma[d] = _feature(values, gamma[d] + 1j * STEP, beta[d], *rest).imag @ cotangent / STEP
        dbeta[d] = _feature(values, gamma[d], beta[d] + 1j * STEP, *rest).imag @ cotangent / STEP
    return dx, dgamma, dbeta


def _forward(solution, x, gamma, beta, running, eps, training, momentum=MOMENTUM):
    """y and the running statistics by value, and the cache as a handle."""
    triple = keep(solution.bn_forward, x, gamma, beta, running, momentum, eps, training)
    kind = repr(triple).split()[0].removeprefix("<")
    try:
        size = 0 if kind in ("ndarray", "dict") else len(triple)
    except TypeError:
        size = 0
    if size != 3:
        hint = " Is a return missing?" if kind == "NoneType" else ""
        what = f"{size} values" if size else f"of type {kind}"
        raise Mismatch(f"bn_forward has to return y, new_running and cache; what came is {what}.{hint}")
    return triple[0], triple[1], keep_item(triple, 2)


def _backward(solution, dy, cache):
    grads = solution.bn_backward(dy, cache)
    if not isinstance(grads, tuple | list) or len(grads) != 3:
        kind = f"{len(grads)} values" if isinstance(grads, tuple | list) else f"a {type(grads).__name__}"
        raise Mismatch(f"bn_backward has to return dx, dgamma and dbeta; what came is {kind}.")
    return grads


def _both(solution, x, gamma, beta, dy, running, eps, training, momentum=MOMENTUM):
    y, new, cache = _forward(solution, x, gamma, beta, running, eps, training, momentum)
    return y, new, _backward(solution, dy, cache)


def _compare(grads, expected, where="", **tolerance):
    for name, mine, theirs in zip(("dx", "dgamma", "dbeta"), grads, expected, strict=True):
        assert_close(mine, theirs, what=f"the gradient {name}{where}", **tolerance)


def _compare_running(new, expected, where="", **tolerance):
    if not isinstance(new, tuple | list) or len(new) != 2:
        raise Mismatch("new_running has to be the pair (running_mean, running_var).")
    for name, mine, theirs in zip(("running_mean", "running_var"), new, expected, strict=True):
        assert_close(mine, theirs, what=f"the new {name}{where}", **tolerance)


def _shaped(value, shape, what):
    if getattr(value, "shape", None) != shape:
        assert_close(value, np.zeros(shape), what=what)
        raise Mismatch(f"{what[:1].upper()}{what[1:]} is no NumPy array of shape {shape}.")
    return value


def _draw(rng, shape, dtype=np.float64):
    """x, gamma, beta, dy, running: nothing is 0 or 1, no feature is like another, and the running ones are far off."""
    d = shape[1]
    column = (d, *[1] * (len(shape) - 2))
    x = rng.normal(size=shape) * rng.uniform(0.5, 2.5, size=column) + rng.normal(size=column)
    gamma, beta = rng.uniform(0.5, 2.0, size=d) * rng.choice([-1.0, 1.0], size=d), rng.normal(size=d)
    running = rng.normal(size=d) + 2.0, rng.uniform(1.5, 4.0, size=d)
    values = [value.astype(dtype) for value in (x, gamma, beta, rng.normal(size=shape) + 0.4)]
    return *values, tuple(value.astype(dtype) for value in running)


def test_training(solution, rng):
    """In training the batch is normalised feature by feature, forward and backward"""
    eps = 0.3
    x, gamma, beta, dy, running = _draw(rng, (5, 3))
    y, new, grads = _both(solution, x, gamma, beta, dy, running, eps, True)
    assert_close(y, _formula(x, gamma, beta, running, eps, True), what="the output y in training")
    _compare_running(new, _new_running(x, running, MOMENTUM))
    _compare(grads, _gradients(x, gamma, beta, running, eps, True, dy), " in training")


def test_evaluation(solution, rng):
    """In evaluation the running statistics are used and left alone, and nothing flows through them"""
    eps = 0.2
    x, gamma, beta, dy, running = _draw(rng, (4, 3))
    y, new, grads = _both(solution, x, gamma, beta, dy, running, eps, False)
    assert_close(y, _formula(x, gamma, beta, running, eps, False), what="the output y in evaluation")
    _compare_running(new, running, " after an evaluation, which only reads it,")
    _compare(grads, _gradients(x, gamma, beta, running, eps, False, dy), " in evaluation")


def test_worked_example(solution):
    """The example of the statement, in training and in evaluation"""
    x, gamma, beta = np.array([[1.0], [2.0], [6.0]]), np.array([1.0]), np.array([0.5])
    running, dy = (np.array([1.0]), np.array([2.0])), np.array([[1.0], [0.0], [0.0]])
    y, new, grads = _both(solution, x, gamma, beta, dy, running, 1 / 3, True, 0.25)
    y_e, new_e, grads_e = _both(solution, x, gamma, beta, dy, running, 1 / 3, False, 0.25)
    root = 5**0.5
    assert_close(y, np.array([[-2.0], [-1.0], [3.0]]) / root + 0.5, what="the output y in training")
    _compare_running(new, (np.array([1.5]), np.array([3.25])))
    dx = np.array([[0.4], [-14 / 30], [2 / 30]]) / root
    _compare(grads, (dx, np.array([-2 / root]), np.array([1.0])), " in training")
    r = (7 / 3) ** -0.5
    assert_close(y_e, np.array([[0.0], [1.0], [5.0]]) * r + 0.5, what="the output y in evaluation")
    _compare_running(new_e, running, " after an evaluation, which only reads it,")
    _compare(grads_e, (r * dy, np.array([0.0]), np.array([1.0])), " in evaluation")


def test_images(solution, rng):
    """A channel of images has one mean and one variance, over the batch and all its places"""
    cases = []
    for shape in ((3, 2, 4, 5), (2, 3, 1, 4), (4, 3, 3, 3)):
        for training in (True, False):
            x, gamma, beta, dy, running = _draw(rng, shape)
            cases.append(
                (x, gamma, beta, dy, running, training, _both(solution, x, gamma, beta, dy, running, 0.25, training))
            )
    for x, gamma, beta, dy, running, training, (y, new, grads) in cases:
        where = f" for x of shape {x.shape} in {'training' if training else 'evaluation'}"
        assert_close(y, _formula(x, gamma, beta, running, 0.25, training), what=f"the output y{where}")
        _compare_running(new, _new_running(x, running, MOMENTUM) if training else running, where)
        _compare(grads, _gradients(x, gamma, beta, running, 0.25, training, dy), where)


def test_running_statistics(solution, rng):
    """After several batches the running statistics are their weighted average, with the unbiased variance"""
    answers = []
    for momentum in (0.1, 0.75, 0.0, 1.0):
        gamma, beta, _, running = _draw(rng, (4, 3))[1:]
        mine = theirs = running
        for n in (4, 7, 2, 5):
            x = _draw(rng, (n, 3))[0]
            _, mine, _ = _forward(solution, x, gamma, beta, mine, 0.2, True, momentum)
            if not isinstance(mine, tuple | list) or len(mine) != 2:
                raise Mismatch("new_running has to be the pair (running_mean, running_var).")
            mine, theirs = tuple(mine), _new_running(x, theirs, momentum)
            answers.append((momentum, n, mine, theirs))
    for momentum, n, mine, theirs in answers:
        _compare_running(mine, theirs, f" after a batch of {n} with momentum {momentum}")


def test_train_then_evaluate(solution, rng):
    """An answer in evaluation does not depend on who else is in the batch"""
    x, gamma, beta, dy, running = _draw(rng, (6, 3))
    _, running, _ = _forward(solution, x, gamma, beta, running, 0.2, True)
    running = tuple(_shaped(value, (3,), "an array of new_running") for value in running)
    z = _draw(rng, (5, 3))[0]
    strangers = z.copy()
    strangers[1:] = 50.0 * z[1:] - 20.0
    alone = _both(solution, z[:1], gamma, beta, dy[:1], running, 0.2, False)
    among = [_both(solution, batch, gamma, beta, dy[:5], running, 0.2, False) for batch in (z, strangers)]
    expected = _formula(z, gamma, beta, running, 0.2, False)
    assert_close(alone[0], expected[:1], what="the output y for one example alone, in evaluation")
    why = "The others in the batch must not matter."
    for y, _, grads in among:
        what = "of example 0, in evaluation"
        assert_close(_shaped(y, z.shape, "the output y")[:1], expected[:1], what=f"the output y {what}", why=why)
        assert_close(_shaped(grads[0], z.shape, "the gradient dx")[:1], alone[2][0], what=f"dx {what}", why=why)


def test_mean_and_variance(solution, rng):
    """Before scale and shift each feature has mean 0 and, but for eps, variance 1 over the batch"""
    x, gamma, beta, _, running = _draw(rng, (7, 4))
    y = _shaped(_forward(solution, x, gamma, beta, running, 0.2, True)[0], x.shape, "the output y")
    x_hat = (y - beta) / gamma
    assert_close(x_hat.mean(0), np.zeros(4), what="the mean of each feature of (y - beta) / gamma")
    assert_close(x_hat.var(0), x.var(0) / (x.var(0) + 0.2), what="the variance of each feature of (y - beta) / gamma")


def test_directions_of_dx(solution, rng):
    """In training each feature of dx sums to zero and, with eps = 0, is at right angles to x̂"""
    x, gamma, beta, dy, running = _draw(rng, (3, 2, 2, 3))
    dx = _shaped(_both(solution, x, gamma, beta, dy, running, 0.0, True)[2][0], x.shape, "the gradient dx")
    x_hat = _formula(x, np.ones(2), np.zeros(2), running, 0.0, True)
    why = "Adding a number to a feature of the whole batch changes nothing."
    assert_close(dx.sum((0, 2, 3)), np.zeros(2), what="the sum of each channel of dx", why=why)
    assert_close((dx * x_hat).sum((0, 2, 3)), np.zeros(2), what="the dot product of each channel of dx with x̂",
                 why="With eps = 0 multiplying x - μ with a number changes nothing.")  # fmt: skip
    assert_close(dx, _gradients(x, gamma, beta, running, 0.0, True, dy)[0], what="dx")


def test_eps_inside_the_root(solution, rng):
    """eps is added to the variance, inside the root, in both modes"""
    eps = 0.0025
    _, gamma, beta, dy, _ = _draw(rng, (4, 2))
    x = 3.0 + 0.01 * np.array([[1.0, -1], [-1, 1], [-1, -1], [1, 1]])
    running = np.array([3.0, 3.1]), np.array([1e-4, 0.0])
    answers = [_both(solution, x, gamma, beta, dy, running, eps, training) for training in (True, False)]
    for training, (y, _, grads) in zip((True, False), answers, strict=True):
        where = f" for variances of 0.0001 and 0 with eps = {eps:g}, in {'training' if training else 'evaluation'}"
        assert_close(y, _formula(x, gamma, beta, running, eps, training), what=f"the output y{where}")
        _compare(grads, _gradients(x, gamma, beta, running, eps, training, dy), where)


def test_far_from_zero(solution, rng):
    """Features far from zero are normalised as well as those near it"""
    near = rng.integers(-40, 40, size=(6, 4)) / 8.0
    near[0] += 7.0
    far = near + np.array([2.0**20, -(2.0**23), 0.0, 2.0**26])  # eighths stay exact in all of them
    _, gamma, beta, dy, running = _draw(rng, (6, 4))
    y, new, grads = _both(solution, far, gamma, beta, dy, running, 0.5, True)
    # The mean of a far feature is rounded to 1e-8; deviations of about 5 are right to 3e-9 of that.
    where = " for features near 1e6, -8e6, 0 and 7e7"
    expected = _formula(near, gamma, beta, running, 0.5, True)
    assert_close(y, expected, rtol=1e-7, atol=1e-7, what=f"the output y{where}")
    _compare_running(new, _new_running(far, running, MOMENTUM), where, rtol=1e-7)
    _compare(grads, _gradients(near, gamma, beta, running, 0.5, True, dy), where, rtol=1e-7, atol=1e-7)


def test_one_value_for_each_feature(solution, rng):
    """One value for each feature gives y = beta, dx = 0, and leaves the running variance as it was"""
    cases = []
    for shape in ((1, 3), (1, 2, 1, 1)):
        x, gamma, beta, dy, running = _draw(rng, shape)
        cases.append((x, beta, dy, running, _both(solution, x, gamma, beta, dy, running, 0.25, True)))
    for x, beta, dy, running, (y, new, grads) in cases:
        where = f" for x of shape {x.shape}"
        assert_close(y, beta.reshape(x.shape), what=f"the output y{where}")
        _compare_running(new, _new_running(x, running, MOMENTUM), where)
        _compare(grads, (np.zeros(x.shape), np.zeros(beta.shape), dy.ravel()), where)


def test_constant_and_switched_off(solution, rng):
    """A feature that is the same everywhere, and one with gamma = 0"""
    x, gamma, beta, dy, running = _draw(rng, (4, 3))
    x[:, 1], gamma[2] = 2.5, 0.0
    answers = [_both(solution, x, gamma, beta, dy, running, 0.04, training) for training in (True, False)]
    for training, (y, new, grads) in zip((True, False), answers, strict=True):
        where = f" where feature 1 is 2.5 throughout and gamma[2] is 0, in {'training' if training else 'evaluation'}"
        assert_close(y, _formula(x, gamma, beta, running, 0.04, training), what=f"the output y{where}")
        _compare_running(new, _new_running(x, running, MOMENTUM) if training else running, where)
        _compare(grads, _gradients(x, gamma, beta, running, 0.04, training, dy), where)


def test_float32(solution, rng):
    """float32 in, float32 out, in both modes"""
    given = [_draw(rng, shape, np.float32) for shape in ((6, 4), (3, 2, 2, 3))]
    cases = [(draw, training, _both(solution, *draw, 0.1, training)) for draw in given for training in (True, False)]
    for (x, gamma, beta, dy, running), training, (y, new, grads) in cases:
        where = f" of float32 arrays in {'training' if training else 'evaluation'}"
        wide = [value.astype(np.float64) for value in (x, gamma, beta)]
        old = tuple(value.astype(np.float64) for value in running)
        assert_close(y, _formula(*wide, old, 0.1, training).astype(np.float32), atol=1e-5, what=f"the output y{where}")
        moved = _new_running(wide[0], old, MOMENTUM) if training else old
        _compare_running(new, [value.astype(np.float32) for value in moved], where, atol=1e-5)
        expected = _gradients(*wide, old, 0.1, training, dy.astype(np.float64))
        _compare(grads, [grad.astype(np.float32) for grad in expected], where, atol=1e-5)


def test_arguments_are_only_read(solution, rng):
    """x, gamma, beta, dy and the running statistics hold the same afterwards, whatever their strides"""
    x, gamma, beta, dy, running = _draw(rng, (4, 4))
    plain = {
        "x": x.T,
        "gamma": gamma[::-1],
        "beta": beta,
        "dy": dy.T,
        "running_mean": running[0],
        "running_var": running[1],
    }
    answers = []
    for training in (True, False):
        there = library(solution, "numpy.asarray")
        given = {name: keep(there, value) for name, value in plain.items()}
        pair = given["running_mean"], given["running_var"]
        y, new, cache = _forward(solution, given["x"], given["gamma"], given["beta"], pair, 0.2, training)
        grads = _backward(solution, given["dy"], cache)
        answers.append((training, y, new, grads, {name: value[...] for name, value in given.items()}))
    for training, y, new, grads, after in answers:
        mode = "training" if training else "evaluation"
        for name, before in plain.items():
            assert_equal(after[name], before, what=f"{name} after {mode} (it must not be changed in place)")
        assert_close(y, _formula(x.T, gamma[::-1], beta, running, 0.2, training), what=f"the output y in {mode}")
        _compare_running(new, _new_running(x.T, running, MOMENTUM) if training else running, f" in {mode}")
        _compare(grads, _gradients(x.T, gamma[::-1], beta, running, 0.2, training, dy.T), f" in {mode}")


def test_caches(solution, rng):
    """Each cache belongs to its own call and mode, and serves more than one backward"""
    calls = [(_draw(rng, (4, 3)), training) for training in (True, False, True)]
    caches = [
        _forward(solution, x, gamma, beta, running, 0.3, training)[2]
        for (x, gamma, beta, _, running), training in calls
    ]
    order = (0, 1, 0, 2)
    answers = [_backward(solution, (1.0 + k) * calls[i][0][3], caches[i]) for k, i in enumerate(order)]
    for k, (i, grads) in enumerate(zip(order, answers, strict=True)):
        (x, gamma, beta, dy, running), training = calls[i]
        where = f" of backward number {k + 1}, with the cache of forward number {i + 1}"
        _compare(grads, _gradients(x, gamma, beta, running, 0.3, training, (1.0 + k) * dy), where)
