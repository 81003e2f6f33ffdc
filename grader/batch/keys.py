"""The key of a grading: what a verdict depends on. Under one key there is one verdict."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from grader.course.materials import suite_sha256
from grader.model import Course

LIBRARIES = ("gradlings", "torch", "numpy")


class Keys:
    """Keys of one course in one environment. Reads each exercise's files once."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._suites: dict[str, str] = {}
        self.environment = environment()

    def suite(self, exercise: str) -> str:
        """The hash of everything that decides about a solution. Raises CourseError."""
        if exercise not in self._suites:
            self._suites[exercise] = suite_sha256(self._course, exercise)
        return self._suites[exercise]

    def key(self, exercise: str, source: str, uses: Mapping[str, str]) -> str:
        """The key of grading `source`, which imports `uses`."""
        parts = [self._course.name, exercise, source, self.suite(exercise), self.environment]
        parts += [text for pair in sorted(uses.items()) for text in pair]
        digest = hashlib.sha256()
        for part in parts:
            data = part.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "big") + data)
        return digest.hexdigest()


def environment() -> str:
    """The programs that a verdict can depend on, with their versions. Loads none of them."""
    found = [f"Python {platform.python_version()}"]
    for name in LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} none")
    return ", ".join(found)
