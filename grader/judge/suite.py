"""Runs one hidden suite under pytest in this process and says what each planned check came to.

Exit codes and printed text decide nothing: every collected check is reported exactly once by id, and what did not run is
not passed.
"""

from __future__ import annotations

import contextlib
import functools
import io
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from grader.judge.cells import CellGone, Interrupted
from grader.judge.channel import CellChannel
from grader.judge.curves import Curves
from grader.model import Curve
from grader.testing.markers import LAST
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
    """A check the suite holds: id and title. `last`: it is marked to run only where all others have passed."""

    id: str
    title: str
    last: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of a planned check: the exception that ended it, or None where it passed. `ran` is False where it never ran.

    `why` says why it never ran, where there is something to say.
    """

    check: Planned
    ran: bool = False
    error: BaseException | None = None
    duration_s: float = 0.0
    output: str = ""
    curves: tuple[Curve, ...] = ()
    why: str = ""


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
    curves: Curves
    last = True  # whether checks marked `last` are wanted

    def seed(self, check: str) -> int:
        """The check's seed."""
        raise NotImplementedError


class Suite:
    """A suite, imported afresh and collected, to be run once.

    Collecting takes most of what pytest takes, and knows nothing of a submission: the judge does it ahead of the next one.
    """

    def __init__(self, path: Path) -> None:
        self._stage: Stage | None = None
        self._outcomes: dict[str, Outcome] = {}
        self._items: list[pytest.Item] = []
        self._errors: list[str] = []
        self._ended: BaseException | None = None
        before = set(sys.modules)
        try:
            with _quiet():
                folder = path.parent  # the root: pytest looks at every folder from there down to the file
                pytest.main([*ARGUMENTS, f"--rootdir={folder}", f"--confcutdir={folder}", str(path)], plugins=[self])
        except (Interrupted, SystemExit) as error:
            self._ended = error
        for name in set(sys.modules) - before:
            # The suite's own module must not be found again; a library it imported late may stay.
            if getattr(sys.modules[name], "__file__", None) == str(path):
                del sys.modules[name]
        if not self._items:
            self._errors.append(f"{path.name} holds no checks")

    def run(self, stage: Stage) -> tuple[list[Outcome], list[str]]:
        """Run the checks. Their outcomes in the suite's order, and what was wrong with the suite itself."""
        self._stage = stage
        if self._ended is not None:
            raise self._ended
        if not self._errors:
            with _quiet():
                for item, following in zip(self._items, [*self._items[1:], None], strict=True):
                    self._run(stage, item, following)
        return list(self._outcomes.values()), self._errors

    @pytest.fixture
    def solution(self) -> Handle:
        """The learner's module."""
        return self._now.channel().root

    @pytest.fixture
    def reference(self) -> Handle:
        """The reference, behind the same proxy."""
        return self._now.reference

    @pytest.fixture
    def seed(self, request: pytest.FixtureRequest) -> int:
        """A seed of this check's own."""
        return self._now.seed(planned(request.node).id)

    @pytest.fixture
    def rng(self, seed: int) -> Any:
        """A NumPy generator of this check's own."""
        import numpy as np

        return np.random.default_rng(seed)

    @pytest.fixture
    def data(self) -> dict[str, bytes]:
        """The exercise's data files by name."""
        return self._now.data

    @pytest.fixture
    def curve(self, request: pytest.FixtureRequest) -> Callable[[str, float, float], None]:
        """`curve(name, x, y)` adds a point to a curve of this check, which is shown while it runs and kept in the verdict."""
        check = planned(request.node)
        return functools.partial(self._now.curves.add, check.id, check.title)

    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line("markers", LAST)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        self._items = sorted(items, key=lambda item: planned(item).last)
        for item in self._items:
            check = planned(item)
            if check.id in self._outcomes:
                self._errors.append(f"two checks are called {check.id}")
            self._outcomes[check.id] = Outcome(check)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._errors.append(str(report.longrepr))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> bool:
        """Nothing is run by pytest's own loop: `run` does it, later."""
        return True

    @property
    def _now(self) -> Stage:
        assert self._stage is not None
        return self._stage

    def _run(self, stage: Stage, item: pytest.Item, following: pytest.Item | None) -> None:
        check = planned(item)
        if check.last and not self._all_passed(stage):
            self._outcomes[check.id] = Outcome(check, why="It runs once every other check passes.")
            return
        try:
            if not stage.begin(check.id):
                return
            stage.curves.begin(check.id)
        except CellGone as gone:  # what the code did between two checks is told with the one about to run
            self._outcomes[check.id] = stage.end(Outcome(check, ran=True, error=gone))
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
            state.teardown_exact(following)
        outcome = Outcome(check, ran=True, error=error, duration_s=duration, curves=stage.curves.end())
        self._outcomes[check.id] = stage.end(outcome)

    def _all_passed(self, stage: Stage) -> bool:
        others = (outcome for outcome in self._outcomes.values() if not outcome.check.last)
        return stage.last and all(outcome.ran and outcome.error is None for outcome in others)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield


def planned(item: pytest.Item) -> Planned:
    """Id and title of an item: `test_rows[2]` becomes `rows[2]`; the docstring's first line is the title."""
    doc = (getattr(getattr(item, "function", None), "__doc__", None) or "").strip().splitlines()
    identity = item.name.removeprefix("test_")
    name, bracket, case = identity.partition("[")
    title = doc[0].rstrip(".") if doc else name.replace("_", " ")
    return Planned(identity, f"{title} [{case}" if bracket else title, item.get_closest_marker("last") is not None)
