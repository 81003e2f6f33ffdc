"""The plots of the report, as SVG, each with the sentence that says the same to whoever cannot see it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from io import BytesIO
from statistics import median
from typing import Any

from matplotlib.figure import Figure

from grader.batch.report.standings import Summary
from grader.text import one_line

# In the order in which the bars are stacked; distinguishable without colours by their order and by the table beside them.
STATUSES = {
    "passed": "#2e7d4f",
    "failed": "#c0552f",
    "error": "#7c3a63",
    "not_started": "#b0b4ba",
    "refused": "#d7c27a",
    "ungraded": "#4a6fa5",
}
WIDTH = 8.0
ROW = 0.28
MOST = 12
BINS = 10


@dataclass(frozen=True)
class Plot:
    """A picture as SVG, its title, and what it shows in words."""

    title: str
    words: str
    svg: bytes


def plots(summary: Summary) -> list[Plot]:
    """Scores, where the class is stuck, the commonest named mistakes, attempts; those that there is anything to show in."""
    return [
        plot for plot in (_scores(summary), _stuck(summary), _mistakes(summary), _attempts(summary)) if plot is not None
    ]


def _scores(summary: Summary) -> Plot | None:
    if not summary.points or not summary.most:
        return None
    figure, axes = _figure(2.6)
    shares = [100 * points / summary.most for points in summary.points]
    axes.hist(shares, bins=BINS, range=(0, 100), color=STATUSES["passed"], edgecolor="white")
    axes.set_xlabel(f"points, per cent of {summary.most}")
    axes.set_ylabel("students")
    _whole_numbers(axes.yaxis)
    middle = median(shares)
    words = f"Half of the {len(shares)} students have {middle:.0f} % of the points or more; the best has {max(shares):.0f} %."
    return Plot("Scores", words, _svg(figure))


def _stuck(summary: Summary) -> Plot | None:
    rows = [(id, at) for id, at in summary.exercises.items() if at.handed_in - at.statuses["not_started"]]
    if not rows:
        return None
    figure, axes = _figure(1.0 + ROW * len(rows))
    left = [0] * len(rows)
    for status, colour in STATUSES.items():
        counts = [at.statuses[status] for _, at in rows]
        if any(counts):
            axes.barh([id for id, _ in rows], counts, left=left, color=colour, label=status.replace("_", " "))
            left = [a + b for a, b in zip(left, counts, strict=True)]
    axes.invert_yaxis()
    axes.set_xlabel("students")
    _whole_numbers(axes.xaxis)
    figure.legend(loc="outside upper center", ncols=len(STATUSES), frameon=False)
    worst = max(rows, key=lambda row: _not_passed(row[1].statuses))
    number = _not_passed(worst[1].statuses)
    words = (
        f"Most are stuck at {worst[0]}: {number} of {worst[1].handed_in} who handed it in have not passed it."
        if number
        else "Everybody has passed what they handed in."
    )
    return Plot("Where the class is stuck", words, _svg(figure))


def _mistakes(summary: Summary) -> Plot | None:
    counts: Counter[tuple[str, str]] = Counter()
    for id, at in summary.exercises.items():
        for message, number in at.mistakes.items():
            counts[id, message] += number
    top = counts.most_common(MOST)
    if not top:
        return None
    figure, axes = _figure(0.8 + 1.6 * ROW * len(top))
    labels = [_plain(f"{id}\n{one_line(message, 70)}") for (id, message), _ in top]
    axes.barh(range(len(top)), [number for _, number in top], color=STATUSES["failed"])
    axes.set_yticks(range(len(top)), labels)
    _whole_numbers(axes.xaxis)
    axes.invert_yaxis()
    axes.set_xlabel("students")
    (id, message), number = top[0]
    who = f"{number} students" if number > 1 else "1 student"
    words = f"The commonest named mistake, of {who}, is in {id}: {one_line(message)}"
    return Plot("The commonest named mistakes", words, _svg(figure))


def _attempts(summary: Summary) -> Plot | None:
    counts: Counter[int] = Counter()
    for at in summary.exercises.values():
        counts.update({number: many for number, many in at.attempts.items() if number})
    if not counts:
        return None
    figure, axes = _figure(2.4)
    numbers = range(1, max(counts) + 1)
    axes.bar(numbers, [counts[number] for number in numbers], width=0.6, color=STATUSES["ungraded"])
    axes.set_xlim(0.4, max(*counts, 5) + 0.6)
    _whole_numbers(axes.xaxis, axes.yaxis)
    axes.set_xlabel("different files that a student handed in for one exercise")
    axes.set_ylabel("times")
    again = sum(many for number, many in counts.items() if number > 1)
    words = f"Of {counts.total()} exercises that were tried, {again} were handed in more than once."
    return Plot("Attempts", words, _svg(figure))


def _not_passed(statuses: Counter[str]) -> int:
    return statuses["failed"] + statuses["error"]


def _figure(height: float) -> tuple[Figure, Any]:
    # Not by pyplot, which keeps every figure and looks for a screen.
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _whole_numbers(*axes: Any) -> None:
    for axis in axes:
        axis.get_major_locator().set_params(integer=True)


def _plain(text: str) -> str:
    """Not to be taken for a formula."""
    return text.replace("$", r"\$")


def _svg(figure: Figure) -> bytes:
    out = BytesIO()
    # Without a date and with fixed ids, the same figures make the same file.
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "gradlings"}):
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()
