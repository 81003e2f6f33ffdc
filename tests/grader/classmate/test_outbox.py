"""Nothing that was put into the outbox is lost or kept for ever; the token is for its owner's eyes only."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grader.classmate import membership
from grader.classmate.connection import Offline, Refused
from grader.classmate.outbox import Outbox
from grader.errors import UsageError
from tests.grader.classmate.conftest import Odd

LINE = {"id": 1, "exercise": "a/b", "status": "waiting", "source_sha256": "s", "receipt": "r"}


def letters(root: Path) -> int:
    folder = root / ".gradlings" / "outbox"
    return len(list(folder.glob("*.json"))) if folder.is_dir() else 0


def test_what_is_acknowledged_leaves_a_receipt(root: Path, odd: Odd) -> None:
    box = Outbox(root)
    box.put("a/b", "one\u00e9\ud800", {"a/c": "two"})
    box.put("a/b", "one\u00e9\ud800", {"a/c": "two"})
    assert letters(root) == 1
    odd.says(202, LINE)
    sent = box.send(odd.member)
    assert (sent.acknowledged, sent.refused, sent.waiting, sent.trouble) == ([LINE], [], 0, None)
    assert odd.asked[0][3] == {"exercise": "a/b", "source": "one\u00e9\ud800", "uses": {"a/c": "two"}}
    assert letters(root) == 0
    assert box.acknowledged() == {("a/b", "s")}
    assert box.send(odd.member).acknowledged == []


@pytest.mark.parametrize(("status", "kind"), [(500, Offline), (401, Refused), (429, Refused), (0, Offline)])
def test_what_passes_waits(root: Path, odd: Odd, status: int, kind: type) -> None:
    box = Outbox(root)
    for number in range(3):
        box.put("a/b", f"{number}", {})
        time.sleep(0.002)
    odd.says(202, LINE)
    odd.says(status, {"detail": {"message": "Later.", "hint": None}})
    sent = box.send(odd.member)
    assert (len(sent.acknowledged), sent.waiting, type(sent.trouble)) == (1, 2, kind)
    assert letters(root) == 2
    for _ in range(2):
        odd.says(202, LINE)
    assert len(box.send(odd.member).acknowledged) == 2
    assert [asked[3]["source"] for asked in odd.asked] == ["0", "1", "1", "2"]


def test_what_is_refused_for_good_makes_way(root: Path, odd: Odd) -> None:
    box = Outbox(root)
    box.put("a/b", "one", {})
    odd.says(422, {"detail": {"message": "There is no such exercise.", "hint": None}})
    [(exercise, error)] = box.send(odd.member).refused
    assert (exercise, error.message, letters(root)) == ("a/b", "There is no such exercise.", 0)


def test_an_answer_of_something_else_is_no_receipt(root: Path, odd: Odd) -> None:
    Outbox(root).put("a/b", "one", {})
    for body in ([], {"hello": "world"}, {"id": "1"}, None):
        odd.says(200, body)
        sent = Outbox(root).send(odd.member)
        assert (sent.waiting, sent.acknowledged) == (1, [])


def test_what_is_no_letter_is_out_of_the_way_and_not_sent(
    root: Path, odd: Odd, tmp_path_factory: pytest.TempPathFactory
) -> None:
    box = Outbox(root)
    box.put("a/b", "one", {})
    folder = root / ".gradlings" / "outbox"
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "secret.json"
    elsewhere.write_text('{"exercise": "a/b", "source": "secret", "uses": {}}')
    (folder / f"{'0' * 64}.json").write_text("garbage")
    (folder / f"{'1' * 64}.json").write_text('{"exercise": "a/b", "source": "planted", "uses": {}}')
    (folder / f"{'2' * 64}.json").symlink_to(elsewhere)
    (folder / f"{'3' * 64}.json").mkdir()
    odd.says(202, LINE)
    sent = box.send(odd.member)
    assert (len(sent.acknowledged), len(odd.asked), odd.asked[0][3]["source"]) == (1, 1, "one")
    assert elsewhere.exists()


def test_a_folder_that_leads_elsewhere_is_refused(
    root: Path, odd: Odd, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (root / ".gradlings" / "outbox").symlink_to(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(UsageError, match="outside the workspace"):
        Outbox(root).put("a/b", "one", {})
    with pytest.raises(UsageError, match="outside the workspace"):
        Outbox(root).send(odd.member)


def test_a_receipt_that_was_cut_off_spoils_no_other(root: Path, odd: Odd) -> None:
    (root / ".gradlings" / "receipts.jsonl").write_text('{"id": 1, "exerc')
    box = Outbox(root)
    box.put("a/b", "one", {})
    odd.says(202, LINE)
    box.send(odd.member)
    assert box.acknowledged() == {("a/b", "s")}


def test_the_token_is_for_its_owners_eyes_only(root: Path, odd: Odd) -> None:
    old = os.umask(0)
    try:
        membership.write(root, odd.member)
        Outbox(root).put("a/b", "one", {})
    finally:
        os.umask(old)
    assert (root / ".gradlings/class.json").stat().st_mode & 0o777 == 0o600
    assert membership.read(root) == odd.member
    assert not list((root / ".gradlings").glob(".class*"))


def test_a_link_in_the_place_of_the_token_is_replaced(
    root: Path, odd: Odd, tmp_path_factory: pytest.TempPathFactory
) -> None:
    target = tmp_path_factory.mktemp("elsewhere") / "file"
    target.write_text("theirs")
    (root / ".gradlings/class.json").symlink_to(target)
    with pytest.raises(UsageError, match="outside the workspace"):
        membership.read(root)
    membership.write(root, odd.member)
    assert target.read_text() == "theirs"
    assert membership.member(root) == odd.member


@pytest.mark.parametrize("text", ["", "[]", '{"server": 1}', '{"server": "x"}', "\x00", "[" * 100_000])
def test_a_damaged_membership_is_told(root: Path, text: str) -> None:
    (root / ".gradlings/class.json").write_text(text)
    with pytest.raises(UsageError, match="cannot be read"):
        membership.read(root)


def test_no_membership(root: Path) -> None:
    assert membership.read(root) is None
    with pytest.raises(UsageError, match="in no class"):
        membership.member(root)


PUTTING = """
import sys
from pathlib import Path
from grader.classmate.outbox import Outbox
box = Outbox(Path(sys.argv[1]))
number = 0
while True:
    box.put("a/b", f"{number}", {})
    print(number, flush=True)
    number += 1
"""


def test_killed_at_any_instant_nothing_that_was_taken_is_lost(root: Path, odd: Odd) -> None:
    process = subprocess.Popen([sys.executable, "-c", PUTTING, str(root)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(random.uniform(0.05, 0.3))
    process.send_signal(signal.SIGKILL)
    taken = 1 + len(process.communicate()[0].split())
    for _ in range(taken + 1):
        odd.says(202, LINE)
    Outbox(root).send(odd.member)
    assert {asked[3]["source"] for asked in odd.asked} >= {str(number) for number in range(taken)}
    assert letters(root) == 0
    assert json.loads((root / ".gradlings/receipts.jsonl").read_text().splitlines()[-1]) == LINE
