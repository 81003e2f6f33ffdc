"""Nothing that was put into the outbox is lost, sent for nothing, or kept for ever."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from grader.classmate import outbox
from grader.classmate.connection import Offline, Refused
from grader.classmate.outbox import Outbox
from grader.course.lock import acquire
from grader.errors import UsageError
from tests.grader.classmate.conftest import Odd

KILLS = int(os.environ.get("GRADLINGS_KILLS", "4"))


@pytest.fixture
def box(root: Path, odd: Odd) -> Outbox:
    return Outbox(root, odd.member)


def letters(root: Path) -> list[Path]:
    return sorted((root / ".gradlings/outbox").glob("*.json"))


def receipts(root: Path) -> list[dict[str, Any]]:
    file = root / ".gradlings/receipts.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def put_in_order(box: Outbox, root: Path, sources: list[str]) -> None:
    for number, source in enumerate(sources):
        before = set(letters(root))
        box.put("a/b", source, {})
        [new] = set(letters(root)) - before
        os.utime(new, ns=(number, number))


def test_what_is_acknowledged_leaves_a_receipt(root: Path, odd: Odd, box: Outbox) -> None:
    for _ in range(2):
        box.put("a/b", "one\u00e9\ud800", {"a/c": "two"})
    assert (box.waiting(), len(letters(root))) == (1, 1)
    [line] = box.send().acknowledged
    assert odd.asked[0][2:] == ("Bearer gl_x", {"exercise": "a/b", "source": "one\u00e9\ud800", "uses": {"a/c": "two"}})
    assert (letters(root), box.waiting()) == ([], 0)
    assert box.acknowledged() == {("a/b", line.source_sha256)}
    [receipt] = receipts(root)
    assert (receipt["receipt"], receipt["server"]) == (line.receipt, odd.address)
    assert "gl_x" not in json.dumps(receipt)
    assert box.send().acknowledged == []
    assert len(odd.asked) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [(500, Offline), (503, Offline), (302, Offline), (0, Offline),
     (401, Refused), (403, Refused), (408, Refused), (429, Refused)],
)  # fmt: skip
def test_what_passes_waits_in_its_order(root: Path, odd: Odd, box: Outbox, status: int, kind: type) -> None:
    put_in_order(box, root, ["0", "1", "2"])
    odd.says(202, odd.line("a/b", "0"))
    odd.says(status, {"detail": {"message": "Later.", "hint": None}})
    sent = box.send()
    assert (len(sent.acknowledged), sent.waiting, type(sent.trouble)) == (1, 2, kind)
    assert len(letters(root)) == 2
    assert len(box.send().acknowledged) == 2
    assert odd.sources == ["0", "1", "1", "2"]


def test_what_waits_keeps_its_place(root: Path, odd: Odd, box: Outbox) -> None:
    put_in_order(box, root, ["0", "1"])
    box.put("a/b", "0", {})
    box.send()
    assert odd.sources == ["0", "1"]


@pytest.mark.parametrize("status", [400, 404, 409, 413, 422])
def test_what_is_refused_for_good_is_kept_aside(root: Path, odd: Odd, box: Outbox, status: int) -> None:
    put_in_order(box, root, ["0", "1"])
    odd.says(status, {"detail": {"message": "There is no such exercise.", "hint": "Look."}})
    sent = box.send()
    [(exercise, error)] = sent.refused
    assert (exercise, error.message, len(sent.acknowledged), letters(root)) == (
        "a/b",
        "There is no such exercise.",
        1,
        [],
    )
    [aside] = (root / ".gradlings/refused").iterdir()
    kept = json.loads(aside.read_text())
    assert (kept["source"], kept["message"], kept["status"]) == ("0", "There is no such exercise.", status)
    assert aside.stat().st_mode & 0o777 == 0o600


def test_an_answer_of_something_else_is_no_receipt(root: Path, odd: Odd, box: Outbox) -> None:
    box.put("a/b", "one", {})
    right = odd.line("a/b", "one")
    wrong: list[Any] = [[], {"hello": "world"}, None, right | {"id": "1"}, right | {"id": True}, right | {"score": "1"}]
    wrong += [right | {"receipt": None}, odd.line("a/b", "other"), odd.line("a/c", "one"), right | {"verdict": []}]
    for body in wrong:
        odd.says(202, body)
        sent = box.send()
        assert (sent.waiting, sent.acknowledged, type(sent.trouble)) == (1, [], Offline), body
    assert receipts(root) == []


def test_what_is_no_letter_is_told_of_and_not_sent(root: Path, odd: Odd, box: Outbox, elsewhere: Path) -> None:
    box.put("a/b", "one", {})
    folder = root / ".gradlings/outbox"
    secret = elsewhere / "secret.json"
    secret.write_text('{"exercise": "a/b", "source": "secret", "uses": {}}')
    (folder / f"{'0' * 64}.json").write_text("garbage")
    (folder / f"{'1' * 64}.json").write_text(secret.read_text())
    (folder / f"{'2' * 64}.json").symlink_to(secret)
    (folder / f"{'3' * 64}.json").mkdir()
    sent = box.send()
    assert (len(sent.acknowledged), odd.sources) == (1, ["one"])
    assert sorted(path.name[0] for path in sent.damaged) == ["0", "1", "2", "3"]
    assert all(path.is_symlink() or path.exists() for path in sent.damaged)
    assert secret.exists()
    assert box.send().damaged == []


def test_what_lies_in_a_letters_place_does_not_swallow_it(root: Path, box: Outbox, elsewhere: Path) -> None:
    box.put("a/b", "one", {})
    [path] = letters(root)
    (elsewhere / "same").write_bytes(path.read_bytes())
    for plant in (
        lambda: path.write_text("{}"),
        lambda: path.symlink_to(elsewhere / "same"),
        lambda: path.symlink_to("/"),
    ):
        path.unlink()
        plant()
        box.put("a/b", "one", {})
        assert not path.is_symlink()
        assert json.loads(path.read_text())["source"] == "one"


def test_folders_that_lead_elsewhere_are_refused(root: Path, box: Outbox, elsewhere: Path) -> None:
    (root / ".gradlings/outbox").symlink_to(elsewhere)
    with pytest.raises(UsageError, match="outside the workspace"):
        box.put("a/b", "one", {})
    with pytest.raises(UsageError, match="outside the workspace"):
        box.send()
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("name", ["receipts.jsonl", "outbox.lock"])
def test_links_in_the_place_of_what_it_writes(root: Path, box: Outbox, elsewhere: Path, name: str) -> None:
    theirs = elsewhere / "theirs"
    theirs.write_text("theirs")
    (root / ".gradlings" / name).symlink_to(theirs)
    box.put("a/b", "one", {})
    with pytest.raises(UsageError):
        box.send()
    assert (theirs.read_text(), box.waiting()) == ("theirs", 1)


def test_a_receipt_that_was_cut_off_spoils_no_other(root: Path, box: Outbox) -> None:
    (root / ".gradlings/receipts.jsonl").write_text('[]\n"\xe9"\n{"id": 1, "exerc')
    box.put("a/b", "one", {})
    [line] = box.send().acknowledged
    assert box.acknowledged() == {("a/b", line.source_sha256)}


def test_a_receipt_that_cannot_be_kept_keeps_the_letter(root: Path, box: Outbox) -> None:
    box.put("a/b", "one", {})
    (root / ".gradlings/receipts.jsonl").mkdir()
    with pytest.raises(UsageError):
        box.send()
    assert box.waiting() == 1


def test_a_class_from_a_backup_uses_its_ids_again(root: Path, odd: Odd, box: Outbox) -> None:
    box.put("a/b", "one", {})
    box.send()
    odd.kept.clear()
    box.put("a/b", "two", {})
    box.send()
    assert [receipt["id"] for receipt in receipts(root)] == [1, 1]
    assert len(box.acknowledged()) == 2


def test_another_class_has_acknowledged_nothing(root: Path, odd: Odd, box: Outbox) -> None:
    box.put("a/b", "one", {})
    box.send()
    assert Outbox(root, replace(odd.member, token="gl_y")).acknowledged() == set()


def test_too_much_is_said_before_it_is_kept(box: Outbox) -> None:
    with pytest.raises(UsageError, match="too large"):
        box.put("a/b", "x" * outbox.MAX_LETTER, {})
    assert box.waiting() == 0


def test_two_at_once_send_it_once(root: Path, odd: Odd, box: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "BUSY_S", 0.1)
    box.put("a/b", "one", {})
    held = acquire(root / ".gradlings/outbox.lock")
    assert held is not None
    with held:
        sent = box.send()
    assert (sent.waiting, sent.acknowledged, odd.asked) == (1, [], [])
    assert "Another gradlings" in str(sent.trouble)
    assert len(box.send().acknowledged) == 1


PUTTING = """
import sys
from pathlib import Path
from grader.classmate.membership import Membership
from grader.classmate.outbox import Outbox
box = Outbox(Path(sys.argv[1]), Membership(sys.argv[2], "gl_x", "ada", "A class", "mini"))
number = 0
while True:
    box.put("a/b", f"{number}", {})
    print(number, flush=True)
    number += 1
