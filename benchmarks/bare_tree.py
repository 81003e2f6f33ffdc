"""A bare Textual Tree of 200 leaves beside the plain text of the statement that was opened: `bare_tree.py COURSE`.

What `key_to_paint` is measured against.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from textual.app import App, ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Static, Tree


class Bare(App[None]):
    """Ten branches of twenty leaves."""

    CSS = "Tree { width: 44; }"

    def compose(self) -> ComposeResult:
        tree: Tree[str] = Tree("course")
        for topic in range(10):
            branch = tree.root.add(f"topic {topic}", expand=True)
            for number in range(20):
                branch.add_leaf(f"exercise {topic * 20 + number:03}", data=f"topic{topic}/e{topic * 20 + number:03}")
        tree.root.expand()
        with Horizontal():
            yield tree
            with VerticalScroll():
                yield Static("painted", id="text", markup=False)

    def on_tree_node_selected(self, event: Tree.NodeSelected[str]) -> None:
        """Show its statement."""
        if event.node.data:
            source = (Path(sys.argv[1]) / "exercises" / f"{event.node.data}.py").read_text(encoding="utf-8")
            self.query_one("#text", Static).update(ast.get_docstring(ast.parse(source)) or "")


if __name__ == "__main__":
    Bare().run()
