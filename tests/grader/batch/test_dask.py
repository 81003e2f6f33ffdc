"""A batch on a real Dask cluster, its workers processes of their own: killed, cut off, joining; and with TLS."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grader.batch import executors
from grader.batch.collect import collect
from grader.batch.executors import Tls, dask, local
from grader.batch.run import Done, run
from grader.errors import EngineError
from grader.model import Course
from grader.store.ledger_opening import open_ledger
from tests.grader.batch.conftest import EXCHANGED, MINICOURSE, RIGHT, Put, batch
from tests.grader.batch.test_run import recorded

DASK = str(Path(sys.executable).with_name("dask"))
MANY = 60


class Cluster:
    """A scheduler and its workers."""

    def __init__(self, folder: Path, *options: str, scheme: str = "tcp") -> None:
        self._folder = folder
        self._options = options
        self._log = (folder / "cluster.log").open("wb")
        self.file = folder / "scheduler.json"
        self.workers: list[subprocess.Popen[bytes]] = []
        self._scheduler = self._start(
            "scheduler",
            "--host",
            f"{scheme}://127.0.0.1",
            "--port",
            "0",
            "--no-dashboard",
            "--scheduler-file",
            str(self.file),
        )
        end = time.monotonic() + 60
        while not self.file.is_file() or not self.file.stat().st_size:
            assert time.monotonic() < end, (folder / "cluster.log").read_text()
            time.sleep(0.05)
        self.address = json.loads(self.file.read_text())["address"]

    def _start(self, *command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [DASK, *command, *self._options],
            stdout=self._log, stderr=self._log, start_new_session=True, cwd=self._folder,
        )  # fmt: skip

    def join(self) -> None:
        """One more worker, with one thread."""
        self.workers.append(
            self._start(
                "worker", self.address, "--nthreads", "1", "--no-dashboard", "--death-timeout", "60",
                "--local-directory", str(self._folder),
            )
        )  # fmt: skip

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        """End a worker and its nanny as a power cut does."""
        self.workers.remove(worker)
        self._signal(worker, signal.SIGKILL)
        worker.wait()

    def cut_off(self, worker: subprocess.Popen[bytes]) -> None:
        """Stop it where it is: it hears nothing and says nothing, as behind a cut cable."""
        self._signal(worker, signal.SIGSTOP)

    def kill_after(self, ledger: Path, graded: int = 5) -> None:
        """End the scheduler once so many are graded."""
        end = time.monotonic() + 60
        while time.monotonic() < end and len(recorded(ledger)) < graded:
            time.sleep(0.02)
        self._signal(self._scheduler, signal.SIGKILL)

    @staticmethod
    def _signal(process: subprocess.Popen[bytes], number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)

    def close(self) -> None:
        for process in [*self.workers, self._scheduler]:
            self._signal(process, signal.SIGKILL)
            process.wait()
        self._log.close()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Callable[..., Cluster]]:
    """Starts clusters, which end with the test."""
    started: list[Cluster] = []

    def start(*options: str, **more: str) -> Cluster:
        place = tmp_path / f"cluster{len(started)}"
        place.mkdir()
        started.append(Cluster(place, *options, **more))
        return started[-1]

    yield start
    for one in started:
        one.close()


def outcome(folder: Path) -> list[str]:
    """The rows of the report, without what differs from run to run."""
    return sorted((folder / "results.csv").read_text(encoding="utf-8-sig").splitlines())


@pytest.mark.timeout(300)
def test_workers_die_are_cut_off_and_join(
    cluster: Callable[..., Cluster], course: Course, folder: Path, put: Put, tmp_path: Path
) -> None:
    for number in range(MANY):
        put(f"student{number:02}/clamp.py", f"{EXCHANGED if number % 3 else RIGHT}# {number}\n")
    # A worker that says nothing for that long is given up.
    os.environ["DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL"] = "3s"
    try:
        running = cluster()
    finally:
        del os.environ["DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL"]
    running.join()
    running.join()
    chance = random.Random(1)
    told: list[Done] = []
    # After so many verdicts: one dies, one is cut off, and each time another joins.
    accidents = {8: running.kill, 20: running.cut_off, 32: running.kill}

    def hear(done: Done) -> None:
        told.append(done)
        accident = accidents.get(len(told))
        if accident is not None:
            accident(chance.choice(running.workers))
            running.join()

    with open_ledger(tmp_path / "ledger.db") as ledger, dask(running.address, Tls()) as workers:
        found = collect(folder, course)
        ledger.begin(course.name, found.works, found.tasks.values())
        assert run(ledger, course, str(MINICOURSE), workers, hear) == 0
        by_dask = {r.work.place: r.verdict for r in ledger.results()}
    keys = [done.task.key for done in told]
    assert len(keys) == len(set(keys)) == MANY
    with open_ledger(tmp_path / "other.db") as ledger, local(2) as workers:
        ledger.begin(course.name, found.works, found.tasks.values())
        run(ledger, course, str(MINICOURSE), workers, lambda _: None)
        here = {r.work.place: r.verdict for r in ledger.results()}
    assert {place: (v.status, v.score) for place, v in by_dask.items() if v} == {
        place: (v.status, v.score) for place, v in here.items() if v
    }
    assert len(here) == MANY


@pytest.mark.timeout(200)
def test_with_tls(
    cluster: Callable[..., Cluster], folder: Path, put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import trustme

    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    ca, cert, key = (tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem"))
    authority.cert_pem.write_to_path(ca)
    certificate.cert_chain_pems[0].write_to_path(cert)
    certificate.private_key_pem.write_to_path(key)
    files = ("--tls-ca-file", str(ca), "--tls-cert", str(cert), "--tls-key", str(key))
    running = cluster(*files, scheme="tls")
    running.join()
    put("ada/clamp.py")
    put("grace/clamp.py", EXCHANGED)
    options = ("--tls-ca", ca, "--tls-cert", cert, "--tls-key", key)
    out = tmp_path / "out"
    batch(folder, "-o", out, "--scheduler", running.address, *options)
    batch(folder, "-o", tmp_path / "here")
    assert outcome(out) == outcome(tmp_path / "here")
    assert len(outcome(out)) == 3
    monkeypatch.setattr(executors, "CONNECT_S", 1)
    with pytest.raises(EngineError, match="cannot be reached"), dask(running.address, Tls()):
        pass


@pytest.mark.timeout(200)
def test_a_scheduler_that_dies_is_told_of(
    cluster: Callable[..., Cluster], folder: Path, put: Put, tmp_path: Path
) -> None:
    for number in range(MANY):
        put(f"student{number:02}/clamp.py", f"{RIGHT}# {number}\n")
    running = cluster()
    running.join()
    killer = threading.Thread(target=running.kill_after, args=(tmp_path / "out" / "ledger.db",))
    killer.start()
    done = batch(folder, "-o", tmp_path / "out", "--scheduler", running.address, check=3)
    killer.join()
    assert "Traceback" not in done.stderr
    assert "the same command" in done.stderr + done.stdout
    batch(folder, "-o", tmp_path / "out")
    assert len(outcome(tmp_path / "out")) == MANY + 1


def test_a_scheduler_without_workers(cluster: Callable[..., Cluster], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "WORKERS_S", 1)
    running = cluster()
    with pytest.raises(EngineError, match="has had no worker for 1 s"), dask(running.address, Tls()):
        pass


def test_a_scheduler_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "CONNECT_S", 1)
    with (
        pytest.raises(EngineError, match=r"The scheduler at tcp://127\.0\.0\.1:1 cannot be reached"),
        dask("tcp://127.0.0.1:1", Tls()),
    ):
        pass


def test_a_scheduler_address_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "CONNECT_S", 1)
    with pytest.raises(EngineError, match="cannot be reached"), dask("nonsense://x", Tls()):
        pass
