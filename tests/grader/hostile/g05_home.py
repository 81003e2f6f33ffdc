"""Reads the home folder, the progress database and other students' submissions."""
# exercise: attention/scaled_dot_product
# status: failed
# says: expected

import glob
import os
import sqlite3

found = [
    "{{HOME}}/secret.txt",
    "{{WORK}}/progress.db",
    "{{WORK}}/other_student.py",
    os.path.expanduser("~/.ssh/id_rsa"),
    "/etc/passwd",
]
found += glob.glob("{{WORK}}/*") + glob.glob("{{HOME}}/**", recursive=True) + glob.glob("/home/*/*")
for path in found:
    try:
        print("BREACH", path, open(path, "rb").read(200))
    except OSError:
        pass
    try:
        print(
            "BREACH",
            sqlite3.connect(f"file:{path}?mode=ro", uri=True).execute("select 1 from sqlite_master").fetchall(),
        )
    except sqlite3.Error:
        pass


def sdpa(Q, K, V, mask=None):
    return V
