"""The hostile corpus gains nothing from an installed wheel either: references and suites lie in site-packages there."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from .conftest import REPOSITORY, WheelEnv

CORPUS = REPOSITORY / "tests" / "grader" / "hostile"


@pytest.mark.skipif(sys.platform != "linux", reason="a cell is held on Linux alone")
@pytest.mark.timeout(900)
def test_nothing_is_gained_from_a_wheel(wheel_env: WheelEnv, tmp_path: Path) -> None:
    runner = _runner()
    reports = runner.run_corpus(wheel_env.python, CORPUS, tmp_path)
    whole = {item.name for item in runner.read_corpus(CORPUS) if not item.only}
    assert {report.name.partition("[")[0] for report in reports} >= whole
    assert {report.name: report.problems for report in reports if report.problems} == {}


def _runner() -> Any:
    spec = importlib.util.spec_from_file_location("hostile_runner", CORPUS.with_name("hostile_runner.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module
