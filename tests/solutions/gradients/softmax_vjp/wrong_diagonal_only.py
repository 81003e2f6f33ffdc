"""Wrong: only the diagonal of the Jacobian is used, as if each output depended on its own score alone."""
# says: You use the diagonal of the Jacobian only, s (1 - s): that is

import numpy as np


def softmax_vjp(s, dy, axis):
    return s * (1 - s) * dy
