"""Wrong: subtracts 10⁶ from hidden scores, which is no more than a large score makes up for."""
# says: You lower the scores of the future by a finite number

import torch


def causal(Q, K, V, offset=None):
    n_q, n_k = Q.shape[-2], K.shape[-2]
    if offset is None:
        offset = n_k - n_q
    hidden = torch.ones(n_q, n_k, dtype=Q.dtype, device=Q.device).triu(offset + 1)
    scores = Q @ K.mT / Q.shape[-1] ** 0.5 - 1e6 * hidden
    alive = (hidden == 0).any(-1, keepdim=True)
    return (torch.softmax(scores, -1) * alive) @ V
