"""A box that scrolls by keys, with j and k besides the arrows."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll


class Scroller(VerticalScroll, can_focus=True):
    """What is too long for the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "Down", show=False, id="scroll-down"),
        Binding("k", "scroll_up", "Up", show=False, id="scroll-up"),
        Binding("space", "page_down", "Page down", show=False, id="scroll-page"),
    ]
