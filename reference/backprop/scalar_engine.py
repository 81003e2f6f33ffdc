"""A scalar autograd engine in reverse mode.

Baydin et al., "Automatic differentiation in machine learning: a survey" (JMLR 18, 2018), section 3.2: each
Value keeps, beside its parents, the slope ∂self/∂parent of the operation that made it. `backward` gives
every Value v of the graph its adjoint v̄ = ∂y/∂v: ȳ = 1, and from y to the leaves each v hands v̄ · ∂v/∂p
on to its parents p.
"""

from __future__ import annotations

import math

from grader.marks import alternative, mistake


class Value:
    """A number that remembers which Values it was computed from, and its slope by each of them."""

    def __init__(self, data: float, *edges: tuple[Value | float, float]) -> None:
        # An edge is an operand and the slope by it. Plain numbers are constants: nothing flows back to them.
        self.data = data
        self.grad = 0.0
        self.edges = [(operand, slope) for operand, slope in edges if isinstance(operand, Value)]
        self.parents = tuple(operand for operand, _ in self.edges)

    def __add__(self, other: Value | float) -> Value:
        return Value(self.data + number(other), (self, 1.0), (other, 1.0))

    def __mul__(self, other: Value | float) -> Value:
        return Value(self.data * number(other), (self, number(other)), (other, self.data))

    def __pow__(self, exponent: float) -> Value:
        return Value(self.data**exponent, (self, exponent * self.data ** (exponent - 1)))

    def __neg__(self) -> Value:
        return Value(-self.data, (self, -1.0))

    # The rest of arithmetic follows from these four.

    def __radd__(self, other: float) -> Value:
        return self + other

    def __rmul__(self, other: float) -> Value:
        return self * other

    def __sub__(self, other: Value | float) -> Value:
        return self + -other

    def __rsub__(self, other: float) -> Value:
        return -self + other

    def __truediv__(self, other: Value | float) -> Value:
        return self * other**-1

    def __rtruediv__(self, other: float) -> Value:
        return self**-1 * other

    def relu(self) -> Value:
        """max(self, 0), with slope 0 at 0."""
        return Value(max(self.data, 0.0), (self, 1.0 if self.data > 0 else 0.0))

    def tanh(self) -> Value:
        """The hyperbolic tangent t, with slope 1 - t²."""
        t = math.tanh(self.data)
        return Value(t, (self, 1 - t**2))

    def exp(self) -> Value:
        """e to the power of self, which is its own slope."""
        e = math.exp(self.data)
        return Value(e, (self, e))

    def log(self) -> Value:
        """The natural logarithm."""
        return Value(math.log(self.data), (self, 1 / self.data))

    def backward(self) -> None:
        """Add ∂self/∂v to `v.grad` for every v in the graph of self.

        The adjoints of this call are kept apart from the grads: what earlier calls left there must not flow on.
        """
        adjoint = {self: 1.0}
        for v in reversed(topological_order(self)):
            for parent, slope in v.edges:
                adjoint[parent] = adjoint.get(parent, 0.0) + adjoint[v] * slope
        for v, derivative in adjoint.items():
            v.grad += derivative


def number(operand: Value | float) -> float:
    """The number that an operand stands for."""
    return operand.data if isinstance(operand, Value) else operand


def topological_order(root: Value) -> list[Value]:
    """Every Value in the graph of `root` once, parents before children."""
    order: list[Value] = []
    seen: set[Value] = set()

    def visit(v: Value) -> None:
        if v not in seen:
            seen.add(v)
            for parent in v.parents:
                visit(parent)
            order.append(v)

    visit(root)
    return order


# Alternatives -------------------------------------------------------------------------------------------------------------------


