"""The hidden suite of backprop/matmul.

C is linear in A and in B, so its slope by one entry is, exactly, the product with that entry set to 1 and all others to
0. The expected gradients are found in that way, entry by entry, with np.matmul as the forward pass; the formulas of
the backward pass are not used, nor any rule about batches and vectors. float64 sums of at most 60 products of about 1
are compared with the default tolerance (1e-9 relative, 1e-12 absolute, far above rounding in any order), float32 with
1e-5 and 1e-5. No check fails by chance.
"""

import numpy as np

from grader.testing import Mismatch, assert_close, assert_equal, keep, library


def _expected(dC, A, B):
    grads = []
    for which, operand in enumerate((A, B)):
        grad = np.zeros(operand.shape)
        for place in np.ndindex(operand.shape):
            unit = np.zeros(operand.shape)
            unit[place] = 1.0
            slope = np.matmul(unit, B) if which == 0 else np.matmul(A, unit)
            grad[place] = np.sum(dC * slope)
        grads.append(grad.astype(operand.dtype))
    return grads


def _draw(rng, a_shape, b_shape, dtype=np.float64):
    A, B = rng.normal(size=a_shape), rng.normal(size=b_shape)
    dC = np.asarray(rng.normal(size=np.shape(np.matmul(A, B))))
    return dC.astype(dtype), A.astype(dtype), B.astype(dtype)


def _judge(grads, dC, A, B, why="", **tolerance):
    if not isinstance(grads, tuple | list) or len(grads) != 2:
        kind = f"{len(grads)} values" if isinstance(grads, tuple | list) else f"a {type(grads).__name__}"
        raise Mismatch(f"matmul_back has to return dA and dB; what came is {kind}.")
    for name, mine, theirs in zip(("dA", "dB"), grads, _expected(dC, A, B), strict=True):
        what = f"{name} for A of shape {A.shape} and B of shape {B.shape}"
        assert_close(mine, theirs, what=what, why=why, **tolerance)


def _check(solution, rng, shapes, why="", dtype=np.float64, **tolerance):
    cases = [_draw(rng, *pair, dtype=dtype) for pair in shapes]
    answers = [solution.matmul_back(*case) for case in cases]
    for grads, case in zip(answers, cases, strict=True):
        _judge(grads, *case, why=why, **tolerance)


def test_matrices(solution, rng):
    """Two matrices with three different sizes"""
    _check(solution, rng, [((2, 3), (3, 4)), ((5, 2), (2, 3))])


def test_worked_example(solution):
    """The example of the statement"""
    A, B = np.array([[1.0, 2.0, 3.0]]), np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]])
    dC = np.array([[1.0, 10.0]])
    grads = solution.matmul_back(dC, A, B)
    _judge(grads, dC, A, B)
    assert_close(grads[0], np.array([[1.0, 10.0, 22.0]]), what="dA of the example")
    assert_close(grads[1], np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]), what="dB of the example")


def test_square(solution, rng):
    """Square matrices, where the shapes do not tell which factor is transposed"""
    _check(solution, rng, [((3, 3), (3, 3)), ((4, 4), (4, 4))])


def test_linear_layer(solution, rng):
    """One weight matrix for a batch of texts gets the sum over all of them"""
    _check(solution, rng, [((5, 2, 3), (3, 4)), ((2, 5, 2, 3), (3, 4)), ((3, 4), (5, 4, 2)), ((3, 3, 3), (3, 3))],
           why="A matrix that was used for the whole batch gets the sum.")  # fmt: skip


def test_batch(solution, rng):
    """With the same batch on both sides each matrix keeps its own gradient"""
    _check(solution, rng, [((4, 2, 3), (4, 3, 5)), ((2, 3, 4, 2), (2, 3, 2, 5)), ((3, 3, 3), (3, 3, 3))])


