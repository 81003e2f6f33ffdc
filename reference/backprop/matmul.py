"""The backward pass of np.matmul.

Giles, "Collected matrix derivative results" (2008): for C = A B, dA = dC Bᵀ and dB = Aᵀ dC. What the batch
broadcast is summed; vectors are made matrices first, as np.matmul does itself.
"""

import numpy as np

from grader.marks import alternative, mistake


def matmul_back(dC: np.ndarray, A: np.ndarray, B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The gradients for A and B, from the gradient `dC` for C = A @ B."""
    rows = A[np.newaxis, :] if A.ndim == 1 else A
    columns = B[:, np.newaxis] if B.ndim == 1 else B
    if B.ndim == 1:
        dC = np.expand_dims(dC, -1)
    if A.ndim == 1:
        dC = np.expand_dims(dC, -2)
    dA = sum_batch(dC @ columns.swapaxes(-1, -2), rows.shape)
    dB = sum_batch(rows.swapaxes(-1, -2) @ dC, columns.shape)
    return dA.reshape(A.shape), dB.reshape(B.shape)


def sum_batch(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The sum of g over the batch axes along which an operand of that shape was broadcast."""
    new = g.ndim - len(shape)
    ones = tuple(new + axis for axis, size in enumerate(shape) if size == 1)  # those of the matrix are ones in g too
    return g.sum(axis=tuple(range(new)) + ones).reshape(shape)


# Alternatives -------------------------------------------------------------------------------------------------------


@alternative("einsum with the batch's axes named: what an operand does not have is summed.", of="matmul_back")
def with_einsum(dC, A, B):
    n, k, m = 49, 50, 51
    left, right = A.ndim == 1, B.ndim == 1
    a_axes = [k] if left else [*range(A.ndim - 3, -1, -1), n, k]
    b_axes = [k] if right else [*range(B.ndim - 3, -1, -1), k, m]
    batch = dC.ndim - (not left) - (not right)
    c_axes = [*range(batch - 1, -1, -1), *([] if left else [n]), *([] if right else [m])]

    def without_ones(x, axes):
        """An operand's batch axes of size 1 that were stretched are left out: they are no axes at all for einsum."""
        stretched = [a for a, axis in enumerate(axes[: max(0, x.ndim - 2)]) if x.shape[a] == 1]
        return np.squeeze(x, axis=tuple(stretched)), [axis for a, axis in enumerate(axes) if a not in stretched]

    a, a_left = without_ones(A, a_axes)
    b, b_left = without_ones(B, b_axes)
    # Where both have size 1 in a batch axis, neither names it; it is squeezed from dC too.
    for axis in [axis for axis in c_axes if axis < n and axis not in a_left and axis not in b_left]:
        dC, c_axes = np.squeeze(dC, axis=c_axes.index(axis)), [c for c in c_axes if c != axis]
    dA = np.einsum(np.asarray(dC), c_axes, b, b_left, a_left).reshape(A.shape)
    dB = np.einsum(np.asarray(dC), c_axes, a, a_left, b_left).reshape(B.shape)
    return dA.astype(A.dtype), dB.astype(B.dtype)


@alternative("Loops: each matrix of the batch on its own, added at the place it came from.", of="matmul_back")
def matrix_by_matrix(dC, A, B):
    dA, dB = np.zeros(A.shape, A.dtype), np.zeros(B.shape, B.dtype)
    a, da = (x[None, :] if A.ndim == 1 else x for x in (A, dA))
    b, db = (x[:, None] if B.ndim == 1 else x for x in (B, dB))
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    dC = np.reshape(dC, (*batch, a.shape[-2], b.shape[-1]))
    a_all, b_all = (np.broadcast_to(x, (*batch, *x.shape[-2:])) for x in (a, b))

    def own(place, x):
        """Where in x the matrix comes from that stands at this place of the batch."""
        inner = place[len(batch) - x.ndim + 2 :]
        return tuple(i if size != 1 else 0 for i, size in zip(inner, x.shape, strict=False))

    for place in np.ndindex(*batch):
        da[own(place, a)] += dC[place].dot(b_all[place].T)
        db[own(place, b)] += a_all[place].T.dot(dC[place])
    return dA, dB


# Mistakes -----------------------------------------------------------------------------------------------------------


@mistake(
    "dA and dB come back in each other's place: the order is dA, dB.",
    of="matmul_back",
    hint=2,
)
def order_exchanged(dC, A, B):
    dA, dB = _right(dC, A, B)
    return dB, dA


@mistake(
    "You multiply dC with the operand as it is. It has to be transposed: dA sums over the columns j of dC and of B.",
    of="matmul_back",
    hint=3,
)
def not_transposed(dC, A, B):
    dC, a, b = _matrices(dC, A, B)
    return _sum(dC @ b, A.shape), _sum(a @ dC, B.shape)


@mistake(
    "Your gradients are the transposes of what they should be: dA comes out as B dCᵀ, dB as dCᵀ A. They have the "
    "shapes "
    "of A and B.",
    of="matmul_back",
    hint=3,
)
def gradients_transposed(dC, A, B):
    dA, dB = _right(dC, A, B)
    return (dA.swapaxes(-1, -2) if A.ndim > 1 else dA), (dB.swapaxes(-1, -2) if B.ndim > 1 else dB)


@mistake(
    "The transpose turns all axes round (`.T`), the batch too. Only the last two are to be exchanged.",
    of="matmul_back",
    hint=2,
)
def all_axes_turned(dC, A, B):
    dC, a, b = _matrices(dC, A, B)
    return _sum(dC @ b.T, A.shape), _sum(a.T @ dC, B.shape)


@mistake(
    "Batch axes along which an operand was broadcast are not summed: its gradient has more axes than it has itself. It "
    "was used for each matrix of the batch, and all of them contribute.",
    of="matmul_back",
    hint=2,
)
def batch_not_summed(dC, A, B):
    dC, a, b = _matrices(dC, A, B)
    dA, dB = dC @ b.swapaxes(-1, -2), a.swapaxes(-1, -2) @ dC
    return (dA[..., 0, :] if A.ndim == 1 else dA), (dB[..., 0] if B.ndim == 1 else dB)


@mistake(
    "New batch axes in front are summed, but batch axes of size 1 are not. They were repeated for the other operand's "
    "batch, and have to come back to size 1.",
    of="matmul_back",
    hint=2,
)
def ones_not_summed(dC, A, B):
    dC, a, b = _matrices(dC, A, B)
    dA, dB = dC @ b.swapaxes(-1, -2), a.swapaxes(-1, -2) @ dC
    dA, dB = dA.sum(axis=tuple(range(dA.ndim - a.ndim))), dB.sum(axis=tuple(range(dB.ndim - b.ndim)))
    return (dA[..., 0, :] if A.ndim == 1 else dA), (dB[..., 0] if B.ndim == 1 else dB)


@mistake(
    "You take the mean over the batch. The chain rule sums; if the loss is a mean, dC has that division in it already.",
    of="matmul_back",
    hint=1,
)
def batch_averaged(dC, A, B):
    dA, dB = _right(dC, A, B)
    batch = _matrices(dC, A, B)[0].shape[:-2]
    shares = [max(1, np.prod(batch, dtype=int)) // max(1, np.prod(x.shape[:-2], dtype=int)) for x in (A, B)]
    return dA / np.asarray(shares[0], dA.dtype), dB / np.asarray(shares[1], dB.dtype)


@mistake(
    "You keep what the first matrix of the batch contributes and drop the rest. An operand that was used for the whole "
    "batch gets the sum.",
    of="matmul_back",
    hint=1,
)
def first_of_the_batch(dC, A, B):
    dC, a, b = _matrices(dC, A, B)
    found = []
    for g, x in ((dC @ b.swapaxes(-1, -2), A), (a.swapaxes(-1, -2) @ dC, B)):
        shape = x.shape if x.ndim > 1 else (x.size,)
        wide = g if x.ndim > 1 else (g[..., 0, :] if x is A else g[..., 0])
        wide = wide[(0,) * (wide.ndim - len(shape))] if 0 not in wide.shape else wide.sum(
            axis=tuple(range(wide.ndim - len(shape)))
        )
        found.append(wide[tuple(slice(size) for size in shape)].copy())
    return tuple(found)


@mistake(
    "A matrix with one row or one column loses that axis in its gradient. A row (1, k) is no vector (k,): only "
    "what was a "
    "vector comes back as one.",
    of="matmul_back",
    hint=2,
)
def ones_lost(dC, A, B):
    dA, dB = _right(dC, A, B)
    return tuple(
        np.squeeze(g, axis=tuple(a for a in (-2, -1) if g.shape[a] == 1)) if g.ndim > 1 else g for g in (dA, dB)
    )


@mistake(
    "You sum over the batch whatever the shapes. Where an operand has the batch axis itself, each of its "
    "matrices belongs "
    "to one product only and keeps its own gradient.",
    of="matmul_back",
    hint=2,
)
def batch_always_summed(dC, A, B):
    dC, a, b = _matrices(dC, A, B)
    dA, dB = dC @ b.swapaxes(-1, -2), a.swapaxes(-1, -2) @ dC
    batch = tuple(range(dA.ndim - 2))
    dA, dB = dA.sum(axis=batch), dB.sum(axis=batch)
    return (dA[0] if A.ndim == 1 else dA), (dB[:, 0] if B.ndim == 1 else dB)


@mistake(
    "Vectors are not dealt with: a vector on the left counts as a row, one on the right as a column, and C has "
    "lost that "
    "axis again.",
    of="matmul_back",
    hint=2,
)
def no_vectors(dC, A, B):
    return _sum(dC @ B.swapaxes(-1, -2), A.shape), _sum(A.swapaxes(-1, -2) @ dC, B.shape)


@mistake(
    "Two vectors are dealt with, and vectors beside a single matrix, but not beside a batch: the vector was used "
    "for each "
    "of its matrices, and gets the sum.",
    of="matmul_back",
    hint=2,
)
def no_vectors_beside_batches(dC, A, B):
    if (A.ndim == 1 and B.ndim > 2) or (B.ndim == 1 and A.ndim > 2):
        raise ValueError("matmul: vectors beside a batch")
    return _right(dC, A, B)


@mistake(
    "The gradient of a vector comes back as a matrix of one row or one column. It has the shape of the vector, (k,).",
    of="matmul_back",
    hint=2,
)
def vectors_stay_matrices(dC, A, B):
    dA, dB = _right(dC, A, B)
    return (dA[None, :] if A.ndim == 1 else dA), (dB[:, None] if B.ndim == 1 else dB)


@mistake(
    "dC is not used: your gradients are those of the sum of all of C. Each entry of C has its own weight in the "
    "loss, and "
    "dC holds them.",
    of="matmul_back",
    hint=1,
)
def dC_ignored(dC, A, B):
    return _right(np.ones_like(dC), A, B)


@mistake(
    "The gradients are float64 whatever came in. float32 stays float32.",
    of="matmul_back",
    hint=2,
)
def always_float64(dC, A, B):
    return _right(np.asarray(dC, np.float64), A.astype(np.float64), B.astype(np.float64))


@mistake(
    "The numbers are right, but you worked in an array of the caller's: dC was changed. Arguments are only to be read.",
    of="matmul_back",
    hint=4,
)
def overwrites(dC, A, B):
    found = _right(dC, A, B)
    if isinstance(dC, np.ndarray):
        dC *= 2
    return found


def _matrices(dC, A, B):
    if B.ndim == 1:
        dC = np.expand_dims(dC, -1)
    if A.ndim == 1:
        dC = np.expand_dims(dC, -2)
    return dC, (A[None, :] if A.ndim == 1 else A), (B[:, None] if B.ndim == 1 else B)


def _sum(g, shape):
    """g down to an operand's shape, if it can be; a vector's axis of size 1 goes too."""
    axes = len(shape)
    new = g.ndim - max(axes, 2)
    repeated = tuple(new + a for a, size in enumerate(shape[:-2]) if size == 1)
    g = g.sum(axis=(*range(new), *repeated), keepdims=True)
    g = g.reshape(g.shape[new:])
    return g.reshape(-1) if axes == 1 else g


def _right(dC, A, B):
    dC, a, b = _matrices(dC, A, B)
    dA, dB = dC @ b.swapaxes(-1, -2), a.swapaxes(-1, -2) @ dC
    return _sum(dA, A.shape), _sum(dB, B.shape)


@mistake(
    "Your dB is dCᵀ A, brought to the shape of B by reshape. That keeps the numbers in their order and puts them in "
    "the wrong places; transposing is another thing. dB[k, m] sums A[n, k] dC[n, m] over n.",
    of="matmul_back",
    hint=3,
)
def db_reshaped(dC, A, B):
    dA, _ = _right(dC, A, B)
    dC, a, b = _matrices(dC, A, B)
    g = dC.swapaxes(-1, -2) @ a
    new = g.ndim - b.ndim
    batch = (*range(new), *(new + axis for axis, size in enumerate(b.shape[:-2]) if size == 1))
    return dA, g.sum(axis=batch).reshape(B.shape)


@mistake(
    "Where a batch axis of size 1 was stretched to size 0 you do not sum it, and the shapes do not fit. It was "
    "stretched all the same: the sum over no matrices is zeros.",
    of="matmul_back",
    hint=2,
)
def stretched_to_nothing(dC, A, B):
    dC_wide, a, b = _matrices(dC, A, B)
    batch = dC_wide.shape[:-2]
    for x in (a, b):
        if any(size == 1 and batch[k] == 0 for k, size in enumerate(x.shape[:-2], len(batch) - x.ndim + 2)):
            raise ValueError("cannot reshape array of size 0")
    return _right(dC, A, B)
