"""Hidden suite of attention/kv_cache.

Expected values are worked out here without any cache: sequence by sequence and head by head, for the whole text at
once, with a rotation by complex numbers. Random inputs are float64 and compared at 1e-9 (relative) + 1e-12, where
right orders of operations differ by about 1e-15. The float32 check allows 1e-4 relative + 1e-5: four products of
width 8, a rotation and a softmax, each rounding at 6e-8. No check is statistical.
"""

import math

import torch

from grader.testing import Mismatch, assert_close, assert_equal, assert_unchanged, keep, keep_item, library

NAMES = ("W_q", "W_k", "W_v", "W_o")


def randn(rng, *shape):
    return torch.from_numpy(rng.standard_normal(shape))


def text(rng, batch=2, n=7, d_model=8):
    """A text and four weights, large enough that the attention is far from even."""
    return randn(rng, batch, n, d_model), [1.3 * randn(rng, d_model, d_model) / d_model**0.5 for _ in NAMES]


def turned(t):
    """Every row p of (n, d_head), turned: neighbouring columns as complex numbers, times e^(i p θ^(-2j/d))."""
    n, d = t.shape
    angle = torch.arange(n, dtype=torch.float64)[:, None] * 10000.0 ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
    z = torch.complex(t[:, 0::2], t[:, 1::2]) * torch.polar(torch.ones_like(angle), angle)
    return torch.stack((z.real, z.imag), dim=-1).flatten(1)


def whole(x, weights, n_heads, pad=None):
    """Causal attention to a whole text, no cache: the results, and the keys and values of every head."""
    b, n, e = *x.shape[:2], x.shape[2] // n_heads
    results, keys, values = [], [], []
    for s in range(b):
        first = 0 if pad is None else int(pad[s])
        columns = []
        for h in range(n_heads):
            own = slice(h * e, (h + 1) * e)
            q, k, v = (x[s] @ W[:, own] for W in weights[:3])
            q, k = turned(q), turned(k)
            rows = [torch.softmax(q[i] @ k[first : i + 1].T / math.sqrt(e), -1) @ v[first : i + 1] for i in range(n)]
            columns.append(torch.stack(rows))
            keys.append(k)
            values.append(v)
        results.append(torch.cat(columns, dim=-1) @ weights[3])
    return torch.stack(results), *(torch.stack(t).unflatten(0, (b, n_heads)) for t in (keys, values))


def decoded(solution, *args):
    """decode's answer, taken apart where it has the right form."""
    answer = solution.decode(*args)
    if not (isinstance(answer, tuple | list) and len(answer) == 2 and isinstance(answer[1], tuple | list)):
        raise Mismatch("decode has to return two things: the result, and the new cache as a tuple (K, V).")
    y, cache = answer
    if len(cache) != 2 or not all(isinstance(t, torch.Tensor) for t in (y, *cache)):
        raise Mismatch("The new cache is not a tuple of two tensors (K, V).")
    if y.shape != args[0].shape:
        raise Mismatch(
            f"The result has the shape {tuple(y.shape)}, but x has {tuple(args[0].shape)}: the result has one row for "
            "each new token, and none for those in the cache."
        )
    return y, tuple(cache)


def chosen_by(solution, cache, index):
    """select's answer, where it has the right form."""
    chosen = solution.select(cache, torch.tensor(index))
    if not (isinstance(chosen, tuple | list) and len(chosen) == 2 and all(isinstance(t, torch.Tensor) for t in chosen)):
        raise Mismatch("select has to return a cache: a tuple of two tensors (K, V).")
    return chosen


def in_parts(solution, x, weights, n_heads, sizes, pad=None):
    """The text in calls of the given sizes: all results in a row, and the last cache."""
    results, cache, start = [], None, 0
    for n in sizes:
        y, cache = decoded(solution, x[:, start : start + n], cache, *weights, n_heads, pad)
        results.append(y)
        start += n
    return torch.cat(results, dim=1), cache


