"""Forks twice, leaves the session and stays."""
# exercise: attention/scaled_dot_product
# status: failed
# says: expected

import os
import time

try:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(1000)
        os._exit(0)
    print("BREACH")
except OSError:
    pass


def sdpa(Q, K, V, mask=None):
    return V
