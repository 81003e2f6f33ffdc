"""Parents of cells, each started once a module."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).with_name("parent.py")
ROOT = PROGRAM.parents[3]


class CellParent:
    """The program beside this file, by its pipes."""

    def __init__(
        self, *search_path: Path, hidden: tuple[Path, ...] = (), with_torch: bool = False, **variables: str
    ) -> None:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, (*search_path, ROOT))),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "TORCHINDUCTOR_CACHE_DIR": "/",
            "HIDDEN": json.dumps([str(path) for path in hidden]),
            **variables,
            **({"WITH_TORCH": "1"} if with_torch else {}),
        }
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        self.told = self._answer()

    @property
    def pid(self) -> int:
        return self._process.pid

    def run(self, code: str, **order: Any) -> dict[str, Any]:
        """Run code in a fresh child; `out`, `code` and `late`."""
        return self._ask({"code": code, **order})

    def probes(self, protected: bool) -> list[dict[str, Any]]:
        return self._ask({"probe": protected})

    def close(self) -> None:
        self._process.communicate(timeout=30)

    def _ask(self, order: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the parent ended with {self._process.wait()}"
        return json.loads(line)


@pytest.fixture(scope="module")
def parent() -> Iterator[CellParent]:
    """Without torch: starts at once."""
    made = CellParent(hidden=(ROOT,))
    yield made
    made.close()


@pytest.fixture(scope="module")
def torch_parent() -> Iterator[CellParent]:
    """With torch and NumPy warmed up, as a cell's parent has them."""
    made = CellParent(hidden=(ROOT,), with_torch=True)
    yield made
    made.close()


@pytest.fixture
def start_parent() -> Iterator[Any]:
    """Starts further parents, with folders of packages on their path and courses to hide."""
    started: list[CellParent] = []

    def start(*search_path: Path, **options: Any) -> CellParent:
        started.append(CellParent(*search_path, **options))
        return started[-1]

    yield start
    for made in started:
        made.close()
