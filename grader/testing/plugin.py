"""The pytest plugin for authors: `pytest -p grader.testing.plugin SUITE --solution FILE` runs a suite in one process.

Without `--solution` the suite runs on the reference, so that a plain `pytest tests/exercises` proves every reference.
The judge has a plugin of its own with the same fixtures.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grader.testing.local import LocalChannel, module_from_file
from grader.testing.markers import LAST
from grader.testing.proxy import Handle
from grader.wire.interpreter import seed_everything


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", LAST)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gradlings")
    group.addoption("--solution", metavar="FILE", help="the file to grade in this process (default: the reference)")
    group.addoption("--seed", type=int, default=0, help="varies the random inputs of the suite")


def _reference_file(suite: Path) -> Path:
    root = suite.parents[3]
    earlier = str(root / "reference")  # what it imports by the ids of other exercises
    if earlier not in sys.path:
        sys.path.insert(0, earlier)
    return root / "reference" / suite.parent.name / f"{suite.stem.removeprefix('test_')}.py"


@pytest.fixture(autouse=True)
def _seeded(request: pytest.FixtureRequest) -> None:
    if "solution" in request.fixturenames:
        seed_everything(request.getfixturevalue("seed"))


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """A seed of this check's own."""
    return zlib.crc32(f"{request.node.name} {request.config.getoption('--seed')}".encode())


@pytest.fixture
def rng(seed: int) -> Any:
    """A NumPy generator, the same at every run of the same source."""
    import numpy as np

    return np.random.default_rng(seed)


@pytest.fixture
def curve() -> Callable[[str, float, float], None]:
    """`curve(name, x, y)`; here nobody looks at it."""
    return lambda name, x, y: None  # noqa: ARG005


@pytest.fixture(scope="module")
def reference(request: pytest.FixtureRequest) -> Handle:
    """The reference, behind the same proxy as the solution."""
    return LocalChannel(module_from_file(_reference_file(request.path), "reference"), "reference").root


@pytest.fixture(scope="module")
def solution(request: pytest.FixtureRequest) -> Handle:
    """The code under test."""
    given = request.config.getoption("--solution")
    reference = _reference_file(request.path)
    path = Path(given) if given else reference
    return LocalChannel(module_from_file(path), "solution").root


@pytest.fixture(scope="module")
def data(request: pytest.FixtureRequest) -> dict[str, bytes]:
    """The topic's data files by name."""
    folder = request.path.parents[3] / "exercises" / request.path.parent.name / "data"
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*"))} if folder.is_dir() else {}
