"""Cross-entropy of softmax with its gradient.

With log p = x - log Σ exp(x), the derivative of - Σ q log p is p Σ q - q = p - q, as Σ q = 1 (Goodfellow, Bengio and
Courville, Deep Learning, 6.2.2.3). Smoothed targets are those of Szegedy et al., arXiv:1512.00567, section 7.
"""

import numpy as np

from grader.marks import alternative, mistake


def ce(
    logits: np.ndarray, y: np.ndarray, ignore_index: int = -100, smoothing: float = 0.0
) -> tuple[float, np.ndarray]:
    """The mean of - Σ q log p over the rows that count, and (p - q) / their number."""
    dlogits = np.zeros_like(logits)
    counts = y != ignore_index
    x, target = logits[counts], y[counts]
    n, V = x.shape
    if n == 0:
        return 0.0, dlogits

    x = x - np.max(x, axis=1, keepdims=True)
    log_p = x - np.log(np.sum(np.exp(x), axis=1, keepdims=True))
    rows = np.arange(n)
    loss = -(1 - smoothing) * np.sum(log_p[rows, target])
    if smoothing > 0:
        loss -= smoothing / V * np.sum(log_p)

    gradient = np.exp(log_p) - smoothing / V  # p - q
    gradient[rows, target] -= 1 - smoothing
    dlogits[counts] = gradient / n
    return float(loss / n), dlogits


@alternative("Loops over rows and tokens, in Python floats.", of="ce")
def by_loops(logits, y, ignore_index=-100, smoothing=0.0):
    N, V = logits.shape
    rows = [i for i in range(N) if y[i] != ignore_index]
    dlogits, total = np.zeros(logits.shape), 0.0
    for i in rows:
        line = [float(score) for score in logits[i]]
        largest = max(line)
        e = [float(np.exp(score - largest)) for score in line]
        log_sum = largest + float(np.log(sum(e)))
        for v in range(V):
            q = (1 - smoothing) * (v == y[i]) + smoothing / V
            if q > 0:
                total -= q * (line[v] - log_sum)
            dlogits[i, v] = (e[v] / sum(e) - q) / len(rows)
    return total / max(1, len(rows)), dlogits.astype(logits.dtype)


@alternative("One-hot targets and weights of the rows, all in arrays.", of="ce")
def by_targets(logits, y, ignore_index=-100, smoothing=0.0):
    V = logits.shape[1]
    weight = (y != ignore_index) / max(1, np.count_nonzero(y != ignore_index))
    q = (1 - smoothing) * np.equal.outer(y, np.arange(V)) + smoothing / V
    x = logits.astype(np.float64)
    log_p = x - np.logaddexp.reduce(x, axis=1, keepdims=True)
    terms = np.where(q > 0, -q * np.where(q > 0, log_p, 0.0), 0.0).sum(1)
    terms[weight == 0] = 0.0
    gradient = weight[:, None] * (np.exp(log_p) - q)
    return np.dot(weight, terms), gradient.astype(logits.dtype)


@alternative("With take_along_axis, on all rows, and the ignored ones put to 0.", of="ce")
def by_take_along_axis(logits, y, ignore_index=-100, smoothing=0.0):
    keep = y != ignore_index
    n, V = max(1, int(keep.sum())), logits.shape[1]
    safe = np.where(keep, y, 0)[:, None]
    m = logits.max(axis=1, keepdims=True)
    e = np.exp(logits - m)
    log_sum = m + np.log(e.sum(axis=1, keepdims=True))
    chosen = (log_sum - np.take_along_axis(logits, safe, 1))[:, 0]
    every = (log_sum - logits).mean(axis=1) if smoothing else np.zeros(len(y))
    loss = np.where(keep, (1 - smoothing) * chosen + smoothing * every, 0).sum() / n
    d = e / e.sum(axis=1, keepdims=True) - smoothing / V
    np.put_along_axis(d, safe, np.take_along_axis(d, safe, 1) - (1 - smoothing), 1)
    return loss, np.where(keep[:, None], d / n, 0).astype(logits.dtype)


