"""Kills itself as if the system had run out of memory."""
# exercise: attention/scaled_dot_product
# status: error
# says: was killed

import signal


def sdpa(Q, K, V, mask=None):
    signal.raise_signal(signal.SIGKILL)
