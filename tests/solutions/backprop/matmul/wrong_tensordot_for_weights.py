"""Wrong: flattens the batch into rows for both gradients, which is right only if B is one matrix."""
# says: your code raised

import numpy as np


def matmul_back(dC, A, B):
    dA = dC @ np.swapaxes(B, -1, -2)
    dB = A.reshape(-1, A.shape[-1]).T @ dC.reshape(-1, dC.shape[-1])
    return dA, dB
