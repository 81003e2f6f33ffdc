"""Wrong: exp(score - logsumexp) on the raw scores; at 10,000 the logsumexp itself has only three decimals in float32."""
# says: You subtract the log-sum-exp from the raw scores

import torch


def sdpa(Q, K, V, mask=None):
    scores = torch.einsum("...qd,...kd->...qk", Q, K) / Q.size(-1) ** 0.5
    alive = None
    if mask is not None:
        alive = mask.any(dim=-1, keepdim=True)
        scores = scores.masked_fill(~mask, float("-inf")).masked_fill(~alive, 0.0)
    if scores.size(-1) == 0:
        return torch.einsum("...qk,...kv->...qv", scores, V)
    weights = torch.exp(scores - torch.logsumexp(scores, dim=-1, keepdim=True))
    if alive is not None:
        weights = weights * alive
    return torch.einsum("...qk,...kv->...qv", weights, V)
