"""Hidden suite of positional_encoding/why.

The functions that are measured are the suite's own and are called back here, in the judge: attention of several heads with
random weights, with and without positions, and small exact ones. Errors and maps are worked out here token by token in
float64; the texts of `another_order` are made of whole numbers and compared exactly, and shown to attention. Tolerance 1e-9
relative and 1e-12 absolute (another order of sums differs by about 1e-15; a blind attention has an error of about 1e-15, and
swaps that are noticed one above 1e-3 with weights of this size). No check fails by chance: tol is 1e-7 in the maps, and the
chance that a random exchange of these sizes moves every number by less is below 1e-12.
"""

import numpy as np
import torch

from grader.testing import Mismatch, assert_close, assert_equal, assert_unchanged


def randn(rng, *shape):
    return torch.from_numpy(rng.standard_normal(shape))


def ints(*values):
    return torch.tensor(values, dtype=torch.int64)


def attention(rng, d, e, heads=2, wide=3):
    """Self-attention with random weights, from d columns to e."""
    Wq, Wk = randn(rng, heads, d, wide), randn(rng, heads, d, wide)
    Wv = randn(rng, heads, d, e)

    def f(x):
        assert isinstance(x, torch.Tensor), f"f was given a {type(x).__name__}; it takes a tensor of tokens."
        assert x.ndim >= 2, f"f was given a tensor of shape {tuple(x.shape)}; it takes (..., n, {d})."
        assert x.shape[-1] == d, f"f was given a tensor of shape {tuple(x.shape)}; it takes (..., n, {d})."
        x = x[..., None, :, :].double()
        weights = (x @ Wq @ (x @ Wk).mT / wide**0.5).softmax(-1)
        return (weights @ (x @ Wv)).sum(-3)

    return f


def after(f, P):
    """f behind positions."""
    return lambda x: f(x + P[: x.shape[-2]])


def error(f, x, perm):
    """Token by token: output i of the shuffled text beside output perm[i] of the other."""
    there, here = f(torch.stack([x[..., int(p), :] for p in perm], dim=-2)), f(x)
    largest = 0.0
    for i, p in enumerate(perm):
        largest = max(largest, float((there[..., i, :] - here[..., int(p), :]).abs().max()))
    return largest


def swap(n, i, j):
    order = list(range(n))
    order[i], order[j] = j, i
    return ints(*order)


def mapped(f, x, tol):
    n = len(x)
    return torch.tensor([[i != j and error(f, x, swap(n, i, j)) > tol for j in range(n)] for i in range(n)])


def running(x):
    """Not blind, and exact for whole numbers: sums of what came so far."""
    return x.cumsum(-2)


def listener(x):
    """Only the last place listens: it weighs the others by where they stand; each other place gives its own token."""
    places = torch.arange(1, len(x) + 1, dtype=x.dtype)
    return torch.cat((x[:-1], (places[:, None] * x).sum(0, keepdim=True)))


