"""Python code as lines to paint: made safe, highlighted within bounds, folded to a width. Knows no widget.

What highlights is imported at the first use; it costs more than a frame.
"""

from __future__ import annotations

from rich.cells import cell_len
from rich.style import Style
from rich.text import Span, Text

from grader.text import clean

# A learner's file may have 1 MiB. What is beyond is painted plain: nobody reads that far, and colours would cost seconds.
HIGHLIGHTED_LINES = 800
HIGHLIGHTED_CHARACTERS = 50_000
LONGEST_LINE = 2_000
THEMES = {True: "github-dark", False: "friendly"}


def shown_source(source: str, tab: str = "    ") -> str:
    """The source with what a terminal would obey made visible. `tab` stands for a tab; line breaks are "\\n"."""
    return clean(source.replace("\r\n", "\n")).replace("\t", tab)


def code_lines(source: str, *, dark: bool) -> list[Text]:
    """The lines of what `shown_source` gave, with colours for a dark or a light background; no line is longer than its limit."""
    lines = source.split("\n")
    if lines[-1] == "":
        lines.pop()
    count = used = 0
    for line in lines[:HIGHLIGHTED_LINES]:
        used += len(line) + 1
        if used > HIGHLIGHTED_CHARACTERS:
            break
        count += 1
    coloured = _highlight(lines[:count], dark)
    return [_bounded(line) for line in coloured] + [_bounded(Text(line)) for line in lines[count:]]


def pieces(text: Text, width: int) -> list[Text]:
    """A line folded to `width` cells, at a space where one is near: at least one piece."""
    return list(text.divide(_folds(text.plain, width)))


def piece_count(text: Text, width: int) -> int:
    """How many pieces `pieces` gives."""
    return len(_folds(text.plain, width)) + 1


def _folds(line: str, width: int) -> list[int]:
    """Where a line is to be folded."""
    if width < 2 or cell_len(line) <= width:
        return []
    found, used, space, start = [], 0, 0, 0
    for at, character in enumerate(line):
        size = cell_len(character)
        if used + size > width:
            start = space if space - start > width // 2 else at
            found.append(start)
            used = cell_len(line[start:at])
        used += size
        if character == " ":
            space = at + 1
    return found


def _highlight(lines: list[str], dark: bool) -> list[Text]:
    from rich.syntax import Syntax

    if not lines:
        return []
    syntax = Syntax("", "python", theme=THEMES[dark], background_color="default")
    coloured = list(syntax.highlight("\n".join(lines)).split("\n", allow_blank=True))[: len(lines)]
    # The lexer works on its own idea of lines. Should the two ever part, the text is what counts.
    return coloured if [line.plain for line in coloured] == lines else [Text(line) for line in lines]


def _bounded(line: Text) -> Text:
    if len(line) > LONGEST_LINE:
        line = line[:LONGEST_LINE].append(" …")
    # Text of the app's own colour; the highlighter's default would be the wrong one on half of the themes.
    line.style = ""
    line.end = ""
    # Nor its background, which comes as a style written out in words.
    line.spans = [Span(s.start, s.end, _ink(s.style)) for s in line.spans if isinstance(s.style, Style)]
    return line


def _ink(style: Style) -> Style:
    """A style without its background."""
    return Style(color=style.color, bold=style.bold, italic=style.italic, underline=style.underline)
