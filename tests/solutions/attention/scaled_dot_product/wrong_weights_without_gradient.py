"""Wrong: the weights are computed under no_grad, so only V gets a gradient."""
# says: No gradient reaches Q

import torch


def sdpa(Q, K, V, mask=None):
    with torch.no_grad():
        S = Q @ K.mT / Q.shape[-1] ** 0.5
        if mask is None:
            A = S.softmax(-1)
        else:
            A = S.masked_fill(~mask, torch.finfo(S.dtype).min).softmax(-1).masked_fill(~mask, 0.0)
    return A @ V
