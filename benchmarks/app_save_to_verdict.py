"""`app_save_to_verdict`: from the write of the file to the verdict painted by the running app, against the same in plain `watch`.

Both run at once in workspaces of their own and take turns, so that each has the machine to itself while it grades.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from benchmarks.common import GRADLINGS, Result, course, measured, median, solution, workspace_at
from benchmarks.save_to_verdict import Watch
from benchmarks.terminal import Terminal
from grader.course.source import worked_solution

SAVES = 5
REACH = 1.3


def run() -> Result:
    """Alternate saves over all exercises; the median of the ratios."""
    found = course()
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        spaces = {name: Path(folder) / name for name in ("app", "watch")}
        for space in spaces.values():
            workspace_at(space, found)
        watch = Watch(spaces["watch"])
        try:
            watch.started()
            with Terminal(GRADLINGS, spaces["app"]) as app:
                app.painted("History")
                app.settle(3.0)
                for number, exercise in enumerate(measured(found)):
                    text = worked_solution(solution(found, exercise))
                    if number:
                        app.press("]")
                        app.settle()
                    taken: dict[str, list[float]] = {"app": [], "watch": []}
                    for save in range(SAVES + 1):
                        written = f"{text}\n# save {save}\n"
                        painted = _save(app, spaces["app"] / "exercises" / f"{exercise}.py", written)
                        printed = watch.save(spaces["watch"] / "exercises" / f"{exercise}.py", written, exercise)
                        if save:  # the first of an exercise reads its suite and reference
                            taken["app"].append(painted * 1000)
                            taken["watch"].append(printed * 1000)
                    rows[exercise] = {
                        "ours_ms": median(taken["app"]),
                        "peer_ms": median(taken["watch"]),
                        "ratio": round(median(taken["app"]) / median(taken["watch"]), 2),
                    }
        finally:
            watch.close()
    ratio = median([row["ratio"] for row in rows.values()])
    return Result(
        "app_save_to_verdict", median([row["ours_ms"] for row in rows.values()]),
        median([row["peer_ms"] for row in rows.values()]), ratio, "ms", SAVES,
        f"ratio at most {REACH:g} at the median", ratio <= REACH, "a save in plain `watch`", {"exercises": rows},
    )  # fmt: skip


def _save(app: Terminal, file: Path, text: str) -> float:
    """Seconds from the write to the verdict on the screen."""
    app.forget()
    started = time.perf_counter()
    file.write_text(text, encoding="utf-8")
    taken = app.painted("✓ passed") - started
    app.settle()
    return taken


if sys.platform == "win32":
    raise ImportError("there are no pseudo-terminals here")
