"""Hostile archives and folders: what is refused is refused alone and with its reason, and nothing is written or followed."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.batch import entries
from grader.batch.entries import Entry, Refusal, Refused, of_folder, of_zip


def packed(*members: tuple[str | zipfile.ZipInfo, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def looked(data: bytes) -> tuple[dict[str, bytes], dict[str, str]]:
    """What can be read of a zip, and what is refused, by path."""
    read: dict[str, bytes] = {}
    refused: dict[str, str] = {}
    with of_zip(data) as found:
        for item in found:
            path = "/".join(item.parts)
            if isinstance(item, Refused):
                refused[path] = item.reason
                continue
            try:
                read[path] = item.read(entries.MAX_FILE)
            except Refusal as error:
                refused[path] = str(error)
    return read, refused


@pytest.mark.parametrize(
    "name", ["../evil.py", "a/../../evil.py", "/etc/evil.py", "C:/evil.py", "..\\evil.py", "a\\..\\..\\evil.py"]
)
def test_a_path_that_leads_out_is_refused_alone(name: str) -> None:
    read, refused = looked(packed((name, b"x"), ("good.py", b"y")))
    assert read == {"good.py": b"y"}
    assert [*refused.values()] == ["its name leads out of the archive"]


def test_a_link_is_refused() -> None:
    link = zipfile.ZipInfo("link.py")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    read, refused = looked(packed((link, b"/etc/passwd"), ("good.py", b"y")))
    assert read == {"good.py": b"y"}
    assert refused == {"link.py": "it is a link, or no regular file; only files are read"}


def test_a_bomb_is_not_unpacked() -> None:
    read, refused = looked(packed(("bomb.py", b"\0" * (entries.MAX_FILE + 1)), ("good.py", b"y")))
    assert read == {"good.py": b"y"}
    assert refused == {"bomb.py": "it is larger than 1 MiB"}


def test_a_bomb_that_lies_about_its_size_is_not_unpacked() -> None:
    data = bytearray(packed(("bomb.py", b"\0" * (64 << 20))))
    # The size that the table of contents tells: central directory, offset 24.
    place = data.rindex(b"PK\1\2") + 24
    data[place : place + 4] = struct.pack("<I", 10)
    read, refused = looked(bytes(data))
    assert read.get("bomb.py", b"") == b"\0" * len(read.get("bomb.py", b""))
    assert len(read.get("bomb.py", b"")) <= 10
    assert set(read) | set(refused) == {"bomb.py"}


def test_many_large_files_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "MAX_TOTAL", 100)
    read, refused = looked(packed(*((f"{n}.py", b"x" * 60) for n in range(4))))
    assert len(read) == 1
    assert len(refused) == 3


def test_too_many_files_are_refused_before_they_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    data = packed(*((f"{n:07}.py", b"") for n in range(2000)))
    monkeypatch.setattr(entries, "MAX_CONTENTS", 2000 * 50)
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(Refusal, match="too many files"), of_zip(data):
        pass


def test_more_files_than_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "MAX_FILES", 3)
    with (
        pytest.raises(Refusal, match="it holds 4 files; at most 3"),
        of_zip(packed(*((f"{n}.py", b"") for n in range(4)))),
    ):
        pass


def test_encrypted_is_told() -> None:
    data = bytearray(packed(("secret.py", b"x"), compression=zipfile.ZIP_STORED))
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(signature) + offset] |= 1
    assert looked(bytes(data)) == ({}, {"secret.py": "it is encrypted"})


def test_hidden_files_and_what_a_mac_adds_are_passed_over() -> None:
    data = packed(("__MACOSX/a.py", b""), ("._a.py", b""), (".git/hooks/a.py", b""), ("notes.txt", b""), ("a.py", b"1"))
    assert looked(data) == ({"a.py": b"1"}, {})


def test_what_is_no_zip_is_refused() -> None:
    for data in (b"", b"PK\3\4", b"x" * 1000, packed(("a.py", b""))[:-10]):
        with pytest.raises(Refusal), of_zip(data):
            pass


@given(st.data())
def test_a_damaged_zip_is_read_or_refused(data: st.DataObject) -> None:
    whole = bytearray(packed(("a/b.py", b"print(1)\n" * 20), ("c.ipynb", b"{}")))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(whole))) if data.draw(st.booleans()) else len(whole)
    with contextlib.suppress(Refusal):
        looked(bytes(whole[:end]))


def test_a_folder_is_read_without_following_anything(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "good.py").write_text("y")
    (tmp_path / "secret.py").write_text("secret")
    root = tmp_path / "a"
    (root / "link.py").symlink_to(tmp_path / "secret.py")
    (root / "out").symlink_to(tmp_path)
    os.mkfifo(root / "pipe.py")
    found = {"/".join(item.parts): item for item in of_folder(root)}
    assert {path for path, item in found.items() if isinstance(item, Entry)} == {"good.py"}
    assert isinstance(found["link.py"], Refused)
    assert isinstance(found["out"], Refused)
    assert isinstance(found["pipe.py"], Refused)
    assert set(found) == {"good.py", "link.py", "out", "pipe.py"}


def test_a_file_that_becomes_a_link_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("x")
    (item,) = of_folder(tmp_path)
    file.unlink()
    file.symlink_to("/etc/passwd")
    assert isinstance(item, Entry)
    with pytest.raises(Refusal):
        item.read(100)


def test_a_folder_with_too_many_files_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "MAX_FILES", 20)
    for number in range(30):
        (tmp_path / f"{number:02}.py").write_text("")
    found = list(of_folder(tmp_path))
    assert isinstance(found[-1], Refused)
    assert "more than 20 files" in found[-1].reason


def test_folders_nested_without_end_are_left(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*"abcdefghijklmnop")
    deep.mkdir(parents=True)
    (deep / "a.py").write_text("")
    (found,) = of_folder(tmp_path)
    assert isinstance(found, Refused)
    assert "nested" in found.reason
