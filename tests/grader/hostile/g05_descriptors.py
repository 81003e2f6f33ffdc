"""Looks for descriptors it inherited, and reads from every one."""
# exercise: attention/scaled_dot_product
# status: failed
# says: expected

import os
import stat

for fd in range(256):
    try:
        mode = os.fstat(fd).st_mode
    except OSError:
        continue
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode) or (stat.S_ISSOCK(mode) and fd > 60):
        print("BREACH", fd, oct(mode))
    try:
        os.lseek(fd, 0, os.SEEK_SET)
        data = os.read(fd, 100) if stat.S_ISREG(mode) else b""
        if data:
            print("BREACH", fd, data)
    except OSError:
        pass


def sdpa(Q, K, V, mask=None):
    return V
