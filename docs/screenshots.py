"""Draws the pictures of the README: `python docs/screenshots.py` writes docs/images/*.svg.

The real app on the real course, graded by the real engine, in a workspace that is thrown away. Clock, sizes and the durations of
gradings are fixed, so that a picture changes only when the app, the course or a verdict does. Tests nothing.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import os
import re
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import textual.constants
from textual.css.query import NoMatches
from textual.pilot import Pilot

import grader.localtime
import grader.tui.app
from grader.course.read import find_course
from grader.course.workspace import Workspace, init
from grader.engine import Engine
from grader.model import Check, Course, Submission, Verdict
from grader.session import Session
from grader.tui.app import GradlingsApp
from grader.tui.gradings import Gradings

IMAGES = Path(__file__).parent / "images"
SOLUTIONS = Path(__file__).parents[1] / "tests" / "solutions"
NOW = datetime(2026, 3, 12, 18, 30, tzinfo=UTC)
FAILING, PASSING = "attention/scaled_dot_product", "positional_encoding/rope"
PATIENCE_SECONDS = 60.0
FONTS = "'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace"
# (days ago, exercise, solutions in the order in which they are saved): what the learner of the pictures has done so far.
PAST = (
    (40, "start/first_pass", ("wrong_last_of_sorted", "right_plain_loop")),
    (39, "gradients/central_difference", ("wrong_scalar_only", "wrong_relative_step", "right_two_branches")),
    (33, "gradients/softmax_vjp", ("wrong_mean_of_products", "wrong_centred_on_everything", "right_formula")),
    (32, "backprop/scalar_engine", ("wrong_repeated_parent_once", "wrong_breadth_first")),
    (26, "backprop/scalar_engine", ("wrong_quotient_sign", "right_closures")),
    (20, "backprop/layernorm", ("wrong_means_over_all_tokens", "right_staged")),
    (9, "positional_encoding/sinusoidal", ("wrong_last_is_cosine", "wrong_ends_at_base")),
    (8, "positional_encoding/sinusoidal", ("wrong_half_pairs_in_exponent", "right_vectorised")),
    (2, "positional_encoding/rope", ("wrong_halves_out", "wrong_keys_turned_back")),
    (1, "attention/scaled_dot_product", ("wrong_integer_root", "wrong_mask_added")),
)  # fmt: skip


class Steady:
    """The engine, whose gradings all take the same time as far as one can see."""

    def __init__(self, course: Course) -> None:
        self._engine = Engine(course)
        self.warm, self.cancel, self.close = self._engine.warm, self._engine.cancel, self._engine.close

    def grade(self, submission: Submission, on_check: Callable[[Check], None] | None = None) -> Verdict:
        """The engine's verdict, its durations replaced."""
        verdict = self._engine.grade(submission, on_check)
        checks = tuple(replace(check, duration_s=0.002) for check in verdict.checks)
        return replace(verdict, checks=checks, duration_s=0.048)


class Clock:
    """The time in the pictures."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class Sitter(GradlingsApp):
    """The app, which knows which verdicts have reached its screen."""

    CSS_PATH = Path(grader.tui.app.__file__).parent / "screens" / "workbench.tcss"

    def __init__(self, place: Workspace, theme: str) -> None:
        settings = place.root.parent / "settings.toml"
        settings.write_text(f'theme = "{theme}"\n', encoding="utf-8")
        super().__init__(place, settings, make_session=_session)

    @property
    def _gradings(self) -> Gradings | None:
        return self.workbench._gradings

    def verdict(self, exercise: str) -> Verdict | None:
        """The verdict that is shown of a grading in this app."""
        return self._gradings.verdicts.get(exercise) if self._gradings else None


def _session(place: Workspace) -> Session:
    return Session(place, engine_factory=Steady, clock=lambda: NOW)


def write(place: Workspace, exercise: str, solution: str) -> None:
    """Put a solution into the learner's file, below the statement."""
    stub = place.course.stub(exercise).read_text(encoding="utf-8")
    statement = ast.parse(stub).body[0].end_lineno
    code = (SOLUTIONS / exercise / f"{solution}.py").read_text(encoding="utf-8")
    code = "\n".join(code.splitlines()[ast.parse(code).body[0].end_lineno or 0 :]).lstrip("\n")
    text = "\n".join(stub.splitlines()[:statement]) + "\n\n" + code + "\n"
    target = place.file(exercise)
    target.with_suffix(".new").write_text(text, encoding="utf-8")
    target.with_suffix(".new").replace(target)


