"""The base is turned into an int first."""
# says: The base is honoured, whether it is given by place or by

import numpy as np
import torch
from torch import Tensor


def pe(n: int, d: int, base: float = 10000.0) -> Tensor:
    column = np.arange(d)
    angle = np.arange(n)[:, None] / np.power(float(int(base)), 2 * (column // 2) / d)
    return torch.from_numpy(np.sin(angle + np.pi / 2 * (column % 2)).astype(np.float32))
