"""The names of the panes above them, with what each holds in a word; the open one is marked. Keys and clicks are the screen's."""

from __future__ import annotations

from dataclasses import dataclass

from rich.style import Style
from rich.text import Text
from textual.widgets import Static


@dataclass(frozen=True)
class Pane:
    """One pane: its id, its name, the key that opens it and a remark such as "12 of 14"."""

    id: str
    name: str
    key: str
    remark: str = ""
    style: str = "dim"


class PaneTabs(Static):
    """One line of names."""

    def __init__(self, panes: list[Pane]) -> None:
        super().__init__("", id="tabs", markup=False)
        self._panes = {pane.id: pane for pane in panes}
        self._open = panes[0].id
        self._enabled = {pane.id for pane in panes}

    def set_open(self, pane: str) -> None:
        """Mark the pane that is open."""
        if pane != self._open:
            self._open = pane
            self._draw()

    def set_remark(self, pane: str, remark: str, style: str = "dim") -> None:
        """Say in a word what a pane holds."""
        known = self._panes[pane]
        self._panes[pane] = Pane(known.id, known.name, known.key, remark, style)
        self._draw()

    def on_mount(self) -> None:
        """Draw once the width is known."""
        self._draw()

    def on_resize(self) -> None:
        """Remarks go first where there is no room."""
        self._draw()

    def _draw(self) -> None:
        full = self._line(remarks=True)
        self.update(full if full.cell_len <= (self.size.width or 200) else self._line(remarks=False), layout=False)

    def _line(self, *, remarks: bool) -> Text:
        line = Text(no_wrap=True, overflow="ellipsis")
        for pane in self._panes.values():
            click = Style(meta={"@click": f"screen.show('{pane.id}')"})
            name = Text(f" {pane.key} ", style=Style(dim=True) + click)
            name.append(pane.name, style=Style(bold=pane.id == self._open, underline=pane.id == self._open) + click)
            line.append_text(name)
            if remarks and pane.remark:
                line.append(f" {pane.remark}", style=pane.style)
            line.append("  ")
        return line
