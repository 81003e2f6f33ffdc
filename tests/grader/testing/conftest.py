"""A module behind the proxy, in this process."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from grader.testing.local import LocalChannel, module_from_source
from grader.testing.proxy import Handle

FILE = "<solution>/a/b.py"


@pytest.fixture
def behind(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Handle]:
    """The root handle of a module made from a source."""
    monkeypatch.setitem(__import__("sys").modules, "solution", None)

    def make(source: str) -> Handle:
        return LocalChannel(module_from_source(source, FILE), "solution").root

    return make
