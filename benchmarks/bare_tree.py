"""A bare Textual Tree of 200 leaves beside a text that says which one was opened. What `key_to_paint` is measured against."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.containers import Horizontal
from textual.widgets import Static, Tree


class Bare(App[None]):
    """Ten branches of twenty leaves."""

    CSS = "Tree, Static { width: 1fr; }"

    def compose(self) -> ComposeResult:
        tree: Tree[str] = Tree("course")
        for topic in range(10):
            branch = tree.root.add(f"topic {topic}", expand=True)
            for number in range(20):
                branch.add_leaf(f"exercise {topic * 20 + number:03}", data=f"statement-{topic * 20 + number:03}")
        tree.root.expand()
        with Horizontal():
            yield tree
            yield Static("painted", id="text")

    def on_tree_node_selected(self, event: Tree.NodeSelected[str]) -> None:
        """Say which one."""
        if event.node.data:
            self.query_one("#text", Static).update(event.node.data)


if __name__ == "__main__":
    Bare().run()
