"""A recurrent network and backpropagation through time.

Goodfellow, Bengio and Courville, "Deep Learning" (2016), section 10.2.2, with a row for each sequence. What reaches a
state is what its own step says and what comes back from the next: δₜ = dhₜ + daₜ₊₁ W_hᵀ, with daₜ = δₜ ∘ (1 - hₜ²).
"""

import numpy as np

from grader.marks import alternative, mistake


def rnn_forward(
    x: np.ndarray, h0: np.ndarray, Wx: np.ndarray, Wh: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, tuple]:
    """The states h₁ ... h_T; and x, the states h₀ ... h_T and the weights for the backward pass."""
    states = [h0]
    for x_t in x:
        states.append(np.tanh(x_t @ Wx + states[-1] @ Wh + b))
    h = np.stack(states)
    return h[1:], (x, h, Wx, Wh, b)


def rnn_backward(
    dh: np.ndarray, cache: tuple, window: int | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """dx, dh0, dWx, dWh, db. Weights are shared by all steps, so theirs are summed over them."""
    x, h, Wx, Wh, b = cache
    dx, dWx, dWh, db = np.empty_like(x), np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
    from_next = np.zeros_like(h[0])
    for t in reversed(range(len(x))):
        # h[t] is the state before this step and h[t + 1] the one after it.
        da = (dh[t] + from_next) * (1 - h[t + 1] ** 2)
        dx[t] = da @ Wx.T
        dWx += x[t].T @ da
        dWh += h[t].T @ da
        db += da.sum(axis=0)
        from_next = da @ Wh.T
        if window is not None and t > 0 and t % window == 0:
            from_next = np.zeros_like(from_next)  # step t begins a block
    return dx, from_next, dWx, dWh, db


# Alternatives -------------------------------------------------------------------------------------------------------


@alternative("All da first, then each weight's gradient in one einsum over steps and sequences.", of="rnn_backward")
def sums_at_the_end(dh, cache, window=None):
    x, h, Wx, Wh, _ = cache
    steps = len(x)
    da, delta = np.zeros_like(h), np.zeros_like(h)  # one row more: nothing comes after the last step
    for t in range(steps - 1, -1, -1):
        cut = window is not None and (t + 1) % window == 0
        delta[t] = dh[t] if cut else dh[t] + np.einsum("nj,ij->ni", da[t + 1], Wh)
        da[t] = delta[t] - delta[t] * h[t + 1] * h[t + 1]
    da = da[:-1]
    return (
        np.einsum("tnj,ij->tni", da, Wx),
        np.einsum("nj,ij->ni", da[0], Wh),
        np.einsum("tni,tnj->ij", x, da),
        np.einsum("tni,tnj->ij", h[:-1], da),
        np.einsum("tnj->j", da),
    )


@alternative("Block after block, by recursion over the steps of each.", of="rnn_backward")
def by_blocks(dh, cache, window=None):
    x, h, Wx, Wh, b = cache
    steps = len(x)
    size = min(window or steps, steps)
    dx = np.zeros_like(x)
    sums = [np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)]
    first = np.zeros_like(h[0])

    def back(t, end):
        """What comes back to the state before step t, from step t to the end of its block."""
        if t == end:
            return np.zeros_like(h[0])
        da = (dh[t] + back(t + 1, end)) * (1 - np.square(h[t + 1]))
        for total, part in zip(sums, (x[t].T @ da, h[t].T @ da, np.ones_like(da[:, 0]) @ da), strict=True):
            total += part
        dx[t] = np.dot(da, Wx.T)
        return np.dot(da, Wh.T)

    for start in range(0, steps, size):
        came = back(start, min(start + size, steps))
        if start == 0:
            first = came
    return dx, first, *sums


@alternative("Inputs multiplied for all steps at once, states written into one array.", of="rnn_forward")
def inputs_at_once(x, h0, Wx, Wh, b):
    h = np.empty((len(x) + 1, *h0.shape), x.dtype)
    h[0] = h0
    a = np.einsum("tnd,dh->tnh", x, Wx) + b
    for t in range(len(x)):
        np.tanh(a[t] + np.dot(h[t], Wh), out=h[t + 1])
    return h[1:].copy(), (x, h, Wx, Wh, b)


# Mistakes in forward ------------------------------------------------------------------------------------------------


