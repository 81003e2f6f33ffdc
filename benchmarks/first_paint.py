"""`first_paint`: from starting `gradlings` to its first frame, tree and statement, against a bare Textual app of one label."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.common import GRADLINGS, Result, course, median, seconds
from benchmarks.terminal import Terminal
from grader.course.source import statement

ROUNDS = 11
# Columns and rows: the least that has room for tree and statement side by side, a usual window.
SIZE = (120, 30)
REACH = 1.5
BARE = Path(__file__).with_name("bare_app.py")


def run() -> Result:
    """Alternate both, each to its first frame in a real pseudo-terminal."""
    found = course()
    first, topic = next(iter(found.exercises.values())), found.topics[1]
    words = " ".join(statement(found, first.id).split("\n\n")[1].split()[:6])
    ours: list[float] = []
    peer: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder) / "workspace"
        seconds([*GRADLINGS, "init", str(workspace)])
        for turn in range(ROUNDS + 1):
            with Terminal([str(Path(sys.executable).with_name("gradlings"))], workspace, SIZE) as terminal:
                elapsed = terminal.painted(words, topic.title) - terminal.started
            with Terminal([sys.executable, str(BARE)], size=SIZE) as terminal:
                bare = terminal.painted("painted") - terminal.started
            if turn:  # the first one compiles
                ours.append(elapsed * 1000)
                peer.append(bare * 1000)
    ratio = round(median(ours) / median(peer), 3)
    return Result(
        "first_paint", median(ours), median(peer), ratio, "ms", ROUNDS,
        f"ratio at most {REACH:g}", ratio <= REACH, "a bare Textual app with one label",
    )  # fmt: skip
