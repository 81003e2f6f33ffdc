"""Search and jump: type, and the list narrows; Enter opens what is marked. Opens nothing itself and reads no files.

How exercises are ranked is in `Index`, which knows no screen: ids and titles first, then the text of the statements.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from grader.errors import GradlingsError
from grader.model import Course, Exercise, State
from grader.text import one_line
from grader.tui.widgets.course_tree import MARKS

# Statements are read so many at a time, so that a key typed meanwhile is not kept waiting.
BATCH = 16
# One letter is in every statement.
SHORTEST_IN_STATEMENT = 2
# Characters of a statement's line that are shown: what fits at 80 columns.
EXCERPT = 66


@dataclass(frozen=True)
class Hit:
    """An exercise found: the places of the letters found in its title and its id, and the line of its statement."""

    exercise: Exercise
    in_title: tuple[int, ...] = ()
    in_id: tuple[int, ...] = ()
    line: str = ""


def ranked(query: str, exercises: Iterable[Exercise]) -> list[Hit]:
    """The exercises whose title or id has every word of the query, best first; all in their order for an empty query.

    Best is a word found as it is, at its beginning, early; least is one whose letters only come in this order, close together.
    """
    words = query.lower().split()
    found = []
    for place, exercise in enumerate(exercises):
        titles, ids = [_match(w, exercise.title) for w in words], [_match(w, exercise.id) for w in words]
        best = [max(title[0], id[0]) for title, id in zip(titles, ids, strict=True)]
        if all(best):
            # Letters are marked where the word was found better, so that a chance find elsewhere is not.
            pairs = list(zip(titles, ids, best, strict=True))
            in_title = tuple(at for title, _, top in pairs if title[0] == top for at in title[1])
            in_id = tuple(at for _, id, top in pairs if id[0] == top for at in id[1])
            found.append((-sum(best), place, Hit(exercise, in_title, in_id)))
    return [hit for _, _, hit in sorted(found, key=lambda each: each[:2])]


def _match(word: str, text: str) -> tuple[float, tuple[int, ...]]:
    """How well `word` is found in `text` (0: not at all) and where its letters are."""
    lower = text.lower()
    if len(lower) != len(text):  # a letter that lower() makes two of: places would be wrong
        lower = text
    if (at := lower.find(word)) >= 0:
        starts = [place for place in _finds(word, lower) if place == 0 or not lower[place - 1].isalnum()]
        at = starts[0] if starts else at
        whole = at + len(word) == len(lower) or not lower[at + len(word)].isalnum()
        score = 10 + (4 if starts else 0) + (2 if starts and whole else 0) + (1 if word == lower else 0) + 1 / (2 + at)
        return score, tuple(range(at, at + len(word)))
    return _scattered(word, lower)


def _finds(word: str, text: str) -> Iterable[int]:
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + 1)


def _scattered(word: str, text: str) -> tuple[float, tuple[int, ...]]:
    """The letters of the word in their order, from where they are closest: near each other, or at beginnings of words."""
    best: tuple[float, tuple[int, ...]] = (0.0, ())
    if len(word) < 2:
        return best
    initials = [at for at, letter in enumerate(text) if letter.isalnum() and (at == 0 or not text[at - 1].isalnum())]
    if (first := "".join(text[at] for at in initials).find(word)) >= 0:
        return 3.0, tuple(initials[first : first + len(word)])
    for start in _finds(word[0], text):
        places = [start]
        for letter in word[1:]:
            at = text.find(letter, places[-1] + 1)
            if at < 0:
                return best
            places.append(at)
        good = sum(at == 0 or not text[at - 1].isalnum() or at - 1 in places for at in places)
        span = places[-1] - places[0] + 1
        near = span * 2 <= len(word) * 3 or (good * 4 >= len(word) * 3 and span <= len(word) * 4)
        if near and (score := good / len(word) + len(word) / span) > best[0]:
            best = score, tuple(places)
    return best


def line_with(query: str, statement: str) -> str | None:
    """The line of the statement that has the query, else the first with one of its words if all are there somewhere."""
    words, lower = query.lower().split(), statement.lower()
    if not words or not all(word in lower for word in words):
        return None
    lines = statement.splitlines()
    whole = next((line for line in lines if " ".join(words) in " ".join(line.lower().split())), None)
    found = whole or next((line for line in lines if words[0] in line.lower()), "")
    return _excerpt(" ".join(found.split()), words[0])


def _excerpt(line: str, word: str) -> str:
    """So much of the line around the word as one line of the list holds, made safe to show."""
    at = line.lower().find(word)
    start = max(0, min(at - EXCERPT // 2, len(line) - EXCERPT)) if len(line) > EXCERPT else 0
    return one_line(("…" if start else "") + line[start:], EXCERPT)


class Search(ModalScreen[str | None]):
    """Returns the id of the exercise to open, or None."""

    CSS_PATH = "search.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Close", id="search-leave"),
        Binding("down", "move(1)", "Down", show=False, id="search-down"),
        Binding("up", "move(-1)", "Up", show=False, id="search-up"),
        Binding("pagedown", "move(8)", "Page down", show=False, id="search-page-down"),
        Binding("pageup", "move(-8)", "Page up", show=False, id="search-page-up"),
    ]

    def __init__(self, course: Course, states: Mapping[str, State], statement: Callable[[str], str]) -> None:
        """`statement` reads one statement by id; it is not called before something is typed."""
        super().__init__()
        self._exercises = list(course.exercises.values())
        self._states = states
        self._read = statement
        self._statements: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        with Vertical(id="search") as box:
            box.border_title = "Search"
            yield Input(placeholder="id, title or words of the statement", id="search-input", compact=True)
            yield OptionList(id="search-list", markup=False)
            yield Static(Content("↑ ↓ choose   Enter opens   Esc closes"), id="search-keys", markup=False)

    def on_mount(self) -> None:
        """All exercises, until something is typed."""
        self.query_one("#search-list", OptionList).can_focus = False
        self.query_one(Input).focus()
        self._show("")

    @property
    def found(self) -> list[str]:
        """The ids that are listed, from top to bottom."""
        return [option.id for option in self.query_one("#search-list", OptionList).options if option.id is not None]

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._show(event.value)

    def _show(self, query: str) -> None:
        query = " ".join(query.split())
        listed = self.query_one("#search-list", OptionList)
        listed.clear_options()
        hits = ranked(query, self._exercises)
        self._add(hits)
        self._count(query)
        if len(query) >= SHORTEST_IN_STATEMENT:
            self._look_in_statements(query, {hit.exercise.id for hit in hits})
        else:
            self.workers.cancel_group(self, "statements")

    @work(group="statements", exclusive=True)
    async def _look_in_statements(self, query: str, already: set[str]) -> None:
        rest = [exercise for exercise in self._exercises if exercise.id not in already]
        for start in range(0, len(rest), BATCH):
            lines = [
                (exercise, line_with(query, self._statement(exercise.id))) for exercise in rest[start : start + BATCH]
            ]
            self._add(Hit(exercise, line=line) for exercise, line in lines if line is not None)
            await asyncio.sleep(0)
        self._count(query)

    def _statement(self, exercise: str) -> str:
        if exercise not in self._statements:
            try:
                self._statements[exercise] = self._read(exercise)
            except (GradlingsError, OSError, SyntaxError, ValueError):
                self._statements[exercise] = ""  # found by its title still; opening it tells what is wrong
        return self._statements[exercise]

    def _add(self, hits: Iterable[Hit]) -> None:
        listed = self.query_one("#search-list", OptionList)
        listed.add_options([Option(self._label(hit), id=hit.exercise.id) for hit in hits])
        if listed.highlighted is None and listed.option_count:
            listed.highlighted = 0

    def _count(self, query: str) -> None:
        found, of = len(self.found), len(self._exercises)
        text = f"{found} of {of}" if found else "nothing found"
        self.query_one("#search").border_subtitle = text if query else f"{of}"

    def _label(self, hit: Hit) -> Content:
        mark, colour = MARKS[self._states.get(hit.exercise.id, "not_started")]
        label = Content.assemble(
            (f"{mark} ", f"${colour}" if colour != "text-muted" else "dim"),
            _marked(hit.exercise.title, hit.in_title, "bold"),
            "  ",
            _marked(hit.exercise.id, hit.in_id, "dim"),
        )
        if hit.line:
            label = Content("\n").join([label, Content.assemble("    ", (hit.line, "italic dim"))])
        return label

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        option = self.query_one("#search-list", OptionList).highlighted_option
        if option is not None:
            self.dismiss(option.id)

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(event.option_id)

    def on_click(self, event: events.Click) -> None:
        """The field keeps the focus, wherever one clicks."""
        event.stop()
        self.query_one(Input).focus()

    def action_move(self, by: int) -> None:
        """Move the mark in the list while the field keeps the focus."""
        listed = self.query_one("#search-list", OptionList)
        if listed.option_count:
            listed.highlighted = max(0, min((listed.highlighted or 0) + by, listed.option_count - 1))

    def action_leave(self) -> None:
        """Close without a choice."""
        self.dismiss(None)


def _marked(text: str, places: tuple[int, ...], style: str) -> Content:
    """The text with the letters at `places` underlined. Letters are marked only where cleaning has left them in place."""
    shown = one_line(text, 120)
    content = Content.styled(shown, style)
    for at in places if shown == text else ():
        content = content.stylize("not dim bold underline", at, at + 1)
    return content
