"""Wrong: takes an explicit offset as a shift of the bottom right corner, not as the position of the first query."""
# says: You add the given offset to n_k - n_q

import torch


def causal(Q, K, V, offset=None):
    n_q, n_k = Q.shape[-2], K.shape[-2]
    shift = 0 if offset is None else offset
    seen = torch.ones(n_q, n_k, dtype=torch.bool, device=Q.device).tril(n_k - n_q + shift)
    scores = (Q @ K.mT / Q.shape[-1] ** 0.5).masked_fill(~seen, float("-inf"))
    scores = scores.masked_fill(~seen.any(-1, keepdim=True), 0)
    return torch.softmax(scores, -1).masked_fill(~seen, 0) @ V
