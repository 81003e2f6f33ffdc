"""The hidden suite of backprop/scalar_engine.

Programs are run twice: on the learner's Values and on complex numbers, where moving one number by 1e-30 i
gives the derivative by it to the last digit (the complex step, Squire and Trapp 1998). All numbers are
floats of moderate size, so the default tolerance of float64 (1e-9 relative, 1e-12 absolute) is far above
rounding and no check fails by chance. Each check asks for everything first and compares then, so that a
known mistake shows itself in full.
"""

import cmath
import math
import operator

from grader.testing import Handle, Mismatch, assert_close

STEP = 1e-30
BINARY = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "**": operator.pow}
UNARY = {
    "neg": operator.neg,
    "relu": lambda z: z if z.real > 0 else 0.0,
    "tanh": cmath.tanh,
    "exp": cmath.exp,
    "log": cmath.log,
}


def _apply(name, *operands):
    """One operation on Values, or on Values and numbers; fails where no Value comes back."""
    if name in BINARY:
        result, text = BINARY[name](*operands), f" {name} ".join(map(_text, operands))
    elif name == "neg":
        result, text = -operands[0], "-Value"
    else:
        result, text = getattr(operands[0], name)(), f"Value.{name}()"
    if not isinstance(result, Handle):
        raise Mismatch(f"{text} gave {result!r}, expected a Value.{' Is a return missing?' if result is None else ''}")
    return result


def _text(operand):
    return "Value" if isinstance(operand, Handle) else repr(operand)


def _complex(name, *operands):
    return BINARY[name](*operands) if name in BINARY else UNARY[name](complex(operands[0]))


def _run(program, numbers, moved=None):
    """The numbers of all steps of a program: leaves, then results. `moved` names the one that is moved by STEP i."""
    cells = []
    for k, item in enumerate([*numbers, *program]):
        z = (
            complex(item)
            if k < len(numbers)
            else complex(_complex(item[0], *(_look(cells, part) for part in item[1:])))
        )
        cells.append(z + STEP * 1j if k == moved else z)
    return cells


def _look(cells, part):
    """A part of an instruction: `[k]` is the k-th cell, anything else a plain number."""
    return cells[part[0]] if isinstance(part, list) else part


def _expected(program, numbers):
    """The data of every cell, and the derivative of the last one by every cell."""
    size = len(numbers) + len(program)
    data = [z.real for z in _run(program, numbers)]
    return data, [_run(program, numbers, moved)[-1].imag / STEP for moved in range(size)]


def _build(solution, program, numbers):
    cells = [solution.Value(value) for value in numbers]
    for name, *parts in program:
        cells.append(_apply(name, *(_look(cells, part) for part in parts)))
    return cells


