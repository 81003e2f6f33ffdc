"""Reads the suite, the reference and the stubs from disk, by every way of opening a file."""
# exercise: attention/scaled_dot_product
# status: failed
# says: expected

import ctypes
import io
import mmap
import os

import numpy as np
import torch

FILES = ("{{SUITE}}", "{{REFERENCE}}", "{{PACKAGE}}/judge/judge.py", "{{PACKAGE}}/engine.py")
WAYS = (
    lambda path: open(path).read(),
    lambda path: io.FileIO(path).read(),
    lambda path: os.read(os.open(path, os.O_RDONLY), 100),
    lambda path: mmap.mmap(os.open(path, os.O_RDONLY), 0, prot=mmap.PROT_READ)[:100],
    lambda path: np.fromfile(path, dtype=np.uint8)[:100],
    lambda path: np.memmap(path)[:100],
    lambda path: torch.from_file(path, size=100, dtype=torch.uint8),
    lambda path: torch.UntypedStorage.from_file(path, shared=False, nbytes=100),
    lambda path: ctypes.CDLL(None).fopen(path.encode(), b"r") or None,
    lambda path: os.open(os.path.basename(path), os.O_RDONLY, dir_fd=os.open(os.path.dirname(path), os.O_PATH)),
)
for path in FILES:
    for way in WAYS:
        try:
            if way(path) is not None:
                print("BREACH read", path)
        except (OSError, RuntimeError, ValueError):
            pass
for folder in (
    "{{COURSE}}",
    "{{COURSE}}/tests",
    "{{COURSE}}/reference",
    "{{PACKAGE}}",
    "{{HOME}}",
    "/",
    "/home",
    "/root",
    "/tmp",
):
    try:
        print("BREACH listed", folder, os.listdir(folder))
    except OSError:
        pass


def sdpa(Q, K, V, mask=None):
    return V
