"""Hidden suite of positional_encoding/add_learned.

Tables are filled by the suite, in float64, with entries that are multiples of nothing else, and the sums are worked out token by
token; they are compared to 1e-9. The row of the padding is filled with zeros, as the statement says. Two checks are statistical.
Dropout at p = 0.2 over 12,000 entries: the share of zeros has a standard deviation of 0.0037, and 0.03 either way is allowed,
eight of them (below 1e-14). First values of 60 · 64 and 70 · 64 entries: their standard deviation is off by 1.2% (one
sigma), 10% is allowed; their mean by 1.6% of it, 12% is allowed: more than seven sigma each (below 1e-11).
"""

import math

import pytest
import torch

from grader.testing import (
    LearnerError,
    Mismatch,
    assert_close,
    assert_equal,
    assert_gradients,
    assert_unchanged,
    load,
    parameters,
    vjp,
)


def randn(rng, *shape):
    return torch.from_numpy(rng.standard_normal(shape))


def ints(*values):
    return torch.tensor(values, dtype=torch.int64)


def tables(rng, vocab, max_len, d, pad_id):
    tokens = randn(rng, vocab, d)
    tokens[pad_id] = 0.0
    return {"tokens": tokens, "positions": randn(rng, max_len, d)}


def make(side, held, pad_id, p_drop=0.0):
    """An Embed of `side` that holds these tables, in their dtype."""
    embed = side.Embed(len(held["tokens"]), len(held["positions"]), held["tokens"].shape[1], pad_id, p_drop)
    embed = embed.double() if held["tokens"].dtype == torch.float64 else embed
    try:
        load(embed, **held)
    except LearnerError as error:
        raise Mismatch(
            f"The suite could not put its tables into tokens and positions: {error.text}. The statement asks for two "
            "torch.nn.Parameters of these names, of the shapes (vocab, d) and (max_len, d)."
        ) from None
    return embed


def summed(held, ids, pos=None):
    """√d · token + position, one token at a time."""
    batch, n = ids.shape
    root = math.sqrt(held["tokens"].shape[1])
    pos = torch.arange(n).expand(batch, n) if pos is None else pos.expand(batch, n)
    out = torch.zeros(batch, n, held["tokens"].shape[1], dtype=held["tokens"].dtype)
    for b in range(batch):
        for t in range(n):
            out[b, t] = root * held["tokens"][ids[b, t]] + held["positions"][pos[b, t]]
    return out


def test_by_hand(solution):
    """The examples worked out by hand in the statement come out"""
    tokens = torch.tensor([[0.0, 0, 0, 0], [1, 0, 2, 0], [0, 1, 0, 3]])
    positions = torch.tensor([[0.5, 0, 0, 0], [0, 0.5, 0, 0], [0, 0, 0.5, 0]])
    embed = make(solution, {"tokens": tokens, "positions": positions}, 0)
    actual = embed(ints([2, 1, 0]))
    counted = solution.real_positions(ints([0, 0, 7, 8], [5, 6, 7, 0]), 0)
    expected = torch.tensor([[[0.5, 2, 0, 6], [2, 0.5, 4, 0], [0, 0, 0.5, 0]]])
    assert_close(actual, expected, what="forward([[2, 1, 0]])")
    assert_equal(counted, ints([0, 0, 0, 1], [0, 1, 2, 0]), what="real_positions([[0, 0, 7, 8], [5, 6, 7, 0]], 0)")


def test_given_positions(solution, reference, rng):
    """Tokens stand where pos says, and at 0, 1, 2, ... where it says nothing"""
    held, ids = tables(rng, 7, 11, 6, 3), ints([1, 5, 3, 1], [6, 0, 2, 4], [3, 3, 5, 2])
    pos = ints(9, 2, 0, 7)
    each = ints([4, 10, 1, 1], [0, 6, 8, 3], [2, 5, 5, 9])
    embed = make(solution, held, 3)
    shared, own, plain = embed(ids, pos), embed(ids, each), embed(ids)
    assert_close(shared, summed(held, ids, pos), what="forward(ids, pos)", why=f"pos is {pos.tolist()} for every sequence.")
    assert_close(own, summed(held, ids, each), what="forward(ids, pos)", why="Each sequence has positions of its own.")
    assert_close(plain, summed(held, ids), what="forward(ids)")
    assert_close(shared, make(reference, held, 3)(ids, pos), what="the result beside the reference's")


