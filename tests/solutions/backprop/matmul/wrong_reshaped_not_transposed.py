"""Wrong: dB is made as dCᵀ A and brought to the right shape by reshaping, not by transposing."""
# says: Your dB is dCᵀ A, brought to the shape of B by reshape. That

import numpy as np


def add_up_batch(grad: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum over the batch axes along which an operand with this shape was repeated."""
    new = grad.ndim - len(shape)
    repeated = [k for k in range(grad.ndim - 2) if k < new or shape[k - new] != grad.shape[k]]
    return grad.sum(axis=tuple(repeated), keepdims=True)


def matmul_back(dC: np.ndarray, A: np.ndarray, B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    dC = np.asarray(dC)
    left = A[None, :] if A.ndim == 1 else A
    right = B[:, None] if B.ndim == 1 else B
    if B.ndim == 1:
        dC = dC[..., None]
    if A.ndim == 1:
        dC = dC[..., None, :]
    dA = dC @ right.swapaxes(-1, -2)
    dB = dC.swapaxes(-1, -2) @ left
    return add_up_batch(dA, left.shape).reshape(A.shape), add_up_batch(dB, right.shape).reshape(B.shape)
