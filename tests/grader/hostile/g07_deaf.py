"""Ignores every signal, takes over the watchdog's and faulthandler's, and sleeps."""
# exercise: attention/scaled_dot_product
# status: error
# says: No answer within 1 s

import faulthandler
import os
import signal
import time

faulthandler.disable()
for number in signal.valid_signals():
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


def sdpa(Q, K, V, mask=None):
    while True:
        time.sleep(1000)
