"""What `watch` says while a grading takes long: once, and only then."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import CLAMP, PROGRAM, RIGHT, environment


@pytest.fixture
def lines(workspace: Path) -> Iterator[Iterator[str]]:
    """The lines of a running `gradlings watch` that is not in a terminal."""
    with subprocess.Popen(
        [*PROGRAM, "watch"],
        cwd=workspace, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=environment(),
    ) as process:  # fmt: skip
        assert process.stdout is not None
        yield process.stdout
        process.terminate()


def _until(lines: Iterator[str], words: str) -> list[str]:
    said = []
    for line in lines:
        said.append(line)
        if words in line:
            return said
    raise AssertionError(said)


def test_it_asks_for_patience_when_a_grading_takes_long(lines, workspace):
    _until(lines, "The statement is at the top of the file")
    (workspace / CLAMP).write_text(f"import time\ntime.sleep(1.5)\n{RIGHT}")
    said = _until(lines, "Learnt: ")
    assert said[0] == "numbers/clamp  grading ...\n"
    assert "".join(said).count("grading ...") == 1
    (workspace / CLAMP).write_text(RIGHT)  # everything is warm now
    assert "grading ..." not in "".join(_until(lines, "checks"))
