"""Style: columns as in the books, a dict as cache, a sigmoid of two branches, one matrix for each gate."""

import numpy as np


def sigma(a):
    out = np.empty_like(a)
    up = a >= 0
    out[up] = 1 / (1 + np.exp(-a[up]))
    e = np.exp(a[~up])
    out[~up] = e / (1 + e)
    return out


def lstm_step(x, h, c, Wx, Wh, b):
    H = h.shape[1]
    z = {}
    for k, name in enumerate("ifgo"):
        cols = slice(k * H, (k + 1) * H)
        a = Wx[:, cols].T @ x.T + Wh[:, cols].T @ h.T + b[cols, None]
        z[name] = np.tanh(a) if name == "g" else sigma(a)
    new = z["f"] * c.T + z["i"] * z["g"]
    return (z["o"] * np.tanh(new)).T, new.T, {"z": z, "new": new, "x": x.T, "h": h.T, "c": c.T, "Wx": Wx, "Wh": Wh}


def lstm_step_backward(dh, dc, cache):
    z, x, h, c = cache["z"], cache["x"], cache["h"], cache["c"]
    t = np.tanh(cache["new"])
    dnew = dc.T + dh.T * z["o"] * (1 - t * t)
    gate = {"i": dnew * z["g"], "f": dnew * c, "g": dnew * z["i"], "o": dh.T * t}
    rows = [gate[k] * (1 - z[k] ** 2 if k == "g" else z[k] - z[k] ** 2) for k in "ifgo"]
    da = np.vstack(rows)
    dx, dh_prev = cache["Wx"] @ da, cache["Wh"] @ da
    return dx.T, dh_prev.T, (dnew * z["f"]).T, x @ da.T, h @ da.T, da.sum(1)
