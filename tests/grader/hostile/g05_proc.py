"""Reads its own and other processes' memory, maps, environment and descriptors in /proc."""
# exercise: attention/scaled_dot_product
# status: failed
# says: expected

import os

for process in ("self", "thread-self", "{{JUDGE}}", "{{PARENT}}", str(os.getppid()), "1"):
    for name in (
        "mem",
        "maps",
        "environ",
        "cmdline",
        "status",
        "fd/3",
        "fd/4",
        "root/etc/passwd",
        "cwd/x",
        "task",
        "fdinfo",
    ):
        try:
            fd = os.open(f"/proc/{process}/{name}", os.O_RDONLY)
            print("BREACH opened", process, name)
            os.close(fd)
        except OSError:
            pass


def sdpa(Q, K, V, mask=None):
    return V
