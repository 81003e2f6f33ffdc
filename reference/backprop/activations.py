"""Activation functions and their backward passes.

Hendrycks and Gimpel, "Gaussian error linear units (GELUs)" (2016), section 2, for x Φ(x) and its approximation. Every
backward function is dy times the slope at the forward's input.
"""

import math

import numpy as np

from grader.marks import alternative, mistake


def relu(x: np.ndarray) -> np.ndarray:
    """max(x, 0)."""
    return np.maximum(x, 0)


def relu_back(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """dy where x > 0, else 0."""
    return dy * (x > 0)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + e⁻ˣ); for negative x that is eˣ / (1 + eˣ), so e is never raised to a positive number."""
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small, 1) / (1 + small)


def sigmoid_back(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """dy s (1 - s)."""
    s = sigmoid(x)
    return dy * s * (1 - s)


def tanh_back(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """dy (1 - t²)."""
    return dy * (1 - np.tanh(x) ** 2)


def gelu(x: np.ndarray, approximate: str) -> np.ndarray:
    """x Φ(x), with Φ written by erf or by tanh."""
    if approximate == "tanh":
        return x * (1 + np.tanh(inner(x))) / 2
    return x * normal_cdf(x)


def gelu_back(dy: np.ndarray, x: np.ndarray, approximate: str) -> np.ndarray:
    """The product rule: the slope of x f(x) is f(x) + x f'(x)."""
    if approximate == "tanh":
        t = np.tanh(inner(x))
        du = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2)
        return dy * ((1 + t) / 2 + x * (1 - t**2) * du / 2)
    density = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    return dy * (normal_cdf(x) + x * density)


def normal_cdf(x: np.ndarray) -> np.ndarray:
    """Φ(x), the probability that a standard normal number is below x."""
    each = np.vectorize(lambda z: math.erf(z / math.sqrt(2)), otypes=[x.dtype])
    return (1 + each(x)) / 2


def inner(x: np.ndarray) -> np.ndarray:
    """The u of the approximation Φ(x) ≈ (1 + tanh u) / 2."""
    return math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)


# Alternatives -------------------------------------------------------------------------------------------------------


@alternative("By np.where.", of="relu")
def relu_where(x):
    return np.where(x > 0, x, np.zeros_like(x))


@alternative("A copy of dy with zeros put in.", of="relu_back")
def relu_back_copy(dy, x):
    dx = np.array(dy)
    dx[x <= 0] = 0
    return dx


@alternative("The formula as it stands: where e overflows to infinity, 1 / infinity is 0 all the same.", of="sigmoid")
def sigmoid_formula(x):
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


@alternative("By sigmoid(-x) = 1 - sigmoid(x), number by number.", of="sigmoid_back")
def sigmoid_back_both_sides(dy, x):
    return (dy * sigmoid(x) * sigmoid(-x)).astype(x.dtype)


@alternative("In exponentials of -|x|.", of="tanh_back")
def tanh_back_exponentials(dy, x):
    e = np.exp(-2 * np.abs(x))
    return 4 * dy * e / (1 + e) ** 2


@alternative("Number by number in Python's floats.", of="gelu")
def gelu_numbers(x, approximate):
    def one(z):
        if approximate == "none":
            return 0.5 * z * math.erfc(-z / 2**0.5)
        return 0.5 * z * (1 + math.tanh((2 / math.pi) ** 0.5 * z * (1 + 0.044715 * z * z)))

    return np.array([one(float(z)) for z in x.ravel()], x.dtype).reshape(x.shape)


@alternative("Number by number in Python's floats.", of="gelu_back")
def gelu_back_numbers(dy, x, approximate):
    def slope(z):
        if approximate == "none":
            return 0.5 * math.erfc(-z / 2**0.5) + z * math.exp(-0.5 * z * z) * (2 * math.pi) ** -0.5
        c = (2 / math.pi) ** 0.5
        t = math.tanh(c * (z + 0.044715 * z**3))
        return 0.5 * (1 + t) + 0.5 * z * (1 - t) * (1 + t) * c * (1 + 0.134145 * z**2)

    return dy * np.array([slope(float(z)) for z in x.ravel()], x.dtype).reshape(x.shape)


# Mistakes -----------------------------------------------------------------------------------------------------------


