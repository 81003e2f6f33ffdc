"""Who does the work: this machine's cores, or a Dask cluster, behind the same `concurrent.futures.Executor`."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from grader.batch import worker
from grader.errors import EngineError, UsageError

CONNECT_S = 10
# A cluster that is just starting has its scheduler before its workers.
WORKERS_S = 60


@dataclass(frozen=True)
class Workers:
    """An executor, how many gradings to keep under way in it, and what to call it."""

    executor: Executor
    slots: Callable[[], int]
    called: str


@dataclass(frozen=True)
class Tls:
    """The files that encrypt the way to a cluster; each may be left to Dask's own configuration."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    def given(self) -> dict[str, str]:
        """Those that are given, as Dask calls them."""
        found = {"tls_ca_file": self.ca, "tls_client_cert": self.cert, "tls_client_key": self.key}
        return {name: str(path) for name, path in found.items() if path is not None}


def cores() -> int:
    """How many gradings this machine can do at once: the processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def local(jobs: int | None) -> Iterator[Workers]:
    """`jobs` engines of this machine (default: one for each core), each in the hands of a thread."""
    count = jobs or cores()
    executor = ThreadPoolExecutor(count, thread_name_prefix="grading")
    try:
        yield Workers(executor, lambda: count, f"{count} engines" if count > 1 else "1 engine")
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        worker.close()


@contextmanager
def dask(address: str, tls: Tls) -> Iterator[Workers]:
    """The workers of the cluster whose scheduler is at `address`. Raises UsageError, EngineError."""
    try:
        distributed: Any = import_module("distributed")
    except ImportError:
        raise UsageError(
            "Grading on a cluster needs Dask, which is not installed.", "pip install 'gradlings[dask]'"
        ) from None
    _silence()
    given = tls.given()
    try:
        security = distributed.Security(require_encryption=True, **given) if given else None
        client = distributed.Client(
            address, security=security, timeout=CONNECT_S, name="gradlings", set_as_default=False
        )
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise EngineError(
            f"The scheduler at {address} cannot be reached: {error}.",
            "`dask scheduler` prints its address when it starts; with TLS it begins with tls://.",
        ) from None
    try:
        _wait_for_workers(client, address)
        # Not pure: Dask would keep results by their arguments; the ledger does that, durably.
        yield Workers(client.get_executor(pure=False, retries=3), lambda: _threads(client), f"Dask at {address}")
    finally:
        _let_go(client)


def _silence() -> None:
    """Dask logs tracebacks of its own on stderr; what matters of them is told by us."""
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("distributed", "tornado"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _wait_for_workers(client: Any, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=WORKERS_S)
    except TimeoutError:
        raise EngineError(
            f"The scheduler at {address} has had no worker for {WORKERS_S} s.",
            f"Start some: dask worker {address} --nthreads 1",
        ) from None


def _threads(client: Any) -> int:
    return sum(client.nthreads().values())


def _let_go(client: Any) -> None:
    try:
        client.run(worker.close)
    except Exception:  # workers that have gone have no engines left
        pass
    finally:
        client.close(timeout=5)
