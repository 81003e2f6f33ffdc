"""The gradient of xᵀ A x + bᵀ x, for any square A.

∂f/∂x = (A + Aᵀ) x + b: Petersen and Pedersen, The Matrix Cookbook (2012), section 2.4.
"""

import numpy as np

from grader.marks import alternative, mistake


def grad(A: np.ndarray, b: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Each of the two x in xᵀ A x gives a part, A x and Aᵀ x. Points are rows, so the matrix stands on the right."""
    return x @ (A + A.T) + b


@alternative("The double sum, entry by entry, in loops.", of="grad")
def by_loops(A, b, x):
    result = np.empty(x.shape, x.dtype)
    for place in np.ndindex(x.shape[:-1]):
        for k in range(len(b)):
            total = b[k]
            for i in range(len(b)):
                total = total + A[k, i] * x[(*place, i)] + x[(*place, i)] * A[i, k]
            result[(*place, k)] = total
    return result


@alternative("The two parts of the product rule apart, by einsum.", of="grad")
def by_einsum(A, b, x):
    return np.einsum("kj,...j->...k", A, x) + np.einsum("...i,ik->...k", x, A) + b


@alternative("Points as columns of one matrix.", of="grad")
def by_columns(A, b, x):
    columns = x.reshape(-1, x.shape[-1]).T
    return (A @ columns + A.T @ columns + b[:, None]).T.reshape(x.shape)


@mistake(
    "Your gradient is 2 A x + b. That is right where A is symmetric only: the other x gives Aᵀ x and not A x once "
    "more.",
    of="grad",
    hint=3,
)
def twice_a(A, b, x):
    return 2 * (x @ A.T) + b


@mistake(
    "Your gradient is 2 Aᵀ x + b. That is right where A is symmetric only: one x gives Aᵀ x, the other one A x.",
    of="grad",
    hint=3,
)
def twice_a_transposed(A, b, x):
    return 2 * (x @ A) + b


@mistake(
    "Your gradient is A x + b. x occurs twice in xᵀ A x, and you let only the left one of them move: the right one has "
    "a part in the derivative too.",
    of="grad",
    hint=1,
)
def left_only(A, b, x):
    return x @ A.T + b


@mistake(
    "Your gradient is Aᵀ x + b. x occurs twice in xᵀ A x, and you let only the right one of them move: the left one "
    "has a part in the derivative too.",
    of="grad",
    hint=1,
)
def right_only(A, b, x):
    return x @ A + b


@mistake(
    "You take half of the two parts. There is no factor ½ in front of xᵀ A x here, so both count in full.",
    of="grad",
    hint=3,
)
def half(A, b, x):
    return x @ (A + A.T) / 2 + b


@mistake("b is missing. The derivative of bₖ xₖ is bₖ, whatever x is.", of="grad", hint=3)
def no_b(A, b, x):
    return x @ (A + A.T)


@mistake("You multiply b by x. The derivative of bₖ xₖ by xₖ is bₖ alone.", of="grad", hint=3)
def b_times_x(A, b, x):
    return x @ (A + A.T) + b * x


@mistake("You subtract b. It is added in f, and its derivative has the same sign.", of="grad", hint=3)
def minus_b(A, b, x):
    return x @ (A + A.T) - b


@mistake("You count b twice. It stands in f once, and x beside it once.", of="grad", hint=3)
def twice_b(A, b, x):
    return x @ (A + A.T) + 2 * b


@mistake(
    "You take the difference of the two parts. The product rule adds them: xᵀ (A - Aᵀ) is 0 for every symmetric A.",
    of="grad",
    hint=3,
)
def difference(A, b, x):
    return x @ (A - A.T) + b


@mistake(
    "You differentiate the squares Aₖₖ xₖ² only. xₖ also stands beside every other entry, with Aₖⱼ and with Aⱼₖ.",
    of="grad",
    hint=1,
)
def squares_only(A, b, x):
    return 2 * np.diag(A) * x + b


@mistake(
    "You count the diagonal of A once. Aₖₖ xₖ² has the derivative 2 Aₖₖ xₖ: both parts of the product rule hold "
    "there too.",
    of="grad",
    hint=3,
)
def diagonal_once(A, b, x):
    return x @ (A + A.T - np.diag(np.diag(A))) + b


@mistake(
    "You use one triangle of A only, as if the other one held the same numbers. A is any square matrix.",
    of="grad",
    hint=3,
)
def upper_triangle(A, b, x):
    U = np.triu(A)
    return x @ (U + U.T) + b


@mistake(
    "You divide by the number of points, as for a mean loss. Each point keeps the gradient of its own f.",
    of="grad",
    hint=2,
)
def mean_over_points(A, b, x):
    return (x @ (A + A.T) + b) / max(1, x.size // x.shape[-1])


@mistake(
    "You return f(x) itself, one number for each point. The gradient has the shape of x: a slope for each entry.",
    of="grad",
    hint=2,
)
def the_value(A, b, x):
    return np.sum((x @ A) * x, axis=-1) + x @ b


@mistake(
    "You add up the gradients of all points. They do not know of one another: each keeps its gradient, in its place.",
    of="grad",
    hint=2,
)
def summed_over_points(A, b, x):
    result = x @ (A + A.T) + b
    return result.sum(axis=tuple(range(x.ndim - 1)))


@mistake(
    "You give each point a gradient on axes of its own, as a column. The result has the shape of x.",
    of="grad",
    hint=2,
)
def as_columns(A, b, x):
    return (x @ (A + A.T) + b)[..., None]


@mistake(
    "You put the matrix on the left of x. It takes columns there, and with many points each row of x is one: that "
    "cannot be multiplied, or mixes the points.",
    of="grad",
    hint=2,
)
def matrix_on_the_left(A, b, x):
    return (A + A.T) @ x + b


@mistake(
    "Your result is float64 where x is float32. It keeps the dtype of x: a model in float32 would double its memory.",
    of="grad",
    hint=2,
)
def always_float64(A, b, x):
    return x.astype(np.float64) @ (A + A.T) + b


@mistake(
    "You write Aᵀ + A, or the result, into the caller's own array. A, b and x are only read.",
    of="grad",
    hint=4,
)
def in_place(A, b, x):
    A += A.T.copy()
    return x @ A + b


@mistake(
    "You change x in place: it holds the gradient afterwards. A, b and x are only read.",
    of="grad",
    hint=4,
)
def into_x(A, b, x):
    x[...] = x @ (A + A.T) + b
    return x
