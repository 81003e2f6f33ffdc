"""Forward and central differences.

Nocedal and Wright, Numerical Optimization (2nd edition, 2006), section 8.1. By Taylor's theorem

    f(x + h) = f(x) + h f'(x) + h²/2 f''(x) + h³/6 f'''(x) + ...
    f(x - h) = f(x) - h f'(x) + h²/2 f''(x) - h³/6 f'''(x) + ...

The first line gives the forward difference with an error of h/2 f''(x). In the difference of the two lines
the even terms cancel: the central difference is left with h²/6 f'''(x).
"""

from collections.abc import Callable

import numpy as np

from grader.marks import alternative, mistake

Number = float | np.ndarray


def diff(f: Callable[[Number], Number], x: Number, h: float, kind: str) -> Number:
    """The forward or central difference of `f` at `x` with step `h`."""
    if kind == "forward":
        return (f(x + h) - f(x)) / h
    if kind == "central":
        return (f(x + h) - f(x - h)) / (2 * h)
    raise ValueError(f"kind must be 'forward' or 'central', not {kind!r}")


@alternative("A stencil: offsets and weights in a table, summed in a loop.", of="diff")
def by_stencil(f, x, h, kind):
    stencils = {"forward": ((0.0, -1.0), (1.0, 1.0)), "central": ((-1.0, -0.5), (1.0, 0.5))}
    if kind not in stencils:
        raise ValueError(f"no such kind: {kind}")
    total = 0.0
    for offset, weight in stencils[kind]:
        total = total + weight * f(x + offset * h)
    return total / h


@alternative("The central difference is a forward one that begins at x - h and steps 2h.", of="diff")
def central_from_forward(f, x, h, kind):
    if kind not in ("forward", "central"):
        raise ValueError(kind)
    left, step = (x, h) if kind == "forward" else (x - h, 2 * h)
    return (f(left + step) - f(left)) / step


@alternative("Half of the rise over h, with match and in-place arithmetic on its own arrays.", of="diff")
def half_of_the_rise_over_h(f, x, h, kind):
    match kind:
        case "forward":
            left, part = x, 1.0
        case "central":
            left, part = x - h, 0.5
        case _:
            raise ValueError(kind)
    rise = f(x + h) - f(left)
    rise *= part
    return rise / h


@mistake(
    "The two points of the central difference are 2h apart, but you divide by h: the result is twice the derivative.",
    of="diff",
    hint=3,
)
def missing_factor_two(f, x, h, kind):
    if kind == "central":
        return (f(x + h) - f(x - h)) / h
    return _forward(f, x, h, kind)


@mistake(
    "Your central difference has the right run, 2h, but the rise of the forward one, f(x + h) - f(x): "
    "half of the derivative. The left point is x - h.",
    of="diff",
    hint=3,
)
def half_the_rise(f, x, h, kind):
    if kind == "central":
        return (f(x + h) - f(x)) / (2 * h)
    return _forward(f, x, h, kind)


@mistake(
    "You divide by 2 and then multiply by h: `a / 2 * h` is read from left to right. The whole 2h belongs"
    " below the line.",
    of="diff",
    hint=4,
)
def precedence(f, x, h, kind):
    if kind == "central":
        return (f(x + h) - f(x - h)) / 2 * h
    return _forward(f, x, h, kind)


@mistake(
    "The difference is not divided by the distance between the two points, so it is a rise and not a slope.",
    of="diff",
    hint=3,
)
def not_divided(f, x, h, kind):
    if kind == "central":
        return f(x + h) - f(x - h)
    return _forward(f, x, h, kind) * h


@mistake(
    "For kind 'central' you return the forward difference: its error falls like h only, and not like h².",
    of="diff",
    hint=1,
)
def forward_as_central(f, x, h, kind):
    return _forward(f, x, h, "forward" if kind == "central" else kind)


