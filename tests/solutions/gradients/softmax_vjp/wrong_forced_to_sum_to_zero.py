"""Wrong: takes the mean of dx away at the end, to be sure that it sums to 0; masked tokens get a gradient."""
# says: You take the mean of dx away at the end, so that it sums to


def softmax_vjp(s, dy, axis):
    dx = s * dy
    return dx - dx.mean(axis=axis, keepdims=True)
