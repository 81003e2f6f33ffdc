"""A comparison on the whole screen, with a cursor that tells the numbers under it."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer

from grader.text import one_line
from grader.tui.widgets import comparison as drawing
from grader.tui.widgets.comparison import Comparison
from grader.tui.widgets.scroller import Scroller

# Lines of the box that are not cells: border, sentence, cursor, slice, headings, legend and the lines between.
AROUND = 12
FAR = 8


class ComparisonScreen(Screen[None]):
    """Draws `comparison` of the check `title`, as numbers or as heatmaps. Escape or q closes it."""

    CSS_PATH = "comparison.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *drawing.BINDINGS,
        Binding("up,k", "move(-1, 0)", "Up", show=False, id="comparison-up", priority=True),
        Binding("down,j", "move(1, 0)", "Down", show=False, id="comparison-down", priority=True),
        Binding("left,h", "move(0, -1)", "Left", show=False, id="comparison-left", priority=True),
        Binding("right,l", "move(0, 1)", "Right", show=False, id="comparison-right", priority=True),
        Binding("pageup,shift+up", f"move(-{FAR}, 0)", "Far up", show=False, id="comparison-far-up", priority=True),
        Binding(
            "pagedown,shift+down", f"move({FAR}, 0)", "Far down", show=False, id="comparison-far-down", priority=True
        ),
        Binding("shift+left", f"move(0, -{FAR})", "Far left", show=False, id="comparison-far-left", priority=True),
        Binding("shift+right", f"move(0, {FAR})", "Far right", show=False, id="comparison-far-right", priority=True),
        Binding("home,w", "home", "Worst cell", key_display="w", id="comparison-worst", priority=True),
        Binding("escape,q,c", "dismiss", "Close", key_display="esc", id="comparison-close"),
    ]

    def __init__(self, title: str, comparison: dict[str, Any], numbers: bool) -> None:
        super().__init__()
        self._heading = one_line(title)
        self._given = comparison
        self._drawn = Comparison(tallest=12)
        self._drawn.set_numbers(numbers)

    def compose(self) -> ComposeResult:
        with Scroller(id="comparison-box"):
            yield self._drawn
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begin on the worst cell."""
        box = self.query_one(Scroller)
        box.border_title = Content(self._heading)
        box.border_subtitle = Content("arrows move the cursor")
        self._drawn.show(self._given)
        if self._drawn.drawn:
            self._drawn.start_cursor()
        box.focus()

    def on_resize(self, event: events.Resize) -> None:
        """As many cells as there is room for."""
        self._drawn.set_tallest(max(event.size.height - AROUND, 4))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """No key for what is not there."""
        if action == "slice":
            return self._drawn.slices > 1
        return self._drawn.drawn or action not in ("move", "home", "numbers")

    def action_numbers(self) -> None:
        """Numbers or heatmaps."""
        self._drawn.set_numbers(not self._drawn.numbers)

    def action_slice(self, by: int) -> None:
        """To another slice."""
        self._drawn.step(by)

    def action_move(self, down: int, right: int) -> None:
        """Move the cursor."""
        self._drawn.move(down, right)

    def action_home(self) -> None:
        """Back to the worst cell."""
        self._drawn.home()
