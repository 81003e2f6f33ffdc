"""A workspace is made without overwriting anything, found from within, and refused with a way on."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from grader.course.files import SourceError
from grader.course.read import read_course
from grader.course.workspace import find_workspace, init, open_workspace, set_aside, write_marker
from grader.errors import CourseError, UsageError


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_init_copies_what_a_learner_needs_and_nothing_secret(workspace):
    files = contents(workspace.root)
    stub = workspace.course.stub("numbers/clamp").read_bytes()
    assert files["exercises/numbers/clamp.py"] == stub
    assert files[".gradlings/stubs/numbers/clamp.py"] == stub
    assert files["exercises/words/data/poem.txt"].startswith(b"The sea")
    assert files["exercises/words/README.md"].startswith(b"# Words")
    assert {"README.md", ".gradlings/workspace.toml"} <= files.keys()
    assert not [name for name in files if "topic.toml" in name or "reference" in name or "test_" in name]
    assert not [name for name, data in files.items() if b"@mistake" in data]


def test_init_sets_up_vscode(workspace):
    folder = workspace.root / ".vscode"
    settings, launch, tasks = (json.loads((folder / f"{n}.json").read_text()) for n in ("settings", "launch", "tasks"))
    assert settings["python.defaultInterpreterPath"] == sys.executable
    [debug] = launch["configurations"]
    assert (debug["program"], debug["type"]) == ("${file}", "debugpy")
    grade = next(task for task in tasks["tasks"] if task.get("group", {}).get("kind") == "test")
    assert [grade["command"], *grade["args"]] == [sys.executable, "-m", "grader.cli", "run", "${file}"]


def test_init_again_completes_and_overwrites_nothing(workspace, course_folder):
    mine = workspace.file("numbers/clamp")
    mine.write_text("mine")
    workspace.file("numbers/slope").unlink()
    (workspace.root / "README.md").write_text("my notes")
    again = init(workspace.root, read_course(course_folder), str(course_folder))
    assert again.created == (workspace.file("numbers/slope"),)
    assert mine in again.kept
    assert mine.read_text() == "mine"
    assert (workspace.root / "README.md").read_text() == "my notes"


def test_init_in_a_folder_with_files_of_the_same_names(course_folder, tmp_path):
    mine = tmp_path / "work" / "exercises" / "numbers" / "clamp.py"
    mine.parent.mkdir(parents=True)
    mine.write_text("def clamp(): ...")
    done = init(tmp_path / "work", read_course(course_folder))
    assert done.kept == (mine,)
    assert mine.read_text() == "def clamp(): ..."
    assert not done.workspace.untouched("numbers/clamp", mine.read_text())
    assert done.workspace.untouched("numbers/slope", done.workspace.read("numbers/slope"))


def test_init_refuses_the_course_itself_and_another_workspace(course_folder, workspace):
    course = read_course(course_folder)
    for folder in (course_folder, course_folder / "exercises", course_folder / "tests" / "new"):
        before = contents(course_folder)
        with pytest.raises(UsageError, match="belongs to the course itself"):
            init(folder, course)
        assert contents(course_folder) == before
    with pytest.raises(UsageError, match="lies in the workspace"):
        init(workspace.root / "sub", course)
    assert not (workspace.root / "sub").exists()
    with pytest.raises(UsageError, match='a workspace of the course "mini", not of "other"'):
        init(workspace.root, replace(course, name="other"))
    init(course_folder / "workspace", course)  # within the course's folder, but not among its files


def test_init_where_nothing_can_be_made(course_folder, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match=r"Not a directory|File exists") as caught:
        init(tmp_path / "file" / "work", read_course(course_folder))
    assert caught.value.hint
    assert (tmp_path / "file").read_text() == "x"


def test_init_cut_off_is_no_workspace_and_can_be_repeated(course_folder, tmp_path):
    course = read_course(course_folder)
    course.stub("words/vocabulary").rename(course_folder / "gone")
    with pytest.raises(CourseError, match="No such file"):
        init(tmp_path / "work", course)
    assert find_workspace(tmp_path / "work") is None
    (course_folder / "gone").rename(course.stub("words/vocabulary"))
    init(tmp_path / "work", course)
    assert find_workspace(tmp_path / "work") == tmp_path / "work"


def test_init_does_not_write_through_a_link(course_folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "exercises").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="outside the workspace"):
        init(tmp_path / "work", read_course(course_folder))
    assert contents(tmp_path / "elsewhere") == {}


def test_open_from_anywhere_within(workspace, course_folder):
    for start in (workspace.root, workspace.root / "exercises" / "numbers", workspace.root / ".gradlings"):
        opened = open_workspace(start)
        assert opened.root == workspace.root
        assert opened.course.root == course_folder
        assert opened.course_version == "1.0"
        assert opened.database == workspace.root / "progress.db"


def test_open_outside_tells_of_init(tmp_path):
    with pytest.raises(UsageError, match="not in a gradlings workspace") as caught:
        open_workspace(tmp_path)
    assert "gradlings init" in (caught.value.hint or "")
    assert str(tmp_path) in caught.value.message


def test_open_when_the_course_has_moved(workspace, course_folder, tmp_path):
    moved = course_folder.rename(tmp_path / "moved")
    with pytest.raises(CourseError, match='the course "mini" of the workspace') as caught:
        open_workspace(workspace.root)
    assert "gradlings update --course DIR" in (caught.value.hint or "")
    opened = open_workspace(workspace.root, str(moved))
    assert (opened.course.root, opened.spec) == (moved, str(moved))


def test_open_with_another_course_is_refused(workspace, course_folder, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(course_folder, other)
    toml = other / "exercises" / "course.toml"
    toml.write_text(toml.read_text().replace('"mini"', '"other"'))
    with pytest.raises(UsageError, match='of the course "mini", not of "other"'):
        open_workspace(workspace.root, str(other))


def test_open_what_a_newer_gradlings_made(workspace):
    marker = workspace.root / ".gradlings" / "workspace.toml"
    marker.write_text("format = 2\n[elsewhere]\n")
    with pytest.raises(UsageError, match="newer gradlings") as caught:
        open_workspace(workspace.root)
    assert "pip install --upgrade" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "text", ["", "format = 'x'", "format = 1\n[course]\nspec = 3", "[course", "format = 1\ncourse = 1"]
)
def test_open_with_a_broken_marker_names_it(workspace, text):
    marker = workspace.root / ".gradlings" / "workspace.toml"
    marker.write_text(text)
    with pytest.raises(CourseError) as caught:
        open_workspace(workspace.root)
    assert str(marker) in caught.value.where
    assert caught.value.hint


@pytest.mark.parametrize("spec", ["/a\"b\\c'd", "/ä\x7f\t\n\x01\U0001f600", "plain"])
def test_marker_round_trip(workspace, spec, monkeypatch):
    write_marker(replace(workspace, spec=spec))
    seen = []
    monkeypatch.setattr("grader.course.workspace.find_course", lambda s: seen.append(s) or workspace.course)
    assert open_workspace(workspace.root).spec == spec
    assert seen == [spec]


def test_marker_of_a_folder_whose_name_is_no_text(workspace):
    with pytest.raises(UsageError, match="is no text"):
        write_marker(replace(workspace, spec="/caf\udce9"))


def test_exercise_of(workspace, monkeypatch, tmp_path):
    root = workspace.root
    assert workspace.exercise_of(workspace.file("numbers/clamp")) == "numbers/clamp"
    assert workspace.exercise_of(root / "exercises" / "x" / ".." / "numbers" / "clamp.py") == "numbers/clamp"
    monkeypatch.chdir(root / "exercises")
    assert workspace.exercise_of(Path("numbers/slope.py")) == "numbers/slope"
    workspace.file("numbers/clamp").unlink()
    assert workspace.exercise_of(workspace.file("numbers/clamp")) == "numbers/clamp"
    (tmp_path / "link").symlink_to(root)
    assert workspace.exercise_of(tmp_path / "link" / "exercises" / "numbers" / "clamp.py") == "numbers/clamp"
    for other in (
        root / "exercises" / "numbers" / "README.md",
        root / "exercises" / "numbers" / "clamp",
        root / "exercises" / "numbers" / "clamp.py.bak",
        root / "exercises" / "numbers" / ".clamp.py.swp",
        root / "exercises" / "numbers" / "sub" / "clamp.py",
        root / ".gradlings" / "stubs" / "numbers" / "clamp.py",
        root / "numbers" / "clamp.py",
        root,
        root.parent / "exercises" / "numbers" / "clamp.py",
        Path("/"),
    ):
        assert workspace.exercise_of(other) is None


def test_read_and_write_keep_line_ends(workspace):
    workspace.write("numbers/clamp", "\ufeffa = 'ü'\r\nb\n")
    assert workspace.file("numbers/clamp").read_bytes() == "\ufeffa = 'ü'\r\nb\n".encode()
    assert workspace.read("numbers/clamp") == "\ufeffa = 'ü'\r\nb\n"


def test_read_what_is_no_source(workspace):
    path = workspace.file("numbers/clamp")
    path.write_bytes(b"\xff")
    with pytest.raises(SourceError):
        workspace.read("numbers/clamp")
    path.unlink()
    with pytest.raises(UsageError, match="is missing") as caught:
        workspace.read("numbers/clamp")
    assert "gradlings update" in (caught.value.hint or "")


def test_untouched(workspace):
    text = workspace.read("numbers/clamp")
    assert workspace.untouched("numbers/clamp", text)
    assert not workspace.untouched("numbers/clamp", text + "\n")
    os.unlink(workspace.base("exercises/numbers/clamp.py"))
    assert not workspace.untouched("numbers/clamp", text)


def test_set_aside_keeps_every_one(workspace):
    path = workspace.file("numbers/clamp")
    kept = []
    for data in (b"\xff1", b"\xff2", b"\xff3"):
        path.write_bytes(data)
        kept.append(set_aside(workspace, path))
        assert not path.exists()
    assert [each.read_bytes() for each in kept] == [b"\xff1", b"\xff2", b"\xff3"]