@mistake(
    "For kind 'forward' you return the central difference. It is the better estimate, but not the formula asked for.",
    of="diff",
    hint=1,
)
def central_as_forward(f, x, h, kind):
    if kind not in ("forward", "central"):
        raise ValueError(kind)
    return (f(x + h) - f(x - h)) / (2 * h)


@mistake(
    "The two kinds are exchanged: 'forward' gives the central difference and 'central' the forward one.",
    of="diff",
    hint=1,
)
def kinds_exchanged(f, x, h, kind):
    if kind == "forward":
        return (f(x + h) - f(x - h)) / (2 * h)
    return _forward(f, x, h, "forward" if kind == "central" else kind)


@mistake(
    "For kind 'forward' you look backward, from x - h to x. Forward means from x to x + h.",
    of="diff",
    hint=3,
)
def backward_for_forward(f, x, h, kind):
    if kind == "forward":
        return (f(x) - f(x - h)) / h
    return _central(f, x, h, kind)


@mistake(
    "Your central difference steps h/2 to either side. That is second order too, but here h is the "
    "distance from x to each side, so the two points are 2h apart.",
    of="diff",
    hint=3,
)
def half_steps(f, x, h, kind):
    if kind == "central":
        return (f(x + h / 2) - f(x - h / 2)) / h
    return _forward(f, x, h, kind)


@mistake("The difference is taken the wrong way round, so the slope has the wrong sign.", of="diff", hint=3)
def wrong_sign(f, x, h, kind):
    return -(_forward(f, x, h, kind) if kind != "central" else _central(f, x, h, kind))


@mistake(
    "You work in float32. It has 7 digits, so with a small step x + h and x differ in the last one or not"
    " at all, and the quotient is mostly rounding. Stay in float64.",
    of="diff",
    hint=2,
)
def float32_step(f, x, h, kind):
    x, h = np.float32(x), np.float32(h)
    return _central(f, x, h, kind) if kind == "central" else _forward(f, x, h, kind)


@mistake(
    "You take a small step of your own in place of the h that is given. Both formulas are asked for with "
    "that h, large or small.",
    of="diff",
    hint=3,
)
def own_step(f, x, h, kind):
    return _central(f, x, 1e-6, kind) if kind == "central" else _forward(f, x, 1e-6, kind)


@mistake(
    "You make the step grow with x. That is good practice where the caller gives no step; here it is "
    "given, the same for all elements.",
    of="diff",
    hint=3,
)
def relative_step(f, x, h, kind):
    h = h * np.maximum(1.0, np.abs(x))
    return _central(f, x, h, kind) if kind == "central" else _forward(f, x, h, kind)


@mistake(
    "You divide by the distance of the two points after rounding, (x + h) - x, where the formula divides by h. "
    "It is often the better estimate, but here the formula is asked for as it stands.",
    of="diff",
    hint=3,
)
def step_taken(f, x, h, kind):
    if kind not in ("forward", "central"):
        raise ValueError(kind)
    left, right = (x if kind == "forward" else x - h), x + h
    with np.errstate(all="ignore"):
        return (f(right) - f(left)) / (right - left)


@mistake(
    "You make small steps larger, against rounding. How small a step may be depends on f and x; both formulas are "
    "asked for with the h that is given.",
    of="diff",
    hint=3,
)
def step_has_a_floor(f, x, h, kind):
    h = np.copysign(max(abs(h), 1e-8), h)
    return _central(f, x, h, kind) if kind == "central" else _forward(f, x, h, kind)


@mistake(
    "You round the result to some decimals. A derivative may be as small as 1e-30 and all its digits count.",
    of="diff",
    hint=3,
)
def rounds_the_result(f, x, h, kind):
    return np.round(_central(f, x, h, kind) if kind == "central" else _forward(f, x, h, kind), 10)


@mistake(
    "You drop the sign of h. A negative h is allowed, and the forward difference then looks to the left of x.",
    of="diff",
    hint=3,
)
def step_without_sign(f, x, h, kind):
    h = abs(h)
    return _central(f, x, h, kind) if kind == "central" else _forward(f, x, h, kind)


