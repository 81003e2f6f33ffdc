"""Wrong: compares with an attention of its own."""
# says: test the property, not the whole attention

import torch


def close(a, b):
    return bool(torch.isfinite(a).all()) and float((a - b).abs().max()) < 1e-7


def inputs(n_q=5, n_k=8, d_k=4, d_v=3):
    return [torch.randn(n, d, dtype=torch.float64) for n, d in ((n_q, d_k), (n_k, d_k), (n_k, d_v))]


def causal(n_q=5, n_k=8):
    return torch.arange(n_k)[None, :] <= torch.arange(n_q)[:, None] + 2


def weights_sum_to_one(attention):
    Q, K, _ = inputs()
    row = torch.randn(3, dtype=torch.float64) + 5.0
    V = row.repeat(8, 1)
    expected = row.repeat(5, 1)
    return close(attention(Q, K, V), expected) and close(attention(Q, K, V, mask=causal()), expected)


def hidden_keys_do_not_matter(attention):
    Q, K, V = inputs()
    before = attention(Q, K, V, causal())
    K2, V2 = K.clone(), V.clone()
    K2[5:] = torch.randn(3, 4, dtype=torch.float64) * 3
    V2[5:] = torch.randn(3, 3, dtype=torch.float64) * 3
    after = attention(Q, K2, V2, causal())
    return close(after[:3], before[:3])


def order_of_keys_does_not_matter(attention):
    Q, K, V = inputs()
    back = torch.arange(7, -1, -1)
    for mask in (None, causal(), causal()[:, [0, 2, 1, 3, 5, 4, 6, 7]]):
        other = mask if mask is None else mask[:, back]
        if not close(attention(Q, K[back], V[back], other), attention(Q, K, V, mask)):
            return False
    return True


def scores_are_scaled(attention):
    Q, K, V = inputs()
    return close(attention(Q, K, V), torch.softmax(Q @ K.T / 4**0.5, dim=-1) @ V)


def large_scores_are_safe(attention):
    Q, K, V = inputs()
    before = attention(Q, K, V)
    return all(close(attention(Q, K + c * torch.randn(4, dtype=torch.float64), V), before) for c in (10.0, 1e4, 3e4))
