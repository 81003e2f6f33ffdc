"""One grading: cells, checks, and what was recorded on the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from grader.judge.cells import Cell, CellGone, CellParent
from grader.judge.channel import CellChannel, Transcript
from grader.judge.curves import Curves
from grader.judge.replay import Reference
from grader.judge.request import Materials, Request, base_seed, check_seed
from grader.judge.suite import Outcome, Stage
from grader.model import Point
from grader.testing.local import LocalChannel
from grader.testing.proxy import Handle, LearnerError
from grader.text import clean
from grader.wire.frames import FILE_PREFIX
from grader.wire.interpreter import seed_everything

# After so many cells that did not come back the rest is not run: one hostile submission must not hold up its neighbours.
MAX_GONE = 2
LOADING = "(loading)"


class Grading(Stage):
    """The stage of one run of a suite on a learner's source."""

    def __init__(
        self,
        request: Request,
        materials: Materials,
        reference: Reference,
        parent: CellParent,
        idle: Callable[[], None],
        on_outcome: Callable[[Outcome], None],
        on_point: Callable[[Point], None],
    ) -> None:
        self._request = request
        self._parent = parent
        self._idle = idle
        self._on_outcome = on_outcome
        self._base = base_seed(request, materials.sha256)
        self._channel: CellChannel | None = None
        self._gone = 0
        self._loading = False
        self.dry = False  # only collect the suite, run nothing
        self.load_error: BaseException | None = None
        self.load_output = ""
        self.transcripts: list[Transcript] = []
        self.data = materials.data
        self.curves = Curves(on_point)
        self.last = request.last
        self.reference: Handle = LocalChannel(reference.variant(), "reference").root

    @property
    def seed_text(self) -> str:
        """The seed as the verdict names it."""
        return self._base.hex()[:16]

    def seed(self, check: str) -> int:
        return check_seed(self._base, check, "judge")

    def start(self) -> None:
        """Start a cell and hand it the source; `loaded` waits until it has executed it."""
        limits = self._request.limits
        cell: Cell = self._parent.cell(limits, self._idle)
        self._channel = channel = CellChannel(cell)
        channel.deadline = time.monotonic() + limits.seconds
        self._loading = True
        try:
            channel.load(
                {
                    "source": self._request.source,
                    "file": FILE_PREFIX + self._request.file,
                    "forbid": {item.name: item.why for item in self._request.forbid},
                    "seed": check_seed(self._base, LOADING, "cell"),
                    "uses": self._request.uses,
                }
            )
        except CellGone as error:
            self._not_loaded(error)

    def loaded(self) -> bool:
        """Whether the source could be executed. What went wrong is kept in `load_error`."""
        if self._channel is None:
            return False
        if self._loading:
            self._loading = False
            try:
                self._channel.loaded()
            except (LearnerError, CellGone) as error:
                self._not_loaded(error)
                return False
            self.load_output = self._printed(self._channel.cell)
            self.transcripts.append(self._channel.transcript)
        return True

    def _not_loaded(self, error: LearnerError | CellGone) -> None:
        self.load_error = error
        self._gone += 1
        if self._channel is not None:
            self.load_output = self._printed(self._channel.cell)
            self._channel.cell.close()
            self._channel = None

    def channel(self) -> CellChannel:
        assert self._channel is not None
        return self._channel

    def begin(self, check: str) -> bool:
        if self.dry or self.load_error is not None or self._gone >= MAX_GONE:
            return False
        if self._channel is None:
            self.start()
        if not self.loaded():
            return False
        assert self._channel is not None
        self._channel.check = check
        self._channel.deadline = time.monotonic() + self._request.limits.seconds
        seed_everything(self.seed(check))
        self._channel.seed(check_seed(self._base, check, "cell"))
        return True

    def end(self, outcome: Outcome) -> Outcome:
        if self._channel is not None:
            outcome = replace(outcome, output=self._printed(self._channel.cell))
            # Also where the suite caught it, or it printed too much after its answer: such a check is not passed.
            outcome = replace(outcome, error=self._channel.cell.gone or outcome.error)
        if isinstance(outcome.error, CellGone):
            self._gone += 1
            self.close()
        self._on_outcome(outcome)
        return outcome

    def close(self) -> None:
        """End the cell that is still there."""
        if self._channel is not None:
            self._channel.cell.end()
            self._channel = None

    @staticmethod
    def _printed(cell: Cell) -> str:
        return clean(cell.output())
