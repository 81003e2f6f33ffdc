"""Hidden suite of attention/debug.

The attention that is handed to the learner's properties is written here and runs here: three right ways, which differ
in rounding only, and broken ones. Which property a broken one has follows from its one line that is wrong, not from a
reference; where it depends on the input that a learner chooses, it is not asked. On random float64 input of size 1
right ways differ by about 1e-15, and by 1e-11 with scores of 10,000; a broken one is off by 1e-2 and more. The order in
which they are handed out is drawn. No check fails by chance, but for a property that draws its input and meets one on
which a bug does not show: with sizes as in the statement that is less likely than 1e-6.
"""

import torch

from grader.testing import Handle, Mismatch


def scores(Q, K):
    return Q @ K.mT / Q.shape[-1] ** 0.5


def hide(S, mask, fill=-torch.inf):
    return S if mask is None else S.masked_fill(~mask, fill)


def softmax(S):
    return torch.softmax(S, dim=-1)


# Right, in three ways. A query without any key: NaN, zeros, NaN.


def at_once(Q, K, V, mask):
    return softmax(hide(scores(Q, K), mask)) @ V


def in_blocks(Q, K, V, mask):
    S = hide(scores(Q, K), mask)
    m, total, summed = torch.full(S.shape[:-1], -torch.inf, dtype=S.dtype), 0.0, 0.0
    for s, v in zip(S.split(2, -1), V.split(2, -2), strict=True):
        new = torch.maximum(m, s.amax(-1))
        base = torch.where(new > -torch.inf, new, 0.0)
        p, mend = torch.exp(s - base[..., None]), torch.exp(m - base)
        total, summed, m = mend * total + p.sum(-1), mend[..., None] * summed + p @ v, new
    return summed / torch.where(total > 0, total, 1.0)[..., None]


def key_by_key(Q, K, V, mask):
    S = hide((Q[..., :, None, :] / Q.shape[-1] ** 0.5 * K[..., None, :, :]).sum(-1), mask)
    A = torch.exp(S - torch.logsumexp(S, -1, keepdim=True))
    return sum(A[..., j : j + 1] * V[..., j : j + 1, :] for j in reversed(range(K.shape[-2])))


# Broken, in one line each.


def unscaled(Q, K, V, mask):
    return softmax(hide(Q @ K.mT, mask)) @ V


def by_width(Q, K, V, mask):
    return softmax(hide(Q @ K.mT / Q.shape[-1], mask)) @ V


def by_values_width(Q, K, V, mask):
    return softmax(hide(Q @ K.mT / V.shape[-1] ** 0.5, mask)) @ V


def by_eight(Q, K, V, mask):
    return softmax(hide(Q @ K.mT / 8, mask)) @ V


def mask_ignored(Q, K, V, _):
    return softmax(scores(Q, K)) @ V


def mask_inverted(Q, K, V, mask):
    return softmax(hide(scores(Q, K), None if mask is None else ~mask)).nan_to_num(0.0) @ V


def mask_afterwards(Q, K, V, mask):
    A = softmax(scores(Q, K))
    return (A if mask is None else A.masked_fill(~mask, 0.0)) @ V


def mask_is_zero(Q, K, V, mask):
    return softmax(hide(scores(Q, K), mask, 0.0)) @ V


def mask_rolled(Q, K, V, mask):
    if mask is not None:
        mask = mask.expand(*mask.shape[:-1], K.shape[-2]).roll(1, -1)
    return softmax(hide(scores(Q, K), mask)).nan_to_num(0.0) @ V


def one_more_in_the_sum(Q, K, V, mask):
    S = hide(scores(Q, K), mask)
    E = torch.exp(S - S.amax(-1, keepdim=True))
    return E / (1 + E.sum(-1, keepdim=True)) @ V


def over_queries(Q, K, V, mask):
    return torch.softmax(hide(scores(Q, K), mask), dim=-2).nan_to_num(0.0) @ V


