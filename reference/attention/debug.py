"""Five properties of attention.

Each is a change of the input that leaves the result of right attention as it is (a metamorphic relation: Chen, Cheung
and Yiu, 1998). torch.allclose allows for rounding and is False where there is a NaN.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from grader.marks import alternative, mistake

Attention = Callable[..., Tensor]

# Four queries, six keys; every query sees some keys and not others. Any numbers do.
random = torch.Generator().manual_seed(1)
Q, K, V = (torch.randn(n, d, generator=random, dtype=torch.float64) for n, d in ((4, 3), (6, 3), (6, 2)))
MASK = torch.tensor([[1, 0, 0, 1, 1, 0], [1, 1, 1, 0, 1, 1], [0, 1, 0, 0, 1, 1], [0, 0, 1, 0, 1, 0]]).bool()
ORDER = torch.tensor([2, 5, 0, 1, 4, 3])
HIDDEN = 2  # a key that queries 0 and 2 must not see
NEW_KEY, NEW_VALUE = (torch.randn(d, generator=random, dtype=torch.float64) for d in (3, 2))
ROW = torch.tensor([0.5, -2.0], dtype=torch.float64)
FAR = torch.tensor([9000.0, -7000.0, 8000.0], dtype=torch.float64)


def weights_sum_to_one(attention: Attention) -> bool:
    """Whether equal values come out as they are, with a mask and without."""
    same = ROW.expand(V.shape)
    return all(torch.allclose(attention(Q, K, same, mask), ROW) for mask in (None, MASK))


def hidden_keys_do_not_matter(attention: Attention) -> bool:
    """Whether a query's result stays where key and value that are hidden from it change."""
    other_K, other_V = K.clone(), V.clone()
    other_K[HIDDEN], other_V[HIDDEN] = NEW_KEY, NEW_VALUE
    blind = ~MASK[:, HIDDEN]
    return torch.allclose(attention(Q, K, V, MASK)[blind], attention(Q, other_K, other_V, MASK)[blind])


def order_of_keys_does_not_matter(attention: Attention) -> bool:
    """Whether the result stays where keys, values and columns of the mask are put in another order."""
    plain = torch.allclose(attention(Q, K, V), attention(Q, K[ORDER], V[ORDER]))
    masked = torch.allclose(attention(Q, K, V, MASK), attention(Q, K[ORDER], V[ORDER], MASK[:, ORDER]))
    return plain and masked


def scores_are_scaled(attention: Attention) -> bool:
    """Whether the result stays where Q and K are four times as wide, with zeros, and Q is doubled."""
    nothing = 3 * Q.shape[1]
    wide_Q, wide_K = (torch.nn.functional.pad(t, (0, nothing)) for t in (Q, K))
    return torch.allclose(attention(Q, K, V), attention(2 * wide_Q, wide_K, V))


def large_scores_are_safe(attention: Attention) -> bool:
    """Whether the result stays where all keys are moved by one large vector."""
    return torch.allclose(attention(Q, K, V), attention(Q, K + FAR, V))


# Other right ways.


@alternative("the weights themselves: the identity for V, and the sum of each row", of="weights_sum_to_one")
def by_identity(attention):
    for mask in (None, MASK, MASK[1]):
        A = attention(Q, K, torch.eye(len(K), dtype=Q.dtype), mask)
        if not ((A.sum(dim=-1) - 1).abs() < 1e-8).all():
            return False
    return True


@alternative("every key, one after the other, made a thousand times as large", of="hidden_keys_do_not_matter")
def every_key_in_turn(attention):
    causal = torch.ones(4, 6, dtype=torch.bool).tril(2)
    before = attention(Q, K, V, causal)
    for j in range(3, 6):
        scale = torch.ones(6, 1, dtype=Q.dtype)
        scale[j] = -1000.0
        after = attention(Q, K * scale, V * scale, causal)
        for i in range(j - 2):
            if not torch.allclose(before[i], after[i], rtol=0.0, atol=1e-7):
                return False
    return True


