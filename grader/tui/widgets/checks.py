"""The checks of a grading as they finish, and the one under the cursor beside or below them.

Shows what it is handed; asks nobody for anything. What is learner's text in it is data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from grader.model import Check, Curve, Exercise, Verdict
from grader.text import clean, one_line, seconds
from grader.tui.widgets import check_detail, comparison
from grader.tui.widgets.check_detail import CheckDetail, Frames
from grader.tui.widgets.comparison import Comparison

SIDE_BY_SIDE = 110
MARKS = {"passed": ("✓", "green"), "not_run": ("·", "dim")}
REMARKS = {"error": "raised an error", "timeout": "took too long", "not_run": "not run"}


class _Row:
    """One line of the list: mark, title, remark and duration. The title is cut where there is no room."""

    def __init__(self, check: Check) -> None:
        self._mark = MARKS.get(check.status, ("✗", "bold red"))
        self._title = one_line(check.title)
        self._remark = REMARKS.get(check.status, "")
        self._took = seconds(check.duration_s) if check.status != "not_run" else ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        tail = f"  {self._took:>7}"
        remark = f"  {self._remark}" if self._remark else ""
        room = options.max_width - 2 - cell_len(remark) - cell_len(tail)
        if room < 16:  # the duration is what one can do without
            room, tail = room + cell_len(tail), ""
        title = Text(self._title, no_wrap=True)
        title.truncate(max(room, 1), overflow="ellipsis", pad=True)
        ink = "yellow" if self._remark != "not run" else "dim"
        mark, style = self._mark
        line = Text.assemble((f"{mark} ", style), title, (remark, ink), (tail, "dim"), no_wrap=True, overflow="crop")
        yield line


class CheckList(OptionList):
    """The list. Up and down open, Enter goes into what is open, and the page keys turn its pages."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "Down", show=False, id="checks-down"),
        Binding("k", "cursor_up", "Up", show=False, id="checks-up"),
        Binding("enter", "select", "Into the check", show=False, id="checks-enter"),
    ]

    def __init__(self) -> None:
        super().__init__(id="check-list", markup=False)

    def action_page_down(self) -> None:
        """A page of what is open: the list itself is short."""
        self.query_ancestor(Checks).action_page(1)

    def action_page_up(self) -> None:
        """A page back."""
        self.query_ancestor(Checks).action_page(-1)


