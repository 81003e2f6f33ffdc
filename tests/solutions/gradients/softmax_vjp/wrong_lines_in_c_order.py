"""Wrong: reshapes to (-1, n), as if the axis were always the last."""
# says: You reshape to lines of the right length, as if `axis` were


def softmax_vjp(s, dy, axis):
    n = s.shape[axis]
    p, g = s.reshape(-1, n), dy.reshape(-1, n)
    return (p * (g - (p * g).sum(1, keepdims=True))).reshape(s.shape)
