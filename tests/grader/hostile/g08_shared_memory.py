"""Leaves shared memory, semaphores, queues and named pipes behind."""
# exercise: attention/scaled_dot_product
# status: failed
# says: expected

import ctypes
import multiprocessing
import os
from multiprocessing import shared_memory

import torch

libc = ctypes.CDLL(None)
for make in (
    lambda: shared_memory.SharedMemory("{{TOKEN}}", create=True, size=100),
    lambda: multiprocessing.Semaphore(),
    lambda: multiprocessing.Queue(),
    lambda: torch.zeros(10).share_memory_(),
    lambda: os.mkfifo("/tmp/{{TOKEN}}"),
    lambda: os.open("/dev/mqueue/{{TOKEN}}", os.O_CREAT),
):
    try:
        made = make()
        if not isinstance(made, torch.Tensor):
            print("BREACH", made)
    except (OSError, RuntimeError, ImportError):
        pass
for made in (libc.shmget(0x1234, 100, 0o1600), libc.semget(0x1234, 1, 0o1600), libc.msgget(0x1234, 0o1600)):
    if made >= 0:
        print("BREACH", made)


def sdpa(Q, K, V, mask=None):
    return V