def _describe(program, leaves):
    """A program in words: a, b, ... are leaves, later letters results in order."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    lines = []
    for k, (name, *parts) in enumerate(program, start=leaves):
        shown = [letters[part[0]] if isinstance(part, list) else repr(part) for part in parts]
        lines.append(
            f"{letters[k]} = "
            + (
                f" {name} ".join(shown)
                if name in BINARY
                else f"-{shown[0]}"
                if name == "neg"
                else f"{shown[0]}.{name}()"
            )
        )
    return "; ".join(lines)


def _check(solution, program, numbers, why=""):
    """Run a program, call backward on its last Value once, and compare every number and every grad."""
    cells = _build(solution, program, numbers)
    data = [cell.data for cell in cells]
    cells[-1].backward()
    grads = [cell.grad for cell in cells]
    return lambda: _judge(program, numbers, data, grads, why)


def _judge(program, numbers, data, grads, why):
    text = _describe(program, len(numbers))
    letters = "abcdefghijklmnopqrstuvwxyz"
    expected, derivatives = _expected(program, numbers)
    for letter, mine, value in zip(letters, data, expected, strict=False):
        assert_close(mine, value, what=f"the data of {letter} with {text}")
    for letter, mine, derivative in zip(letters, grads, derivatives, strict=False):
        assert_close(
            mine,
            derivative,
            what=f"the grad of {letter} after {letters[len(data) - 1]}.backward() with {text}",
            why=why,
        )


def _number(rng, low=0.4, high=2.0):
    return float(rng.uniform(low, high))


def test_operations(solution, rng):
    """Every operation has its value and its derivative"""
    a, b = _number(rng), _number(rng)
    programs = [([(name, [0], [1])], [a, -b]) for name in "+-*/"]
    programs += [([(name, [0])], [a]) for name in ("neg", "relu", "tanh", "exp", "log")]
    programs += [([("**", [0], n)], [a]) for n in (3, -1, 0.5, -1.5)] + [
        ([("**", [0], 2)], [-a]),
        ([("relu", [0])], [-b]),
    ]
    judges = [_check(solution, program, numbers) for program, numbers in programs]
    for judge in judges:
        judge()


def test_numbers_on_either_side(solution, rng):
    """A plain number may stand on either side of + - * /"""
    a = _number(rng)
    programs = (
        [[(name, [0], 3)] for name in "+-*/"]
        + [[(name, 3, [0])] for name in "+-*/"]
        + [[("/", 1, [0]), ("-", 0.5, [1])]]
    )
    judges = [_check(solution, program, [a]) for program in programs]
    for judge in judges:
        judge()


def test_zero(solution, rng):
    """An operand of 0 has its slope like any other"""
    a = _number(rng)
    programs = [([("*", [0], [1])], numbers) for numbers in ([0.0, a], [-a, 0.0], [0.0, 0.0])]
    programs += [
        ([("/", [0], [1])], [0.0, a]),
        ([("*", [0], 3)], [0.0]),
        ([("*", [0], 0)], [a]),
        ([("*", 0, [0])], [a]),
    ]
    programs += [([("**", [0], n)], [0.0]) for n in (2, 1, 3.0)]
    judges = [_check(solution, program, numbers, "One number is 0 here.") for program, numbers in programs]
    for judge in judges:
        judge()


def test_whole_numbers(solution):
    """Values that hold ints are worked with like floats"""
    programs = [
        ([("/", [0], 2)], [3]),
        ([("/", [0], [1])], [3, 2]),
        ([("/", 3, [0])], [2]),
        ([("**", [0], -1)], [4]),
        ([("*", [0], [1]), ("-", [2], 5), ("tanh", [3])], [2, 3]),
    ]
    judges = [_check(solution, program, numbers, "The data are ints here.") for program, numbers in programs]
    for judge in judges:
        judge()


def test_chain(solution, rng):
    """Along a chain of operations the slopes are multiplied"""
    program = [
        ("*", [0], [1]),
        ("tanh", [2]),
        ("*", [3], 2.5),
        ("exp", [4]),
        ("log", [5]),
        ("-", [6], [0]),
        ("**", [7], 3),
    ]
    _check(solution, program, [_number(rng), _number(rng, 0.2, 0.6)], why="This is the chain rule.")()


def test_used_twice(solution, rng):
    """A Value that is used several times gets the sum of all its ways"""
    why = "The contributions of all its uses add up."
    programs = [
        [("+", [0], [0])],
        [("*", [0], [0])],
        [("*", [0], 3), ("tanh", [0]), ("*", [1], [2]), ("+", [3], [0])],
        [("*", [0], [0]), ("-", [1], [0]), ("/", [2], [0])],
    ]
    a = _number(rng)
    judges = [_check(solution, program, [a], why) for program in programs]
    for judge in judges:
        judge()


def test_order(solution, rng):
    """A Value passes its gradient on only when all of it is there"""
    programs = [
        # c = a b is used at once and once more, further back; with the operands in either order.
        [("*", [0], [1]), ("tanh", [2]), ("*", [3], 1.5), ("+", [2], [4])],
        [("*", [0], [1]), ("tanh", [2]), ("*", [3], 1.5), ("+", [4], [2])],
        [("exp", [0]), ("*", [2], [1]), ("*", [3], [2]), ("*", [4], [2]), ("*", [3], [5])],
    ]
    numbers = [_number(rng, 0.3, 0.9), _number(rng, 0.3, 0.9)]
    judges = [
        _check(solution, program, numbers, "A Value has its turn after all that were computed from it.")
        for program in programs
    ]
    for judge in judges:
        judge()


def test_random_programs(solution, rng):
    """Random expressions with shared parts agree with independent derivatives"""
    judges = [_check(solution, *_random_program(rng)) for _ in range(3)]
    for judge in judges:
        judge()


def _random_program(rng, leaves=3, steps=11):
    # Without - and /: code makes them of one operation or of several, and a wrong backward then goes wrong in ways of its own.
    numbers = [_number(rng) * (1 if rng.random() < 0.6 else -1) for _ in range(leaves)]
    program, values = [], list(numbers)
    unused = set(range(leaves))
    while len(program) < steps:
        name = str(rng.choice(["+", "*", "**", "relu", "tanh", "exp", "log"]))
        # Rather what is not used yet, else anything: shared parts and one connected graph.
        k = int(rng.choice(sorted(unused))) if unused and rng.random() < 0.5 else int(rng.integers(len(values)))
        parts = [[k]]
        if name == "**":
            parts.append(float(rng.choice([2.0, 3.0, -1.0, -2.0])))
        elif name in BINARY:
            parts.append(
                [int(rng.integers(len(values)))] if rng.random() < 0.7 else round(float(rng.uniform(0.5, 2.0)), 2)
            )
            parts = parts[:: int(rng.choice([1, -1]))]
        operands = [_look(values, part) for part in parts]
        if name == "log" and operands[0] < 0.2:
            continue
        if (name == "**" and abs(operands[0]) < 0.2) or (name == "relu" and abs(operands[0]) < 0.05):
            continue
        value = _complex(name, *operands).real
        if abs(value) > 8 or (value == 0 and rng.random() < 0.9):
            continue
        program.append((name, *parts))
        values.append(value)
        unused = (unused | {len(values) - 1}) - {part[0] for part in parts if isinstance(part, list)}
    for k in sorted(unused - {len(values) - 1}):
        program.append(("+", [len(numbers) + len(program) - 1], [k]))
    return program, numbers


def test_equal_numbers(solution):
    """Values that hold the same number are different Values"""
    program = [("*", [0], [1]), ("*", [2], [3]), ("+", [4], [5]), ("tanh", [6]), ("*", [7], [4])]
    _check(solution, program, [0.5, 0.25, 0.5, 0.25], why="a and c hold the same number, and so do b and d, e and f.")()


def test_backward_twice(solution, rng):
    """A second backward adds the same derivatives again, and so does a third"""
    program = [("*", [0], [1]), ("exp", [2]), ("+", [3], [2]), ("*", [4], [0])]
    numbers = [_number(rng, 0.3, 0.8), _number(rng, 0.3, 0.8)]
    cells = _build(solution, program, numbers)
    seen = []
    for _ in range(3):
        cells[-1].backward()
        seen.append([cell.grad for cell in cells])
    _, expected = _expected(program, numbers)
    text = _describe(program, 2)
    for times, grads in enumerate(seen, start=1):
        for letter, grad, derivative in zip("abcdef", grads, expected, strict=True):
            assert_close(
                grad,
                times * derivative,
                what=f"the grad of {letter} after f.backward() was called {times} times, with {text}",
                why="Each call adds the derivative, in leaves and in between alike.",
            )


def test_two_results(solution, rng):
    """The derivatives of two results add up, also where one was computed from the other"""
    p, q = _number(rng, 0.3, 0.9), _number(rng, 0.3, 0.9)
    first = [("*", [0], [1]), ("tanh", [2])]
    second = [*first, ("+", [3], [0]), ("*", [4], [3])]
    cells = _build(solution, second, [p, q])
    cells[5].backward()
    after_second = [cell.grad for cell in cells]
    cells[3].backward()
    after_both = [cell.grad for cell in cells]
    expected = _expected(second, [p, q])[1]
    of_first = [*_expected(first, [p, q])[1], 0.0, 0.0]
    text = _describe(second, 2)
    for letter, grad, derivative in zip("abcdef", after_second, expected, strict=True):
        assert_close(grad, derivative, what=f"the grad of {letter} after f.backward() with {text}")
    for letter, grad, derivative, other in zip("abcdef", after_both, expected, of_first, strict=True):
        assert_close(grad, derivative + other, what=f"the grad of {letter} after f.backward() and d.backward() with {text}",
                     why="What a grad held before has no say in what the second call adds.")  # fmt: skip


def test_set_from_outside(solution, rng):
    """Grads that are set from outside are added to, and have no influence else"""
    program = [("*", [0], [1]), ("log", [2]), ("*", [3], [0]), ("+", [4], [2])]
    numbers = [_number(rng), _number(rng)]
    cells = _build(solution, program, numbers)
    cells[-1].backward()
    for k, cell in enumerate(cells):
        cell.grad = 0.0 if k % 2 else 10.0 + k
    cells[-1].backward()
    grads = [cell.grad for cell in cells]
    expected = _expected(program, numbers)[1]
    for k, (letter, grad, derivative) in enumerate(zip("abcdef", grads, expected, strict=True)):
        start = 0.0 if k % 2 else 10.0 + k
        assert_close(
            grad,
            start + derivative,
            what=f"the grad of {letter} after it was set to {start:g} and f.backward() called, with {_describe(program, 2)}",
        )


def test_outside_stays(solution):
    """Values outside the graph keep their grads, and no number changes"""
    a, b, c = (solution.Value(number) for number in (1.5, -0.5, 2.5))
    y = _apply("*", a, b)
    z = _apply("+", _apply("*", y, c), 1.0)
    for k, outside in enumerate((c, z)):
        outside.grad = 3.5 + k
    y.backward()
    grads = [v.grad for v in (a, b, y, c, z)]
    data = [v.data for v in (a, b, c, y, z)]
    text = "y = a * b, z = y * c + 1, c.grad = 3.5, z.grad = 4.5"
    for name, mine, value in zip(("a", "b", "y", "c", "z"), grads, (-0.5, 1.5, 1.0, 3.5, 4.5), strict=True):
        assert_close(
            mine,
            value,
            what=f"the grad of {name} after y.backward() with {text}",
            why="c and z are not in the graph of y.",
        )
    for name, mine, value in zip(("a", "b", "c", "y", "z"), data, (1.5, -0.5, 2.5, -0.75, -0.875), strict=True):
        assert_close(mine, value, what=f"the data of {name} after y.backward()")


def test_edges_of_relu_and_tanh(solution):
    """relu is flat at 0, tanh does not overflow"""
    results = []
    for name, number in (("relu", 0.0), ("tanh", 1000.0), ("tanh", -1000.0), ("tanh", 0.0)):
        x = solution.Value(number)
        y = _apply(name, x)
        y.backward()
        results.append((name, number, y.data, x.grad))
    for (name, number, data, grad), (value, slope) in zip(
        results, ((0.0, 0.0), (1.0, 0.0), (-1.0, 0.0), (0.0, 1.0)), strict=True
    ):
        assert_close(data, value, what=f"the data of Value({number}).{name}()")
        assert_close(grad, slope, what=f"the derivative of {name} at {number}")


def test_residual_stack(solution):
    """Sixty residual blocks are differentiated at once: each Value is visited once, whatever the number of ways"""
    # The short stack first: code that counts ways twice fails there, before the long one keeps it busy for ever.
    for blocks in (4, 60):
        x = h = solution.Value(0.5)
        for _ in range(blocks):
            h = _apply("+", h, _apply("*", h, 0.125))
        h.backward()
        grad = x.grad
        assert_close(grad, math.pow(1.125, blocks), what=f"the grad of x after {blocks} blocks h = h + h * 0.125")


def test_parents(solution):
    """Values remember the Values they come from; plain numbers leave no trace"""
    a, b = solution.Value(2.0), solution.Value(4.0)
    made = [("Value(2.0)", a, 0)]
    made += [(f"a {name} b", _apply(name, a, b), 2) for name in "+-*/"]
    made += [(f"a.{name}()", _apply(name, a), 1) for name in ("relu", "tanh", "exp", "log")] + [
        ("a ** 3", _apply("**", a, 3), 1)
    ]
    made += [(f"a {name} 3", _apply(name, a, 3), 1) for name in "+-*/"] + [
        (f"3 {name} a", _apply(name, 3, a), 1) for name in "+-*/"
    ]
    found = [(text, value.parents, count) for text, value, count in made]
    for text, parents, count in found:
        if not isinstance(parents, tuple):
            raise Mismatch(f"({text}).parents is a {type(parents).__name__}, expected a tuple.")
        if len(parents) != count:
            raise Mismatch(
                f"({text}).parents has {len(parents)} entries, expected {count}: one for each Value operand."
            )
