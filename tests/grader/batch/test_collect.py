"""Whose work is what: the layouts that teachers download, notebooks, and what cannot be taken."""

from __future__ import annotations

import contextlib
import json
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.batch import layout
from grader.batch.collect import Collected, collect
from grader.batch.entries import Refusal
from grader.batch.notebooks import tagged
from grader.course.read import find_course
from grader.errors import UsageError
from grader.model import Course
from tests.grader.batch.conftest import EXCHANGED, RIGHT, Put

IDS = frozenset({"numbers/clamp", "numbers/slope"})


def taken(found: Collected) -> set[tuple[str, str]]:
    return {(work.student, work.exercise) for work in found.works if work.key}


def refused(found: Collected) -> dict[str, str]:
    return {work.place: work.note for work in found.works if not work.key}


def notebook(*cells: tuple[list[str], str | list[str]]) -> bytes:
    made = [{"cell_type": "code", "metadata": {"tags": tags}, "source": source} for tags, source in cells]
    return json.dumps({"nbformat": 4, "cells": [{"cell_type": "markdown", "source": "# Hello"}, *made]}).encode()


def test_a_folder_per_student(course: Course, folder: Path, put: Put) -> None:
    put("ada/numbers/clamp.py")
    put("grace/hw1/exercises/numbers/clamp.py", EXCHANGED)
    put("grace/vocabulary.py", "x = 1")
    found = collect(folder, course)
    assert taken(found) == {("ada", "numbers/clamp"), ("grace", "numbers/clamp"), ("grace", "words/vocabulary")}
    assert len(found.tasks) == 3


def test_the_same_text_is_graded_once(course: Course, folder: Path, put: Put) -> None:
    put("ada/clamp.py")
    put("grace/clamp.py")
    found = collect(folder, course)
    assert len(found.works) == 2
    assert len(found.tasks) == 1


def test_moodle_and_canvas_names(course: Course, folder: Path, put: Put) -> None:
    put("Ada Lovelace_123_assignsubmission_file_/clamp.py")
    put("hoppergrace_LATE_12_345_clamp-2.py")
    put("kay_clamp.py")
    assert {student for student, _ in taken(collect(folder, course))} == {"Ada Lovelace", "hoppergrace", "kay"}


def test_files_named_after_students_for_the_one_exercise(course: Course, folder: Path, put: Put) -> None:
    put("ada.py")
    put("grace.py", EXCHANGED)
    put("kay/solution.py")
    put("tim/a.py")
    put("tim/b.py")
    found = collect(folder, course, ["numbers/clamp"])
    assert taken(found) == {(name, "numbers/clamp") for name in ("ada", "grace", "kay")}
    assert refused(found) == {f"tim/{name}.py": "it is called after no exercise" for name in "ab"}
    assert not taken(collect(folder, course))


def test_zips(course: Course, folder: Path, put: Put, tmp_path: Path) -> None:
    with zipfile.ZipFile(folder / "ada.zip", "w") as archive:
        archive.writestr("homework/numbers/clamp.py", RIGHT)
        archive.writestr("../clamp.py", RIGHT)
    put("grace/all.zip", (folder / "ada.zip").read_bytes())
    put("kay.zip", b"no zip at all")
    found = collect(folder, course)
    assert taken(found) == {("ada", "numbers/clamp"), ("grace", "numbers/clamp")}
    assert "leads out" in refused(found)["ada.zip/../clamp.py"]
    assert "no zip" in refused(found)["kay.zip"]
    whole = tmp_path / "whole.zip"
    with zipfile.ZipFile(whole, "w") as archive:
        for path in ("ada.zip", "kay.zip"):
            archive.write(folder / path, f"export/{path}")
        archive.writestr("export/tim/clamp.py", RIGHT)
    assert taken(collect(whole, course)) == {("ada", "numbers/clamp"), ("tim", "numbers/clamp")}


def test_a_single_file_in_a_zip_for_the_one_exercise(course: Course, folder: Path) -> None:
    with zipfile.ZipFile(folder / "ada.zip", "w") as archive:
        archive.writestr("mine.py", RIGHT)
    assert taken(collect(folder, course, ["numbers/clamp"])) == {("ada", "numbers/clamp")}


def test_gradescope(course: Course, folder: Path, put: Put) -> None:
    put("submission_1/clamp.py")
    put("submission_2/clamp.py", EXCHANGED)
    put(
        "submission_metadata.yml",
        "---\nsubmission_1:\n  :submitters:\n  - :name: Ada Lovelace\n    :sid: '17'\n    :email: ada@example.org\n"
        "  :created_at: 2026-01-01 10:00:00.000000000 -05:00\nsubmission_2:\n  :submitters:\n  - :name: Grace\n  - :name: Kay\n",
    )
    found = collect(folder, course)
    assert {student for student, _ in taken(found)} == {"Ada Lovelace (ada@example.org)", "Grace", "Kay"}
    assert len(found.tasks) == 2


