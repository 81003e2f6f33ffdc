"""Verdicts as JSON on stdout: byte for byte what `grader.verdict_json` writes, and as values within other documents."""

from __future__ import annotations

import json
import sys
from typing import Any

from grader.model import Verdict
from grader.verdict_json import to_json


def print_verdict_json(verdict: Verdict) -> None:
    """Print one verdict, schema 1, on a line of its own, and nothing else."""
    sys.stdout.flush()
    sys.stdout.buffer.write(to_json(verdict) + b"\n")
    sys.stdout.buffer.flush()


def verdict_value(verdict: Verdict) -> Any:
    """A verdict as what `json` reads, to be put into a larger document."""
    return json.loads(to_json(verdict))