def test_by_hand(solution, rng):
    """The example worked out by hand in the statement comes out"""
    eye = torch.eye(2, dtype=torch.float64)
    x = torch.tensor([[[1.0, 0], [0, 0]]], dtype=torch.float64)
    start = x[:, None, :1].clone()
    first, cache = decoded(solution, x[:, :1], None, eye, eye, eye, eye, 1)
    second, after = decoded(solution, x[:, 1:], (start, start.clone()), eye, eye, eye, eye, 1)
    _, turned_once = decoded(solution, x[:, :1], (start, start.clone()), eye, eye, eye, eye, 1)
    # Random numbers, on which all mistakes differ: a right cache is handed in, so no call depends on another.
    (text_, weights), pad = text(rng, batch=3), torch.tensor([2, 0, 5])
    y, K, V = whole(text_, weights, 2, pad)
    prompt = decoded(solution, text_[:, :4], None, *weights, 2, pad)
    more = decoded(solution, text_[:, 4:], (K[:, :, :4], V[:, :, :4]), *weights, 2, pad)
    chosen = chosen_by(solution, (K, V), [2, 0, 0])
    others = chosen_by(solution, (K, V), [1, 2, 0])
    assert_close(first, x[:, :1], what="the result of the first call")
    assert_close(cache[0], start, what="the keys after the first call")
    assert_close(
        second,
        torch.tensor([[[0.5, 0]]], dtype=torch.float64),
        what="the result of the second call",
        why="Its query is zero, so it averages the cached value and its own.",
    )
    assert_close(
        after[1], x[:, None], what="the values after the second call", why="First the cached value, then the new one."
    )
    expected = torch.tensor([[[[1, 0], [math.cos(1), math.sin(1)]]]], dtype=torch.float64)
    assert_close(
        turned_once[0],
        expected,
        what="the keys after [1, 0] at the positions 0 and 1",
        why="The cached key is turned already; the new one stands at position 1.",
    )
    for (own, (own_K, own_V)), part, n in ((prompt, slice(0, 4), 4), (more, slice(4, 7), 7)):
        why = f"The tokens {part.start} to {part.stop - 1} of three random texts; {part.start} tokens are cached."
        assert_close(own_K[1], K[1, :, :n], what="the keys in the new cache", why=why)
        assert_close(own_V[1], V[1, :, :n], what="the values in the new cache", why=why)
        assert_close(own[1], y[1, part], what="the result of a text without padding", why=why)
        why += f" pad = {pad.tolist()}."
        for s in (0, 2):
            p = max(0, int(pad[s]) - part.start)
            assert_close(
                own[s, :p], y[s, part][:p], what=f"the rows of padding of text {s}", why=why + " They are zeros."
            )
            hint = " No token sees padding, in later calls either, and each sees itself."
            assert_close(own[s, p:], y[s, part][p:], what=f"the real rows of text {s}", why=why + hint)
        assert_close(own_K, K[:, :, :n], what="the keys in the new cache", why=why + " Padding is kept like the rest.")
        assert_close(
            own_V, V[:, :, :n], what="the values in the new cache", why=why + " Padding is kept like the rest."
        )
    for index, pair in (([2, 0, 0], chosen), ([1, 2, 0], others)):
        for own, old, what in zip(pair, (K, V), ("keys", "values"), strict=True):
            assert_close(own, old[index], what=f"the {what} of the beams {index}")


def test_prompt(solution, reference, rng):
    """A prompt read at once: causal attention with positions"""
    for n_heads in (2, 1, 4):
        x, weights = text(rng)
        y, (K, V) = decoded(solution, x, None, *weights, n_heads)
        expected = whole(x, weights, n_heads)
        why = f"7 tokens, {n_heads} heads, nothing cached."
        assert_close(y, expected[0], why=why)
        assert_close(K, expected[1], what="the keys to be kept", why=why + " They are kept turned.")
        assert_close(V, expected[2], what="the values to be kept", why=why)
    assert_close(y, reference.decode(x, None, *weights, 4)[0], what="the result beside the reference's")


