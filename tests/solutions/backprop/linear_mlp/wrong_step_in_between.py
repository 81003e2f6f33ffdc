"""Wrong: a step of descent on W2 before the hidden layer is reached."""
# says: after you updated it

import numpy as np


def mlp_forward_backward(params, X, y):
    W1, b1, W2, b2 = params["W1"], params["b1"], params["W2"], params["b2"]
    n = X.shape[0]
    h = X.dot(W1) + b1
    a = h * (h > 0)
    s = a.dot(W2) + b2
    s = s - np.max(s, axis=1, keepdims=True)
    e = np.exp(s)
    total = e.sum(axis=1, keepdims=True)
    p = e / total
    loss = np.mean(np.log(total[:, 0]) - s[np.arange(n), y])

    ds = p.copy()
    ds[np.arange(n), y] -= 1.0
    ds /= n
    dW2 = a.T.dot(ds)
    db2 = ds.sum(axis=0)
    W2 = W2 - dW2
    da = ds.dot(W2.T)
    dh = da * (h > 0)
    dW1 = X.T.dot(dh)
    db1 = dh.sum(axis=0)
    return loss, {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}
