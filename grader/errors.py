"""One family of errors: what happened, what to do next, and the exit code. Printed in one place, `cli.__main__`.

GradlingsError
|-- UsageError      2  wrong usage or input: an unknown id, a folder that is no workspace
|-- CourseError     2  a course file is wrong: names the file, the key and the remedy
|-- StoreError      3  progress.db cannot be read or written
`-- EngineError     3  the grader could not do its work
"""

from __future__ import annotations


class GradlingsError(Exception):
    """Something a person can act on.

    `message` says what happened and where, `hint` what to do next; neither carries a traceback of ours.
    """

    exit_code = 3

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(GradlingsError):
    """The command was given something it cannot use."""

    exit_code = 2


class CourseError(GradlingsError):
    """A file of the course is wrong. `where` is `file` or `file: key`."""

    exit_code = 2

    def __init__(self, where: str, problem: str, remedy: str | None = None) -> None:
        super().__init__(f"{where}: {problem}", remedy)
        self.where = where
        self.problem = problem


class StoreError(GradlingsError):
    """The progress database cannot be read or written."""


class EngineError(GradlingsError):
    """The grader could not do its work. Never the learner's fault."""
