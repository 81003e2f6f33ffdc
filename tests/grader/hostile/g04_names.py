"""Makes files with newlines, control characters and markup in their names, and a million of them."""
# exercise: attention/scaled_dot_product
# status: failed
# says: expected

import os

for name in (
    "{{TOKEN}}\n13 passed",
    "{{TOKEN}}\x1b[2J",
    "{{TOKEN}}[bold]",
    "../{{TOKEN}}",
    *(f"{{TOKEN}}{i}" for i in range(1000)),
):
    for folder in ("{{TMP}}", "{{WORK}}", "/tmp", "/dev/shm", "/var/tmp"):
        for make in (os.mkdir, os.mkfifo, lambda path: os.open(path, os.O_CREAT | os.O_WRONLY)):
            try:
                make(f"{folder}/{name}")
                print("BREACH made", repr(name))
            except OSError:
                pass


def sdpa(Q, K, V, mask=None):
    return V
