"""The pane of the solution: closed, open, and the card of a pass."""

from __future__ import annotations

from datetime import UTC, datetime

from textual.pilot import Pilot

from grader.model import Check, Exercise, Verdict
from grader.results import Outcome, ReviewOutcome
from grader.tui.messages import HintWanted
from grader.tui.widgets.solution import SolutionPane
from grader.tui.widgets.source_view import SourceView

from .drawing import HARMLESS, HOSTILE, Around, drawn, play, said

EXERCISE = Exercise("a/b", "The title", hints=("x", "y", "z", "w"), points=15, learnt="A mean has weights.")
CHECKS = tuple(Check(f"c{n}", "C", "passed") for n in range(3))
VERDICT = Verdict("course", "a/b", "passed", 1.0, CHECKS)
OUTCOME = Outcome(EXERCISE, VERDICT, None, True, True, ("a/c", "a/d"), "a/c")
SOLUTION = "def f():\n    return 1\n"
YOURS = '"""The statement,\nin two lines."""\n\nimport math\n\n\ndef f():\n    return math.cos(0)\n'


def _words(pane: SolutionPane) -> str:
    return " ".join(drawn(pane).split())


def test_closed_while_hints_are_left_and_enter_asks_for_one() -> None:
    pane = SolutionPane()

    async def scenario(app: Around, pilot: Pilot[None]) -> None:
        pane.focus()
        pane.locked(EXERCISE, 1)
        await pilot.press("enter")
        assert "The worked solution is closed." in _words(pane)
        assert "1 of 4" in _words(pane)
        assert len(said(app, HintWanted)) == 1
        assert said(app, SolutionPane.SolutionWanted) == []

    play(pane, scenario)


def test_after_all_hints_enter_asks_for_the_solution() -> None:
    pane = SolutionPane()

    async def scenario(app: Around, pilot: Pilot[None]) -> None:
        pane.focus()
        pane.locked(EXERCISE, 4)
        await pilot.press("enter")
        assert "marked as assisted" in _words(pane)
        assert [message.exercise for message in said(app, SolutionPane.SolutionWanted)] == ["a/b"]
        assert said(app, HintWanted) == []
        # Once it is open there is nothing to ask for.
        pane.show(EXERCISE, SOLUTION, YOURS, assisted=True)
        await pilot.press("enter")
        assert len(said(app, SolutionPane.SolutionWanted)) == 1

    play(pane, scenario)


def test_the_solution_stands_above_or_beside_the_learners_code() -> None:
    pane = SolutionPane()

    async def scenario(_app: Around, pilot: Pilot[None]) -> None:
        pane.show(EXERCISE, SOLUTION, YOURS, assisted=False)
        await pilot.pause()
        assert "The worked solution" in drawn(pane)
        assert "assisted" not in drawn(pane)
        worked, yours = pane.query_one("#worked", SourceView), pane.query_one("#yours", SourceView)
        assert worked.region.bottom <= yours.region.y
        assert worked.region.x == yours.region.x
        await pilot.resize_terminal(150, 40)
        await pilot.pause()
        assert worked.region.y == yours.region.y
        assert worked.region.right <= yours.region.x

    play(pane, scenario)


def test_the_statement_is_left_out_of_the_learners_code_and_numbers_stay() -> None:
    pane = SolutionPane()

    async def scenario(_app: Around, pilot: Pilot[None]) -> None:
        pane.show(EXERCISE, SOLUTION, YOURS, assisted=False)
        await pilot.pause()
        assert drawn(pane.query_one("#yours", SourceView)).splitlines()[0] == "4  import math"
        assert "from line 4" in drawn(pane)
        for source in ('"""Only a statement."""\n', "def broken(:\n", "x = 1\n"):
            pane.show(EXERCISE, SOLUTION, source, assisted=False)
            await pilot.pause()
            assert drawn(pane.query_one("#yours", SourceView)).splitlines()[0] == f"1  {source}".rstrip()

    play(pane, scenario)


def test_the_card_of_a_pass() -> None:
    pane = SolutionPane()

    async def scenario(_app: Around, pilot: Pilot[None]) -> None:
        pane.celebrate(OUTCOME, 3, SOLUTION, YOURS)
        await pilot.pause()
        words = _words(pane)
        for told in (
            "✓ Passed", "The title", "3 attempts", "all 3 checks", "15 points", "A mean has weights.", "a/c, a/d",
            "Next a/c n goes there", "return 1", "return math.cos(0)",
        ):  # fmt: skip
            assert told in words, told

    play(pane, scenario, (80, 40))


