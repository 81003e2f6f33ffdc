"""Pictures of the app: every screen and pane at the smallest size and a large one, in both themes.

What the app does is asserted elsewhere; here it is seen that it still looks as it did. CONTRIBUTING.md says how the pictures are
drawn anew.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_textual_snapshot import SVGImageExtension
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input

import grader.localtime
from grader.course.workspace import Workspace
from grader.model import Check, Diagnosis, Frame
from grader.saving import Event
from grader.session import Session
from grader.tui.screens.comparison import ComparisonScreen
from grader.tui.screens.confirm import Confirm
from grader.tui.screens.difference import DifferenceScreen
from grader.tui.screens.help import HelpScreen
from grader.tui.screens.review import ReviewScreen
from grader.tui.screens.search import Search
from grader.tui.screens.settings import SettingsScreen
from grader.tui.screens.source import SourceScreen
from grader.tui.screens.statistics import StatisticsScreen
from grader.tui.screens.welcome import Welcome
from grader.tui.widgets.history import History
from tests.grader.tui.bench import CLAMP, SLOPE, Bench, Gate, Recorded, StandIn, workspace
from tests.grader.tui.drawing import drawn

# The plugin sets the name that older versions of syrupy read; without this the pictures would be called .raw.
SVGImageExtension.file_extension = "svg"
NOW = datetime(2026, 3, 12, 18, 30, tzinfo=UTC)
SMALL, LARGE = (80, 24), (160, 45)
GRID = [round(0.1 * (n // 12) - 0.07 * (n % 12), 3) for n in range(120)]
WRONG = [value + (0.4 if n == 79 else 0.02 * (n % 12)) for n, value in enumerate(GRID)]
HEATMAP = {
    "actual": {"dtype": "float64", "shape": [10, 12], "values": WRONG},
    "expected": {"dtype": "float64", "shape": [10, 12], "values": GRID},
    "worst": [6, 7],
}
CHECKS = (
    Check("test_inside", "A number between the bounds stays as it is", "passed", duration_s=0.001),
    Check(
        "test_below",
        "A number below the lower bound becomes the lower bound",
        "failed",
        "The result: expected -0.3, got 0.1 at [6, 7]; 109 of 120 values differ.",
        Diagnosis("swapped", "The two bounds are swapped: the lower one is used where the upper one belongs.", hint=2),
        traceback=(Frame("clamp.py", 1, "x = 1  # heat"),),
        comparison=HEATMAP,
        output="low 0.1\nhigh 0.9\n",
        duration_s=0.002,
    ),
    Check("test_above", "A number above the upper bound becomes that", "error", "NameError: name 'hi'", duration_s=0.002),
    Check("test_equal", "Two equal bounds", "not_run"),
)  # fmt: skip


class Framed(Recorded):
    """The app, whose pictures hold nothing of this machine: no address of the file's link, no fonts from elsewhere."""

    def _heard(self, event: Event) -> None:
        self.heard.append(event)
        super()._heard(event)

    def export_screenshot(self, *, title: str | None = None, simplify: bool = False) -> str:
        svg = super().export_screenshot(title=title, simplify=simplify)
        svg = re.sub(r"@font-face \{.*?\}\n?", "", svg, flags=re.DOTALL)
        # The names in it are made of all that is on the screen, the address of the file's link too.
        return re.sub(r"terminal-\d+", "terminal-0", svg)


Scene = Callable[[Bench], Awaitable[None]]
Compare = Callable[..., bool]
Draw = Callable[..., bool]


def _past(place: Workspace) -> None:
    """Two weeks of a learner: one exercise passed at the second attempt, one failed twice."""
    gate = Gate(checks={"heat": CHECKS})
    clock = [NOW]
    with Session(place, engine_factory=lambda course: StandIn(course, gate), clock=lambda: clock[0]) as session:
        for days, exercise, word in (
            (13, SLOPE, "failed"),
            (12, SLOPE, "passed"),
            (1, CLAMP, "failed"),
            (0, CLAMP, "heat"),
        ):
            clock[0] = NOW - timedelta(days=days, minutes=20)
            place.file(exercise).write_text(f"def f(x):  # {word}\n    return {days} * x\n")
            session.grade(exercise)


