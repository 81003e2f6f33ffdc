"""Making processes and threads, and reaching those of others by signals, traces and memory."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import struct
import threading
from collections.abc import Callable, Iterator

from grader.cell.attempts.scene import Attempt, Scene, caller
from grader.cell.sandbox.kernel import address


def processes() -> Iterator[Attempt]:
    """Making processes and threads, and reaching those of others."""

    call = caller()

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

    def become(_: Scene) -> str:
        os.execv("/bin/true", ["true"])

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
    yield Attempt("become another program", "seccomp", become)
    yield Attempt("start a thread", "seccomp", thread)
    yield Attempt("leave the session", "seccomp", lambda _: f"session {call('setsid')}")
    yield Attempt("look for its parent by a signal", "seccomp", lambda _: f"{call('kill', os.getppid(), 0)}")
    yield Attempt("end another process", "seccomp", lambda s: f"{call('kill', s.bystander, signal.SIGTERM)}")
    yield Attempt("signal every process", "seccomp", lambda _: f"{call('kill', -1, 0)}")
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
    return f"queued: {caller()('rt_sigqueueinfo', scene.bystander, 0, address(info))}"


def _others_memory(scene: Scene) -> str:
    # The bystander was forked from our parent: what lies at an address here lies there too.
    there, here = ctypes.create_string_buffer(8), ctypes.create_string_buffer(8)
    remote = ctypes.create_string_buffer(struct.pack("=QQ", address(there), 8), 16)
    local = ctypes.create_string_buffer(struct.pack("=QQ", address(here), 8), 16)
    return f"read {caller()('process_vm_readv', scene.bystander, address(local), 1, address(remote), 1, 0)} bytes"
