"""The key that a binding has now, for widgets that tell the learner which one to press."""

from __future__ import annotations

from textual.widget import Widget


def key_of(widget: Widget, binding: str, default: str) -> str:
    """The key of the binding with that id on the widget's screen, as one reads it; `default` where it is not there."""
    if widget.is_attached:
        for active in widget.screen.active_bindings.values():
            if active.binding.id == binding:
                return widget.app.get_key_display(active.binding)
    return default
