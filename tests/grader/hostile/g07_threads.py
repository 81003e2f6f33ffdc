"""Starts threads by every way there is."""
# exercise: attention/scaled_dot_product
# status: failed
# says: expected

import _thread
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import torch

started = []
for start in (
    lambda: threading.Thread(target=started.append, args=(1,), daemon=True).start(),
    lambda: _thread.start_new_thread(started.append, (1,)),
    lambda: ThreadPoolExecutor(8).submit(started.append, 1),
    lambda: threading.Timer(0.01, started.append, (1,)).start(),
):
    try:
        start()
    except (RuntimeError, OSError):
        pass
time.sleep(0.1)
if started:
    print("BREACH", started)


def sdpa(Q, K, V, mask=None):
    return V
