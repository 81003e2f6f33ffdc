"""What faulthandler's report is read for, and what is left out of it."""

from __future__ import annotations

import faulthandler
import os
from pathlib import Path

from grader.judge.cells import parse_dump

DUMP = """Fatal Python error: Segmentation fault

Current thread 0x00007f (most recent call first):
  File "/usr/lib/python3.11/ctypes/__init__.py", line 519 in string_at
  File "<solution>/a/b.py", line 7 in inner
  File "<solution>/a/b.py", line 12 in outer
  File "/somewhere/grader/cell/server.py", line 50 in serve
"""


def test_the_learners_lines_outermost_first() -> None:
    assert parse_dump(DUMP.encode()) == [(12, "outer"), (7, "inner")]


def test_a_real_report_is_read(tmp_path: Path) -> None:
    with (tmp_path / "report").open("w+b") as report:
        source = "def inner(dump):\n    dump()\n\ndef outer(dump):\n    inner(dump)\n"
        names: dict[str, object] = {}
        exec(compile(source, "<solution>/a/b.py", "exec"), names)
        names["outer"](lambda: faulthandler.dump_traceback(report, all_threads=False))  # type: ignore[operator]
        report.flush()
        assert parse_dump(os.pread(report.fileno(), 1 << 16, 0)) == [(5, "outer"), (2, "inner")]


def test_anything_else_is_dropped() -> None:
    forged = (
        b'  File "<solution>/a.py", line 9999999 in f\n'
        b'File "<solution>/a.py", line 3 in f\n'
        b'  File "<solution>/a.py", line -1 in f\n'
        b'  File "<solution>/a\x1b[2J.py", line 4 in f\x1b[2J x\n'
        b'  File "/etc/passwd", line 5 in f\n'
        b"\xff\xfe\n"
    )
    assert parse_dump(forged) == []
    assert parse_dump(b"") == []


def test_a_deep_report_keeps_the_innermost_lines() -> None:
    lines = b"".join(b'  File "<solution>/a.py", line %d in f\n' % n for n in range(1, 101))
    found = parse_dump(lines)
    assert len(found) == 30
    assert (found[-1], found[0]) == ((1, "f"), (30, "f"))
    assert parse_dump(b"x" * (1 << 16) + lines) == []
