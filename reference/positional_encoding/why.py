"""Attention without positions is blind to order: Vaswani et al. (2017), section 3.5.

A function f of rows is blind if f(x[π]) = f(x)[π] for every permutation π. Then f(x)[-1] is the same for all orders of the rows
before the last: shuffled among themselves, they shuffle outputs that are not read.
"""

from collections.abc import Callable
from itertools import combinations

import torch
from torch import Tensor

from grader.marks import alternative, mistake


def order_error(f: Callable[[Tensor], Tensor], x: Tensor, perm: Tensor) -> float:
    """How far f is from giving shuffled outputs for shuffled tokens: the largest absolute difference."""
    shuffled_before = f(x[..., perm, :])
    shuffled_after = f(x)[..., perm, :]
    return (shuffled_before - shuffled_after).abs().max().item()


def noticed(f: Callable[[Tensor], Tensor], x: Tensor, tol: float) -> Tensor:
    """The (n, n) map of the pairs of tokens whose exchange f notices."""
    n = len(x)
    found = torch.zeros(n, n, dtype=torch.bool)
    for i, j in combinations(range(n), 2):
        perm = torch.arange(n)
        perm[i], perm[j] = j, i
        found[i, j] = found[j, i] = order_error(f, x, perm) > tol
    return found


def another_order(x: Tensor) -> Tensor | None:
    """The same tokens in another order that no blind f can tell from x by the last token's output."""
    # The last row has to stay. If any of the others differ, one of them differs from row 0.
    for j in range(1, len(x) - 1):
        if not torch.equal(x[0], x[j]):
            y = x.clone()
            y[0], y[j] = x[j], x[0]
            return y
    return None


def with_positions(f: Callable[[Tensor], Tensor], x: Tensor, P: Tensor) -> Tensor:
    """f of the tokens, each with the vector of its position added."""
    return f(x + P[: x.shape[-2]])


# Other right ways.


@alternative("by a matrix of the permutation", of="order_error")
def by_matrix(f, x, perm):
    def shuffle(rows):
        return torch.eye(len(perm), dtype=rows.dtype)[perm] @ rows

    return float(torch.max(torch.abs(f(shuffle(x)) - shuffle(f(x)))))


@alternative("put back by the inverse, token by token", of="order_error")
def put_back(f, x, perm):
    there = f(x.index_select(-2, perm))
    here = f(x)
    return max(float((there[..., i, :] - here[..., int(p), :]).abs().max()) for i, p in enumerate(perm))


@alternative("all pairs, rows exchanged in copies", of="noticed")
def all_pairs(f, x, tol):
    n = x.shape[0]
    here = f(x)
    rows = []
    for i in range(n):
        for j in range(n):
            y, there = x.clone(), here.clone()
            y[[i, j]], there[[i, j]] = x[[j, i]], here[[j, i]]
            rows.append(i != j and bool(((f(y) - there).abs() > tol).any()))
    return torch.tensor(rows).view(n, n)


@alternative("the first pair of all pairs that differ", of="another_order")
def first_pair(x):
    n = x.shape[0]
    for i in range(n - 1):
        for j in range(i + 1, n - 1):
            order = list(range(n))
            order[i], order[j] = j, i
            if bool((x[order] != x).any()):
                return x[order]
    return None


@alternative("positions by an index", of="with_positions")
def by_index(f, x, P):
    t = torch.arange(x.size(-2))
    return f(torch.add(P.index_select(0, t).expand_as(x), x))


# Known mistakes of `order_error`.


@mistake(
    "`order_error` compares f(x[π]) with f(x) as it is. Blind to order does not mean that outputs stay: they move with their "
    "tokens, so f(x) has to be shuffled too.",
    of="order_error",
    hint=1,
)
def output_not_shuffled(f, x, perm):
    return (f(x[..., perm, :]) - f(x)).abs().max().item()


@mistake(
    "`order_error` shuffles the outputs by the inverse of π. They are compared as f(x)[π], shuffled just as the tokens were.",
    of="order_error",
    hint=3,
)
def inverse_after(f, x, perm):
    return (f(x[..., perm, :]) - f(x)[..., perm.argsort(), :]).abs().max().item()


@mistake(
    "`order_error` shuffles the tokens by the inverse of π. Row i of x[π] is row π[i] of x.",
    of="order_error",
    hint=3,
)
def inverse_before(f, x, perm):
    return (f(x[..., perm.argsort(), :]) - f(x)[..., perm, :]).abs().max().item()


