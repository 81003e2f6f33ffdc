"""Files are read bounded, written whole, and never through a link out of the folder."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys

import pytest

from grader.course.files import (
    MAX_BYTES,
    SourceError,
    create_bytes,
    decode,
    inside,
    make_folder,
    move,
    read_bytes,
    write_bytes,
)
from grader.errors import UsageError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_write_then_read(tmp_path):
    path = tmp_path / "new" / "folder" / "a.py"
    write_bytes(tmp_path, path, b"one")
    write_bytes(tmp_path, path, b"two")
    assert read_bytes(tmp_path, path) == b"two"
    assert names(path.parent) == ["a.py"]


def test_write_keeps_the_mode_of_the_file(tmp_path):
    path = tmp_path / "a.py"
    path.touch()
    path.chmod(0o640)
    write_bytes(tmp_path, path, b"x")
    assert path.stat().st_mode & 0o777 == 0o640


def test_write_gives_a_new_file_the_usual_mode(tmp_path):
    write_bytes(tmp_path, tmp_path / "a.py", b"x")
    (tmp_path / "b.py").touch()
    assert (tmp_path / "a.py").stat().st_mode == (tmp_path / "b.py").stat().st_mode


def test_write_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "a.py"
    path.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match="No space left on device") as caught:
        write_bytes(tmp_path, path, b"new")
    assert str(path) in caught.value.message
    assert caught.value.hint
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.py"]


def test_write_cut_off_by_kill_leaves_one_whole_version(tmp_path):
    path = tmp_path / "a.py"
    code = (
        "import sys\nfrom pathlib import Path\nfrom grader.course.files import write_bytes\n"
        "root = Path(sys.argv[1])\nwrite_bytes(root, root / 'a.py', b'a' * 300_000)\nprint('going', flush=True)\n"
        "while True:\n    for letter in b'ba':\n        write_bytes(root, root / 'a.py', bytes([letter]) * 300_000)\n"
    )
    rng = random.Random(5)
    for _ in range(8):
        writer = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"going\n"
        with pytest.raises(subprocess.TimeoutExpired):
            writer.wait(rng.uniform(0.0, 0.03))
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        assert path.read_bytes() in (b"a" * 300_000, b"b" * 300_000)
    # What a killed writer leaves is hidden, and no Python file to whoever watches the folder.
    assert all(name.startswith(".a.py.") and name.endswith(".tmp") for name in names(tmp_path) if name != "a.py")


def test_create_never_overwrites(tmp_path):
    path = tmp_path / "a.py"
    assert create_bytes(tmp_path, path, b"one")
    assert not create_bytes(tmp_path, path, b"two")
    assert path.read_bytes() == b"one"
    (tmp_path / "link.py").symlink_to(tmp_path / "nowhere.py")
    assert not create_bytes(tmp_path, tmp_path / "link.py", b"two")
    assert names(tmp_path) == ["a.py", "link.py"]


@pytest.mark.parametrize("taken_meanwhile", [False, True])
def test_create_without_hard_links(tmp_path, monkeypatch, taken_meanwhile):
    path = tmp_path / "a.py"

    def no_links(*_):
        if taken_meanwhile:
            path.write_bytes(b"theirs")
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(type(path), "hardlink_to", no_links)
    assert create_bytes(tmp_path, path, b"ours") is not taken_meanwhile
    assert path.read_bytes() == (b"theirs" if taken_meanwhile else b"ours")
    assert names(tmp_path) == ["a.py"]


def test_move_never_overwrites(tmp_path):
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    assert not move(tmp_path, tmp_path / "a", tmp_path / "b")
    assert move(tmp_path, tmp_path / "a", tmp_path / "sub" / "c")
    assert (tmp_path / "b").read_text() == "b"
    assert (tmp_path / "sub" / "c").read_text() == "a"


@pytest.fixture
def root_with_links(tmp_path):
    """A folder with a link to a folder outside, one to a file outside, and one that stays inside."""
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    root.mkdir()
    (outside / "secret.py").write_text("secret")
    (root / "out").symlink_to(outside)
    (root / "secret.py").symlink_to(outside / "secret.py")
    (root / "real.py").write_text("real")
    (root / "alias.py").symlink_to("real.py")
    return root


def test_links_out_are_not_read(root_with_links):
    root = root_with_links
    for path in (root / "out" / "secret.py", root / "secret.py", root / ".." / "outside" / "secret.py"):
        with pytest.raises(UsageError, match="outside the workspace"):
            read_bytes(root, path)
    assert read_bytes(root, root / "alias.py") == b"real"


def test_links_out_are_not_written_through(root_with_links):
    root = root_with_links
    secret = root.parent / "outside" / "secret.py"
    for act in (write_bytes, create_bytes):
        with pytest.raises(UsageError, match="outside the workspace"):
            act(root, root / "out" / "new.py", b"x")
    with pytest.raises(UsageError, match="outside the workspace"):
        move(root, root / "real.py", root / "out" / "new.py")
    with pytest.raises(UsageError, match="outside the workspace"):
        make_folder(root, root / "out" / "sub")
    write_bytes(root, root / "secret.py", b"mine")  # the link itself is replaced
    assert secret.read_text() == "secret"
    assert names(secret.parent) == ["secret.py"]
    assert not (root / "secret.py").is_symlink()
    assert (root / "secret.py").read_text() == "mine"


def test_root_may_itself_be_reached_by_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    root = tmp_path / "link"
    assert inside(root, root / "a.py") == root / "a.py"
    write_bytes(root, root / "a.py", b"x")
    assert read_bytes(root, root / "a.py") == b"x"


def test_read_missing_folder_and_pipe(tmp_path):
    (tmp_path / "folder.py").mkdir()
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "file").touch()
    for name, words in [
        ("none.py", "is missing"),
        ("folder.py", "is a folder"),
        ("pipe.py", "no regular file"),
        ("file/a.py", "Not a directory"),
    ]:
        with pytest.raises(UsageError, match=words) as caught:
            read_bytes(tmp_path, tmp_path / name)
        assert str(tmp_path / name) in caught.value.message
        assert caught.value.hint


def test_read_is_bounded(tmp_path):
    path = tmp_path / "a.py"
    path.write_bytes(b"x" * MAX_BYTES)
    assert len(read_bytes(tmp_path, path)) == MAX_BYTES
    path.write_bytes(b"x" * (MAX_BYTES + 1))
    with pytest.raises(SourceError, match="larger than 1024 KiB"):
        read_bytes(tmp_path, path)


@pytest.mark.skipif(os.name == "nt" or os.getuid() != 0, reason="only root can give up its rights")
def test_unreadable_file_and_folder(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir()
    (closed / "a.py").write_text("x")
    (closed / "a.py").chmod(0)
    closed.chmod(0o555)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == 0 and folder.parent != folder:
            folder.chmod(folder.stat().st_mode | 0o055)
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom grader.course import files\nfrom grader.errors import UsageError\n"
        "root = Path(sys.argv[1])\nos.setuid(65534)\n"
        "for act in (lambda: files.read_bytes(root, root / 'a.py'), lambda: files.write_bytes(root, root / 'b.py', b''),\n"
        "            lambda: files.create_bytes(root, root / 'b.py', b'')):\n"
        "    try:\n        act()\n    except UsageError as error:\n        print(error.message, '|', error.hint)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(closed)], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 3, done
    assert all("Permission denied" in line and "read and write there" in line for line in lines)
    assert names(closed) == ["a.py"]


def test_decode_keeps_every_character(tmp_path):
    data = "\ufeffx = 'ä'\r\n\tpass\n\n".encode()
    assert decode(tmp_path, data).encode() == data


@pytest.mark.parametrize(
    ("data", "words", "line"),
    [(b"x = 1\ny = '\xe4'\n", "not UTF-8 on line 2", 2), (b"a\n\nb\0", "NUL byte on line 3", 3)],
)
def test_decode_says_which_line_is_no_text(tmp_path, data, words, line):
    with pytest.raises(SourceError, match=words) as caught:
        decode(tmp_path / "a.py", data)
    assert caught.value.line == line
    assert "a.py" in caught.value.message
