"""`gradlings batch` as a teacher runs it."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pexpect

from tests.grader.batch.conftest import EXCHANGED, MINICOURSE, RIGHT, Put, batch, folder, put

__all__ = ["folder", "put"]


def test_it_says_what_came_of_it_and_where_the_report_is(folder: Path, put: Put) -> None:
    put("ada/clamp.py")
    put("grace/clamp.py", EXCHANGED)
    put("grace/link.py").unlink()
    (folder / "grace/link.py").symlink_to("clamp.py")
    done = batch(folder)
    target = folder.with_name("submissions-graded")
    assert re.search(r"2 students: 1 of 2 solutions pass. 2 graded now, in .*s\.", done.stdout)
    assert "1 file not taken" in done.stdout
    assert {path.name for path in target.iterdir()} >= {
        "report.html", "results.csv", "results.json", "junit.xml", "gradescope", "ledger.db",
    }  # fmt: skip
    again = batch(folder, "--json")
    assert json.loads(again.stdout) | {"duration_s": 0} == {
        "schema": 1, "course": "mini", "students": 2, "graded": 2, "graded_now": 0, "ungraded": 0, "refused": 1,
        "report": str(target / "report.html"), "duration_s": 0,
    }  # fmt: skip


def test_an_empty_folder_is_no_error(folder: Path) -> None:
    assert "0 students: 0 of 0 solutions pass." in batch(folder).stdout


def test_wrong_usage(folder: Path, put: Put) -> None:
    put("ada/clamp.py")
    assert "no exercise" in batch(folder, "-e", "nonsense", check=2).stderr
    assert "neither a folder" in batch(folder / "ada/clamp.py", check=2).stderr
    assert "cannot be made" in batch(folder, "-o", folder / "ada/clamp.py/x", check=2).stderr
    assert "Leave one of them out" in batch(folder, "-j", "2", "--scheduler", "tcp://127.0.0.1:1", check=2).stderr


def test_the_bar_shows_rate_and_time_left_on_a_terminal(folder: Path, put: Put) -> None:
    for number in range(30):
        put(f"student{number}/clamp.py", f"{RIGHT}# {number}\n")
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    command = f"-m grader.cli batch {folder} --course {MINICOURSE}"
    child = pexpect.spawn(sys.executable, command.split(), env=env, dimensions=(24, 100), encoding="utf-8", timeout=60)
    child.expect(r"Grading \(\d+ engines?\)")
    child.expect(r"\d+/30")
    child.expect(r"\d+\.\d/s")
    child.expect("30 students: 30 of 30 solutions pass")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_control_c_keeps_what_was_graded(folder: Path, put: Put) -> None:
    for number in range(60):
        put(f"student{number}/clamp.py", f"{RIGHT}# {number}\n")
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    command = f"-m grader.cli batch {folder} --course {MINICOURSE} -j 1"
    child = pexpect.spawn(sys.executable, command.split(), env=env, dimensions=(24, 100), encoding="utf-8", timeout=60)
    child.expect(r"[1-9]/60")
    child.sendintr()
    child.expect("Stopped. What was graded is kept")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    again = json.loads(batch(folder, "--json").stdout)
    assert 0 < again["graded_now"] < again["graded"] == 60
