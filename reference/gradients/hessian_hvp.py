"""The Hessian by differences of f, and its product with a vector by a difference of gradients.

Nocedal and Wright, Numerical Optimization (2nd edition, 2006), section 8.1; Pearlmutter, Neural Computation 6, 1994.
"""

from collections.abc import Callable

import numpy as np

from grader.marks import alternative, mistake


def hess(f: Callable[[np.ndarray], float], x: np.ndarray, h: float = 1e-4) -> np.ndarray:
    """For each pair i ≥ j the values of f at four corners, written to both places."""
    x = x.astype(np.float64)
    e = h * np.eye(x.size)
    H = np.zeros((x.size, x.size))
    for i in range(x.size):
        for j in range(i + 1):
            same = f(x + e[i] + e[j]) + f(x - e[i] - e[j])
            opposite = f(x + e[i] - e[j]) + f(x - e[i] + e[j])
            H[i, j] = H[j, i] = (same - opposite) / (4 * h * h)
    return H


def hvp(df: Callable[[np.ndarray], np.ndarray], x: np.ndarray, v: np.ndarray, h: float = 1e-5) -> np.ndarray:
    """The central difference of the gradient along v."""
    x, v = x.astype(np.float64), v.astype(np.float64)
    return (df(x + h * v) - df(x - h * v)) / (2 * h)


@alternative("The three-point formula on the diagonal, corners beside it.", of="hess")
def by_three_points(f, x, h=1e-4):
    x = np.array(x, np.float64)
    n, centre = len(x), f(np.array(x, np.float64))

    def at(*moves):
        point = x.copy()
        for k, step in moves:
            point[k] += step
        return f(point)

    H = np.diag([(at((k, h)) - 2 * centre + at((k, -h))) / h**2 for k in range(n)])
    for i in range(n):
        for j in range(i + 1, n):
            corners = [s * t * at((i, s * h), (j, t * h)) for s in (1, -1) for t in (1, -1)]
            H[i, j] = sum(corners) / (4 * h**2)
            H[j, i] = H[i, j]
    return H


@alternative("The upper triangle by index lists, mirrored at the end.", of="hess")
def by_triangle(f, x, h=1e-4):
    x, units = x.astype(float), np.eye(len(x))
    H = np.zeros((len(x), len(x)))
    for i, j in zip(*np.triu_indices(len(x)), strict=True):
        p, q = h * (units[i] + units[j]), h * (units[i] - units[j])
        H[i, j] = (f(x + p) - f(x + q) - f(x - q) + f(x - p)) / (2 * h) / (2 * h)
    return H + np.triu(H, 1).T


@alternative("The ends of the way first, divided at the end.", of="hvp")
def by_ends(df, x, v, h=1e-5):
    ends = [df(np.array(x, np.float64) + sign * h * np.array(v, np.float64)) for sign in (-1, 1)]
    return np.subtract(ends[1], ends[0]) * 0.5 / h


def _corners(f, x, h, combine=None, divisor=None):
    x = x.astype(np.float64)
    e, n = h * np.eye(x.size), x.size
    H = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            four = (f(x + e[i] + e[j]), f(x + e[i] - e[j]), f(x - e[i] + e[j]), f(x - e[i] - e[j]))
            a, b, c, d = four
            H[i, j] = H[j, i] = (combine(*four) if combine else a - b - c + d) / (divisor or 4 * h * h)
    return H


def _gradient(f, x, h):
    e = h * np.eye(x.size)
    return np.array([(f(x + nudge) - f(x - nudge)) / (2 * h) for nudge in e])


@mistake(
    "Your matrix is the outer product of the gradient with itself. That holds first derivatives only (it is 0 wherever "
    "the gradient is); the Hessian holds second ones.",
    of="hess",
    hint=1,
)
def outer_product(f, x, h=1e-4):
    g = _gradient(f, x.astype(np.float64), h)
    return np.outer(g, g)


@mistake(
    "You divide by h². The corners are 2 h apart in both directions, so it is 4 h².",
    of="hess",
    hint=3,
)
def by_h_squared(f, x, h=1e-4):
    return _corners(f, x, h, divisor=h * h)


