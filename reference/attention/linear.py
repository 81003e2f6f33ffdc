"""Linear attention: Katharopoulos et al., "Transformers are RNNs" (2020), equations 5 to 12 and 16 to 20."""

import math

import torch
from torch import Tensor

from grader.marks import alternative, mistake


def phi(x: Tensor) -> Tensor:
    """x + 1 where x is positive, exp(x) elsewhere."""
    # Both branches of a where are computed: the clamp keeps exp from overflowing in the one that is not taken.
    return torch.where(x > 0, x + 1, torch.exp(x.clamp(max=0)))


def parallel(Q: Tensor, K: Tensor, V: Tensor, causal: bool = False) -> Tensor:
    """Linear attention of all queries at once, to all keys or (causal) to those up to the query."""
    q, k = phi(Q), phi(K)
    if not causal:
        S, z = k.mT @ V, k.sum(dim=-2)
        return (q @ S) / (q @ z[..., None])
    # A state for each token: (..., n, d_k, d_v) and (..., n, d_k).
    S = torch.einsum("...nd,...nv->...ndv", k, V).cumsum(dim=-3)
    z = k.cumsum(dim=-2)
    return torch.einsum("...nd,...ndv->...nv", q, S) / torch.einsum("...nd,...nd->...n", q, z)[..., None]


