"""`list_command`: `gradlings list` in a workspace against `python -c "import sqlalchemy, rich"`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.common import GRADLINGS, Result, median, seconds

RUNS = 15
REACH = 1.5


def run() -> Result:
    """Alternate the two as whole processes."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder) / "workspace"
        seconds([*GRADLINGS, "init", str(workspace)])
        ours, peer = [], []
        for turn in range(RUNS + 1):
            a = seconds([*GRADLINGS, "list"], cwd=workspace)
            b = seconds([sys.executable, "-c", "import sqlalchemy, rich"], cwd=workspace)
            if turn:  # the first writes bytecode
                ours.append(a * 1000)
                peer.append(b * 1000)
    ratio = round(median(ours) / median(peer), 3)
    return Result(
        "list_command", median(ours), median(peer), ratio, "ms", RUNS, f"ratio at most {REACH}", ratio <= REACH,
        'python -c "import sqlalchemy, rich"',
    )  # fmt: skip