@alternative(
    "Each result keeps a function that hands its adjoint back; the order is found by recursion.",
    of="Value",
)
class WithClosures:
    def __init__(self, data, parents=(), pull=lambda g: ()):
        self.data, self.grad = data, 0
        self.parents = tuple(p for p in parents if isinstance(p, WithClosures))
        self._pull = lambda g: [part for p, part in zip(parents, pull(g), strict=True) if isinstance(p, WithClosures)]

    def _lift(self, other):
        return other if isinstance(other, WithClosures) else _Constant(other)

    def __add__(self, other):
        return WithClosures(self.data + self._lift(other).data, (self, other), lambda g: (g, g))

    def __mul__(self, other):
        a, b = self.data, self._lift(other).data
        return WithClosures(a * b, (self, other), lambda g: (g * b, g * a))

    def __pow__(self, n):
        return WithClosures(self.data**n, (self,), lambda g: (g * n * self.data ** (n - 1),))

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + (-other)

    def __rsub__(self, other):
        return other + (-self)

    def __truediv__(self, other):
        return self * other**-1

    def __rtruediv__(self, other):
        return other * self**-1

    __radd__, __rmul__ = __add__, __mul__

    def relu(self):
        return WithClosures(self.data if self.data > 0 else 0, (self,), lambda g: (g * (self.data > 0),))

    def tanh(self):
        t = math.tanh(self.data)
        return WithClosures(t, (self,), lambda g: (g * (1 - t * t),))

    def exp(self):
        e = math.exp(self.data)
        return WithClosures(e, (self,), lambda g: (g * e,))

    def log(self):
        return WithClosures(math.log(self.data), (self,), lambda g: (g / self.data,))

    def backward(self):
        order, seen = [], set()

        def visit(v):
            if id(v) not in seen:
                seen.add(id(v))
                for p in v.parents:
                    visit(p)
                order.append(v)

        visit(self)
        before = {id(v): v.grad for v in order}
        for v in order:
            v.grad = 0
        self.grad = 1
        for v in reversed(order):
            for p, part in zip(v.parents, v._pull(v.grad), strict=True):
                p.grad += part
        for v in order:
            v.grad += before[id(v)]


class _Constant:
    def __init__(self, data):
        self.data = data


@alternative("Values are numbered as they are made, and the order is that of their numbers.", of="Value")
class Numbered:
    made = 0

    def __init__(self, data, *edges):
        Numbered.made += 1
        self.number, self.data, self.grad = Numbered.made, data, 0.0
        self.edges = [(v, slope) for v, slope in edges if isinstance(v, Numbered)]
        self.parents = tuple(v for v, _ in self.edges)

    @staticmethod
    def of(x):
        return x.data if isinstance(x, Numbered) else x

    def __add__(self, other):
        return Numbered(self.data + self.of(other), (self, 1.0), (other, 1.0))

    def __sub__(self, other):
        return Numbered(self.data - self.of(other), (self, 1.0), (other, -1.0))

    def __rsub__(self, other):
        return Numbered(other - self.data, (self, -1.0))

    def __mul__(self, other):
        return Numbered(self.data * self.of(other), (self, self.of(other)), (other, self.data))

    def __truediv__(self, other):
        q = self.data / self.of(other)
        return Numbered(q, (self, 1 / self.of(other)), (other, -q / self.of(other)))

    def __rtruediv__(self, other):
        q = other / self.data
        return Numbered(q, (self, -q / self.data))

    def __pow__(self, n):
        return Numbered(self.data**n, (self, n * self.data ** (n - 1)))

    def __neg__(self):
        return Numbered(-self.data, (self, -1.0))

    __radd__, __rmul__ = __add__, __mul__

    def relu(self):
        return Numbered((self.data + abs(self.data)) / 2, (self, float(self.data > 0)))

    def tanh(self):
        return Numbered(math.tanh(self.data), (self, 1 / math.cosh(min(abs(self.data), 300.0)) ** 2))

    def exp(self):
        return Numbered(math.e**self.data, (self, math.e**self.data))

    def log(self):
        return Numbered(math.log(self.data), (self, 1 / self.data))

    def backward(self):
        waiting, adjoint = {self.number: self}, {self.number: 1.0}
        while waiting:
            newest = waiting.pop(max(waiting))
            newest.grad += adjoint[newest.number]
            for v, slope in newest.edges:
                waiting[v.number] = v
                adjoint[v.number] = adjoint.get(v.number, 0.0) + adjoint[newest.number] * slope


# Mistakes in the graph and in backward ------------------------------------------------------------


