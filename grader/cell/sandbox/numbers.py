"""System call numbers of the two machines we know, by name. A name a machine lacks is absent from its table.

x86_64 from its own table, aarch64 from the generic one; numbers from 424 on are the same everywhere. A test
compares both with the kernel's headers where these are installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Machine:
    """`audit`: AUDIT_ARCH of a native call; `foreign_from`: numbers from here on are another ABI's (x32)."""

    name: str
    audit: int
    numbers: Mapping[str, int]
    foreign_from: int | None = None


_COMMON = {
    "pidfd_send_signal": 424, "io_uring_setup": 425, "open_tree": 428, "fsopen": 430, "pidfd_open": 434,
    "clone3": 435, "close_range": 436, "openat2": 437, "faccessat2": 439, "landlock_create_ruleset": 444,
    "landlock_add_rule": 445, "landlock_restrict_self": 446, "memfd_secret": 447,
}  # fmt: skip

_X86_64 = {
    "read": 0, "write": 1, "open": 2, "close": 3, "stat": 4, "fstat": 5, "lstat": 6, "poll": 7, "lseek": 8,
    "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14,
    "rt_sigreturn": 15, "ioctl": 16, "pread64": 17, "readv": 19, "writev": 20, "access": 21, "pipe": 22,
    "select": 23, "sched_yield": 24, "mremap": 25, "madvise": 28, "shmget": 29, "dup": 32, "dup2": 33,
    "pause": 34, "nanosleep": 35, "getitimer": 36, "alarm": 37, "setitimer": 38, "getpid": 39, "socket": 41,
    "sendto": 44, "recvfrom": 45, "sendmsg": 46, "getsockname": 51, "socketpair": 53, "getsockopt": 55,
    "clone": 56, "fork": 57, "vfork": 58, "execve": 59, "exit": 60, "kill": 62, "uname": 63, "semget": 64,
    "msgget": 68, "fcntl": 72, "flock": 73, "truncate": 76, "ftruncate": 77, "getcwd": 79, "chdir": 80,
    "rename": 82, "mkdir": 83, "link": 86, "unlink": 87, "symlink": 88, "readlink": 89, "chmod": 90,
    "chown": 92, "umask": 95, "gettimeofday": 96, "getrlimit": 97, "getrusage": 98, "sysinfo": 99,
    "times": 100, "ptrace": 101, "getuid": 102, "getgid": 104, "geteuid": 107, "getegid": 108,
    "getppid": 110, "setsid": 112, "capget": 125, "capset": 126, "rt_sigpending": 127,
    "rt_sigtimedwait": 128, "rt_sigqueueinfo": 129, "rt_sigsuspend": 130, "sigaltstack": 131,
    "personality": 135, "setpriority": 141, "prctl": 157, "setrlimit": 160, "mount": 165, "gettid": 186,
    "setxattr": 188, "tkill": 200, "time": 201, "futex": 202, "sched_setaffinity": 203,
    "sched_getaffinity": 204, "getdents64": 217, "restart_syscall": 219, "timer_create": 222,
    "clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231, "tgkill": 234,
    "mq_open": 240, "add_key": 248, "keyctl": 250, "inotify_init1": 294, "openat": 257, "mkdirat": 258,
    "newfstatat": 262, "unlinkat": 263, "renameat": 264, "linkat": 265, "symlinkat": 266, "readlinkat": 267,
    "fchmodat": 268, "faccessat": 269, "pselect6": 270, "ppoll": 271, "unshare": 272, "utimensat": 280,
    "eventfd2": 290, "epoll_create1": 291, "dup3": 292, "pipe2": 293, "perf_event_open": 298,
    "fanotify_init": 300, "prlimit64": 302, "open_by_handle_at": 304, "setns": 308, "getcpu": 309,
    "process_vm_readv": 310, "seccomp": 317, "getrandom": 318, "memfd_create": 319, "bpf": 321,
    "execveat": 322, "userfaultfd": 323, "statx": 332,
}  # fmt: skip

_AARCH64 = {
    "setxattr": 5, "getcwd": 17, "eventfd2": 19, "epoll_create1": 20, "dup": 23, "dup3": 24, "fcntl": 25,
    "inotify_init1": 26, "ioctl": 29, "flock": 32, "mkdirat": 34, "unlinkat": 35, "symlinkat": 36,
    "linkat": 37, "renameat": 38, "mount": 40, "truncate": 45, "ftruncate": 46, "faccessat": 48, "chdir": 49,
    "fchmodat": 53, "openat": 56, "close": 57, "pipe2": 59, "getdents64": 61, "lseek": 62, "read": 63,
    "write": 64, "readv": 65, "writev": 66, "pread64": 67, "pselect6": 72, "ppoll": 73, "readlinkat": 78,
    "newfstatat": 79, "fstat": 80, "utimensat": 88, "capget": 90, "capset": 91, "personality": 92,
    "exit": 93, "exit_group": 94, "unshare": 97, "futex": 98, "nanosleep": 101, "getitimer": 102,
    "setitimer": 103, "timer_create": 107, "clock_gettime": 113, "clock_getres": 114, "clock_nanosleep": 115,
    "ptrace": 117, "sched_setaffinity": 122, "sched_getaffinity": 123, "sched_yield": 124,
    "restart_syscall": 128, "kill": 129, "tkill": 130, "tgkill": 131, "sigaltstack": 132,
    "rt_sigsuspend": 133, "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigpending": 136,
    "rt_sigtimedwait": 137, "rt_sigqueueinfo": 138, "rt_sigreturn": 139, "setpriority": 140, "times": 153,
    "setsid": 157, "uname": 160, "getrlimit": 163, "setrlimit": 164, "getrusage": 165, "umask": 166,
    "prctl": 167, "getcpu": 168, "gettimeofday": 169, "getpid": 172, "getppid": 173, "getuid": 174,
    "geteuid": 175, "getgid": 176, "getegid": 177, "gettid": 178, "sysinfo": 179, "mq_open": 180,
    "msgget": 186, "semget": 190, "shmget": 194, "socket": 198, "socketpair": 199, "getsockname": 204,
    "sendto": 206, "recvfrom": 207, "getsockopt": 209, "sendmsg": 211, "brk": 214, "munmap": 215,
    "mremap": 216, "add_key": 217, "keyctl": 219, "clone": 220, "execve": 221, "mmap": 222, "mprotect": 226,
    "madvise": 233, "perf_event_open": 241, "prlimit64": 261, "fanotify_init": 262, "open_by_handle_at": 265,
    "setns": 268, "process_vm_readv": 270, "seccomp": 277, "getrandom": 278, "memfd_create": 279, "bpf": 280,
    "execveat": 281, "userfaultfd": 282, "statx": 291,
}  # fmt: skip


def machine(name: str) -> Machine | None:
    """The table of a machine by the kernel's name for it, or None where we have none."""
    if name == "x86_64":
        return Machine(name, 0xC000003E, {**_COMMON, **_X86_64}, foreign_from=0x40000000)
    if name == "aarch64":
        return Machine(name, 0xC00000B7, {**_COMMON, **_AARCH64})
    return None