def recency(Q, K, V, mask):
    return softmax(hide(scores(Q, K) + 0.7 * torch.arange(K.shape[-2]), mask)) @ V


def values_rolled(Q, K, V, mask):
    return softmax(hide(scores(Q, K), mask)) @ V.roll(1, -2)


def averaging(Q, K, V, mask):
    return softmax(hide(torch.zeros_like(scores(Q, K)), mask)) @ V


def naive(Q, K, V, mask):
    E = torch.exp(hide(scores(Q, K), mask))
    return E / E.sum(-1, keepdim=True) @ V


def naive_patched(Q, K, V, mask):
    E = torch.exp(hide(scores(Q, K), mask))
    return (E / E.sum(-1, keepdim=True)).nan_to_num(0.0) @ V


def one_maximum(Q, K, V, mask):
    S = hide(scores(Q, K), mask)
    E = torch.exp(S - S.max())
    return E / E.sum(-1, keepdim=True) @ V


def clamped(Q, K, V, mask):
    return softmax(hide(scores(Q, K).clamp(-5, 5), mask)) @ V


RIGHT = (at_once, in_blocks, key_by_key)
WHAT = {
    at_once: "right, the softmax taken at once",
    in_blocks: "right, in blocks of keys",
    key_by_key: "right, key by key from the last",
    unscaled: "does not divide the scores by √d_k",
    by_width: "divides the scores by d_k, not by its root",
    by_values_width: "divides the scores by √d_v",
    by_eight: "divides the scores by 8, whatever the width",
    mask_ignored: "ignores the mask",
    mask_inverted: "hides where the mask is True",
    mask_afterwards: "clears hidden weights after the softmax",
    mask_is_zero: "gives hidden keys the score 0 instead of -∞",
    mask_rolled: "gives each key the mask of the key before",
    one_more_in_the_sum: "divides the exponentials by their sum and 1 more",
    over_queries: "takes the softmax over the queries",
    recency: "favours keys that stand later",
    values_rolled: "takes the value of the key before",
    averaging: "gives all keys that are seen the same weight",
    naive: "takes the exponential of the scores as they are",
    naive_patched: "takes the exponential of the scores as they are, and makes zeros of the NaN",
    one_maximum: "takes one maximum for all queries away, so that a row far below it is all zeros, and 0 / 0",
    clamped: "cuts scores off at ±5",
}
# What has the property, though it is broken; what breaks it, with a word on when that shows.
TABLE = {
    "weights_sum_to_one": (
        (unscaled, mask_ignored, averaging, recency, values_rolled, mask_is_zero, naive),
        {
            mask_afterwards: "With a mask the rows sum to less.",
            one_more_in_the_sum: "No row sums to one, with a mask or without.",
            over_queries: "The columns sum to one, not the rows: look at each row, with n_q ≠ n_k.",
        },
    ),
    "hidden_keys_do_not_matter": (
        (unscaled, averaging, recency, one_more_in_the_sum, naive),
        {
            mask_ignored: "Both key and value have a part.",
            mask_inverted: "Only hidden keys have a part.",
            mask_afterwards: "The hidden key has a part in the sum; the value has not.",
            mask_is_zero: "The hidden value has weight, whatever the key is.",
        },
    ),
    "order_of_keys_does_not_matter": (
        (unscaled, mask_ignored, averaging, mask_afterwards, one_more_in_the_sum, over_queries, naive),
        {
            recency: "It adds more to a score the later the key.",
            values_rolled: "It shows unless the keys are only rotated.",
            mask_rolled: "It shows with a mask only, and unless the keys are only rotated.",
        },
    ),
    "scores_are_scaled": (
        (mask_ignored, averaging, recency, values_rolled, mask_afterwards, over_queries, naive),
        {
            unscaled: "The doubled query doubles its scores.",
            by_width: "Its scores come out halved.",
            by_values_width: "The doubled query doubles its scores.",
            by_eight: "The doubled query doubles its scores.",
        },
    ),
    "large_scores_are_safe": (
        (unscaled, mask_ignored, averaging, recency, values_rolled, mask_afterwards, one_more_in_the_sum),
        {
            naive: "Beyond 709 it gives NaN: does your comparison say no to NaN?",
            naive_patched: "Beyond 709 it gives zeros.",
            one_maximum: "With several queries, moved by different amounts, it gives NaN: does yours say no to NaN?",
            clamped: "Its answers are finite, and others than before.",
        },
    ),
}