@pytest.fixture
def draw(snap_compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Draw]:
    """Draw the app when a scene is over, and compare: `draw(scene, size, theme)`."""
    monkeypatch.setattr("textual.constants.COLOR_SYSTEM", "truecolor")
    monkeypatch.setattr("textual.constants.TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setattr(grader.localtime, "local_now", lambda: NOW)
    monkeypatch.setitem(History.__init__.__kwdefaults__, "now", lambda: NOW)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    place = workspace(tmp_path)
    monkeypatch.chdir(place.root)

    def compare(scene: Scene, size: tuple[int, int] = SMALL, theme: str = "dark", *, past: bool = True) -> bool:
        if past:
            _past(place)
        settings = tmp_path / "settings.toml"
        settings.write_text(f'theme = "gradlings-{theme}"\n')
        gate = Gate(checks={"heat": CHECKS})

        def make(each: Workspace) -> Session:
            return Session(each, engine_factory=lambda course: StandIn(course, gate), clock=lambda: NOW)

        app = Framed(place, settings, make_session=make)

        async def before(pilot: Pilot[None]) -> None:
            bench = Bench(app, pilot, gate)
            await bench.ready()
            if past:
                bench.bench.open(CLAMP)
                await bench.until(lambda: "0/" in bench.tabs or "1/" in bench.tabs)
            await scene(bench)
            app.clear_notifications()
            for field in app.screen.query(Input):
                field.cursor_blink = False
            await pilot.pause()

        return snap_compare(app, terminal_size=size, run_before=before)

    yield compare
    monkeypatch.undo()
    time.tzset()


async def statement(bench: Bench) -> None:
    await bench.press("1")


async def checks(bench: Bench) -> None:
    await bench.press("2")
    await bench.until(lambda: bench.bench.checks.opened)


async def hints(bench: Bench) -> None:
    await bench.press("h")
    await bench.until(lambda: bench.pane == "hints")


async def history(bench: Bench) -> None:
    await bench.press("4", "j", "space", "k")


async def locked(bench: Bench) -> None:
    await bench.press("5")
    await bench.until(lambda: bench.bench.solution.query_one("#solution-note").display)


async def passed(bench: Bench) -> None:
    await bench.save(CLAMP, "def f(x):  # passed\n    return x\n")
    card = bench.bench.solution.query_one("#solution-card")
    await bench.until(lambda: card.display and bench.pane == "solution")
    await bench.until(lambda: "2/4" in drawn(bench.bench.status))


async def tree(bench: Bench) -> None:
    await bench.press("t")


def over(kind: type[Screen[Any]], *keys: str) -> Scene:
    """A screen above the workbench, after these keys."""

    async def scene(bench: Bench) -> None:
        for key in keys:
            await bench.press(key)
        await bench.screen(kind)

    return scene


async def compared(bench: Bench) -> None:
    await checks(bench)
    await over(ComparisonScreen, "c")(bench)


async def source(bench: Bench) -> None:
    await bench.press("4")
    await over(SourceScreen, "enter")(bench)


async def difference(bench: Bench) -> None:
    await bench.press("4", "j", "space", "k")
    await over(DifferenceScreen, "d")(bench)


async def found(bench: Bench) -> None:
    await over(Search, "slash")(bench)
    await bench.press("w", "o", "r", "d")
    await bench.until(lambda: "of 4" in bench.seen())


async def settings(bench: Bench) -> None:
    bench.app.settings_path = Path("settings.toml")
    await over(SettingsScreen, "comma")(bench)


SCENES: dict[str, Scene] = {
    "statement": statement,
    "checks": checks,
    "hints": hints,
    "history": history,
    "locked": locked,
    "passed": passed,
    "compared": compared,
    "source": source,
    "difference": difference,
    "confirm": over(Confirm, "x"),
    "help": over(HelpScreen, "question_mark"),
    "search": found,
    "settings": settings,
    "statistics": over(StatisticsScreen, "s"),
    "review": over(ReviewScreen, "v"),
}


@pytest.mark.parametrize("name", SCENES)
def test_small_and_dark(draw: Draw, name: str) -> None:
    assert draw(SCENES[name], SMALL)


@pytest.mark.parametrize("name", ["checks", "passed", "search", "statistics"])
def test_small_and_light(draw: Draw, name: str) -> None:
    assert draw(SCENES[name], SMALL, "light")


@pytest.mark.parametrize("name", ["statement", "checks", "history", "passed", "compared", "difference", "statistics"])
def test_large_and_dark(draw: Draw, name: str) -> None:
    assert draw(SCENES[name], LARGE)


@pytest.mark.parametrize("name", ["checks", "compared", "statistics"])
def test_large_and_light(draw: Draw, name: str) -> None:
    assert draw(SCENES[name], LARGE, "light")


def test_the_list_by_itself_on_a_small_screen(draw: Draw) -> None:
    assert draw(tree, SMALL)


def test_the_welcome(draw: Draw) -> None:
    async def scene(bench: Bench) -> None:
        bench.app.push_screen(Welcome(Path("/home/ada/my-llm"), "Large language models"))
        await bench.screen(Welcome)

    assert draw(scene, SMALL, past=False)
