"""Stops itself with every signal that stops, and waits to be woken."""
# exercise: attention/scaled_dot_product
# status: error
# says: No answer within 1 s

import signal


def sdpa(Q, K, V, mask=None):
    for number in (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
        try:
            signal.raise_signal(number)
            print("BREACH stopped and went on", number)
        except OSError:
            pass
    signal.pause()
