"""The parser is one thread's at a time."""

from __future__ import annotations

import ast
import gc
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from grader.course.syntax import parse

SOURCE = Path(ast.__file__).read_text(encoding="utf-8")


@pytest.fixture
def eager_threads() -> Iterator[None]:
    """Threads take turns wherever they can, and what collects garbage lets them."""
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()

    def linger(_phase: str, _info: dict[str, Any]) -> None:
        sum(range(50))

    sys.setswitchinterval(1e-6)
    gc.set_threshold(50)
    gc.callbacks.append(linger)
    yield
    gc.callbacks.remove(linger)
    gc.set_threshold(*threshold)
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("eager_threads")
def test_threads_do_not_count_each_others_depth() -> None:
    # With ast.parse itself some fail here, up to Python 3.12: "AST constructor recursion depth mismatch".
    failed: list[SystemError] = []

    def work() -> None:
        for _ in range(10):
            try:
                parse(SOURCE)
            except SystemError as error:
                failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_what_is_no_python() -> None:
    with pytest.raises(SyntaxError) as raised:
        parse("def f(", "mine.py")
    assert raised.value.filename == "mine.py"
