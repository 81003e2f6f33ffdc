"""A network of two layers with its backward pass.

Goodfellow, Bengio and Courville, "Deep Learning" (2016), section 6.5: forward line by line, then the same lines
backwards.
"""

import numpy as np

from grader.marks import alternative, mistake


def mlp_forward_backward(
    params: dict[str, np.ndarray], X: np.ndarray, y: np.ndarray
) -> tuple[float, dict[str, np.ndarray]]:
    """The mean cross-entropy of a network of two layers, and its gradient by each parameter."""
    W1, b1, W2, b2 = (params[name] for name in ("W1", "b1", "W2", "b2"))
    N = len(X)
    rows = np.arange(N)

    Z1 = X @ W1 + b1
    A1 = np.maximum(Z1, 0)
    Z2 = A1 @ W2 + b2
    shifted = Z2 - Z2.max(axis=1, keepdims=True)
    log_P = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -log_P[rows, y].mean()

    dZ2 = np.exp(log_P)
    dZ2[rows, y] -= 1
    dZ2 /= N
    dZ1 = dZ2 @ W2.T * (Z1 > 0)
    return loss, {"W1": X.T @ dZ1, "b1": dZ1.sum(axis=0), "W2": A1.T @ dZ2, "b2": dZ2.sum(axis=0)}


# Alternatives -------------------------------------------------------------------------------------------------------


@alternative("Example by example, with outer products that are added up.", of="mlp_forward_backward")
def example_by_example(params, X, y):
    grads = {name: np.zeros(value.shape, value.dtype) for name, value in params.items()}
    total = 0.0
    for x, label in zip(X, y.tolist(), strict=True):
        z1 = params["b1"] + sum(x[d] * params["W1"][d] for d in range(len(x)))
        a1 = np.where(z1 > 0, z1, np.zeros_like(z1))
        z2 = a1 @ params["W2"] + params["b2"]
        e = np.exp(z2 - max(z2.tolist()))
        total += float(np.log(e.sum()) + z2.max() - z2[label])
        dz2 = e / e.sum() - (np.arange(len(z2)) == label)
        dz1 = np.where(z1 > 0, params["W2"] @ dz2, 0)
        for name, share in (("W1", np.outer(x, dz1)), ("b1", dz1), ("W2", np.outer(a1, dz2)), ("b2", dz2)):
            grads[name] += (share / len(X)).astype(grads[name].dtype)
    return total / len(X), grads


@alternative("einsum, biases as one more row of the weights, a one-hot matrix.", of="mlp_forward_backward")
def bias_as_a_row(params, X, y):
    ones = np.ones((len(X), 1), X.dtype)
    X1, V1, V2 = np.hstack([X, ones]), *(np.vstack([params[f"W{k}"], params[f"b{k}"]]) for k in (1, 2))
    Z = np.einsum("nd,dh->nh", X1, V1)
    A = np.hstack([np.clip(Z, 0, None), ones])
    logits = np.einsum("nh,hc->nc", A, V2)
    top = logits.max(1)
    lse = top + np.log(np.sum(np.exp(logits - top[:, None]), 1))
    Y = np.eye(logits.shape[1], dtype=X.dtype)[y]
    loss = np.mean(lse - np.einsum("nc,nc->n", logits, Y))
    dlogits = (np.exp(logits - lse[:, None]) - Y) / np.asarray(len(X), X.dtype)
    dV2 = np.einsum("nh,nc->hc", A, dlogits)
    dZ = np.einsum("nc,hc->nh", dlogits, V2[:-1]) * np.sign(np.clip(Z, 0, None))
    dV1 = np.einsum("nd,nh->dh", X1, dZ)
    return loss, {"W1": dV1[:-1], "b1": dV1[-1], "W2": dV2[:-1], "b2": dV2[-1]}


# Mistakes -----------------------------------------------------------------------------------------------------------


@mistake(
    "The gradients of the biases are not summed: they have a row for each example. A bias was added to all of "
    "them, and "
    "gets the sum.",
    of="mlp_forward_backward",
    hint=2,
)
def biases_not_summed(params, X, y):
    Z1, A1, P, loss = _forward(params, X, y)
    dZ2, dZ1 = _deltas(params, Z1, P, y)
    return loss, {"W1": X.T @ dZ1, "b1": dZ1, "W2": A1.T @ dZ2, "b2": dZ2}


