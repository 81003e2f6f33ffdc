"""What `grader.filesystem` says, held against what the system's own `stat` says."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from grader.filesystem import SHARED, magic, shared_kind

linux = pytest.mark.skipif(sys.platform != "linux" or not shutil.which("stat"), reason="needs statfs and GNU stat")


@linux
@pytest.mark.parametrize("place", ["/", "/proc", "/sys", "/dev", "/tmp"])
def test_magic_agrees_with_stat(place: str) -> None:
    told = subprocess.run(["stat", "-f", "-c", "%t", place], capture_output=True, text=True, check=True).stdout
    assert magic(Path(place)) == int(told, 16)


@linux
def test_magic_of_a_missing_path_is_none(tmp_path: Path) -> None:
    assert magic(tmp_path / "missing") is None


def test_local_folder_is_not_shared(tmp_path: Path) -> None:
    number = magic(tmp_path) if sys.platform == "linux" else None
    assert shared_kind(tmp_path) == SHARED.get(number)
    assert shared_kind(tmp_path / "not" / "yet" / "there") == shared_kind(tmp_path)


@linux
def test_shared_file_system_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SHARED, magic(tmp_path), "a test's own")
    assert shared_kind(tmp_path / "deeper" / "progress.db") == "a test's own"
