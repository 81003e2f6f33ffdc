"""Sockets, and the calls by which a kernel offers other ways out: rings, keys, namespaces, memory, other ABIs."""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import socket
from collections.abc import Callable, Iterator

from grader.cell.attempts.scene import Attempt, Scene, caller
from grader.cell.sandbox.kernel import Kernel, address

FAMILIES = {"unix": 1, "IPv4": 2, "IPv6": 10, "netlink": 16, "packet": 17, "kernel crypto": 38, "vsock": 40}


def sockets() -> Iterator[Attempt]:
    """Reaching out by a socket of any family."""

    def opened(family: int) -> Callable[[Scene], str]:
        def attempt(_: Scene) -> str:
            kind = socket.SOCK_RAW if family in (16, 17) else socket.SOCK_SEQPACKET if family == 38 else 1
            socket.socket(family, kind, 0).close()
            return f"opened a socket of family {family}"

        return attempt

    def abstract(_: Scene) -> str:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(f"\0gradlings-{os.getpid()}")
        return "bound an abstract unix socket"

    def pair(_: Scene) -> str:
        for end in socket.socketpair():
            end.close()
        return "made a pair of sockets"

    for name, family in FAMILIES.items():
        yield Attempt(f"open a socket ({name})", "seccomp", opened(family))
    yield Attempt("bind an abstract unix socket", "seccomp", abstract)
    yield Attempt("make a pair of sockets", "seccomp", pair)
    yield Attempt("pass descriptors on", "seccomp", lambda s: f"{caller()('sendmsg', s.pipe, 0, 0)}")


def calls() -> Iterator[Attempt]:
    """Every other call that opens a way. Where nothing holds them, they do nothing by their arguments, or little."""
    zeros = ctypes.create_string_buffer(256)
    name = ctypes.create_string_buffer(b"gradlings")
    call = caller()

    def made(number: str, arguments: tuple[int, ...]) -> Callable[[Scene], str]:
        return lambda _: f"{number} answered {call(number, *arguments)}"

    doors: dict[str, tuple[str, tuple[int, ...]]] = {
        "use io_uring": ("io_uring_setup", (1, address(zeros))),
        "use the keyring": ("keyctl", (0, -3, 0)),
        "add a key": ("add_key", (0, 0, 0, 0, 0)),
        "make a user namespace": ("unshare", (0x10000000,)),
        "make a network namespace": ("unshare", (0x40000000,)),
        "enter a namespace": ("setns", (-1, 0)),
        "mount": ("mount", (0, 0, 0, 0, 0)),
        "load a BPF program": ("bpf", (5, 0, 0)),
        "count performance events": ("perf_event_open", (0, 0, -1, -1, 0)),
        "handle page faults": ("userfaultfd", (1,)),
        "make a file in memory": ("memfd_create", (address(name), 0)),
        "make System V shared memory": ("shmget", (0, 0, 0)),
        "make a System V semaphore": ("semget", (0, 0, 0)),
        "find a System V message queue": ("msgget", (0x67726164, 0)),
        "open a POSIX message queue": ("mq_open", (0, 0, 0, 0)),
        "open a file by its handle": ("open_by_handle_at", (-1, 0, 0)),
        "change its personality": ("personality", (0xFFFFFFFF,)),
        "watch files": ("inotify_init1", (0,)),
        "watch a file system": ("fanotify_init", (0, 0)),
        "make a kernel timer": ("timer_create", (0, 0, address(zeros))),
        "raise its priority": ("setpriority", (0, 0, 0)),
        "change its processors": ("sched_setaffinity", (0, 0, 0)),
    }
    for title, (number, arguments) in doors.items():
        yield Attempt(title, "seccomp", made(number, arguments))
    yield Attempt("type into the terminal", "seccomp", lambda s: f"{fcntl.ioctl(s.pipe, 0x5412, b'x')!r}")
    if os.uname().machine == "x86_64":
        yield Attempt("make a call of the 32-bit ABI", "seccomp", _foreign_call)
        yield Attempt("make a call of the x32 ABI", "seccomp", lambda _: f"{Kernel().call(0x40000000 + 39)}")


def _foreign_call(_: Scene) -> str:
    code = bytes.fromhex("b814000000cd80c3")  # mov eax, 20 (getpid); int 0x80; ret
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    function = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    return f"the 32-bit getpid answered {function()}"
