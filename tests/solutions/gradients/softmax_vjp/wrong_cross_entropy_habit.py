"""Wrong: s - dy, the gradient of cross-entropy and softmax together, where dy would be the targets."""
# says: s - dy is the gradient of softmax and cross-entropy together


def softmax_vjp(s, dy, axis):  # noqa: ARG001
    return s - dy