@mistake(
    "`order_error` shuffles by the inverse of π, before and after. Row i of x[π] is row π[i] of x.",
    of="order_error",
    hint=3,
)
def inverse_both(f, x, perm):
    perm = perm.argsort()
    return (f(x[..., perm, :]) - f(x)[..., perm, :]).abs().max().item()


@mistake(
    "`order_error` shuffles only after f, and compares with f(x): that is a property of π, not of f. Tokens are shuffled before "
    "f on the other side.",
    of="order_error",
    hint=1,
)
def input_not_shuffled(f, x, perm):
    return (f(x) - f(x)[..., perm, :]).abs().max().item()


@mistake("`order_error` has no absolute values: large negative differences are passed over.", of="order_error", hint=3)
def not_absolute(f, x, perm):
    return (f(x[..., perm, :]) - f(x)[..., perm, :]).max().item()


@mistake(
    "`order_error` gives the mean of the differences. One number that differs is enough: take the maximum.",
    of="order_error",
)
def mean_difference(f, x, perm):
    return (f(x[..., perm, :]) - f(x)[..., perm, :]).abs().mean().item()


@mistake("`order_error` gives the sum of the differences. It is their maximum.", of="order_error", hint=3)
def summed(f, x, perm):
    return (f(x[..., perm, :]) - f(x)[..., perm, :]).abs().sum().item()


@mistake(
    "`order_error` gives the length (norm) of the difference. It is the largest absolute number in it.",
    of="order_error",
    hint=3,
)
def norm_of_difference(f, x, perm):
    return (f(x[..., perm, :]) - f(x)[..., perm, :]).norm().item()


@mistake("`order_error` divides by the size of the output. E is the difference itself.", of="order_error", hint=3)
def relative(f, x, perm):
    after = f(x)[..., perm, :]
    return ((f(x[..., perm, :]) - after).abs().max() / after.abs().max()).item()


@mistake(
    "`order_error` looks at the last token's output only. Every token's output counts.",
    of="order_error",
    hint=3,
)
def last_token_only(f, x, perm):
    return (f(x[..., perm, :]) - f(x)[..., perm, :])[..., -1, :].abs().max().item()


@mistake(
    "`order_error` compares the means over the tokens. A layer may notice the order and keep the mean: compare token by token.",
    of="order_error",
    hint=1,
)
def means_over_tokens(f, x, perm):
    return (f(x[..., perm, :]).mean(-2) - f(x).mean(-2)).abs().max().item()


@mistake(
    "`order_error` gives a tensor. It is to be a Python float.",
    of="order_error",
    hint=4,
)
def left_as_tensor(f, x, perm):
    return (f(x[..., perm, :]) - f(x)[..., perm, :]).abs().max()


@mistake(
    "`order_error` shuffles the first axis. Tokens are axis -2: the axes before it are other texts.",
    of="order_error",
    hint=2,
)
def first_axis(f, x, perm):
    return (f(x[perm]) - f(x)[perm]).abs().max().item()


# Known mistakes of `noticed`.


def _error(f, x, i, j, rows=None):
    y, there = x.clone(), f(x).clone()
    y[[i, j]], there[[i, j]] = x[[j, i]], there[[j, i]]
    difference = (f(y) - there).abs()
    return (difference if rows is None else difference[rows]).max().item()


def _map(f, x, heard):
    n = len(x)
    return torch.tensor([[i != j and heard(_error(f, x, i, j), i, j) for j in range(n)] for i in range(n)])


@mistake(
    "`noticed` is True where the output has changed at all. It changes for a blind f too: the outputs move with the tokens.",
    of="noticed",
    hint=1,
)
def any_change(f, x, tol):
    def changed(i, j):
        y = x.clone()
        y[[i, j]] = x[[j, i]]
        return (f(y) - f(x)).abs().max().item() > tol

    return torch.tensor([[i != j and changed(i, j) for j in range(len(x))] for i in range(len(x))])


@mistake("`noticed` tries neighbours only. Every pair of tokens is to be tried.", of="noticed", hint=2)
def neighbours_only(f, x, tol):
    return _map(f, x, lambda e, i, j: e > tol and abs(i - j) == 1)


@mistake(
    "`noticed` fills one half of the map only. Exchanging i and j is exchanging j and i: set [i, j] and [j, i].",
    of="noticed",
    hint=2,
)
def upper_half(f, x, tol):
    return _map(f, x, lambda e, i, j: e > tol and i < j)


@mistake("`noticed` is turned round: True is where the exchange is not noticed.", of="noticed", hint=2)
def turned_round(f, x, tol):
    return _map(f, x, lambda e, i, j: e <= tol)


