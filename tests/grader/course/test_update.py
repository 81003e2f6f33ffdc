"""An update replaces what is untouched, keeps what is edited, and can be cut off anywhere."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from grader.course import update as module
from grader.course.read import read_course
from grader.course.update import Change, update
from grader.course.workspace import Workspace, init, open_workspace
from grader.errors import UsageError

CLAMP, SLOPE = "exercises/numbers/clamp.py", "exercises/numbers/slope.py"
MINE = "# mine\n"


@dataclass
class Bench:
    """A workspace and the folder of its course, which the test changes."""

    course: Path
    root: Path

    def update(self) -> list[Change]:
        return update(open_workspace(self.root))

    def stub(self, name: str, text: str) -> None:
        (self.course / name).write_text(text)

    def write(self, name: str, text: str) -> None:
        (self.root / name).write_text(text)

    def read(self, name: str) -> str:
        return (self.root / name).read_text()

    def told(self) -> list[tuple[str, str]]:
        return [(change.what, str(change.path.relative_to(self.root))) for change in self.update()]

    def rename(self, old: str, new: str) -> None:
        """Rename an exercise of the topic `words` in the course, with an alias."""
        for folder, pattern in (
            ("exercises/words", "{}.py"),
            ("reference/words", "{}.py"),
            ("tests/exercises/words", "test_{}.py"),
        ):
            (self.course / folder / pattern.format(old)).rename(self.course / folder / pattern.format(new))
        for file in ("exercises/course.toml", "exercises/words/topic.toml"):
            path = self.course / file
            text = path.read_text().replace(f"words/{old}", f"words/{new}")
            text = text.replace(f'name = "{old}"', f'name = "{new}"')
            if 'aliases = ["words/vocab"]' in text:
                text = text.replace('["words/vocab"]', f'["words/vocab", "words/{old}"]')
            path.write_text(text)

    def drop_slope(self) -> None:
        """Take the exercise numbers/slope out of the course."""
        path = self.course / "exercises/numbers/topic.toml"
        path.write_text(path.read_text().rpartition("[[exercise]]")[0])
        path = self.course / "exercises/course.toml"
        path.write_text(path.read_text().replace('"numbers/slope", ', ""))
        (self.course / SLOPE).unlink()


@pytest.fixture
def bench(workspace: Workspace, course_folder: Path) -> Bench:
    return Bench(course_folder, workspace.root)


def test_nothing_to_do(bench):
    bench.write(CLAMP, MINE)
    assert bench.told() == []
    assert bench.read(CLAMP) == MINE


def test_untouched_is_replaced(bench):
    bench.stub(CLAMP, "new stub")
    assert bench.told() == [("replaced", CLAMP)]
    assert bench.read(CLAMP) == "new stub"
    assert bench.told() == []
    bench.stub(CLAMP, "newer stub")
    assert bench.told() == [("replaced", CLAMP)]


def test_edited_is_kept_and_told_once_per_new_stub(bench):
    bench.write(CLAMP, MINE)
    bench.stub(CLAMP, "new stub")
    [change] = bench.update()
    assert (change.what, change.exercise, change.path) == ("kept", "numbers/clamp", bench.root / CLAMP)
    assert change.other is not None
    assert change.other.read_text() == "new stub"
    assert bench.read(CLAMP) == MINE
    assert bench.told() == []
    bench.stub(CLAMP, "newer stub")
    assert bench.told() == [("kept", CLAMP)]
    assert change.other.read_text() == "newer stub"


def test_the_new_stub_laid_aside_is_no_exercise(bench):
    bench.write(CLAMP, MINE)
    bench.stub(CLAMP, "new stub")
    [change] = bench.update()
    assert change.other is not None
    assert open_workspace(bench.root).exercise_of(change.other) is None
    assert (bench.root / "exercises") not in change.other.parents


def test_edited_to_what_the_new_stub_is(bench):
    bench.write(CLAMP, "new stub")
    bench.stub(CLAMP, "new stub")
    assert bench.told() == []
    bench.stub(CLAMP, "newer stub")
    assert bench.told() == [("replaced", CLAMP)]


def test_missing_is_created(bench):
    (bench.root / CLAMP).unlink()
    shutil.rmtree(bench.root / "exercises" / "words")
    told = bench.told()
    assert ("created", CLAMP) in told
    assert ("created", "exercises/words/data/poem.txt") in told
    assert len(told) == 5
    assert bench.read(CLAMP) == (bench.course / CLAMP).read_text()


def test_new_exercise_is_created_and_version_noted(bench):
    topic = bench.course / "exercises/numbers/topic.toml"
    topic.write_text(topic.read_text() + '\n[[exercise]]\nname = "sign"\ntitle = "Sign"\n')
    for name in ("exercises/numbers/sign.py", "reference/numbers/sign.py", "tests/exercises/numbers/test_sign.py"):
        bench.stub(name, "# sign\n")
    course = bench.course / "exercises/course.toml"
    course.write_text(course.read_text().replace('"1.0"', '"1.1"'))
    [change] = bench.update()
    assert (change.what, change.exercise) == ("created", "numbers/sign")
    assert open_workspace(bench.root).course_version == "1.1"


def test_readme_and_data_follow_the_same_rules(bench):
    bench.write("exercises/words/README.md", "my notes")
    bench.stub("exercises/words/README.md", "new page")
    bench.stub("exercises/words/data/poem.txt", "new poem")
    assert bench.told() == [("kept", "exercises/words/README.md"), ("replaced", "exercises/words/data/poem.txt")]
    assert bench.read("exercises/words/README.md") == "my notes"
    assert bench.read("exercises/words/data/poem.txt") == "new poem"


def test_removed_exercise_stays_and_is_told_once(bench):
    bench.write(SLOPE, MINE)
    bench.drop_slope()
    assert bench.told() == [("retired", SLOPE)]
    assert bench.read(SLOPE) == MINE
    assert bench.told() == []


def test_file_without_a_known_stub_counts_as_edited(bench):
    shutil.rmtree(bench.root / ".gradlings" / "stubs")
    bench.write(CLAMP, MINE)
    assert bench.told() == [("kept", CLAMP)]
    assert bench.read(CLAMP) == MINE
    assert bench.told() == []


def test_large_and_binary_files_count_as_edited(bench):
    (bench.root / CLAMP).write_bytes(b"\xff\0" * 2**20)
    bench.stub(CLAMP, "new stub")
    assert bench.told() == [("kept", CLAMP)]
    assert (bench.root / CLAMP).stat().st_size == 2**21


OLD, NEW = "exercises/words/vocabulary.py", "exercises/words/lexicon.py"


@pytest.mark.parametrize(
    ("change_stub", "edit_old", "told", "content"),
    [
        (False, False, [("moved", NEW)], "stub"),
        (False, True, [("moved", NEW)], "mine"),
        (True, False, [("moved", NEW), ("replaced", NEW)], "new"),
        (True, True, [("moved", NEW), ("kept", NEW)], "mine"),
    ],
)
def test_renamed_exercise_is_moved(bench, change_stub, edit_old, told, content):
    stub = bench.read(OLD)
    bench.rename("vocabulary", "lexicon")
    if edit_old:
        bench.write(OLD, MINE)
    if change_stub:
        bench.stub(NEW, "new stub")
    assert bench.told() == told
    assert not (bench.root / OLD).exists()
    assert bench.read(NEW) == {"stub": stub, "mine": MINE, "new": "new stub"}[content]
    assert bench.told() == []


def test_renamed_after_init_had_put_the_new_stub(bench):
    bench.write(OLD, MINE)
    bench.rename("vocabulary", "lexicon")
    init(bench.root, read_course(bench.course), str(bench.course))
    assert (bench.root / NEW).is_file()
    assert bench.told() == [("moved", NEW)]
    assert bench.read(NEW) == MINE


def test_the_review_of_a_renamed_exercise_goes_along(bench):
    (bench.root / "review/words").mkdir(parents=True)
    bench.write("review/words/vocabulary.py", MINE)
    bench.rename("vocabulary", "lexicon")
    assert bench.told() == [("moved", NEW)]
    assert bench.read("review/words/lexicon.py") == MINE
    assert not (bench.root / "review/words/vocabulary.py").exists()


def test_renamed_but_both_edited_stay_both(bench):
    bench.write(OLD, MINE)
    bench.rename("vocabulary", "lexicon")
    bench.write(NEW, "also mine")
    told = bench.told()
    assert ("moved", NEW) not in told
    assert bench.read(OLD) == MINE
    assert bench.read(NEW) == "also mine"


def test_file_of_an_old_name_without_a_known_stub(bench):
    bench.write("exercises/words/vocab.py", MINE)  # an alias the mini-course has from the start
    assert bench.told() == [("moved", OLD)]
    assert bench.read(OLD) == MINE
    bench.write("exercises/words/vocab.py", "an older one")
    assert bench.told() == []
    assert bench.read(OLD) == MINE


def test_renamed_out_of_a_topic_leaves_no_empty_folder(bench):
    topic = bench.course / "exercises/numbers/topic.toml"
    topic.write_text(topic.read_text().replace('name = "clamp"', 'name = "clamp"\naliases = ["sums/clamp"]'))
    (bench.root / "exercises/sums").mkdir()
    bench.write("exercises/sums/clamp.py", MINE)
    assert bench.told() == [("moved", CLAMP)]
    assert bench.read(CLAMP) == MINE
    assert not (bench.root / "exercises/sums").exists()


def test_a_folder_in_the_way_is_named_and_the_rest_stays(bench):
    (bench.root / CLAMP).unlink()
    (bench.root / CLAMP).mkdir()
    bench.write(SLOPE, MINE)
    with pytest.raises(UsageError, match="is a folder") as caught:
        bench.update()
    assert str(bench.root / CLAMP) in caught.value.message
    assert bench.read(SLOPE) == MINE
    (bench.root / CLAMP).rmdir()
    assert bench.told() == [("created", CLAMP)]


def test_course_that_lies_elsewhere_now_is_noted(bench, tmp_path):
    moved = bench.course.rename(tmp_path / "moved")
    update(open_workspace(bench.root, str(moved)))
    assert open_workspace(bench.root).course.root == moved


class Cut(BaseException):
    """The power goes."""


def snapshot(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not path.name.endswith(".tmp")
    }


def cut_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Let the update end after that many of its steps on disk."""
    left = [steps]

    def counted(act: Callable[..., object]) -> Callable[..., object]:
        def step(*args: object, **kwargs: object) -> object:
            if left[0] == 0:
                raise Cut
            left[0] -= 1
            return act(*args, **kwargs)

        return step

    for name in ("write_bytes", "create_bytes", "move", "write_marker"):
        monkeypatch.setattr(module, name, counted(getattr(module, name)))
    monkeypatch.setattr(Path, "unlink", counted(Path.unlink))


def test_update_cut_off_at_any_step_loses_nothing_and_ends_alike(bench, tmp_path, monkeypatch):
    bench.write(OLD, MINE)
    bench.write("exercises/words/frequencies.py", "also mine")
    bench.rename("vocabulary", "lexicon")
    bench.drop_slope()
    for name in (CLAMP, NEW, "exercises/words/frequencies.py"):
        bench.stub(name, f"new stub of {name}")
    monkeypatch.setattr("os.fsync", lambda _: None)  # the program is cut off here, not the machine
    start = tmp_path / "start"
    shutil.copytree(bench.root, start)
    bench.update()
    end = snapshot(bench.root)
    assert end["exercises/words/lexicon.py"] == MINE.encode()
    assert "exercises/words/vocabulary.py" not in end
    for steps in range(100):
        shutil.rmtree(bench.root)
        shutil.copytree(start, bench.root)
        with monkeypatch.context() as patch:
            cut_after(patch, steps)
            try:
                bench.update()
                break
            except Cut:
                pass
        lying = snapshot(bench.root).values()
        assert MINE.encode() in lying
        assert b"also mine" in lying
        bench.update()
        assert snapshot(bench.root) == end, steps
    assert steps > 20