def text(*words):
    """Words of three whole numbers each; neighbours in the alphabet share one."""
    return torch.tensor([[float(w), float(w // 2), 7.0 - w] for w in words], dtype=torch.float64)


def other(words):
    """The order asked for, of the words as numbers: two exchanged, the last not among them."""
    for i in range(len(words) - 1):
        for j in range(i + 1, len(words) - 1):
            if words[i] != words[j]:
                return [words[k] for k in swap(len(words), i, j).tolist()]
    return None


def check_order(y, words):
    """What is wrong with y in words, and then its values."""
    x, expected = text(*words), other(words)
    shown = f"for the words {list(words)}"
    if expected is None:
        assert y is None, f"another_order gives a text {shown}, but no other order of them keeps the last output: None."
        return
    assert y is not None, f"another_order gives None {shown}, but there is one: {expected}."
    if not isinstance(y, torch.Tensor) or y.shape != x.shape:
        shape = f"a tensor of shape {tuple(y.shape)}" if isinstance(y, torch.Tensor) else f"a {type(y).__name__}"
        raise Mismatch(f"another_order gives {shape} {shown}, expected rows like x: {tuple(x.shape)}.")
    assert sorted(y.tolist()) == sorted(x.tolist()), f"another_order does not keep the words as they are, {shown}."
    assert not torch.equal(y, x), f"another_order gives the same order again {shown}."
    assert torch.equal(y[-1], x[-1]), f"another_order moves the last token, whose output is read, {shown}."
    changed = int((y != x).any(-1).sum())
    assert changed == 2, f"another_order moves {changed} tokens {shown}; one exchange of two is asked for."
    assert_equal(y, text(*expected), what=f"another_order {shown}", why="i is as small as possible, and then j.")


def test_values(solution, rng):
    """Errors, maps, another order and positions of random texts"""
    f, g = attention(rng, 4, 3), attention(rng, 4, 3)
    P = randn(rng, 7, 4)
    texts, perm = randn(rng, 2, 5, 4), ints(2, 0, 1, 4, 3)
    words = (1, 1, 4, 1, 2, 6)
    x = randn(rng, 5, 4)
    turns = after(g, P[[0, 1, 0, 1, 0]])
    blind = solution.order_error(f, x, perm)
    sees = solution.order_error(after(f, P), texts[0], perm)
    maps = [(h, y, tol, solution.noticed(h, y, tol)) for h, y, tol in (
        (f, x, 1e-7), (turns, x, 1e-7), (listener, x, 1e-7), (listener, text(1, 2, 5), 2.0)
    )]  # fmt: skip
    y = solution.another_order(text(*words))
    placed = solution.with_positions(g, texts, P)
    assert_close(sees, error(after(f, P), texts[0], perm), what="order_error of attention with positions")
    assert_close(blind, 0.0, atol=1e-12, what="order_error of attention without positions")
    for h, y_, tol, found in maps:
        assert_equal(found, mapped(h, y_, tol), what="the map of noticed swaps")
    check_order(y, words)
    assert_close(placed, g(texts + P[:5]), what="with_positions of two texts of five tokens")


def test_worked_example(solution):
    """The example of the statement"""
    x, P = torch.tensor([[1.0], [2], [6]]), torch.tensor([[0.0], [10], [20], [30]])

    def f(x):
        return x + x.mean(-2, keepdim=True)

    perm = ints(1, 2, 0)
    found = solution.order_error(f, x, perm), solution.order_error(running, x, perm), solution.with_positions(f, x, P)
    assert_close(found[0], 0.0, atol=1e-6, what="E of f, which is blind")
    assert_close(found[1], 8.0, what="E of the running sum")
    assert_close(found[2], torch.tensor([[14.0], [25], [39]]), what="f with positions")


def test_blind(solution, rng):
    """Attention without positions, and a stack of two with a layer for each token, notice no shuffle"""
    f, g = attention(rng, 3, 4), attention(rng, 4, 5)

    def stack(x):
        return g(torch.tanh(f(x)))

    x = randn(rng, 6, 3)
    found = [
        (h, solution.order_error(h, x, torch.from_numpy(rng.permutation(6)))) for h in (f, stack) for _ in range(3)
    ]
    nothing = solution.noticed(stack, x, 1e-7)
    for _, value in found:
        assert_close(
            value, 0.0, atol=1e-11, what="E", why="Shuffled tokens give shuffled outputs here: compare with f(x)[π]."
        )
    assert_equal(nothing, torch.zeros(6, 6).bool(), what="the map", why="No swap is noticed without positions.")


def test_errors(solution, rng):
    """The error of functions that see the order, for shuffles that are not their own inverse"""
    cases = []
    x = randn(rng, 6, 3)
    for perm in (ints(1, 2, 3, 4, 5, 0), ints(3, 0, 1, 5, 2, 4), ints(0, 1, 2, 5, 3, 4), ints(0, 1, 2, 3, 4, 5)):
        for name, f in (
            ("a running sum", running),
            ("attention with positions", after(attention(rng, 3, 2), randn(rng, 6, 3))),
            ("tokens with positions taken away", lambda x: x - 100.0 * torch.arange(6.0).double()[:, None]),
        ):
            cases.append((name, perm, error(f, x, perm), solution.order_error(f, x, perm)))
    for name, perm, expected, found in cases:
        assert_close(found, expected, what=f"E of {name} for π = {perm.tolist()}", atol=1e-11)


def test_one_number(solution, rng):
    """One number that differs, of either sign, makes the error"""
    x, perm = randn(rng, 4, 3), ints(1, 0, 3, 2)
    cases = []
    for place, column, size in ((0, 2, 5.0), (3, 0, -7.0), (1, 1, -0.25)):
        P = torch.zeros(4, 3, dtype=torch.float64)
        P[place, column] = size

        def f(x, P=P):
            # Only one number of the output is not 0: it stands at this place, whoever the token is.
            return torch.where(P != 0, x[..., :1, :].abs() + 10 + P, 0 * x)

        cases.append((place, column, error(f, x, perm), solution.order_error(f, x, perm)))
    for place, column, expected, found in cases:
        what = f"E of a function whose output depends on the order in token {place}, column {column} only"
        assert_close(found, expected, what=what)


def test_texts_beside_one_another(solution, rng):
    """Axes before the tokens are texts: all are shuffled alike, and the largest error of all counts"""
    f, P = attention(rng, 3, 4), randn(rng, 6, 3)
    cases = []
    for shape in ((4, 5, 3), (5, 5, 3), (2, 3, 4, 3), (1, 4, 3)):
        x = randn(rng, *shape)
        perm = torch.from_numpy(np.roll(np.arange(shape[-2]), 1))
        cases.append((x, perm, solution.order_error(after(f, P), x, perm), solution.with_positions(f, x, P)))
    for x, perm, found, placed in cases:
        where = f" for texts of shape {tuple(x.shape)}"
        assert_close(found, error(after(f, P), x, perm), what=f"E{where}")
        assert_close(placed, f(x + P[: x.shape[-2]]), what=f"with_positions{where}", why="Tokens are axis -2.")


def test_maps(solution, rng):
    """Maps: all swaps with positions, every second with two positions by turns, and those that only one place hears"""
    n = 6
    f, P, x = attention(rng, 4, 5), randn(rng, n, 4), randn(rng, n, 4)
    same = P.clone()
    same[4] = same[1]
    cases = [
        ("attention with positions", after(f, P)),
        ("attention with two positions by turns", after(f, P[[0, 1, 0, 1, 0, 1]])),
        ("attention where places 1 and 4 have the same vector", after(f, same)),
        ("a running sum", running),
        ("a function of which only the last place listens", listener),
    ]
    found = [(name, f, solution.noticed(f, x, 1e-7)) for name, f in cases]
    for name, f, map_ in found:
        expected = mapped(f, x, 1e-7)
        if isinstance(map_, torch.Tensor) and map_.shape == (n, n) and map_.dtype == torch.bool:
            assert not map_.diagonal().any(), f"The diagonal of the map has a True, for {name}."
            assert torch.equal(map_, map_.mT), f"The map is not symmetric, for {name}."
        assert_equal(map_, expected, what=f"the map of {name}")


def test_tolerance(solution):
    """Noticed is what is more than tol"""
    x = torch.tensor([[1.0, 2], [3, 5], [0, 4], [6, 1]], dtype=torch.float64)
    places = torch.tensor([0.0, 0.25, 0.75, 0.75 + 2.0**-30], dtype=torch.float64)[:, None]

    def f(x):
        return x + places

    found = [(tol, solution.noticed(f, x, tol)) for tol in (0.5, 0.25, 1e-6, 1e-12, 1.0)]
    for tol, map_ in found:
        expected = (places - places.mT).abs() > tol
        why = "Differences of exactly tol, and smaller ones, are not noticed."
        assert_equal(map_, expected, what=f"the map of x plus [0, 0.25, 0.75, 0.75 + 1e-9], with tol = {tol}", why=why)


def test_another_order(solution, rng):
    """Two texts that a blind attention cannot tell apart at the last token, and one with positions can"""
    f, P = attention(rng, 3, 4), randn(rng, 8, 3)
    cases = [(words, solution.another_order(text(*words))) for words in ((1, 2, 3), (5, 2, 4, 1), (3, 1, 4, 0, 5, 2))]
    for words, y in cases:
        check_order(y, words)
        x = text(*words)
        assert_close(f(y)[-1], f(x)[-1], atol=1e-11, what=f"attention's last output for your order of {list(words)}")
        apart = float((after(f, P)(y)[-1] - after(f, P)(x)[-1]).abs().max())
        assert apart > 0, "With positions the last outputs are still the same."


def test_repeated_words(solution):
    """Words that repeat: equal ones do not count as exchanged"""
    texts = [
        (1, 1, 2, 3),
        (4, 4, 4, 2, 4),
        (1, 2, 1, 5),
        (2, 3, 3, 2),
        (1, 1, 4, 1, 2, 6),
        (5, 4, 5, 4, 5),
        (2, 3, 2, 2),
    ]
    found = [(words, solution.another_order(text(*words))) for words in texts]
    for words, y in found:
        check_order(y, words)


def test_no_other_order(solution):
    """None where the tokens before the last are too few, or all the same word"""
    texts = [(3,), (3, 4), (2, 2), (5, 5, 1), (5, 5, 5), (2, 2, 2, 2, 6)]
    found = [(words, solution.another_order(text(*words))) for words in texts]
    for words, y in found:
        check_order(y, words)


def test_dtype_and_arguments(solution, rng):
    """float32 stays float32; arguments are neither changed nor asked to be contiguous"""
    x, P, perm = randn(rng, 3, 10).float().mT[::2], randn(rng, 3, 14).float().mT[::2], ints(4, 0, 3, 1, 2)
    seen = []

    def f(x):
        seen.append(x.dtype)
        return 2 * x + x.cumsum(-2)

    value = assert_unchanged(solution.order_error, f, x, perm)
    map_ = assert_unchanged(solution.noticed, f, x, 0.01)
    placed = assert_unchanged(solution.with_positions, f, x, P)
    words = assert_unchanged(solution.another_order, x)
    kinds = set(seen)
    assert kinds == {torch.float32}, f"f was given {', '.join(map(str, kinds))}, for x and P of float32."
    assert isinstance(value, float), f"order_error gives a {type(value).__name__}, expected a Python float."
    assert_close(value, error(f, x, perm), rtol=1e-5, atol=1e-5, what="E of float32 tokens")
    assert_equal(map_, mapped(f, x, 0.01), what="the map of float32 tokens")
    assert_close(placed, f(x + P[:5]), what="with_positions of float32 tokens", rtol=1e-5, atol=1e-5)
    assert_equal(words, x[[1, 0, 2, 3, 4]], what="another_order of float32 tokens")


def test_small_sizes(solution, rng):
    """One token, one column, a table just long enough"""
    f = attention(rng, 1, 2)
    x, P = randn(rng, 1, 1), randn(rng, 1, 1)
    value, map_, placed = (
        solution.order_error(f, x, ints(0)),
        solution.noticed(f, x, 0.1),
        solution.with_positions(f, x, P),
    )
    pair = solution.noticed(running, torch.tensor([[2.0], [5.0]]), 0.5)
    assert_close(value, 0.0, what="E of one token")
    assert_equal(map_, torch.zeros(1, 1).bool(), what="the map of one token")
    assert_close(placed, f(x + P), what="with_positions of one token")
    assert_equal(pair, torch.tensor([[False, True], [True, False]]), what="the map of two tokens and a running sum")