def step(state: tuple[Tensor, Tensor] | None, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Read one more token: its result, and the state (S, z) after it."""
    q, k = phi(q), phi(k)
    S, z = k[..., :, None] * v[..., None, :], k
    if state is not None:
        S, z = state[0] + S, state[1] + z
    result = torch.einsum("...d,...dv->...v", q, S) / torch.einsum("...d,...d->...", q, z)[..., None]
    return result, (S, z)


# Other right ways.


@alternative("the two parts added up", of="phi")
def two_parts(x):
    return x.relu() + x.clamp(max=0).exp()


@alternative("a mask and an index", of="phi")
def by_index(x):
    result = x + 1
    low = x <= 0
    return result.masked_scatter(low, x[low].exp())


@alternative("the recurrence, a token at a time", of="parallel")
def recurrent(Q, K, V, causal=False):
    if not causal:
        k = phi(K)
        # The normaliser is what the sums make of a value of one.
        ones = torch.cat([V, torch.ones_like(V[..., :1])], dim=-1)
        both = torch.einsum("...qd,...dv->...qv", phi(Q), torch.einsum("...nd,...nv->...dv", k, ones))
        return both[..., :-1] / both[..., -1:]
    rows, state = [], None
    for i in range(Q.shape[-2]):
        row, state = _step(state, Q[..., i, :], K[..., i, :], V[..., i, :])
        rows.append(row)
    return torch.stack(rows, dim=-2)


@alternative("chunks: a small table inside, the state of the chunks before", of="parallel")
def chunkwise(Q, K, V, causal=False, size=32):
    q, k = phi(Q), phi(K)
    V = torch.cat([V, torch.ones_like(V[..., :1])], dim=-1)
    if not causal:
        both = q @ (k.mT @ V)
        return both[..., :-1] / both[..., -1:]
    parts, S = [], torch.zeros_like(k[..., :1, :].mT @ V[..., :1, :])
    for start in range(0, q.shape[-2], size):
        here = slice(start, start + size)
        parts.append(q[..., here, :] @ S + (q[..., here, :] @ k[..., here, :].mT).tril() @ V[..., here, :])
        S = S + k[..., here, :].mT @ V[..., here, :]
    both = torch.cat(parts, dim=-2)
    return both[..., :-1] / both[..., -1:]


@alternative("matrix products, the state made of zeros", of="step")
def from_zeros(state, q, k, v):
    S, z = (torch.zeros_like(k[..., :, None] @ v[..., None, :]), torch.zeros_like(k)) if state is None else state
    S = S + phi(k).unsqueeze(-1) @ v.unsqueeze(-2)
    z = z + phi(k)
    shares = phi(q) / (phi(q) * z).sum(-1, keepdim=True)
    return (shares.unsqueeze(-2) @ S).squeeze(-2), (S, z)


# Known mistakes. What they share:


def _step(state, q, k, v):
    q, k = phi(q), phi(k)
    S, z = k[..., :, None] * v[..., None, :], k
    if state is not None:
        S, z = state[0] + S, state[1] + z
    return _read(q, S, z), (S, z)


def _read(q, S, z):
    return (q[..., :, None] * S).sum(-2) / (q * z).sum(-1, keepdim=True)


def _sums(k, V, causal):
    if causal:
        return (k[..., :, None] * V[..., None, :]).cumsum(-3), k.cumsum(-2)
    return (k.mT @ V)[..., None, :, :], k.sum(-2)[..., None, :]


@mistake(
    "φ is computed as elu(x) + 1: for a strongly negative x, elu gives -1 + exp(x), where exp(x) is lost in the "
    "rounding, and 0 is left. A row of zeros is then divided by zero. Where x is not positive φ is exp(x) itself.",
    of="phi",
    hint=4,
)
def elu_plus_one(x):
    return torch.nn.functional.elu(x) + 1


@mistake(
    "φ is right, but its gradient is NaN for a large x: exp overflows in the branch of `where` that is not taken, and "
    "0 times infinity comes back. See to it that exp never gets a large number.",
    of="phi",
    hint=4,
)
def where_overflows(x):
    return torch.where(x > 0, x + 1, torch.exp(x))


@mistake(
    "φ is right, but its gradient at 0 is 2: both of your parts pass it on there. φ is smooth, and its derivative at "
    "0 is 1.",
    of="phi",
    hint=4,
)
def double_gradient(x):
    return x.clamp(min=0) + x.clamp(max=0).exp()


@mistake(
    "φ is right, but its gradient at 0 is a half: torch.minimum shares it out between its two arguments where they "
    "are equal. The derivative of φ at 0 is 1.",
    of="phi",
    hint=4,
)
def half_gradient(x):
    return torch.where(x > 0, x + 1, torch.minimum(x, torch.zeros_like(x)).exp())


@mistake(
    "Your φ is elu without the + 1, which is negative for negative x. Weights must be positive: a sum of both signs "
    "can come close to zero, and the division by it explodes.",
    of="phi",
    hint=1,
)
def elu_alone(x):
    return torch.where(x > 0, x, torch.expm1(x.clamp(max=0)))


@mistake(
    "Your φ is a ReLU, 0 for all negative x. A query without a positive entry has no weights at all, and is divided 0 "
    "by 0. φ(x) is x + 1 for positive x and exp(x) elsewhere.",
    of="phi",
    hint=3,
)
def relu(x):
    return x.relu()


@mistake(
    "Your φ is exp everywhere. For positive x it is x + 1: exp overflows, and one large entry would drown all others.",
    of="phi",
    hint=3,
)
def exponential(x):
    return x.exp()


@mistake(
    "The normaliser is missing: the weights φ(q)·φ(k) do not sum to one, and the result grows with the length of the "
    "text. Divide by φ(q)·z.",
    of="parallel",
    hint=3,
)
def no_normaliser(Q, K, V, causal=False):
    S, _ = _sums(phi(K), V, causal)
    return (phi(Q)[..., :, None] * S).sum(-2)


@mistake(
    "You divide by the number of keys. That is an average only if all weights are one; divide by their sum, φ(q)·z.",
    of="parallel",
    hint=3,
)
def divided_by_length(Q, K, V, causal=False):
    S, _ = _sums(phi(K), V, causal)
    count = torch.arange(1, K.shape[-2] + 1, dtype=V.dtype)[:, None] if causal else K.shape[-2]
    return (phi(Q)[..., :, None] * S).sum(-2) / count


@mistake(
    "An epsilon is added to the normaliser. φ is never zero, so none is needed, and where all weights are small it "
    "eats up the result.",
    of="parallel",
    hint=3,
)
def epsilon(Q, K, V, causal=False):
    q = phi(Q)
    S, z = _sums(phi(K), V, causal)
    return (q[..., :, None] * S).sum(-2) / ((q * z).sum(-1, keepdim=True) + 1e-6)


@mistake(
    "The normaliser leaves the query out: you divide by the sum of φ(k) over keys and features. The weights of a "
    "query are φ(q)·φ(k), and so is what they are divided by.",
    of="parallel",
    hint=3,
)
def normaliser_without_query(Q, K, V, causal=False):
    S, z = _sums(phi(K), V, causal)
    return (phi(Q)[..., :, None] * S).sum(-2) / z.sum(-1, keepdim=True)


@mistake(
    "`causal` is not used: every query reads the keys after it, too. The sums S and z have to run with the query.",
    of="parallel",
    hint=2,
)
def future_included(Q, K, V, causal=False):
    return _read(phi(Q), *_sums(phi(K), V, False))


@mistake(
    "Your attention is always causal. Without `causal` every query reads all keys.",
    of="parallel",
    hint=2,
)
def always_causal(Q, K, V, causal=False):
    if Q.shape[-2] != K.shape[-2]:
        raise RuntimeError("the sizes of the tensors must match")
    return _read(phi(Q), *_sums(phi(K), V, True))


@mistake(
    "The numerator is causal, the normaliser is not: it sums over all keys, also those after the query, so the "
    "weights sum to less than one.",
    of="parallel",
    hint=3,
)
def whole_normaliser(Q, K, V, causal=False):
    S, _ = _sums(phi(K), V, causal)
    return _read(phi(Q), S, phi(K).sum(-2, keepdim=True))


@mistake(
    "With causal=True a query does not read its own key: your sums end one token before. Token i reads j ≤ i, itself "
    "included; the first token has nothing else.",
    of="parallel",
    hint=3,
)
def self_left_out(Q, K, V, causal=False):
    k = phi(K)
    S, z = _sums(k, V, causal)
    if causal:
        S, z = S - k[..., :, None] * V[..., None, :], z - k
    return _read(phi(Q), S, z)


@mistake("φ is not applied to the queries: their negative entries make negative weights.", of="parallel", hint=3)
def raw_queries(Q, K, V, causal=False):
    return _read(Q, *_sums(phi(K), V, causal))


@mistake("φ is not applied to the keys: their negative entries make negative weights.", of="parallel", hint=3)
def raw_keys(Q, K, V, causal=False):
    return _read(phi(Q), *_sums(K, V, causal))


@mistake(
    "The values go through φ as well. Only queries and keys do: the result is an average of the values as they are.",
    of="parallel",
    hint=3,
)
def values_mapped(Q, K, V, causal=False):
    return _read(phi(Q), *_sums(phi(K), phi(V), causal))


@mistake(
    "The queries are divided by √d_k, as in softmax attention. Linear attention has no scale.",
    of="parallel",
    hint=3,
)
def scaled(Q, K, V, causal=False):
    return _read(phi(Q / math.sqrt(Q.shape[-1])), *_sums(phi(K), V, causal))


@mistake(
    "There is a softmax over the features in place of φ (another kind of linear attention has it). Here the feature "
    "map is `phi`.",
    of="parallel",
    hint=1,
)
def softmax_features(Q, K, V, causal=False):
    return _read(Q.softmax(-1), *_sums(K.softmax(-1), V, causal))


@mistake(
    "In `step` the query reads the state before its own token is added. A token reads itself, too: first add, then "
    "read.",
    of="step",
    hint=3,
)
def reads_before_adding(state, q, k, v):
    _, new = _step(state, q, k, v)
    if state is None:
        return torch.full_like(v, torch.nan), new
    return _read(phi(q), *state), new


@mistake(
    "In `step` the state holds the last token alone: what was read before is thrown away. S and z are sums over all "
    "tokens.",
    of="step",
    hint=3,
)
def forgets(state, q, k, v):
    return _step(None, q, k, v)


@mistake(
    "In `step` the normaliser z is not summed up: you divide by φ(q)·φ(k) of the last token alone, while S grows.",
    of="step",
    hint=3,
)
def normaliser_forgets(state, q, k, v):
    _, (S, _) = _step(state, q, k, v)
    return _read(phi(q), S, phi(k)), (S, phi(k))


@mistake(
    "In `step` the normaliser is missing: divide by φ(q)·z.",
    of="step",
    hint=3,
)
def step_without_normaliser(state, q, k, v):
    _, (S, z) = _step(state, q, k, v)
    return (phi(q)[..., :, None] * S).sum(-2), (S, z)


@mistake(
    "In `step` φ is missing: q and k enter the state and the result as they are.",
    of="step",
    hint=3,
)
def step_without_phi(state, q, k, v):
    S, z = k[..., :, None] * v[..., None, :], k
    if state is not None:
        S, z = state[0] + S, state[1] + z
    return _read(q, S, z), (S, z)


@mistake(
    "`step` changes the state that it was given (+= on a tensor works in place). Another continuation from the same "
    "state would then start with this token, too: make new tensors.",
    of="step",
    hint=4,
)
def state_changed_in_place(state, q, k, v):
    _, (S, z) = _step(None, q, k, v)
    if state is not None:
        S = state[0].add_(S)
        z = state[1].add_(z)
    return _read(phi(q), S, z), (S, z)


@mistake(
    "S is transposed: in the state it has a row for each entry of the key and a column for each entry of the value, "
    "(d_k, d_v).",
    of="step",
    hint=2,
)
def state_transposed(state, q, k, v):
    if state is not None:
        state = state[0].mT, state[1]
    result, (S, z) = _step(state, q, k, v)
    return result, (S.mT, z)


@mistake(
    "In `step` an epsilon is added to the normaliser. φ is never zero, so none is needed, and it makes all results a "
    "little too small.",
    of="step",
    hint=3,
)
def step_epsilon(state, q, k, v):
    _, (S, z) = _step(state, q, k, v)
    q = phi(q)
    return (q[..., :, None] * S).sum(-2) / ((q * z).sum(-1, keepdim=True) + 1e-6), (S, z)


@mistake(
    "In `step` the state fades a little with every token, as in models with a decay. Here S and z are plain sums: "
    "nothing is forgotten.",
    of="step",
    hint=3,
)
def fades(state, q, k, v):
    return _step(None if state is None else tuple(0.99 * part for part in state), q, k, v)