@mistake(
    "Plain numbers become Values of your graph: (a * 2).parents has two entries. Nobody asks for the "
    "gradient of a 2; leave numbers out of the graph, or every constant costs memory and a visit.",
    of="Value.__init__",
    hint=2,
)
def tracks_constants(self, data, *edges):
    self.data, self.grad = data, 0.0
    self.edges = [(v if isinstance(v, Value) else Value(v), slope) for v, slope in edges]
    self.parents = tuple(v for v, _ in self.edges)


@mistake(
    "A second backward passes on what the first one left in the grads of the Values in between, so it "
    "counts too much. What is passed on has to be the derivative of this call alone; keep it apart from "
    "`grad`.",
    of="Value.backward",
    hint=4,
)
def passes_old_gradients_on(self):
    self.grad = 1.0
    _pass_grads_on(reversed(topological_order(self)))


@mistake(
    "A second backward passes on what the first one left, from the result itself down: its grad is 2 by "
    "then, and all that was gathered in between is passed on once more. Keep the derivatives of this call"
    " apart from `grad`.",
    of="Value.backward",
    hint=4,
)
def passes_old_result_on(self):
    self.grad += 1.0
    _pass_grads_on(reversed(topological_order(self)))


@mistake(
    "You write `grad = ...` where a contribution has to be added. A Value that is used twice gets the "
    "contribution of one way only, and a second backward replaces what the first one left.",
    of="Value.backward",
    hint=1,
)
def overwrites(self):
    self.grad = 1.0
    for v in reversed(topological_order(self)):
        for parent, slope in v.edges:
            parent.grad = v.grad * slope


@mistake(
    "You go through the topological order from the leaves to the result, so gradients are passed on "
    "before they have come. Go through it in reverse, from the result to the leaves.",
    of="Value.backward",
    hint=2,
)
def not_reversed(self):
    _add(_adjoints(self, topological_order(self)))


@mistake(
    "You go through the topological order from the leaves to the result, so gradients are passed on "
    "before they have come; a second backward then passes on what the first one left. Go through it in "
    "reverse, and keep the derivatives of one call apart from `grad`.",
    of="Value.backward",
    hint=2,
)
def not_reversed_with_old_gradients(self):
    self.grad = 1.0
    _pass_grads_on(topological_order(self))


@mistake(
    "You pass a Value's gradient on as soon as you come across it, depth first. Another way to it may "
    "still be to come, so what was passed on is not finished. A Value has its turn after all that were "
    "computed from it.",
    of="Value.backward",
    hint=2,
)
def depth_first(self):
    order, seen, stack = [], set(), [self]
    while stack:
        v = stack.pop()
        if v not in seen:
            seen.add(v)
            order.append(v)
            stack.extend(reversed(v.parents))
    _add(_adjoints(self, order))


@mistake(
    "You visit the graph level by level. A Value near the result may also be used further back, and its "
    "gradient is then passed on before it is finished. A Value has its turn after all that were computed "
    "from it.",
    of="Value.backward",
    hint=2,
)
def breadth_first(self):
    order, seen = [self], {self}
    for v in order:
        for parent in v.parents:
            if parent not in seen:
                seen.add(parent)
                order.append(parent)
    _add(_adjoints(self, order))


@mistake(
    "Your backward calls itself for the parents, and each time passes on all the gradient gathered so "
    "far. A Value that is reached in two ways passes the first part on twice. Each has to be visited "
    "once, when its gradient is finished.",
    of="Value.backward",
    hint=2,
)
def calls_itself(self):
    self.grad = 1.0
    _push(self)


def _push(v):
    for parent, slope in v.edges:
        parent.grad += v.grad * slope
        _push(parent)


@mistake(
    "You set all grads of the graph to zero first, so a second backward does not add to the first. Here "
    "backward adds; it is the caller who sets grads to zero.",
    of="Value.backward",
    hint=1,
)
def starts_from_zero(self):
    for v in topological_order(self):
        v.grad = 0.0
    _add(_adjoints(self))


@mistake(
    "Leaves add up over several calls of backward, but the Values in between are begun anew each time. "
    "Here all of them add up.",
    of="Value.backward",
    hint=1,
)
def between_starts_from_zero(self):
    for v in topological_order(self):
        if v.parents:
            v.grad = 0.0
    _add(_adjoints(self))


