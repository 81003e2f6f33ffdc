"""One check of a verdict, told in full: what it asked, what came, what went wrong, where, and what was printed.

Everything in it is the learner's or comes from their code, so nothing is read as markup. Tells what is asked for by messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from grader.model import Check, Curve, Diagnosis, Frame
from grader.text import clean, one_line, seconds
from grader.tui.code_lines import code_lines
from grader.tui.messages import HintWanted
from grader.tui.widgets.comparison import Comparison
from grader.tui.widgets.scroller import Scroller

# The judge keeps 64 KiB of what was printed; the end of it is what tells.
PRINTED_LINES = 40
PRINTED_COLUMNS = 400
MESSAGE_CHARACTERS = 4_000
FRAMES = 20


@dataclass
class LineWanted(Message):
    """The learner wants to see this line of their file in their editor; counts from 1."""

    line: int


class Frames(OptionList):
    """The lines of the learner's file that a traceback goes through; Enter or a click asks for one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "Down", show=False, id="frames-down"),
        Binding("k", "cursor_up", "Up", show=False, id="frames-up"),
        Binding("enter", "select", "Open in the editor", id="frames-edit"),
    ]
    DEFAULT_CSS = """
    Frames {
        height: auto;
        max-height: 12;
        border: none;
        padding: 0;
        background: transparent;
        background-tint: transparent 0%;
        scrollbar-size-vertical: 1;
        & > .option-list--option-highlighted { background: transparent; color: $foreground; text-style: none; }
        &:focus > .option-list--option-highlighted { background: $primary 32%; color: $foreground; text-style: none; }
        &:focus { border: none; background: transparent; background-tint: transparent 0%; }
    }
    """

    def __init__(self) -> None:
        super().__init__(id="detail-frames", markup=False)
        self._frames: tuple[Frame, ...] = ()

    def show(self, frames: tuple[Frame, ...]) -> None:
        """Show these, the innermost last and under the cursor."""
        if frames == self._frames:
            return
        self._frames = frames[-FRAMES:]
        self.clear_options()
        dark = self.app.current_theme.dark
        self.add_options([Option(_frame_text(frame, dark)) for frame in self._frames])
        self.highlighted = len(self._frames) - 1 if self._frames else None

    @on(OptionList.OptionSelected)
    def _selected(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        self.post_message(LineWanted(self._frames[message.option_index].line))


class WentWrong(Static):
    """The diagnosis; a click asks for the hint it names."""

    DEFAULT_CSS = """
    WentWrong {
        height: auto;
        margin: 1 0 0 0;
        padding: 0 1;
        border-left: thick $warning;
        background: $warning 10%;
    }
    """

    def __init__(self) -> None:
        super().__init__(id="detail-wrong", markup=False)
        self._hint: int | None = None

    def show(self, diagnosis: Diagnosis | None) -> None:
        """Show it; nothing where there is none."""
        self.display = diagnosis is not None
        self._hint = diagnosis.hint if diagnosis is not None else None
        if diagnosis is None:
            return
        told = Content.assemble(
            ("What went wrong: ", "bold $text-warning"), (_bounded(diagnosis.message), "bold"),
        )  # fmt: skip
        if self._hint is not None:
            keys = ("hint", "h"), ("hints", "3")
            take, read = (self._key_of(id, usual) for id, usual in keys)
            told = Content.assemble(
                told, "\n", (f"Hint {self._hint} helps: ", "bold"),
                "press ", (take, "bold $text-primary"), " to take the next hint, ",
                (read, "bold $text-primary"), " to read those you have.",
            )  # fmt: skip
        self.update(told)

    def _key_of(self, binding: str, usual: str) -> str:
        """The key that the screen has bound, remapped or not."""
        for active in self.screen.active_bindings.values():
            if active.binding.id == binding:
                return self.app.get_key_display(active.binding)
        return usual

    def on_click(self, event: events.Click) -> None:
        """As if the key were pressed."""
        if self._hint is not None:
            event.stop()
            self.post_message(HintWanted(self._hint))


class CheckDetail(Scroller):
    """Shows one check, from its top."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back to the list", show=False, id="detail-leave"),
    ]
    DEFAULT_CSS = """
    CheckDetail {
        width: 1fr;
        height: 1fr;
        padding: 0 1;
        scrollbar-size-vertical: 1;
        Static { width: 1fr; height: auto; }
        .later { margin: 1 0 0 0; }
        .heading { color: $text-muted; margin: 1 0 0 0; }
        #detail-output { border-left: outer $panel; padding: 0 1; }
        Comparison { margin: 1 0 0 0; }
        #detail-curves { height: auto; }
    }
    """

    @dataclass
    class Left(Message):
        """The learner goes back to the list."""

    def compose(self) -> ComposeResult:
        yield Static("", id="detail-title", markup=False)
        yield Static("", id="detail-message", markup=False)
        yield WentWrong()
        yield Static("", id="detail-relation", classes="later", markup=False)
        yield Vertical(id="detail-curves")
        yield Static("In your code:", id="detail-in", classes="heading", markup=False)
        yield Frames()
        yield Comparison(tallest=18)
        yield Static("", id="detail-printed", classes="heading", markup=False)
        yield Static("", id="detail-output", markup=False)

    def on_mount(self) -> None:
        """Nothing is open yet."""
        self.say("")

    def say(self, text: str) -> None:
        """A sentence in the place of a check."""
        self._say(text, Check("", "", "not_run"))

    def _say(self, text: str, check: Check) -> None:
        self._put(check)
        title = self.query_one("#detail-title", Static)
        title.display = bool(text)
        title.update(Content(clean(text)))

    def show(self, check: Check) -> None:
        """Show a check."""
        self._put(check)
        title = self.query_one("#detail-title", Static)
        title.display = True
        mark, style, ended = _how_it_ended(check)
        title.update(
            Content.assemble(
                (f"{mark} ", style), (one_line(check.title, 1_000), "bold"), (f"  ({ended})", "$text-muted")
            )
        )
        self.scroll_home(animate=False)

    def draw(self, title: str, curves: Sequence[Curve]) -> None:
        """A check that is still running has drawn this so far."""
        self._say(f"{title} (running)", Check("", "", "not_run", curves=tuple(curves)))

    def _put(self, check: Check) -> None:
        relation = f"Measured: {_bounded(check.relation)}" if check.relation else ""
        for id, text in (("message", _bounded(check.message)), ("relation", relation)):
            shown = self.query_one(f"#detail-{id}", Static)
            shown.display = bool(text)
            shown.update(Content(text))
        self.query_one(WentWrong).show(check.diagnosis)
        self._put_curves(check.curves)
        frames = self.query_one(Frames)
        frames.display = self.query_one("#detail-in").display = bool(check.traceback)
        frames.show(check.traceback)
        comparison = self.query_one(Comparison)
        comparison.display = check.comparison is not None
        if check.comparison is not None:
            comparison.show(check.comparison)
        self._put_output(check.output)

    def _put_curves(self, curves: Sequence[Curve]) -> None:
        held = self.query_one("#detail-curves", Vertical)
        held.display = bool(curves)
        if not curves:
            return
        from grader.tui.widgets.curve_plot import CurvePlot

        # Used again, never removed: a removal ends later, when the next curve may be there already.
        plots = list(held.query(CurvePlot))
        for number, plot in enumerate(plots):
            plot.display = number < len(curves)
        for plot, curve in zip(plots, curves, strict=False):
            plot.show(curve)
        held.mount_all([CurvePlot(curve) for curve in curves[len(plots) :]])

    def _put_output(self, output: str) -> None:
        heading, shown = self.query_one("#detail-printed", Static), self.query_one("#detail-output", Static)
        heading.display = shown.display = bool(output.strip())
        lines = output.rstrip().split("\n")
        kept = lines[-PRINTED_LINES:]
        cut = f" (the last {len(kept)} of {len(lines)} lines)" if len(kept) < len(lines) else ""
        heading.update(Content(f"Printed during this check:{cut}"))
        shown.update(Content("\n".join(_cut(line) for line in kept)))

    def action_leave(self) -> None:
        """Back to the list."""
        self.post_message(self.Left())


def _how_it_ended(check: Check) -> tuple[str, str, str]:
    """Mark, style and words."""
    took = seconds(check.duration_s).replace(" ", "\N{NO-BREAK SPACE}")
    match check.status:
        case "passed":
            return "✓", "$text-success", f"passed, {took}"
        case "not_run":
            return "·", "$text-muted", "not run"
        case status:
            words = {"error": "raised an error", "timeout": "took too long"}.get(status, status)
            return "✗", "bold $text-error", f"{words}, {took}"


def _frame_text(frame: Frame, dark: bool) -> Text:
    code = clean(frame.code.strip()).replace("\n", " ")[:PRINTED_COLUMNS]
    lines = code_lines(code, dark=dark) or [Text()]
    text = Text.assemble((one_line(frame.file, 60), "bold"), f", line {frame.line}\n    ", lines[0])
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _bounded(text: str | None) -> str:
    """Learner text of a bounded length."""
    shown = clean((text or "")[: MESSAGE_CHARACTERS + 1]).rstrip()
    return shown if len(text or "") <= MESSAGE_CHARACTERS else shown[:MESSAGE_CHARACTERS] + " …"


def _cut(line: str) -> str:
    shown = clean(line[: PRINTED_COLUMNS + 1]).expandtabs(4)
    return shown if len(line) <= PRINTED_COLUMNS else shown[:PRINTED_COLUMNS] + " …"
