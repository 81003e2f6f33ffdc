"""What the learner has done so far, and what to do next: totals, calendar, progress, topics, what each exercise cost.

Shows a Statistics that is handed in; asks no session. Each drawing has its numbers in words beside it. Imports plotext, so it
is imported when it is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content
from textual.layout import Layout
from textual.layouts.grid import GridLayout
from textual.screen import Screen
from textual.widgets import Footer, OptionList, Static
from textual.widgets.option_list import Option

from grader.statistics import Day, Recommendation, Statistics
from grader.text import one_line
from grader.tui.widgets.calendar import QUIET, Calendar, count, day_name
from grader.tui.widgets.lines import Lines, effort_lines, share_lines
from grader.tui.widgets.progress_plot import ProgressPlot
from grader.tui.widgets.scroller import Scroller

# From how many columns on two boxes stand side by side.
WIDE = 124
LATELY = 28


class NextList(OptionList):
    """What to do next. At its ends, and where it is out of sight, the keys scroll the page instead."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Go there", id="statistics-go"),
        Binding("down,j", "on", "Down", show=False, id="statistics-down"),
        Binding("up,k", "back", "Up", show=False, id="statistics-up"),
        Binding("pagedown,space", "page(1)", "Page down", show=False, id="statistics-page-down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="statistics-page-up"),
        Binding("home", "top", "Top", show=False, id="statistics-top"),
        Binding("end", "bottom", "Bottom", show=False, id="statistics-bottom"),
    ]

    @property
    def _page(self) -> Scroller:
        return self.screen.query_one(Scroller)

    def action_on(self) -> None:
        """The exercise below, else on in the page."""
        if self._page.scroll_offset.y or self.highlighted in (None, self.option_count - 1):
            self._page.scroll_down(animate=False)
        else:
            self.action_cursor_down()

    def action_back(self) -> None:
        """Back in the page, else the exercise above."""
        if self._page.scroll_offset.y:
            self._page.scroll_up(animate=False)
        elif self.highlighted:
            self.action_cursor_up()

    def action_page(self, by: int) -> None:
        """A page on or back."""
        (self._page.scroll_page_down if by > 0 else self._page.scroll_page_up)(animate=False)

    def action_top(self) -> None:
        """To the top of the page."""
        self._page.scroll_home(animate=False)

    def action_bottom(self) -> None:
        """To its bottom."""
        self._page.scroll_end(animate=False)


class Pair(Container):
    """Two boxes; where they stand side by side, both are as high as the higher one."""

    def pre_layout(self, layout: Layout) -> None:
        """A property of the layout that has no style."""
        if isinstance(layout, GridLayout):
            layout.stretch_height = True


