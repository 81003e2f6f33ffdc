"""The token is for its owner's eyes only, and is read from nothing but what `join` wrote."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from grader.classmate import membership
from grader.classmate.private import LEFTOVER_S
from grader.errors import UsageError
from tests.grader.classmate.conftest import Odd

OWN = ".gradlings/class.json"


def test_it_is_kept(root: Path, odd: Odd) -> None:
    assert not membership.is_member(root)
    membership.write(root, odd.member)
    assert membership.is_member(root)
    assert membership.read(root) == odd.member
    assert not list((root / ".gradlings").glob("*.tmp"))


def test_it_is_private_from_the_first_moment_on(root: Path, odd: Odd, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    replaced = Path.replace

    def replace(path: Path, target: Path) -> Path:
        seen.append(stat.S_IMODE(path.stat().st_mode))
        return replaced(path, target)

    monkeypatch.setattr(Path, "replace", replace)
    (root / OWN).write_text("{}")
    (root / OWN).chmod(0o666)
    old = os.umask(0)
    try:
        membership.write(root, odd.member)
    finally:
        os.umask(old)
    assert seen == [0o600]
    assert stat.S_IMODE((root / OWN).stat().st_mode) == 0o600


def test_it_stays_out_of_version_control(root: Path, odd: Odd) -> None:
    membership.write(root, odd.member)
    assert "class.json" in (root / ".gradlings/.gitignore").read_text().split()


def test_a_link_in_its_place_is_replaced_not_followed(root: Path, odd: Odd, elsewhere: Path) -> None:
    theirs = elsewhere / "file"
    theirs.write_text(json.dumps({**vars(odd.member), "token": "gl_planted"}))
    before = theirs.read_text()
    (root / OWN).symlink_to(theirs)
    assert membership.is_member(root)
    with pytest.raises(UsageError, match="cannot be read"):
        membership.read(root)
    membership.write(root, odd.member)
    assert theirs.read_text() == before
    assert not (root / OWN).is_symlink()
    assert membership.read(root) == odd.member


def test_a_link_to_nothing_is_no_absence(root: Path) -> None:
    (root / OWN).symlink_to("nowhere")
    assert membership.is_member(root)
    with pytest.raises(UsageError, match="cannot be read"):
        membership.read(root)


def test_a_folder_that_leads_elsewhere_is_refused(tmp_path: Path, odd: Odd, elsewhere: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/.gradlings").symlink_to(elsewhere)
    with pytest.raises(UsageError, match="outside the workspace"):
        membership.write(tmp_path / "other", odd.member)
    assert list(elsewhere.iterdir()) == []


GOOD = {"server": "https://x.test", "token": "gl_x", "nickname": "ada", "title": "t", "course": "mini"}


@pytest.mark.parametrize(
    "damage",
    [
        "", "[]", "null", "\x00", "[" * 100_000, "{}",
        {"token": None}, {"token": ""}, {"token": "gl_x\r\nHost: y"}, {"token": "gl\u00e9"}, {"title": 3},
        {"server": "file:///etc"}, {"server": "https://x.test/?"}, {"server": ""},
    ],
)  # fmt: skip
def test_a_damaged_one_is_told(root: Path, damage: str | dict[str, Any]) -> None:
    (root / OWN).write_text(damage if isinstance(damage, str) else json.dumps(GOOD | damage))
    with pytest.raises(UsageError, match="cannot be read") as raised:
        membership.read(root)
    assert "--again" in str(raised.value.hint)


def test_a_folder_in_its_place_is_told(root: Path, odd: Odd) -> None:
    (root / OWN).mkdir()
    with pytest.raises(UsageError, match="cannot be read"):
        membership.read(root)
    with pytest.raises(UsageError, match="cannot be written"):
        membership.write(root, odd.member)
    assert not list((root / ".gradlings").glob(".*.tmp"))


def test_keys_of_a_newer_program_do_no_harm(root: Path) -> None:
    (root / OWN).write_text(json.dumps(GOOD | {"more": [1]}))
    assert membership.read(root).title == "t"


def test_no_membership(root: Path) -> None:
    with pytest.raises(UsageError, match="in no class"):
        membership.read(root)


def test_memberships_differ_by_class_and_by_person() -> None:
    marks = {
        membership.membership_of(GOOD | more).mark for more in ({}, {"token": "gl_y"}, {"server": "https://y.test"})
    }
    assert len(marks) == 3


def test_what_a_killed_program_left_is_swept_away(root: Path, odd: Odd) -> None:
    old, new = root / ".gradlings/.class.json.1.tmp", root / ".gradlings/.class.json.2.tmp"
    for left in (old, new):
        left.write_text("gl_secret")
    at = old.stat().st_mtime - LEFTOVER_S - 1
    os.utime(old, (at, at))
    membership.write(root, odd.member)
    assert (old.exists(), new.exists()) == (False, True)


def test_a_reader_sees_the_old_one_or_the_new_one(root: Path, odd: Odd) -> None:
    membership.write(root, odd.member)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            membership.write(root, odd.member)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert all(membership.read(root) == odd.member for _ in range(300))
    finally:
        stop.set()
        writer.join()