@mistake(
    "Only leaves get a grad. That is what PyTorch does, but here every Value of the graph keeps its own, "
    "the result too.",
    of="Value.backward",
    hint=1,
)
def leaves_only(self):
    _add({v: derivative for v, derivative in _adjoints(self).items() if not v.parents})


@mistake(
    "The result itself gets no grad: the derivative of a Value by itself is 1, and that is added to its own grad too.",
    of="Value.backward",
    hint=1,
)
def result_left_out(self):
    _add({v: derivative for v, derivative in _adjoints(self).items() if v is not self})


@mistake(
    "Each contribution is the slope alone. By the chain rule it has to be multiplied with the gradient of"
    " the Value it comes from.",
    of="Value.backward",
    hint=3,
)
def slopes_alone(self):
    self.grad += 1.0
    for v in topological_order(self):
        for parent, slope in v.edges:
            parent.grad += slope


@mistake(
    "Nothing starts the flow: the derivative of the result by itself is 1, and you never say so. All gradients stay 0.",
    of="Value.backward",
    hint=3,
)
def never_begins(self):
    _pass_grads_on(reversed(topological_order(self)))


@mistake(
    "Two Values that hold the same number are taken for one, so one of them is never visited. Tell them "
    "apart by identity: no `==` on the numbers, and no @dataclass, which brings its own `==`.",
    of="Value.backward",
    hint=4,
)
def equal_numbers_are_one(self):
    order = []

    def visit(v):
        if not any((v.data, v.grad) == (u.data, u.grad) for u in order):
            for parent in v.parents:
                visit(parent)
            order.append(v)

    visit(self)
    _add(_adjoints(self, order[::-1]))


@mistake(
    "Your Values compare by the number they hold (`__eq__`, `__hash__` or @dataclass), so two that hold the same number are "
    "one to every set, dict and `in`: one of them is never visited. Leave `==` alone, it tells objects apart by identity.",
    of="Value",
    hint=4,
)
class EqualByNumber(Value):
    def __eq__(self, other):
        return self.data == number(other)

    def __hash__(self):
        return hash(self.data)

    def backward(self):
        order = topological_order(self)
        adjoint = dict.fromkeys(order, 0.0)
        adjoint[self] = 1.0
        for v in reversed(order):
            for parent, slope in v.edges:
                adjoint[parent] += slope * adjoint[v]
        for v in order:
            v.grad += adjoint[v]


# Mistakes in single operations ------------------------------------------------------------


@mistake(
    "`2 - v` is worked out as `v - 2`. In `__rsub__` the other operand is the one on the left.",
    of="Value.__rsub__",
    hint=3,
)
def subtracts_the_wrong_way(self, other):
    return self - other


@mistake(
    "`2 / v` is worked out as `v / 2`. In `__rtruediv__` the other operand is the one on the left.",
    of="Value.__rtruediv__",
    hint=3,
)
def divides_the_wrong_way(self, other):
    return self / other


@mistake(
    "In a - b the gradient for b has the wrong sign: when b grows, the difference falls.",
    of="Value.__sub__",
    hint=3,
)
def subtrahend_without_sign(self, other):
    return Value(self.data - number(other), (self, 1.0), (other, 1.0))


@mistake(
    "In a * b each factor gets its own number as slope. The slope by a is b, and the slope by b is a.",
    of="Value.__mul__",
    hint=3,
)
def own_factor(self, other):
    return Value(self.data * number(other), (self, self.data), (other, number(other)))


@mistake(
    "You get the slope of a product by dividing it by the factor: for a it is a b / a. Where a is 0 that is 0 / 0, though "
    "the slope by a is b there as well.",
    of="Value.__mul__",
    hint=3,
)
def product_divided(self, other):
    b = number(other)
    product = self.data * b
    return Value(product, (self, product / self.data), (other, product / b))


@mistake(
    "In a / b the gradient for b has the wrong sign: when b grows, a / b shrinks (for a and b above 0).",
    of="Value.__truediv__",
    hint=3,
)
def divisor_without_sign(self, other):
    a, b = self.data, number(other)
    return Value(a / b, (self, 1 / b), (other, a / b**2))


