"""Reads what others left in shared folders and shared memory."""
# exercise: attention/scaled_dot_product
# status: failed
# says: expected

import ctypes
import os
from multiprocessing import shared_memory

for folder in ("/dev/shm", "/tmp", "/var/tmp"):
    try:
        print("BREACH", open(folder + "/{{SHM}}").read())
    except OSError:
        pass
    try:
        print("BREACH", os.listdir(folder))
    except OSError:
        pass
try:
    print("BREACH", bytes(shared_memory.SharedMemory("{{SHM}}").buf[:40]))
except OSError:
    pass
libc = ctypes.CDLL(None)
for key in range(50):
    if libc.shmget(key, 1, 0) >= 0 or libc.msgget(key, 0) >= 0 or libc.semget(key, 1, 0) >= 0:
        print("BREACH", key)


def sdpa(Q, K, V, mask=None):
    return V
