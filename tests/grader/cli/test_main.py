"""The entry point: exit codes, errors in one place, no traceback of ours, help."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import click
import pytest

from grader.cli import __main__ as entry
from grader.cli.app import COMMANDS
from grader.cli.app import gradlings as root
from grader.errors import CourseError, EngineError, GradlingsError, StoreError, UsageError

from .conftest import MINICOURSE, PROGRAM, environment


def test_without_arguments_it_says_how_to_begin(inside):
    ran = inside()
    assert ran.code == 0
    steps = [ran.out.find(step) for step in ("gradlings init", "cd ", "3. gradlings ")]
    assert -1 < steps[0] < steps[1] < steps[2]


def test_without_arguments_in_a_workspace_it_says_how_to_go_on(at):
    ran = at()
    assert ran.code == 0
    assert "gradlings watch" in ran.out
    assert "gradlings init" not in ran.out


def test_the_help_names_every_command(inside):
    ran = inside("--help")
    assert ran.code == 0
    for name, line in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(line)}$", ran.out, re.MULTILINE), name


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_says_what_the_command_says(name):
    command = root.get_command(click.Context(root), name)
    assert command is not None
    assert command.name == name
    assert (command.help or "").splitlines()[0] == COMMANDS[name]


def test_the_version(inside):
    assert inside("--version").out == "gradlings, version 0.1.0\n"


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["lsit"], "Did you mean `list`?"),
        (["run", "--nonsense"], "--nonsense"),
        (["restore", "numbers/clamp", "many"], "many"),
        (["restore", "numbers/clamp", "0"], "0"),
        (["export"], "--format"),
        (["grade", "numbers/clamp"], "FILE"),
        (["completion", "tcsh"], "tcsh"),
    ],
)
def test_wrong_usage_is_2(inside, args, told):
    ran = inside(*args)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
    assert "--help" in ran.err


@pytest.mark.parametrize("command", ["list", "run", "watch", "verify", "show", "hint", "history", "update", "solution"])
def test_outside_a_workspace_it_names_init(inside, command):
    ran = inside(command)
    assert (ran.code, ran.out) == (2, "")
    assert "gradlings init" in ran.err


def test_an_unknown_exercise_is_2_and_suggests(at):
    ran = at("run", "clam")
    assert (ran.code, ran.out) == (2, "")
    assert "clamp" in ran.err


def test_with_json_an_error_leaves_stdout_empty(at):
    ran = at("run", "clam", "--json")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err


def test_a_course_that_cannot_be_read_is_2(inside, tmp_path):
    (tmp_path / "bad" / "exercises").mkdir(parents=True)
    (tmp_path / "bad" / "exercises" / "course.toml").write_text("name = ")
    ran = inside("init", "ws", "--course", "bad")
    assert ran.code == 2
    assert "course.toml" in ran.err
    assert not (tmp_path / "ws").exists()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("what", "do this"), 2),
        (CourseError("course.toml: name", "what", "do this"), 2),
        (StoreError("what", "do this"), 3),
        (EngineError("what", "do this"), 3),
        (GradlingsError("what", "do this"), 3),
        (click.Abort(), 130),
        (KeyboardInterrupt(), 130),
    ],
)
def test_each_error_has_its_code_and_is_printed_once(monkeypatch, capsys, error, code):
    monkeypatch.setattr(root, "main", _raising(error))
    assert entry.main([]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    if isinstance(error, GradlingsError):
        assert (err.count("what"), err.count("do this")) == (2, 1)  # "what to do:" is ours


def test_what_nobody_foresaw_goes_to_a_file(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(root, "main", _raising(RuntimeError("\x1b[31mboom\nbang")))
    assert entry.main([]) == 3
    _, err = capsys.readouterr()
    assert "Traceback" not in err
    assert "\x1b" not in err
    assert "RuntimeError: ␛[31mboom bang" in err
    (report,) = tmp_path.glob("gradlings-report-*.txt")
    assert str(report) in err
    assert "Traceback" in report.read_text()
    assert "raise error" in report.read_text()


def test_a_report_that_cannot_be_written_is_no_second_fault(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    monkeypatch.setattr(root, "main", _raising(RuntimeError("boom")))
    assert entry.main([]) == 3
    assert "could not be written" in capsys.readouterr().err


def test_errors_carry_no_escape_sequences(monkeypatch, capsys):
    monkeypatch.setattr(root, "main", _raising(UsageError("no \x1b]8;;x\x07 here", "\u202eevil")))
    assert entry.main([]) == 2
    err = capsys.readouterr().err
    assert "\x1b" not in err
    assert "\u202e" not in err
    assert "<U+202E>evil" in err


def test_a_reader_that_has_gone_is_no_error(workspace):
    """A pipe nobody reads: no message, and no exit code that means something else."""
    for args in (["list"], ["history"], ["show"], ["list", "--json"], ["export", "--format", "csv"]):
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run(
            [*PROGRAM, *args], cwd=workspace, stdout=write, stderr=subprocess.PIPE, env=environment(), check=False
        )
        os.close(write)
        assert (done.returncode, done.stderr) == (141, b""), args


def test_an_interrupt_is_quiet(workspace):
    """Ctrl-C while the grader warms up."""
    process = subprocess.Popen(
        [*PROGRAM, "run"], cwd=workspace, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    )
    _wait_for_child(process.pid)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert (out, err.strip()) == (b"", b"")


def test_a_locale_without_utf8_is_no_error(workspace, gradlings):
    ran = gradlings("list", cwd=workspace, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert ran.code == 0
    assert "✓" not in ran.out
    ran.out.encode("ascii")


def test_it_is_the_installed_script_too(tmp_path):
    script = Path(os.environ.get("VIRTUAL_ENV", "")) / "bin" / "gradlings"
    if not script.is_file():
        script = Path(PROGRAM[0]).parent / "gradlings"
    done = subprocess.run(
        [script, "init", "ws", "--course", MINICOURSE],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0
    assert (tmp_path / "ws" / "exercises" / "numbers" / "clamp.py").is_file()


def _raising(error: BaseException):
    def main(*_args: object, **_more: object) -> None:
        raise error

    return main


def _wait_for_child(pid: int) -> None:
    import time

    import psutil

    until = time.monotonic() + 20
    while not psutil.Process(pid).children():
        assert time.monotonic() < until
        time.sleep(0.01)
