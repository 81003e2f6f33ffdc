"""The themes are legible, for colour-blind eyes too, and Rich draws Markdown in their colours."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys

import pytest
from rich.console import Console
from rich.markdown import Markdown
from textual.app import App, ComposeResult
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme
from textual.widgets import Static

from grader.tui.themes import DARK, LIGHT, markdown_styles, terminal_colours

BOTH = pytest.mark.parametrize("theme", [DARK, LIGHT], ids=["dark", "light"])
FOREGROUNDS = ["text", "text-muted", "primary", "success", "warning", "error", "accent", "foreground"]
BACKGROUNDS = ["surface", "background"]


def luminance(colour: tuple[int, int, int]) -> float:
    """Relative luminance, WCAG 2.1."""
    red, green, blue = (
        (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4) for c in (v / 255 for v in colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    """Contrast ratio, WCAG 2.1: 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


class Swatches(App[None]):
    """Every text colour on every ground, as the app would paint it."""

    CSS = "\n".join(
        f"#{text}-on-{ground} {{ color: ${text}; background: ${ground}; height: 1; }}"
        for text in FOREGROUNDS
        for ground in BACKGROUNDS
    )

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.register_theme(theme)
        self.theme = theme.name

    def compose(self) -> ComposeResult:
        for text in FOREGROUNDS:
            for ground in BACKGROUNDS:
                yield Static("x", id=f"{text}-on-{ground}")


@BOTH
def test_every_text_colour_is_legible_as_painted(theme: Theme) -> None:
    async def scenario() -> dict[str, float]:
        app = Swatches(theme)
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            found = {}
            for swatch in app.query(Static):
                style = swatch.render_line(0)._segments[0].style
                assert style is not None
                assert style.color is not None
                assert style.bgcolor is not None
                assert swatch.id is not None
                found[swatch.id] = contrast(tuple(style.color.get_truecolor()), tuple(style.bgcolor.get_truecolor()))
            return found

    found = asyncio.run(scenario())
    assert len(found) == len(FOREGROUNDS) * len(BACKGROUNDS)
    assert {name: round(ratio, 2) for name, ratio in found.items() if ratio < 4.5} == {}


# Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB.
DEFICIENCIES = {
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}


def seen(colour: str, deficiency: str) -> tuple[float, float, float]:
    """A colour as such eyes see it, in CIE L*a*b* (D65)."""
    linear = [((v / 255 + 0.055) / 1.055) ** 2.4 if v > 10 else v / 255 / 12.92 for v in Color.parse(colour).rgb]
    r, g, b = (min(max(sum(m * c for m, c in zip(row, linear, strict=True)), 0), 1) for row in DEFICIENCIES[deficiency])
    xyz = (
        (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505,
        0.2126 * r + 0.7152 * g + 0.0722 * b,
        (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089,
    )
    x, y, z = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@BOTH
@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_passed_and_failed_stay_apart_for_colour_blind_eyes(theme: Theme, deficiency: str) -> None:
    assert theme.success is not None
    assert theme.error is not None
    passed, failed = seen(theme.success, deficiency), seen(theme.error, deficiency)
    # A difference of 2.3 is just noticeable; 20 is another colour.
    assert sum((p - f) ** 2 for p, f in zip(passed, failed, strict=True)) ** 0.5 > 20


SOURCE = (
    "# One\n\n## Two\n\n### Three\n\n#### Four\n\nSome `code`, [link](http://x.y).\n\n- item\n\n1. item\n\n> quote\n\n"
    + ("```\ncode\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
)


@BOTH
def test_all_of_a_statement_is_legible_in_markdown(theme: Theme) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor", width=80)
    console.push_theme(markdown_styles(theme))
    assert theme.surface is not None
    assert theme.foreground is not None
    ground, text = Color.parse(theme.surface).rgb, Color.parse(theme.foreground).rgb
    code_theme = "ansi_dark" if theme.dark else "ansi_light"
    for segment in console.render(Markdown(SOURCE, code_theme=code_theme)):
        style = segment.style
        if style is None or not segment.text.strip():
            continue
        behind = tuple(style.bgcolor.get_truecolor()) if style.bgcolor and not style.bgcolor.is_default else ground
        colour = tuple(style.color.get_truecolor()) if style.color and not style.color.is_default else text
        assert contrast(colour, behind) >= 4.5, (segment.text, style)


def test_headings_and_code_have_the_colours_of_the_theme() -> None:
    for theme in (DARK, LIGHT):
        styles = markdown_styles(theme).styles
        assert styles["markdown.h1"].color is not None
        assert styles["markdown.h1"].color.name == theme.primary.lower()
        assert styles["markdown.code"].bgcolor is None
    assert markdown_styles(DARK).styles["markdown.code"] != markdown_styles(LIGHT).styles["markdown.code"]


@pytest.mark.parametrize("name", BUILTIN_THEMES)
def test_every_theme_there_is_gives_styles(name: str) -> None:
    theme = BUILTIN_THEMES[name]
    assert "markdown.h1" in markdown_styles(theme).styles
    assert len(terminal_colours(theme).ansi_colors._colors) == 16


@BOTH
def test_green_and_red_of_the_terminal_are_passed_and_failed(theme: Theme) -> None:
    colours = terminal_colours(theme).ansi_colors
    assert theme.success is not None
    assert theme.error is not None
    for number, wanted in ((2, theme.success), (1, theme.error)):
        # A theme's colours pass through L*a*b*, which may cost a unit.
        assert all(abs(a - b) <= 1 for a, b in zip(colours[number], Color.parse(wanted).rgb, strict=True))


def test_it_is_light_to_import() -> None:
    code = "import textual.app, sys; before = set(sys.modules); import grader.tui.themes; print(*(set(sys.modules) - before))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert {name for name in out.split() if not name.startswith("grader")} == set()
