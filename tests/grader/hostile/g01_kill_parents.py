"""Kills the judge, the cell's parent, its group and everything it may signal."""
# exercise: attention/scaled_dot_product
# status: error
# says: nobody could be signalled

import os
import signal


def sdpa(Q, K, V, mask=None):
    for pid in ({{JUDGE}}, {{PARENT}}, os.getppid(), 0, -1):
        for deed in (os.kill, os.killpg):
            for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM):
                try:
                    deed(pid, number)
                    print("BREACH", deed, pid, number)
                except (OSError, OverflowError):
                    pass
    raise RuntimeError("nobody could be signalled")
