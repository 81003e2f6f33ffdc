"""Wrong: keys and values are put in another order, the columns of the mask are not."""
# says: Your order_of_keys_does_not_matter says no to right

import torch

CASES = [((), 5, 7, 4, 6), ((2, 3), 4, 9, 8, 5), ((), 3, 37, 5, 2)]


def draw(lead, n_q, n_k, d_k, d_v, seed):
    gen = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=gen, dtype=torch.float64)

    return gen, normal, normal(*lead, n_q, d_k), normal(*lead, n_k, d_k), normal(*lead, n_k, d_v)


def draw_mask(n_q, n_k, gen):
    """In every row something to see and something hidden, and in every column as well."""
    while True:
        mask = torch.rand(n_q, n_k, generator=gen) < 0.5
        if n_k > 20:
            mask[0, :], mask[0, ::2] = False, True
            mask[1, :], mask[1, 1::2] = False, True
        if all(m.any(axis).all() for m in (mask, ~mask) for axis in (0, 1)):
            return mask


def call(attention, *args):
    return attention(*(a if a is None else a.clone() for a in args))


def same(a, b):
    return a.shape == b.shape and bool(((a - b).abs() < 1e-5).all())


def holds(check):
    """The property over all cases; an attention that cannot even be called does not have it."""

    def over_all(attention):
        try:
            return all(check(attention, case, seed) for case in CASES for seed in (1, 2))
        except Exception:
            return False

    return over_all


@holds
def weights_sum_to_one(attention, case, seed):
    gen, normal, Q, K, V = draw(*case, seed)
    row = V[..., :1, :]
    V = row.expand_as(V)
    wanted = row.expand(*Q.shape[:-1], V.shape[-1])
    masks = (None, draw_mask(Q.shape[-2], K.shape[-2], gen))
    return all(same(call(attention, Q, K, V, mask), wanted) for mask in masks)


@holds
def hidden_keys_do_not_matter(attention, case, seed):
    gen, normal, Q, K, V = draw(*case, seed)
    mask = draw_mask(Q.shape[-2], K.shape[-2], gen)
    before = call(attention, Q, K, V, mask)
    for j in range(K.shape[-2]):
        K2, V2 = K.clone(), V.clone()
        K2[..., j, :] = 2 * normal(*K[..., j, :].shape)
        V2[..., j, :] = 2 * normal(*V[..., j, :].shape)
        after = call(attention, Q, K2, V2, mask)
        blind = ~mask[:, j]
        if not same(after[..., blind, :], before[..., blind, :]):
            return False
    return True


@holds
def order_of_keys_does_not_matter(attention, case, seed):
    gen, normal, Q, K, V = draw(*case, seed)
    mask = draw_mask(Q.shape[-2], K.shape[-2], gen)
    order = torch.randperm(K.shape[-2], generator=gen)
    K2, V2, mask2 = K[..., order, :], V[..., order, :], mask
    return same(call(attention, Q, K2, V2, None), call(attention, Q, K, V, None)) and same(
        call(attention, Q, K2, V2, mask2), call(attention, Q, K, V, mask)
    )


@holds
def scores_are_scaled(attention, case, seed):
    gen, normal, Q, K, V = draw(*case, seed)

    def widen(t):
        return torch.cat([t, t.new_zeros(*t.shape[:-1], 3 * t.shape[-1])], dim=-1)

    return same(call(attention, widen(2 * Q), widen(K), V), call(attention, Q, K, V))


@holds
def large_scores_are_safe(attention, case, seed):
    gen, normal, Q, K, V = draw(*case, seed)
    c = normal(K.shape[-1])
    c = 10_000 * c / c.norm()
    before = call(attention, Q, K, V)
    return all(same(call(attention, Q, K + shift, V), before) for shift in (c, -c))
