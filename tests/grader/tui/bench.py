"""The whole app on a fresh workspace of the small course, with a stand-in for the engine, and what a test asks of it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import inspect
import shutil
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from textual.css.query import NoMatches
from textual.message import Message
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import ContentSwitcher

from grader.course.read import read_course
from grader.course.workspace import Workspace, init
from grader.engine import Cancelled
from grader.errors import EngineError
from grader.model import Check, Course, Diagnosis, Point, Step, Submission, Verdict
from grader.saving import Event, Watching
from grader.session import Session
from grader.tui.app import GradlingsApp
from grader.tui.messages import Happened
from grader.tui.screens.workbench import Workbench
from grader.tui.widgets.names import Names

from .drawing import drawn

MINICOURSE = Path(__file__).parents[2] / "minicourse"
CLAMP, SLOPE, FREQUENCIES, VOCABULARY = "numbers/clamp", "numbers/slope", "words/frequencies", "words/vocabulary"
ALL = [CLAMP, SLOPE, FREQUENCIES, VOCABULARY]
TITLES = {
    CLAMP: "Keep a number between two bounds",
    SLOPE: "The slope of a function",
    FREQUENCIES: "How often each word occurs",
    VOCABULARY: "A number for each word",
}
PATIENCE = 15.0
COMPARISON = {
    "actual": {"dtype": "float64", "shape": [1, 3], "values": [0.0, 4.0, 0.0]},
    "expected": {"dtype": "float64", "shape": [1, 3], "values": [4.0, 0.0, 8.0]},
    "worst": [0, 2],
    "rtol": 1e-09,
    "atol": 1e-12,
}
HOSTILE = "[/][red]a[/b] [@click=app.exit]leave[/] \x1b[2J\x1b]0;owned\x07 \u202e back \r over"
# What must reach a terminal in no way, whatever a verdict holds.
FORBIDDEN = ("\x1b", "\u202e", "\x07", "\r")


@dataclass
class Gate:
    """What the test holds of the engine: lets `slow` gradings go on, and sees what is graded."""

    open: threading.Event = field(default_factory=threading.Event)
    running: threading.Event = field(default_factory=threading.Event)
    seen: list[str] = field(default_factory=list)
    checks: dict[str, tuple[Check, ...]] = field(default_factory=dict)
    points: tuple[Point, ...] = ()  # what a `slow` grading draws before it waits
    warm: Callable[[], None] = lambda: None


class StandIn:
    """Grades by the first word of the source's comment.

    A status; `slow`: its checks, then it waits for the gate, or is cancelled; `broken`: the grader's own trouble; or a name of
    `Gate.checks`: those.
    """

    def __init__(self, course: Course, gate: Gate) -> None:
        self._course, self._gate = course, gate
        self._ended = threading.Event()

    def warm(self) -> None:
        self._gate.warm()

    def grade(self, submission: Submission, on_step: Callable[[Step], None] | None = None) -> Verdict:
        self._ended.clear()
        comment = submission.source.partition("# ")[2].split()
        word = comment[0] if comment else "failed"
        self._gate.seen.append(f"{submission.exercise} {word}")
        if word == "broken":
            raise EngineError("The grader broke.", "Mend it.")
        if word == "crash":
            raise ZeroDivisionError("a fault of the grader's own")
        checks = self._gate.checks.get(word) or _checks(word)
        for check in checks:
            if on_step:
                on_step(check)
        if word == "slow":
            for point in self._gate.points:
                if on_step:
                    on_step(point)
            self._gate.running.set()
            while not self._gate.open.is_set():
                if self._ended.wait(0.005):
                    raise Cancelled
        passed = all(check.status == "passed" for check in checks)
        status: Any = word if word in ("error", "not_started", "ungraded") else "passed" if passed else "failed"
        return Verdict(
            self._course.name,
            submission.exercise,
            status,
            float(passed),
            () if status in ("not_started", "ungraded") else checks,
            message="" if status != "ungraded" else "The grader was in trouble.",
            source_sha256=hashlib.sha256(submission.source.encode()).hexdigest(),
            suite_sha256="5" * 64,
            suite_version=self._course.exercises[submission.exercise].suite_version,
            duration_s=0.0123,
        )

    def cancel(self) -> None:
        self._ended.set()

    def close(self) -> None:
        self._ended.set()


def _checks(word: str) -> tuple[Check, ...]:
    first = Check("test_first", "The first thing", "passed", duration_s=0.001)
    if word in ("passed", "slow"):
        return first, Check("test_second", "The second thing", "passed", duration_s=0.002)
    said = Diagnosis("swapped", "The two bounds are swapped.")
    return (
        first,
        Check("test_second", "The second thing", "failed", f"Expected 1, got {word}.", said, duration_s=0.002),
        Check("test_third", "The third thing", "failed", "Expected 3.", comparison=COMPARISON, duration_s=0.003),
    )


class Recorded(GradlingsApp):
    """The app, which keeps what it told the learner."""

    CSS_PATH = Path(inspect.getfile(GradlingsApp)).with_name("screens") / "workbench.tcss"

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.told: list[str] = []
        self.heard: list[Event] = []
        self.before_ready: Callable[[], None] = lambda: None

    def on_ready(self) -> None:
        self.before_ready()

    def notify(self, message: str, *, title: str = "", **options: Any) -> None:
        self.told.append(f"{title}: {message}" if title else message)
        super().notify(message, title=title, **options)

    def hook(self, message: Message) -> None:
        """Keep what the save loop tells, as it reaches the workbench."""
        if isinstance(message, Happened) and not any(message.event is event for event in self.heard):
            self.heard.append(message.event)


class Bench:
    """A running app, and what a test wants of it."""

    def __init__(self, app: Recorded, pilot: Pilot[None], gate: Gate) -> None:
        self.app, self.pilot, self.gate = app, pilot, gate
        self.workspace = app.workspace

    async def until(self, condition: Callable[[], object], what: str = "") -> None:
        """Wait for a condition; fail with what is on the screen where it does not come true."""
        deadline = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(NoMatches):
                if condition():
                    break
            if time.monotonic() > deadline:
                raise AssertionError(f"{what or 'it'} did not happen\n{self.app.told}\n{self.seen()}")
            await asyncio.sleep(0.01)
        await self.pilot.pause()

    async def ready(self) -> None:
        """Until everything is mounted, known and watched."""
        await self.until(lambda: self.bench.whole and self.bench._rows, "loading")
        await self.until(lambda: any(isinstance(event, Watching) for event in self.app.heard), "watching")
        await self.until(lambda: self.doing, "a word on the verdict")

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def save(self, exercise: str, source: str, file: Path | None = None) -> None:
        """As most editors do it: a new file in the place of the old."""
        file = file or self.workspace.file(exercise)
        file.with_suffix(".tmp").write_text(source)
        file.with_suffix(".tmp").replace(file)
        await self.pilot.pause()

    async def graded(self, exercise: str, word: str) -> None:
        """Save `word` as an exercise and wait until its verdict is shown."""
        before = len(self.app.heard)
        await self.save(exercise, f"x = 1  # {word}\n")
        await self.until(
            lambda: any(_ends(event, exercise) for event in self.app.heard[before:]), f"grading {exercise}"
        )

    async def screen(self, kind: type[Screen[Any]]) -> Any:
        """Wait for a screen of that kind on top."""
        await self.until(lambda: isinstance(self.app.screen, kind), kind.__name__)
        return self.app.screen

    async def asked(self, question: Callable[[Session], Any]) -> Any:
        """What the app's own session answers."""
        return await self.app.ask(question)

    @property
    def bench(self) -> Workbench:
        return self.app.workbench

    @property
    def open(self) -> str:
        return self.bench.open_exercise.id

    @property
    def pane(self) -> str | None:
        return self.bench.query_one("#panes", ContentSwitcher).current

    @property
    def tabs(self) -> str:
        return drawn(self.bench.query_one("#tabs"))

    @property
    def doing(self) -> str:
        """What the line at the bottom says of the last verdict."""
        return self.bench.status._doing.plain

    @property
    def tree(self) -> str:
        return drawn(self.bench.exercises)

    @property
    def focus(self) -> str | None:
        """Where the focus is: the pane's id, or the tree's."""
        focused = self.app.screen.focused
        if focused is None:
            return None
        ids = [each.id for each in focused.ancestors_with_self if each.id]
        panes = ("statement", "checks", "hints", "history", "solution", "course")
        return next((id for id in ids if id in panes), ids[0] if ids else None)

    @property
    def file(self) -> Path:
        return self.workspace.file(self.open)

    def seen(self) -> str:
        """All text on the screen."""
        return drawn(self.app.screen)

    def title(self) -> str:
        """What is named above the panes."""
        return drawn(self.bench.query_one(Names)).strip()


