"""Right: each text of the batch on its own, its padding cut off; softmax written out."""

import torch
from positional_encoding.rope import rope


def one_text(Q, K, V, first, n_past):
    """(heads, n, d_head) against (heads, n_past + n, d_head)."""
    rows = []
    for i in range(Q.shape[1]):
        here = n_past + i
        if here < first:
            rows.append(torch.zeros_like(V[:, 0]))
            continue
        s = torch.einsum("he,hje->hj", Q[:, i], K[:, first : here + 1]) / Q.shape[-1] ** 0.5
        w = torch.exp(s - s.amax(1, keepdim=True))
        rows.append(torch.einsum("hj,hje->he", w / w.sum(1, keepdim=True), V[:, first : here + 1]))
    return torch.stack(rows, 1) if rows else torch.zeros_like(Q)


def decode(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    b, n, d = x.shape
    if cache is None:
        empty = x.new_zeros(b, n_heads, 0, d // n_heads)
        cache = empty, empty
    n_past = cache[0].shape[2]
    where = torch.arange(n) + n_past

    def heads(W):
        return torch.stack((x @ W).chunk(n_heads, dim=-1), dim=1)

    K = torch.cat((cache[0], rope(heads(W_k), where)), 2)
    V = torch.cat((cache[1], heads(W_v)), 2)
    Q = rope(heads(W_q), where)
    pads = [0] * b if pad is None else pad.tolist()
    y = torch.stack([one_text(Q[s], K[s], V[s], pads[s], n_past) for s in range(b)])
    return torch.cat(y.unbind(1), dim=-1) @ W_o, (K, V)


def select(cache, index):
    K, V = cache
    return torch.stack([K[int(i)] for i in index]), torch.stack([V[int(i)] for i in index])
