"""Fills the disk, in files with and without names, and in memory."""
# exercise: attention/scaled_dot_product
# status: failed
# says: expected

import ctypes
import os
import tempfile

for place in ("/tmp", "{{TMP}}", "{{WORK}}", "/dev/shm", "/var/tmp", "."):
    for make in (
        lambda: open(f"{place}/{{TOKEN}}", "wb").write(b"x" * (64 << 20)),
        lambda: os.open(place, os.O_TMPFILE | os.O_RDWR),
        lambda: tempfile.TemporaryFile(dir=place),
        lambda: os.truncate("{{WORK}}/progress.db", 1 << 40),
    ):
        try:
            make()
            print("BREACH", place)
        except OSError:
            pass
if ctypes.CDLL(None).memfd_create(b"{{TOKEN}}", 0) >= 0:
    print("BREACH a file in memory")


def sdpa(Q, K, V, mask=None):
    return V
