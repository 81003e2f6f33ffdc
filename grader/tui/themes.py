"""The app's two themes, and the same colours for what Rich draws in them: Markdown and terminal colours.

Imported before the first frame: holds colours and nothing that takes time. Passed and failed are bluish green and vermilion,
which stay apart for colour-blind eyes; widgets show a mark besides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.theme import Theme

if TYPE_CHECKING:
    import rich.terminal_theme
    import rich.theme
    from textual.color import Color

DARK = Theme(
    name="gradlings-dark",
    dark=True,
    primary="#6CB0F5",
    secondary="#8FA8C8",
    accent="#EFB660",
    foreground="#D9DEE7",
    background="#12151B",
    surface="#191D25",
    panel="#2B313D",
    success="#37C8A0",
    warning="#EBC563",
    error="#FF7B5E",
    variables={
        "block-cursor-foreground": "#10141A",
        "block-cursor-background": "#6CB0F5",
        "block-cursor-blurred-foreground": "#D9DEE7",
        "block-cursor-blurred-background": "#2B3A4E",
        "button-color-foreground": "#10141A",
        "button-focus-text-style": "bold",
        "border-blurred": "#2B313D",
        "footer-background": "#12151B",
        "scrollbar": "#3A4352",
        "scrollbar-background": "#191D25",
    },
)

LIGHT = Theme(
    name="gradlings-light",
    dark=False,
    primary="#1B5FAF",
    secondary="#4D6480",
    accent="#8A5300",
    foreground="#1E242D",
    background="#F2F3F5",
    surface="#FBFBFC",
    panel="#CFD5DE",
    success="#00735A",
    warning="#7A5A00",
    error="#BE3A10",
    variables={
        "block-cursor-foreground": "#FFFFFF",
        "block-cursor-background": "#1B5FAF",
        "block-cursor-blurred-foreground": "#1E242D",
        "block-cursor-blurred-background": "#D5E3F4",
        "button-color-foreground": "#FFFFFF",
        "button-focus-text-style": "bold",
        "border-blurred": "#CFD5DE",
        "footer-background": "#F2F3F5",
        "scrollbar": "#AEB8C5",
        "scrollbar-background": "#FBFBFC",
    },
)


def markdown_styles(theme: Theme) -> rich.theme.Theme:
    """Styles for Rich's Markdown elements in the colours of `theme`; no others are in it, so it can be pushed on any.

    Code stands out by its colour and not by a background of its own, which would be right in one theme only.
    """
    import rich.theme

    colours = _colours(theme)
    primary, accent, quiet = colours["primary"], colours["accent"], colours["quiet"]
    return rich.theme.Theme(
        {
            "markdown.h1": f"bold {primary}",
            "markdown.h1.border": colours["panel"],
            "markdown.h2": f"bold {primary}",
            "markdown.h3": "bold",
            "markdown.h4": f"bold {quiet}",
            "markdown.h5": f"italic {quiet}",
            "markdown.h6": f"italic {quiet}",
            "markdown.h7": f"italic {quiet}",
            "markdown.em": "italic",
            "markdown.emph": "italic",
            "markdown.strong": "bold",
            "markdown.code": accent,
            "markdown.code_block": accent,
            "markdown.kbd": f"bold {accent}",
            "markdown.block_quote": f"italic {quiet}",
            "markdown.list": "none",
            "markdown.item.bullet": f"bold {primary}",
            "markdown.item.number": f"bold {primary}",
            "markdown.hr": quiet,
            "markdown.link": f"underline {primary}",
            "markdown.link_url": quiet,
            "markdown.table.border": quiet,
            "markdown.table.header": f"bold {primary}",
        },
        inherit=False,
    )


def terminal_colours(theme: Theme) -> rich.terminal_theme.TerminalTheme:
    """What the sixteen names of terminal colours ("green", "red") look like in `theme`: for `ansi_theme_dark`, `_light`."""
    from rich.terminal_theme import TerminalTheme

    colours = _colours(theme)
    black, white = (colours["background"], colours["foreground"])[:: 1 if theme.dark else -1]
    names = [black, "error", "success", "warning", "primary", "accent", "secondary", white]
    palette = [_rgb(colours.get(name, name)) for name in names]
    bright = [_rgb(colours["quiet"]), *palette[1:]]
    return TerminalTheme(_rgb(colours["background"]), _rgb(colours["foreground"]), palette, bright)


def _colours(theme: Theme) -> dict[str, str]:
    """The theme's colours by name, as `#RRGGBB`; "quiet" is `$text-muted` on the surface."""
    from textual.color import Color

    system = theme.to_color_system()
    generated = system.generate()
    names = ("primary", "secondary", "accent", "foreground", "background", "surface", "panel")
    found = {name: Color.parse(generated[name]) for name in (*names, "success", "warning", "error")}
    # A theme of the terminal's own colours has no numbers to mix.
    mixed = found["foreground"] if theme.ansi else found["surface"].blend(found["foreground"], 0.72, alpha=1)
    return {name: _hex(colour) for name, colour in {**found, "quiet": mixed}.items()}


def _hex(colour: Color) -> str:
    if colour.ansi is not None:
        return "default" if colour.ansi < 0 else f"color({colour.ansi})"
    return f"#{colour.r:02x}{colour.g:02x}{colour.b:02x}"


def _rgb(colour: str) -> tuple[int, int, int]:
    from rich.color import Color

    red, green, blue = Color.parse(colour).get_truecolor()
    return red, green, blue
