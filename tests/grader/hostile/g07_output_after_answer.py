"""Prints too much after its answer, from a timer."""
# exercise: attention/scaled_dot_product
# status: failed|error
# says: printed more than 1 MiB

import os
import signal


def flood(*_):
    for _ in range(40):
        os.write(1, b"x" * 60_000)


signal.signal(signal.SIGALRM, flood)


def sdpa(Q, K, V, mask=None):
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    return V
