"""Wrong: takes the mean of dx away at the end, to be sure that it sums to 0; masked tokens get a gradient."""
# says: The gradient is that of softmax, along the axis that is named


def softmax_vjp(s, dy, axis):
    dx = s * dy
    return dx - dx.mean(axis=axis, keepdims=True)
