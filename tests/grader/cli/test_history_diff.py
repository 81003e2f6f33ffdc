"""`gradlings history EXERCISE --diff A [B]`: what changed between two attempts, or since one of them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from grader.model import Verdict
from grader.store import open_store

from .conftest import CLAMP, RIGHT, WRONG, Gradlings

Save = Callable[[str, str], int]


@pytest.fixture
def save(workspace: Path) -> Save:
    """Records a failed attempt with that source; returns its number."""

    def record(exercise: str, source: str) -> int:
        store = open_store(workspace / "progress.db")
        try:
            return store.record(exercise, source, Verdict("minicourse", exercise, "failed", 0.5, ())).sequence
        finally:
            store.close()

    return record


def test_two_attempts_are_compared_as_diff_does(at: Gradlings, save: Save) -> None:
    first, second = save("numbers/clamp", WRONG), save("numbers/clamp", RIGHT)
    ran = at("history", "clamp", "--diff", str(first), str(second))
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert re.fullmatch(rf"--- numbers/clamp, attempt {first}, \d{{4}}-.*", lines[0])
    assert re.fullmatch(rf"\+\+\+ numbers/clamp, attempt {second}, \d{{4}}-.*", lines[1])
    wrong, right = WRONG.splitlines()[1], RIGHT.splitlines()[1]
    assert lines[2:] == ["@@ -1,2 +1,2 @@", f" {WRONG.splitlines()[0]}", f"-{wrong}", f"+{right}"]


def test_what_is_printed_is_a_patch(at: Gradlings, save: Save, tmp_path: Path) -> None:
    old = "".join(f"line {n}\n" for n in range(1, 41))
    new = old.replace("line 5\n", "five\nand more\n").replace("line 30\n", "") + "end\n"
    ran = at("history", "--diff", str(save("numbers/clamp", old)), str(save("numbers/clamp", new)))
    (tmp_path / "file.py").write_text(old)
    patch = ["patch", "--quiet", "file.py"]
    try:
        subprocess.run(patch, cwd=tmp_path, input=ran.out.encode(), check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("no patch on this computer")
    assert (tmp_path / "file.py").read_text() == new


def test_the_file_as_it_is_now_is_what_an_attempt_is_compared_with(workspace: Path, at: Gradlings, save: Save) -> None:
    number = save("numbers/clamp", WRONG)
    (workspace / CLAMP).write_text(RIGHT)
    for args in (["clamp", "--diff", str(number)], ["--diff", str(number)]):
        ran = at("history", *args)
        assert ran.code == 0
        assert "the file as it is now" in ran.out
        assert f"+{RIGHT.splitlines()[1]}" in ran.out.splitlines()


def test_nothing_differs(workspace: Path, at: Gradlings, save: Save) -> None:
    number = save("numbers/clamp", RIGHT)
    (workspace / CLAMP).write_text(RIGHT)
    ran = at("history", "clamp", "--diff", str(number))
    assert (ran.code, "nothing differs" in ran.out) == (0, True)


def test_a_missing_line_break_at_the_end_is_told(workspace: Path, at: Gradlings, save: Save) -> None:
    number = save("numbers/clamp", RIGHT)
    (workspace / CLAMP).write_text(RIGHT.rstrip("\n"))
    out = at("history", "clamp", "--diff", str(number)).out
    assert "ends with a line break" in out
    assert "nothing differs" not in out


def test_json_has_the_rows(at: Gradlings, save: Save) -> None:
    first, second = save("numbers/clamp", WRONG), save("numbers/clamp", RIGHT)
    found = at("history", "--diff", str(first), str(second), "--json").json
    assert {key: found[key] for key in ("schema", "exercise", "from", "to", "same", "end_differs")} == {
        "schema": 1, "exercise": "numbers/clamp", "from": first, "to": second, "same": False, "end_differs": False,
    }  # fmt: skip
    assert [row["kind"] for row in found["rows"]] == ["same", "changed"]
    changed = found["rows"][1]["right"]
    assert [changed["text"][a:b] for a, b in changed["marks"]]
    assert changed["number"] == 2


def test_attempts_at_other_exercises_are_refused(at: Gradlings, save: Save) -> None:
    first, other = save("numbers/clamp", WRONG), save("words/vocabulary", "x = 1\n")
    for args in (["clamp", "--diff", str(other)], ["--diff", str(first), str(other)]):
        ran = at("history", *args)
        assert ran.code == 2
        assert f"Attempt {other} is one at words/vocabulary, not at numbers/clamp." in ran.err


def test_an_attempt_that_is_not_there_and_a_number_without_diff(at: Gradlings, save: Save) -> None:
    save("numbers/clamp", WRONG)
    assert at("history", "clamp", "--diff", "99").code == 2
    ran = at("history", "clamp", "3")
    assert ran.code == 2
    assert "--diff" in ran.err


def test_what_a_terminal_would_obey_is_made_visible(at: Gradlings, save: Save) -> None:
    hostile = 'x = "[/][red]a[/b] \x1b[2J \u202e"\n'
    first, second = save("numbers/clamp", "x = 1\n"), save("numbers/clamp", hostile)
    out = at("history", "--diff", str(first), str(second)).out
    assert '+x = "[/][red]a[/b] ␛[2J <U+202E>"' in out.splitlines()
    assert "\x1b" not in out