@mistake("You take the absolute value: negative numbers come out positive. relu makes them 0.", of="relu", hint=3)
def relu_absolute(x):
    return np.abs(x)


@mistake("A little of negative x comes through. That is leaky ReLU; relu makes them 0.", of="relu", hint=3)
def relu_leaky(x):
    return np.where(x > 0, x, np.asarray(0.01, x.dtype) * x)


@mistake("The numbers are right, but relu wrote into the caller's x. Make a new array.", of="relu", hint=2)
def relu_in_place(x):
    x[x < 0] = 0
    return x


@mistake(
    "The slope of relu is 1 at exactly 0 in your code. Here it is 0 there: let dy through only where x > 0.",
    of="relu_back",
    hint=3,
)
def relu_back_at_zero(dy, x):
    return dy * (x >= 0)


@mistake("The slope of relu is ½ at exactly 0 in your code. Here it is 0 there.", of="relu_back", hint=3)
def relu_back_half(dy, x):
    return dy * np.heaviside(x, np.asarray(0.5, x.dtype))


@mistake(
    "You let dy through where dy is positive. What counts is where the forward's x was positive; gradients may "
    "have any "
    "sign.",
    of="relu_back",
    hint=1,
)
def relu_back_of_dy(dy, x):
    return dy * (dy > 0)


@mistake("relu_back gives the slope alone: dy is not multiplied in.", of="relu_back", hint=1)
def relu_back_slope(dy, x):
    return (x > 0).astype(x.dtype)


@mistake("relu_back gives x where x is positive: the slope there is 1, and dy is what passes.", of="relu_back", hint=1)
def relu_back_x(dy, x):
    return dy * np.maximum(x, 0)


@mistake("The numbers are right, but relu_back wrote into the caller's dy. Make a new array.", of="relu_back", hint=2)
def relu_back_in_place(dy, x):
    dy[x <= 0] = 0
    return dy


@mistake(
    "sigmoid overflows: for large x it is eˣ / (1 + eˣ) = infinity / infinity, NaN. Write it so that e is never "
    "raised to a "
    "large number.",
    of="sigmoid",
    hint=2,
)
def sigmoid_overflow(x):
    with np.errstate(all="ignore"):
        return np.exp(x) / (1 + np.exp(x))


@mistake("Your sigmoid falls where it should rise: the exponent has the wrong sign.", of="sigmoid", hint=3)
def sigmoid_falling(x):
    with np.errstate(all="ignore"):
        return 1 / (1 + np.exp(x))


@mistake(
    "Your sigmoid loses its digits for negative x: (1 + tanh(x/2)) / 2, or 1 - sigmoid(-x), is a difference of nearly "
    "equal numbers there, and from some x on it is just 0.",
    of="sigmoid",
    hint=3,
)
def sigmoid_by_tanh(x):
    return (1 + np.tanh(x / 2)) / 2


@mistake(
    "You cut x off before the exponential, so that far away sigmoid no longer changes. It can be written "
    "without: e to the "
    "power of -|x| never overflows.",
    of="sigmoid",
    hint=3,
)
def sigmoid_clipped(x):
    return 1 / (1 + np.exp(-np.clip(x, -20, 20)))


@mistake(
    "sigmoid_back takes x for the output: it computes x (1 - x). What it gets is the input; s = sigmoid(x) comes "
    "first.",
    of="sigmoid_back",
    hint=1,
)
def sigmoid_back_of_output(dy, x):
    return dy * x * (1 - x)


@mistake("The factor 1 - s is missing from sigmoid_back.", of="sigmoid_back", hint=3)
def sigmoid_back_half(dy, x):
    return dy * _sigmoid(x)


@mistake("The factor s is missing from sigmoid_back.", of="sigmoid_back", hint=3)
def sigmoid_back_other_half(dy, x):
    return dy * (1 - _sigmoid(x))


@mistake("sigmoid_back gives the slope alone: dy is not multiplied in.", of="sigmoid_back", hint=1)
def sigmoid_back_slope(dy, x):
    return _sigmoid(x) * (1 - _sigmoid(x))


@mistake("sigmoid_back has the wrong sign: sigmoid rises everywhere.", of="sigmoid_back", hint=3)
def sigmoid_back_sign(dy, x):
    return -dy * _sigmoid(x) * (1 - _sigmoid(x))


