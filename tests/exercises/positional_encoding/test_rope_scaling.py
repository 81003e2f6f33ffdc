"""Hidden suite of positional_encoding/rope_scaling.

Frequencies are worked out here pair by pair with Python's floats, and compared to 1e-10 relative: right ways differ by some
1e-15. Rotations of float64 vectors allow 1e-9 near and 4e-8 at position 100,000, of float32 ones 5e-5 (entries up to 3.5, m up
to 3). Nothing is statistical.
"""

import math

import torch

from grader.testing import assert_close, assert_gradients, assert_unchanged, vjp

FINE = {"rtol": 1e-10, "atol": 0.0}
NEAR64 = {"rtol": 0.0, "atol": 1e-9}
NEAR32 = {"rtol": 0.0, "atol": 5e-5}
CASES = ((16, 4.0, 4096, 10000.0), (12, 2.5, 1000, 500.0), (64, 8.0, 2048, 10000.0), (6, 32.0, 8192, 500_000.0))


def randn(rng, *shape):
    """Float64 in [-3.5, 3.5]."""
    return torch.from_numpy(rng.standard_normal(shape).clip(-3.5, 3.5))


def ints(*values):
    return torch.tensor(values, dtype=torch.int64)


def doubles(values):
    return torch.tensor(values, dtype=torch.float64)


