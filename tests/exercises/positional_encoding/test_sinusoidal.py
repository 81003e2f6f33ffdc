"""Hidden suite of positional_encoding/sinusoidal.

Expected entries are worked out with Python's own float64 `math`, entry by entry. Up to some 50 positions 2e-5 is
allowed, which a table with float32 angles still meets (50 * 2^-24 * a few roundings); far positions, where float32 angles
are off by up to 5e-5, have a check of their own that allows 1e-6. So each check fails for its own reason. At d = 4 and base
10,000 the second frequency is 0.01, which every usual way of working it out in float32 rounds alike: that lets the verdict
recognise float32 angles.
No check is statistical.
"""

import math

import torch

from grader.testing import assert_close, assert_equal, keep

NEAR = {"rtol": 0.0, "atol": 2e-5}


def table(n, d, base=10000.0):
    """The table entry by entry, as the formula says."""
    rows = []
    for p in range(n):
        angles = [p / base ** (2 * (j // 2) / d) for j in range(d)]
        rows.append([math.cos(a) if j % 2 else math.sin(a) for j, a in enumerate(angles)])
    return torch.tensor(rows, dtype=torch.float32).reshape(n, d)


def far(n, d, base):
    """The same for many positions and an even d, in torch's float64."""
    frequency = torch.tensor([base ** (-2 * i / d) for i in range(d // 2)], dtype=torch.float64)
    angle = torch.arange(n, dtype=torch.float64)[:, None] * frequency
    return torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(1).float()


def test_by_hand(solution):
    """The examples worked out by hand in the statement come out"""
    s, c = math.sin, math.cos
    expected = torch.tensor([[0, 1, 0, 1], [s(1), c(1), s(0.01), c(0.01)]])
    assert_close(solution.pe(2, 4), expected, **NEAR, what="pe(2, 4)")
    expected = torch.tensor([[0, 1, 0], [s(1), c(1), s(0.25)]])
    assert_close(solution.pe(2, 3, 8.0), expected, **NEAR, what="pe(2, 3, base=8.0)")


def test_every_entry(solution, reference, rng):
    """Every entry is the sine or cosine that the formula gives"""
    actual = solution.pe(20, 12)
    assert_close(actual, table(20, 12), **NEAR, what="pe(20, 12)")
    assert_close(actual, reference.pe(20, 12), **NEAR, what="pe(20, 12) beside the reference's")
    for _ in range(3):
        n, d, base = int(rng.integers(8, 40)), 2 * int(rng.integers(3, 10)), float(rng.integers(50, 20000))
        assert_close(solution.pe(n, d, base), table(n, d, base), **NEAR, what=f"pe({n}, {d}, base={base})")


def test_first_row(solution):
    """Position 0 is 0, 1, 0, 1, ..., because sin 0 = 0 and cos 0 = 1"""
    expected = torch.tensor([0.0, 1.0] * 4)
    assert_close(solution.pe(5, 8)[0], expected, **NEAR, what="the first row of pe(5, 8)")


def test_layout(solution):
    """Sine and cosine of one angle are neighbours"""
    actual = solution.pe(25, 10)
    assert_equal(tuple(actual.shape), (25, 10), what="the shape of pe(25, 10)")
    pairs = actual.unflatten(1, (5, 2))
    why = "sin² + cos² = 1 holds within each pair of columns 2i and 2i + 1 of pe(25, 10)."
    assert_close(pairs.square().sum(-1), torch.ones(25, 5), **NEAR, what="the squared length of the pairs", why=why)
    assert_close(actual[:, 0::2], table(25, 10)[:, 0::2], **NEAR, what="the even columns", why="They are sines.")
    assert_close(actual[:, 1::2], table(25, 10)[:, 1::2], **NEAR, what="the odd columns", why="They are cosines.")


def test_steps_are_rotations(solution):
    """A step of k positions turns each pair by the same angle, wherever it starts"""
    actual = solution.pe(30, 8, 500.0)
    assert_equal(tuple(actual.shape), (30, 8), what="the shape of pe(30, 8, base=500.0)")
    for k in (1, 7):
        turn = torch.tensor([k / 500.0 ** (2 * i / 8) for i in range(4)], dtype=torch.float64)
        sine, cosine = actual[:-k, 0::2], actual[:-k, 1::2]
        turned = (sine * turn.cos() + cosine * turn.sin(), cosine * turn.cos() - sine * turn.sin())
        expected = torch.stack(turned, dim=-1).flatten(1).float()
        why = f"Each pair of row p turned by the angle of {k} positions must give row p + {k}."
        # Both sides come from the table, so that both of their errors count.
        assert_close(actual[k:], expected, rtol=0.0, atol=6e-5, what=f"rows {k} and on", why=why)
    assert_close(actual[3], table(30, 8, 500.0)[3], **NEAR, what="row 3 of pe(30, 8, base=500.0)")


def test_speeds(solution):
    """Each pair is slower than the one before, down to base^(-(d - 2)/d)"""
    actual = solution.pe(2, 16, 300.0)
    assert_equal(tuple(actual.shape), (2, 16), what="the shape of pe(2, 16, base=300.0)")
    # Angles of one radian and less: the arcsine gives them back.
    speeds = actual[1, 0::2].double().asin()
    expected = torch.tensor([300.0 ** (-2 * i / 16) for i in range(8)], dtype=torch.float64)
    why = "They are the angles of position 1, the arcsines of the even columns of pe(2, 16, base=300.0)."
    assert_close(speeds, expected, rtol=1e-5, atol=1e-6, what="the speeds of the pairs", why=why)


def test_base(solution):
    """The base is honoured, whether it is given by place or by name"""
    assert_close(solution.pe(15, 6, base=100.0), table(15, 6, 100.0), **NEAR, what="pe(15, 6, base=100.0)")
    assert_close(solution.pe(15, 6, 1e6), table(15, 6, 1e6), **NEAR, what="pe(15, 6, 1000000.0)")
    assert_close(solution.pe(15, 6), table(15, 6), **NEAR, what="pe(15, 6)", why="The base is 10000 if none is given.")
    why = "The base is a float, and need not be whole."
    assert_close(solution.pe(15, 6, 20.5), table(15, 6, 20.5), **NEAR, what="pe(15, 6, base=20.5)", why=why)


def test_odd_width(solution):
    """An odd width ends in a sine, with the frequencies of that width"""
    for n, d in ((12, 7), (9, 5), (9, 3)):
        assert_close(solution.pe(n, d), table(n, d), **NEAR, what=f"pe({n}, {d})")


def test_far_positions(solution):
    """At 100,000 positions every entry is right to a millionth"""
    # Near positions first, at an odd width: what is wrong there already is not a matter of float64.
    assert_close(solution.pe(6, 5), table(6, 5), **NEAR, what="pe(6, 5)")
    why = "An angle is as large as its position: at 100,000 every digit of it counts."
    assert_close(solution.pe(100_000, 4), far(100_000, 4, 10000.0), rtol=0.0, atol=1e-6, what="pe(100000, 4)", why=why)
    # 500^(1/3) is no short number: a float32 frequency times a float64 position shows here.
    actual = solution.pe(8_000, 6, 500.0)
    assert_close(actual, far(8_000, 6, 500.0), rtol=0.0, atol=1e-6, what="pe(8000, 6, base=500.0)", why=why)


def test_tables_are_the_callers_own(solution):
    """A table that its caller changes does not change the next one"""
    assert_close(solution.pe(7, 6), table(7, 6), **NEAR, what="pe(7, 6)")
    keep(solution.pe, 7, 6).add_(1.0)
    why = "The table before was changed in place by the one who had asked for it: each call has to make its own."
    assert_close(solution.pe(7, 6), table(7, 6), **NEAR, what="pe(7, 6), asked for again", why=why)


def test_small_tables(solution):
    """One position, one column, no position"""
    assert_close(solution.pe(6, 1), table(6, 1), **NEAR, what="pe(6, 1)", why="A single column is a sine.")
    assert_close(solution.pe(1, 6), table(1, 6), **NEAR, what="pe(1, 6)")
    assert_close(solution.pe(0, 6), torch.zeros(0, 6), what="pe(0, 6)")
