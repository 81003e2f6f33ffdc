"""RoPE's two layouts: Su et al., "RoFormer" (2021), section 3.4; rows moved as scripts that convert Llama's weights do it."""

import torch
from torch import Tensor

from grader.marks import alternative, mistake


def rope_half(x: Tensor, pos: Tensor, theta: float = 10000.0) -> Tensor:
    """RoPE with column i and column i + d/2 as a pair."""
    d = x.shape[-1]
    frequency = theta ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
    angle = pos[..., None] * frequency
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x[..., : d // 2], x[..., d // 2 :]
    return torch.cat((a * cos - b * sin, a * sin + b * cos), dim=-1)


def to_half(W: Tensor, n_heads: int) -> Tensor:
    """The rows of each head, put in the order that the layout of halves wants."""
    if len(W) % (2 * n_heads):
        raise ValueError(f"these rows are not {n_heads} heads of an even width")
    pairs = W.unflatten(0, (n_heads, -1, 2))  # head, pair, member
    return pairs.transpose(1, 2).flatten(0, 2)


def to_interleaved(W: Tensor, n_heads: int) -> Tensor:
    """The way back: undo `to_half`."""
    if len(W) % (2 * n_heads):
        raise ValueError(f"these rows are not {n_heads} heads of an even width")
    halves = W.unflatten(0, (n_heads, 2, -1))  # head, member, pair
    return halves.transpose(1, 2).flatten(0, 2)


def convert(weights: dict[str, Tensor], n_heads: int, n_kv_heads: int) -> dict[str, Tensor]:
    """An attention layer with interleaved pairs, ready for code that pairs halves."""
    heads = {"wq": n_heads, "bq": n_heads, "wk": n_kv_heads, "bk": n_kv_heads}
    return {name: to_half(W, heads[name]) if name in heads else W for name, W in weights.items()}


# Other right ways.


@alternative("x cos φ plus the halves exchanged, times sin φ", of="rope_half")
def rotate_half(x: Tensor, pos: Tensor, theta: float = 10000.0) -> Tensor:
    half = x.shape[-1] // 2
    angle = pos.double().unsqueeze(-1) / theta ** (torch.arange(half, dtype=torch.float64) / half)
    angle = torch.cat((angle, angle), dim=-1)
    return x * angle.cos().type_as(x) + _across_halves(x) * angle.sin().type_as(x)


@alternative("pair by pair", of="rope_half")
def pair_by_pair(x: Tensor, pos: Tensor, theta: float = 10000.0) -> Tensor:
    d = x.shape[-1]
    y = torch.zeros_like(x)
    for i in range(d // 2):
        phi = pos.double() * theta ** (-2 * i / d)
        c, s = phi.cos().to(x.dtype), phi.sin().to(x.dtype)
        y[..., i] = c * x[..., i] - s * x[..., i + d // 2]
        y[..., i + d // 2] = s * x[..., i] + c * x[..., i + d // 2]
    return y


@alternative("a list of row numbers", of="to_half")
def by_index(W: Tensor, n_heads: int) -> Tensor:
    d, rest = divmod(W.shape[0], n_heads)
    if rest or d % 2:
        raise ValueError("the rows do not fit the heads")
    rows = [a * d + m for a in range(n_heads) for m in (*range(0, d, 2), *range(1, d, 2))]
    return W[rows]


@alternative("slices written into a new tensor, head by head", of="to_interleaved")
def by_slices(W: Tensor, n_heads: int) -> Tensor:
    if W.shape[0] % n_heads or W.shape[0] // n_heads % 2:
        raise ValueError("the rows do not fit the heads")
    heads = []
    for head in W.chunk(n_heads) if len(W) else ():
        half = len(head) // 2
        heads.append(torch.stack((head[:half], head[half:]), dim=1).reshape(head.shape))
    return torch.cat(heads) if heads else W.clone()


@alternative("a copy of the dict, changed where it must be", of="convert")
def copied(weights: dict[str, Tensor], n_heads: int, n_kv_heads: int) -> dict[str, Tensor]:
    out = dict(weights)
    for letter, h in (("q", n_heads), ("k", n_kv_heads)):
        for kind in "wb":
            if kind + letter in out:
                out[kind + letter] = to_half(out[kind + letter], h)
    return out


# Known mistakes of `rope_half`. What they share:


def _across_halves(x: Tensor) -> Tensor:
    a, b = x.chunk(2, dim=-1)
    return torch.cat((-b, a), dim=-1)


def _angles(x: Tensor, pos: Tensor, theta: float) -> Tensor:
    d = x.shape[-1]
    return pos[..., None] * theta ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)


def _turned(a: Tensor, b: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    cos, sin = angle.cos().to(a.dtype), angle.sin().to(a.dtype)
    return a * cos - b * sin, a * sin + b * cos


def _checked(W: Tensor, n_heads: int) -> Tensor:
    if len(W) % (2 * n_heads):
        raise ValueError
    return W


def _pairs_last(W: Tensor, n_heads: int) -> Tensor:
    return W.unflatten(0, (n_heads, -1, 2)).transpose(1, 2).flatten(0, 2)


def _pairs_first(W: Tensor, n_heads: int) -> Tensor:
    return W.unflatten(0, (n_heads, 2, -1)).transpose(1, 2).flatten(0, 2)


def _converted(weights, heads):
    return {name: to_half(W, heads[name]) if name in heads else W for name, W in weights.items()}


@mistake(
    "`rope_half` pairs neighbours: it is the interleaved RoPE again. Here column i and column i + d/2 are a pair.",
    of="rope_half",
    hint=1,
)
def interleaved(x, pos, theta=10000.0):
    return torch.stack(_turned(x[..., 0::2], x[..., 1::2], _angles(x, pos, theta)), dim=-1).flatten(-2)


@mistake(
    "`rope_half` pairs the halves, but its angles are laid out for neighbours (φ0, φ0, φ1, φ1, ...). The two members of a pair "
    "then turn by different angles: repeat the angles as a whole.",
    of="rope_half",
    hint=2,
)
def angles_for_neighbours(x, pos, theta=10000.0):
    angle = _angles(x, pos, theta).repeat_interleave(2, dim=-1)
    return x * angle.cos().to(x.dtype) + _across_halves(x) * angle.sin().to(x.dtype)


@mistake(
    "`rope_half` reads its pairs from the halves, but writes them back as neighbours. y[i] and y[i + d/2] stand where x[i] and "
    "x[i + d/2] stood.",
    of="rope_half",
    hint=2,
)
def written_as_neighbours(x, pos, theta=10000.0):
    return torch.stack(_turned(*x.chunk(2, dim=-1), _angles(x, pos, theta)), dim=-1).flatten(-2)


@mistake(
    "`rope_half` turns the wrong way: the minus stands in the second half. It belongs to the first, y[i] = x[i] cos φ - "
    "x[i + d/2] sin φ.",
    of="rope_half",
    hint=3,
)
def clockwise(x, pos, theta=10000.0):
    return torch.cat(_turned(*x.chunk(2, dim=-1), -_angles(x, pos, theta)), dim=-1)


@mistake(
    "`rope_half` exchanges the halves without a minus. That is no rotation, it changes lengths: the second half comes to the "
    "front negated.",
    of="rope_half",
    hint=3,
)
def no_minus(x, pos, theta=10000.0):
    angle = _angles(x, pos, theta).repeat(*[1] * pos.dim(), 2)
    return x * angle.cos().to(x.dtype) + x.roll(x.shape[-1] // 2, -1) * angle.sin().to(x.dtype)


@mistake("In `rope_half` the rows are taken to stand at 0, 1, 2, ...; they stand where `pos` says.", of="rope_half", hint=3)
def positions_ignored(x, pos, theta=10000.0):
    return torch.cat(_turned(*x.chunk(2, dim=-1), _angles(x, torch.arange(x.shape[-2]), theta)), dim=-1)


@mistake("`rope_half` does not use its theta: the base is always 10000.", of="rope_half", hint=3)
def theta_ignored(x, pos, theta=10000.0):
    return torch.cat(_turned(*x.chunk(2, dim=-1), _angles(x, pos, 10000.0)), dim=-1)


@mistake(
    "The angles of `rope_half` are worked out in float32. Near position 100,000 they are off by up to 0.004: float64 for the "
    "angles, the dtype of x for their cosines and sines.",
    of="rope_half",
    hint=4,
)
def float32_angles(x, pos, theta=10000.0):
    d = x.shape[-1]
    angle = pos[..., None].float() * (1.0 / theta ** (torch.arange(0, d, 2).float() / d))
    return torch.cat(_turned(*x.chunk(2, dim=-1), angle), dim=-1)


@mistake("`rope_half` gives float64 for a float32 x. Convert cosines and sines to the dtype of x.", of="rope_half", hint=4)
def float64_result(x, pos, theta=10000.0):
    return torch.cat(_turned(*x.double().chunk(2, dim=-1), _angles(x, pos, theta)), dim=-1)


# Known mistakes of `to_half`.


@mistake(
    "`to_half` sorts the rows of the whole matrix: all even rows, then all odd ones. That throws the heads together; each head "
    "keeps its own rows, and is sorted by itself.",
    of="to_half",
    hint=2,
)
def whole_matrix(W, n_heads):
    return _pairs_last(_checked(W, n_heads), 1)


@mistake(
    "`to_half` goes the other way: it is what `to_interleaved` must do. Only for heads of width 2 or 4 are the two alike.",
    of="to_half",
    hint=3,
)
def other_direction(W, n_heads):
    return _pairs_first(_checked(W, n_heads), n_heads)


@mistake(
    "`to_half` moves columns. The columns of W meet the layer's input, which has no pairs; what is rotated is the output: "
    "move rows.",
    of="to_half",
    hint=2,
)
def columns_moved(W, n_heads):
    _checked(W, n_heads)
    if W.dim() == 1 or W.shape[1] % (2 * n_heads):
        return W.clone()
    return _pairs_last(W.mT, n_heads).mT


@mistake("`to_half` puts the second members of the pairs first. First come 0, 2, 4, ... of each head.", of="to_half", hint=3)
def second_members_first(W, n_heads):
    return _checked(W, n_heads).unflatten(0, (n_heads, -1, 2)).transpose(1, 2).flip(1).flatten(0, 2)


@mistake("`to_half` gives W back with its rows as they were: no pair is moved.", of="to_half", hint=1)
def nothing_moved(W, n_heads):
    return _checked(W, n_heads).clone()


@mistake(
    "`to_half` takes rows a, a + n_heads, a + 2 n_heads, ... for one head. A head's rows lie together: a·d to a·d + d - 1.",
    of="to_half",
    hint=2,
)
def heads_interleaved(W, n_heads):
    return _checked(W, n_heads).unflatten(0, (-1, 2, n_heads)).transpose(0, 1).flatten(0, 2)


@mistake(
    "`to_half` takes a W whose rows are not n_heads times an even number. Raise ValueError: rows moved in "
    "silence are hard to find.",
    of="to_half",
    hint=4,
)
def anything_accepted(W, n_heads):
    d = len(W) // n_heads
    return W[[a * d + m for a in range(n_heads) for m in (*range(0, d, 2), *range(1, d, 2))]]


# Known mistakes of `to_interleaved`.


@mistake(
    "`to_interleaved` is `to_half` once more. Sorting evens and odds apart is not its own inverse (but for heads of width 2 or "
    "4): take one of each half in turn.",
    of="to_interleaved",
    hint=3,
)
def same_again(W, n_heads):
    return _pairs_last(_checked(W, n_heads), n_heads)


@mistake(
    "`to_interleaved` takes the halves of the whole matrix. Every head has two halves of its own.", of="to_interleaved", hint=2
)
def halves_of_the_whole(W, n_heads):
    return _pairs_first(_checked(W, n_heads), 1)


@mistake("`to_interleaved` gives W back with its rows as they were.", of="to_interleaved", hint=1)
def not_moved_back(W, n_heads):
    return _checked(W, n_heads).clone()


@mistake("`to_interleaved` puts the second member of each pair before the first.", of="to_interleaved", hint=3)
def members_exchanged(W, n_heads):
    return _checked(W, n_heads).unflatten(0, (n_heads, 2, -1)).flip(1).transpose(1, 2).flatten(0, 2)


# Known mistakes of `convert`.


@mistake(
    "`convert` moves the rows of the values too. Values are not rotated: wo expects them in the order they had.",
    of="convert",
    hint=1,
)
def values_moved(weights, n_heads, n_kv_heads):
    heads = {"wq": n_heads, "bq": n_heads, "wk": n_kv_heads, "bk": n_kv_heads, "wv": n_kv_heads, "bv": n_kv_heads}
    return _converted(weights, heads)


@mistake("`convert` moves the rows of wo. They make the layer's output, which nothing rotates.", of="convert", hint=1)
def output_moved(weights, n_heads, n_kv_heads):
    return _converted(weights, {"wq": n_heads, "bq": n_heads, "wk": n_kv_heads, "bk": n_kv_heads, "wo": n_heads})


@mistake(
    "`convert` uses n_heads for the keys. They have n_kv_heads heads: with fewer of them, each one's rows are more than you took "
    "for a head.",
    of="convert",
    hint=2,
)
def query_heads_for_keys(weights, n_heads, n_kv_heads):
    return _converted(weights, {"wq": n_heads, "bq": n_heads, "wk": n_heads, "bk": n_heads})


@mistake("`convert` moves the queries only. Keys are rotated too, so both must agree on the pairs.", of="convert", hint=1)
def queries_only(weights, n_heads, n_kv_heads):
    return _converted(weights, {"wq": n_heads, "bq": n_heads})


@mistake("`convert` moves the keys only. Queries are rotated too, so both must agree on the pairs.", of="convert", hint=1)
def keys_only(weights, n_heads, n_kv_heads):
    return _converted(weights, {"wk": n_kv_heads, "bk": n_kv_heads})


@mistake(
    "`convert` leaves the biases bq and bk as they were. They are added to the rows' outputs before these are rotated, so they "
    "move with the rows.",
    of="convert",
    hint=1,
)
def biases_left(weights, n_heads, n_kv_heads):
    return _converted(weights, {"wq": n_heads, "wk": n_kv_heads})


@mistake("`convert` goes the wrong way: the weights are interleaved, and halves are wanted.", of="convert", hint=3)
def converted_back(weights, n_heads, n_kv_heads):
    heads = {"wq": n_heads, "bq": n_heads, "wk": n_kv_heads, "bk": n_kv_heads}
    return {name: to_interleaved(W, heads[name]) if name in heads else W for name, W in weights.items()}


@mistake(
    "`convert` gives back only what it moved. The layer needs all its tensors: the others go along unchanged.",
    of="convert",
    hint=4,
)
def rest_dropped(weights, n_heads, n_kv_heads):
    heads = {"wq": n_heads, "bq": n_heads, "wk": n_kv_heads, "bk": n_kv_heads}
    return {name: to_half(W, heads[name]) for name, W in weights.items() if name in heads}


@mistake(
    "`convert` changes the dict that it was given. Called twice, it would move the rows twice: make a new dict.",
    of="convert",
    hint=4,
)
def dict_changed(weights, n_heads, n_kv_heads):
    weights.update(_converted(weights, {"wq": n_heads, "bq": n_heads, "wk": n_kv_heads, "bk": n_kv_heads}))
    return weights