class StatisticsScreen(Screen[str | None]):
    """Everything on one page that scrolls. Enter on what to do next answers with that exercise's id, Esc with None."""

    CSS_PATH = "statistics.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "app.focus_next", "Next box", id="statistics-next-box"),
        Binding("escape,q", "dismiss", "Close", id="statistics-close"),
    ]

    def __init__(self, statistics: Statistics, titles: Mapping[str, str]) -> None:
        """`titles`: exercise id -> title. All texts are data."""
        super().__init__()
        self._found, self._titles = statistics, titles

    def compose(self) -> ComposeResult:
        found = self._found
        with Scroller(id="statistics", can_focus=False):
            with Horizontal(id="statistics-totals"):
                for number, what in totals(found):
                    yield Static(Content.assemble((number, "bold $text-primary"), "\n", (what, QUIET)), markup=False)
            if remarks := told(found):
                yield Static(Content("\n".join(remarks)), id="statistics-told", markup=False)
            with Pair():
                yield from self._next()
                yield from self._activity()
            with Pair():
                yield from self._progress()
                yield from self._topics()
            yield from self._efforts()
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """The keys begin at what to do next; where nothing is left, the page itself takes them."""
        page = self.query_one(Scroller)
        lists = self.query(NextList)
        page.can_focus = not lists
        (lists.first() if lists else page).focus(scroll_visible=False)

    @on(OptionList.OptionSelected)
    def _go(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(event.option_id)

    # -- the boxes ---------------------------------------------------------------------------------------------------

    def _next(self) -> ComposeResult:
        with Vertical(classes="statistics-box", id="statistics-next") as box:
            box.border_title = "Next"
            if not self._found.recommended:
                yield Static("Every exercise of this course is passed. Reviews keep it in mind.", markup=False)
                return
            yield NextList(
                *(Option(self._recommended(each), each.exercise) for each in self._found.recommended), markup=False
            )

    def _recommended(self, each: Recommendation) -> Content:
        title = one_line(self._titles.get(each.exercise, each.title), 80)
        reason = one_line(each.reason)
        off = "" if each.on_path else "; not on your path"
        return Content.assemble(
            (title, "bold"), "  ", (each.exercise, QUIET), "\n",
            (f"{reason[:1].upper()}{reason[1:]}{off}.", QUIET),
        )  # fmt: skip

    def _activity(self) -> ComposeResult:
        found = self._found
        if not found.active_days:
            return
        with Vertical(classes="statistics-box", id="statistics-activity") as box:
            box.border_title = f"Activity of the last {count(len(found.weeks), 'week')}"
            box.border_subtitle = "Tab, then arrow keys: a day in words"
            yield Calendar(found.weeks, found.today)
            yield Static(activity_words(found), classes="statistics-words", markup=False)

    def _progress(self) -> ComposeResult:
        found = self._found
        with Vertical(classes="statistics-box", id="statistics-progress") as box:
            box.border_title = "Exercises passed"
            if found.timeline:
                yield ProgressPlot(found.timeline, found.overall.total, found.today)
            yield Static(progress_words(found), classes="statistics-words", markup=False)

    def _topics(self) -> ComposeResult:
        found = self._found
        with Vertical(classes="statistics-box", id="statistics-topics") as box:
            box.border_title = "Topics"
            yield Lines(lambda width: share_lines(found.topics, width))
            if found.roadmap:
                yield Static("Along the roadmap", classes="statistics-head", markup=False)
                yield Lines(lambda width: share_lines(found.roadmap, width))

    def _efforts(self) -> ComposeResult:
        found = self._found
        if not any(each.attempts or each.hints for each in found.exercises):
            return
        with Vertical(classes="statistics-box", id="statistics-efforts") as box:
            box.border_title = "What each exercise took"
            yield Static(EFFORTS, classes="statistics-words", markup=False)
            yield Lines(lambda width: effort_lines(found.exercises, self._titles, width))


EFFORTS = (
    "Attempts until the first pass, and minutes of those expected: a bar reaches its middle mark at the expected time. "
    "Pauses of more than half an hour are left out; what came before a first save is not known (?)."
)


def totals(found: Statistics) -> list[tuple[str, str]]:
    """The numbers at the top, each with what it counts."""
    whole, path, streak = found.overall, found.path, found.streak
    other = path.total != whole.total
    reviews = f" and {count(found.reviews, 'review')}" if found.reviews else ""
    return [
        (f"{whole.passed} of {whole.total}", "exercises" + (f", {path.passed} of {path.total} on your path" if other else "")),
        (f"{whole.points} of {whole.points_total}", "points"),
        (count(streak.current, "day"), f"streak, the longest {count(streak.longest, 'day')}"),
        (count(found.attempts, "attempt"), f"{reviews.removeprefix(' ')} on {count(found.active_days, 'day')}".strip()),
    ]  # fmt: skip


def told(found: Statistics) -> list[str]:
    """What there is to say besides the numbers, a line each."""
    if not (found.active_days or found.attempts or found.reviews or found.later):
        return ["Nothing was graded yet. Open an exercise and save it: this page fills from then on."]
    lines = []
    if found.streak.current and not found.streak.today:
        lines.append(f"Save something today, and your streak grows to {count(found.streak.current + 1, 'day')}.")
    if found.later:
        those = "1 attempt is" if found.later == 1 else f"{found.later} attempts are"
        lines.append(f"{those} dated after today and not in the calendar: was the clock changed?")
    return lines


def activity_words(found: Statistics) -> str:
    """The calendar in a sentence."""
    active = [day for day in found.activity if day.graded]
    if not active:
        return f"Nothing in these weeks; {count(found.active_days, 'active day')} before."
    busiest: Day = max(active, key=lambda day: (day.graded, day.date))
    name = _inner(busiest.date, found.today)
    return f"{count(len(active), 'active day')} in these weeks; the busiest was {name}, with {busiest.graded} graded."


def progress_words(found: Statistics) -> str:
    """The line of passes in a sentence."""
    if not found.timeline:
        return "The line begins with your first pass."
    first, newest = found.timeline[0], found.timeline[-1]
    passed, since = newest.passed, found.today - timedelta(days=LATELY)
    lately = passed - max((each.passed for each in found.timeline if each.date <= since), default=0)
    name, done = _inner(newest.date, found.today), f"{passed} of {found.overall.total} passed"
    if first == newest:
        return f"{done}, all on one day: {name}." if passed > 1 else f"{done}: {name}."
    return f"{done} since {_inner(first.date, found.today)}, {lately} of them in the last {LATELY} days; the newest {name}."


def _inner(day: date, today: date) -> str:
    """The name of a day inside a sentence."""
    return "today" if day == today else day_name(day, today)
