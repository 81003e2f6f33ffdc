"""The settings: theme, editor, how comparisons are drawn, and where keys are remapped. Returns them; whoever asked keeps them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, OptionList, Static, Switch
from textual.widgets.option_list import Option

from grader.text import one_line
from grader.tui.settings import Settings

OURS = "gradlings-"


class SettingsScreen(ModalScreen[Settings | None]):
    """Themes are previewed as they are marked, and go back with Esc."""

    CSS_PATH = "settings.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "Save", id="settings-save", priority=True),
        Binding("escape", "leave", "Cancel", id="settings-leave"),
    ]

    def __init__(self, settings: Settings, themes: list[str], file: Path) -> None:
        """`file` is where the settings lie, which is shown."""
        super().__init__()
        self._settings, self._file = settings, file
        # Ours first; the rest in the order given.
        self._themes = sorted(themes, key=lambda name: not name.startswith(OURS))

    def compose(self) -> ComposeResult:
        with Vertical(id="settings") as box:
            box.border_title = "Settings"
            with Horizontal(id="settings-body"):
                options = [Option(Content(one_line(name, 40)), id=name) for name in self._themes]
                themes = OptionList(*options, id="settings-themes", markup=False)
                themes.border_title = "Theme"
                yield themes
                with Vertical(id="settings-rest"):
                    editor = Input(self._settings.editor, placeholder="$VISUAL, then $EDITOR", id="settings-editor")
                    editor.border_title = "Editor"
                    yield editor
                    yield Static(
                        Content(
                            "For instance: code -g {file}:{line}\nEmpty: $VISUAL, then $EDITOR, then what there is."
                        ),
                        classes="settings-note",
                        markup=False,
                    )
                    with Horizontal(id="settings-numbers-row"):
                        yield Switch(self._settings.numbers, id="settings-numbers")
                        yield Static(
                            Content("compare with numbers, not colours"), id="settings-numbers-label", markup=False
                        )
                    yield Static(self._keys(), id="settings-keys", classes="settings-note", markup=False)
            with Horizontal(id="settings-buttons"):
                yield Button(Content("Save  ^s"), id="save", compact=True)
                yield Button(Content("Cancel  Esc"), id="cancel", compact=True)

    def _keys(self) -> Content:
        """Where keys are remapped, and which are."""
        keys = self._settings.keys
        lines = [
            "Keys are remapped in the file and read at the next start; help lists their names:",
            '    [keys]\n    next = "N"',
        ]
        if keys:
            pairs = ", ".join(f"{id} = {key}" for id, key in keys.items())
            lines.append(f"Remapped now: {one_line(pairs, 120)}")
        lines.append(f"The file: {one_line(str(self._file), 300)}")
        return Content("\n".join(lines))

    def on_mount(self) -> None:
        """Mark the theme in use. The preview is not to be kept as if it were chosen: the app asks `is_preview`."""
        self._before = self.app.theme
        vars(self.app)["is_preview"] = True
        themes = self.query_one("#settings-themes", OptionList)
        if self._before in self._themes:
            themes.highlighted = self._themes.index(self._before)
        themes.focus()

    def on_unmount(self) -> None:
        """What is chosen from here on is meant."""
        vars(self.app)["is_preview"] = False

    @on(OptionList.OptionHighlighted)
    def _preview(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        # One that is marked late, after the screen was left, must not undo what going back did.
        if self.is_current and event.option_id in self.app.available_themes:
            self.app.theme = event.option_id

    @on(OptionList.OptionSelected)
    @on(Input.Submitted)
    def _onwards(self, event: OptionList.OptionSelected | Input.Submitted) -> None:
        """Enter goes on to the next field; the last one is "Save"."""
        event.stop()
        self.focus_next()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "save":
            self.action_save()
        else:
            self.action_leave()

    def action_save(self) -> None:
        """Return what is set."""
        marked = self.query_one("#settings-themes", OptionList).highlighted_option
        theme = marked.id if marked is not None and marked.id is not None else self._settings.theme
        editor = self.query_one("#settings-editor", Input).value.strip()
        numbers = self.query_one("#settings-numbers", Switch).value
        self.app.theme = theme if theme in self.app.available_themes else self._before
        self.dismiss(replace(self._settings, theme=theme, editor=editor, numbers=numbers))

    def action_leave(self) -> None:
        """Change nothing; the theme is the one from before."""
        self.app.theme = self._before
        self.dismiss(None)
