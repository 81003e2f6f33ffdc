"""Grades submissions: starts judge and cell as programs of their own and keeps them."""

from grader.engine.core import Cancelled, Engine, Graded
from grader.engine.pool import EnginePool

__all__ = ["Cancelled", "Engine", "EnginePool", "Graded"]
