"""Copies of the mini-course to break, and workspaces made from it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from grader.course.read import read_course
from grader.course.workspace import Workspace, init

MINICOURSE = Path(__file__).parents[2] / "minicourse"


@pytest.fixture
def course_folder(tmp_path: Path) -> Path:
    """A copy of the mini-course."""
    folder = tmp_path / "course"
    shutil.copytree(MINICOURSE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture
def edit(course_folder: Path) -> Callable[[str, str, str], None]:
    """Replaces a text, which has to be there, in a file of the copy."""

    def replace(name: str, old: str, new: str) -> None:
        path = course_folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return replace


@pytest.fixture
def workspace(course_folder: Path, tmp_path: Path) -> Workspace:
    """A workspace of the copy."""
    return init(tmp_path / "work", read_course(course_folder), str(course_folder)).workspace
