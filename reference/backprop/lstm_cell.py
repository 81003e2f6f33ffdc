"""One step of an LSTM and its backward pass.

Hochreiter and Schmidhuber, "Long short-term memory" (1997), with the forget gate of Gers, Schmidhuber and Cummins (2000).
The cell c⁺ = f ∘ c + i ∘ g goes into the next step and into h⁺ = o ∘ tanh(c⁺), so it gets dc + dh ∘ o ∘ (1 - tanh²(c⁺)).
"""

import numpy as np

from grader.marks import alternative, mistake


def _blocks(a: np.ndarray) -> list[np.ndarray]:
    """The columns of i, f, g and o, as views."""
    return np.split(a, 4, axis=1)


def _sigmoid(a: np.ndarray) -> np.ndarray:
    """1 / (1 + e⁻ᵃ) without the exponential, which overflows."""
    return (1 + np.tanh(a / 2)) / 2


def lstm_step(
    x: np.ndarray, h: np.ndarray, c: np.ndarray, Wx: np.ndarray, Wh: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray, tuple]:
    """h⁺, c⁺; and the arguments, the gates and tanh(c⁺) for the backward pass."""
    a_i, a_f, a_g, a_o = _blocks(x @ Wx + h @ Wh + b)
    i, f, g, o = _sigmoid(a_i), _sigmoid(a_f), np.tanh(a_g), _sigmoid(a_o)
    c_next = f * c + i * g
    t = np.tanh(c_next)
    return o * t, c_next, (x, h, c, Wx, Wh, i, f, g, o, c_next, t)