# What right attention needs to pass, told where it did not.
REMINDER = {
    "weights_sum_to_one": "All rows of V have to be one and the same, and the result is compared with that row.",
    "hidden_keys_do_not_matter": "Only the rows of queries from which the key is hidden have to stay.",
    "order_of_keys_does_not_matter": "K, V and the columns of the mask move alike, the rows of the result stay where "
    "they are, and the last digits may differ.",
    "scores_are_scaled": "Q and K get 3 d_k columns of zeros each, and only Q is doubled.",
    "large_scores_are_safe": "All keys get the same vector, and the last digits may differ.",
}


def handed_out(broken, calls):
    """`broken` as a function that looks at what it is given, and notes for each call whether a query saw no key."""

    def attention(Q, K, V, mask=None):
        for name, t in (("Q", Q), ("K", K), ("V", V)):
            if not isinstance(t, torch.Tensor) or not t.dtype.is_floating_point or t.ndim < 2:
                raise Mismatch(f"attention was given a {name} that is no tensor of floats with two axes or more.")
            if not t.isfinite().all():
                raise Mismatch(f"attention was given a {name} that is not finite: 0 · NaN is NaN in right code, too.")
        if not Q.dtype == K.dtype == V.dtype:
            raise Mismatch(f"attention was given Q, K and V of different dtypes: {Q.dtype}, {K.dtype}, {V.dtype}.")
        if Q.shape[-1] != K.shape[-1] or K.shape[-2] != V.shape[-2] or not Q.numel() or not K.numel():
            shapes = ", ".join(str(tuple(t.shape)) for t in (Q, K, V))
            raise Mismatch(f"attention was given Q, K and V of the shapes {shapes}, which do not fit (or are empty).")
        if mask is not None:
            if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool:
                raise Mismatch(
                    "attention was given a mask that is no tensor of bools: True means that a key may be seen."
                )
            try:
                mask = mask.expand(torch.broadcast_shapes(mask.shape, (*Q.shape[:-1], K.shape[-2])))
            except RuntimeError:
                raise Mismatch(
                    f"attention was given a mask of the shape {tuple(mask.shape)}; it has to broadcast to "
                    f"(..., n_q, n_k), here {(*Q.shape[:-1], K.shape[-2])}."
                ) from None
        calls.append(mask is not None and not bool(mask.any(-1).all()))
        return broken(Q, K, V, mask)

    return attention


def ask(solution, rng, name, candidates, calls=None):
    """What the learner's property says to each."""
    calls, answers = [] if calls is None else calls, {}
    check = getattr(solution, name)
    for i in rng.permutation(len(candidates)):
        answers[candidates[i]] = check(handed_out(candidates[i], calls))
    for candidate in candidates:
        answer = answers[candidate]
        if type(answer) is not bool:
            kind = "something that is no value" if isinstance(answer, Handle) else f"a {type(answer).__name__}"
            raise Mismatch(f"{name} returned {kind}; it has to return a Python bool, True or False.")
    if not calls:
        raise Mismatch(f"{name} never called the attention that it was given: it cannot know anything about it.")
    return answers


