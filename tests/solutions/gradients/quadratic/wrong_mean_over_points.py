"""Wrong: divided by the number of points, as the gradient of a mean loss would be."""
# says: as for a mean loss


def grad(A, b, x):
    return (x @ (A + A.T) + b) / max(1, x.size // x.shape[-1])