@mistake(
    "You divide by 2 h². The corners are 2 h apart in both directions, so it is 4 h².",
    of="hess",
    hint=3,
)
def by_two_h_squared(f, x, h=1e-4):
    return _corners(f, x, h, divisor=2 * h * h)


@mistake(
    "You divide by the step once only. A second derivative is a slope of slopes: the distance divides twice, 2 h "
    "times 2 h.",
    of="hess",
    hint=3,
)
def divided_once(f, x, h=1e-4):
    return _corners(f, x, h, divisor=4 * h)


@mistake(
    "`a / 4 * h**2` is read from left to right: you divide by 4 and multiply by h².",
    of="hess",
    hint=4,
)
def precedence(f, x, h=1e-4):
    return _corners(f, x, h, divisor=4 / (h * h))


@mistake("Your second derivatives have the wrong sign: a valley comes out as a hilltop.", of="hess", hint=3)
def wrong_sign(f, x, h=1e-4):
    return -_corners(f, x, h)


@mistake(
    "All four corners are not there with the right signs: you have f(++) + f(+-) - f(-+) - f(--), which is a first "
    "derivative by xᵢ. The two corners with unequal signs are subtracted.",
    of="hess",
    hint=3,
)
def wrong_corner_signs(f, x, h=1e-4):
    return _corners(f, x, h, combine=lambda a, b, c, d: a + b - c - d)


@mistake(
    "You work out the diagonal only. The mixed derivatives say how the slope in one entry depends on another one.",
    of="hess",
    hint=1,
)
def diagonal_only(f, x, h=1e-4):
    return np.diag(np.diag(_corners(f, x, h)))


@mistake(
    "You fill one triangle and leave the other one 0. H[i, j] and H[j, i] are the same number.",
    of="hess",
    hint=2,
)
def upper_triangle(f, x, h=1e-4):
    return np.triu(_corners(f, x, h))


@mistake(
    "You fill the lower triangle and leave the upper one 0. H[i, j] and H[j, i] are the same number.",
    of="hess",
    hint=2,
)
def lower_triangle(f, x, h=1e-4):
    return np.tril(_corners(f, x, h))


@mistake(
    "You add a triangle to its transpose, and the diagonal is in both: it comes out twice.",
    of="hess",
    hint=2,
)
def diagonal_twice(f, x, h=1e-4):
    H = _corners(f, x, h)
    return H + np.diag(np.diag(H))


@mistake(
    "You take forward differences, at x, x + h eᵢ, x + h eⱼ and both. Their error falls like h only; take the "
    "corners on all sides of x.",
    of="hess",
    hint=3,
)
def forward(f, x, h=1e-4):
    x = x.astype(np.float64)
    e, n, centre = h * np.eye(x.size), x.size, f(x.astype(np.float64))
    H = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            H[i, j] = H[j, i] = (f(x + e[i] + e[j]) - f(x + e[i]) - f(x + e[j]) + centre) / (h * h)
    return H


@mistake(
    "You take the forward difference of a measured gradient, so H[i, j] and H[j, i] differ. A Hessian is "
    "symmetric, and the corners stand on all sides of x.",
    of="hess",
    hint=3,
)
def forward_of_gradients(f, x, h=1e-4):
    x = x.astype(np.float64)
    here = _gradient(f, x, h)
    return np.array([(_gradient(f, x + nudge, h) - here) / h for nudge in h * np.eye(x.size)])


@mistake("You return the gradient. The Hessian is a matrix, of second derivatives.", of="hess", hint=1)
def the_gradient(f, x, h=1e-4):
    return _gradient(f, x.astype(np.float64), h)


@mistake("You take a step of your own in place of the h that is given.", of="hess", hint=3)
def own_step(f, x, h=1e-4):
    return _corners(f, x, 1e-4)


@mistake("Where no h is given the step of your `hess` is not 1e-4, which is its default.", of="hess", hint=3)
def other_default(f, x, h=1e-5):
    return _corners(f, x, h)


