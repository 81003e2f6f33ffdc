"""What the workbench does by way of other screens: it asks, shows, compares, reviews. The workbench itself is `workbench`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from textual import work
from textual.screen import Screen

from grader.model import Course, Exercise
from grader.text import shown_path

if TYPE_CHECKING:
    from grader.session import Session
    from grader.tui.app import GradlingsApp
    from grader.tui.screens.review import ReviewScreen

Answer = TypeVar("Answer")


class Flows(Screen[None]):
    """The part of the workbench that opens other screens and works through what they answer."""

    app: GradlingsApp
    course: Course

    # What a flow needs of the workbench.

    @property
    def open_exercise(self) -> Exercise:
        """The exercise that is open."""
        raise NotImplementedError

    def open(self, exercise: str) -> None:
        """Show an exercise."""
        raise NotImplementedError

    def line_to_edit(self, file: Path) -> int | None:
        """Where in the learner's file the work is, as far as it is known."""
        raise NotImplementedError

    def changed(self) -> None:
        """The learner's file or its history is another one now."""
        raise NotImplementedError

    def load_solution(self) -> object:
        """Show the solution, or what is still to be done for it."""
        raise NotImplementedError

    async def ask_in_front(self, screen: Screen[Answer]) -> Answer | None:
        """What `screen` is left with. None where another is in front already, as after a key that was pressed twice."""
        if self.app.screen is not self:
            return None
        answer: Answer = await self.app.push_screen_wait(screen)
        return answer

    # -- the learner's file ------------------------------------------------------------------------------------------

    def action_edit(self, line: int | None = None) -> None:
        """Open the learner's file in their editor."""
        file = self.app.workspace.file(self.open_exercise.id)
        if file.exists():
            self.edit(file, line or self.line_to_edit(file))
        else:
            key = self.app.key_of("reset")
            self.app.tell(f"{shown_path(file)} is not there.", f"{key} puts the stub there.", severity="warning")

    @work(group="modal")
    async def edit(self, file: Path, line: int | None = None) -> None:
        """Open a file in the learner's editor."""
        from grader.tui.editor import command_for, open_editor

        wrong = await open_editor(self.app, command_for(self.app.settings, os.environ, file, line))
        if wrong:
            self.app.tell(wrong, severity="warning")

    @work(group="modal")
    async def action_reset(self) -> None:
        """Put the stub back, having asked; what was there is kept."""
        from grader.tui.screens.confirm import Confirm

        exercise = self.open_exercise
        back = self.app.settings.keys.get("history-restore", "R")
        question = Confirm(
            f"Start again: {exercise.title}?",
            f"The stub takes the place of your file. What you have now is kept in the history, where {back} brings it back.",
            "Start again",
            "Keep it",
        )
        if not await self.ask_in_front(question):
            return
        replaced = await self.app.ask(lambda session: session.reset(exercise.id))
        if replaced is not None:
            kept = f" Your version is attempt {replaced.kept.sequence} of the history." if replaced.kept else ""
            self.app.tell(f"{exercise.title} begins again.{kept}")
            self.changed()

    # -- the history -------------------------------------------------------------------------------------------------

    @work(group="modal")
    async def show_source(self, sequence: int) -> None:
        """The source of an attempt."""
        from grader.tui.screens.source import SourceScreen

        source = await self.app.ask(lambda session: session.source(sequence))
        if source is not None:
            await self.ask_in_front(SourceScreen(f"Attempt {sequence}", source))

    @work(group="modal")
    async def show_difference(self, first: int, second: int | None) -> None:
        """What changed between two attempts, or between one and the file as it is now."""
        from grader.tui.screens.difference import DifferenceScreen

        exercise = self.open_exercise.id

        def gather(session: Session) -> tuple[str, str]:
            other = session.workspace.read(exercise) if second is None else session.source(second)
            return session.source(first), other

        found = await self.app.ask(gather)
        if found is not None:
            name = "Your file now" if second is None else f"Attempt {second}"
            await self.ask_in_front(DifferenceScreen((f"Attempt {first}", found[0]), (name, found[1])))

    @work(group="modal")
    async def restore(self, sequence: int) -> None:
        """Bring an attempt back, having asked; what was there is kept."""
        from grader.tui.screens.confirm import Confirm

        exercise = self.open_exercise.id
        question = Confirm(
            f"Bring attempt {sequence} back?",
            "It takes the place of your file. What you have now is kept in the history first.",
            "Bring it back",
            "Keep mine",
        )
        if not await self.ask_in_front(question):
            return
        replaced = await self.app.ask(lambda session: session.restore(exercise, sequence))
        if replaced is not None:
            self.app.tell(f"Attempt {sequence} is your file now.")
            self.changed()

    # -- the solution ------------------------------------------------------------------------------------------------

    @work(group="modal")
    async def open_solution(self) -> None:
        """Open the solution before the pass, having asked."""
        from grader.tui.screens.confirm import Confirm

        exercise = self.open_exercise.id
        question = Confirm(
            "Open the solution before you have passed?",
            "It is there to learn from. A pass that comes later is marked as assisted.",
            "Open it",
            "Not yet",
        )
        if await self.ask_in_front(question):
            await self.app.ask(lambda session: session.solution(exercise, confirm=True))
            self.load_solution()

    # -- looking around ----------------------------------------------------------------------------------------------

    @work(group="modal")
    async def action_statistics(self) -> None:
        """Activity, progress, what to do next."""
        from grader.localtime import local_now
        from grader.tui.screens.statistics import StatisticsScreen

        statistics = await self.app.ask(lambda session: session.statistics(local_now()))
        if statistics is not None:
            chosen = await self.ask_in_front(StatisticsScreen(statistics, self._titles))
            if chosen is not None:
                self.open(chosen)

    def action_help(self) -> None:
        """Help for where the learner is."""
        self.app.action_help()

    def action_settings(self) -> None:
        """Theme, editor, keys."""
        self.app.change_settings()

    def action_quit(self) -> None:
        """Leave."""
        self.app.exit()

    @property
    def _titles(self) -> dict[str, str]:
        return {id: exercise.title for id, exercise in self.course.exercises.items()}

    # -- reviews -----------------------------------------------------------------------------------------------------

    @work(group="modal")
    async def action_review(self) -> None:
        """Passed exercises that are due again."""
        from grader.localtime import local_now
        from grader.tui.screens.review import ReviewScreen

        rows = await self.app.ask(lambda session: session.reviews())
        if rows is not None:
            await self.ask_in_front(ReviewScreen(rows, self._titles, local_now()))

    def review_ended(self, exercise: str, said: str, passed: bool) -> None:
        """A review was graded: say so where its screen is open."""
        screen = self._review_screen
        if screen is not None:
            screen.tell(exercise, said, passed)
            self._refresh_reviews()

    @property
    def _review_screen(self) -> ReviewScreen | None:
        from grader.tui.screens.review import ReviewScreen

        return next((screen for screen in self.app.screen_stack if isinstance(screen, ReviewScreen)), None)

    @work(group="review rows", exclusive=True)
    async def _refresh_reviews(self) -> None:
        rows = await self.app.ask(lambda session: session.reviews())
        screen = self._review_screen
        if rows is not None and screen is not None:
            screen.refresh_rows(rows)

    @work(group="reviews")
    async def begin_review(self, exercise: str, again: bool) -> None:
        """Make the review's file."""
        begun = await self.app.ask(lambda session: session.begin_review(exercise, again))
        screen = self._review_screen
        if begun is not None and screen is not None:
            what = "is the blank stub: write it anew and save." if begun.fresh else "is as you left it."
            screen.tell(exercise, f"{shown_path(begun.path)} {what}", good=True)
            self._refresh_reviews()

    @work(group="reviews")
    async def give_review_up(self, exercise: str) -> None:
        """End a review as one that failed."""
        from grader.localtime import local_now, when

        row = await self.app.ask(lambda session: session.give_up(exercise))
        screen = self._review_screen
        if row is not None and screen is not None:
            screen.tell(exercise, f"It comes back {when(row.due, local_now())}.", good=False)
            self._refresh_reviews()