@mistake(
    "You begin with zeros: h0 is given and need not be zero.",
    of="rnn_forward",
    hint=2,
)
def starts_from_zero(x, h0, Wx, Wh, b):
    return _forward(x, np.zeros_like(h0), Wx, Wh, b)


@mistake(
    "You do not carry the state on: every step mixes x with h0. Step t takes the state that step t - 1 made.",
    of="rnn_forward",
    hint=2,
)
def state_not_carried(x, h0, Wx, Wh, b):
    h = np.stack([h0, *(np.tanh(x_t @ Wx + h0 @ Wh + b) for x_t in x)])
    return h[1:], (x, h, Wx, Wh, b)


@mistake("You leave out the bias b in forward.", of="rnn_forward", hint=2)
def bias_left_out(x, h0, Wx, Wh, b):
    return _forward(x, h0, Wx, Wh, b, bias=False)


@mistake(
    "You turn W_h round in forward: it is h W_h here, with a row for each sequence.",
    of="rnn_forward",
    hint=2,
)
def state_weights_turned(x, h0, Wx, Wh, b):
    h, cache = _forward(x, h0, Wx, Wh.T, b)
    return h, (*cache[:3], Wh, b)


@mistake(
    "Your tanh is taken of the input's part only, and the state's part is added afterwards. The tanh goes over "
    "the whole sum.",
    of="rnn_forward",
    hint=2,
)
def tanh_of_a_part(x, h0, Wx, Wh, b):
    states = [h0]
    for x_t in x:
        states.append(np.tanh(x_t @ Wx + b) + states[-1] @ Wh)
    h = np.stack(states)
    return h[1:], (x, h, Wx, Wh, b)


@mistake(
    "Your h begins with h0: it has the states after each step, and h0 comes before the first.",
    of="rnn_forward",
    hint=2,
)
def one_state_too_early(x, h0, Wx, Wh, b):
    cache = _forward(x, h0, Wx, Wh, b)[1]
    return cache[1][:-1], cache


def _forward(x, h0, Wx, Wh, b, bias=True):
    states = [h0]
    for x_t in x:
        a = x_t @ Wx + states[-1] @ Wh
        states.append(np.tanh(a + b if bias else a))
    h = np.stack(states)
    return h[1:], (x, h, Wx, Wh, b)


# Mistakes in backward -----------------------------------------------------------------------------------------------


@mistake(
    "What comes back from the next step is dropped: each step gets only its own dh[t]. A state also goes into "
    "the next step, "
    "and that way has a gradient too.",
    of="rnn_backward",
    hint=1,
)
def next_step_dropped(dh, cache, window=None):
    return _backward(dh, cache, window, carried=0)


@mistake(
    "You use dh of the last step only. Every state may go into the loss directly: dh[t] is added at each step.",
    of="rnn_backward",
    hint=1,
)
def last_dh_only(dh, cache, window=None):
    last = np.zeros_like(dh)
    last[-1] = dh[-1]
    return _backward(last, cache, window)


@mistake(
    "The slope of tanh is missing: you take δₜ for daₜ.",
    of="rnn_backward",
    hint=3,
)
def no_slope(dh, cache, window=None):
    return _backward(dh, cache, window, slope_at="none")


@mistake(
    "You take the slope of tanh at the state before the step. It belongs to what this step's tanh gave: 1 - hₜ².",
    of="rnn_backward",
    hint=3,
)
def slope_at_the_state_before(dh, cache, window=None):
    return _backward(dh, cache, window, slope_at="before")


@mistake(
    "Your slope is 1 - aₜ², with what went into the tanh. It is 1 - tanh²(aₜ) = 1 - hₜ².",
    of="rnn_backward",
    hint=3,
)
def slope_from_the_sum(dh, cache, window=None):
    return _backward(dh, cache, window, slope_at="sum")


@mistake(
    "What you hand to the step before has not gone through this step's tanh: it is daₜ W_hᵀ, not δₜ W_hᵀ.",
    of="rnn_backward",
    hint=3,
)
def carried_past_the_tanh(dh, cache, window=None):
    return _backward(dh, cache, window, carry="delta")


@mistake(
    "You hand daₜ W_h to the step before. Forward was h W_h, so backward is daₜ W_hᵀ.",
    of="rnn_backward",
    hint=3,
)
def carried_by_the_wrong_side(dh, cache, window=None):
    return _backward(dh, cache, window, carry="W")