@mistake(
    "The points that you give to f are rounded to the dtype of x: float32 has 7 digits, and the difference of "
    "four such values is noise. Work in float64.",
    of="hess",
    hint=2,
)
def points_in_the_dtype_of_x(f, x, h=1e-4):
    dtype = x.dtype
    return _corners(lambda point: f(point.astype(dtype).astype(np.float64)), x, h)


@mistake(
    "You take the forward difference of the gradient, from x to x + h v. Its error falls like h only; go to both "
    "sides.",
    of="hvp",
    hint=3,
)
def hvp_forward(df, x, v, h=1e-5):
    x, v = x.astype(np.float64), v.astype(np.float64)
    return (df(x + h * v) - df(x)) / h


@mistake("You divide by h. The two gradients are 2 h v apart, so H v comes out doubled.", of="hvp", hint=3)
def hvp_by_h(df, x, v, h=1e-5):
    return 2 * _along(df, x, v, h)


def _along(df, x, v, h):
    x, v = x.astype(np.float64), v.astype(np.float64)
    return (df(x + h * v) - df(x - h * v)) / (2 * h)


@mistake("`a / 2 * h` is read from left to right: you divide by 2 and multiply by h.", of="hvp", hint=4)
def hvp_precedence(df, x, v, h=1e-5):
    return _along(df, x, v, h) * h * h


@mistake("You do not divide the change of the gradient by 2 h.", of="hvp", hint=3)
def hvp_not_divided(df, x, v, h=1e-5):
    return _along(df, x, v, h) * 2 * h


@mistake("Your H v has the wrong sign: it is ∇f(x + h v) - ∇f(x - h v).", of="hvp", hint=3)
def hvp_wrong_sign(df, x, v, h=1e-5):
    return -_along(df, x, v, h)


@mistake(
    "You normalise v. H (2 v) is 2 H v: the length of v counts, and a v of zeros has no direction to divide by.",
    of="hvp",
    hint=3,
)
def hvp_normalised(df, x, v, h=1e-5):
    v = v.astype(np.float64)
    length = np.linalg.norm(v)
    return _along(df, x, v / length if length else v, h)


@mistake(
    "You nudge all entries alike and leave v out: that is H times a vector of ones.",
    of="hvp",
    hint=1,
)
def hvp_without_v(df, x, v, h=1e-5):
    return _along(df, x, np.ones(x.shape), h)


@mistake(
    "You nudge all entries alike and multiply by v at the end, entry by entry. v says where to go: it belongs inside, "
    "h v is the step.",
    of="hvp",
    hint=3,
)
def hvp_times_v_after(df, x, v, h=1e-5):
    return _along(df, x, np.ones(x.shape), h) * v.astype(np.float64)


@mistake(
    "You return vᵀ H v, one number. H v is a vector: how each entry of the gradient changes along v.",
    of="hvp",
    hint=2,
)
def hvp_curvature(df, x, v, h=1e-5):
    return np.sum(v.astype(np.float64) * _along(df, x, v, h))


@mistake("You take a step of your own in place of the h that is given.", of="hvp", hint=3)
def hvp_own_step(df, x, v, h=1e-5):
    return _along(df, x, v, 1e-5)


@mistake("Where no h is given the step of your `hvp` is not 1e-5, which is its default.", of="hvp", hint=3)
def hvp_other_default(df, x, v, h=1e-4):
    return _along(df, x, v, h)


@mistake(
    "You work in the dtype of x and v. In float32 a step of 1e-5 is mostly rounding: make float64 copies first.",
    of="hvp",
    hint=2,
)
def hvp_in_the_dtype_of_x(df, x, v, h=1e-5):
    ends = [df((x + x.dtype.type(sign * h) * v).astype(np.float64)) for sign in (1, -1)]
    return (ends[0] - ends[1]) / (2 * h)


@mistake("You move the caller's own x and leave it where it ends. x is only read.", of="hvp", hint=4)
def hvp_moves_x(df, x, v, h=1e-5):
    result = _along(df, x, v, h)
    if x.dtype.kind == "f":
        x -= (h * v).astype(x.dtype)
    return result
