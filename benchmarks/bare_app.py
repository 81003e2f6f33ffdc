"""The least Textual app: one label. What `first_paint` is measured against."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Label


class Bare(App[None]):
    """One label."""

    def compose(self) -> ComposeResult:
        yield Label("painted")


if __name__ == "__main__":
    Bare().run()
