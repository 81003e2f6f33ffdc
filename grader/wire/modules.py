"""Modules that a submission imports by the id of their exercise: `from attention.masking import masked`.

Their sources are handed over in memory; nothing is looked for on a disk. Judge and cell share this and nothing of it is secret.
"""

from __future__ import annotations

import importlib.abc
import linecache
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType


def install(sources: Mapping[str, str], prefix: str) -> None:
    """Let `topic.name` be imported for every id `topic/name` in `sources`; what an earlier call brought is gone.

    Tracebacks name their files `prefix` + id + ".py".
    """
    for known in [each for each in sys.meta_path if isinstance(each, _Finder)]:
        sys.meta_path.remove(known)
        for name in known.names:
            sys.modules.pop(name, None)
    if sources:
        finder = _Finder(sources, prefix)
        for name in finder.names:  # a library of that name, which something imported ahead
            sys.modules.pop(name, None)
        sys.meta_path.insert(0, finder)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, sources: Mapping[str, str], prefix: str) -> None:
        self._sources = {id.replace("/", "."): (f"{prefix}{id}.py", text) for id, text in sources.items()}
        self._topics = {id.partition("/")[0] for id in sources}
        self.names = {*self._sources, *self._topics}

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in self._topics:
            return ModuleSpec(fullname, self, is_package=True)
        if fullname in self._sources:
            return ModuleSpec(fullname, self, origin=self._sources[fullname][0])
        return None

    def create_module(self, spec: ModuleSpec) -> None:
        """The usual kind of module."""

    def exec_module(self, module: ModuleType) -> None:
        if module.__name__ not in self._sources:
            return
        file, text = self._sources[module.__name__]
        module.__file__ = file
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        exec(_compiled(text, file), vars(module))


@lru_cache(maxsize=64)
def _compiled(text: str, file: str) -> CodeType:
    """Every mistake that the judge tries imports the same references anew."""
    return compile(text, file, "exec")