def test_real_positions(solution, rng):
    """real_positions counts the tokens of each sequence, and no padding"""
    ids = ints([2, 2, 2, 0, 5], [1, 4, 2, 2, 2], [2, 0, 2, 3, 1], [2, 2, 2, 2, 2])
    actual = solution.real_positions(ids, 2)
    expected = ints([0, 0, 0, 0, 1], [0, 1, 0, 0, 0], [0, 0, 0, 1, 2], [0, 0, 0, 0, 0])
    assert_equal(actual, expected, what="real_positions(ids, 2)", why=f"ids is {ids.tolist()}; 2 is padding, 0 is a token.")
    ids = torch.from_numpy(rng.integers(0, 3, (3, 9)))
    expected = [[sum(t != 1 for t in row[:i]) * (row[i] != 1) for i in range(9)] for row in ids.tolist()]
    assert_equal(solution.real_positions(ids, 1), ints(*expected), what="real_positions(ids, 1)", why=f"ids is {ids.tolist()}.")


def test_padding_on_the_left(solution, rng):
    """A sequence padded on the left gets the vectors that it has without padding"""
    held = tables(rng, 9, 8, 5, 0)
    embed = make(solution, held, 0)
    padded, alone = ints([0, 0, 7, 3, 8], [4, 1, 2, 5, 6]), ints([7, 3, 8])
    pos = solution.real_positions(padded, 0)
    assert_equal(pos, ints([0, 0, 0, 1, 2], [0, 1, 2, 3, 4]), what="real_positions")
    actual = embed(padded, pos)[0, 2:]
    assert_close(actual, summed(held, alone)[0], what="the three tokens behind two of padding")


def test_parameters(solution):
    """The module trains exactly two tables; the padding's row begins as zeros, the others spread as stated"""
    first = solution.Embed(60, 70, 64, 17)
    held = parameters(first)
    assert_equal(", ".join(sorted(held)), "positions, tokens", what="the names of the module's parameters")
    for name, rows, std in (("tokens", 60, 64**-0.5), ("positions", 70, 0.02)):
        value = held[name]
        assert value.requires_grad, f"{name} does not require a gradient, so it would never be trained."
        assert_equal(tuple(value.shape), (rows, 64), what=f"the shape of {name}", why="Embed(60, 70, 64, 17) was made.")
        assert value.dtype == torch.float32, f"{name} has the dtype {value.dtype}, not float32."
        value = value.detach().double()
        if name == "tokens":
            assert (value[17] == 0).all(), "Row pad_id of tokens does not begin as zeros."
            value = torch.cat((value[:17], value[18:]))
        spread = value.std().item()
        assert abs(spread - std) < 0.1 * std, f"The first {name} have a standard deviation of {spread:.4f}, not {std:.4f}."
        assert abs(value.mean()) < 0.12 * std, f"The first {name} have a mean of {value.mean():.4f}, not 0."
    other = parameters(solution.Embed(60, 70, 64, 17))
    assert not torch.equal(held["tokens"], other["tokens"]), "Two modules begin with the same tokens: draw them at random."


def test_padding_learns_nothing(solution, rng):
    """The gradients have the right values, and none reaches the row of the padding"""
    held, ids = tables(rng, 7, 9, 4, 2), ints([2, 5, 0, 5, 2], [1, 1, 2, 6, 0])
    pos = ints([0, 0, 3, 8, 1], [3, 4, 4, 0, 7])
    G = randn(rng, 2, 5, 4)
    _, actual = vjp(make(solution, held, 2), ids, pos, cotangent=G, wrt=("tokens", "positions"))
    dtokens, dpositions = torch.zeros(7, 4).double(), torch.zeros(9, 4).double()
    for b in range(2):
        for t in range(5):
            dpositions[pos[b, t]] += G[b, t]
            if ids[b, t] != 2:
                dtokens[ids[b, t]] += 2.0 * G[b, t]
    why = "d is 4 and token 2 is padding; a row that is read twice gets both gradients."
    assert_gradients(actual, [dtokens, dpositions], ("tokens", "positions"), why=why)


