"""The settings file: what is read, what is told, and that writing leaves the learner's own lines alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from grader.tui.settings import Settings, load, save, settings_file

BY_HAND = """\
# mine
theme = "nord"      # at night
colour = "mauve"
numbers = "yes"

[keys]
# the left hand
next = "N"
help = 7
"""


def test_a_missing_file_is_all_defaults(tmp_path: Path) -> None:
    assert load(tmp_path / "none.toml") == (Settings(), ())


def test_what_is_saved_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "folder" / "settings.toml"
    wanted = Settings(theme="gradlings-light", editor='vim "+{line}" {file}', numbers=True, keys={"next": "N,ctrl+n"})
    save(file, wanted)
    assert load(file) == (wanted, ())
    assert [each.name for each in file.parent.iterdir()] == ["settings.toml"]


def test_only_what_differs_from_the_defaults_is_written(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    save(file, Settings(numbers=True))
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    assert lines == ["numbers = true"]


def test_what_makes_no_sense_is_told_by_name_and_the_rest_is_used(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(BY_HAND)
    settings, complaints = load(file)
    assert settings == Settings(theme="nord", keys={"next": "N"})
    assert len(complaints) == 3
    told = "\n".join(complaints)
    assert '"colour"' in told
    assert '"numbers" has to be true or false' in told
    assert '"help"' in told
    assert all(str(file) in complaint for complaint in complaints)


def test_writing_keeps_comments_and_unknown_and_wrong_lines(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(BY_HAND)
    settings, _ = load(file)
    save(file, replace(settings, theme="gradlings-dark", keys={"next": "N", "edit": "E"}))
    text = file.read_text()
    assert text.replace('theme = "gradlings-dark"', 'theme = "nord"').replace('edit = "E"\n', "") == BY_HAND
    assert load(file)[0].keys == {"next": "N", "edit": "E"}


def test_a_key_that_is_given_back_leaves_the_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    save(file, Settings(keys={"next": "N", "edit": "E"}))
    save(file, Settings(keys={"edit": "E"}))
    assert load(file)[0].keys == {"edit": "E"}


def test_a_default_is_written_over_what_the_file_says(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    save(file, Settings(editor="nano", numbers=True))
    save(file, Settings())
    assert load(file) == (Settings(), ())


@pytest.mark.parametrize("content", [b"theme = ", b"\xff\xfe\x00", b"keys = 3\nkeys = 4"])
def test_a_file_that_is_not_toml_is_told_and_never_overwritten(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "settings.toml"
    file.write_bytes(content)
    settings, complaints = load(file)
    assert settings == Settings()
    assert len(complaints) == 1
    with pytest.raises(OSError, match="not TOML"):
        save(file, Settings(numbers=True))
    assert file.read_bytes() == content


def test_keys_that_are_no_table_are_told_and_replaced_only_by_keys(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('keys = "n"\n')
    settings, complaints = load(file)
    assert settings == Settings()
    assert '"keys" is a table' in complaints[0]
    save(file, Settings(numbers=True))
    assert 'keys = "n"' in file.read_text()
    save(file, Settings(numbers=True, keys={"next": "N"}))
    assert load(file) == (Settings(numbers=True, keys={"next": "N"}), ())


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    settings, complaints = load(tmp_path)
    assert settings == Settings()
    assert str(tmp_path) in complaints[0]
    with pytest.raises(OSError):
        save(tmp_path, Settings(numbers=True))


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles.toml", tmp_path / "settings.toml"
    real.write_text("# kept elsewhere\n")
    link.symlink_to(real)
    save(link, Settings(numbers=True))
    assert link.is_symlink()
    assert "numbers = true" in real.read_text()


def test_where_the_file_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    home = {"HOME": str(tmp_path)}
    assert settings_file(home) == tmp_path / ".config/gradlings/settings.toml"
    assert settings_file({**home, "XDG_CONFIG_HOME": "/x"}) == Path("/x/gradlings/settings.toml")
    assert settings_file({**home, "XDG_CONFIG_HOME": "/x", "GRADLINGS_CONFIG": "/y"}) == Path("/y/settings.toml")
    monkeypatch.setattr("sys.platform", "darwin")
    assert settings_file(home) == tmp_path / "Library/Application Support/gradlings/settings.toml"