@pytest.mark.parametrize("text", ["- 1\n", "a: [", "a: !!python/object/apply:os.system ['true']", "\0"])
def test_metadata_that_is_none(course: Course, folder: Path, put: Put, text: str) -> None:
    put("submission_1/clamp.py")
    put("submission_metadata.yml", text)
    with pytest.raises(UsageError, match="submission_metadata"):
        collect(folder, course)


def test_one_workspace_is_one_student(course: Course, folder: Path, put: Put) -> None:
    put("exercises/numbers/clamp.py")
    put("review/numbers/clamp.py", EXCHANGED)
    put(".gradlings/stubs/numbers/clamp.py", EXCHANGED)
    found = collect(folder, course)
    assert taken(found) == {("submissions", "numbers/clamp")}
    assert len(found.tasks) == 1


def test_what_cannot_be_taken_says_why(course: Course, folder: Path, put: Put) -> None:
    put("ada/clamp.py", b"\xff\xfe\x00")
    put("grace/clamp.py", b"#" * (2 << 20))
    put("kay/clamp.py")
    put("kay/nonsense.ipynb", b"{]")
    found = collect(folder, course)
    assert taken(found) == {("kay", "numbers/clamp")}
    assert "NUL" in refused(found)["ada/clamp.py"]
    assert "larger than 1 MiB" in refused(found)["grace/clamp.py"]
    assert "notebook" in refused(found)["kay/nonsense.ipynb"]


def test_names_that_are_no_text(course: Course, folder: Path) -> None:
    strange = os.fsencode(folder) + b"/\xff\n\x1b[31m<b>"
    os.mkdir(strange)
    with open(strange + b"/clamp.py", "w") as file:
        file.write(RIGHT)
    (work,) = collect(folder, course).works
    work.student.encode()
    assert work.key


def test_what_it_builds_on_travels_along(folder: Path, put: Put) -> None:
    course = find_course(None)
    put("ada/attention/kv_cache.py", "from positional_encoding.rope import rope\n")
    put("grace/attention/kv_cache.py", "from positional_encoding.rope import rope\n")
    put("grace/positional_encoding/rope.py", "rope = None\n")
    found = collect(folder, course, ["attention/kv_cache"])
    assert refused(found) == {
        "ada/attention/kv_cache.py": "it builds on positional_encoding/rope, of which nothing was handed in"
    }
    task = next(task for task in found.tasks.values() if task.exercise == "attention/kv_cache")
    assert task.depth == 1
    assert task.uses == {"positional_encoding/rope": "rope = None\n"}
    assert found.tasks[task.needs[0]].exercise == "positional_encoding/rope"


def test_neither_folder_nor_zip(course: Course, put: Put) -> None:
    with pytest.raises(UsageError, match="neither a folder"):
        collect(put("clamp.py"), course)
    with pytest.raises(UsageError, match="no zip"):
        collect(put("clamp.zip", b"x"), course)


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("ada_clamp", ("ada", "clamp")),
        ("ada-numbers_clamp", ("ada", "numbers_clamp")),
        ("clamp", ("clamp", "")),
        ("ada", ("ada", "")),
        ("lovelaceada_12_345_whatever", ("lovelaceada", "whatever")),
    ],
)
def test_the_student_in_a_file_name(course: Course, stem: str, expected: tuple[str, str]) -> None:
    assert layout.of_file_name(stem, course) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("numbers/clamp.py", "numbers/clamp"),
        ("a/b/clamp.py", "numbers/clamp"),
        ("numbers_clamp.py", "numbers/clamp"),
        ("clamp-3.py", "numbers/clamp"),
        ("main.py", None),
    ],
)
def test_the_exercise_of_a_path(course: Course, path: str, expected: str | None) -> None:
    assert layout.exercise_of(course, tuple(path.split("/"))) == expected


def test_tagged_cells_are_joined_and_magic_is_left_out() -> None:
    found = tagged(
        notebook(
            (["numbers/clamp"], ["%matplotlib inline\n", "!pip install x\n", "import math\n"]),
            (["other"], "raise SystemExit"),
            (["exercise:numbers/slope"], "def slope(): ..."),
            (["numbers/clamp"], "def clamp(): ..."),
        ),
        IDS,
    )
    assert found == {
        "numbers/clamp": "# %matplotlib inline\n# !pip install x\nimport math\n\n\ndef clamp(): ...\n",
        "numbers/slope": "def slope(): ...\n",
    }


@given(
    st.recursive(
        st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_json_is_read_or_refused(value: object) -> None:
    for document in (
        value,
        {"cells": value},
        {"cells": [value]},
        {"cells": [{"cell_type": "code", "metadata": value}]},
    ):
        with contextlib.suppress(Refusal):
            assert all(isinstance(text, str) for text in tagged(json.dumps(document).encode(), IDS).values())
