"""The sandbox against the kernel: each protection by itself, all together, and what happens where one is missing."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from grader.cell.sandbox import Sandbox, SandboxError, landlock, numbers, sandbox, seccomp
from grader.errors import EngineError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the protections are Linux's")

ROOT = Path(__file__).parents[3]
HEADERS = {
    "x86_64": ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"),
    "aarch64": ("/usr/include/asm-generic/unistd.h",),
}
ALL = (
    "landlock",
    "seccomp",
    "rlimits",
    "no-new-privs",
    "capabilities",
    "not-dumpable",
    "dies-with-parent",
    "descriptors",
)

# The attempts that this machine may refuse even without our protections, and why.
REFUSED_ANYWAY = {
    "make a call of the x32 ABI": "few kernels have x32",
    "make a call of the 32-bit ABI": "a kernel may be built without it",
    "use io_uring": "switched off on many servers",
    "handle page faults": "for root alone on some",
    "make a user namespace": "for root alone on some",
    "open a socket (packet)": "for root alone",
    "open a socket (vsock)": "a kernel may be built without it",
    "open a socket (kernel crypto)": "a kernel may be built without it",
    "make a network namespace": "for root alone",
    "load a BPF program": "for root alone",
    "count performance events": "for root alone on some",
    "open a file by its handle": "for root alone",
    "watch a file system": "for root alone",
    "hold a capability": "nobody but root has one",
    "trace another process": "Yama allows descendants alone",
    "read another process's memory": "Yama allows descendants alone",
    "set an attribute": "a file system may have none",
}


def code(text: str) -> str:
    return textwrap.dedent(text)


# --- everything together ---------------------------------------------------------------------------------------------


def test_every_protection_is_in_force_and_named(parent):
    assert {name.partition("-")[0] if name.startswith("landlock") else name for name in parent.told["protections"]} == {
        *ALL
    }


@pytest.fixture(scope="module")
def inside(parent):
    return parent.probes(protected=True)


def test_every_attempt_is_refused_inside(inside):
    assert [probe for probe in inside if not probe["held"]] == []


def test_every_protection_has_an_attempt(inside):
    assert {probe["protection"] for probe in inside} == {*ALL}


def test_every_attempt_succeeds_outside_and_leaves_nothing(start_parent, tmp_path):
    """Else a probe proves nothing: it would hold with its protection deleted."""
    parent = start_parent(hidden=(ROOT,), TMPDIR=str(tmp_path))
    held = [probe for probe in parent.probes(protected=False) if probe["held"]]
    assert [probe for probe in held if probe["name"] not in REFUSED_ANYWAY] == []
    assert list(tmp_path.iterdir()) == []
    assert Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text() == ""


# --- each by itself --------------------------------------------------------------------------------------------------

READ = "print(open(path).read())"
LIST = "import os; print(os.listdir(os.path.dirname(path)))"
WRITE = "open(path, 'w').write('changed')"
EMPTY = "import os; os.close(os.open(path, os.O_RDONLY | os.O_TRUNC))"
TRUNCATE = "import os; os.truncate(path, 0)"
DELETE = "import os; os.unlink(path)"
RENAME = "import os; os.rename(path, path + '2')"


@pytest.mark.parametrize("deed", [READ, LIST, WRITE, TRUNCATE, DELETE, RENAME])
def test_landlock_alone_holds_files(parent, tmp_path, deed):
    file = tmp_path / "file"
    file.write_text("the secret")
    inside = parent.run(deed, only=["no-new-privs", "landlock"], names={"path": str(file)})
    assert inside["code"] == 1
    assert "PermissionError" in inside["out"]
    assert "the secret" not in inside["out"]
    assert file.read_text() == "the secret"
    assert parent.run(deed, only=[], names={"path": str(file)})["code"] == 0


@pytest.mark.parametrize("deed", [WRITE, EMPTY, TRUNCATE, DELETE, RENAME])
def test_seccomp_alone_holds_files_from_being_changed(parent, tmp_path, deed):
    file = tmp_path / "file"
    file.write_text("the secret")
    inside = parent.run(deed, only=["no-new-privs", "seccomp"], names={"path": str(file)})
    assert inside["code"] == 1
    assert "PermissionError" in inside["out"]
    assert file.read_text() == "the secret"
    assert parent.run(deed, only=[], names={"path": str(file)})["code"] == 0


def needs_abi(parent, version: int) -> None:
    abi = int(next(name for name in parent.told["protections"] if name.startswith("landlock")).partition("-")[2])
    if abi < version:
        pytest.skip(f"this kernel's Landlock has ABI {abi}")


def test_landlock_alone_holds_tcp(parent):
    needs_abi(parent, 4)
    connect = "import socket; socket.create_connection(('127.0.0.1', port), timeout=5)"
    with socket.create_server(("127.0.0.1", 0)) as server:
        names = {"port": server.getsockname()[1]}
        assert "PermissionError" in parent.run(connect, only=["no-new-privs", "landlock"], names=names)["out"]
        assert parent.run(connect, only=[], names=names)["code"] == 0


def test_landlock_alone_holds_abstract_sockets_and_signals(parent):
    needs_abi(parent, 6)
    connect = "import socket; socket.socket(socket.AF_UNIX).connect(chr(0) + name)"
    name = f"gradlings-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"\0{name}")
        server.listen()
        names = {"name": name, "pid": os.getpid()}
        for deed in (connect, "import os; os.kill(pid, 0)", "import os; os.kill(os.getppid(), 0)"):
            assert "PermissionError" in parent.run(deed, only=["no-new-privs", "landlock"], names=names)["out"]
            assert parent.run(deed, only=[], names=names)["code"] == 0


def test_a_foreign_abi_kills(parent):
    if os.uname().machine != "x86_64":
        pytest.skip("x32 is x86_64's")
    call = "import ctypes; ctypes.CDLL(None).syscall(0x40000000 + 39); print('came back')"
    inside = parent.run(call)
    assert inside["code"] == -signal.SIGSYS
    assert "came back" not in inside["out"]
    assert "came back" in parent.run(call, only=[])["out"]


def test_processor_time_ends_even_what_ignores_signals(parent):
    busy = "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"
    assert parent.run(busy, seconds=1)["code"] == -signal.SIGKILL


def test_the_memory_limit_is_on_top_of_the_parents_size(parent):
    take = "held = bytearray(size << 20); print('took it')"
    assert "took it" in parent.run(take, memory_mib=300, names={"size": 250})["out"]
    inside = parent.run(take, memory_mib=300, names={"size": 310})
    assert "MemoryError" in inside["out"]
    assert inside["code"] == 1


def test_shared_memory_counts(parent):
    """What is mapped shared is in no data limit, but in this one."""
    take = "import mmap; mmap.mmap(-1, 200 << 20); print('took it')"
    assert "took it" not in parent.run(take, memory_mib=100)["out"]
    assert "took it" in parent.run(take, memory_mib=300)["out"]


def test_a_cell_dies_with_its_parent(tmp_path):
    """A parent of our own prepares, forks a cell that sleeps, and is killed: the cell's pipe closes."""
    program = tmp_path / "program.py"
    program.write_text(
        code("""
        import os, sys, time
        from grader.cell.sandbox import Sandbox
        sandbox = Sandbox.prepare()
        if os.fork() == 0:
            sandbox.apply(keep_fds=(1,), seconds=20, memory_mib=64)
            os.write(1, b"asleep")
            time.sleep(60)
        time.sleep(60)
        """)
    )
    started = subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE)
    assert started.stdout is not None
    assert started.stdout.read(6) == b"asleep"
    started.kill()
    assert started.stdout.read() == b""  # would take a minute, were the cell alive
    started.wait()
    started.stdout.close()


