"""Wrong: hidden scores are -1e5 and their weights set to zero later; keys left with lower scores vanish all the same."""
# says: set to a number that is not low enough


def sdpa(Q, K, V, mask=None):
    S = Q @ K.mT / Q.shape[-1] ** 0.5
    if mask is None:
        return S.softmax(-1) @ V
    return S.masked_fill(~mask, -1e5).softmax(-1).masked_fill(~mask, 0.0) @ V