def plain(d, theta=10000.0):
    return [theta ** (-2 * i / d) for i in range(d // 2)]


def ntk_of(d, s, theta=10000.0):
    return doubles(plain(d, theta * s ** (d / (d - 2))))


def yarn_of(d, s, length, theta=10000.0, fast=32.0, slow=1.0):
    out = []
    for f in plain(d, theta):
        gamma = min(max((length * f / (2 * math.pi) - slow) / (fast - slow), 0.0), 1.0)
        out.append(f * gamma + f / s * (1 - gamma))
    return doubles(out)


def turned(x, pos, frequencies, m=1.0):
    phi = pos.double()[:, None] * frequencies
    z = m * torch.complex(x[..., 0::2].double(), x[..., 1::2].double()) * torch.complex(phi.cos(), phi.sin())
    return torch.stack((z.real, z.imag), dim=-1).flatten(-2)


def test_by_hand(solution):
    """The examples worked out by hand in the statement come out"""
    a, b = solution.linear(4, 4.0, theta=100.0), solution.ntk(4, 4.0, theta=100.0)
    c, m = solution.yarn(4, 4.0, length=126, theta=100.0, fast=11.0, slow=1.0), solution.sharpness(4.0)
    x = torch.tensor([[1.0, 0, 0, 1]])
    y = solution.rotate(x, ints(2), doubles([1, 1 / 40]), m=3.0)
    assert_close(a, doubles([1 / 4, 1 / 40]), **FINE, what="linear(4, 4.0, theta=100.0)")
    assert_close(b, doubles([1, 1 / 40]), **FINE, what="ntk(4, 4.0, theta=100.0)")
    why = "The pairs went round 20.05 and 2.005 times."
    assert_close(c, yarn_of(4, 4.0, 126, 100.0, 11.0), **FINE, what="yarn(4, 4.0, 126, 100.0, 11.0, 1.0)", why=why)
    assert_close(m, 1.1386294361119891, **FINE, what="sharpness(4.0)")
    expected = 3 * torch.tensor([[math.cos(2), math.sin(2), -math.sin(0.05), math.cos(0.05)]])
    assert_close(y, expected, **NEAR32, what="rotate([[1, 0, 0, 1]], pos=[2], frequencies=[1, 1/40], m=3.0)")


def test_linear(solution):
    """Linear slows all pairs down by the factor"""
    for d, s, _, theta in CASES:
        actual = solution.linear(d, s, theta)
        assert_close(actual, doubles(plain(d, theta)) / s, **FINE, what=f"linear({d}, {s}, {theta})")
    assert_close(solution.linear(10, 3.0), doubles(plain(10)) / 3, **FINE, what="linear(10, 3.0)", why="theta is 10000 then.")


def test_ntk(solution):
    """NTK keeps the first pair, slows the last by the factor, and those between by what is between"""
    for d, s, _, theta in CASES:
        actual = solution.ntk(d, s, theta)
        slower = doubles(plain(d, theta)) / actual
        assert_close(actual, ntk_of(d, s, theta), **FINE, what=f"ntk({d}, {s}, {theta})")
        ends = slower[[0, -1]]
        assert_close(ends, doubles([1.0, s]), **FINE, what="how many times slower the first and the last pair are")
        assert (slower.diff() > 0).all(), "Some pair is slowed less than one before it."
    assert_close(solution.ntk(10, 3.0), ntk_of(10, 3.0), **FINE, what="ntk(10, 3.0)", why="theta is 10000 then.")


def test_yarn(solution, reference):
    """YaRN mixes each pair's own frequency with the slowed one, by the rounds it made in training"""
    for d, s, length, theta in CASES:
        actual = solution.yarn(d, s, length, theta)
        rounds = [round(length * f / (2 * math.pi), 1) for f in plain(d, theta)]
        why = f"Rounds in training: {rounds}."
        assert_close(actual, yarn_of(d, s, length, theta), **FINE, what=f"yarn({d}, {s}, {length}, {theta})", why=why)
        assert_close(actual, reference.yarn(d, s, length, theta), **FINE, what="yarn beside the reference's")


def test_bounds(solution):
    """fast and slow are honoured, and are 32 and 1 where they are not given"""
    for fast, slow in ((10.0, 2.0), (100.0, 0.25), (3.0, 1.5)):
        actual = solution.yarn(20, 4.0, 3000, fast=fast, slow=slow)
        expected = yarn_of(20, 4.0, 3000, fast=fast, slow=slow)
        assert_close(actual, expected, **FINE, what=f"yarn with fast = {fast:g} and slow = {slow:g}")
    actual = solution.yarn(20, 4.0, 3000)
    assert_close(actual, yarn_of(20, 4.0, 3000), **FINE, what="yarn(20, 4.0, 3000)", why="theta is 10000, fast 32, slow 1.")


def test_fast_pairs_are_left_alone(solution):
    """In YaRN fast pairs keep their frequency exactly, slow ones are slowed by the factor exactly"""
    f = doubles(plain(32))
    rounds = 4096 * f / (2 * math.pi)
    actual = solution.yarn(32, 8.0, 4096)
    tight = {"rtol": 1e-14, "atol": 0.0}
    assert_close(actual[rounds > 32], f[rounds > 32], **tight, what="the pairs that made more than 32 rounds")
    assert_close(actual[rounds < 1], f[rounds < 1] / 8, **tight, what="the pairs that made less than one round")
    between = (rounds > 1) & (rounds < 32)
    slower = f[between] / actual[between]
    assert ((slower > 1) & (slower < 8)).all(), "A pair between 1 and 32 rounds is left alone or slowed wholly: it is a mixture."


def test_factor_one(solution):
    """A factor of 1 changes nothing"""
    expected = doubles(plain(14, 700.0))
    assert_close(solution.linear(14, 1.0, 700.0), expected, **FINE, what="linear with a factor of 1")
    assert_close(solution.ntk(14, 1.0, 700.0), expected, **FINE, what="ntk with a factor of 1")
    assert_close(solution.yarn(14, 1.0, 512, 700.0), expected, **FINE, what="yarn with a factor of 1")
    assert_close(solution.sharpness(1.0), 1.0, **FINE, what="sharpness(1.0)")


def test_sharpness(solution):
    """m grows with the logarithm of the factor"""
    for s in (2.0, 16.0, 32.0, 1.5):
        assert_close(solution.sharpness(s), 1 + math.log(s) / 10, **FINE, what=f"sharpness({s:g})")


def test_rotate(solution, rng):
    """rotate turns neighbours by pos times the given frequencies, and makes them m times as long"""
    x, pos, f = randn(rng, 2, 3, 5, 8), ints(7, 2, 0, 11, -3), doubles([0.9, 0.31, 0.07, 0.002])
    for m in (1.7, 0.5):
        actual = solution.rotate(x, pos, f, m)
        assert_close(actual, turned(x, pos, f, m), **NEAR64, what="rotate", why=f"m is {m}; at {pos.tolist()}.")
    assert_close(solution.rotate(x, pos, f), turned(x, pos, f), **NEAR64, what="rotate without m", why="m is 1 then.")
    long = {m: solution.rotate(x, pos, f, m).square().sum(-1).sqrt() for m in (1.0, 2.5)}
    assert_close(long[2.5], 2.5 * long[1.0], rtol=1e-9, atol=1e-9, what="the lengths with m = 2.5")


def test_known_angles(solution, rng):
    """With linear frequencies, position s·p looks as position p did; far positions are exact"""
    x, pos = randn(rng, 4, 8), ints(3, 11, 6, 20)
    actual = solution.rotate(x, 4 * pos, solution.linear(8, 4.0))
    assert_close(actual, turned(x, pos, doubles(plain(8))), **NEAR64, what="rotate at four times the positions")
    far, f = ints(99_991, 100_000, 65_537, 31_415), ntk_of(8, 4.0)
    actual = solution.rotate(x, far, f, 1.2)
    assert_close(actual, turned(x, far, f, 1.2), rtol=0.0, atol=4e-8, what="rotate near position 100,000")


def test_scores_grow(solution, rng):
    """Scores of queries and keys that are both longer by m grow by m²"""
    q, k, pos, f = randn(rng, 3, 6), randn(rng, 4, 6), ints(40, 12, 33, 7), yarn_of(6, 8.0, 100)
    m = solution.sharpness(8.0)
    actual = solution.rotate(q, pos[:3], f, m) @ solution.rotate(k, pos, f, m).T
    expected = (1 + math.log(8) / 10) ** 2 * turned(q, pos[:3], f) @ turned(k, pos, f).T
    assert_close(actual, expected, rtol=1e-9, atol=1e-7, what="the scores with the factor 8")


def test_gradients(solution, rng):
    """The gradient of x is the gradient turned back, m times as long"""
    x, G, pos, f = randn(rng, 2, 5, 6), randn(rng, 2, 5, 6), ints(3, 8, 1, 6, 10), doubles([0.8, 0.2, 0.03])
    _, actual = vjp(solution.rotate, x, pos, f, 1.3, cotangent=G, wrt=(0,))
    assert_gradients(actual, [turned(G, -pos, f, 1.3)], ("x",), **NEAR64)


def test_inputs_and_dtype(solution, rng):
    """float32 stays float32; arguments are neither changed nor asked to be contiguous; small sizes work"""
    x, pos, f = randn(rng, 2, 6, 5).float().mT, ints(4, 0, 2, 0, 6, 0, 1, 0, 3, 0)[::2], doubles([0.8, 9, 0.2, 9, 0.03, 9])[::2]
    actual = assert_unchanged(solution.rotate, x, pos, f, 1.5)
    assert_close(actual, turned(x, pos, f, 1.5).float(), **NEAR32, what="rotate in float32")
    assert_close(solution.rotate(torch.zeros(0, 6), ints(), f), torch.zeros(0, 6), what="rotate for n = 0")
    x = randn(rng, 1, 4)
    assert_close(solution.rotate(x, ints(9), f[:2]), turned(x, ints(9), f[:2]), **NEAR64, what="rotate of one row")
    assert_close(solution.ntk(4, 2.0), ntk_of(4, 2.0), **FINE, what="ntk(4, 2.0)")
