"""`doctor`, `debug`, `completion`; and that docs/commands.md is true."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import click
import pexpect
import pytest

from grader.cli.app import COMMANDS
from grader.cli.app import gradlings as root

from .conftest import CLAMP, MINICOURSE, PROGRAM, REPOSITORY, RIGHT, WRONG, environment

DOCS = (REPOSITORY / "docs" / "commands.md").read_text(encoding="utf-8")


# -- doctor ------------------------------------------------------------------------------------------------------------


def test_doctor_proves_the_protections(at):
    ran = at("doctor", "--json")
    assert ran.code == 0, ran.out
    found = {(f["section"], f["name"]): f for f in ran.json["findings"]}
    assert found["versions", "gradlings"]["text"].startswith("0.1.0")
    assert found["course", "course"]["text"].startswith("Numbers and words")
    assert found["workspace", "saves"]["state"] == "ok"
    assert "sound" in found["progress", "database"]["text"]
    if sys.platform == "linux":
        assert "fork" in found["protections", "seccomp"]["text"]
        assert "landlock" in found["protections", "in force"]["text"]


def test_doctor_reports_what_is_not_held(at, monkeypatch):
    probes = [["fork", "seccomp", False, "a child was there"], ["mount", "seccomp", True, "refused"]]
    monkeypatch.setattr("grader.doctor.probe", lambda _course: (["seccomp", "rlimits"], probes))
    ran = at("doctor")
    assert ran.code == 1
    assert "✗ fork: not stopped by seccomp: a child was there" in ran.out
    assert "missing: Landlock" in ran.out
    assert "1 problem found" in ran.out


def test_doctor_says_when_the_cell_does_not_start(at, monkeypatch):
    monkeypatch.setattr("sys.executable", "/bin/false")
    ran = at("doctor")
    assert ran.code == 1
    assert "the process for learner code does not start" in ran.out


def test_doctor_outside_a_workspace(inside):
    ran = inside("doctor", "--no-probes", "--course", MINICOURSE)
    assert ran.code == 0
    assert "gradlings init" in ran.out


def test_doctor_repairs_a_damaged_database(workspace, at):
    (workspace / CLAMP).write_text(WRONG)
    at("run", "clamp")
    database = workspace / "progress.db"
    assert "not damaged" in at("doctor", "--repair").out
    damaged = bytearray(database.read_bytes())
    damaged[len(damaged) // 2 :] = b"\xff" * (len(damaged) - len(damaged) // 2)
    database.write_bytes(damaged)
    for file in workspace.glob("progress.db-*"):
        file.unlink()
    sick = at("doctor", "--no-probes")
    assert sick.code == 1
    assert "gradlings doctor --repair" in sick.out
    repaired = at("doctor", "--repair", "--json").json
    assert repaired["repaired"] is True
    assert database.with_name(repaired["kept"].rpartition("/")[2]).read_bytes() == bytes(damaged)
    assert at("doctor", "--no-probes").code == 0
    assert at("list").code == 0


# -- debug -------------------------------------------------------------------------------------------------------------


def test_debug_steps_through_the_learners_code(workspace):
    (workspace / CLAMP).write_text("def clamp(x, low, high):\n    first = max(x, high)\n    return min(low, first)\n")
    child = pexpect.spawn(
        PROGRAM[0],
        [*PROGRAM[1:], "debug", "clamp"],
        cwd=str(workspace),
        env=environment(),
        encoding="utf-8",
        timeout=60,
    )
    try:
        child.expect(r"\(Pdb\) ")
        assert "clamp.py" in child.before
        for _ in range(2):
            child.sendline("n")
            child.expect(r"\(Pdb\) ")
        child.sendline("p 'it', first")
        child.expect(r"'it', 5.0")
        child.sendline("q")
        child.expect(pexpect.EOF)
        child.wait()
        assert child.exitstatus == 0
    finally:
        child.close(force=True)


@pytest.mark.parametrize(
    ("source", "args", "told"),
    [(RIGHT, [], "every check passes"), (WRONG, ["no_such_check"], "inside_and_outside"), (None, [], "clamp.py")],
)
def test_nothing_to_debug_is_2(workspace, at, source, args, told):
    if source is None:
        (workspace / CLAMP).unlink()
    else:
        (workspace / CLAMP).write_text(source)
    ran = at("debug", "clamp", *args)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err


# -- completion --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell(gradlings, shell):
    ran = gradlings("completion", shell)
    assert ran.code == 0
    assert f"_GRADLINGS_COMPLETE={shell}_complete" in ran.out


def _complete(cwd, *words: str) -> list[str]:
    env = environment(
        _GRADLINGS_COMPLETE="bash_complete", COMP_WORDS=" ".join(("gradlings", *words)), COMP_CWORD=str(len(words))
    )
    done = subprocess.run(PROGRAM, cwd=cwd, env=env, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_commands_and_exercises_complete(workspace, tmp_path):
    assert _complete(workspace, "hi") == ["hint", "history"]
    assert _complete(workspace, "run", "words/") == ["words/frequencies", "words/vocabulary"]
    assert _complete(workspace, "run", "voc") == ["words/vocabulary"]
    assert _complete(workspace, "verify", "clamp", "words/v") == ["words/vocabulary"]
    assert _complete(tmp_path, "grade", "--course", str(MINICOURSE), "num") == ["numbers/clamp", "numbers/slope"]
    assert _complete(tmp_path, "run", "--course", "/nowhere", "x") == []


# -- docs --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_documented(name):
    if name == "course":
        assert "### gradlings course new|check|test" in DOCS
        return
    command = root.get_command(click.Context(root), name)
    assert command is not None
    section = re.search(rf"^### gradlings {name}\b.*?(?=^##|\Z)", DOCS, re.MULTILINE | re.DOTALL)
    assert section, name
    general = DOCS.partition("## Learning")[0]
    for option in command.params:
        if isinstance(option, click.Option):
            assert any(f"{flag}" in section[0] + general for flag in option.opts), (name, option.opts)
        elif isinstance(option, click.Argument) and option.name == "exercise":
            assert ("[EXERCISE]" if not option.required else " EXERCISE") in section[0]


def test_only_commands_that_exist_are_documented():
    assert set(re.findall(r"^### gradlings (\w+)", DOCS, re.MULTILINE)) == set(COMMANDS)


def _documented(name: str) -> list[set[str]]:
    """The keys of the JSON documents in a command's section."""
    section = re.search(rf"^### gradlings {name}\b.*?(?=^##|\Z)", DOCS, re.MULTILINE | re.DOTALL)
    assert section
    decoder, found = json.JSONDecoder(), []
    for block in re.findall(r"```json\n(.*?)```", section[0], re.DOTALL):
        text = block.strip()
        while text:
            value, end = decoder.raw_decode(text)
            found.append(_keys(value))
            text = text[end:].strip()
    return found


