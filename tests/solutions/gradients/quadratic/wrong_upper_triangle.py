"""Wrong: only the entries of A on the diagonal and above it are used, as if A were stored so."""
# says: one triangle of A only

import numpy as np


def grad(A, b, x):
    U = np.triu(A)
    return x @ (U + U.T) + b