def _ce(logits, y, ignore_index, smoothing, *, shift=None, share=None, loss_over=None, grad_over=None, smooth_grad=True):
    """The reference with parts exchanged: the shift, q, and what the sums are divided by."""
    keep = y != ignore_index
    V, safe = logits.shape[1], np.where(keep, y, 0)
    n = max(1, int(keep.sum()))
    if shift is None:
        shift = logits.max(axis=1, keepdims=True)
    x = logits - shift
    with np.errstate(all="ignore"):
        e = np.exp(x)
        total = e.sum(axis=1, keepdims=True)
        p, log_p = e / total, x - np.log(total)
        q = (share or _share)(V, safe, smoothing)
        terms = -np.where(q > 0, q * np.where(q > 0, log_p, 0), 0).sum(axis=1)
        loss = np.where(keep, terms, 0).sum() / (n if loss_over is None else loss_over)
        d = p - (q if smooth_grad else _share(V, safe, 0.0))
        d = np.where(keep[:, None], d, 0) / (n if grad_over is None else grad_over)
    return float(loss), d.astype(logits.dtype)


def _share(V, y, smoothing):
    return (1 - smoothing) * np.equal.outer(y, np.arange(V)) + smoothing / V


@mistake(
    "You take the logarithm of p plus a small number. A token of probability exp(-20000) then costs no more than one "
    "of 1e-12. Work with x - log Σ exp(x), where no logarithm of 0 is taken.",
    of="ce",
    hint=3,
)
def logarithm_of_p_plus_eps(logits, y, ignore_index=-100, smoothing=0.0):
    keep = y != ignore_index
    _, d = _ce(logits, y, ignore_index, smoothing)
    x = logits[keep] - logits[keep].max(axis=1, keepdims=True)
    p = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    q = _share(logits.shape[1], y[keep], smoothing)
    return float(-(q * np.log(p + 1e-12)).sum() / max(1, keep.sum())), d


@mistake(
    "You take the logarithm of the softmax. A probability below 1e-320 is rounded to 0, and its logarithm is -inf. Use "
    "log p = x - log Σ exp(x).",
    of="ce",
    hint=3,
)
def logarithm_of_p(logits, y, ignore_index=-100, smoothing=0.0):
    keep = y != ignore_index
    _, d = _ce(logits, y, ignore_index, smoothing)
    x = logits[keep] - logits[keep].max(axis=1, keepdims=True)
    p = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    q = _share(logits.shape[1], y[keep], smoothing)
    with np.errstate(all="ignore"):
        terms = np.where(q > 0, q * np.log(np.where(q > 0, p, 1)), 0)
    return float(-terms.sum() / max(1, keep.sum())), d


@mistake(
    "You take exp of the logits as they are, and large ones overflow. Shift each row by its largest logit first.",
    of="ce",
    hint=3,
)
def no_shift(logits, y, ignore_index=-100, smoothing=0.0):
    return _ce(logits, y, ignore_index, smoothing, shift=0 * logits[:, :1] if logits.size == 0 else logits.dtype.type(0))


@mistake(
    "You shift by the largest logit of the whole array. In a row far below it every exp is 0, and the loss inf or NaN. "
    "Each row needs a shift of its own.",
    of="ce",
    hint=3,
)
def shift_of_the_whole_array(logits, y, ignore_index=-100, smoothing=0.0):
    return _ce(logits, y, ignore_index, smoothing, shift=logits.max(initial=-np.inf))


@mistake(
    "You add the rows up and do not divide by their number. The loss is the mean over the rows that count, and so is "
    "its gradient.",
    of="ce",
    hint=2,
)
def sum_for_mean(logits, y, ignore_index=-100, smoothing=0.0):
    return _ce(logits, y, ignore_index, smoothing, loss_over=1, grad_over=1)


@mistake(
    "Your loss is the mean, but the gradient is that of the sum: it has to be divided by the number of rows that count "
    "too.",
    of="ce",
    hint=2,
)
def gradient_of_the_sum(logits, y, ignore_index=-100, smoothing=0.0):
    return _ce(logits, y, ignore_index, smoothing, grad_over=1)


@mistake(
    "Your gradient is that of the mean, but the loss is the sum. Divide it by the number of rows that count.",
    of="ce",
    hint=2,
)
def loss_is_the_sum(logits, y, ignore_index=-100, smoothing=0.0):
    return _ce(logits, y, ignore_index, smoothing, loss_over=1)


@mistake(
    "You divide by all N rows, the ignored ones among them. The more padding, the smaller the loss: divide by the "
    "number of rows that count.",
    of="ce",
    hint=2,
)
def ignored_rows_in_the_mean(logits, y, ignore_index=-100, smoothing=0.0):
    n = max(1, len(y))
    return _ce(logits, y, ignore_index, smoothing, loss_over=n, grad_over=n)


