"""A channel in this process is used like one to a cell."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

import pytest

from grader.testing import LearnerError
from grader.testing.local import LocalChannel, module_from_file, module_from_source


def test_values_cross_as_copies() -> None:
    root = LocalChannel(module_from_source("def same(x):\n    return x\n", "<s>", "local_a"), "solution").root
    given = [1, [2]]
    got = root.same(given)
    assert got == given
    assert got is not given
    assert got[1] is not given[1]


def test_a_file_is_executed_under_its_own_name(tmp_path: Path) -> None:
    path = tmp_path / "work.py"
    path.write_text(
        "from dataclasses import dataclass\n\n@dataclass\nclass P:\n    x: 'int'\n\ndef f():\n    return 1 / 0\n"
    )
    module = module_from_file(path, "local_b")
    assert sys.modules["local_b"] is module
    assert module.__file__ == str(path)
    with pytest.raises(ZeroDivisionError) as caught:
        module.f()
    assert 'work.py", line 8' in "".join(traceback.format_exception(caught.value))
    assert "return 1 / 0" in "".join(traceback.format_exception(caught.value))
    with pytest.raises(LearnerError) as told:
        LocalChannel(module, "solution").root.f()
    assert told.value.frames == [(8, "f")]


def test_the_main_block_does_not_run(tmp_path: Path) -> None:
    path = tmp_path / "work.py"
    path.write_text("ran = False\nif __name__ == '__main__':\n    ran = True\n")
    assert module_from_file(path, "local_c").ran is False
