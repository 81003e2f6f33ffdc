"""The line that names the exercise that is open: its title, and at the right its id, the minutes it takes and its points."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

from grader.model import Exercise
from grader.text import one_line


class Names(Static):
    """One line. By itself, since a border's title cannot change without all that is inside being painted anew."""

    DEFAULT_CSS = "Names { height: 1; padding: 0 2; }"

    def __init__(self, exercise: Exercise) -> None:
        super().__init__("", id="names", markup=False)
        self._exercise = exercise

    def show(self, exercise: Exercise) -> None:
        """Name another one."""
        self._exercise = exercise
        self.update(self._line(), layout=False)

    def on_resize(self) -> None:
        """The right part goes where there is no room for both."""
        self.show(self._exercise)

    def _line(self) -> Text:
        exercise, width = self._exercise, self.size.width or 80
        title = Text(one_line(exercise.title, 100), style="bold", no_wrap=True, overflow="ellipsis")
        about = f"{exercise.id}   {exercise.minutes} min   {exercise.points} points"
        for right in (about, f"{exercise.minutes} min   {exercise.points} points", ""):
            room = width - title.cell_len - len(right)
            if room >= 3 or not right:
                return Text.assemble(title, " " * max(room, 0), (right, "dim"), no_wrap=True, overflow="ellipsis")
        return title