"""
SENDING = PUTTING.partition("number = 0")[0] + 'print("go", flush=True)\nbox.send()\n'


def running(program: str, root: Path, odd: Odd) -> subprocess.Popen[str]:
    """The program, once it says that it works."""
    command = [sys.executable, "-c", program, str(root), odd.address]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline()
    return process


def test_killed_while_it_takes_nothing_that_was_taken_is_lost(root: Path, odd: Odd, box: Outbox) -> None:
    process = running(PUTTING, root, odd)
    time.sleep(random.uniform(0.02, 0.3))
    process.kill()
    taken = 1 + len(process.communicate()[0].split())
    sent = box.send()
    assert set(odd.sources) >= {str(number) for number in range(taken)}
    assert (sent.damaged, letters(root)) == ([], [])


@pytest.mark.parametrize("kill", range(KILLS))
def test_killed_while_it_sends_nothing_is_lost_and_nothing_doubled(
    root: Path, odd: Odd, box: Outbox, kill: int
) -> None:
    sources = [f"{kill} {number}" for number in range(60)]
    put_in_order(box, root, sources)
    for _ in range(3):
        process = running(SENDING, root, odd)
        time.sleep(random.uniform(0, 0.08))
        process.kill()
        process.communicate()
    sent = box.send()
    assert (sent.trouble, sent.damaged, letters(root)) == (None, [], [])
    ids = [receipt["id"] for receipt in receipts(root)]
    assert sorted(ids) == sorted(odd.kept.values()) == list(range(1, 61))
    assert list(dict.fromkeys(odd.sources)) == sources