@mistake(
    "tanh_back takes x for the output: it computes 1 - x². What it gets is the input; t = tanh(x) comes first.",
    of="tanh_back",
    hint=1,
)
def tanh_back_of_output(dy, x):
    return dy * (1 - x**2)


@mistake("The square is missing from tanh_back: the slope is 1 - t².", of="tanh_back", hint=3)
def tanh_back_no_square(dy, x):
    return dy * (1 - np.tanh(x))


@mistake("tanh_back computes t (1 - t), which is the form of sigmoid's slope. That of tanh is 1 - t².", of="tanh_back")
def tanh_back_like_sigmoid(dy, x):
    return dy * np.tanh(x) * (1 - np.tanh(x))


@mistake("tanh_back gives the slope alone: dy is not multiplied in.", of="tanh_back", hint=1)
def tanh_back_slope(dy, x):
    return 1 - np.tanh(x) ** 2


@mistake(
    "Your gelu is the exact one whatever `approximate` says. With \"tanh\" it has to be the approximation: they "
    "differ in the "
    "fourth digit.",
    of="gelu",
    hint=2,
)
def gelu_always_exact(x, approximate):
    return _gelu(x, "none")


@mistake(
    "Your gelu is the tanh approximation whatever `approximate` says. With \"none\" it has to be exact, with erf: they "
    "differ in the fourth digit.",
    of="gelu",
    hint=2,
)
def gelu_always_tanh(x, approximate):
    return _gelu(x, "tanh")


@mistake('The two kinds of gelu are exchanged: "none" is the exact one, "tanh" the approximation.', of="gelu", hint=2)
def gelu_exchanged(x, approximate):
    return _gelu(x, "tanh" if approximate == "none" else "none")


@mistake("x is divided by 2 in erf where √2 belongs, or by nothing: Φ(x) = ½ (1 + erf(x / √2)).", of="gelu", hint=3)
def gelu_no_root(x, approximate):
    if approximate == "tanh":
        return _gelu(x, "tanh")
    return x * (1 + np.vectorize(math.erf, otypes=[x.dtype])(x)) / 2


@mistake(
    "Your exact gelu is x sigmoid(1.702 x), a third and coarser approximation. The exact one has erf.",
    of="gelu",
    hint=3,
)
def gelu_by_sigmoid(x, approximate):
    return _gelu(x, "tanh") if approximate == "tanh" else x * _sigmoid(np.asarray(1.702, x.dtype) * x)


@mistake("The factor √(2/π) is missing in the tanh of your gelu.", of="gelu", hint=3)
def gelu_no_constant(x, approximate):
    return x * (1 + np.tanh(x + 0.044715 * x**3)) / 2 if approximate == "tanh" else _gelu(x, "none")


@mistake("The cube is missing in your tanh gelu: u = √(2/π) (x + 0.044715 x³).", of="gelu", hint=3)
def gelu_no_cube(x, approximate):
    return x * (1 + np.tanh(math.sqrt(2 / math.pi) * x)) / 2 if approximate == "tanh" else _gelu(x, "none")


@mistake("gelu gives Φ(x) and is not multiplied with x.", of="gelu", hint=3)
def gelu_without_x(x, approximate):
    return (1 + np.tanh(_u(x))) / 2 if approximate == "tanh" else _cdf(x)


@mistake(
    "gelu is float64 whatever came in: np.vectorize chooses so unless it is told the dtype. float32 stays float32.",
    of="gelu",
    hint=2,
)
def gelu_float64(x, approximate):
    return _gelu(x.astype(np.float64), approximate)


@mistake(
    "One term of gelu's slope is missing: x stands in the product twice, as the factor and inside Φ. The product "
    "rule gives "
    "Φ(x) + x φ(x).",
    of="gelu_back",
    hint=3,
)
def gelu_back_one_term(dy, x, approximate):
    return dy * ((1 + np.tanh(_u(x))) / 2 if approximate == "tanh" else _cdf(x))


@mistake(
    "One term of the exact gelu's slope is missing: the product rule gives Φ(x) + x φ(x). That of the "
    "approximation has "
    "both.",
    of="gelu_back",
    hint=3,
)
def gelu_back_one_term_of_exact(dy, x, approximate):
    return _gelu_back(dy, x, "tanh") if approximate == "tanh" else dy * _cdf(x)