def live(place: Workspace) -> None:
    """The past weeks of the learner in the pictures."""
    clock = Clock()
    with Session(place, engine_factory=Steady, clock=clock) as session:
        for days, exercise, solutions in PAST:
            clock.now = NOW - timedelta(days=days, hours=2)
            session.set_current(exercise)
            for solution in solutions:
                write(place, exercise, solution)
                clock.now += timedelta(minutes=11)
                session.grade(exercise)


async def until(pilot: Pilot[None], condition: Callable[[], object]) -> None:
    """Wait until it holds. Raises TimeoutError where it does not come to that."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        with contextlib.suppress(NoMatches):
            if condition():
                break
        if time.monotonic() > deadline:
            raise TimeoutError("the app does not come to show what the picture is to hold")
        await asyncio.sleep(0.02)
    await pilot.pause()


def plain(svg: str) -> str:
    """The picture in the reader's own fonts and with names that do not change."""
    svg = re.sub(r"@font-face \{.*?\}\n?", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font-family: [^;]*Fira Code[^;]*;", f"font-family: {FONTS};", svg)
    return re.sub(r"terminal-\d+", "terminal-0", svg)


Scene = Callable[[Sitter, Pilot[None]], Awaitable[None]]


async def draw(place: Workspace, scene: Scene, theme: str, size: tuple[int, int]) -> str:
    """The app as an SVG, when the scene is over."""
    app = Sitter(place, theme)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.workbench.whole and app.workbench._rows)
        await scene(app, pilot)
        app.clear_notifications()
        await pilot.pause()
        return plain(app.export_screenshot(title="gradlings", simplify=True))


async def grade(app: Sitter, pilot: Pilot[None], exercise: str, solution: str) -> None:
    """Open an exercise, save a solution of it, and wait for the verdict."""
    app.workbench.open(exercise)
    write(app.workspace, exercise, solution)
    app.workbench.action_again()
    await until(pilot, lambda: app.verdict(exercise) is not None)


async def failing(app: Sitter, pilot: Pilot[None]) -> None:
    """A check that fails, why, and the heatmap."""
    await grade(app, pilot, FAILING, "wrong_mask_added")
    await pilot.press("2")
    await until(pilot, lambda: app.workbench.checks.opened is not None)
    for _ in range(20):
        check = app.workbench.checks.opened
        if check is not None and check.comparison and len(check.comparison["actual"]["values"]) >= 20:
            break
        await pilot.press("j")


async def passed(app: Sitter, pilot: Pilot[None]) -> None:
    """The card of a pass, with the solution beside the learner's code."""
    await grade(app, pilot, PASSING, "right_complex")
    card = app.workbench.solution.query_one("#solution-card")
    await until(pilot, lambda: card.display)
    await pilot.press("t")  # room for both sources side by side


async def statistics(app: Sitter, pilot: Pilot[None]) -> None:
    """What the weeks add up to."""
    from grader.tui.screens.statistics import StatisticsScreen

    await pilot.press("s")
    await until(pilot, lambda: isinstance(app.screen, StatisticsScreen))


PICTURES: dict[str, tuple[Scene, str, tuple[int, int]]] = {
    "failing-check": (failing, "gradlings-dark", (132, 38)),
    "pass": (passed, "gradlings-dark", (132, 38)),
    "statistics": (statistics, "gradlings-light", (150, 42)),
}


def main() -> None:
    """Draw them all."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    # Read when the app is made, and from the environment only when Textual is imported.
    textual.constants.COLOR_SYSTEM = "truecolor"  # type: ignore[misc]
    textual.constants.TEXTUAL_ANIMATIONS = "none"  # type: ignore[misc]
    grader.localtime.local_now = lambda: NOW
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        place = init(Path(folder) / "my-llm", find_course(None)).workspace
        live(place)
        with contextlib.chdir(place.root):
            for name, (scene, theme, size) in PICTURES.items():
                svg = asyncio.run(draw(place, scene, theme, size))
                (IMAGES / f"{name}.svg").write_text(svg, encoding="utf-8")
                print(f"docs/images/{name}.svg  {len(svg) // 1024} kB")


if __name__ == "__main__":
    main()
