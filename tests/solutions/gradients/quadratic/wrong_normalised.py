"""Wrong: the gradient of the quotient xᵀAx / xᵀx in place of xᵀAx."""
# says: The gradient at one point and at many


def grad(A, b, x):
    norm = (x * x).sum(-1, keepdims=True)
    value = ((x @ A) * x).sum(-1, keepdims=True)
    return (x @ (A + A.T)) / norm - 2 * value * x / norm**2 + b