def test_the_card_of_another_pass_and_of_the_last_one() -> None:
    pane = SolutionPane()

    async def scenario(_app: Around, pilot: Pilot[None]) -> None:
        pane.celebrate(Outcome(EXERCISE, VERDICT), 1, SOLUTION, YOURS)
        await pilot.pause()
        words = _words(pane)
        assert "1 attempt " in words
        assert "passed before" in words
        assert "15 points" not in words
        assert "Opens" not in words
        assert "Every exercise of the course is passed." in words

    play(pane, scenario, (80, 40))


def test_the_card_of_a_review_says_when_it_comes_back() -> None:
    pane = SolutionPane()
    outcome = ReviewOutcome(EXERCISE, VERDICT, next="a/c", rating="good", due=datetime(2026, 3, 15, 12, tzinfo=UTC))

    async def scenario(_app: Around, pilot: Pilot[None]) -> None:
        pane.celebrate(outcome, 3, SOLUTION, YOURS)
        await pilot.pause()
        assert "✓ Reviewed" in drawn(pane)
        assert "rated good" in drawn(pane)
        assert "on 15 March 2026" in drawn(pane)

    play(pane, scenario, (80, 40))


def test_the_card_stays_until_the_code_or_the_exercise_is_another() -> None:
    pane = SolutionPane()

    async def scenario(_app: Around, pilot: Pilot[None]) -> None:
        pane.celebrate(OUTCOME, 3, SOLUTION, YOURS)
        pane.show(EXERCISE, SOLUTION, YOURS, assisted=False)
        await pilot.pause()
        assert "A mean has weights." in drawn(pane)
        pane.show(EXERCISE, SOLUTION, YOURS + "x = 1\n", assisted=False)
        await pilot.pause()
        assert "A mean has weights." not in drawn(pane)
        pane.celebrate(OUTCOME, 3, SOLUTION, YOURS)
        pane.locked(Exercise("a/c", "C", hints=("x",)), 0)
        await pilot.pause()
        assert "A mean has weights." not in drawn(pane)
        assert "return 1" not in drawn(pane)
        pane.show(EXERCISE, SOLUTION, YOURS, assisted=False)
        await pilot.pause()
        assert "A mean has weights." not in drawn(pane)

    play(pane, scenario, (80, 40))


def test_a_sealed_course_keeps_its_solutions() -> None:
    pane = SolutionPane()

    async def scenario(_app: Around, pilot: Pilot[None]) -> None:
        pane.celebrate(OUTCOME, 1, "", YOURS)
        await pilot.pause()
        assert "keeps its solutions to itself" in _words(pane)
        assert "The worked solution" not in drawn(pane)
        assert "return math.cos(0)" in drawn(pane)

    play(pane, scenario, (80, 40))


def test_an_assisted_solution_says_so() -> None:
    pane = SolutionPane()

    async def scenario(_app: Around, pilot: Pilot[None]) -> None:
        pane.show(EXERCISE, SOLUTION, YOURS, assisted=True)
        await pilot.pause()
        assert "marked as assisted" in _words(pane)

    play(pane, scenario)


def test_what_comes_from_course_and_learner_is_data() -> None:
    pane = SolutionPane()
    exercise = Exercise("a/b", HOSTILE, learnt=HOSTILE)

    async def scenario(_app: Around, pilot: Pilot[None]) -> None:
        outcome = Outcome(exercise, VERDICT, None, True, True, (HOSTILE,), HOSTILE)
        pane.celebrate(outcome, 1, f"# {HOSTILE}\n", f"x = 1  # {HOSTILE}\n")
        await pilot.pause()
        assert drawn(pane).count(HARMLESS) == 6
        assert "\x1b" not in drawn(pane)

    play(pane, scenario, (80, 40))


def test_keys_scroll() -> None:
    pane = SolutionPane()

    async def scenario(_app: Around, pilot: Pilot[None]) -> None:
        pane.focus()
        pane.show(EXERCISE, "x = 1\n" * 100, YOURS, assisted=False)
        await pilot.pause()
        await pilot.press("j", "j", "down", "k")
        await pilot.wait_for_scheduled_animations()
        assert pane.scroll_y == 2
        # Another exercise is shown from its top.
        pane.show(Exercise("a/c", "C"), "x = 1\n" * 100, YOURS, assisted=False)
        await pilot.pause()
        assert pane.scroll_y == 0

    play(pane, scenario)
