"""What the tests are asked for on the command line."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--all-solutions`: see tests/test_solutions.py."""
    parser.addoption(
        "--all-solutions", action="store_true", help="Grade every solution of tests/solutions, not a few of each exercise."
    )
