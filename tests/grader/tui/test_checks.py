"""The pane of the checks: what is listed, what is open, and what its keys ask for."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable

import pytest
from rich.console import Console
from textual import on
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import OptionList, Static

from grader.model import Check, Curve, Diagnosis, Exercise, Frame, Verdict
from grader.tui.messages import HintWanted
from grader.tui.widgets.check_detail import CheckDetail, Frames, WentWrong
from grader.tui.widgets.checks import Checks
from grader.tui.widgets.comparison import Comparison
from grader.tui.widgets.curve_plot import CurvePlot

from .drawing import drawn

HOSTILE = "[/][red]a[/b] \x1b[2J \u202e"
EXERCISE = Exercise("topic/one", "One")
ARRAYS = {
    "actual": {"dtype": "float64", "shape": [2, 1, 2], "values": [0.71, 2.0, 3.0, 4.0]},
    "expected": {"dtype": "float64", "shape": [2, 1, 2], "values": [0.12, 2.0, 3.0, 4.0]},
    "worst": [0, 0, 0], "rtol": 0.0, "atol": 0.0,
}  # fmt: skip
PASSED = Check("p", "It adds", "passed", duration_s=0.0018)
WRONG = Check(
    "w", "It multiplies, and this title is so long that no list has the room to show it to its very end", "failed",
    message="expected 4, got 0",
    diagnosis=Diagnosis("swapped", "The factors are swapped.", 2), relation="2 times as large",
    comparison=ARRAYS, output="step 1\nstep 2", duration_s=0.0053,
)  # fmt: skip
RAISED = Check(
    "r", "It divides", "error", message="ValueError: bad",
    traceback=(Frame("one.py", 3, "def f(x):"), Frame("one.py", 12, "    return 1 / x")), duration_s=0.3,
)  # fmt: skip
SLOW = Check("s", "It is quick", "timeout", duration_s=5.0)
LEFT = Check("n", "It rests", "not_run")


def verdict(*checks: Check, message: str = "", status: str = "failed") -> Verdict:
    return Verdict("mini", EXERCISE.id, status, 0.0, checks, message)  # type: ignore[arg-type]


class Pane(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int | None] = []

    def compose(self) -> ComposeResult:
        yield Checks(id="checks")

    @on(Checks.LineWanted)
    def _line(self, message: Checks.LineWanted) -> None:
        self.asked.append(message.line)

    @on(HintWanted)
    def _hint(self, message: HintWanted) -> None:
        self.asked.append(message.number)


def run(scenario: Callable[[Pilot[None], Checks], Awaitable[None]], size: tuple[int, int] = (80, 24)) -> Pane:
    async def main() -> Pane:
        app = Pane()
        async with app.run_test(size=size) as pilot:
            app.query_one("#check-list").focus()
            await pilot.pause()
            await scenario(pilot, app.query_one(Checks))
        return app

    return asyncio.run(main())


def listed(checks: Checks) -> list[str]:
    """The lines of the list as they are painted."""
    widget = checks.query_one("#check-list", OptionList)
    return [widget.render_line(y).text.strip() for y in range(widget.option_count)]


def told(checks: Checks) -> str:
    """All that the detail shows."""
    shown = [each for each in checks.query_one(CheckDetail).children if each.display]
    parts = [str(each.content) for each in shown if isinstance(each, Static)]
    if (frames := checks.query_one(Frames)).display:
        console = Console(file=io.StringIO(), width=200)
        for option in frames.options:
            console.print(option.prompt)
        parts.append(console.file.getvalue())  # type: ignore[attr-defined]
    if checks.query_one(Comparison).display:
        parts.append(checks.query_one(Comparison).text)
    return "\n".join(parts)


def test_every_status_has_its_mark_remark_and_time() -> None:
    async def scenario(pilot: Pilot[None], checks: Checks) -> None:
        checks.show(EXERCISE, verdict(PASSED, WRONG, RAISED, SLOW, LEFT))
        await pilot.pause()
        lines = listed(checks)
        assert lines[0].startswith("✓ It adds")
        assert lines[0].endswith("2 ms")
        assert lines[1].startswith("✗ It multiplies")
        assert "…" in lines[1]
        assert lines[1].endswith("5 ms")
        assert "raised an error" in lines[2]
        assert lines[2].endswith("300 ms")
        assert "took too long" in lines[3]
        assert lines[3].endswith("5.0 s")
        assert lines[4].startswith("· It rests")
        assert lines[4].endswith("not run")

    run(scenario)


def test_the_first_failing_check_is_open_and_told_in_order() -> None:
    async def scenario(pilot: Pilot[None], checks: Checks) -> None:
        checks.show(EXERCISE, verdict(PASSED, WRONG, RAISED))
        await pilot.pause()
        assert checks.opened is WRONG
        text = told(checks)
        assert WRONG.title in text
        parts = ["to its very end", "failed", "expected 4, got 0", "What went wrong: The factors are swapped.",
                 "Hint 2 helps: press h",
                 "Measured: 2 times as large", "Printed during this check:", "step 1\nstep 2"]  # fmt: skip
        places = [text.index(part) for part in parts]
        assert places == sorted(places)
        assert "Worst at [0, 0, 0]: yours 0.71, expected 0.12." in text

    run(scenario)


def test_up_and_down_and_j_and_k_open_at_once() -> None:
    async def scenario(pilot: Pilot[None], checks: Checks) -> None:
        checks.show(EXERCISE, verdict(PASSED, WRONG, RAISED))
        await pilot.pause()
        for key, check in (("down", RAISED), ("k", WRONG), ("up", PASSED), ("j", WRONG)):
            await pilot.press(key)
            assert checks.opened is check
            assert check.title in told(checks)

    run(scenario)


def test_a_check_without_a_comparison_shows_no_old_one() -> None:
    async def scenario(pilot: Pilot[None], checks: Checks) -> None:
        checks.show(EXERCISE, verdict(WRONG, PASSED))
        await pilot.press("down")
        text = told(checks)
        assert "Worst" not in text
        assert "What went wrong" not in text
        assert "Printed" not in text

    run(scenario)


def test_checks_stream_in_and_the_verdict_keeps_their_lines() -> None:
    async def scenario(pilot: Pilot[None], checks: Checks) -> None:
        checks.begin(EXERCISE)
        await pilot.pause()
        assert "grading ..." in told(checks)
        checks.add(PASSED)
        assert checks.opened is None
        checks.add(WRONG)
        assert checks.opened is WRONG
        options = checks.query_one("#check-list", OptionList).options
        checks.show(EXERCISE, verdict(PASSED, WRONG, RAISED))
        await pilot.pause()
        assert checks.query_one("#check-list", OptionList).options[:2] == options[:2]
        assert len(listed(checks)) == 3
        assert checks.opened is WRONG

    run(scenario)


def test_a_grading_that_begins_again_forgets_the_first() -> None:
    async def scenario(pilot: Pilot[None], checks: Checks) -> None:
        checks.begin(EXERCISE)
        checks.add(RAISED)
        checks.begin(EXERCISE)
        assert checks.opened is None
        checks.add(PASSED)
        await pilot.pause()
        assert len(listed(checks)) == 1
        checks.show(EXERCISE, verdict(SLOW))
        await pilot.pause()
        assert checks.opened is SLOW
        assert len(listed(checks)) == 1

    run(scenario)


def test_a_verdict_without_checks_says_why() -> None:
    async def scenario(pilot: Pilot[None], checks: Checks) -> None:
        checks.show(EXERCISE, verdict(message=f"The file is still the stub. {HOSTILE}", status="not_started"))
        await pilot.pause()
        note = checks.query_one("#check-note", Static)
        assert note.display
        assert "still the stub. [/][red]a[/b] ␛[2J <U+202E>" in str(note.content)
        assert checks.opened is None
        checks.clear("Not graded yet: save the file.")
        await pilot.pause()
        assert not note.display
        assert "Not graded yet: save the file." in told(checks)

    run(scenario)


def test_where_all_passed_the_first_is_open() -> None:
    async def scenario(pilot: Pilot[None], checks: Checks) -> None:
        checks.show(EXERCISE, verdict(PASSED, status="passed"))
        await pilot.pause()
        assert checks.opened is PASSED
        assert "(passed, 2\N{NO-BREAK SPACE}ms)" in told(checks)

    run(scenario)


def test_enter_goes_to_the_frames_and_enter_again_asks_for_the_line() -> None:
    async def scenario(pilot: Pilot[None], checks: Checks) -> None:
        checks.show(EXERCISE, verdict(RAISED))
        await pilot.pause()
        assert "return 1 / x" in told(checks)
        await pilot.press("enter", "enter", "k", "enter", "escape")
        assert pilot.app.focused is checks.query_one("#check-list")

    assert run(scenario).asked == [12, 3]


def test_frames_are_asked_for_where_they_are_another_checks() -> None:
    async def scenario(pilot: Pilot[None], checks: Checks) -> None:
        many = Check("m", "Deep", "error", traceback=tuple(Frame("one.py", n, f"f({n})") for n in range(1, 31)))
        checks.show(EXERCISE, verdict(RAISED, many))
        await pilot.press("down", "enter", "enter")
        checks.show(EXERCISE, verdict(many, RAISED))
        await pilot.pause()
        await pilot.press("home", "enter")

    assert run(scenario).asked == [30, 11]


def test_a_click_on_the_diagnosis_asks_for_its_hint() -> None:
    async def scenario(pilot: Pilot[None], checks: Checks) -> None:
        checks.show(EXERCISE, verdict(WRONG))
        await pilot.pause()
        await pilot.click(WentWrong, offset=(4, 1))

    assert run(scenario).asked == [2]


def test_m_and_the_slices_from_the_list() -> None:
    async def scenario(pilot: Pilot[None], checks: Checks) -> None:
        checks.show(EXERCISE, verdict(WRONG, PASSED))
        await pilot.pause()
        drawn = checks.query_one(Comparison)
        await pilot.press("m", "greater_than_sign")
        assert drawn.numbers
        assert "[1, :, :] of (2, 1, 2)" in drawn.text
        checks.set_numbers(False)
        assert not drawn.numbers
        await pilot.press("down", "m")
        assert not drawn.numbers

    run(scenario)


def test_page_keys_turn_the_detail_from_the_list() -> None:
    async def scenario(pilot: Pilot[None], checks: Checks) -> None:
        checks.show(EXERCISE, verdict(WRONG, PASSED))
        await pilot.pause()
        detail = checks.query_one(CheckDetail)
        for there, back in (("space", "backspace"), ("pagedown", "pageup")):
            await pilot.press(there)
            assert detail.scroll_offset.y > 0
            await pilot.press(back)
            assert detail.scroll_offset.y == 0
        assert checks.opened is WRONG

    run(scenario, (60, 16))


@pytest.mark.parametrize(("width", "beside"), [(80, False), (109, False), (110, True), (200, True)])
def test_the_detail_is_beside_the_list_where_there_is_room(width: int, beside: bool) -> None:
    async def scenario(pilot: Pilot[None], checks: Checks) -> None:
        checks.show(EXERCISE, verdict(*(Check(str(n), f"Check {n}", "failed") for n in range(40))))
        await pilot.pause()
        rows, detail = checks.query_one("#check-list").region, checks.query_one(CheckDetail).region
        assert (detail.x >= rows.right) is beside
        assert beside or detail.y >= rows.bottom
        assert beside or rows.height <= 0.4 * 24
        assert detail.bottom == 24

    run(scenario, (width, 24))


def test_what_the_learner_wrote_is_data_everywhere() -> None:
    async def scenario(pilot: Pilot[None], checks: Checks) -> None:
        evil = Check(
            "e",
            HOSTILE,
            "error",
            HOSTILE,
            Diagnosis("m", HOSTILE, 1),
            HOSTILE,
            (Frame(HOSTILE, 1, HOSTILE),),
            None,
            HOSTILE,
        )
        checks.show(EXERCISE, verdict(evil, message=HOSTILE))
        await pilot.pause()
        text = told(checks) + "".join(listed(checks)) + str(checks.query_one("#check-note", Static).content)
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert text.count("[/][red]a[/b] ␛[2J <U+202E>") >= 7

    run(scenario)


def test_much_output_is_cut_to_its_end() -> None:
    async def scenario(pilot: Pilot[None], checks: Checks) -> None:
        output = "\n".join(f"line {n}" for n in range(9_000)) + "\n" + "x" * 5_000
        checks.show(EXERCISE, verdict(Check("o", "Talks", "failed", message="m" * 9_000, output=output)))
        await pilot.pause()
        text = told(checks)
        assert "(the last 40 of 9001 lines)" in text
        assert "line 8999" in text
        assert "line 8960\n" not in text
        assert len(text) < 10_000
        assert text.endswith("x …")

    run(scenario)


CURVES = (
    Curve("loss", (0.0, 10.0, 20.0), (4.0, 2.5, 1.0)),
    Curve(HOSTILE, (0.0, 1.0), (-1.7e308, 1.7e308)),
    Curve("flat", (3.0,), (0.25,)),
)


def plots(checks: Checks) -> list[Curve]:
    """The curves that are plotted."""
    return [plot.curve for plot in checks.query(CurvePlot) if plot.display and plot.parent and plot.parent.display]


def test_a_check_that_drew_shows_its_curves_and_is_the_one_worth_opening() -> None:
    drawing = Check("d", "It trains", "passed", curves=CURVES, duration_s=30.0)

    async def scenario(pilot: Pilot[None], checks: Checks) -> None:
        checks.show(EXERCISE, verdict(PASSED, drawing, status="passed"))
        await pilot.pause()
        assert checks.opened is drawing
        assert plots(checks) == list(CURVES)
        text = drawn(checks)
        assert "loss from 4 to 1, at 20" in text
        assert "flat 0.25, at 3" in text
        assert "\x1b" not in text
        await pilot.press("up")
        await pilot.pause()
        assert checks.opened is PASSED
        assert "loss" not in drawn(checks)
        checks.show(EXERCISE, verdict(drawing, WRONG))
        await pilot.pause()
        assert checks.opened is WRONG

    run(scenario, (80, 60))


def test_a_running_check_draws_unless_a_check_is_open() -> None:
    async def scenario(pilot: Pilot[None], checks: Checks) -> None:
        checks.begin(EXERCISE)
        checks.add(PASSED)
        checks.draw("It trains", CURVES[:1])
        await pilot.pause()
        (plot,) = checks.query(CurvePlot)
        longer = Curve("loss", (0.0, 10.0, 20.0, 30.0), (4.0, 2.5, 1.0, 0.5))
        checks.draw("It trains", (longer, CURVES[2]))
        await pilot.pause()
        assert plots(checks) == [longer, CURVES[2]]
        assert plot.curve == longer
        checks.add(WRONG)
        checks.draw("It trains", CURVES[:1])
        await pilot.pause()
        assert checks.opened is WRONG
        assert plots(checks) == []
        checks.begin(EXERCISE)
        checks.draw("It trains", CURVES[2:])
        await pilot.pause()
        assert plots(checks) == [CURVES[2]]

    run(scenario, (80, 40))