@mistake(
    "A kind that is neither 'forward' nor 'central' falls into your branch for 'central'. It has to raise"
    " ValueError: a misspelt kind would otherwise give numbers of lower order in silence.",
    of="diff",
    hint=2,
)
def any_kind_accepted(f, x, h, kind):
    return (f(x + h) - f(x)) / h if kind == "forward" else (f(x + h) - f(x - h)) / (2 * h)


@mistake(
    "For a kind that is neither 'forward' nor 'central' you return the forward difference; it has to raise ValueError.",
    of="diff",
    hint=2,
)
def unknown_kind_is_forward(f, x, h, kind):
    return (f(x + h) - f(x - h)) / (2 * h) if kind == "central" else (f(x + h) - f(x)) / h


@mistake(
    "For a kind that is neither 'forward' nor 'central' your function ends without a return and gives "
    "None; it has to raise ValueError.",
    of="diff",
    hint=2,
)
def unknown_kind_gives_none(f, x, h, kind):
    return _or_none(f, x, h, kind)


@mistake(
    "You move the caller's own x: `x += h` changes the array in place. Make new points, x + h and x - h.",
    of="diff",
    hint=4,
)
def moves_x(f, x, h, kind):
    if kind == "forward":
        left = f(x)
        x += h
        return (f(x) - left) / h
    if kind != "central":
        raise ValueError(kind)
    x += h
    right = f(x)
    x -= 2 * h
    return (right - f(x)) / (2 * h)


@mistake(
    "You walk along the caller's own x in place, and then back: rounding does not bring every number back, and "
    "`f` may have kept the array. Make new points, x + h and x - h.",
    of="diff",
    hint=4,
)
def walks_and_returns(f, x, h, kind):
    if kind not in ("forward", "central"):
        raise ValueError(kind)
    x += h
    right = f(x)
    x -= h if kind == "forward" else 2 * h
    left = f(x)
    if kind == "central":
        x += h
    return (right - left) / (h if kind == "forward" else 2 * h)


@mistake(
    "You take a kind in capitals, or with spaces around it, for the kind itself. Only 'forward' and 'central' as they "
    "are written are known; anything else raises ValueError.",
    of="diff",
    hint=2,
)
def kind_in_capitals(f, x, h, kind):
    kind = kind.strip().lower()
    return _central(f, x, h, kind) if kind == "central" else _forward(f, x, h, kind)


@mistake(
    "You work out more than the kind asks for: f is called more than twice, and for the central "
    "difference also at x itself, where it may not be defined.",
    of="diff",
    hint=2,
)
def three_calls(f, x, h, kind):
    if kind not in ("forward", "central"):
        raise ValueError(kind)
    here, right = f(x), f(x + h)
    return (right - here) / h if kind == "forward" else (right - f(x - h)) / (2 * h)


@mistake("You raise another exception than ValueError for an unknown kind.", of="diff", hint=2)
def other_exception(f, x, h, kind):
    offset = {"forward": 0.0, "central": -1.0}[kind]
    return (f(x + h) - f(x + offset * h)) / ((1.0 - offset) * h)


def _or_none(f, x, h, kind):
    return {"forward": _forward, "central": _central}.get(kind, lambda *_: None)(f, x, h, kind)


def _forward(f, x, h, kind):
    if kind != "forward":
        raise ValueError(kind)
    return (f(x + h) - f(x)) / h


def _central(f, x, h, kind):
    if kind != "central":
        raise ValueError(kind)
    return (f(x + h) - f(x - h)) / (2 * h)


@mistake(
    "Your forward difference looks 2h ahead. The step is h in both kinds; only the run of the central one is 2h, since it "
    "goes h to either side.",
    of="diff",
    hint=3,
)
def forward_twice_as_far(f, x, h, kind):
    if kind == "forward":
        return (f(x + 2 * h) - f(x)) / (2 * h)
    return _central(f, x, h, kind)
