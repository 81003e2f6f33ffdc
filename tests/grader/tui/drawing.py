"""What a test needs to see what is drawn: an app around one widget, and the text on the screen."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.message import Message
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget

HOSTILE = "[/][red]a[/b] \x1b[2J \u202e"
HARMLESS = "[/][red]a[/b] ␛[2J <U+202E>"


class Around(App[None]):
    """An app around one widget or screen, which keeps what that says."""

    def __init__(self, subject: Widget) -> None:
        super().__init__()
        self.subject = subject
        self.heard: list[Message] = []

    def compose(self) -> ComposeResult:
        if not isinstance(self.subject, Screen):
            yield self.subject

    def on_mount(self) -> None:
        if isinstance(self.subject, Screen):
            self.push_screen(self.subject)


Scenario = Callable[["Around", Pilot[None]], Awaitable[None]]


def play(subject: Widget, scenario: Scenario, size: tuple[int, int] = (80, 24)) -> None:
    """Run a scenario on `subject` in a terminal of that size."""

    async def run() -> None:
        app = Around(subject)
        async with app.run_test(size=size, message_hook=app.heard.append) as pilot:
            await pilot.pause()
            await scenario(app, pilot)

    asyncio.run(run())


def drawn(root: Widget) -> str:
    """The text of every widget below `root` that has no others in it, as it is painted, titles of boxes included."""
    found = [root, *root.query("*")] if not list(root.children) else list(root.query("*"))
    shown = [
        each for each in found if all(part.display for part in each.ancestors_with_self if isinstance(part, Widget))
    ]
    texts = []
    for each in shown:
        rows = each.render_lines(Region(0, 0, each.outer_size.width, each.outer_size.height))
        if list(each.children):
            rows = rows[:1] + rows[-1:]
        texts += [row.text.rstrip() for row in rows]
    return "\n".join(texts)


def said(app: Around, kind: type[Any]) -> list[Any]:
    """The messages of that kind, each once, in order."""
    return list({id(message): message for message in app.heard if isinstance(message, kind)}.values())
