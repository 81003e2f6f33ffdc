"""Returns an argument as the answer."""
# exercise: gradients/softmax_vjp
# status: failed


def softmax_vjp(s, dy, axis):
    return s