@mistake("`noticed` has True on the diagonal. A token exchanged with itself is not noticed.", of="noticed", hint=2)
def diagonal_true(f, x, tol):
    return _map(f, x, lambda e, i, j: e > tol) | torch.eye(len(x), dtype=torch.bool)


@mistake(
    "`noticed` does not use tol: it takes anything above 0, or above a number of yours, as noticed. Rounding alone gives 1e-16.",
    of="noticed",
    hint=2,
)
def tolerance_ignored(f, x, tol):
    return _map(f, x, lambda e, i, j: e > 0)


@mistake("`noticed` counts a difference of exactly tol. Noticed is what is more.", of="noticed", hint=2)
def tolerance_counts(f, x, tol):
    return _map(f, x, lambda e, i, j: e >= tol)


@mistake(
    "`noticed` looks only at the outputs of the two tokens that were exchanged. The others may have noticed as well.",
    of="noticed",
    hint=3,
)
def own_outputs_only(f, x, tol):
    n = len(x)
    return torch.tensor([[i != j and _error(f, x, i, j, [i, j]) > tol for j in range(n)] for i in range(n)])


@mistake(
    "`noticed` looks only at the outputs of the tokens that stayed. The two that were exchanged count as well.",
    of="noticed",
    hint=3,
)
def others_only(f, x, tol):
    n = len(x)

    def heard(i, j):
        rows = [k for k in range(n) if k not in (i, j)]
        return bool(rows) and _error(f, x, i, j, rows) > tol

    return torch.tensor([[i != j and heard(i, j) for j in range(n)] for i in range(n)])


@mistake("`noticed` gives numbers. The map is to be of dtype bool.", of="noticed", hint=2)
def not_bool(f, x, tol):
    return _map(f, x, lambda e, i, j: e > tol).to(x.dtype)


@mistake("`noticed` gives the errors. The map is to be True where they are more than tol.", of="noticed", hint=2)
def errors_given(f, x, tol):
    n = len(x)
    return torch.tensor([[_error(f, x, i, j) for j in range(n)] for i in range(n)], dtype=x.dtype)


# Known mistakes of `another_order`.


@mistake(
    "`another_order` turns the whole text round: another token comes to be the last, and its output is another one. The last "
    "token must stay.",
    of="another_order",
    hint=1,
)
def whole_reversed(x):
    return x.flip(0)


@mistake(
    "`another_order` moves all tokens on by one, the last one too. The output that is read is the last token's: it must stay.",
    of="another_order",
    hint=1,
)
def whole_rolled(x):
    return x.roll(1, 0)


@mistake(
    "`another_order` may exchange the last token. The output that is read is the last token's: it must stay.",
    of="another_order",
    hint=1,
)
def last_may_move(x):
    for j in range(1, len(x)):
        if not torch.equal(x[0], x[j]):
            y = x.clone()
            y[0], y[j] = x[j], x[0]
            return y
    return None


@mistake(
    "`another_order` exchanges rows 0 and 1 without looking. If they are the same word, the order is the old one: look for a row "
    "that differs.",
    of="another_order",
    hint=2,
)
def first_two_unseen(x):
    return None if len(x) < 3 else torch.cat((x[1:2], x[:1], x[2:]))


@mistake(
    "`another_order` gives up if rows 0 and 1 are the same word. A later row may differ from row 0.",
    of="another_order",
    hint=2,
)
def first_two_or_none(x):
    return None if len(x) < 3 or torch.equal(x[0], x[1]) else torch.cat((x[1:2], x[:1], x[2:]))


@mistake(
    "`another_order` exchanges the first neighbours that differ. Here i is to be as small as possible: row 0 with the first row "
    "that differs from it.",
    of="another_order",
    hint=4,
)
def first_neighbours(x):
    for i in range(len(x) - 2):
        if not torch.equal(x[i], x[i + 1]):
            y = x.clone()
            y[i], y[i + 1] = x[i + 1], x[i]
            return y
    return None


@mistake(
    "`another_order` turns round all tokens before the last. A text that reads the same both ways stays as it is, and just two "
    "rows are to be exchanged.",
    of="another_order",
    hint=4,
)
def head_reversed(x):
    return None if len(x) < 3 else torch.cat((x[:-1].flip(0), x[-1:]))


@mistake(
    "`another_order` moves all tokens before the last on by one. Of the right orders, the one that exchanges just two rows is "
    "asked for.",
    of="another_order",
    hint=4,
)
def head_rolled(x):
    y = torch.cat((x[:-1].roll(1, 0), x[-1:]))
    return None if torch.equal(x, y) else y