@alternative("two keys change places, for every pair of neighbours", of="order_of_keys_does_not_matter")
def swaps(attention):
    for mask in (torch.ones(4, 6, dtype=torch.bool), None, MASK):
        before = attention(Q, K, V, mask)
        for j in range(5):
            index = list(range(6))
            index[j], index[j + 1] = j + 1, j
            after = attention(Q, K[index], V[index], None if mask is None else mask[:, index])
            if not (after - before).abs().amax() < 1e-8:
                return False
    return True


@alternative("every column four times, and the queries halved", of="scores_are_scaled")
def columns_repeated(attention):
    gap = attention(Q.repeat(1, 4) / 2, K.repeat(1, 4), V) - attention(Q, K, V)
    return gap.square().sum().sqrt().item() < 1e-7


@alternative("a small vector and two large ones, in a batch of three", of="large_scores_are_safe")
def three_vectors(attention):
    moved = K + torch.stack((FAR / 1e4, FAR, -2 * FAR))[:, None, :]
    together = attention(Q.expand(3, 4, 3), moved, V.expand(3, 6, 2))
    return bool(torch.isclose(together, attention(Q, K, V)).all())


# Known mistakes. What they share:


def _attention(Q, K, V, mask=None):
    S = Q @ K.mT / Q.shape[-1] ** 0.5
    return torch.softmax(S if mask is None else S.masked_fill(~mask, -torch.inf), -1) @ V


@mistake(
    "Your weights_sum_to_one accepts everything, the broken ones, too: it never says False. Let attention average rows "
    "of V that are all alike, and compare with that row.",
    of="weights_sum_to_one",
    hint=1,
)
def sum_vacuous(attention):
    return True


@mistake(
    "Your weights_sum_to_one accepts an attention that clears hidden weights after the softmax. Its weights sum to "
    "one as long as nothing is hidden: ask again with a mask that hides something.",
    of="weights_sum_to_one",
    hint=1,
)
def sum_without_mask(attention):
    return torch.allclose(attention(Q, K, ROW.expand(6, 2)), ROW)


@mistake(
    "Your weights_sum_to_one accepts a softmax over the queries. Its weights have the right sum in all, as many as "
    "there are keys, but not in each row: look at every query, with n_q ≠ n_k.",
    of="weights_sum_to_one",
    hint=2,
)
def sum_in_all(attention):
    A = attention(K, K, torch.eye(6, dtype=K.dtype))
    B = attention(Q, K, torch.eye(6, dtype=K.dtype), MASK | ~MASK.any(0))
    return bool((A.sum() - 6).abs() < 1e-9 and (B.sum(-1) <= 6).all() and _masked_total(attention))


def _masked_total(attention):
    mask = torch.eye(6, dtype=torch.bool).roll(1, 0) | torch.eye(6, dtype=torch.bool)
    return bool((attention(K, K, torch.eye(6, dtype=K.dtype), mask).sum() - 6).abs() < 1e-9)


@mistake(
    "Your weights_sum_to_one says no to broken attention whose weights do sum to one. It compares more than this "
    "property says.",
    of="weights_sum_to_one",
    hint=3,
)
def sum_by_comparison(attention):
    return all(torch.allclose(attention(Q, K, V, m), _attention(Q, K, V, m)) for m in (None, MASK))


@mistake(
    "Your hidden_keys_do_not_matter accepts everything, the broken ones, too: it never says False. Change key and "
    "value of a hidden key, and look at the queries from which it is hidden.",
    of="hidden_keys_do_not_matter",
    hint=1,
)
def hidden_vacuous(attention):
    return True