def test_only_the_named_descriptors_stay_open(parent):
    told = parent.run("import os\nfor fd in range(200):\n  try: os.fstat(fd); print(fd)\n  except OSError: pass")
    assert told["out"].split() == ["0", "1", "2"]


def test_the_working_folder_is_left(parent):
    assert parent.run("import os; print(os.getcwd())")["out"] == "/\n"


def test_the_wire_works_both_ways():
    """A socket that is handed in, read and written as the cell does."""
    script = code("""
        import os, sys
        from grader.cell.sandbox import Sandbox
        import socket
        sandbox = Sandbox.prepare()
        ours, theirs = socket.socketpair()
        if os.fork() == 0:
            number = theirs.detach()
            sandbox.apply(keep_fds=(number, 2), seconds=20, memory_mib=64)
            wire = socket.socket(fileno=number)
            wire.settimeout(10)
            got = wire.recv(100)
            wire.sendall(got * 100_000)
            wire.sendall(b"end")
            os._exit(0)
        theirs.close()
        ours.sendall(b"question")
        data = b""
        while not data.endswith(b"end") and (part := ours.recv(65536)):
            data += part
        print(len(data))
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "800003\n"


# --- where something is missing --------------------------------------------------------------------------------------


def test_without_landlock_the_rest_holds_and_the_gap_is_told(monkeypatch):
    monkeypatch.setattr(landlock, "abi", lambda _: 0)
    made = Sandbox.prepare()
    assert {*made.protections} == {*ALL} - {"landlock"}
    assert "no Landlock" in " ".join(made.missing)


def test_an_older_landlock_is_named_by_its_abi_and_its_gaps(monkeypatch):
    if landlock.abi(sandbox.Kernel()) < 3:
        pytest.skip("this kernel's Landlock is older still")
    monkeypatch.setattr(landlock, "abi", lambda _: 3)
    made = Sandbox.prepare()
    assert "landlock-3" in made.protections
    assert len(made.missing) == 3
    assert "TCP" in made.missing[0]


def test_without_seccomp_the_rest_holds_and_the_gap_is_told(monkeypatch):
    monkeypatch.setattr(seccomp, "is_available", lambda *_: False)
    made = Sandbox.prepare()
    assert "seccomp" not in made.protections
    assert any(name.startswith("landlock") for name in made.protections)
    assert "no seccomp" in " ".join(made.missing)


def test_a_filter_that_is_accepted_and_does_not_hold_is_not_named(monkeypatch):
    """Some containers' kernels answer yes to everything; the trial child looks."""
    monkeypatch.setattr(seccomp, "install", lambda *_: None)
    monkeypatch.setattr(landlock, "restrict", lambda *_: None)
    made = Sandbox.prepare()
    assert {*made.protections} == {*ALL} - {"landlock", "seccomp"}
    assert "this system refuses seccomp" in made.missing


def test_on_an_unknown_machine_landlock_needs_a_way_to_refuse_privileges(monkeypatch):
    monkeypatch.setattr(sandbox, "machine", lambda _: None)
    made = Sandbox.prepare()
    assert made.protections == ("descriptors", "rlimits")
    assert "not known here" in " ".join(made.missing)


def test_elsewhere_than_linux_it_is_practice(monkeypatch):
    monkeypatch.setattr(sandbox, "is_linux", lambda: False)
    made = Sandbox.prepare()
    assert made.protections == ("practice",)
    assert made.missing


def test_what_was_named_and_fails_now_is_an_error():
    """Forked from another process than prepared it, a child would not die with its parent: it must not go on."""
    script = code("""
        import os
        from grader.cell.sandbox import Sandbox, SandboxError
        sandbox = Sandbox.prepare()
        if os.fork() == 0:
            if os.fork() == 0:
                try:
                    sandbox.apply(keep_fds=(1,), seconds=5, memory_mib=64)
                    os.write(1, b"went on")
                except SandboxError as error:
                    os.write(1, f"{error.message}|{error.hint}".encode())
                os._exit(0)
            os.wait()
            os._exit(0)
        os.wait()
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert "`dies-with-parent` could not be put in force" in done.stdout
    assert "doctor" in done.stdout
    assert issubclass(SandboxError, EngineError)


def test_a_new_package_makes_it_stale(tmp_path, monkeypatch):
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    made = Sandbox.prepare()
    assert made.is_current()
    (folder / "new.py").touch()
    os.utime(folder, ns=(1, 1))  # another time for certain, however coarse the clock of the file system
    assert not made.is_current()


# --- what it is made of ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x86_64", "aarch64"])
def test_the_numbers_are_the_kernels(name):
    header = next((Path(path) for path in HEADERS[name] if Path(path).exists()), None)
    if header is None:
        pytest.skip("the kernel's headers are not installed")
    text = header.read_text()
    known = dict(re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)\b", text))
    table = numbers.machine(name)
    assert table is not None
    wrong = {call: n for call, n in table.numbers.items() if call in known and int(known[call]) != n}
    assert wrong == {}
    # The generic header names these two by their older selves; the newest calls may be younger than the header.
    absent = {call for call, n in table.numbers.items() if call not in known and n < 424}
    assert absent <= {"newfstatat", "fstatat"}


@pytest.mark.parametrize("name", ["x86_64", "aarch64"])
def test_the_filters_names_are_known_on_every_machine_that_has_them(name):
    """A name misspelt in the allow-list would silently allow nothing."""
    table = numbers.machine(name)
    assert table is not None
    older = {  # calls that only x86_64 has; aarch64 has a newer one for each
        *("open stat lstat access readlink dup2 poll select pause alarm time".split()),
    }
    named = {*seccomp.PLAIN.split(), *seccomp.guarded(), *seccomp.ABSENT}
    assert named - set(table.numbers) == (older if name == "aarch64" else set())


def test_it_imports_nothing_of_ours_but_errors_and_nothing_heavy():
    script = "import sys, grader.cell.sandbox; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    modules = done.stdout.split()
    ours = {name for name in modules if name.startswith("grader.") and not name.startswith("grader.cell")}
    assert ours == {"grader.errors"}
    assert {"torch", "numpy", "msgspec"}.isdisjoint(modules)