@mistake(
    "The gradients of the biases are means over the rows. They are sums: the 1/N of the loss is in dZ₂ already.",
    of="mlp_forward_backward",
    hint=3,
)
def biases_averaged(params, X, y):
    loss, grads = _right(params, X, y)
    n = np.asarray(len(X), X.dtype)
    return loss, {**grads, "b1": grads["b1"] / n, "b2": grads["b2"] / n}


@mistake(
    "The gradients of the biases are summed over the wrong axis. A bias has one number for each neuron; the sum "
    "goes over "
    "the rows of the batch.",
    of="mlp_forward_backward",
    hint=2,
)
def biases_over_neurons(params, X, y):
    Z1, A1, P, loss = _forward(params, X, y)
    dZ2, dZ1 = _deltas(params, Z1, P, y)
    return loss, {"W1": X.T @ dZ1, "b1": dZ1.sum(1), "W2": A1.T @ dZ2, "b2": dZ2.sum(1)}


@mistake(
    "You divide by N twice: all your gradients are too small by that factor. The 1/N of the mean comes in once, "
    "in dZ₂.",
    of="mlp_forward_backward",
    hint=3,
)
def divided_twice(params, X, y):
    return _scaled(params, X, y, 1 / len(X))


@mistake(
    "The division by N is missing in your gradients: they are those of the sum of the losses, but the loss is "
    "their mean.",
    of="mlp_forward_backward",
    hint=3,
)
def not_divided(params, X, y):
    return _scaled(params, X, y, len(X))


@mistake(
    "The weights' gradients are divided by N once more than those of the biases. The 1/N of the mean is in dZ₂, "
    "and nowhere "
    "else.",
    of="mlp_forward_backward",
    hint=3,
)
def weights_divided_twice(params, X, y):
    loss, grads = _right(params, X, y)
    n = np.asarray(len(X), X.dtype)
    return loss, {**grads, "W1": grads["W1"] / n, "W2": grads["W2"] / n}


@mistake(
    "Your loss is the sum over the rows. It is to be the mean: divide by N.",
    of="mlp_forward_backward",
    hint=3,
)
def loss_summed(params, X, y):
    loss, grads = _right(params, X, y)
    return loss * len(X), grads


@mistake(
    "Loss and gradients are those of the sum over the rows. The loss is the mean: its 1/N goes into dZ₂ too.",
    of="mlp_forward_backward",
    hint=3,
)
def all_summed(params, X, y):
    loss, grads = _scaled(params, X, y, len(X))
    return loss * len(X), grads


@mistake(
    "Your loss and gradients are divided by N times C. The mean goes over the rows; the C logits of a row are "
    "one choice.",
    of="mlp_forward_backward",
    hint=3,
)
def divided_by_all(params, X, y):
    c = len(params["b2"])
    loss, grads = _scaled(params, X, y, 1 / c)
    return loss / c, grads


@mistake(
    "relu is forgotten on the way back: dA₁ goes on to W₁ as it is. It only passes where Z₁ was positive.",
    of="mlp_forward_backward",
    hint=3,
)
def no_mask(params, X, y):
    return _backward(params, X, y, lambda Z1, dA1: dA1)


@mistake(
    "You let through what is positive in dA₁. relu's mask comes from its input in the forward pass, Z₁; "
    "gradients may have "
    "any sign.",
    of="mlp_forward_backward",
    hint=2,
)
def mask_of_gradient(params, X, y):
    return _backward(params, X, y, lambda Z1, dA1: dA1 * (dA1 > 0))


@mistake(
    "relu has the slope 1 at exactly 0 in your backward pass. Here it is 0 there: Z₁ > 0, not Z₁ ≥ 0.",
    of="mlp_forward_backward",
    hint=3,
)
def mask_at_zero(params, X, y):
    return _backward(params, X, y, lambda Z1, dA1: dA1 * (Z1 >= 0))


@mistake(
    "You multiply dA₁ with A₁ itself and not with relu's slope, which is 1 where Z₁ > 0.",
    of="mlp_forward_backward",
    hint=3,
)
def mask_is_the_value(params, X, y):
    return _backward(params, X, y, lambda Z1, dA1: dA1 * np.maximum(Z1, 0))