def test_token_by_token(solution, rng):
    """One token at a time gives what the whole text gives"""
    x, weights = text(rng)
    y, (K, V) = in_parts(solution, x, weights, 2, [1] * 7)
    expected = whole(x, weights, 2)
    assert_close(y, expected[0], what="the results of seven calls")
    assert_close(K, expected[1], what="the keys after seven calls")
    assert_close(V, expected[2], what="the values after seven calls")


def test_any_parts(solution, rng):
    """Any division of the text into calls gives the same results"""
    x, weights = text(rng)
    expected = whole(x, weights, 2)
    for sizes in ((4, 1, 1, 1), (3, 4), (1, 6), (2, 3, 2), (5, 2), (3, 0, 4)):
        y, (K, V) = in_parts(solution, x, weights, 2, sizes)
        assert_close(y, expected[0], why=f"7 tokens came in calls of {sizes}.")
        assert_close(K, expected[1], what="the keys at the end", why=f"7 tokens came in calls of {sizes}.")
        assert_close(V, expected[2], what="the values at the end", why=f"7 tokens came in calls of {sizes}.")


def test_sizes(solution, rng):
    """The cache grows by the new tokens, the result has the new tokens only"""
    x, weights = text(rng)
    first, cache = decoded(solution, x[:, :5], None, *weights, 4)
    second, after = decoded(solution, x[:, 5:], cache, *weights, 4)
    assert_equal((tuple(first.shape), tuple(second.shape)), ((2, 5, 8), (2, 2, 8)), what="the shapes of the results")
    shapes = [tuple(t.shape) for t in (*cache, *after)]
    assert_equal(shapes, [(2, 4, 5, 2)] * 2 + [(2, 4, 7, 2)] * 2, what="the shapes of keys and values after each call")


def test_far_away(solution, rng):
    """Positions count from the start of the text, far into it, too"""
    x, weights = text(rng, n=40)
    expected = whole(x, weights, 2)
    y, _ = in_parts(solution, x, weights, 2, (37, 1, 2))
    assert_close(y[:, 37:], expected[0][:, 37:], what="the results of the tokens 37, 38 and 39")


def test_padding(solution, rng):
    """Texts of different lengths, padded at the beginning, give what they give alone"""
    x, weights = text(rng, batch=3)
    pad = torch.tensor([3, 0, 5])
    for sizes in ((7,), (4, 3), (2, 2, 1, 1, 1)):
        y, _ = in_parts(solution, x, weights, 2, sizes, pad)
        why = f"pad = {pad.tolist()}, calls of {sizes} tokens."
        for s, p in enumerate(pad.tolist()):
            # Positions only matter as differences: the text without its padding, from position 0 on.
            alone = whole(x[s : s + 1, p:], weights, 2)[0][0]
            assert_close(y[s, p:], alone, what=f"the rows of text {s}", why=why)
            assert_close(
                y[s, :p], torch.zeros(p, 8, dtype=torch.float64), what=f"the rows of padding of text {s}", why=why
            )


def test_two_continuations(solution, rng):
    """Two continuations can begin from the same cache, which is not changed"""
    x, weights = text(rng, batch=2)
    others, more = randn(rng, 2, 3, 8), randn(rng, 2, 1, 8)
    for pad in (None, torch.tensor([5, 2])):
        _, K, V = whole(x, weights, 2, pad)
        cache = (K[:, :, :4].contiguous(), V[:, :, :4].contiguous())
        for tokens in (x[:, 4:], others, more):
            y, new = assert_unchanged(solution.decode, tokens, cache, *weights, 2, pad)
            expected = whole(torch.cat((x[:, :4], tokens), dim=1), weights, 2, pad)
            why = f"A continuation of the same four tokens by {tokens.shape[1]}."
            assert_close(y, expected[0][:, 4:], why=why)
            assert_close(new[1], expected[2], what="the values in the new cache", why=why)