@mistake(
    "`another_order` loses a word: while exchanging, one row was written over before it was read, so that one token stands there "
    "twice.",
    of="another_order",
    hint=4,
)
def overwritten(x):
    for j in range(1, len(x) - 1):
        if not torch.equal(x[0], x[j]):
            y = x.clone()
            y[0] = y[j]
            return y
    return None


@mistake(
    "`another_order` takes two rows for the same word if any of their numbers agree. They are the same if all do.",
    of="another_order",
    hint=2,
)
def any_number_agrees(x):
    for j in range(1, len(x) - 1):
        if bool((x[0] != x[j]).all()):
            y = x.clone()
            y[0], y[j] = x[j], x[0]
            return y
    return None


@mistake(
    "`another_order` gives up if any word repeats. Two that differ can still change places.",
    of="another_order",
    hint=2,
)
def gives_up_at_repeats(x):
    head = x[:-1]
    if len(x) < 3 or len(torch.unique(head, dim=0)) < len(head):
        return None
    return torch.cat((x[1:2], x[:1], x[2:]))


@mistake(
    "`another_order` gives x back where no other order will do. That is the order it had: return None.",
    of="another_order",
    hint=2,
)
def same_instead_of_none(x):
    for j in range(1, len(x) - 1):
        if not torch.equal(x[0], x[j]):
            y = x.clone()
            y[0], y[j] = x[j], x[0]
            return y
    return x


@mistake(
    "`another_order` always says None: but tokens before the last can change places unseen.", of="another_order", hint=1
)
def never(x):
    return None


# Known mistakes of `with_positions`.


def _rows(x, P):
    return P[: x.shape[-2]]


@mistake(
    "`with_positions` adds P after f. Then f has mixed the tokens without their positions, and who attends to whom still "
    "does not depend on the order. Add P before.",
    of="with_positions",
    hint=1,
)
def added_after(f, x, P):
    y = f(x)
    return y + _rows(x, P)[:, : y.shape[-1]] if y.shape[-1] <= P.shape[-1] else y


@mistake(
    "`with_positions` adds P before f and once more after it. Before is enough.",
    of="with_positions",
    hint=4,
)
def added_twice(f, x, P):
    y = f(x + _rows(x, P))
    return y + _rows(x, P)[:, : y.shape[-1]] if y.shape[-1] <= P.shape[-1] else y


@mistake("`with_positions` does not use P: f is as blind as before.", of="with_positions", hint=1)
def not_added(f, x, P):
    return f(x)


@mistake("`with_positions` multiplies by P. It is added.", of="with_positions", hint=4)
def multiplied(f, x, P):
    return f(x * _rows(x, P))


@mistake("`with_positions` takes P away from the tokens. It is added.", of="with_positions", hint=4)
def taken_away(f, x, P):
    return f(x - _rows(x, P))


@mistake(
    "`with_positions` gives every token the vector of position 0: the tokens of a text are then as alike as before. Token t gets "
    "row t.",
    of="with_positions",
    hint=2,
)
def all_at_zero(f, x, P):
    return f(x + P[0])


@mistake(
    "`with_positions` takes the last n rows of P. Positions begin with 0: take the first n.",
    of="with_positions",
    hint=2,
)
def last_rows(f, x, P):
    return f(x + P[len(P) - x.shape[-2] :])


@mistake("`with_positions` begins with row 1 of P. The first token stands at position 0.", of="with_positions", hint=2)
def from_one(f, x, P):
    return f(x + P[(torch.arange(x.shape[-2]) + 1) % len(P)])


@mistake(
    "`with_positions` gives positions to the texts beside one another: P is counted along the first axis. Tokens are axis -2.",
    of="with_positions",
    hint=2,
)
def along_the_batch(f, x, P):
    if x.ndim == 2:
        return f(x + _rows(x, P))
    return f(x + P[: len(x)].reshape(len(x), *[1] * (x.ndim - 2), -1))


@mistake(
    "`with_positions` gives f the positions alone: the words are gone. Tokens and positions are added.",
    of="with_positions",
    hint=4,
)
def positions_alone(f, x, P):
    return f(_rows(x, P).expand(x.shape))


@mistake(
    "`with_positions` multiplies the tokens by √d first, as embedding layers do. Tokens are added as they are here.",
    of="with_positions",
    hint=3,
)
def scaled_first(f, x, P):
    return f(x.shape[-1] ** 0.5 * x + _rows(x, P))