def _keys(value: object, prefix: str = "") -> set[str]:
    """Every key, dotted; of a list, those of its first item."""
    if isinstance(value, list):
        return _keys(value[0], prefix) if value else set()
    if not isinstance(value, dict):
        return set()
    return {f"{prefix}{key}" for key in value} | {k for key, v in value.items() for k in _keys(v, f"{prefix}{key}.")}


def test_the_documented_json_is_what_is_printed(workspace, at, tmp_path):
    (workspace / CLAMP).write_text(WRONG)
    at("run", "clamp")
    (workspace / "exercises/words/vocabulary.py").unlink()
    calls = {
        "init": ["init", tmp_path / "new", "--course", MINICOURSE],
        "list": ["list"],
        "show": ["show", "clamp"],
        "hint": ["hint", "clamp"],
        "history": ["history", "clamp"],
        "restore": ["restore", "clamp", "1"],
        "reset": ["reset", "clamp"],
        "update": ["update"],
        "doctor": ["doctor", "--no-probes"],
        "verify": ["verify", "clamp"],
    }
    for name, args in calls.items():
        printed = {key for key in _keys(at(*args, "--json").json) if not key.startswith("verdicts.")}
        documented = {
            key for key in _documented("restore" if name == "reset" else name)[0] if not key.startswith("forbidden.")
        }
        assert printed == documented, name
    for _ in range(4):
        at("hint", "clamp")
    assert _keys(at("solution", "clamp", "--yes", "--json").json) == _documented("solution")[0]
    assert _keys(at("history", "--source", "1", "--json").json) == _documented("history")[1]