@mistake(
    "The density in gelu's slope is not divided by √(2π).",
    of="gelu_back",
    hint=3,
)
def gelu_back_no_root(dy, x, approximate):
    return _gelu_back(dy, x, "tanh") if approximate == "tanh" else dy * (_cdf(x) + x * np.exp(-(x**2) / 2))


@mistake(
    "In the density of gelu's slope the exponent is -x², and it has to be -x²/2.",
    of="gelu_back",
    hint=3,
)
def gelu_back_exponent(dy, x, approximate):
    if approximate == "tanh":
        return _gelu_back(dy, x, "tanh")
    return dy * (_cdf(x) + x * np.exp(-(x**2)) / math.sqrt(2 * math.pi))


@mistake(
    "The density in gelu's slope is not multiplied with x: the product rule gives Φ(x) + x φ(x).",
    of="gelu_back",
    hint=3,
)
def gelu_back_density_alone(dy, x, approximate):
    if approximate == "tanh":
        return _gelu_back(dy, x, "tanh")
    return dy * (_cdf(x) + np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi))


@mistake(
    "gelu_back has the exact slope whatever `approximate` says. With \"tanh\" the slope must be that of the "
    "approximation, "
    "or forward and backward do not fit.",
    of="gelu_back",
    hint=2,
)
def gelu_back_always_exact(dy, x, approximate):
    return _gelu_back(dy, x, "none")


@mistake(
    "gelu_back has the slope of the tanh approximation whatever `approximate` says. With \"none\" it must be "
    "Φ(x) + x φ(x).",
    of="gelu_back",
    hint=2,
)
def gelu_back_always_tanh(dy, x, approximate):
    return _gelu_back(dy, x, "tanh")


@mistake(
    "The 3 is missing in the inner slope of the tanh gelu: the slope of x³ is 3x².",
    of="gelu_back",
    hint=3,
)
def gelu_back_no_three(dy, x, approximate):
    if approximate == "tanh":
        return _tanh_slope(dy, x, math.sqrt(2 / math.pi) * (1 + 0.044715 * x**2))
    return _exact(dy, x)


@mistake(
    "The inner slope of the tanh gelu has lost its √(2/π).",
    of="gelu_back",
    hint=3,
)
def gelu_back_no_constant(dy, x, approximate):
    return _tanh_slope(dy, x, 1 + 3 * 0.044715 * x**2) if approximate == "tanh" else _exact(dy, x)


@mistake(
    "The inner slope is missing in that of the tanh gelu: tanh(u) changes with x by (1 - tanh²(u)) du/dx, and du/dx is "
    "not 1.",
    of="gelu_back",
    hint=3,
)
def gelu_back_no_inner(dy, x, approximate):
    return _tanh_slope(dy, x, 1) if approximate == "tanh" else _exact(dy, x)


@mistake("gelu_back gives the slope alone: dy is not multiplied in.", of="gelu_back", hint=1)
def gelu_back_slope(dy, x, approximate):
    return _gelu_back(np.ones_like(x), x, approximate)


@mistake(
    "gelu_back is float64 whatever came in: np.vectorize chooses so unless it is told the dtype. float32 stays "
    "float32.",
    of="gelu_back",
    hint=2,
)
def gelu_back_float64(dy, x, approximate):
    return _gelu_back(dy.astype(np.float64), x.astype(np.float64), approximate)


def _sigmoid(x):
    with np.errstate(all="ignore"):
        return 1 / (1 + np.exp(-x))


def _u(x):
    return math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)


def _cdf(x):
    return (1 + np.vectorize(lambda z: math.erf(z / math.sqrt(2)), otypes=[x.dtype])(x)) / 2


def _gelu(x, approximate):
    return x * (1 + np.tanh(_u(x))) / 2 if approximate == "tanh" else x * _cdf(x)


def _tanh_slope(dy, x, du):
    t = np.tanh(_u(x))
    return dy * ((1 + t) / 2 + x * (1 - t**2) * du / 2)


def _exact(dy, x):
    return dy * (_cdf(x) + x * np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi))


def _gelu_back(dy, x, approximate):
    if approximate == "tanh":
        return _tanh_slope(dy, x, math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2))
    return _exact(dy, x)