def accepts_right(solution, rng, name):
    calls = []
    answers = ask(solution, rng, name, RIGHT, calls)
    wrong = [WHAT[f] for f in RIGHT if not answers[f]]
    if wrong and any(calls):
        raise Mismatch(
            f"{name} said False to attention that is right ({wrong[0]}). In your mask there is a query that sees no "
            "key: right attention gives zeros or NaN there, so leave every query some key."
        )
    if wrong:
        every = (
            "to every way of writing right attention"
            if len(wrong) == len(RIGHT)
            else f"to attention that is {wrong[0]}"
        )
        raise Mismatch(f"{name} said False {every}: a test that fails on right code. {REMINDER[name]}")


def rejects_broken(solution, rng, name):
    breaks = TABLE[name][1]
    answers = ask(solution, rng, name, [*breaks, at_once])
    accepted = [f for f in breaks if answers[f]]
    if len(accepted) == len(breaks):
        raise Mismatch(f"{name} said True to every attention that breaks this property: a vacuous test.")
    if accepted:
        f = accepted[0]
        raise Mismatch(f"{name} said True to an attention that {WHAT[f]}. {breaks[f]}")
    if not answers[at_once]:
        raise Mismatch(f"{name} said False to every attention, the right one, too. {REMINDER[name]}")


def accepts_the_rest(solution, rng, name):
    keeps = TABLE[name][0]
    answers = ask(solution, rng, name, keeps)
    rejected = [f for f in keeps if not answers[f]]
    if rejected:
        raise Mismatch(
            f"{name} said False to an attention that {WHAT[rejected[0]]}. That is broken, but it has this property: "
            "test the property, not the whole attention."
        )


def test_sum_right(solution, rng):
    """weights_sum_to_one says yes to right attention"""
    accepts_right(solution, rng, "weights_sum_to_one")


def test_sum_broken(solution, rng):
    """weights_sum_to_one says no where the weights of a query do not sum to one"""
    rejects_broken(solution, rng, "weights_sum_to_one")


def test_sum_rest(solution, rng):
    """weights_sum_to_one says yes to other bugs"""
    accepts_the_rest(solution, rng, "weights_sum_to_one")


def test_hidden_right(solution, rng):
    """hidden_keys_do_not_matter says yes to right attention"""
    accepts_right(solution, rng, "hidden_keys_do_not_matter")


def test_hidden_broken(solution, rng):
    """hidden_keys_do_not_matter says no where a hidden key or value has a part"""
    rejects_broken(solution, rng, "hidden_keys_do_not_matter")


def test_hidden_rest(solution, rng):
    """hidden_keys_do_not_matter says yes to other bugs"""
    accepts_the_rest(solution, rng, "hidden_keys_do_not_matter")


def test_order_right(solution, rng):
    """order_of_keys_does_not_matter says yes to right attention"""
    accepts_right(solution, rng, "order_of_keys_does_not_matter")


def test_order_broken(solution, rng):
    """order_of_keys_does_not_matter says no where the place of a key counts"""
    rejects_broken(solution, rng, "order_of_keys_does_not_matter")


def test_order_rest(solution, rng):
    """order_of_keys_does_not_matter says yes to other bugs"""
    accepts_the_rest(solution, rng, "order_of_keys_does_not_matter")


def test_scale_right(solution, rng):
    """scores_are_scaled says yes to right attention"""
    accepts_right(solution, rng, "scores_are_scaled")


def test_scale_broken(solution, rng):
    """scores_are_scaled says no where the scores are not divided by √d_k"""
    rejects_broken(solution, rng, "scores_are_scaled")


def test_scale_rest(solution, rng):
    """scores_are_scaled says yes to other bugs"""
    accepts_the_rest(solution, rng, "scores_are_scaled")


def test_large_right(solution, rng):
    """large_scores_are_safe says yes to right attention"""
    accepts_right(solution, rng, "large_scores_are_safe")


def test_large_broken(solution, rng):
    """large_scores_are_safe says no where large scores overflow, vanish or are cut off"""
    rejects_broken(solution, rng, "large_scores_are_safe")


def test_large_rest(solution, rng):
    """large_scores_are_safe says yes to other bugs"""
    accepts_the_rest(solution, rng, "large_scores_are_safe")
