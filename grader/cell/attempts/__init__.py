"""Attempts to break out of a cell, one for each thing a submission could try. Harmless also where nothing holds them.

They judge nothing: `grader.cell.probes` runs them and says whether each was refused.
"""

from __future__ import annotations

from grader.cell.attempts import doors, files, limits, processes
from grader.cell.attempts.scene import Attempt, Scene

__all__ = ["Attempt", "Scene", "attempts"]


def attempts() -> tuple[Attempt, ...]:
    """All of them, for this machine, in a fixed order."""
    reading = (*files.reading(), *files.writing())
    return (*reading, *processes.processes(), *doors.sockets(), *doors.calls(), *limits.limits(), *limits.privileges())