@mistake(
    "You hand daₜ to the step before without W_h: forward multiplied the state by it.",
    of="rnn_backward",
    hint=3,
)
def carried_without_weights(dh, cache, window=None):
    return _backward(dh, cache, window, carry="plain")


@mistake(
    "dWh is made with the state after each step. What W_h multiplied in step t is the state before it, hₜ₋₁.",
    of="rnn_backward",
    hint=3,
)
def dwh_from_the_state_after(dh, cache, window=None):
    return _backward(dh, cache, window, state=1)


@mistake(
    "Your dWh is turned round. W_h[i, j] leads from state i to sum j, so its gradient is the sum of hₜ₋₁[i] daₜ[j].",
    of="rnn_backward",
    hint=2,
)
def dwh_turned(dh, cache, window=None):
    dx, dh0, dWx, dWh, db = _backward(dh, cache, window)
    return dx, dh0, dWx, dWh.T, db


@mistake(
    "You keep the weights' gradients of one step only: each step overwrites that of the one after it. The same "
    "weights worked "
    "at every step, so their gradients are added up.",
    of="rnn_backward",
    hint=1,
)
def overwritten_each_step(dh, cache, window=None):
    x, h, *_ = cache
    dx, dh0, *_, das = _backward(dh, cache, window, das=True)
    return dx, dh0, x[0].T @ das[0], h[0].T @ das[0], das[0].sum(0)


@mistake(
    "You divide the weights' gradients by the number of steps: they are sums over all steps. A mean is the "
    "loss's business "
    "and would be in dh already.",
    of="rnn_backward",
    hint=3,
)
def mean_over_steps(dh, cache, window=None):
    dx, dh0, *sums = _backward(dh, cache, window)
    return dx, dh0, *(total / np.asarray(len(dx), dx.dtype) for total in sums)


@mistake(
    "You divide the weights' gradients by the number of sequences: they are sums over the batch. A mean is the "
    "loss's business "
    "and would be in dh already.",
    of="rnn_backward",
    hint=3,
)
def mean_over_batch(dh, cache, window=None):
    dx, dh0, *sums = _backward(dh, cache, window)
    return dx, dh0, *(total / np.asarray(dx.shape[1], dx.dtype) for total in sums)


@mistake(
    "db is not summed over the sequences: b has one number for each unit, shared by all of them.",
    of="rnn_backward",
    hint=2,
)
def db_for_each_sequence(dh, cache, window=None):
    dx, dh0, dWx, dWh, _, das = _backward(dh, cache, window, das=True)
    return dx, dh0, dWx, dWh, das.sum(0)


@mistake(
    "Your dh0 is what reaches the first state h₁. It has to go through the first step as well.",
    of="rnn_backward",
    hint=2,
)
def dh0_one_step_short(dh, cache, window=None):
    dx, _, dWx, dWh, db, das = _backward(dh, cache, window, das=True)
    delta = dh[0] if len(dh) == 1 or window == 1 else dh[0] + das[1] @ cache[3].T
    return dx, delta, dWx, dWh, db


@mistake(
    "Your dh0 is zeros. The first block begins with h0, which is an argument: its gradient is what comes back "
    "from the first step.",
    of="rnn_backward",
    hint=2,
)
def dh0_zero(dh, cache, window=None):
    dx, dh0, *rest = _backward(dh, cache, window)
    return dx, np.zeros_like(dh0), *rest


@mistake(
    "The window is not used: your gradient goes back through all steps.",
    of="rnn_backward",
    hint=4,
)
def window_ignored(dh, cache, window=None):
    return _backward(dh, cache, None)


@mistake(
    "Your blocks are counted from the last step. They begin at the first step, and the last one may be shorter.",
    of="rnn_backward",
    hint=4,
)
def window_from_the_end(dh, cache, window=None):
    steps = len(cache[0])
    cuts = [] if window is None else [t for t in range(1, steps) if (steps - t) % window == 0]
    return _backward(dh, cache, cuts)


@mistake(
    "Your cuts are one step away from where they belong: with a window of k the first block has k steps.",
    of="rnn_backward",
    hint=4,
)
def window_off_by_one(dh, cache, window=None):
    steps = len(cache[0])
    return _backward(dh, cache, [] if window is None else [t for t in range(1, steps) if (t + 1) % window == 0])