def test_padded_places(solution, rng):
    """A padded place holds its position alone, whichever token pads"""
    for pad_id in (0, 4):
        held = tables(rng, 5, 6, 3, pad_id)
        actual = make(solution, held, pad_id)(ints([pad_id, 1, pad_id], [2, 3, pad_id]), ints(5, 1, 2))
        assert_close(actual[0, 0], held["positions"][5], what="a padded place at position 5", why=f"pad_id is {pad_id}.")
        assert_close(actual[1, 2], held["positions"][2], what="a padded place at position 2", why=f"pad_id is {pad_id}.")


def test_the_table_ends(solution, rng):
    """Positions below 0 or from max_len on raise ValueError, the last one in the table does not"""
    held, ids = tables(rng, 8, 5, 3, 0), ints([4, 1, 7])
    embed = make(solution, held, 0)
    assert_close(embed(ids, ints(4, 0, 3)), summed(held, ids, ints(4, 0, 3)), what="positions 4, 0 and 3 of 5")
    long = ints([1, 2, 3, 4, 5])
    assert_close(embed(long), summed(held, long), what="as many tokens as the table has rows")
    for pos in (ints(0, 5, 1), ints(2, -1, 0), ints([0, 1, 6])):
        with pytest.raises(ValueError):
            embed(ids, pos)
    with pytest.raises(ValueError):
        embed(ints([1, 2, 3, 4, 5, 6]))


def test_dropout_of_everything(solution, rng):
    """With p_drop = 1, training gives zeros: the whole sum is dropped; eval mode drops nothing"""
    held, ids, pos = tables(rng, 6, 7, 4, 0), ints([3, 1, 5], [2, 0, 4]), ints(6, 1, 3)
    embed = make(solution, held, 0, 1.0)
    training = embed(ids, pos)
    embed.eval()
    evaluated = embed(ids, pos)
    embed.train()
    again = embed(ids, pos)
    why = "Every entry of the sum is dropped, tokens and positions together."
    assert_close(training, torch.zeros(2, 3, 4).double(), what="the result in training, p_drop = 1", why=why)
    assert_close(evaluated, summed(held, ids, pos), what="the result after eval()", why="Dropout is for training only.")
    assert_close(again, torch.zeros(2, 3, 4).double(), what="the result after eval() and train()", why=why)


def test_dropout(solution, rng):
    """In training each entry of the sum is dropped with the chance p_drop, and the others are made larger"""
    held = tables(rng, 20, 30, 40, 0)
    ids = torch.from_numpy(rng.integers(1, 20, (10, 30)))
    embed = make(solution, held, 0, 0.2)
    first, second = embed(ids), embed(ids)
    full = summed(held, ids) / (1 - 0.2)
    kept = first != 0
    assert_close(first, torch.where(kept, full, 0.0), what="the entries in training", why="Each is 0 or its sum / (1 - p_drop).")
    share = 1 - kept.double().mean().item()
    assert abs(share - 0.2) < 0.03, f"A share of {share:.3f} of the entries was dropped, with p_drop = 0.2."
    assert not torch.equal(first, second), "Two calls in training dropped the same entries."
    with_none = make(solution, held, 0, 0.0)
    assert_close(with_none(ids), summed(held, ids), what="the result in training, p_drop = 0")


def test_dropout_unless_told(solution, rng):
    """p_drop is 0.1 where it is not given"""
    embed = solution.Embed(20, 30, 40, 0)
    ids = torch.from_numpy(rng.integers(1, 20, (10, 30)))
    share = (embed(ids) == 0).double().mean().item()
    assert abs(share - 0.1) < 0.03, f"A share of {share:.3f} of the entries was dropped; without p_drop it is 0.1."


def test_inputs_and_dtype(solution, rng):
    """Arguments are not changed; float32 tables give float32; no token gives no vector"""
    held = tables(rng, 6, 7, 3, 1)
    ids, pos = ints([3, 1], [5, 0], [2, 4], [0, 3]).T, ints(6, 0, 1, 0, 3, 0, 5, 0)[::2]
    actual = assert_unchanged(make(solution, held, 1), ids, pos)
    assert_close(actual, summed(held, ids, pos), what="the result for a transposed view")
    assert_unchanged(solution.real_positions, ids, 1)
    held = {name: value.float() for name, value in held.items()}
    assert_close(make(solution, held, 1)(ids, pos), summed(held, ids, pos), what="the result in float32")
    assert_close(make(solution, held, 1)(ids[:, :0]), torch.zeros(2, 0, 3), what="the result for n = 0")
    assert_equal(solution.real_positions(ids[:, :0], 1), ids[:, :0], what="real_positions for n = 0")
