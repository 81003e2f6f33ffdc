"""# A scalar autograd engine

PyTorch trains a language model by writing down every operation of the forward pass, and then going through
that record backwards with the chain rule. Build the whole of that idea for single numbers. Nothing in a
large model's backward pass works otherwise; it only has tensors where you have floats.

A `Value` holds a number and remembers which Values it was computed from. So the last one of a computation
holds a graph: for `y = a * b + a`

    a ----------+
    |           v
    +--> a*b -> y          y.parents = (a*b, a)        (a*b).parents = (a, b)        a.parents = b.parents = ()
          ^
    b ----+

`y.backward()` works out the derivative of y by **every** Value v of its graph. The chain rule says: add up,
over all Values u that were computed directly from v,

    ∂y/∂v = Σᵤ ∂y/∂u · ∂u/∂v                and, to begin with, ∂y/∂y = 1

The sum is right only when every ∂y/∂u in it is finished. So the Values have to be visited in an order in
which each comes after all that were computed from it: a **topological order**, from y to the leaves. And
each is visited once. Every residual connection of a transformer, `x = x + f(x)`, doubles the number of ways
from y to the input; with 60 of them there are 2⁶⁰ ways, but only a few hundred Values.

## Interface

`Value(data)` makes a leaf from a number. Plain Python; only the standard library is needed.

| name | type | what it is |
|---|---|---|
| `v.data` | float or int | the number, as given or as it came out; never changed by an operation or by `backward` |
| `v.grad` | float | 0.0 at first; may be set from outside |
| `v.parents` | tuple of Value | the Values it was directly computed from, one for each Value operand; `()` for a leaf |
| `a + b`, `a - b`, `a * b`, `a / b` | Value | on either side there may be a plain int or float in the place of a Value |
| `a ** n` | Value | n is a plain int or float |
| `-a` | Value | |
| `a.relu()`, `a.tanh()`, `a.exp()`, `a.log()` | Value | max(a, 0); hyperbolic tangent; e to the a; natural logarithm |
| `v.backward()` | None | adds ∂v/∂u to `u.grad` for every Value u in the graph of v, v itself included |

## Conventions and edge cases

- **`backward` adds.** ∂v/∂u is added to what `u.grad` holds, in leaves and in between alike. So after
  `y.backward()` twice every grad in its graph is twice the derivative, `y.grad` is 2.0, and calling it for
  two results adds the two derivatives up. What a grad held before the call has no say in what is added. To
  begin anew, a caller sets the grads to 0.0.
- (PyTorch adds up in leaves in the same way; in between it keeps nothing unless asked.)
- Grads of Values outside the graph of v stay as they are.
- **Plain numbers leave no trace.** In `a * 2 + 1` the 2 and the 1 become no Values: `(a * 2).parents` is
  `(a,)`.
- An operation may be made of others. If a - b is a + (-b), its parents are a and -b, and that is fine.
- A Value may be used any number of times, in one operation too: `x * x`, `x + x`.
- Two Values that hold the same number are still two Values.
- The derivative of relu at 0 is 0. tanh takes any float, 1000.0 and -1000.0 too, without overflow.
- An int is a number like any other, for `data` too: `Value(3) / 2` holds 1.5. So is 0, as a factor or under a
  power.
- Arguments are always within an operation's domain: no division by zero, no logarithm of 0 or a negative
  number, no power of 0 with an exponent below 1.
- A graph is a few hundred operations deep at the most, so recursion is allowed where you want it.

## Example

    a, b = Value(2.0), Value(-3.0)
    y = a * b + a                    y.data = -4.0
    y.backward()                     a.grad = b + 1 = -2.0        b.grad = a = 2.0        y.grad = 1.0

Sources: Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors" (Nature 323,
1986); Baydin, Pearlmutter, Radul and Siskind, "Automatic differentiation in machine learning: a survey"
(JMLR 18, 2018), section 3.2, "Reverse mode"; Karpathy's micrograd (2020) for the form, though not for what
a second `backward` does.
"""

from __future__ import annotations


class Value:
    """A number that remembers which Values it was computed from."""

    def __init__(self, data: float) -> None:
        # You may add parameters of your own after `data`, with defaults.
        raise NotImplementedError("set data, grad and parents, and whatever else backward will need")

    def __add__(self, other: Value | float) -> Value:
        raise NotImplementedError("a new Value: the sum, its parents, and what backward needs to know")

    def __radd__(self, other: float) -> Value:
        raise NotImplementedError("other + self, where other is a plain number")

    def __mul__(self, other: Value | float) -> Value:
        raise NotImplementedError("the product")

    def __rmul__(self, other: float) -> Value:
        raise NotImplementedError("other * self, where other is a plain number")

    def __neg__(self) -> Value:
        raise NotImplementedError("-self")

    def __sub__(self, other: Value | float) -> Value:
        raise NotImplementedError("self - other")

    def __rsub__(self, other: float) -> Value:
        raise NotImplementedError("other - self, where other is a plain number")

    def __pow__(self, exponent: float) -> Value:
        raise NotImplementedError("self to the power of a plain number")

    def __truediv__(self, other: Value | float) -> Value:
        raise NotImplementedError("self / other")

    def __rtruediv__(self, other: float) -> Value:
        raise NotImplementedError("other / self, where other is a plain number")

    def relu(self) -> Value:
        """max(self, 0)."""
        raise NotImplementedError("the rectified linear unit")

    def tanh(self) -> Value:
        """The hyperbolic tangent."""
        raise NotImplementedError("math.tanh never overflows")

    def exp(self) -> Value:
        """e to the power of self."""
        raise NotImplementedError("the exponential")

    def log(self) -> Value:
        """The natural logarithm."""
        raise NotImplementedError("the natural logarithm")

    def backward(self) -> None:
        """Add the derivative of self by u to `u.grad`, for every Value u in the graph of self."""
        raise NotImplementedError("order the graph, begin with 1 at self, and go from self to the leaves")


if __name__ == "__main__":
    a, b = Value(2.0), Value(-3.0)
    y = a * b + a
    y.backward()
    print("y =", y.data, "  dy/da =", a.grad, "  dy/db =", b.grad)

    # A neuron learns that (1.0, -2.0) means 0.5.
    w1, w2, bias = Value(0.3), Value(0.1), Value(0.0)
    for step in range(5):
        out = (w1 * 1.0 + w2 * -2.0 + bias).tanh()
        loss = (out - 0.5) ** 2
        for parameter in (w1, w2, bias):
            parameter.grad = 0.0
        loss.backward()
        for parameter in (w1, w2, bias):
            parameter.data -= 0.1 * parameter.grad
        print(f"step {step}: out {out.data:.3f}, loss {loss.data:.4f}")
