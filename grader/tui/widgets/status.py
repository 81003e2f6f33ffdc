"""The line at the bottom: the file that is watched, the last verdict, how far the learner is."""

from __future__ import annotations

from pathlib import Path

from rich.style import Style
from rich.text import Text
from textual.widgets import Static

from grader.text import one_line


class Status(Static):
    """One line in three parts. What it is told is painted at the next refresh."""

    def __init__(self) -> None:
        super().__init__("", id="status", markup=False)
        self._file: Path | None = None
        self._shown = ""
        self._doing: Text = Text()
        self._passed = (0, 0)

    def set_file(self, file: Path, shown: str) -> None:
        """The learner's file, by the name it is shown by."""
        self._file, self._shown = file, shown
        self._draw()

    def set_doing(self, text: Text | str) -> None:
        """What is going on, or what came of it last."""
        self._doing = text if isinstance(text, Text) else Text(one_line(text))
        self._draw()

    def set_passed(self, passed: int, total: int) -> None:
        """How many exercises are passed."""
        self._passed = (passed, total)
        self._draw()

    def on_resize(self) -> None:
        """The parts share what room there is."""
        self._draw()

    def _draw(self) -> None:
        width = self.size.width or 80
        passed, total = self._passed
        right = Text()
        if total:
            filled = round(10 * passed / total)
            right.append("━" * filled, style="green").append("━" * (10 - filled), style="dim")
            right.append(f" {passed}/{total} ")
        line = Text(" ", no_wrap=True, overflow="ellipsis", end="")
        if self._file is not None:
            # A link that terminals open; the path is encoded, so no name can end it early.
            shown = self._shown if width >= 100 and len(self._shown) <= 60 else self._file.name
            line.append(one_line(shown, 60), style=Style(link=self._file.absolute().as_uri(), underline=True))
        line.append("   ").append_text(self._doing)
        line.truncate(max(width - right.cell_len - 1, 0), overflow="ellipsis", pad=True)
        self.update(line.append_text(right), layout=False)
