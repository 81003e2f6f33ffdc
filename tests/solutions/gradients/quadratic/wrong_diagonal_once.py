"""Wrong: A + Aᵀ with the diagonal counted once, as for a list of pairs."""
# says: You count the diagonal of A once


def grad(A, b, x):
    S = A + A.T
    S[range(len(b)), range(len(b))] /= 2
    return x @ S + b
