"""Draws the pictures of the README: `python docs/screenshots.py` writes docs/images/*.svg.

The real app on the real course, graded by the real engine, in a workspace that is thrown away. Clock, size and the durations of
gradings are fixed, so that a picture changes only when the app, the course or a verdict does. Tests nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from textual.app import App
from textual.css.query import NoMatches
from textual.pilot import Pilot
from textual.widget import Widget

import grader.localtime
from grader.course.locate import find_course
from grader.course.source import stub
from grader.course.workspace import Workspace, init
from grader.engine import Engine
from grader.model import Check, Course, Submission, Verdict
from grader.session import Session
from grader.tui.app import GradlingsApp
from grader.tui.widgets.history import History

IMAGES = Path(__file__).parent / "images"
NOW = datetime(2026, 3, 12, 18, 30, tzinfo=UTC)
ATTENTION = "attention/scaled_dot_product"
ROPE = "positional_encoding/rope"
PATIENCE_SECONDS = 60.0
FONTS = '"DejaVu Sans Mono", Menlo, Consolas, "Liberation Mono", monospace'


class Steady:
    """The engine, whose gradings all take the same time as far as one can see."""

    def __init__(self, course: Course) -> None:
        self._engine = Engine(course)
        self.warm, self.cancel, self.close = self._engine.warm, self._engine.cancel, self._engine.close

    def grade(self, submission: Submission, on_check: Callable[[Check], None] | None = None) -> Verdict:
        verdict = self._engine.grade(submission, on_check)
        checks = tuple(replace(check, duration_s=0.002) for check in verdict.checks)
        return replace(verdict, checks=checks, duration_s=0.048)