@mistake(
    "Your loss is divided by the rows that count, but the gradient by all N rows. It has to be the gradient of that "
    "loss.",
    of="ce",
    hint=2,
)
def gradient_over_all_rows(logits, y, ignore_index=-100, smoothing=0.0):
    return _ce(logits, y, ignore_index, smoothing, grad_over=max(1, len(y)))


@mistake(
    "You take the mean over rows and tokens. Over the tokens of a row the terms q log p are added up; the mean is over "
    "the rows only.",
    of="ce",
    hint=2,
)
def mean_over_tokens_too(logits, y, ignore_index=-100, smoothing=0.0):
    n = max(1, int((y != ignore_index).sum())) * logits.shape[1]
    return _ce(logits, y, ignore_index, smoothing, loss_over=n, grad_over=n)


@mistake(
    "Ignored rows have a gradient in your result. They do not count in the loss, so nothing about them may change: 0.",
    of="ce",
    hint=2,
)
def ignored_rows_get_a_gradient(logits, y, ignore_index=-100, smoothing=0.0):
    loss, d = _ce(logits, y, ignore_index, smoothing)
    keep = y != ignore_index
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return loss, np.where(keep[:, None], d, p / max(1, int(keep.sum()))).astype(logits.dtype)


@mistake(
    "You leave -100 out whatever `ignore_index` is. A row counts if its target is not the `ignore_index` that is "
    "given.",
    of="ce",
    hint=2,
)
def minus_100_always(logits, y, ignore_index=-100, smoothing=0.0):
    y = np.where((y == ignore_index) & (y < 0), -100, y)
    return _ce(logits, y, -100, smoothing)


@mistake(
    "Where no row counts you divide 0 by 0: NaN. The loss is 0.0 there, and the gradient zeros.",
    of="ce",
    hint=4,
)
def nan_if_no_row_counts(logits, y, ignore_index=-100, smoothing=0.0):
    loss, d = _ce(logits, y, ignore_index, smoothing)
    return (loss, d) if np.any(y != ignore_index) else (float("nan"), d * np.nan)


@mistake("Your gradient has the wrong sign, q - p: a step against it would make the loss larger.", of="ce", hint=3)
def wrong_sign(logits, y, ignore_index=-100, smoothing=0.0):
    loss, d = _ce(logits, y, ignore_index, smoothing)
    return loss, -d


@mistake(
    "Your loss is negative: the logarithm of a probability is below 0, and the loss is minus that.", of="ce", hint=3
)
def negative_loss(logits, y, ignore_index=-100, smoothing=0.0):
    loss, d = _ce(logits, y, ignore_index, smoothing)
    return -loss, d


@mistake(
    "Your gradient is p alone. What the model should have said, q, has to be subtracted.",
    of="ce",
    hint=3,
)
def target_not_subtracted(logits, y, ignore_index=-100, smoothing=0.0):
    loss, d = _ce(logits, y, ignore_index, smoothing)
    keep = y != ignore_index
    q = _share(logits.shape[1], np.where(keep, y, 0), smoothing)
    return loss, (d + np.where(keep[:, None], q, 0) / max(1, int(keep.sum()))).astype(logits.dtype)


@mistake(
    "Your gradient is that of log p with respect to p, - q / p. It has to go through the softmax too, to the logits; "
    "then it is p - q.",
    of="ce",
    hint=3,
)
def gradient_for_p(logits, y, ignore_index=-100, smoothing=0.0):
    loss, d = _ce(logits, y, ignore_index, smoothing)
    keep = y != ignore_index
    with np.errstate(all="ignore"):
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        q = _share(logits.shape[1], np.where(keep, y, 0), smoothing)
        d = np.where(keep[:, None] & (q > 0), -q / p, 0) / max(1, int(keep.sum()))
    return loss, d.astype(logits.dtype)


@mistake(
    "Your softmax goes down the columns, over the positions. The scores that compete are those of one row, axis 1.",
    of="ce",
    hint=2,
)
def softmax_down_the_columns(logits, y, ignore_index=-100, smoothing=0.0):
    keep = y != ignore_index
    with np.errstate(all="ignore"):
        x = logits - logits.max(axis=0, keepdims=True, initial=-np.inf)
        log_p = x - np.log(np.exp(x).sum(axis=0, keepdims=True))
        q = _share(logits.shape[1], np.where(keep, y, 0), smoothing) * keep[:, None]
        n = max(1, int(keep.sum()))
        loss = -np.where(q > 0, q * log_p, 0).sum() / n
        return float(loss), (np.where(keep[:, None], np.exp(log_p) - q, 0) / n).astype(logits.dtype)