@mistake(
    "Your hidden_keys_do_not_matter accepts an attention that clears hidden weights after the softmax. There the "
    "hidden value has no part any more, but the hidden key still has: change K, too.",
    of="hidden_keys_do_not_matter",
    hint=3,
)
def hidden_values_only(attention):
    other = V.clone()
    other[HIDDEN] = NEW_VALUE
    blind = ~MASK[:, HIDDEN]
    return torch.allclose(attention(Q, K, V, MASK)[blind], attention(Q, K, other, MASK)[blind])


@mistake(
    "Your hidden_keys_do_not_matter accepts an attention that gives hidden keys the score 0. What the key is does not "
    "matter there, but its value still gets weight: change V, too.",
    of="hidden_keys_do_not_matter",
    hint=3,
)
def hidden_keys_only(attention):
    other = K.clone()
    other[HIDDEN] = NEW_KEY
    blind = ~MASK[:, HIDDEN]
    return torch.allclose(attention(Q, K, V, MASK)[blind], attention(Q, other, V, MASK)[blind])


@mistake(
    "Your hidden_keys_do_not_matter says no to right attention and yes to one with the mask's meaning turned round. "
    "True in the mask means that the key may be seen.",
    of="hidden_keys_do_not_matter",
    hint=2,
)
def hidden_where_true(attention):
    other_K, other_V = K.clone(), V.clone()
    other_K[HIDDEN], other_V[HIDDEN] = NEW_KEY, NEW_VALUE
    blind = MASK[:, HIDDEN]
    return torch.allclose(attention(Q, K, V, MASK)[blind], attention(Q, other_K, other_V, MASK)[blind])


@mistake(
    "Your hidden_keys_do_not_matter says no to broken attention in which hidden keys do not matter. It compares more "
    "than this property says.",
    of="hidden_keys_do_not_matter",
    hint=3,
)
def hidden_by_comparison(attention):
    return torch.allclose(attention(Q, K, V, MASK), _attention(Q, K, V, MASK))


@mistake(
    "Your order_of_keys_does_not_matter accepts everything, the broken ones, too: it never says False. Put keys, with "
    "their values, in another order, and compare.",
    of="order_of_keys_does_not_matter",
    hint=1,
)
def order_vacuous(attention):
    return True


@mistake(
    "Your order_of_keys_does_not_matter accepts an attention that is right as long as there is no mask, and then gives "
    "each key the mask of its neighbour. Ask again with a mask, its columns in the order of the keys.",
    of="order_of_keys_does_not_matter",
    hint=1,
)
def order_without_mask(attention):
    return torch.allclose(attention(Q, K, V), attention(Q, K[ORDER], V[ORDER]))


@mistake(
    "Your order_of_keys_does_not_matter says no to right attention, and yes to one that ignores the mask: the columns "
    "of the mask belong to the keys and have to move with them.",
    of="order_of_keys_does_not_matter",
    hint=3,
)
def order_mask_left(attention):
    return torch.allclose(attention(Q, K, V, MASK), attention(Q, K[ORDER], V[ORDER], MASK))


@mistake(
    "Your order_of_keys_does_not_matter accepts attention that takes the value, or the mask, of the key before. A "
    "rotation keeps neighbours together: take an order that does not.",
    of="order_of_keys_does_not_matter",
    hint=2,
)
def order_rotated(attention):
    before = attention(Q, K, V), attention(Q, K, V, MASK)
    after = attention(Q, K.roll(2, 0), V.roll(2, 0)), attention(Q, K.roll(2, 0), V.roll(2, 0), MASK.roll(2, 1))
    return all(torch.allclose(a, b) for a, b in zip(before, after, strict=True))


@mistake(
    "Your order_of_keys_does_not_matter says no to broken attention in which the order of the keys does not matter. It "
    "compares more than this property says.",
    of="order_of_keys_does_not_matter",
    hint=3,
)
def order_by_comparison(attention):
    return all(torch.allclose(attention(Q, K, V, m), _attention(Q, K, V, m)) for m in (None, MASK))


