"""How a comparison is drawn: with colours, without, as numbers, cut to a window, slice by slice, under a cursor."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from rich.color import ColorSystem
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from grader.grids import Grid
from grader.tui.heatmap import DIVERGING, VIRIDIS, scale_of
from grader.tui.screens.comparison import ComparisonScreen
from grader.tui.widgets.comparison import Comparison

HOSTILE = "[/][red]a[/b] \x1b[2J \u202e"


def comparison(shape: list[int], mine: list[Any], wanted: list[Any], worst: list[int] | None) -> dict[str, Any]:
    sides = ({"dtype": "float64", "shape": shape, "values": values} for values in (mine, wanted))
    actual, expected = sides
    return {"actual": actual, "expected": expected, "worst": worst, "rtol": 1e-9, "atol": 1e-12}


def ramp(*shape: int, worst: list[int]) -> dict[str, Any]:
    """Counting numbers, one of them wrong by a thousand."""
    wanted = [float(n) for n in range(math.prod(shape))]
    flat = 0
    for i, n in zip(worst, shape, strict=True):
        flat = flat * n + i
    mine = [x + 1000 * (n == flat) for n, x in enumerate(wanted)]
    return comparison(list(shape), mine, wanted, worst)


class Drawn(App[None]):
    def __init__(self, *, coloured: bool) -> None:
        super().__init__()
        self.no_color = not coloured
        self.console._color_system = ColorSystem.TRUECOLOR

    def compose(self) -> ComposeResult:
        yield Comparison()


def draw(
    given: dict[str, Any], width: int = 120, *, coloured: bool = True, numbers: bool = False, step: int = 0
) -> Comparison:
    async def scenario() -> Comparison:
        app = Drawn(coloured=coloured)
        async with app.run_test(size=(width, 40)) as pilot:
            drawn = app.query_one(Comparison)
            drawn.show(given)
            drawn.set_numbers(numbers)
            drawn.step(step)
            await pilot.pause()
            assert all(drawn.render_line(y).cell_length == drawn.size.width for y in range(drawn.size.height))
            assert len(drawn.text.split("\n")) == drawn.size.height
            drawn.kept = drawn.text  # type: ignore[attr-defined]
            drawn.colours = [  # type: ignore[attr-defined]
                segment.style.bgcolor
                for y in range(drawn.size.height)
                for segment in drawn.render_line(y)
                if segment.style
            ]
            return drawn

    return asyncio.run(scenario())


def text(*args: Any, **more: Any) -> str:
    return draw(*args, **more).kept  # type: ignore[attr-defined,no-any-return]


def test_small_arrays_carry_their_numbers_and_the_worst_is_bracketed() -> None:
    lines = text(comparison([1, 2], [0.71, 3.0], [0.12, 3.0], [0, 0])).split("\n")
    assert lines[0] == "Worst at [0, 0]: yours 0.71, expected 0.12."
    assert lines[2].split() == ["yours", "expected", "difference"]
    assert lines[3].split() == ["[0.71]", "3", "[0.12]", "3", "[0.59]", "0"]
    assert "[ ] the worst" in lines[-1]


@pytest.mark.parametrize("width", [120, 74, 30])
def test_larger_ones_are_cells_with_a_marker_and_a_scale(width: int) -> None:
    shown = text(ramp(12, 12, worst=[2, 5]), width)
    # Three pictures and the legend, which has two signs for halves.
    assert (shown.count("◆◆"), shown.count("◓") + shown.count("◒")) in [(4, 0), (0, 5)]
    assert "0 " in shown
    assert "1029" in shown
    assert "+1000" in shown


@pytest.mark.parametrize(("row", "marker"), [(40, "◓"), (41, "◒")])
def test_half_blocks_tell_which_half_is_the_worst(row: int, marker: str) -> None:
    drawn = draw(ramp(64, 64, worst=[row, 20]))
    body = drawn.kept.rsplit("\n\n", 1)[0]  # type: ignore[attr-defined]
    assert body.count(marker) == 3
    assert body.count("◓") + body.count("◒") == 3
    assert "▀" in body


def test_both_sides_share_one_scale_and_differences_are_centred() -> None:
    scale = scale_of(Grid((2,), (0.0, 5.0)), Grid((2,), (10.0, 5.0)), Grid((2,), (-10.0, 0.0)), coloured=True)
    assert scale.colour("values", 0.0) == VIRIDIS[0]
    assert scale.colour("values", 10.0) == VIRIDIS[-1]
    assert scale.colour("difference", -10.0) == DIVERGING[0]
    assert scale.colour("difference", 0.0) == DIVERGING[2]
    assert scale.colour("difference", 10) == DIVERGING[-1]


def test_the_largest_floats_and_equal_ones_have_a_level() -> None:
    big = 1.7e308
    scale = scale_of(Grid((2,), (-big, big)), Grid((1,), (0.0,)), None, coloured=True)
    assert [scale.level("values", x) for x in (-big, 0.0, big)] == [0.0, 0.5, 1.0]
    assert scale.level("difference", 0.0) == 0.5


@pytest.mark.parametrize("coloured", [True, False])
def test_what_is_not_finite_has_its_characters(coloured: bool) -> None:
    given = ramp(10, 10, worst=[5, 5])
    given["actual"]["values"][0:3] = ["NaN", "Infinity", "-Infinity"]
    shown = text(given, coloured=coloured)
    assert shown.split("\n")[3].startswith("??+∞-∞")
    assert all(entry in shown for entry in ("?? NaN", "+∞ infinity", "-∞ -infinity"))


def test_in_half_blocks_too_each_in_its_half() -> None:
    given = ramp(64, 64, worst=[30, 5])
    values = given["actual"]["values"]
    values[28 * 64 + 3], values[29 * 64 + 4], values[28 * 64 + 7], values[29 * 64 + 7] = "NaN", "NaN", "NaN", "NaN"
    both = next(row for row in text(given).split("\n") if "ⁿ" in row)
    assert (both.index("ₙ") - both.index("ⁿ"), both.index("n") - both.index("ⁿ")) == (1, 4)


def test_without_colour_densities_and_signs_tell() -> None:
    given = comparison([2, 12], [0.0] * 12 + [9.0] * 12, [0.0] * 6 + [9.0] * 6 + [0.0] * 12, [1, 0])
    drawn = draw(given, coloured=False)
    top, bottom = drawn.kept.split("\n")[3:5]  # type: ignore[attr-defined]
    assert "██" in bottom
    assert "==" in top  # yours is less
    assert "##" in bottom  # yours is more
    assert "··" in top
    assert len(set(drawn.colours)) == 1  # type: ignore[attr-defined]


def test_without_colour_large_arrays_have_a_row_a_line() -> None:
    given = ramp(64, 64, worst=[30, 5])
    given["actual"]["values"][30 * 64 + 7] = "Infinity"
    row = next(line for line in text(given, coloured=False).split("\n") if "^" in line)
    assert row.count("◆") == 3
    assert row.count("^") == 2  # yours and the difference
    assert "▀" not in text(given, coloured=False)


def test_numbers_have_no_colours_beside_the_background() -> None:
    given = comparison([1, 2], [0.71, 3.0], [0.12, 3.0], [0, 0])
    assert len(set(draw(given, numbers=True).colours)) == 1  # type: ignore[attr-defined]
    assert len(set(draw(given).colours)) > 4  # type: ignore[attr-defined]


def test_numbers_are_cut_around_the_worst() -> None:
    shown = text(ramp(40, 40, worst=[30, 31]), numbers=True)
    assert "[2231]" in shown
    assert "[1231]" in shown
    assert "[1000]" in shown
    assert "▀" not in shown
    assert "yours [" in shown


def test_shapes_that_differ_are_told_and_drawn_each_by_itself() -> None:
    given = comparison([2, 3], [1.0] * 6, [1.0] * 6, None)
    given["expected"]["shape"] = [3, 2]
    shown = text(given)
    assert "The shapes differ: yours is (2, 3), expected is (3, 2)." in shown
    assert "yours (2, 3)" in shown
    assert "expected (3, 2)" in shown
    assert "difference" not in shown


def test_booleans_show_where_they_differ() -> None:
    shown = text(comparison([3], [True, False, True], [True, True, True], [1]))
    assert "where they differ" in shown
    assert "[≠]" in shown
    assert "False " in shown.split("\n")[-1]


def test_of_many_axes_the_slice_of_the_worst_is_first_and_others_follow() -> None:
    given = ramp(4, 2, 8, 8, worst=[2, 1, 3, 3])
    assert "[2, 1, :, :] of (4, 2, 8, 8)" in text(given)
    assert "[1347]" in text(given)
    following = text(given, step=1)
    assert "[3, 0, :, :] of (4, 2, 8, 8)" in following
    assert "[1347]" not in following
    assert "[0, 0, :, :]" in text(given, step=3)


def test_a_scalar_and_a_row() -> None:
    assert text(comparison([], [2.0], [1.0], [])).split("\n")[3].split() == ["[2]", "[1]", "[1]"]
    assert text(ramp(30, worst=[7]), 80).count("◆◆") == 4


def test_too_large_and_broken_data_are_a_sentence() -> None:
    assert text(comparison([99, 99], None, None, [0, 0])) == "The arrays of shape (99, 99) are too large to be drawn."  # type: ignore[arg-type]
    assert text({"actual": None, "expected": None}) == "There is nothing to draw."


def test_values_of_strange_text_stay_text() -> None:
    shown = text(comparison([2], [HOSTILE, "1+2j"], ["x", "y"], [0]))
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "1+2j" in shown


# -- the whole screen ----------------------------------------------------------------------------------------------------


def on_screen(
    given: dict[str, Any], then: Callable[[Pilot[None], Comparison], Awaitable[None]], *, numbers: bool = False
) -> None:
    async def scenario() -> None:
        app = Drawn(coloured=True)
        async with app.run_test(size=(80, 24)) as pilot:
            app.push_screen(ComparisonScreen(HOSTILE, given, numbers))
            await pilot.pause()
            await then(pilot, app.screen.query_one(Comparison))

    asyncio.run(scenario())


def test_the_cursor_starts_at_the_worst_and_tells_three_numbers() -> None:
    async def then(pilot: Pilot[None], drawn: Comparison) -> None:
        assert "At [2, 5]: yours 1029, expected 29, difference 1000" in drawn.text
        await pilot.press("left", "k")
        assert "At [1, 4]: yours 16, expected 16, difference 0" in drawn.text
        await pilot.press("w")
        assert "At [2, 5]: yours 1029" in drawn.text

    on_screen(ramp(12, 12, worst=[2, 5]), then)


def test_the_window_follows_the_cursor_to_the_ends() -> None:
    async def then(pilot: Pilot[None], drawn: Comparison) -> None:
        for key, place in (
            ("pagedown", "[63, 20]"),
            ("shift+right", "[63, 63]"),
            ("pageup", "[0, 63]"),
            ("shift+left", "[0, 0]"),
        ):
            for _ in range(8):
                await pilot.press(key)
            assert f"At {place}:" in drawn.text
            body = drawn.text.rsplit("\n\n", 1)[0]
            assert body.count("▲") + body.count("▼") == 3

    on_screen(ramp(64, 64, worst=[40, 20]), then)


def test_m_shows_numbers_and_back_and_the_setting_is_where_it_begins() -> None:
    async def then(pilot: Pilot[None], drawn: Comparison) -> None:
        assert drawn.numbers
        assert "[1029]" in drawn.text
        await pilot.press("m")
        assert not drawn.numbers
        assert "[1029]" not in drawn.text

    on_screen(ramp(12, 12, worst=[2, 5]), then, numbers=True)


def test_slices_turn_and_q_closes() -> None:
    async def then(pilot: Pilot[None], drawn: Comparison) -> None:
        await pilot.press("less_than_sign")
        assert "[0, :, :] of (2, 3, 3)" in drawn.text
        await pilot.press("greater_than_sign")
        assert "[1, :, :] of (2, 3, 3)" in drawn.text
        await pilot.press("q")
        assert not isinstance(pilot.app.screen, ComparisonScreen)

    on_screen(ramp(2, 3, 3, worst=[1, 1, 1]), then)


def test_nothing_to_draw_has_no_cursor() -> None:
    async def then(pilot: Pilot[None], drawn: Comparison) -> None:
        await pilot.press("left", "m", "w", "greater_than_sign")
        assert drawn.text == "The arrays of shape (99, 99) are too large to be drawn."

    on_screen(comparison([99, 99], None, None, [0, 0]), then)  # type: ignore[arg-type]
