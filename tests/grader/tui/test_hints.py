"""The pane of hints: what is taken, what comes next, and that it asks."""

from __future__ import annotations

from textual.pilot import Pilot
from textual.widgets import Static

from grader.model import Exercise
from grader.results import Hint
from grader.tui.messages import HintWanted
from grader.tui.widgets.hints import Hints, stage_of

from .drawing import HARMLESS, HOSTILE, Around, drawn, play, said

TEXTS = ("think of a mean", "rows `(n, d)` and a_b*c*d", "y = x W", "`x @ W`, written out")
EXERCISE = Exercise("a/b", "B", hints=TEXTS)


def _taken(count: int, exercise: Exercise = EXERCISE) -> list[Hint]:
    total = len(exercise.hints)
    return [Hint(exercise.id, n + 1, total, exercise.hints[n]) for n in range(count)]


def test_hints_taken_are_shown_in_order_with_their_stage_and_no_more() -> None:
    hints = Hints()

    async def scenario(_app: Around, pilot: Pilot[None]) -> None:
        hints.show(EXERCISE, _taken(2))
        await pilot.pause()
        text = drawn(hints)
        assert text.index("1 of 4  the idea") < text.index(TEXTS[0]) < text.index("2 of 4  the shapes")
        assert "rows (n, d) and a_b*c*d" in text
        assert TEXTS[2] not in text
        assert "2 of 4 hints taken" in text
        assert "gives the next: the equation." in text
        assert len(hints.query(".hint.-newest")) == 1

    play(hints, scenario)


def test_enter_asks_for_the_next_hint_until_there_is_none() -> None:
    hints = Hints()

    async def scenario(app: Around, pilot: Pilot[None]) -> None:
        hints.focus()
        hints.show(EXERCISE, [])
        await pilot.press("enter")
        assert len(said(app, HintWanted)) == 1
        assert "none is taken yet" in drawn(hints)
        hints.show(EXERCISE, _taken(4))
        await pilot.press("enter")
        assert len(said(app, HintWanted)) == 1
        assert "That was the last hint. The worked solution may be opened now: 5." in " ".join(drawn(hints).split())

    play(hints, scenario)


def test_an_exercise_without_hints_says_so() -> None:
    hints = Hints()

    async def scenario(app: Around, pilot: Pilot[None]) -> None:
        hints.focus()
        hints.show(Exercise("a/c", "C"), [])
        await pilot.press("enter")
        assert "has no hints" in drawn(hints)
        assert said(app, HintWanted) == []

    play(hints, scenario)


def test_the_hint_just_taken_is_in_sight_from_its_beginning() -> None:
    long = Exercise("a/b", "B", hints=tuple(f"hint {n}: " + "words of it " * 60 for n in range(4)))
    hints = Hints()

    async def scenario(_app: Around, pilot: Pilot[None]) -> None:
        hints.show(long, _taken(2, long))
        await pilot.pause()
        hints.show(long, _taken(3, long))
        await pilot.pause()
        await pilot.pause()
        newest = hints.query_one(".-newest", Static)
        assert newest.region.y == hints.region.y
        assert len(hints.query(".hint")) == 3

    play(hints, scenario, (60, 16))


def test_hints_of_another_exercise_take_their_place() -> None:
    hints = Hints()

    async def scenario(_app: Around, pilot: Pilot[None]) -> None:
        hints.show(EXERCISE, _taken(2))
        hints.show(Exercise("a/c", "C", hints=(HOSTILE, "y")), [Hint("a/c", 1, 2, HOSTILE)])
        await pilot.pause()
        text = drawn(hints)
        assert HARMLESS in text
        assert TEXTS[0] not in text
        assert "1 of 2" in text
        assert "the idea" not in text

    play(hints, scenario)


def test_stages_are_named_only_where_there_are_four() -> None:
    assert [stage_of(n, 4) for n in (1, 2, 3, 4)] == ["the idea", "the shapes", "the equation", "the line"]
    assert stage_of(1, 3) == ""
