"""What a learner has set for the app, in a TOML file of theirs: theme, editor, keys, how numbers are shown.

The file may be edited by hand: comments stay when the app writes to it, and a value that makes no sense is left alone and told
of. Knows no workspace.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import tomli

FILE = "settings.toml"
DEFAULT_THEME = "gradlings-dark"


@dataclass(frozen=True)
class Settings:
    """One learner's settings.

    Attributes:
        theme: the name of a theme.
        editor: the command that `e` runs; `{file}` and `{line}` are filled in. Empty: `$VISUAL`, then `$EDITOR`.
        numbers: show the numbers of a comparison instead of its heatmap.
        keys: binding id -> the keys that take the place of its own, separated by commas.
    """

    theme: str = DEFAULT_THEME
    editor: str = ""
    numbers: bool = False
    keys: Mapping[str, str] = field(default_factory=dict)


def settings_file(environ: Mapping[str, str] | None = None) -> Path:
    """Where the settings lie: `$GRADLINGS_CONFIG`, else the system's folder for such things."""
    environ = os.environ if environ is None else environ
    if environ.get("GRADLINGS_CONFIG"):
        return Path(environ["GRADLINGS_CONFIG"]) / FILE
    home = Path(environ.get("HOME") or Path.home())
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "gradlings" / FILE
    base = environ.get("XDG_CONFIG_HOME") or (environ.get("APPDATA") if sys.platform == "win32" else None)
    return Path(base or home / ".config") / "gradlings" / FILE


def load(path: Path) -> tuple[Settings, tuple[str, ...]]:
    """The settings in `path` and what is wrong with the file, in plain sentences. A missing file is all defaults."""
    try:
        given = tomli.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings(), ()
    except (OSError, UnicodeDecodeError, tomli.TOMLDecodeError) as error:
        return Settings(), (f"{path} cannot be read, so the settings are the usual ones: {error}",)
    return _checked(path, given)


def _checked(path: Path, given: Mapping[str, Any]) -> tuple[Settings, tuple[str, ...]]:
    found, wrong = Settings(), []
    known = {each.name for each in fields(Settings)}
    for name, value in given.items():
        if name not in known:
            wrong.append(f'{path}: there is no setting "{name}".')
        elif name == "keys":
            keys = value if isinstance(value, dict) else {}
            if not isinstance(value, dict):
                wrong.append(f'{path}: "keys" is a table of binding = "key".')
            wrong += [f'{path}: the key of "{id}" has to be text.' for id in keys if not isinstance(keys[id], str)]
            found = replace(found, keys={id: key for id, key in keys.items() if isinstance(key, str)})
        elif type(value) is not type(getattr(found, name)):
            kind = "true or false" if name == "numbers" else "text"
            wrong.append(f'{path}: "{name}" has to be {kind}.')
        else:
            found = replace(found, **{name: value})
    return found, tuple(wrong)


def save(path: Path, settings: Settings) -> None:
    """Write what differs from what the file says; all else in it stays as it is, what makes no sense included.

    Raises OSError, also where the file is not TOML.
    """
    import tomlkit
    from tomlkit.exceptions import ParseError

    path = path.resolve()  # a link, as people keep for such files, stays a link
    try:
        document = tomlkit.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        document = tomlkit.document()
        document.add(tomlkit.comment("Written by gradlings. You may edit it: what you write between stays."))
    except (UnicodeDecodeError, ParseError):
        # Not ours to overwrite: whoever wrote it will want to mend it.
        raise OSError(f"{path} is not TOML; mend or remove it first") from None
    before, _ = _checked(path, document.unwrap())
    for each in fields(Settings):
        value = getattr(settings, each.name)
        if value == getattr(before, each.name):
            continue
        if each.name == "keys" and isinstance(document.get("keys"), dict):
            _merge(document["keys"], before.keys, value)
        else:
            document[each.name] = dict(value) if isinstance(value, Mapping) else value
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(tomlkit.dumps(document), encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _merge(table: MutableMapping[str, Any], before: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    """Make `table`, which holds `before`, hold `wanted`, and leave its other lines and comments alone."""
    for id in before.keys() - wanted.keys():
        del table[id]
    for id, key in wanted.items():
        if before.get(id) != key:
            table[id] = key