def _ends(event: Event, exercise: str) -> bool:
    outcome = getattr(event, "outcome", None)
    if outcome is not None:
        return bool(outcome.exercise.id == exercise)
    return type(event).__name__ == "Trouble" and getattr(event, "exercise", None) == exercise


Scenario = Callable[[Bench], Awaitable[None]]
Size = tuple[int, int]
WIDE: Size = (150, 40)
NARROW: Size = (80, 24)


def workspace(folder: Path, course: Path = MINICOURSE) -> Workspace:
    """A fresh workspace in `folder`, for the small course or another."""
    return init(folder / "work", read_course(course), str(course)).workspace


def copied_course(folder: Path) -> Path:
    """A copy of the small course that a test may change."""
    return Path(shutil.copytree(MINICOURSE, folder / "course", ignore=shutil.ignore_patterns("__pycache__")))


def write(place: Workspace, exercise: str, word: str) -> None:
    """A file of the learner's, outside of the app."""
    place.file(exercise).write_text(f"x = 1  # {word}\n")


def record(place: Workspace, *gradings: tuple[str, str]) -> None:
    """Have a history in the workspace: (exercise, word), one after another."""
    gate = Gate()
    with Session(place, engine_factory=lambda course: StandIn(course, gate)) as session:
        for exercise, word in gradings:
            write(place, exercise, word)
            session.grade(exercise)


@contextlib.asynccontextmanager
async def opened(
    place: Workspace,
    settings: Path | None = None,
    *,
    size: Size = WIDE,
    gate: Gate | None = None,
    ready: bool = True,
    make: Callable[[Workspace, Callable[[Course], Any]], Session] = Session,
    before_ready: Callable[[Recorded], None] = lambda _: None,
) -> AsyncIterator[Bench]:
    """The app on a workspace until the block ends. `make` makes its sessions, of a workspace and an engine factory."""
    gate = gate or Gate()
    app = Recorded(
        place,
        settings or place.root.parent / "settings.toml",
        make_session=lambda each: make(each, lambda course: StandIn(course, gate)),
    )
    app.before_ready = lambda: before_ready(app)
    async with app.run_test(size=size, message_hook=app.hook) as pilot:
        bench = Bench(app, pilot, gate)
        try:
            if ready:
                await bench.ready()
            yield bench
        finally:
            gate.open.set()


def play(place: Workspace, scenario: Scenario, **options: Any) -> None:
    """Open the app on a workspace, see that it is ready, and run the scenario. `options` as in `opened`."""

    async def run() -> None:
        async with opened(place, **options) as bench:
            await scenario(bench)

    asyncio.run(run())
