"""The topics and exercises at the left, each with its state; tells what is chosen. Asks nobody for anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from grader.model import Course, Exercise, State
from grader.text import one_line

# A mark for each state: never by colour alone.
MARKS: dict[State, tuple[str, str]] = {
    "passed": ("✓", "success"),
    "pending": ("✓", "warning"),
    "failed": ("✗", "error"),
    "not_started": ("·", "text-muted"),
}
_STYLE = {"success": "green", "warning": "yellow", "error": "red", "text-muted": "dim"}


class CourseTree(Tree[str]):
    """Topics with their progress, exercises with their state.

    `states` is what is known so far; until the progress is loaded that is what was known when the app was last left.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "Down", show=False, id="course-down"),
        Binding("k", "cursor_up", "Up", show=False, id="course-up"),
    ]

    def __init__(self, course: Course, order: Iterable[str], states: Mapping[str, State]) -> None:
        super().__init__(Text(one_line(course.title)), id="course")
        self.show_root = False
        self.show_guides = False
        self.guide_depth = 2
        self.border_title = Content(one_line(course.title, 40))
        self._course = course
        self._order = list(order)
        self._states = dict(states)
        self._open: str | None = None
        self._graded_now: str | None = None
        self._pending_only = False
        self._leaves: dict[str, TreeNode[str]] = {}
        self._topics: dict[str, TreeNode[str]] = {}
        self._fill()

    # -- what is shown ---------------------------------------------------------------------------------------------

    @property
    def shown(self) -> list[str]:
        """The exercises that are listed, from top to bottom."""
        return list(self._leaves)

    @property
    def pending_only(self) -> bool:
        """Whether what is passed is left out."""
        return self._pending_only

    def set_states(self, order: Iterable[str], states: Mapping[str, State]) -> None:
        """Show these states, in this order of exercises."""
        order = list(order)
        changed = {id for id in order if self._states.get(id) != states.get(id)}
        rebuild = order != self._order or (self._pending_only and changed)
        self._order, self._states = order, dict(states)
        if rebuild:
            self._fill()
            return
        self._redraw(*changed)
        for topic in {id.partition("/")[0] for id in changed} & self._topics.keys():
            self._topics[topic].set_label(self._branch(topic))

    def set_filter(self, pending_only: bool) -> None:
        """Leave out what is passed, or show all."""
        if pending_only != self._pending_only:
            self._pending_only = pending_only
            self._fill()

    def set_open(self, exercise: str, *, follow: bool = True) -> None:
        """Mark the exercise that is open; `follow`: the cursor goes there."""
        before, self._open = self._open, exercise
        self._redraw(before, exercise)
        if follow and exercise in self._leaves:
            leaf = self._leaves[exercise]
            if leaf.parent is not None and not leaf.parent.is_expanded:
                leaf.parent.expand()
            self.move_cursor(leaf)

    def set_running(self, exercise: str | None) -> None:
        """Mark the exercise that is being graded."""
        before, self._graded_now = self._graded_now, exercise
        self._redraw(before, exercise)

    def _redraw(self, *ids: str | None) -> None:
        """Paint these anew. A label is worked out when it is painted: to set one measures all of them."""
        for id in ids:
            if id in self._leaves:
                self._leaves[id].refresh()

    def _fill(self) -> None:
        self.root.remove_children()
        self._leaves, self._topics = {}, {}
        exercises = self._course.exercises
        # Topic by topic, in the order in which the path first comes to each, whatever is left out.
        for topic in dict.fromkeys(exercises[id].topic for id in self._order):
            listed = [id for id in self._order if exercises[id].topic == topic and not self._hidden(id)]
            if listed:
                branch = self._topics[topic] = self.root.add(self._branch(topic), expand=True)
                for id in listed:
                    self._leaves[id] = branch.add_leaf(Text(one_line(exercises[id].title, 60)), data=id)
        self.root.expand()
        if self._open in self._leaves:
            # The lines are counted when the tree is next laid out.
            self.call_after_refresh(self.set_open, self._open)

    def _hidden(self, id: str) -> bool:
        return self._pending_only and id != self._open and self._states.get(id) == "passed"

    def _leaf(self, id: str) -> Text:
        exercise: Exercise = self._course.exercises[id]
        mark, style = MARKS[self._states.get(id, "not_started")]
        if id == self._graded_now:
            mark, style = "◌", "warning"
        label = Text().append(f"{mark} ", style=_STYLE[style])
        return label.append(one_line(exercise.title, 60), style="bold" if id == self._open else "")

    def _branch(self, topic: str) -> Text:
        inside = [id for id in self._course.exercises if id.startswith(f"{topic}/")]
        passed = sum(self._states.get(id) in ("passed", "pending") for id in inside)
        title = next(each.title for each in self._course.topics if each.name == topic)
        label = Text(one_line(title, 40), style="bold")
        return label.append(f"  {passed}/{len(inside)}", style="green" if passed == len(inside) else "dim")

    def render_label(self, node: TreeNode[str], base_style: Style, style: Style) -> Text:
        """The label with the line's own background; Textual's would put a triangle before a topic."""
        label = self._leaf(node.data) if node.data else node.label
        # On the cursor's own background the colours of marks would be lost.
        drawn = Text(str(label)) if node is self.cursor_node or isinstance(label, str) else label.copy()
        drawn.stylize_before(style)
        if self.size.width:
            drawn.truncate(max(self.size.width - (4 if node.parent is self.root else 5), 8), overflow="ellipsis")
        if node.allow_expand and not node.is_expanded:
            drawn.append(" …", style="dim")
        return Text.assemble((" ", base_style), drawn)
