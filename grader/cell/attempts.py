"""Attempts to break out of a cell, one for each thing a submission could try. Harmless also where nothing holds them.

An attempt returns what it got where it succeeded, and raises what the system answered where it did not. It judges nothing:
`probes` does.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from grader.cell.sandbox.kernel import (
    PR_GET_DUMPABLE,
    PR_GET_NO_NEW_PRIVS,
    PR_SET_DUMPABLE,
    PR_SET_PDEATHSIG,
    Kernel,
    address,
)
from grader.cell.sandbox.numbers import machine

PR_GET_PDEATHSIG = 2
MIB = 1 << 20
FAMILIES = {"unix": 1, "IPv4": 2, "IPv6": 10, "netlink": 16, "packet": 17, "kernel crypto": 38, "vsock": 40}


@dataclass(frozen=True)
class Scene:
    """What attempts aim at: a folder of ours with the file `victim`, a process of ours that waits, roots of courses, the
    memory limit, and the descriptor of a pipe that is open in the child."""

    folder: Path
    bystander: int
    courses: tuple[Path, ...]
    memory_mib: int
    pipe: int


@dataclass(frozen=True)
class Attempt:
    """A name in words, the protection that must refuse it, and the deed."""

    name: str
    protection: str
    run: Callable[[Scene], str]


def attempts() -> tuple[Attempt, ...]:
    """All of them, for this machine, in a fixed order."""
    return (*_files(), *_writing(), *_processes(), *_sockets(), *_kernel_doors(), *_limits(), *_privileges())


def _files() -> Iterator[Attempt]:
    def first_byte(path: str | Path) -> str:
        with Path(path).open("rb") as file:
            return f"read {len(file.read(1))} byte of {path}"

    def listing(path: str | Path) -> str:
        return f"saw {len(os.listdir(path))} names in {path}"

    def courses(scene: Scene) -> str:
        for root in scene.courses:
            for part in ("reference", "tests", "exercises", "."):
                if (root / part).is_dir():
                    return listing(root / part)
        raise PermissionError("no course's folder can be seen")

    here = Path(__file__).resolve()
    yield Attempt("read the password file", "landlock", lambda _: first_byte("/etc/passwd"))
    yield Attempt("read the grader's source", "landlock", lambda _: first_byte(here))
    yield Attempt("list the grader's folder", "landlock", lambda _: listing(here.parents[1]))
    yield Attempt("list the courses' folders", "landlock", courses)
    yield Attempt("read a file in the temporary folder", "landlock", lambda s: first_byte(s.folder / "victim"))
    yield Attempt("list the root folder", "landlock", lambda _: listing("/"))
    yield Attempt("list the home folder", "landlock", lambda _: listing(Path.home()))
    yield Attempt("list shared memory", "landlock", lambda _: listing("/dev/shm"))
    yield Attempt("read its environment in /proc", "landlock", lambda _: first_byte("/proc/self/environ"))
    yield Attempt("read its memory map in /proc", "landlock", lambda _: first_byte("/proc/self/maps"))
    yield Attempt("read its parent in /proc", "landlock", lambda _: first_byte(f"/proc/{os.getppid()}/environ"))
    yield Attempt("list the processes in /proc", "landlock", lambda _: listing("/proc"))


def _writing() -> Iterator[Attempt]:
    def opened(path: Path, flags: int) -> str:
        os.close(os.open(path, flags, 0o600))
        return f"opened {path}"

    def done(deed: Callable[[Path], object]) -> Callable[[Scene], str]:
        return lambda scene: f"done to {scene.folder}: {deed(scene.folder)}"

    new = os.O_WRONLY | os.O_CREAT
    yield Attempt("create a file", "landlock", lambda s: opened(s.folder / "new", new))
    yield Attempt("create a file in shared memory", "landlock", _shared_file)
    yield Attempt("create a file without a name", "seccomp", lambda s: opened(s.folder, os.O_TMPFILE | os.O_RDWR))
    yield Attempt("open a file for writing", "landlock", lambda s: opened(s.folder / "victim", os.O_WRONLY))
    yield Attempt("empty a file by opening it", "seccomp", lambda s: opened(s.folder / "victim", os.O_TRUNC))
    yield Attempt("truncate a file", "seccomp", done(lambda f: os.truncate(f / "victim", 0)))
    yield Attempt("change a file's mode", "seccomp", done(lambda f: os.chmod(f / "victim", 0o600)))
    yield Attempt("change a file's owner", "seccomp", done(lambda f: os.chown(f / "victim", -1, -1)))
    yield Attempt("change a file's times", "seccomp", done(lambda f: os.utime(f / "victim")))
    yield Attempt("set an attribute", "seccomp", done(lambda f: os.setxattr(f / "victim", "user.x", b"1")))
    yield Attempt("link a file", "seccomp", done(lambda f: os.link(f / "victim", f / "hard")))
    yield Attempt("make a symbolic link", "seccomp", done(lambda f: os.symlink("victim", f / "soft")))
    yield Attempt("make a folder", "seccomp", done(lambda f: os.mkdir(f / "made")))
    yield Attempt("make a named pipe", "seccomp", done(lambda f: os.mkfifo(f / "fifo")))
    yield Attempt("rename a file", "seccomp", done(lambda f: os.rename(f / "victim", f / "moved")))
    yield Attempt("delete a file", "seccomp", done(lambda f: os.unlink(f / "doomed")))


def _shared_file(_: Scene) -> str:
    path = f"/dev/shm/gradlings-{os.getpid()}"
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    os.unlink(path)
    return f"created {path}"


def _processes() -> Iterator[Attempt]:
    call = _caller()

    def fork(make: Callable[[], int]) -> str:
        child = make()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        return f"made process {child}"

    def spawn(_: Scene) -> str:
        child = os.posix_spawn("/bin/true", ["true"], {})
        os.waitpid(child, 0)
        return f"started a program as {child}"

    def thread(_: Scene) -> str:
        worker = threading.Thread(target=int)
        worker.start()
        worker.join()
        return "ran a thread"

    def own_signals(scene: Scene) -> str:
        fcntl.fcntl(scene.pipe, fcntl.F_SETOWN, scene.bystander)
        return "made another process the receiver of a descriptor's signals"

    def stop_itself(_: Scene) -> str:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTSTP])
        signal.raise_signal(signal.SIGTSTP)
        return "sent itself SIGTSTP"

    yield Attempt("fork", "seccomp", lambda _: fork(os.fork))
    yield Attempt("clone", "seccomp", lambda _: fork(lambda: call("clone", signal.SIGCHLD)))
    yield Attempt("clone3", "seccomp", lambda _: f"{call('clone3', 0, 0)}")
    yield Attempt("start a program", "seccomp", spawn)
    yield Attempt("become another program", "seccomp", lambda _: os.execv("/bin/true", ["true"]))
    yield Attempt("start a thread", "seccomp", thread)
    yield Attempt("leave the session", "seccomp", lambda _: f"session {os.setsid()}")
    yield Attempt("look for its parent by a signal", "seccomp", lambda _: f"{os.kill(os.getppid(), 0)}")
    yield Attempt("end another process", "seccomp", lambda s: f"{os.kill(s.bystander, signal.SIGTERM)}")
    yield Attempt("signal every process", "seccomp", lambda _: f"{os.kill(-1, 0)}")
    yield Attempt("signal a thread of another process", "seccomp", lambda s: f"{call('tkill', s.bystander, 0)}")
    yield Attempt(
        "signal another process's thread",
        "seccomp",
        lambda s: f"{call('tgkill', s.bystander, s.bystander, 0)}",
    )
    yield Attempt("queue a signal", "seccomp", _queued_signal)
    yield Attempt("hold another process by a descriptor", "seccomp", lambda s: f"{call('pidfd_open', s.bystander, 0)}")
    yield Attempt("send signals by a descriptor", "seccomp", own_signals)
    yield Attempt("stop itself", "seccomp", stop_itself)
    yield Attempt("trace another process", "seccomp", lambda s: f"{call('ptrace', 0x4206, s.bystander, 0, 0)}")
    yield Attempt("read another process's memory", "seccomp", _others_memory)


def _queued_signal(scene: Scene) -> str:
    info = ctypes.create_string_buffer(struct.pack("=iii", 0, 0, -1), 128)
    return f"queued: {_caller()('rt_sigqueueinfo', scene.bystander, 0, address(info))}"


def _others_memory(scene: Scene) -> str:
    # The bystander was forked from our parent: what lies at an address here lies there too.
    there, here = ctypes.create_string_buffer(8), ctypes.create_string_buffer(8)
    remote = ctypes.create_string_buffer(struct.pack("=QQ", address(there), 8), 16)
    local = ctypes.create_string_buffer(struct.pack("=QQ", address(here), 8), 16)
    return f"read {_caller()('process_vm_readv', scene.bystander, address(local), 1, address(remote), 1, 0)} bytes"


def _sockets() -> Iterator[Attempt]:
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
    yield Attempt("pass descriptors on", "seccomp", lambda s: f"{_caller()('sendmsg', s.pipe, 0, 0)}")


def _kernel_doors() -> Iterator[Attempt]:
    """Calls of which the arguments are such that a kernel that lets them through does nothing, or something small."""
    zeros = ctypes.create_string_buffer(256)
    name = ctypes.create_string_buffer(b"gradlings")
    call = _caller()
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
        yield Attempt(title, "seccomp", lambda _, n=number, a=arguments: f"{n} answered {call(n, *a)}")  # type: ignore[misc]
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


def _limits() -> Iterator[Attempt]:
    def allocate(scene: Scene) -> str:
        size = (scene.memory_mib + 16) * MIB
        mmap.mmap(-1, size).close()
        return f"mapped {size // MIB} MiB"

    def descriptors(scene: Scene) -> str:
        made = [os.dup(scene.pipe) for _ in range(200)]
        return f"opened {len(made)} descriptors"

    def burn(_: Scene) -> str:
        while time.process_time() < 2.5:
            pass
        return "computed for more than its second"

    def raise_limit(_: Scene) -> str:
        core, limit = 4, ctypes.create_string_buffer(16)  # RLIMIT_CORE: none, and none again
        return f"set a limit: {_caller()('prlimit64', 0, core, address(limit), 0)}"

    yield Attempt("take more memory than allowed", "rlimits", allocate)
    yield Attempt("use up descriptors", "rlimits", descriptors)
    yield Attempt("compute longer than allowed", "rlimits", burn)
    yield Attempt("change its limits", "seccomp", raise_limit)


def _privileges() -> Iterator[Attempt]:
    call = _caller()

    def capabilities(_: Scene) -> str:
        header = ctypes.create_string_buffer(struct.pack("=Ii", 0x20080522, 0), 8)
        sets = ctypes.create_string_buffer(24)
        call("capget", address(header), address(sets))
        if not any(sets.raw):
            raise PermissionError("it has no capability")
        return f"it has capabilities: {sets.raw.hex()}"

    def state(option: int, good: int, means: str) -> Callable[[Scene], str]:
        def attempt(_: Scene) -> str:
            if option == PR_GET_PDEATHSIG:
                told = ctypes.create_string_buffer(4)
                call("prctl", option, address(told))
                value = int.from_bytes(told.raw, "little")
            else:
                value = call("prctl", option)
            if value == good:
                raise PermissionError(means)
            return f"the kernel says {value}, not {good}"

        return attempt

    def inherited(scene: Scene) -> str:
        extra = [fd for fd in range(3, 64) if fd != scene.pipe and _is_open(fd)]
        if not extra:
            raise PermissionError("no descriptor but its own is open")
        return f"inherited descriptors {extra}"

    yield Attempt("hold a capability", "capabilities", capabilities)
    yield Attempt("gain privileges by a program", "no-new-privs", state(PR_GET_NO_NEW_PRIVS, 1, "it cannot"))
    yield Attempt("be traced or dumped", "not-dumpable", state(PR_GET_DUMPABLE, 0, "it is not dumpable"))
    yield Attempt("become dumpable again", "seccomp", lambda _: f"{call('prctl', PR_SET_DUMPABLE, 1)}")
    yield Attempt(
        "outlive its parent",
        "dies-with-parent",
        state(PR_GET_PDEATHSIG, signal.SIGKILL, "it is killed with its parent"),
    )
    yield Attempt("be allowed to outlive it", "seccomp", lambda _: f"{call('prctl', PR_SET_PDEATHSIG, 0)}")
    yield Attempt("use an inherited descriptor", "descriptors", inherited)


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def _caller() -> Callable[..., int]:
    """System calls by name on this machine."""
    kernel = Kernel()
    table = machine(kernel.machine)

    def call(name: str, *arguments: int) -> int:
        if table is None or name not in table.numbers:
            raise NotImplementedError(f"the number of {name} is not known on {kernel.machine}")
        return kernel.call(table.numbers[name], *arguments)

    return call