@mistake(
    "Your scores_are_scaled accepts everything, the broken ones, too: it never says False.",
    of="scores_are_scaled",
    hint=1,
)
def scaled_vacuous(attention):
    return True


@mistake(
    "Your scores_are_scaled says no to right attention and yes to scores that are not divided by √d_k. With four times "
    "the columns right attention divides by twice as much: the queries have to be doubled.",
    of="scores_are_scaled",
    hint=3,
)
def scaled_not_doubled(attention):
    wide_Q, wide_K = (torch.nn.functional.pad(t, (0, 9)) for t in (Q, K))
    return torch.allclose(attention(Q, K, V), attention(wide_Q, wide_K, V))


@mistake(
    "Your scores_are_scaled says no to right attention and yes to scores divided by d_k. The scores are divided by the "
    "root: four times the columns are made up for by doubling, once.",
    of="scores_are_scaled",
    hint=3,
)
def scaled_by_four(attention):
    wide_Q, wide_K = (torch.nn.functional.pad(t, (0, 9)) for t in (Q, K))
    return torch.allclose(attention(Q, K, V), attention(2 * wide_Q, 2 * wide_K, V))


@mistake(
    "Your scores_are_scaled asks only that the width has some influence: it accepts scores divided by d_k. Say how "
    "much it has to have.",
    of="scores_are_scaled",
    hint=3,
)
def scaled_somehow(attention):
    wide_Q, wide_K = (torch.nn.functional.pad(t, (0, 9)) for t in (Q, K))
    return not torch.allclose(attention(Q, K, V), attention(wide_Q, wide_K, V))


@mistake(
    "Your scores_are_scaled says no to broken attention whose scores are scaled as they should. It compares more than "
    "this property says.",
    of="scores_are_scaled",
    hint=3,
)
def scaled_by_comparison(attention):
    return torch.allclose(attention(Q, K, V), _attention(Q, K, V))


@mistake(
    "Your large_scores_are_safe accepts everything, the broken ones, too: it never says False. The vector added to the "
    "keys has to be large, some thousands.",
    of="large_scores_are_safe",
    hint=1,
)
def large_vacuous(attention):
    return True


@mistake(
    "Your large_scores_are_safe says yes to NaN. Comparisons with NaN are false, so `not (gap > tolerance)` holds for "
    "it: ask whether the results are close, not whether they are far apart.",
    of="large_scores_are_safe",
    hint=2,
)
def large_nan_slips(attention):
    gap = (attention(Q, K, V) - attention(Q, K + FAR, V)).abs()
    return not bool((gap > 1e-6).any())


@mistake(
    "Your large_scores_are_safe accepts an attention that takes one maximum for all queries. It fails where the "
    "queries' scores are moved by different amounts: use several queries at once.",
    of="large_scores_are_safe",
    hint=1,
)
def large_one_query(attention):
    return torch.allclose(attention(Q[:1], K, V), attention(Q[:1], K + FAR, V))


@mistake(
    "Your large_scores_are_safe accepts answers that are finite and wrong. That the result is a number is not enough: "
    "it has to stay what it was.",
    of="large_scores_are_safe",
    hint=3,
)
def large_but_finite(attention):
    return bool(torch.isfinite(attention(Q, K + FAR, V)).all())


@mistake(
    "Your large_scores_are_safe accepts an exponential that overflows. Its scores are not large enough: exp overflows "
    "in float64 beyond 709.",
    of="large_scores_are_safe",
    hint=3,
)
def large_is_small(attention):
    return torch.allclose(attention(Q, K, V), attention(Q, K + FAR / 100, V))


@mistake(
    "Your large_scores_are_safe says no to broken attention that bears large scores. It compares more than this "
    "property says.",
    of="large_scores_are_safe",
    hint=3,
)
def large_by_comparison(attention):
    return torch.allclose(attention(Q, K + FAR, V), _attention(Q, K, V))
