"""Wrong: the gradients of a shared operand are averaged over the batch."""
# says: A matrix that was used for the whole batch gets the sum

import numpy as np


def add_up_batch(grad: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum over the batch axes along which an operand with this shape was repeated."""
    new = grad.ndim - len(shape)
    repeated = [k for k in range(grad.ndim - 2) if k < new or shape[k - new] != grad.shape[k]]
    return grad.mean(axis=tuple(repeated), keepdims=True)


def matmul_back(dC: np.ndarray, A: np.ndarray, B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    dC = np.asarray(dC)
    left = A[None, :] if A.ndim == 1 else A
    right = B[:, None] if B.ndim == 1 else B
    if B.ndim == 1:
        dC = dC[..., None]
    if A.ndim == 1:
        dC = dC[..., None, :]
    dA = dC @ right.swapaxes(-1, -2)
    dB = left.swapaxes(-1, -2) @ dC
    return add_up_batch(dA, left.shape).reshape(A.shape), add_up_batch(dB, right.shape).reshape(B.shape)