@mistake(
    "You mask dZ₂, with the logits' signs: there is no relu after the second layer. The mask belongs to the "
    "hidden layer, "
    "whose input was Z₁.",
    of="mlp_forward_backward",
    hint=2,
)
def mask_of_wrong_layer(params, X, y):
    Z1, A1, P, loss = _forward(params, X, y)
    dZ2 = _deltas(params, Z1, P, y)[0] * (A1 @ params["W2"] + params["b2"] > 0)
    dZ1 = dZ2 @ params["W2"].T
    return loss, _collect(X, A1, dZ1, dZ2)


@mistake(
    "The gradient of W₂ is made with Z₁, from before relu. What W₂ multiplies in the forward pass is A₁.",
    of="mlp_forward_backward",
    hint=3,
)
def before_the_activation(params, X, y):
    loss, grads = _right(params, X, y)
    Z1, _, P, _ = _forward(params, X, y)
    return loss, {**grads, "W2": Z1.T @ _deltas(params, Z1, P, y)[0]}


@mistake(
    "The hidden gradient uses W₂ after you updated it. All gradients belong to the parameters as they were in "
    "the forward "
    "pass.",
    of="mlp_forward_backward",
    hint=2,
)
def updated_weights(params, X, y):
    Z1, A1, P, loss = _forward(params, X, y)
    dZ2 = _deltas(params, Z1, P, y)[0]
    dW2 = A1.T @ dZ2
    dZ1 = dZ2 @ (params["W2"] - dW2).T * (Z1 > 0)
    return loss, _collect(X, A1, dZ1, dZ2)


@mistake(
    "All gradients have the wrong sign: dZ₂ is P - Y, and you took Y - P.",
    of="mlp_forward_backward",
    hint=3,
)
def wrong_sign(params, X, y):
    return _scaled(params, X, y, -1)


@mistake(
    "Y is not taken away: your dZ₂ is P / N. The right class has one less, or nothing would pull its logit up.",
    of="mlp_forward_backward",
    hint=3,
)
def labels_missing(params, X, y):
    Z1, A1, P, loss = _forward(params, X, y)
    dZ2 = P / np.asarray(len(X), X.dtype)
    return loss, _collect(X, A1, dZ2 @ params["W2"].T * (Z1 > 0), dZ2)


@mistake(
    "Your dZ₂ passes through the slope of softmax a second time: (P - Y) P (1 - P). P - Y is already the "
    "gradient for the "
    "logits, softmax and logarithm together.",
    of="mlp_forward_backward",
    hint=1,
)
def softmax_slope_twice(params, X, y):
    Z1, A1, P, loss = _forward(params, X, y)
    dZ2 = _deltas(params, Z1, P, y)[0] * P * (1 - P)
    return loss, _collect(X, A1, dZ2 @ params["W2"].T * (Z1 > 0), dZ2)


@mistake(
    "Softmax runs over the batch: each column of your P sums to 1. Every row is a choice of its own.",
    of="mlp_forward_backward",
    hint=2,
)
def softmax_over_batch(params, X, y):
    Z1 = X @ params["W1"] + params["b1"]
    A1 = np.maximum(Z1, 0)
    return _finish(params, X, y, Z1, A1, _softmax(A1 @ params["W2"] + params["b2"], 0))


@mistake(
    "e is raised to the logits as they are: a large one gives infinity, and infinity / infinity is NaN. Take "
    "each row's "
    "largest logit away first.",
    of="mlp_forward_backward",
    hint=4,
)
def overflow(params, X, y):
    Z1 = X @ params["W1"] + params["b1"]
    A1 = np.maximum(Z1, 0)
    with np.errstate(all="ignore"):
        e = np.exp(A1 @ params["W2"] + params["b2"])
        return _finish(params, X, y, Z1, A1, e / e.sum(1, keepdims=True))


@mistake(
    "You take the largest logit of the whole batch away. A row whose own logits are all far below it then has "
    "only zeros, "
    "and 0 / 0. Each row needs its own largest.",
    of="mlp_forward_backward",
    hint=4,
)
def global_shift(params, X, y):
    Z1 = X @ params["W1"] + params["b1"]
    A1 = np.maximum(Z1, 0)
    Z2 = A1 @ params["W2"] + params["b2"]
    with np.errstate(all="ignore"):
        e = np.exp(Z2 - Z2.max())
        return _finish(params, X, y, Z1, A1, e / e.sum(1, keepdims=True))


