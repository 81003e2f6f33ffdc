"""A class as its students use it: `join`, `submit`, `leaderboard` against a real server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.grader.classroom.test_serve import Server
from tests.grader.cli.conftest import CLAMP, PROGRAM, RIGHT, WRONG, Gradlings, environment


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(str(tmp_path_factory.mktemp("class") / "class.db"), 0, "--title", "LLMs \x1b[31mred")
    yield server
    server.stop()


@pytest.fixture
def joined(workspace: Path, gradlings: Gradlings, server: Server) -> Path:
    """A workspace whose learner is in the class."""
    done = gradlings(
        "join", server.told["address"], server.told["code"], "--name", "Ada Lovelace", "--listed", cwd=workspace
    )
    assert done.code == 0, done.err
    return workspace


def receipts(workspace: Path) -> list[dict[str, object]]:
    file = workspace / ".gradlings/receipts.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_joining_says_who_one_is(workspace: Path, gradlings: Gradlings, server: Server) -> None:
    address, code = server.told["address"], server.told["code"]
    done = gradlings("join", address, code.lower(), "--name", "Grace Hopper", cwd=workspace)
    assert done.code == 0
    assert "You are in LLMs ␛[31mred, as Grace" in done.out
    assert "--show-me" in done.out
    token = json.loads((workspace / ".gradlings/class.json").read_text())["token"]
    assert token not in done.out
    again = gradlings("join", address, code, "--name", "x", cwd=workspace)
    assert (again.code, "--again" in again.err) == (2, True)
    anew = gradlings("join", address, code, "--name", "x", "--again", "--json", cwd=workspace)
    assert anew.json | {"server": ""} == {
        "schema": 1, "server": "", "title": "LLMs ␛[31mred", "nickname": anew.json["nickname"], "listed": False,
    }  # fmt: skip


def test_what_keeps_one_out(workspace: Path, gradlings: Gradlings, server: Server) -> None:
    address, code = server.told["address"], server.told["code"]
    for arguments, exit_code, said in (
        ((address, "AAAA-AAAA", "--name", "x"), 2, "no code of this class"),
        ((address, code), 2, "Your name is missing"),
        ((address, code, "--name", "..."), 2, "a letter or a digit"),
        (("http://127.0.0.1:1", code, "--name", "x"), 3, "cannot be reached"),
        (("http://x.test", code, "--name", "x"), 2, "--insecure"),
        (("nonsense://x", code, "--name", "x"), 2, "no address of a class"),
    ):
        done = gradlings("join", *arguments, cwd=workspace)
        assert (done.code, said in done.err) == (exit_code, True), done.err
    assert gradlings("submit", cwd=workspace).code == 2
    assert "in no class" in gradlings("leaderboard", cwd=workspace).err


def test_handing_in_and_what_comes_of_it(joined: Path, gradlings: Gradlings) -> None:
    (joined / CLAMP).write_text(WRONG)
    wrong = gradlings("submit", "clamp", "--wait", cwd=joined)
    assert wrong.code == 1
    assert "numbers/clamp: failed, " in wrong.out
    assert "min and max are exchanged" in wrong.out
    (joined / CLAMP).write_text(RIGHT)
    right = gradlings("submit", "numbers/clamp", "--wait", "--json", cwd=joined)
    assert right.code == 0
    [line] = right.json["submissions"]
    assert (line["status"], line["verdict"]["status"], right.json["waiting"]) == ("passed", "passed", 0)
    again = gradlings("submit", "clamp", "--no-wait", "--json", cwd=joined).json["submissions"][0]
    assert (again["id"], again["receipt"]) == (line["id"], line["receipt"])
    board = gradlings("leaderboard", cwd=joined)
    assert "(you)" in board.out
    assert "\x1b[31m" not in board.out
    assert any(
        row["you"] and row["points"] == 5 for row in gradlings("leaderboard", "--json", cwd=joined).json["leaderboard"]
    )


def test_what_one_shows_of_oneself(joined: Path, gradlings: Gradlings, server: Server) -> None:
    hidden = gradlings("leaderboard", "--hide-me", "--json", cwd=joined).json["leaderboard"]
    assert not any(row["you"] for row in hidden)
    shown = gradlings("leaderboard", "--show-me", "--nickname", f"countess{os.getpid()}", "--json", cwd=joined).json[
        "leaderboard"
    ]
    assert [row["nickname"] for row in shown if row["you"]] == [f"countess{os.getpid()}"]
    link = gradlings("leaderboard", "--link", cwd=joined).out.strip()
    assert link.startswith(f"{server.told['address']}/enter#gl_")


def test_everything_that_passed_goes_out_once(joined: Path, gradlings: Gradlings) -> None:
    (joined / CLAMP).write_text(RIGHT + "# all\n")
    assert gradlings("run", "clamp", cwd=joined).code == 0
    (joined / CLAMP).write_text(WRONG + "# later\n")
    first = gradlings("submit", "--all", "--json", cwd=joined).json
    assert [line["exercise"] for line in first["submissions"]] == ["numbers/clamp"]
    assert gradlings("submit", "--all", "--json", cwd=joined).json["submissions"] == []
    assert "nothing to hand in" in gradlings("submit", "--all", cwd=joined).out
    assert gradlings("submit", "clamp", "--all", cwd=joined).code == 2


def test_offline_it_waits_and_goes_out_later(workspace: Path, gradlings: Gradlings, tmp_path: Path) -> None:
    server = Server(str(tmp_path / "own.db"))
    assert gradlings("join", server.told["address"], server.told["code"], "--name", "Ada", cwd=workspace).code == 0
    server.kill()
    (workspace / CLAMP).write_text(RIGHT)
    offline = gradlings("submit", "clamp", cwd=workspace)
    assert (offline.code, "1 waiting" in offline.out, "cannot be reached" in offline.out) == (0, True, True)
    (workspace / CLAMP).write_text(WRONG)
    assert "2 waiting" in gradlings("submit", "clamp", cwd=workspace).out
    server = Server(str(tmp_path / "own.db"), server.port)
    (workspace / CLAMP).write_text(RIGHT + "#\n")
    online = gradlings("submit", "clamp", "--wait", "--json", cwd=workspace).json
    assert [line["status"] for line in online["submissions"]] == ["passed", "failed", "passed"]
    assert len(receipts(workspace)) == 3
    server.stop()


@pytest.mark.timeout(200)
def test_killed_at_any_instant_a_submission_goes_out_once(joined: Path, gradlings: Gradlings, server: Server) -> None:
    for number in range(4):
        (joined / CLAMP).write_text(f"{RIGHT}# killed {number}\n")
        process = subprocess.Popen([*PROGRAM, "submit", "clamp", "--no-wait"], cwd=joined, env=environment(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        time.sleep(0.15 + 0.12 * number)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert gradlings("submit", "clamp", "--no-wait", cwd=joined).code == 0
    token = json.loads((joined / ".gradlings/class.json").read_text())["token"]
    found = list(server.wait(token))
    assert len(found) == len(set(found))
    assert {line["id"] for line in receipts(joined)} <= set(found)
    assert not list((joined / ".gradlings/outbox").glob("*.json"))


def test_a_server_that_no_longer_knows_one(joined: Path, gradlings: Gradlings) -> None:
    path = joined / ".gradlings/class.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"token": "gl_" + "A" * 32}))
    (joined / CLAMP).write_text(RIGHT)
    done = gradlings("submit", "clamp", cwd=joined)
    assert "Nobody is known by this token" in done.out
    assert "1 waiting" in done.out
    assert gradlings("leaderboard", cwd=joined).code == 2
