"""Which files a cell may read, in every place the package and its courses can lie."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from grader.cell.sandbox import readable

ROOT = Path(__file__).parents[3]
linux = pytest.mark.skipif(sys.platform != "linux", reason="Landlock is Linux's")


def make(folder: Path, *names: str) -> Path:
    """A folder of packages: names that end in / become folders with a module inside."""
    for name in names:
        path = folder / name
        if name.endswith("/"):
            path.mkdir(parents=True)
            (path / "inner.py").write_text("VALUE = 'inner'\n")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("VALUE = 'module'\n")
    return folder


def found(folder: Path, *hidden: Path) -> set[str]:
    """What is allowed beneath a folder on the import path, relative to it."""
    paths = readable.find(hidden, [str(folder)]).paths
    return {str(path.relative_to(folder)) for path in paths if folder in path.parents}


def test_packages_are_allowed_one_by_one_without_ours(tmp_path):
    ours = ("grader/", "gradlings-1.0.dist-info/", "__editable__.gradlings.py", "_editable_impl_gradlings.pth")
    others = ("numpy/", "numpy-2.dist-info/", "six.py", "graderlike/")
    folder = make(tmp_path / "site-packages", *ours, *others, "distutils-precedence.pth", "gradlings.egg-link")
    assert found(folder) == {name.rstrip("/") for name in others}


def test_a_clone_on_the_import_path_is_not_allowed(tmp_path):
    clone = make(tmp_path / "clone", "grader/", "reference/", "notes.py")
    assert found(clone) == set()


def test_an_environment_inside_a_clone_is_allowed_and_the_clone_is_not(tmp_path):
    clone = make(tmp_path / "clone", "reference/")
    folder = make(clone / ".venv" / "site-packages", "torch/")
    assert found(folder, clone) == {"torch"}
    assert clone / "reference" not in readable.find([clone], [str(folder), str(clone)]).paths


def test_a_link_into_a_course_is_not_allowed(tmp_path):
    clone = make(tmp_path / "clone", "reference/", "exercises/")
    folder = make(clone / ".venv" / "site-packages", "torch/")
    (folder / "answers").symlink_to(clone / "reference")
    (folder / "all").symlink_to(clone)
    assert found(folder, clone) == {"torch"}


def test_a_folder_that_holds_a_course_is_taken_apart(tmp_path):
    folder = make(tmp_path / "site-packages", "academy/", "academy/course/reference/", "academy/tools/")
    course = folder / "academy" / "course"
    assert found(folder, course) == {"academy/inner.py", "academy/tools"}


def test_a_course_installed_as_a_package_is_not_allowed_even_unnamed(tmp_path):
    folder = make(tmp_path / "site-packages", "academy/exercises/course.toml", "academy/reference/", "torch/")
    assert found(folder) == {"torch"}


def test_a_course_whose_root_is_the_folder_of_packages_hides_its_parts(tmp_path):
    folder = make(tmp_path / "site-packages", "reference/", "tests/", "exercises/", "torch/")
    assert found(folder, folder) == {"torch"}


def test_nothing_of_this_checkout_is_allowed_but_its_environment():
    paths = readable.find([ROOT], sys.path).paths
    within = {path for path in paths if ROOT in path.resolve().parents}
    assert all(any(name in path.parts for name in readable.PACKAGE_FOLDERS) for path in within)
    assert not any(path == ROOT or path in ROOT.parents for path in paths)


def test_a_folder_of_packages_within_the_standard_library_is_not_allowed_whole():
    allowed = readable.find([], [*sys.path, str(Path(shutil.__file__).parent / "site-packages")]).paths
    assert Path(shutil.__file__).resolve() in allowed
    assert [path for path in allowed if path.name in readable.PACKAGE_FOLDERS] == []


def test_other_pythons_packages_are_not_allowed():
    allowed = {str(path) for path in readable.find([], sys.path).paths}
    assert allowed.isdisjoint({"/usr", "/usr/lib", "/usr/lib/python3", "/usr/local/lib", "/", "/proc", "/sys", "/tmp"})


@linux
def test_what_was_never_looked_for_can_be_imported(tmp_path):
    """The folder cannot be listed inside, so its finder must have listed it before."""
    folder = make(tmp_path / "site-packages", "latecomer.py")
    script = (
        "import os, sys; from grader.cell.sandbox import Sandbox; sys.path.append(sys.argv[1]); made = Sandbox.prepare()\n"
        "if os.fork(): sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))\n"
        "made.apply(keep_fds=(1, 2), seconds=5, memory_mib=64); import latecomer; print(latecomer.VALUE)"
    )
    command = [sys.executable, "-c", script, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("module\n", "")


@linux
def test_an_installed_wheel_cannot_read_its_references_and_imports_its_neighbours(tmp_path, start_parent):
    """The package, its references and other packages side by side, as pip installs them."""
    folder = make(tmp_path / "site-packages", "neighbour/", "neighbour/__init__.py", "single.py")
    shutil.copytree(ROOT / "grader", folder / "grader", ignore=shutil.ignore_patterns("__pycache__"))
    secret = folder / "grader" / "reference" / "topic" / "answer.py"
    secret.parent.mkdir(parents=True)
    secret.write_text("ANSWER = 'forty-two'")
    parent = start_parent(folder)
    code = "import grader; print(grader.__file__)"
    names = {"secret": str(secret)}
    assert parent.run(code, only=[])["out"].strip() == str(folder / "grader" / "__init__.py")
    inside = parent.run("import neighbour.inner, single; print(neighbour.inner.VALUE, single.VALUE)")
    assert inside["out"] == "inner module\n"
    for deed in (
        "print(open(secret).read())",
        "import os; print(os.listdir(os.path.dirname(secret)))",
        "import sys; sys.path.insert(0, secret.rpartition('/')[0]); import answer; print(answer.ANSWER)",
        "import grader.reference.topic.answer as a; print(a.ANSWER)",
        "import linecache; lines = linecache.getlines(secret); print(lines); assert lines",
        "import os; fd = os.open(secret, os.O_PATH); print(open(f'/proc/self/fd/{fd}').read())",
    ):
        assert parent.run(deed, only=[], names=names)["code"] == 0, deed
        refused = parent.run(deed, names=names)
        assert refused["code"] == 1, deed
        assert "forty-two" not in refused["out"]