class Checks(Widget):
    """The list of checks and the open one. See the module's docstring."""

    LineWanted = check_detail.LineWanted
    """Enter or a click on a line of the learner's file: `line`, from 1."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *comparison.BINDINGS,
        Binding("space", "page(1)", "Page down", show=False, id="checks-page-down"),
        Binding("backspace", "page(-1)", "Page up", show=False, id="checks-page-up"),
    ]
    DEFAULT_CSS = """
    Checks {
        layout: vertical;
        width: 1fr;
        height: 1fr;
        #check-note { display: none; height: auto; max-height: 6; padding: 0 2; color: $text-warning; }
        #check-list {
            height: auto;
            max-height: 40%;
            border: none;
            padding: 0 1;
            background: transparent;
            background-tint: transparent 0%;
            scrollbar-size-vertical: 1;
            & > .option-list--option-highlighted { background: $primary 14%; color: $foreground; }
            &:focus { border: none; }
            &:focus > .option-list--option-highlighted { background: $primary 32%; color: $foreground; }
        }
        #check-box { layout: vertical; width: 1fr; height: 1fr; }
        #check-detail {
            border-top: solid $panel;
            border-title-color: $text-muted;
            &:focus { border-top: solid $primary; border-title-color: $primary; }
        }
        &.-running #check-detail { opacity: 60%; }
        &.-drawing #check-detail { opacity: 100%; }
        &.-wide #check-box { layout: horizontal; }
        &.-wide #check-list { width: 44%; height: 1fr; max-height: 100%; }
        &.-wide #check-detail {
            border-top: none;
            border-left: solid $panel;
            &:focus { border-left: solid $primary; }
        }
    }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._checks: list[Check] = []
        self._opened: Check | None = None
        self._chosen = False

    def compose(self) -> ComposeResult:
        yield Static("", id="check-note", markup=False)
        with Widget(id="check-box"):
            yield CheckList()
            yield CheckDetail(id="check-detail")

    def on_mount(self) -> None:
        """Nothing to list yet."""
        self.query_one(CheckList).display = False

    # -- what is shown -----------------------------------------------------------------------------------------------

    @property
    def opened(self) -> Check | None:
        """The check that is open."""
        return self._opened

    def begin(self, exercise: Exercise) -> None:  # noqa: ARG002
        """A grading has begun; checks follow, or it begins again."""
        self._reset([])
        self.remove_class("-drawing")
        self.add_class("-running")
        self._note("")
        self.query_one(CheckDetail).say("grading ...")

    def add(self, check: Check) -> None:
        """A check has finished. The first one that fails is opened."""
        self._append([check])
        if self._opened is None and check.failing:
            self._move_to(len(self._checks) - 1)

    def draw(self, title: str, curves: Sequence[Curve]) -> None:
        """The running check has drawn this so far; shown unless a check is open."""
        if self._opened is None:
            self.add_class("-drawing")
            self.query_one(CheckDetail).draw(title, curves)

    def show(self, exercise: Exercise, verdict: Verdict) -> None:  # noqa: ARG002
        """The verdict, with its first failing check open; where none fails, the first that drew a curve."""
        self.remove_class("-running", "-drawing")
        self._note(verdict.message)
        have = len(self._checks)
        if tuple(self._checks) == verdict.checks[:have]:
            self._append(verdict.checks[have:])
        else:
            self._reset(verdict.checks)
        first = _worth_opening(verdict.checks)
        if first is None:
            self.query_one(CheckDetail).say("" if verdict.message else "This verdict has no checks.")
        else:
            self._move_to(first)

    def clear(self, message: str) -> None:
        """Nothing to show, and why."""
        self.remove_class("-running", "-drawing")
        self._reset([])
        self._note("")
        self.query_one(CheckDetail).say(message)

    def set_numbers(self, numbers: bool) -> None:
        """Comparisons as numbers instead of heatmaps."""
        self.query_one(Comparison).set_numbers(numbers)

    def _note(self, message: str) -> None:
        note = self.query_one("#check-note", Static)
        note.display = bool(message)
        note.update(Content(clean(message[:4_000]).rstrip()))

    def _reset(self, checks: Sequence[Check]) -> None:
        self._checks = []
        self._open(None)
        self.query_one(CheckList).clear_options()
        self._append(checks)

    def _append(self, checks: Sequence[Check]) -> None:
        self._checks += checks
        listed = self.query_one(CheckList)
        listed.display = bool(self._checks)
        if checks:
            listed.add_options([Option(_Row(check)) for check in checks])

    def _move_to(self, number: int) -> None:
        # The list tells of its cursor later; what is open must be right at once.
        self.query_one(CheckList).highlighted = number
        self._open(self._checks[number])

    def _open(self, check: Check | None) -> None:
        if check is self._opened:
            return
        self._opened = check
        if check is not None:
            self.query_one(CheckDetail).show(check)
            self.refresh_bindings()

    @on(OptionList.OptionHighlighted, "#check-list")
    def _highlighted(self, message: OptionList.OptionHighlighted) -> None:
        message.stop()
        number = message.option_index
        # What was told of a list that has changed meanwhile is of no interest.
        if number < len(self._checks) and number == self.query_one(CheckList).highlighted:
            self._open(self._checks[number])

    @on(OptionList.OptionSelected, "#check-list")
    def _selected(self, message: OptionList.OptionSelected) -> None:
        """Into the check: to its traceback where it has one."""
        message.stop()
        frames = self.query_one(Frames)
        (frames if frames.display else self.query_one(CheckDetail)).focus()

    @on(CheckDetail.Left)
    def _left(self, message: CheckDetail.Left) -> None:
        message.stop()
        self.query_one(CheckList).focus()

    # -- keys --------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Keys of a comparison are there where one is."""
        comparison = self._opened.comparison if self._opened is not None else None
        if action == "numbers":
            return comparison is not None
        return action != "slice" or (comparison is not None and self.query_one(Comparison).slices > 1)

    def action_numbers(self) -> None:
        """Numbers or heatmaps."""
        drawn = self.query_one(Comparison)
        drawn.set_numbers(not drawn.numbers)

    def action_slice(self, by: int) -> None:
        """To another slice of the comparison."""
        self.query_one(Comparison).step(by)

    def action_page(self, by: int) -> None:
        """Turn the pages of the open check."""
        detail = self.query_one(CheckDetail)
        detail.scroll_relative(y=by * max(detail.size.height - 1, 1), animate=False)

    def on_resize(self, event: events.Resize) -> None:
        """The detail beside the list where there is room."""
        self.set_class(event.size.width >= SIDE_BY_SIDE, "-wide")


def _worth_opening(checks: Sequence[Check]) -> int | None:
    failing = (number for number, check in enumerate(checks) if check.failing)
    drawing = (number for number, check in enumerate(checks) if check.curves)
    return next(failing, next(drawing, 0 if checks else None))
