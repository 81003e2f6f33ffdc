"""Forks without end, by every call that makes a process."""
# exercise: attention/scaled_dot_product
# status: failed
# says: expected

import os
import subprocess
import sys

made = 0
for _ in range(200):
    for fork in (
        os.fork,
        os.forkpty,
        lambda: os.posix_spawn(sys.executable, [sys.executable, "-c", "while 1: pass"], {}),
        lambda: subprocess.Popen([sys.executable, "-c", "while 1: pass"]),
        lambda: os.system("sleep 100") and None,
        lambda: os.execv("/bin/sh", ["sh", "-c", "sleep 100"]),
    ):
        try:
            if fork() is not None:
                made += 1
        except OSError:
            pass
if made:
    print("BREACH", made)


def sdpa(Q, K, V, mask=None):
    return V