@mistake(
    "In a / b the slope by b is not squared below the line: it is -a / b², and you have -a / b.",
    of="Value.__truediv__",
    hint=3,
)
def divisor_not_squared(self, other):
    a, b = self.data, number(other)
    return Value(a / b, (self, 1 / b), (other, -a / b))


@mistake(
    "In the slope of a ** n the exponent has to go down by one: n a ** (n - 1), and you have n a ** n.",
    of="Value.__pow__",
    hint=3,
)
def exponent_stays(self, exponent):
    return Value(self.data**exponent, (self, exponent * self.data**exponent))


@mistake(
    "You get the slope of a ** n by dividing, n a ** n / a. At a = 0 that is 0 / 0, though the slope exists: lower the "
    "exponent.",
    of="Value.__pow__",
    hint=3,
)
def power_divided(self, exponent):
    return Value(self.data**exponent, (self, exponent * self.data**exponent / self.data))


@mistake("In the slope of a ** n the factor n is missing: n a ** (n - 1).", of="Value.__pow__", hint=3)
def factor_missing(self, exponent):
    return Value(self.data**exponent, (self, self.data ** (exponent - 1)))


@mistake(
    "relu lets the gradient through where its input is exactly 0. Here its derivative at 0 is 0.",
    of="Value.relu",
    hint=3,
)
def open_at_zero(self):
    return Value(max(self.data, 0.0), (self, 1.0 if self.data >= 0 else 0.0))


@mistake(
    "relu lets all gradient through. Where its input is negative the output does not move, so the slope there is 0.",
    of="Value.relu",
    hint=3,
)
def always_open(self):
    return Value(max(self.data, 0.0), (self, 1.0))


@mistake(
    "The slope of tanh is 1 - t² with t = tanh(x), its output; you square its input.",
    of="Value.tanh",
    hint=3,
)
def slope_of_input(self):
    return Value(math.tanh(self.data), (self, 1 - self.data**2))


@mistake("The slope of tanh is 1 - t² with t = tanh(x); you have 1 - t.", of="Value.tanh", hint=3)
def output_not_squared(self):
    t = math.tanh(self.data)
    return Value(t, (self, 1 - t))


@mistake(
    "Your tanh goes through an exponential that overflows for large inputs. The result is between -1 and "
    "1 for every input; math.tanh gives it.",
    of="Value.tanh",
    hint=4,
)
def overflows(self):
    e = math.exp(2 * self.data)
    t = (e - 1) / (e + 1)
    return Value(t, (self, 1 - t**2))


@mistake("You treat exp like a power: x e^(x - 1). The exponential is its own slope.", of="Value.exp", hint=3)
def exp_as_power(self):
    return Value(math.exp(self.data), (self, self.data * math.exp(self.data - 1)))


@mistake(
    "You use the input of exp as its slope; the exponential is its own slope, so it is the output.",
    of="Value.exp",
    hint=3,
)
def exp_slope_is_input(self):
    return Value(math.exp(self.data), (self, self.data))


@mistake(
    "Your logarithm is to the base 10. Asked for is the natural one, whose slope is 1 / x.",
    of="Value.log",
    hint=3,
)
def base_ten(self):
    return Value(math.log10(self.data), (self, 1 / self.data))


@mistake("The slope of log is 1 / x with x its input; you divide by its output.", of="Value.log", hint=3)
def one_over_output(self):
    return Value(math.log(self.data), (self, 1 / math.log(self.data)))


def _adjoints(root, order=None):
    """The adjoint of every Value, handed on in the order given, right or wrong."""
    order = topological_order(root)[::-1] if order is None else order
    adjoint = {root: 1.0}
    for v in order:
        for parent, slope in v.edges:
            adjoint[parent] = adjoint.get(parent, 0.0) + adjoint.get(v, 0.0) * slope
    return adjoint


def _add(adjoint):
    for v, derivative in adjoint.items():
        v.grad += derivative


def _pass_grads_on(order):
    """As many engines do it: what is passed on is read from the grads, with all that they hold."""
    for v in order:
        for parent, slope in v.edges:
            parent.grad += v.grad * slope
