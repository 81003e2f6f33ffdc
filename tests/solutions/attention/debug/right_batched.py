"""Style: many draws at once along leading axes, float32 where rounding allows it."""

import torch


def draw(*sizes):
    return [torch.randn(20, *size, dtype=torch.float64) for size in sizes]


def agree(a, b, tolerance=1e-8):
    return ((a - b).abs() < tolerance).all().item()


def some_mask():
    mask = torch.ones(4, 6, dtype=torch.bool)
    mask[0, 1] = mask[1, 4] = mask[2, 1] = mask[2, 2] = mask[3, 0] = False
    return mask


def weights_sum_to_one(attention):
    Q, K = (t.float() for t in draw((4, 3), (6, 3)))
    ones = torch.ones(20, 6, 2)
    fine = True
    for mask in (None, some_mask(), some_mask()[:1]):
        fine = fine and agree(attention(Q, K, ones, mask), ones[:, :4], 1e-4)
    return fine


def hidden_keys_do_not_matter(attention):
    Q, K, V = draw((4, 3), (6, 3), (6, 2))
    mask = some_mask()
    for i in range(4):
        other = [torch.where(mask[i, :, None], t, torch.randn_like(t)) for t in (K, V)]
        if not agree(attention(Q, *other, mask)[:, i], attention(Q, K, V, mask)[:, i]):
            return False
    return True


def order_of_keys_does_not_matter(attention):
    Q, K, V = draw((4, 3), (6, 3), (6, 2))
    order = [1, 3, 5, 0, 2, 4]
    masks = some_mask(), torch.ones(4, 6, dtype=torch.bool), some_mask().flip(1)
    return all(agree(attention(Q, K, V, m), attention(Q, K[:, order], V[:, order], m[:, order])) for m in masks)


def scores_are_scaled(attention):
    Q, K, V = draw((4, 3), (6, 3), (6, 2))
    pad = torch.nn.ConstantPad1d((0, 9), 0.0)
    return agree(attention(2 * pad(Q), pad(K), V), attention(Q, K, V))


def large_scores_are_safe(attention):
    Q, K, V = draw((4, 3), (6, 3), (6, 2))
    c = torch.randn(20, 1, 3, dtype=torch.float64) * 20000
    return agree(attention(Q, K + c, V), attention(Q, K, V), 1e-6)