@mistake(
    "You take the largest logit of the whole batch away. In a row far below it every e^z is 0, its log Σ is -∞ and "
    "P is 0 / 0. Each row needs its own largest.",
    of="mlp_forward_backward",
    hint=4,
)
def global_shift_in_the_log(params, X, y):
    Z1 = X @ params["W1"] + params["b1"]
    A1 = np.maximum(Z1, 0)
    Z2 = A1 @ params["W2"] + params["b2"]
    shifted = Z2 - Z2.max()
    with np.errstate(all="ignore"):
        total = np.exp(shifted).sum(1)
        grads = _finish(params, X, y, Z1, A1, np.exp(shifted) / total[:, None])[1]
        return (np.log(total) - shifted[np.arange(len(y)), y]).mean(), grads


@mistake(
    "Your loss is the logarithm of a P that has rounded to 0: infinity. With log Σ e^z - z[y] it is a plain "
    "large number.",
    of="mlp_forward_backward",
    hint=4,
)
def log_of_zero(params, X, y):
    Z1, A1, P, _ = _forward(params, X, y)
    with np.errstate(all="ignore"):
        return _finish(params, X, y, Z1, A1, P)


@mistake(
    "b₁ is not used in the forward pass.",
    of="mlp_forward_backward",
    hint=3,
)
def first_bias_unused(params, X, y):
    return _right({**params, "b1": 0 * params["b1"]}, X, y)


@mistake(
    "b₂ is not used in the forward pass.",
    of="mlp_forward_backward",
    hint=3,
)
def second_bias_unused(params, X, y):
    return _right({**params, "b2": 0 * params["b2"]}, X, y)


@mistake(
    "Without relu the two layers are one: A₁ is Z₁ in your forward pass.",
    of="mlp_forward_backward",
    hint=3,
)
def no_activation(params, X, y):
    Z1 = X @ params["W1"] + params["b1"]
    P, loss = _loss(Z1 @ params["W2"] + params["b2"], y)
    dZ2 = _deltas(params, Z1, P, y)[0]
    return loss, _collect(X, Z1, dZ2 @ params["W2"].T, dZ2)


@mistake(
    "The gradients of the weights come back transposed. They have the shapes of the weights: (D, H) and (H, C).",
    of="mlp_forward_backward",
    hint=2,
)
def weights_transposed(params, X, y):
    loss, grads = _right(params, X, y)
    return loss, {**grads, "W1": grads["W1"].T, "W2": grads["W2"].T}


@mistake(
    "The numbers are right, but you updated the caller's parameters in place. This function only measures; a step of "
    "descent is another's business.",
    of="mlp_forward_backward",
    hint=2,
)
def updates_in_place(params, X, y):
    loss, grads = _right(params, X, y)
    for name, grad in grads.items():
        params[name] -= grad
    return loss, grads


def _softmax(Z, axis=1):
    e = np.exp(Z - Z.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def _loss(Z2, y):
    top = Z2.max(1)
    lse = top + np.log(np.exp(Z2 - top[:, None]).sum(1))
    return _softmax(Z2), (lse - Z2[np.arange(len(y)), y]).mean()


def _forward(params, X, y):
    Z1 = X @ params["W1"] + params["b1"]
    A1 = np.maximum(Z1, 0)
    return Z1, A1, *_loss(A1 @ params["W2"] + params["b2"], y)


def _deltas(params, Z1, P, y):
    dZ2 = (P - np.eye(P.shape[1], dtype=P.dtype)[y]) / np.asarray(len(y), P.dtype)
    return dZ2, dZ2 @ params["W2"].T * (Z1 > 0)


def _collect(X, A1, dZ1, dZ2):
    return {"W1": X.T @ dZ1, "b1": dZ1.sum(0), "W2": A1.T @ dZ2, "b2": dZ2.sum(0)}


def _finish(params, X, y, Z1, A1, P):
    dZ2, dZ1 = _deltas(params, Z1, P, y)
    return -np.log(P[np.arange(len(y)), y]).mean(), _collect(X, A1, dZ1, dZ2)


def _backward(params, X, y, through_relu):
    Z1, A1, P, loss = _forward(params, X, y)
    dZ2 = _deltas(params, Z1, P, y)[0]
    return loss, _collect(X, A1, through_relu(Z1, dZ2 @ params["W2"].T), dZ2)


def _right(params, X, y):
    return _backward(params, X, y, lambda Z1, dA1: dA1 * (Z1 > 0))


def _scaled(params, X, y, factor):
    loss, grads = _right(params, X, y)
    return loss, {name: grad * np.asarray(factor, grad.dtype) for name, grad in grads.items()}
