"""A verdict in plain lines: every check with its mark, the first failing one opened, and what to do next.

Everything from a verdict is data: it passes through `clean` and is never markup. Nothing is told by colour alone.
"""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from grader.cli.output import data, drawn, labelled, print_text, shown_marks
from grader.cli.tables import comparison_lines
from grader.model import Check, Exercise, Verdict
from grader.text import clean, one_line, seconds

MARKS = {"passed": "✓", "failed": "✗", "error": "✗", "timeout": "✗", "not_run": "·"}
PLAIN_MARKS = {"passed": "+", "failed": "x", "error": "x", "timeout": "x", "not_run": "."}
STYLES = {
    "passed": "green",
    "failed": "red",
    "error": "red",
    "timeout": "red",
    "not_run": "dim",
    "not_started": "yellow",
}
WORDS = {
    "passed": "passed",
    "failed": "failed",
    "error": "error",
    "not_started": "not started",
    "ungraded": "not graded",
}
# Beside a check's title, where the mark alone does not say it.
REMARKS = {"error": "raised an error", "timeout": "took too long", "not_run": "not run"}
OUTPUT_LINES, TRAINED_LINES = 20, 60


def exit_code(verdict: Verdict) -> int:
    """0 passed, 1 not passed, 3 the grader could not do its work."""
    return {"passed": 0, "ungraded": 3}.get(verdict.status, 1)


def print_refused(console: Console, verdict: Verdict) -> None:
    """Print why a file was not graded at all: it is empty, or does not parse."""
    console.print(
        Text().append(one_line(verdict.exercise), style="bold").append("  ").append("not graded", "bold yellow")
    )
    for check in verdict.checks:
        if check.message:
            print_text(console, data(check.message), 2)
        _print_frames(console, check, 4)
    if not verdict.checks:
        print_text(console, data(verdict.message), 2)


def print_verdict(console: Console, verdict: Verdict, exercise: Exercise | None = None) -> None:
    """Print a verdict whole, without what comes next."""
    console.print(summary(verdict))
    marks = shown_marks(console.encoding, MARKS, PLAIN_MARKS)
    if verdict.status != "not_started":
        for check in verdict.checks:
            _print_line(console, check, marks)
    if verdict.message:
        print_text(console, data(verdict.message), 2)
    failing = next((check for check in verdict.checks if check.failing), None)
    if failing is not None:
        console.print()
        _print_opened(console, failing, exercise)
        return
    for check in verdict.checks:  # what trained something has more to say than that it passed
        if check.curves and check.output:
            console.print()
            _print_output(console, check, TRAINED_LINES)


def summary(verdict: Verdict) -> Text:
    """One line: which exercise, how it ended, how many checks passed, how long it took."""
    line = Text().append(one_line(verdict.exercise), style="bold").append("  ")
    line.append(WORDS[verdict.status], style=f"bold {STYLES.get(verdict.status, 'yellow')}")
    if verdict.checks and verdict.status != "not_started":
        passed = sum(check.status == "passed" for check in verdict.checks)
        line.append(f"  {passed} of {count(len(verdict.checks), 'check')}")
    line.append(f"  {seconds(verdict.duration_s)}", style="dim")
    return line


def failing_line(verdict: Verdict) -> Text | None:
    """In one line, why a verdict is no pass; None where it is one, or nothing has been begun."""
    if verdict.status in ("passed", "not_started"):
        return None
    if verdict.message:
        return Text(one_line(verdict.message))
    failing = next((check for check in verdict.checks if check.status != "passed"), None)
    if failing is None:
        return None
    told = failing.diagnosis.message if failing.diagnosis else failing.message
    return Text(one_line(f"{failing.title}: {told}" if told else failing.title))


def count(number: int, noun: str) -> str:
    """`1 check`, `2 checks`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _print_line(console: Console, check: Check, marks: dict[str, str]) -> None:
    line = Text("  ")
    line.append(marks[check.status], style=STYLES[check.status])
    line.append(f" {one_line(check.title or check.id)}", style="dim" if check.status == "not_run" else "")
    if check.status in REMARKS:
        line.append(f"  ({REMARKS[check.status]})", style="dim")
    console.print(line, no_wrap=True, overflow="ellipsis")
    for curve in check.curves:
        console.print(Text("      ").append_text(drawn(console, curve)), no_wrap=True, overflow="ellipsis")


def _print_opened(console: Console, check: Check, exercise: Exercise | None) -> None:
    print_text(console, data(check.title or check.id, "bold"), 2)
    if check.message:
        print_text(console, data(check.message), 4)
    if check.diagnosis is not None:
        told = labelled("What went wrong: ", "bold yellow", check.diagnosis.message)
        if check.diagnosis.hint is not None and exercise is not None:
            told.append(f" Hint {check.diagnosis.hint} helps with it.")
        print_text(console, told, 4)
    if check.relation:
        print_text(console, labelled("Measured: ", "bold", check.relation), 4)
    _print_frames(console, check, 4)
    if check.comparison is not None:
        for line in comparison_lines(check.comparison, console.width):
            console.print(line, no_wrap=True, overflow="ellipsis")
    if check.output:
        _print_output(console, check, OUTPUT_LINES)


def _print_output(console: Console, check: Check, most: int) -> None:
    print_text(console, Text("Printed during this check:", style="dim"), 4)
    print_text(console, _output(check.output, most), 6)


def _print_frames(console: Console, check: Check, indent: int) -> None:
    for frame in check.traceback:
        print_text(console, Text(f"{one_line(frame.file)}, line {frame.line}:", style="dim"), indent)
        print_text(console, data(frame.code.strip()), indent + 2)


def _output(output: str, most: int) -> Text:
    """The last lines of what was printed: a program that prints without end is best told by where it got to."""
    lines = clean(output).rstrip("\n").split("\n")
    left_out = len(lines) - most
    shown = [line if len(line) <= 500 else line[:500] + "…" for line in lines[-most:]]
    head = [f"({count(left_out, 'line')} before this left out)"] if left_out > 0 else []
    return Text("\n".join(head + shown))
