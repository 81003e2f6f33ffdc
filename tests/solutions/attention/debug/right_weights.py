"""Style: the identity for V gives the weights, and every property is said of these."""

import torch

torch.set_default_dtype(torch.float64)
Q, K = torch.randn(3, 5), torch.randn(7, 5)
MASK = torch.rand(3, 7) < 0.5
MASK[:, 0], MASK[0, 4], MASK[1, 3], MASK[2, 6], MASK[:, 5] = True, False, False, False, False
MASK[:, 1] = torch.tensor([True, False, True])


def weights(attention, Q=Q, K=K, mask=None):
    return attention(Q, K, torch.eye(K.shape[0]), mask)


def same(a, b):
    return torch.allclose(a, b, atol=1e-7)


def weights_sum_to_one(attention):
    sums = [weights(attention, mask=m).sum(-1) for m in (None, MASK)]
    return same(torch.stack(sums), torch.ones(2, 3))


def hidden_keys_do_not_matter(attention):
    A = weights(attention, mask=MASK)
    moved = K.clone()
    moved[5] = torch.tensor([4.0, -4.0, 3.0, -3.0, 2.0])
    B = weights(attention, K=moved, mask=MASK)
    return same(A, B) and same(A[:, 5], torch.zeros(3)) and same(B[:, 5], torch.zeros(3))


def order_of_keys_does_not_matter(attention):
    p = torch.tensor([3, 0, 6, 1, 5, 2, 4])
    plain = same(weights(attention)[:, p], attention(Q, K[p], torch.eye(7)))
    return (
        plain
        and same(weights(attention, mask=MASK)[:, p], attention(Q, K[p], torch.eye(7), MASK[:, p]))
        and same(attention(Q, K, torch.eye(7)), attention(Q, K[p], torch.eye(7)[p]))
    )


def scores_are_scaled(attention):
    nothing = torch.zeros(1, 15)
    return same(
        weights(attention),
        weights(attention, torch.hstack((nothing.expand(3, 15), Q * 2)), torch.hstack((nothing.expand(7, 15), K))),
    )


def large_scores_are_safe(attention):
    return same(weights(attention), weights(attention, K=K + torch.tensor([1.0, -2.0, 3.0, -1.0, 2.0]) * 5000))
