"""A statement as something to paint: first as its plain text, which costs nothing, then as rendered Markdown.

Rich renders it. The library behind that takes longer to import than all the rest of the first frame.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING, ClassVar

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from grader.text import clean

if TYPE_CHECKING:
    from rich.markdown import Markdown

_RENDERER = "rich.markdown"


def at_once(statement: str) -> RenderableType:
    """The statement as Markdown, formulas and code in blocks of their own; plain text until the renderer is loaded."""
    return _markdown()(clean(statement)) if can_render() else Text(clean(statement))


def can_render() -> bool:
    """Whether the renderer is loaded."""
    return _RENDERER in sys.modules


def load() -> None:
    """Load the renderer."""
    _markdown()


@cache
def _markdown() -> type[Markdown]:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.markdown import CodeBlock, Heading, Markdown

    class LeftHeading(Heading):
        """Rich centres headings and frames the first; a statement is read from the left."""

        def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
            self.text.justify = "left"
            if self.tag != "h1":
                yield Text()
            yield self.text

    class Formula(CodeBlock):
        """A block that names no language is a formula or a table of numbers: no highlighter looks at it."""

        def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
            if self.lexer_name not in ("", "text", "default"):
                yield from super().__rich_console__(console, options)
            else:
                text = Text(str(self.text).rstrip(), style="markdown.code_block", overflow="fold")
                yield Padding(text, (0, 0, 0, 2))

    class Statement(Markdown):
        elements: ClassVar = {**Markdown.elements, "heading_open": LeftHeading, "code_block": Formula, "fence": Formula}

    return Statement