def test_own_memory(solution, rng):
    """Writing into what one call gave does not change another's cache"""
    x, weights = text(rng)
    _, K, V = whole(x, weights, 2)
    cache, tokens = (K[:, :, :4].contiguous(), V[:, :, :4].contiguous()), x[:, 4:5]
    first = keep(solution.decode, tokens, cache, *weights, 2)
    second = keep(solution.decode, x[:, 5:6], cache, *weights, 2)
    expected = whole(x[:, :5], weights, 2)
    why = "It was looked at after another call had begun from the same cache."
    assert_close(keep_item(first, 1)[0], expected[1], what="the keys in the first call's cache", why=why)
    assert_close(keep_item(first, 1)[1], expected[2], what="the values in the first call's cache", why=why)
    expected = whole(torch.cat((x[:, :4], x[:, 5:6]), dim=1), weights, 2)
    assert_close(keep_item(second, 1)[0], expected[1], what="the keys in the second call's cache", why=why)


def test_select(solution, rng):
    """Beams are chosen by row, keys and values alike, with memory of their own"""
    x, weights = text(rng, batch=3)
    _, K, V = whole(x, weights, 2)
    for index in ([1, 1, 0], [2, 0], [0, 1, 2, 2], [1], [2, 2, 2, 2]):
        chosen = chosen_by(solution, (K, V), index)
        for own, old, what in zip(chosen, (K, V), ("keys", "values"), strict=True):
            assert_close(own, old[index], what=f"the {what} of the beams {index}")
    clone = library(solution, "torch.clone")
    for index in ([0, 1, 2], [1, 2], [1], [2, 0, 1], [1, 1, 1]):
        # Old and new cache stay in the cell, and the new one's first row is written over there.
        old = [keep(clone, t) for t in (K, V)]
        new = keep(solution.select, tuple(old), torch.tensor(index))
        for own, was, t, what in zip(
            (keep_item(new, 0), keep_item(new, 1)), old, (K, V), ("keys", "values"), strict=True
        ):
            own[0] = 9.0
            why = f"The first beam of select(cache, {index}) was written over; it has memory of its own."
            assert_close(was.clone(), t, what=f"the old cache's {what}", why=why)
            assert_close(own.clone()[1:], t[index[1:]], what=f"the other beams' {what}", why=why)
    new = randn(rng, 3, 1, 8)
    y, _ = decoded(solution, new, chosen_by(solution, (K, V), [1, 1, 0]), *weights, 2)
    expected = whole(torch.cat((x[[1, 1, 0]], new), dim=1), weights, 2)[0][:, -1:]
    assert_close(y, expected, what="the result of a new token for each of the beams [1, 1, 0]")


def test_large_scores(solution, rng):
    """Huge scores, differently in each row, neither overflow nor win from the future"""
    x, weights = text(rng)
    x = x * torch.tensor([1.0, 300, 1, 0.01, 1000, 1, 30], dtype=torch.float64)[:, None]
    y, _ = in_parts(solution, x, weights, 2, (4, 3))
    why = "The tokens 1, 4 and 6 are up to 1000 times as large as the others."
    assert_close(y, whole(x, weights, 2)[0], rtol=1e-7, atol=1e-9, why=why)


def test_inputs_and_dtype(solution, rng):
    """float32 stays float32, and the arguments need not be contiguous"""
    x, weights = text(rng)
    x, weights = x.mT.contiguous().mT.float(), [W.T.contiguous().T.float() for W in weights]
    y, (K, V) = in_parts(solution, x, weights, 2, (4, 3))
    expected = whole(x.double(), [W.double() for W in weights], 2)
    for own, right, what in zip((y, K, V), expected, ("result", "keys", "values"), strict=True):
        assert_close(own, right.float(), rtol=1e-4, atol=1e-5, what=f"the {what}", why="Transposed views, in float32.")
