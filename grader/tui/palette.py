"""The workbench's actions in the command palette, in the words of the help, and the course's paths. Themes are Textual's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from grader.text import one_line
from grader.tui.keys import WORKBENCH


@dataclass(frozen=True)
class _Entry:
    """One command: its words, the key that does the same, and what runs it."""

    words: str
    key: str
    run: Callable[[], Awaitable[Any]]


class Commands(Provider):
    """Everything the screen below the palette can do."""

    async def discover(self) -> Hits:
        """All of them, before anything is typed."""
        for entry in self._entries():
            yield DiscoveryHit(_shown(Content(entry.words), entry.key), entry.run, entry.words)

    async def search(self, query: str) -> Hits:
        """Those whose words match."""
        matcher = self.matcher(query)
        for entry in self._entries():
            score, offsets = matcher.fuzzy_search.match(query, entry.words)
            if score > 0:
                # Not `matcher.highlight`: that reads its text as markup, and a path's name is data.
                words = Content(entry.words)
                for at in offsets:
                    words = words.stylize(matcher.match_style, at, at + 1)
                yield Hit(score, _shown(words, entry.key), entry.run, entry.words)

    def _entries(self) -> Iterator[_Entry]:
        screen, app = self.screen, self.app
        keys: dict[str, str] = {}
        for active in screen.active_bindings.values():
            if active.node is screen and active.binding.id:
                keys.setdefault(active.binding.id, app.get_key_display(active.binding))
        for key in WORKBENCH:
            if hasattr(screen, f"action_{key.action.partition('(')[0]}"):
                words = key.does[:1].upper() + key.does[1:]
                yield _Entry(words, keys.get(key.id, ""), partial(app.run_action, key.action, screen))
        course = getattr(screen, "course", None)
        if course is not None and hasattr(screen, "action_path"):
            for name in course.paths:
                # Not as text to be parsed: a name may hold quotes.
                yield _Entry(f"Path: {one_line(name, 60)}", "", partial(app.run_action, ("", "path", (name,)), screen))


def _shown(words: Content, key: str) -> Content:
    return Content.assemble(words, (f"  {key}", "dim")) if key else words