@mistake(
    "Your blocks have one step too many: with a window of k a block has k steps.",
    of="rnn_backward",
    hint=4,
)
def window_one_longer(dh, cache, window=None):
    return _backward(dh, cache, None if window is None else window + 1)


@mistake(
    "You leave the steps before the last block out altogether. Each block has its own backward pass, from its "
    "own dh, and "
    "all of them add to the weights' gradients; only nothing goes from one to another.",
    of="rnn_backward",
    hint=4,
)
def last_block_only(dh, cache, window=None):
    if window is not None:
        steps = len(dh)
        start = (steps - 1) // window * window
        dh = np.where(np.arange(steps)[:, None, None] < start, np.zeros_like(dh), dh)
    return _backward(dh, cache, window)


@mistake(
    "Your window slides: each step's loss goes back over the k steps that end with it. Here the cuts stand "
    "still: blocks of "
    "k steps, and each step's loss goes back to the beginning of its block.",
    of="rnn_backward",
    hint=4,
)
def window_slides(dh, cache, window=None):
    total = None
    for loss in range(len(dh)):
        alone = np.zeros_like(dh)
        alone[loss] = dh[loss]
        cuts = None if window is None else [t for t in range(1, loss + 1) if t == loss - window + 1]
        part = _backward(alone, cache, cuts)
        total = part if total is None else tuple(a + b for a, b in zip(total, part, strict=True))
    return total


@mistake(
    "You take the state that a block begins with for zeros in dWh. Only the gradient stops at a cut: the state went on "
    "in forward, and W_h did multiply it.",
    of="rnn_backward",
    hint=4,
)
def state_zero_at_cuts(dh, cache, window=None):
    dx, dh0, dWx, dWh, db, das = _backward(dh, cache, window, das=True)
    for t in [] if window is None else range(window, len(dh), window):
        dWh = dWh - cache[1][t].T @ das[t]
    return dx, dh0, dWx, dWh, db


@mistake(
    "Your dx is in the wrong order of time: it was collected from the last step to the first and not turned round.",
    of="rnn_backward",
    hint=2,
)
def dx_reversed(dh, cache, window=None):
    dx, *rest = _backward(dh, cache, window)
    return dx[::-1].copy(), *rest


@mistake(
    "You clip what comes back between the steps. That is a remedy of the optimiser's, for whole gradients; "
    "backward gives "
    "the derivative as it is.",
    of="rnn_backward",
    hint=3,
)
def clipped_on_the_way(dh, cache, window=None):
    return _backward(dh, cache, window, carry="clip")


def _backward(dh, cache, window=None, carried=1, slope_at="after", carry="a", state=0, das=False):
    x, h, Wx, Wh, b = cache
    dx, dWx, dWh, db = np.empty_like(x), np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
    cuts = window if isinstance(window, list) else [] if window is None else range(window, len(x), window)
    from_next = last = np.zeros_like(h[0])
    found = np.zeros_like(h[1:])
    for t in reversed(range(len(x))):
        at = {"after": h[t + 1], "before": h[t], "sum": x[t] @ Wx + h[t] @ Wh + b, "none": np.zeros_like(h[t])}[
            slope_at
        ]
        delta = dh[t] + (from_next if carried else 0)
        found[t] = da = delta * (1 - at**2)
        dx[t] = da @ Wx.T
        dWx += x[t].T @ da
        dWh += h[t + state].T @ da
        db += da.sum(axis=0)
        last = {"a": da @ Wh.T, "delta": delta @ Wh.T, "W": da @ Wh, "plain": da, "clip": np.clip(da @ Wh.T, -1, 1)}[
            carry
        ]
        from_next = np.zeros_like(last) if t in cuts else last
    return (dx, last, dWx, dWh, db, found) if das else (dx, last, dWx, dWh, db)


@mistake(
    "You take the state before the first step for zeros in dWh. It is h0, which is given: W_h multiplied it in the "
    "first step.",
    of="rnn_backward",
    hint=2,
)
def first_state_zero_in_dwh(dh, cache, window=None):
    dx, dh0, dWx, dWh, db, das = _backward(dh, cache, window, das=True)
    return dx, dh0, dWx, dWh - cache[1][0].T @ das[0], db
