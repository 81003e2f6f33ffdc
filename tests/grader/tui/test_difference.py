"""The screens that show a difference and a source: what is drawn at which width, and what the keys do."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from grader.tui.code_lines import HIGHLIGHTED_LINES, LONGEST_LINE, code_lines, pieces, shown_source
from grader.tui.screens.difference import DifferenceScreen
from grader.tui.screens.source import SourceScreen
from grader.tui.widgets.difference_view import MOST_LINES, DifferenceView
from grader.tui.widgets.scroller import Scroller
from grader.tui.widgets.source_view import SourceView

from .drawing import HARMLESS, HOSTILE, Around, drawn, play

OLD = "def f(x):\n    y = x + 1\n    return y\n"
NEW = "def f(x):\n    y = x - 1\n    return y\nprint(f(1))\n"


def _lines(view: DifferenceView | SourceView) -> list[str]:
    return drawn(view).splitlines()


def test_unified_on_a_narrow_screen() -> None:
    screen = DifferenceScreen(("attempt 1", OLD), ("the file now", NEW))

    async def scenario(_app: Around, _pilot: Pilot[None]) -> None:
        assert _lines(screen.query_one(DifferenceView)) == [
            "1 1   def f(x):",
            "2   -     y = x + 1",
            "  2 +     y = x - 1",
            "3 3       return y",
            "  4 + print(f(1))",
        ]
        text = drawn(screen)
        assert "attempt 1" in text
        assert "the file now" in text
        assert "2 changes, -1 +2 lines" in text

    play(screen, scenario)


def test_side_by_side_on_a_wide_screen() -> None:
    screen = DifferenceScreen(("a", OLD), ("b", NEW))

    async def scenario(_app: Around, pilot: Pilot[None]) -> None:
        left, right = zip(*(line.split("│") for line in _lines(screen.query_one(DifferenceView))), strict=True)
        assert [side.rstrip() for side in left[:3]] == ["1   def f(x):", "2 -     y = x + 1", "3       return y"]
        assert set(left[3]) == {"╱"}
        assert right == ("1   def f(x):", "2 +     y = x - 1", "3       return y", "4 + print(f(1))")
        await pilot.resize_terminal(109, 30)
        await pilot.pause()
        assert not any("│" in line for line in _lines(screen.query_one(DifferenceView)))

    play(screen, scenario, (110, 30))


def test_words_that_changed_are_underlined_and_no_others() -> None:
    screen = DifferenceScreen(("a", OLD), ("b", NEW))

    async def scenario(_app: Around, _pilot: Pilot[None]) -> None:
        view = screen.query_one(DifferenceView)
        marked = [s.text for y in range(5) for s in view.render_line(y) if s.style and s.style.underline]
        assert marked == ["+", "-"]

    play(screen, scenario)


def test_n_and_capital_n_go_from_change_to_change() -> None:
    old = [f"line_{n} = {n}" for n in range(200)]
    new = [*old]
    new[80], new[160] = "changed = 80", "changed = 160"
    screen = DifferenceScreen(("a", "\n".join(old)), ("b", "\n".join(new)))

    async def scenario(_app: Around, pilot: Pilot[None]) -> None:
        await pilot.pause()
        box, view = screen.query_one(Scroller), screen.query_one(DifferenceView)

        def top() -> str:
            return view.render_line(round(box.scroll_y) + 2).text

        places = [top()]
        for key in ("n", "N", "N", "n"):
            await pilot.press(key)
            await pilot.pause()
            places.append(top())
        assert ["line_80 " in place for place in places] == [True, False, True, False, True]
        assert ["line_160 " in place for place in places] == [False, True, False, True, False]

    play(screen, scenario)


@pytest.mark.parametrize(
    ("left", "right", "told"),
    [
        (OLD, OLD, "Nothing differs"),
        (OLD, OLD.rstrip("\n"), "Nothing differs but the line break at the end of the file"),
        (OLD, OLD.replace("\n", "\r\n"), "Nothing differs but the kind of line breaks (CR LF or LF)"),
        ("x = 1\n", "x = 2\n", "1 change, -1 +1 lines"),
        ("", "", "Nothing differs"),
    ],
)
def test_it_says_what_differs(left: str, right: str, told: str) -> None:
    screen = DifferenceScreen(("a", left), ("b", right))

    async def scenario(_app: Around, pilot: Pilot[None]) -> None:
        await pilot.press("n", "N")
        assert screen.summary == told
        assert told in drawn(screen)

    play(screen, scenario)


def test_a_tab_is_seen() -> None:
    screen = DifferenceScreen(("a", "\treturn x\n"), ("b", "    return x\n"))

    async def scenario(_app: Around, _pilot: Pilot[None]) -> None:
        assert _lines(screen.query_one(DifferenceView)) == ["1   - →   return x", "  1 +     return x"]

    play(screen, scenario)


@pytest.mark.parametrize("key", ["escape", "q"])
@pytest.mark.parametrize("screen", [DifferenceScreen, SourceScreen])
def test_keys_close(key: str, screen: type[DifferenceScreen] | type[SourceScreen]) -> None:
    subject = DifferenceScreen(("a", OLD), ("b", NEW)) if screen is DifferenceScreen else SourceScreen("a", OLD)

    async def scenario(app: Around, pilot: Pilot[None]) -> None:
        assert app.screen is subject
        await pilot.press(key)
        await pilot.pause()
        assert app.screen is not subject

    play(subject, scenario)


def test_names_and_sources_are_data() -> None:
    hostile = f'x = "{HOSTILE}"\n'
    screen = DifferenceScreen((HOSTILE, OLD), (HOSTILE, hostile))

    async def scenario(_app: Around, _pilot: Pilot[None]) -> None:
        text = drawn(screen)
        assert text.splitlines()[0].count(HARMLESS) == 2
        assert f'x = "{HARMLESS}"' in text
        assert "\x1b" not in text

    play(screen, scenario)


def test_a_source_is_shown_with_its_name_and_numbers() -> None:
    screen = SourceScreen(f"attempt 1 {HOSTILE}", OLD)

    async def scenario(_app: Around, _pilot: Pilot[None]) -> None:
        assert _lines(screen.query_one(SourceView)) == ["1  def f(x):", "2      y = x + 1", "3      return y"]
        text = drawn(screen)
        assert f"attempt 1 {HARMLESS}" in text
        assert "3 lines" in text

    play(screen, scenario)


def test_long_lines_are_folded_and_numbered_once() -> None:
    screen = SourceScreen("a", "x = [" + "word, " * 30 + "]\ny = 1\n")

    async def scenario(_app: Around, _pilot: Pilot[None]) -> None:
        lines = _lines(screen.query_one(SourceView))
        assert [line.split()[0] for line in lines] == ["1", "word,", "word,", "2"]
        assert "".join(lines).count("word,") == 30

    play(screen, scenario)


def test_a_source_of_five_thousand_lines_is_painted_and_scrolled() -> None:
    screen = SourceScreen("a", "".join(f"x_{n} = {n}\n" for n in range(1, 5_001)))

    async def scenario(_app: Around, pilot: Pilot[None]) -> None:
        await pilot.press("end")
        await pilot.pause()
        box, view = screen.query_one(Scroller), screen.query_one(SourceView)
        last = view.render_line(round(box.scroll_y) + box.scrollable_content_region.height - 1)
        assert last.text.split() == ["5000", "x_5000", "=", "5000"]

    play(screen, scenario)


def test_highlighting_changes_no_text_and_ends_at_its_bound() -> None:
    source = "\n\ndef f():\n    return 'a'  # b\n" * (HIGHLIGHTED_LINES // 4 + 10)
    for dark in (True, False):
        lines = code_lines(shown_source(source), dark=dark)
        assert [line.plain for line in lines] == source.split("\n")[:-1]
        assert lines[2].spans
        assert lines[-1].spans == []
        assert all(
            span.style.bgcolor is None for line in lines for span in line.spans if not isinstance(span.style, str)
        )


def test_a_line_without_end_is_cut() -> None:
    (line,) = code_lines("x" * 1_000_000, dark=True)
    assert len(line) == LONGEST_LINE + 2


def test_folding_keeps_every_character_within_the_width() -> None:
    (line,) = code_lines("語" * 30 + " and words " * 9, dark=True)
    folded = pieces(line, 20)
    assert "".join(piece.plain for piece in folded) == line.plain
    assert max(piece.cell_len for piece in folded) <= 20


def test_of_an_endless_text_the_beginning_is_compared_and_that_is_told() -> None:
    long = "x = 1\n" * (MOST_LINES + 5)
    screen = DifferenceScreen(("a", long), ("b", long + "y = 2\n"))

    async def scenario(_app: Around, _pilot: Pilot[None]) -> None:
        assert screen.summary == f"Nothing differs (in the first {MOST_LINES} lines)"

    play(screen, scenario)


def test_colours_follow_the_theme() -> None:
    screen = SourceScreen("a", "def f(): pass\n")

    async def scenario(app: Around, pilot: Pilot[None]) -> None:
        view = screen.query_one(SourceView)

        def keyword() -> object:
            return next(s.style.color for s in view.render_line(0) if s.text == "def" and s.style)

        app.theme = "textual-dark"
        await pilot.pause()
        dark = keyword()
        app.theme = "textual-light"
        await pilot.pause()
        assert keyword() != dark

    play(screen, scenario)
