"""Hostile submissions gain no point, read nothing, leave nothing and change nothing; and the runner that says so can fail."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

CORPUS = Path(__file__).with_name("hostile")
GROUPS = set(range(1, 12))  # of the list of attacks; the class server has tests of its own
RIGHT = """
import math, torch
def sdpa(Q, K, V, mask=None):
    S = Q @ K.mT / math.sqrt(Q.shape[-1])
    if mask is None:
        return torch.softmax(S, dim=-1) @ V
    return torch.softmax(S.masked_fill(~mask, -math.inf), dim=-1).masked_fill(~mask, 0.0) @ V
"""
WRONG = "def sdpa(Q, K, V, mask=None):\n    return V"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a cell is held on Linux alone")


def load_runner() -> Any:
    """The runner is a program, so that another interpreter can run it; here it is a module as well."""
    spec = importlib.util.spec_from_file_location("hostile_runner", CORPUS.with_name("hostile_runner.py"))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


runner = load_runner()


def test_corpus_covers_every_group() -> None:
    corpus = runner.read_corpus(CORPUS)
    assert len(corpus) >= 60
    assert {item.group for item in corpus} == GROUPS
    assert all(item.tries for item in corpus)
    assert len({item.exercise for item in corpus}) >= 5


@pytest.mark.timeout(600)
@pytest.mark.parametrize("half", [0, 1])
def test_nothing_is_gained(tmp_path: Path, half: int) -> None:
    """In two halves, one for each core."""
    chosen = runner.read_corpus(CORPUS)[half::2]
    names = [item.name for item in chosen]
    reports = runner.run_corpus(Path(sys.executable), CORPUS, tmp_path / "run", names)
    assert {report.name.partition("[")[0] for report in reports} >= {item.name for item in chosen if not item.only}
    assert {report.name: report.problems for report in reports if report.problems} == {}


@pytest.mark.timeout(300)
def test_runner_sees_what_goes_wrong(tmp_path: Path) -> None:
    """Each of these breaks one promise as far as a submission can; the runner must say which."""
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    write(corpus, "g01_sound", WRONG, status="failed", says="expected")
    write(corpus, "g02_point_gained", RIGHT, status="failed")
    write(corpus, "g03_other_words", WRONG, status="failed", says="words that no verdict holds")
    write(corpus, "g04_breach", f"print('BREACH', 5)\n{WRONG}", status="failed")
    write(corpus, "g05_canary", f"print('{{{{SECRET}}}}')\n{WRONG}", status="failed")
    write(corpus, "g06_suite", f"print({suite_line()!r})\n{WRONG}", status="failed")
    reports = runner.run_corpus(Path(sys.executable), corpus, tmp_path / "run")
    said = {report.name: " ".join(report.problems) for report in reports}
    assert said.pop("g01_sound") == ""
    expected = {
        "g02_point_gained": "status passed, expected failed",
        "g03_other_words": "no text says",
        "g04_breach": "breached",
        "g05_canary": "the canary was read",
        "g06_suite": "a line of test_scaled_dot_product.py was read",
    }
    assert {name: text for name, text in said.items() if expected[name] not in text} == {}
    assert said.keys() == expected.keys()


def test_written_files_are_seen(tmp_path: Path) -> None:
    scene = made_scene(tmp_path)
    try:
        assert list(scene.written()) == []
        (scene.tmp / "left").write_text("x")
        (scene.work / "progress.db").write_text("changed")
        (tmp_path / f"{scene.token}.txt").write_text("x")
        found = " ".join(scene.written(tmp_path))
        assert all(name in found for name in ("tmp/left", "progress.db", f"{scene.token}.txt"))
        assert list(scene.written()) == []
    finally:
        scene.close()


def test_strays_are_seen(tmp_path: Path) -> None:
    """A child of the engine's, one of its session, and a daemon that has left both and keeps only its environment."""
    environment = {"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path)}
    program = (
        "import subprocess as s\n"
        "print(s.Popen(['sleep', '60'], start_new_session=True, stdout=s.DEVNULL, stderr=s.DEVNULL).pid)"
    )
    keeper = subprocess.Popen(["sleep", "60"], env=environment, start_new_session=True)
    daemon = 0
    try:
        assert runner.strays((keeper.pid, keeper.pid), tmp_path) == []
        made = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        daemon = int(made.stdout)
        assert [str(daemon) in text for text in runner.strays((keeper.pid, keeper.pid), tmp_path)] == [True]
        elsewhere = tmp_path / "elsewhere"
        assert runner.strays((keeper.pid, keeper.pid), elsewhere) == []
        # By descent alone: of a parent with several children only the one cell ahead may be there.
        second = subprocess.Popen(["sleep", "60"])
        try:
            assert any(str(second.pid) in text for text in runner.strays((keeper.pid, os.getpid()), elsewhere))
        finally:
            second.kill()
            second.wait()
    finally:
        keeper.kill()
        keeper.wait()
        if daemon:
            os.kill(daemon, 9)


def test_verdict_texts_are_looked_at() -> None:
    from grader.model import Check, Verdict

    hostile = runner.Hostile("g11_x", "tries", "a/b", "failed", "")
    for text in ("\x1b[2J", "\u202e", "\u2028", "\x85", "\u200b"):
        verdict = Verdict("c", "a/b", "failed", 0.0, (Check("one", "One", "failed", f"it says {text}"),))
        assert any("a text holds" in problem for problem in runner.judged(hostile, verdict))
    silent = Verdict("c", "a/b", "failed", 0.0, (Check("one", "One", "failed"),))
    assert any("without a message" in problem for problem in runner.judged(hostile, silent))
    gained = Verdict("c", "a/b", "failed", 0.5, (Check("one", "One", "failed", "no"),))
    assert any("score 0.5" in problem for problem in runner.judged(hostile, gained))


def test_corpus_is_not_run_where_nothing_holds_it(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    write(corpus, "g01_harmless", WRONG, status="failed")
    scene = made_scene(tmp_path)
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(CORPUS.with_name("hostile_runner.py")), str(corpus), str(tmp_path)],
            env={**os.environ, "GRADLINGS_CELLS": "spare"},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        scene.close()
    assert done.returncode != 0
    assert "only where a cell is held" in done.stderr
    assert done.stdout == ""


def test_headers_are_checked(tmp_path: Path) -> None:
    write(tmp_path, "g01_good", "", status="failed|error", score="3/13", says="a")
    good = runner.read_corpus(tmp_path)[0]
    assert (good.score, good.status, good.says, good.group) == (Fraction(3, 13), "failed|error", ("a",), 1)
    write(tmp_path, "g01_typo", "", statsu="failed")
    with pytest.raises(ValueError, match="g01_typo"):
        runner.read_corpus(tmp_path)


def write(folder: Path, name: str, body: str, **headers: str) -> None:
    lines = [f"# {key}: {value}" for key, value in {"exercise": "attention/scaled_dot_product", **headers}.items()]
    text = "\n".join(['"""A submission for the runner itself."""', *lines, "", body, ""])
    (folder / f"{name}.py").write_text(text)


def made_scene(folder: Path) -> Any:
    for name in ("home", "work", "tmp"):
        (folder / name).mkdir()
    return runner.Scene(folder)


def suite_line() -> str:
    """A line of the hidden suite that its stub does not hold."""
    suite = CORPUS.parents[1] / "exercises" / "attention" / "test_scaled_dot_product.py"
    return next(
        line.strip() for line in suite.read_text().splitlines() if "    Q, K, V = randn(" in line and len(line) > 50
    )