def test_broadcast_batch(solution, rng):
    """Batch axes that were broadcast are summed, in either operand and in both at once"""
    shapes = [((2, 1, 3, 4), (5, 4, 2)), ((1, 2, 3), (4, 3, 2)), ((4, 2, 3), (1, 3, 2)), ((2, 1, 2, 3), (1, 4, 3, 5))]
    _check(solution, rng, [*shapes, ((1, 2, 3), (3, 4)), ((2, 3, 1, 2, 3), (2, 1, 4, 3, 2))])


def test_vectors(solution, rng):
    """A vector on either side, and two vectors"""
    _check(solution, rng, [((3,), (3, 4)), ((2, 3), (3,)), ((4,), (4,))])


def test_vectors_beside_batches(solution, rng):
    """A vector beside a batch of matrices gets the sum over the batch"""
    _check(solution, rng, [((3,), (2, 3, 4)), ((5, 2, 3), (3,)), ((3,), (2, 5, 3, 4)), ((2, 5, 4, 3), (3,))])


def test_sizes_of_one(solution, rng):
    """Rows, columns and matrices of one number keep their axes of size 1"""
    shapes = [((1, 3), (3, 4)), ((2, 3), (3, 1)), ((2, 1), (1, 4)), ((1, 1), (1, 1)), ((1,), (1, 3)), ((2, 1), (1,))]
    _check(solution, rng, [*shapes, ((4, 1, 3), (3, 2)), ((4, 1, 3), (4, 3, 1)), ((1, 1, 3), (2, 3, 1))],
           why="Only batch axes are broadcast; n, k and m never are.")  # fmt: skip


def test_adjoint(solution, rng):
    """Σ dC · (A B) is Σ dA · A and is Σ dB · B"""
    cases = [_draw(rng, (2, 1, 3, 4), (5, 4, 2)), _draw(rng, (6, 2, 3), (3,))]
    answers = [solution.matmul_back(*case) for case in cases]
    for grads, (dC, A, B) in zip(answers, cases, strict=True):
        _judge(grads, dC, A, B)
        for name, mine, operand in zip("AB", grads, (A, B), strict=True):
            assert_close(
                float(np.sum(mine * operand)),
                float(np.sum(dC * np.matmul(A, B))),
                what=f"Σ d{name} · {name} for A of shape {A.shape} and B of shape {B.shape}",
                why="C is linear in both.",
            )


def test_empty(solution, rng):
    """k = 0, no rows, no batch"""
    shapes = [((2, 0), (0, 3)), ((0, 3), (3, 2)), ((0, 2, 3), (3, 4)), ((0, 2, 3), (1, 3, 4)), ((0,), (0, 2))]
    _check(solution, rng, shapes)


def test_float32(solution, rng):
    """float32 in, float32 out"""
    shapes = [((2, 3), (3, 4)), ((5, 2, 3), (3, 4)), ((5, 1, 2, 3), (4, 3, 2)), ((3,), (2, 3, 4)), ((2, 3), (3,))]
    _check(solution, rng, shapes, dtype=np.float32, rtol=1e-5, atol=1e-5)


def test_arguments_are_only_read(solution, rng):
    """dC, A and B hold the same numbers afterwards, whatever their strides"""
    # A and B are transposed views, dC runs backwards.
    dC, A, B = _draw(rng, (4, 2, 3), (4, 3, 5))
    turn = library(solution, "numpy.transpose")
    there = [
        keep(library(solution, "numpy.flip"), np.flip(dC).copy()),
        keep(turn, A.transpose(2, 0, 1).copy(), (1, 2, 0)),
        keep(turn, B.transpose(1, 2, 0).copy(), (2, 0, 1)),
    ]
    grads = solution.matmul_back(*there)
    after = [value[...] for value in there]
    for name, mine, before in zip(("dC", "A", "B"), after, (dC, A, B), strict=True):
        assert_equal(mine, before, what=f"{name} afterwards (it must not be changed in place)")
    _judge(grads, dC, A, B)