@mistake("You do not use `smoothing`: q is 1 at the target whatever it is.", of="ce", hint=3)
def smoothing_ignored(logits, y, ignore_index=-100, smoothing=0.0):
    return _ce(logits, y, ignore_index, 0 * smoothing)


@mistake(
    "Your loss is smoothed, but the gradient is not: it is p - q with the same q as in the loss.",
    of="ce",
    hint=3,
)
def gradient_not_smoothed(logits, y, ignore_index=-100, smoothing=0.0):
    return _ce(logits, y, ignore_index, smoothing, smooth_grad=False)


@mistake(
    "You share the smoothing among the other V - 1 tokens. That is used too, but here all V tokens share it, the "
    "target among them: q is 1 - ε + ε / V at y and ε / V elsewhere.",
    of="ce",
    hint=3,
)
def shared_among_the_others(logits, y, ignore_index=-100, smoothing=0.0):
    def share(V, y, e):
        return np.where(np.equal.outer(y, np.arange(V)), 1 - e, e / max(1, V - 1))

    return _ce(logits, y, ignore_index, smoothing, share=share)


@mistake(
    "You give each token the whole of ε. It is shared: ε / V for each, or q does not add up to 1.",
    of="ce",
    hint=3,
)
def smoothing_not_shared(logits, y, ignore_index=-100, smoothing=0.0):
    return _ce(
        logits, y, ignore_index, smoothing, share=lambda V, y, e: (1 - e) * np.equal.outer(y, np.arange(V)) + e
    )


@mistake(
    "You multiply q = 0 with log p = -inf, and 0 · (-inf) is NaN. A token that the target does not want adds nothing "
    "to the loss: pick the target's log p out.",
    of="ce",
    hint=4,
)
def zero_times_infinity(logits, y, ignore_index=-100, smoothing=0.0):
    loss, d = _ce(logits, y, ignore_index, smoothing)
    return (float("nan"), d) if np.any(np.isinf(logits[y != ignore_index])) else (loss, d)


@mistake(
    "The numbers are right, but you worked in the caller's own logits: `-=` changes an array in place.",
    of="ce",
    hint=4,
)
def overwrites_logits(logits, y, ignore_index=-100, smoothing=0.0):
    logits -= logits.max(axis=1, keepdims=True)
    return _ce(logits, y, ignore_index, smoothing)


@mistake("Your gradient is always float64, also where the logits are float32.", of="ce", hint=2)
def always_float64(logits, y, ignore_index=-100, smoothing=0.0):
    return _ce(logits.astype(np.float64), y, ignore_index, smoothing)


@mistake("Your logarithm has base 2. The gradient p - q belongs to the natural one.", of="ce", hint=3)
def base_two(logits, y, ignore_index=-100, smoothing=0.0):
    loss, d = _ce(logits, y, ignore_index, smoothing)
    return loss / float(np.log(2)), d


@mistake(
    "You clip the probabilities before the logarithm, so that a bad miss costs about 28 at most. Work with log p from the "
    "shifted logits: there is no log 0 to be afraid of.",
    of="ce",
    hint=1,
)
def clipped_probabilities(logits, y, ignore_index=-100, smoothing=0.0):
    counts = y != ignore_index
    n, V = max(1, int(counts.sum())), logits.shape[1]
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    q = (1 - smoothing) * np.equal.outer(y, np.arange(V)) + smoothing / V
    loss = -(q * np.log(np.clip(p, 1e-12, 1.0)))[counts].sum() / n
    return float(loss), np.where(counts[:, None], (p - q) / n, 0).astype(logits.dtype)


@mistake(
    "A row that is ignored loses its target, but keeps what smoothing gives to all tokens, in the loss and in the gradient. "
    "Such a row counts with nothing at all.",
    of="ce",
    hint=4,
)
def ignored_rows_are_smoothed(logits, y, ignore_index=-100, smoothing=0.0):
    counts = y != ignore_index
    n, V = max(1, int(counts.sum())), logits.shape[1]
    x = logits - logits.max(axis=1, keepdims=True)
    log_p = x - np.log(np.exp(x).sum(axis=1, keepdims=True))
    q = (1 - smoothing) * (np.equal.outer(y, np.arange(V)) & counts[:, None]) + smoothing / V
    loss = -np.where(q > 0, q * np.where(q > 0, log_p, 0), 0).sum() / n
    gradient = np.exp(log_p) * q.sum(axis=1, keepdims=True) - q
    return float(loss), np.where(counts[:, None] | (smoothing > 0), gradient / n, 0).astype(logits.dtype)
