"""A class as its students use it: `join`, `submit`, `leaderboard` against a real server."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.grader.classroom.test_serve import KILLS, Server
from tests.grader.cli.conftest import CLAMP, MINICOURSE, PROGRAM, RIGHT, WRONG, Gradlings, environment


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
    assert anew.json | {"server": "", "nickname": ""} == {
        "schema": 1, "server": "", "course": "mini", "title": "LLMs ␛[31mred", "nickname": "", "listed": False, "waiting": 0,
    }  # fmt: skip
    (workspace / ".gradlings/class.json").write_text("damaged")
    assert gradlings("submit", "clamp", cwd=workspace).code == 2
    assert gradlings("join", address, code, "--name", "x", cwd=workspace).code == 2
    assert gradlings("join", address, code, "--name", "x", "--again", cwd=workspace).code == 0


def test_what_keeps_one_out(workspace: Path, gradlings: Gradlings, server: Server) -> None:
    address, code = server.told["address"], server.told["code"]
    for arguments, exit_code, said in (
        ((address, "AAAA-AAAA", "--name", "x"), 2, "no code of this class"),
        ((address, code), 2, "Your name is missing"),
        ((address, code, "--name", " "), 2, "name is empty"),
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
    assert "numbers/clamp  failed  0 of 3 checks" in wrong.out
    assert "min and max are exchanged" in " ".join(wrong.out.split())
    (joined / CLAMP).write_text(RIGHT)
    right = gradlings("submit", "numbers/clamp", "--wait", "--json", cwd=joined)
    assert right.code == 0
    [line] = right.json["submissions"]
    assert (line["status"], line["verdict"]["status"], right.json["waiting"]) == ("passed", "passed", 0)
    again = gradlings("submit", "clamp", "--no-wait", "--json", cwd=joined).json["submissions"][0]
    assert (again["id"], again["receipt"]) == (line["id"], line["receipt"])
    (joined / CLAMP).write_text(WRONG)
    unwatched = gradlings("submit", "clamp", cwd=joined)
    assert unwatched.code == 0, unwatched.out  # accepted; nobody waited for the verdict
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
    outbox = joined / ".gradlings/outbox"
    begun = time.monotonic()
    assert gradlings("submit", "clamp", "--no-wait", cwd=joined).code == 0
    whole, taken = time.monotonic() - begun, set()
    for number in range(2 * KILLS):
        (joined / CLAMP).write_text(f"{RIGHT}# killed {number}\n")
        process = subprocess.Popen([*PROGRAM, "submit", "clamp", "--no-wait"], cwd=joined, env=environment(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        time.sleep(random.uniform(0.4, 1.1) * whole)
        process.kill()
        process.wait()
        taken |= {
            hashlib.sha256(json.loads(file.read_text())["source"].encode()).hexdigest()
            for file in outbox.glob("*.json")
        }
    (joined / CLAMP).write_text(RIGHT)
    assert gradlings("submit", "clamp", "--no-wait", cwd=joined).code == 0
    token = json.loads((joined / ".gradlings/class.json").read_text())["token"]
    lines = server.ask("GET", "/api/submissions?limit=1000", token)[1]
    kept = [line["source_sha256"] for line in lines]
    assert len(kept) == len(set(kept))
    assert taken <= set(kept)
    assert sorted(line["id"] for line in receipts(joined)) == sorted(line["id"] for line in lines)
    assert not list(outbox.glob("*.json"))


def test_the_receipt_is_that_of_the_class(joined: Path, gradlings: Gradlings) -> None:
    (joined / CLAMP).write_text(RIGHT + "# receipt\n")
    [line] = gradlings("submit", "clamp", "--json", cwd=joined).json["submissions"]
    [receipt] = receipts(joined)
    assert {name: receipt[name] for name in ("id", "exercise", "at", "source_sha256", "receipt")} == {
        name: line[name] for name in ("id", "exercise", "at", "source_sha256", "receipt")
    }


def test_what_the_class_does_not_take(joined: Path, gradlings: Gradlings) -> None:
    (joined / CLAMP).write_text(" \n")
    done = gradlings("submit", "clamp", "--json", cwd=joined)
    assert done.code == 2
    [refused] = done.json["refused"]
    assert (refused["exercise"], refused["message"]) == ("numbers/clamp", "The file is empty.")
    (joined / CLAMP).write_text(RIGHT)
    assert gradlings("submit", "clamp", cwd=joined).code == 0


def test_what_is_not_begun_is_handed_in_only_by_name(joined: Path, gradlings: Gradlings) -> None:
    done = gradlings("submit", cwd=joined)
    assert (done.code, "numbers/clamp is not begun yet" in done.err) == (2, True)
    assert gradlings("submit", "nonsense", cwd=joined).code == 2
    named = gradlings("submit", "clamp", "--wait", cwd=joined)
    assert (named.code, "numbers/clamp  not started" in named.out) == (1, True)
    (joined / CLAMP).write_text(RIGHT)
    current = gradlings("submit", "--wait", cwd=joined)
    assert (current.code, "numbers/clamp  passed  3 of 3 checks" in current.out) == (0, True)


def test_a_class_of_another_course_is_not_joined(gradlings: Gradlings, server: Server, tmp_path: Path) -> None:
    assert gradlings("init", tmp_path / "other").code == 0
    done = gradlings("join", server.told["address"], server.told["code"], "--name", "Stray", cwd=tmp_path / "other")
    assert (done.code, "works on the course mini" in done.err) == (2, True)
    assert not (tmp_path / "other/.gradlings/class.json").exists()


def test_on_a_terminal_the_name_is_asked_for(workspace: Path, server: Server) -> None:
    ours, theirs = os.openpty()
    process = subprocess.Popen([*PROGRAM, "join", server.told["address"], server.told["code"]], cwd=workspace,
                               env=environment(), stdin=theirs, stdout=theirs, stderr=theirs)  # fmt: skip
    os.close(theirs)
    os.write(ours, b"Mary Somerville\n")
    seen = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while part := os.read(ours, 1 << 16):
            seen += part
    os.close(ours)
    assert process.wait() == 0
    assert b"Your name, for the teacher" in seen
    assert b"as Mary" in seen


def test_nicknames_are_data(joined: Path, gradlings: Gradlings) -> None:
    board = gradlings("leaderboard", "--show-me", "--nickname", "[red]x\x1b[31m\u202e[/]", cwd=joined)
    assert board.code == 0
    assert "\x1b" not in board.out
    assert "\u202e" not in board.out


def test_a_server_that_no_longer_knows_one(joined: Path, gradlings: Gradlings, server: Server) -> None:
    path = joined / ".gradlings/class.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"token": "gl_" + "A" * 32}))
    (joined / CLAMP).write_text(RIGHT)
    done = gradlings("submit", "clamp", "--json", cwd=joined)
    assert (done.code, done.out) == (2, "")
    assert "Nobody is known by this token. What you handed in waits." in done.err
    assert gradlings("leaderboard", cwd=joined).code == 2
    again = gradlings("join", server.told["address"], server.told["code"], "--name", "Ada", "--again", cwd=joined)
    assert "1 submission waiting" in again.out
    (joined / CLAMP).write_bytes((MINICOURSE / "exercises/numbers/clamp.py").read_bytes())
    sent = gradlings("submit", "--wait", "--json", cwd=joined)
    assert [line["status"] for line in sent.json["submissions"]] == ["passed"]
