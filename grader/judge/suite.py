"""Runs one hidden suite under pytest in this process and says what each planned check came to.

Exit codes and printed text decide nothing: every collected check is reported exactly once by id, and what did not run is
not passed.
"""

from __future__ import annotations

import contextlib
import io
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from grader.judge.cells import CellGone, Interrupted
from grader.judge.channel import CellChannel
from grader.testing.proxy import Handle

# What is left out is left out for speed: the exception plugins run a full gc.collect() (100 ms with torch on the heap),
# twice; the others write files, capture output that is never learners', or format what we format ourselves.
_OFF = (
    "cacheprovider unraisableexception threadexception capture doctest junitxml pastebin stepwise setuponly setupplan "
    "debugging faulthandler logging reports terminal warnings tmpdir recwarn legacypath "
    "skipping subtests unittest"
).split()
ARGUMENTS = [
    "-c", "/dev/null", "--noconftest", "--import-mode=importlib", "--assert=plain", "--strict-markers",
    *(part for name in _OFF for part in ("-p", f"no:{name}")),
]  # fmt: skip


@dataclass(frozen=True)
class Planned:
    """A check the suite holds: id and title."""

    id: str
    title: str


@dataclass(frozen=True)
class Outcome:
    """What became of a planned check: the exception that ended it, or None where it passed. `ran` is False where it never ran."""

    check: Planned
    ran: bool = False
    error: BaseException | None = None
    duration_s: float = 0.0
    output: str = ""


class Stage:
    """What the plugin needs of the grading: a channel per check and the fixtures' values."""

    def channel(self) -> CellChannel:
        """The channel to a cell with the source loaded; started again where the last one is gone."""
        raise NotImplementedError

    def begin(self, check: str) -> bool:
        """A check is about to run; False where it must not. Raises CellGone where the cell is found dead."""
        raise NotImplementedError

    def end(self, outcome: Outcome) -> Outcome:
        """A check has ended; adds what was printed and tells whoever follows."""
        raise NotImplementedError

    solution: Handle
    reference: Handle
    data: dict[str, bytes]

    def seed(self, check: str) -> int:
        """The check's seed."""
        raise NotImplementedError


class Plugin:
    """The judge's pytest plugin: fixtures, and one outcome per collected item."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.outcomes: dict[str, Outcome] = {}
        self.errors: list[str] = []
        self.interrupted: BaseException | None = None

    @pytest.fixture
    def solution(self) -> Handle:
        """The learner's module."""
        return self._stage.channel().root

    @pytest.fixture
    def reference(self) -> Handle:
        """The reference, behind the same proxy."""
        return self._stage.reference

    @pytest.fixture
    def seed(self, request: pytest.FixtureRequest) -> int:
        """A seed of this check's own."""
        return self._stage.seed(planned(request.node).id)

    @pytest.fixture
    def rng(self, seed: int) -> Any:
        """A NumPy generator of this check's own."""
        import numpy as np

        return np.random.default_rng(seed)

    @pytest.fixture
    def data(self) -> dict[str, bytes]:
        """The exercise's data files by name."""
        return self._stage.data

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            check = planned(item)
            if check.id in self.outcomes:
                self.errors.append(f"two checks are called {check.id}")
            self.outcomes[check.id] = Outcome(check)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.errors.append(str(report.longrepr))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        if self.interrupted is None:
            try:
                self._run(item, nextitem, planned(item))
            except (Interrupted, SystemExit) as error:
                self.interrupted = error
                item.session.shouldstop = "interrupted"
        return True

    def _run(self, item: pytest.Item, nextitem: pytest.Item | None, check: Planned) -> None:
        try:
            if not self._stage.begin(check.id):
                return
        except CellGone as gone:  # what the code did between two checks is told with the one about to run
            self.outcomes[check.id] = self._stage.end(Outcome(check, ran=True, error=gone))
            return
        state = item.session._setupstate
        started = time.perf_counter()
        error: BaseException | None = None
        try:
            state.setup(item)
            started = time.perf_counter()
            item.runtest()
        except (Interrupted, SystemExit):
            raise
        except BaseException as raised:  # pytest's own outcomes (skip, exit) are not passes
            error = raised
        duration = time.perf_counter() - started
        with contextlib.suppress(Exception):
            state.teardown_exact(nextitem)
        outcome = Outcome(check, ran=True, error=error, duration_s=duration)
        self.outcomes[check.id] = self._stage.end(outcome)


def planned(item: pytest.Item) -> Planned:
    """Id and title of an item: `test_rows[2]` becomes `rows[2]`; the docstring's first line is the title."""
    doc = (getattr(getattr(item, "function", None), "__doc__", None) or "").strip().splitlines()
    identity = item.name.removeprefix("test_")
    name, bracket, case = identity.partition("[")
    title = doc[0].rstrip(".") if doc else name.replace("_", " ")
    return Planned(identity, f"{title} [{case}" if bracket else title)


def run_suite(path: Path, stage: Stage, on_start: Callable[[], None] = lambda: None) -> tuple[list[Outcome], list[str]]:
    """Run the suite at `path`, imported afresh. The outcomes in its order, and what was wrong with the suite itself."""
    plugin = Plugin(stage)
    before = set(sys.modules)
    on_start()
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        folder = path.parent  # the root: pytest looks at every folder from there down to the file
        pytest.main([*ARGUMENTS, f"--rootdir={folder}", f"--confcutdir={folder}", str(path)], plugins=[plugin])
    for name in set(sys.modules) - before:
        # The suite's own module must not be found again; a library it imported late may stay.
        if getattr(sys.modules[name], "__file__", None) == str(path):
            del sys.modules[name]
    if plugin.interrupted is not None:
        raise plugin.interrupted
    outcomes = list(plugin.outcomes.values())
    if not outcomes:
        plugin.errors.append(f"{path.name} holds no checks")
    return [replace(outcome) for outcome in outcomes], plugin.errors