def lstm_step_backward(
    dh: np.ndarray, dc: np.ndarray, cache: tuple
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """dx, dh_prev, dc_prev, dWx, dWh, db."""
    x, h, c, Wx, Wh, i, f, g, o, _, t = cache
    dc_next = dc + dh * o * (1 - t**2)  # all that reaches c⁺
    da = np.empty((len(x), Wx.shape[1]), x.dtype)
    da_i, da_f, da_g, da_o = _blocks(da)
    da_i[:] = dc_next * g * i * (1 - i)
    da_f[:] = dc_next * c * f * (1 - f)
    da_g[:] = dc_next * i * (1 - g**2)
    da_o[:] = dh * t * o * (1 - o)
    return da @ Wx.T, da @ Wh.T, dc_next * f, x.T @ da, h.T @ da, da.sum(axis=0)


# Alternatives -------------------------------------------------------------------------------------------------------


@alternative("One product for [x, h, 1], gates as a third axis.", of="lstm_step")
def one_product(x, h, c, Wx, Wh, b):
    ones = np.ones((len(x), 1), x.dtype)
    a = (np.concatenate([x, h, ones], 1) @ np.concatenate([Wx, Wh, b[None]])).reshape(len(x), 4, -1)
    with np.errstate(over="ignore"):
        gates = np.where(np.array([1, 1, 0, 1], bool)[:, None], 1 / (1 + np.exp(-a)), np.tanh(a))
    i, f, g, o = gates.transpose(1, 0, 2)
    c_next = c * f + g * i
    return np.tanh(c_next) * o, c_next, (x, h, c, Wx, Wh, i, f, g, o, c_next, np.tanh(c_next))


@alternative("Sequence by sequence, unit by unit, number by number.", of="lstm_step_backward")
def by_numbers(dh, dc, cache):
    x, h, c, Wx, Wh, i, f, g, o, _, t = cache
    dx, dh_prev, dc_prev = np.zeros_like(x), np.zeros_like(h), np.zeros_like(c)
    dWx, dWh, db = np.zeros(Wx.shape, x.dtype), np.zeros(Wh.shape, x.dtype), np.zeros(Wx.shape[1], x.dtype)
    H = h.shape[1]
    for n in range(len(x)):
        for k in range(H):
            total = dc[n, k] + dh[n, k] * o[n, k] * (1 - t[n, k]) * (1 + t[n, k])
            dc_prev[n, k] = total * f[n, k]
            slopes = (
                total * g[n, k] * i[n, k] * (1 - i[n, k]),
                total * c[n, k] * f[n, k] * (1 - f[n, k]),
                total * i[n, k] * (1 - g[n, k]) * (1 + g[n, k]),
                dh[n, k] * t[n, k] * o[n, k] * (1 - o[n, k]),
            )
            for block, slope in enumerate(slopes):
                column = block * H + k
                dx[n] += slope * Wx[:, column]
                dh_prev[n] += slope * Wh[:, column]
                dWx[:, column] += slope * x[n]
                dWh[:, column] += slope * h[n]
                db[column] += slope
    return dx, dh_prev, dc_prev, dWx, dWh, db


@alternative("Gate by gate, with the weights' blocks apart and einsum.", of="lstm_step_backward")
def gate_by_gate(dh, dc, cache):
    x, h, c, Wx, Wh, i, f, g, o, _, t = cache
    total = dc + np.einsum("nh,nh->nh", dh, o - o * t * t)
    parts = (
        total * g * (i - i * i),
        total * c * (f - f * f),
        total * i * (1 - g * g),
        dh * t * (o - o * o),
    )
    H = h.shape[1]
    dx = sum(np.einsum("nh,dh->nd", p, Wx[:, k * H : k * H + H]) for k, p in enumerate(parts))
    dh_prev = sum(np.einsum("nh,jh->nj", p, Wh[:, k * H : k * H + H]) for k, p in enumerate(parts))
    dWx = np.hstack([np.einsum("nd,nh->dh", x, p) for p in parts])
    dWh = np.hstack([np.einsum("nj,nh->jh", h, p) for p in parts])
    return dx, dh_prev, f * total, dWx, dWh, np.hstack([p.sum(0) for p in parts])


# Mistakes in forward ------------------------------------------------------------------------------------------------


@mistake(
    "Your blocks of columns are i, f, o, g. Here they are i, f, g, o: the candidate is the third, the output gate the last.",
    of="_blocks",
    hint=2,
)
def order_ifog(a):
    i, f, o, g = np.split(a, 4, axis=1)
    return [i, f, g, o]


@mistake(
    "Your blocks of columns are i, g, f, o. Here they are i, f, g, o: the forget gate is the second, the candidate the third.",
    of="_blocks",
    hint=2,
)
def order_igfo(a):
    i, g, f, o = np.split(a, 4, axis=1)
    return [i, f, g, o]


@mistake(
    "Your blocks of columns are f, i, g, o. Here they are i, f, g, o: the input gate comes first.",
    of="_blocks",
    hint=2,
)
def order_figo(a):
    f, i, g, o = np.split(a, 4, axis=1)
    return [i, f, g, o]


@mistake(
    "Your blocks of columns are f, i, o, g, in the order of some textbooks' formulas. Here they are i, f, g, o.",
    of="_blocks",
    hint=2,
)
def order_fiog(a):
    f, i, o, g = np.split(a, 4, axis=1)
    return [i, f, g, o]


@mistake(
    "You take every fourth column for a gate. Each gate has H columns side by side: first all of i, then all of f, of g, of o.",
    of="_blocks",
    hint=2,
)
def interleaved(a):
    return [a[:, k::4] for k in range(4)]


@mistake(
    "Your sigmoid gives NaN for large sums: an exponential overflows and infinity is divided by infinity. A gate of a large "
    "sum is 1.",
    of="_sigmoid",
    hint=4,
)
def sigmoid_of_two_infinities(a):
    with np.errstate(all="ignore"):
        return np.exp(a) / (1 + np.exp(a))


@mistake(
    "You add 1 to the forget gate's sum. Here nothing is added: who wants the gate open puts a 1 into b.",
    of="lstm_step",
    hint=3,
)
def forget_bias_added(x, h, c, Wx, Wh, b):
    H = h.shape[1]
    extra = np.zeros_like(b)
    extra[H : 2 * H] = 1
    return _step(x, h, c, Wx, Wh, b + extra)


@mistake("You leave out the bias b in forward.", of="lstm_step", hint=3)
def bias_left_out(x, h, c, Wx, Wh, b):
    return _step(x, h, c, Wx, Wh, np.zeros_like(b))


@mistake(
    "Your candidate g is a sigmoid in forward. It is a tanh: what is written into the cell may be negative.",
    of="lstm_step",
    hint=3,
)
def candidate_through_sigmoid(x, h, c, Wx, Wh, b):
    return _step(x, h, c, Wx, Wh, b, squash=_sigmoid)


@mistake(
    "Forward shows o ∘ c⁺: the tanh of the cell is missing. The cell may be large, h⁺ lies between -1 and 1.",
    of="lstm_step",
    hint=3,
)
def shown_without_tanh(x, h, c, Wx, Wh, b):
    _, c_next, cache = _step(x, h, c, Wx, Wh, b)
    return cache[8] * c_next, c_next, (*cache[:-1], c_next)


@mistake(
    "Forward shows tanh(c⁺) whole: the output gate is not used.",
    of="lstm_step",
    hint=3,
)
def output_gate_not_used(x, h, c, Wx, Wh, b):
    x, h, c, Wx, Wh, i, f, g, o, c_next, t = _step(x, h, c, Wx, Wh, b)[2]
    return t, c_next, (x, h, c, Wx, Wh, i, f, g, np.ones_like(o), c_next, t)


@mistake(
    "Forward keeps all of the old cell: the forget gate is not used.",
    of="lstm_step",
    hint=3,
)
def forget_gate_not_used(x, h, c, Wx, Wh, b):
    return _step(x, h, c, Wx, Wh, b, keep_all=True)


@mistake(
    "Forward adds the candidate g whole: the input gate is not used.",
    of="lstm_step",
    hint=3,
)
def input_gate_not_used(x, h, c, Wx, Wh, b):
    return _step(x, h, c, Wx, Wh, b, write_all=True)


@mistake(
    "Forward adds (1 - f) ∘ g, as if one gate did for both. The LSTM has an input gate of its own: c⁺ = f ∘ c + i ∘ g.",
    of="lstm_step",
    hint=3,
)
def gates_coupled(x, h, c, Wx, Wh, b):
    _, _, (x, h, c, Wx, Wh, i, f, g, o, _, _) = _step(x, h, c, Wx, Wh, b)
    c_next = f * c + (1 - f) * g
    return o * np.tanh(c_next), c_next, (x, h, c, Wx, Wh, i, f, g, o, c_next, np.tanh(c_next))


@mistake(
    "Forward shows the old cell: h⁺ is made of the cell after the step, o ∘ tanh(c⁺).",
    of="lstm_step",
    hint=3,
)
def old_cell_shown(x, h, c, Wx, Wh, b):
    _, c_next, cache = _step(x, h, c, Wx, Wh, b)
    return cache[8] * np.tanh(c), c_next, (*cache[:-1], np.tanh(c))


@mistake("You return c⁺ before h⁺. The order is h_next, c_next, cache.", of="lstm_step", hint=2)
def cell_first(x, h, c, Wx, Wh, b):
    h_next, c_next, cache = _step(x, h, c, Wx, Wh, b)
    return c_next, h_next, cache


def _step(x, h, c, Wx, Wh, b, squash=np.tanh, keep_all=False, write_all=False):
    a_i, a_f, a_g, a_o = _blocks(x @ Wx + h @ Wh + b)
    i, f, g, o = _sigmoid(a_i), _sigmoid(a_f), squash(a_g), _sigmoid(a_o)
    i, f = np.ones_like(i) if write_all else i, np.ones_like(f) if keep_all else f
    c_next = f * c + i * g
    t = np.tanh(c_next)
    return o * t, c_next, (x, h, c, Wx, Wh, i, f, g, o, c_next, t)


# Mistakes in backward -----------------------------------------------------------------------------------------------


@mistake(
    "You drop dc, what comes back from the step after. c⁺ goes into the next step as well as into h⁺: both are added.",
    of="lstm_step_backward",
    hint=1,
)
def dc_dropped(dh, dc, cache):
    return _backward(dh, np.zeros_like(dc), cache)


@mistake(
    "You take dc for all that reaches the cell. c⁺ also goes into h⁺, and dh comes back that way: both are added.",
    of="lstm_step_backward",
    hint=1,
)
def way_through_h_dropped(dh, dc, cache):
    return _backward(dh, dc, cache, total=dc)


@mistake(
    "On the way from h⁺ to the cell the slope of tanh is missing.",
    of="lstm_step_backward",
    hint=3,
)
def cell_slope_missing(dh, dc, cache):
    return _backward(dh, dc, cache, total=dc + dh * cache[8])


@mistake(
    "On the way from h⁺ to the cell the output gate is missing: h⁺ is o times the tanh.",
    of="lstm_step_backward",
    hint=3,
)
def output_gate_missing(dh, dc, cache):
    return _backward(dh, dc, cache, total=dc + dh * (1 - cache[10] ** 2))


@mistake(
    "Your slope of tanh at the cell is 1 - (c⁺)². It is 1 - tanh²(c⁺): what the tanh gave, not what went in.",
    of="lstm_step_backward",
    hint=3,
)
def cell_slope_from_the_cell(dh, dc, cache):
    return _backward(dh, dc, cache, total=dc + dh * cache[8] * (1 - cache[9] ** 2))


@mistake(
    "You take the slope of tanh at the old cell c. It was the tanh of the new one, c⁺.",
    of="lstm_step_backward",
    hint=3,
)
def cell_slope_at_the_old_cell(dh, dc, cache):
    return _backward(dh, dc, cache, total=dc + dh * cache[8] * (1 - np.tanh(cache[2]) ** 2))


@mistake(
    "You take the slope of tanh at h⁺: 1 - (h⁺)². The tanh gave tanh(c⁺), before the output gate.",
    of="lstm_step_backward",
    hint=3,
)
def cell_slope_from_h(dh, dc, cache):
    return _backward(dh, dc, cache, total=dc + dh * cache[8] * (1 - (cache[8] * cache[10]) ** 2))


@mistake(
    "Your dc_prev has not gone through the forget gate: c was multiplied by f.",
    of="lstm_step_backward",
    hint=3,
)
def forget_gate_missing(dh, dc, cache):
    dx, dh_prev, _, *rest, total = _backward(dh, dc, cache, more=True)
    return dx, dh_prev, total, *rest


@mistake(
    "Your dc_prev is f ∘ dc: it forgets what came to the cell through h⁺.",
    of="lstm_step_backward",
    hint=1,
)
def dc_prev_of_dc_alone(dh, dc, cache):
    dx, dh_prev, _, *rest = _backward(dh, dc, cache)
    return dx, dh_prev, dc * cache[6], *rest


@mistake(
    "The forget gate's gradient is made with the new cell. f multiplied the old one, c.",
    of="lstm_step_backward",
    hint=3,
)
def forget_gradient_from_the_new_cell(dh, dc, cache):
    return _backward(dh, dc, cache, kept=cache[9])


@mistake(
    "The gradients of i and g are exchanged: in i ∘ g each gets what the other one was.",
    of="lstm_step_backward",
    hint=3,
)
def factors_exchanged(dh, dc, cache):
    return _backward(dh, dc, cache, exchanged=True)


@mistake(
    "The output gate's gradient is dh ∘ c⁺. o multiplied tanh(c⁺).",
    of="lstm_step_backward",
    hint=3,
)
def output_gradient_from_the_cell(dh, dc, cache):
    return _backward(dh, dc, cache, shown=cache[9])


@mistake(
    "Your gradients have not gone through the gates' own functions: da is the gate's gradient times its slope, σ (1 - σ) or "
    "1 - tanh².",
    of="lstm_step_backward",
    hint=3,
)
def no_slopes(dh, dc, cache):
    return _backward(dh, dc, cache, slopes="none")


@mistake(
    "In backward you take all four gates for sigmoids. The candidate g is a tanh, with the slope 1 - g².",
    of="lstm_step_backward",
    hint=3,
)
def candidate_slope_of_sigmoid(dh, dc, cache):
    return _backward(dh, dc, cache, slopes="sigmoid")


@mistake(
    "In backward you give the sigmoids the slope of tanh. The slope of σ is σ (1 - σ).",
    of="lstm_step_backward",
    hint=3,
)
def slopes_of_tanh(dh, dc, cache):
    return _backward(dh, dc, cache, slopes="tanh")


@mistake(
    "Your dh_prev is zeros. h goes into all four gates, so it gets da W_hᵀ.",
    of="lstm_step_backward",
    hint=3,
)
def dh_prev_zero(dh, dc, cache):
    dx, dh_prev, *rest = _backward(dh, dc, cache)
    return dx, np.zeros_like(dh_prev), *rest


@mistake(
    "You add dh to dh_prev. The old h goes nowhere but into the gates: there is no direct way from h to h⁺.",
    of="lstm_step_backward",
    hint=1,
)
def dh_added(dh, dc, cache):
    dx, dh_prev, *rest = _backward(dh, dc, cache)
    return dx, dh_prev + dh, *rest


@mistake(
    "dWh is made with the state after the step. What W_h multiplied is the h that was given.",
    of="lstm_step_backward",
    hint=3,
)
def dwh_from_the_state_after(dh, dc, cache):
    dx, dh_prev, dc_prev, dWx, _, db, da, _ = _backward(dh, dc, cache, more=True, da_too=True)
    return dx, dh_prev, dc_prev, dWx, (cache[8] * cache[10]).T @ da, db


@mistake(
    "You divide the weights' gradients by the number of sequences: they are sums. A mean is the loss's business and would be "
    "in dh already.",
    of="lstm_step_backward",
    hint=3,
)
def mean_over_sequences(dh, dc, cache):
    dx, dh_prev, dc_prev, *sums = _backward(dh, dc, cache)
    return dx, dh_prev, dc_prev, *(total / np.asarray(len(dx), dx.dtype) for total in sums)


@mistake(
    "db is not summed over the sequences: b has one number for each column, shared by all of them.",
    of="lstm_step_backward",
    hint=2,
)
def db_for_each_sequence(dh, dc, cache):
    *rest, _, da, _ = _backward(dh, dc, cache, more=True, da_too=True)
    return *rest, da


@mistake(
    "Backward puts the gates' gradients side by side in the order i, f, o, g, another one than forward reads them in.",
    of="lstm_step_backward",
    hint=2,
)
def joined_in_another_order(dh, dc, cache):
    Wx, Wh = cache[3:5]
    i, f, g, o = _blocks(_backward(dh, dc, cache, more=True, da_too=True)[-2])
    da = np.hstack([i, f, o, g])
    return da @ Wx.T, da @ Wh.T, _backward(dh, dc, cache)[2], cache[0].T @ da, cache[1].T @ da, da.sum(0)


@mistake(
    "The output gate's gradient is made of all that reaches the cell. o is used after the cell, in h⁺ alone: it gets dh.",
    of="lstm_step_backward",
    hint=1,
)
def output_gate_gets_the_sum(dh, dc, cache):
    return _backward(dh, dc, cache, seen=_backward(dh, dc, cache, more=True)[-1])


@mistake(
    "You take the slopes at the gates' values, as if these were the sums: σ is applied twice. What the sigmoid gave is s "
    "already, and its slope is s (1 - s); that of the tanh is 1 - g².",
    of="lstm_step_backward",
    hint=3,
)
def slopes_at_the_gates(dh, dc, cache):
    return _backward(dh, dc, cache, slopes="twice")


@mistake(
    "You return dx, dc_prev, dh_prev. The order is that of the arguments: dx, dh_prev, dc_prev, dWx, dWh, db.",
    of="lstm_step_backward",
    hint=2,
)
def cell_before_state(dh, dc, cache):
    dx, dh_prev, dc_prev, *rest = _backward(dh, dc, cache)
    return dx, dc_prev, dh_prev, *rest


def _backward(
    dh,
    dc,
    cache,
    total=None,
    kept=None,
    shown=None,
    seen=None,
    slopes="right",
    exchanged=False,
    more=False,
    da_too=False,
):
    x, h, c, Wx, Wh, i, f, g, o, _, t = cache
    total = dc + dh * o * (1 - t**2) if total is None else total

    def sigmoid_slope(s):
        return {"none": np.ones_like(s), "tanh": 1 - s**2, "twice": _sigmoid(s) * (1 - _sigmoid(s))}.get(
            slopes, s * (1 - s)
        )

    def tanh_slope(s):
        return {"none": np.ones_like(s), "sigmoid": s * (1 - s), "twice": 1 - np.tanh(s) ** 2}.get(slopes, 1 - s**2)

    da = np.empty((len(x), Wx.shape[1]), x.dtype)
    da_i, da_f, da_g, da_o = _blocks(da)
    da_i[:] = total * (i if exchanged else g) * sigmoid_slope(i)
    da_f[:] = total * (c if kept is None else kept) * sigmoid_slope(f)
    da_g[:] = total * (g if exchanged else i) * tanh_slope(g)
    da_o[:] = (dh if seen is None else seen) * (t if shown is None else shown) * sigmoid_slope(o)
    found = da @ Wx.T, da @ Wh.T, total * f, x.T @ da, h.T @ da, da.sum(axis=0)
    return (*found, *((da,) if da_too else ()), total) if more else found
