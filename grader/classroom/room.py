"""What a class does: joining, handing in, looking. No HTTP and no page; asks of each thing whether this person may."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from grader.batch.keys import Keys
from grader.classroom import secrets
from grader.classroom.grading import Graders, Grades
from grader.course.uses import closure
from grader.engine.core import MAX_SOURCE
from grader.errors import UsageError
from grader.model import Course
from grader.store.classbook import Classbook
from grader.store.classbook.values import Kind, Person, Submitted
from grader.store.gradings import Task
from grader.text import one_line

MAX_NAME = 80
MAX_NICKNAME = 24
MAX_STUDENTS = 20_000


class WrongCode(UsageError):
    """Nobody can join with this."""


class Refused(UsageError):
    """This cannot be handed in; the message says why."""


@dataclass(frozen=True)
class Accepted:
    """A submission that is kept, with the class's signature."""

    submitted: Submitted
    receipt: str
    new: bool


class Room:
    """An open class with its graders."""

    def __init__(
        self,
        book: Classbook,
        course: Course,
        *,
        title: str = "",
        jobs: int = 1,
        engine: Callable[[], Grades] | None = None,
        told: Callable[[list[int]], None] = lambda _: None,
    ) -> None:
        """`told` hears for whom something was counted, on another thread. UsageError where it is another course's class."""
        self.book = book
        self.course = course
        owner = book.setting("course", lambda: course.name)
        if owner != course.name:
            raise UsageError(
                f"{book.name}: this class works on the course {owner}, not on {course.name}.",
                "Name another --database, or its --course.",
            )
        self.title = book.setting("title", lambda: title or course.title)
        self._code = book.setting("code", secrets.new_code)
        self._receipts = book.setting("receipt key", secrets.new_key)
        self._keys = Keys(course)
        self._keys_lock = threading.Lock()
        self.graders = Graders(book, course, book.setting("class key", secrets.new_key), told, jobs=jobs, engine=engine)

    @property
    def code(self) -> str:
        """The class code, in two halves."""
        return f"{self._code[:4]}-{self._code[4:]}"

    def close(self) -> None:
        """Stop grading and close the database."""
        self.graders.close()
        self.book.close()

    # -- people ------------------------------------------------------------------------------------------------------

    def teacher_token(self) -> str:
        """A new token for the teacher, who is made at the first time."""
        teachers = self.book.people("teacher")
        teacher = teachers[0] if teachers else self.book.join("Teacher", "teacher", role="teacher")
        return self.token(teacher, "device")

    def join(self, code: str, name: str, nickname: str = "", *, listed: bool = False) -> tuple[Person, str]:
        """A new student and their token. Raises WrongCode, or UsageError where the name is none."""
        if not secrets.same_code(code, self._code):
            raise WrongCode("That is not the code of this class.", "Ask your teacher for it.")
        name = name_of(name)
        nickname = nickname_of(nickname or name.split()[0])
        if self.book.count("student") >= MAX_STUDENTS:
            raise UsageError(f"This class is full: it has {MAX_STUDENTS} students.")
        person = self.book.join(name, nickname, listed=listed)
        return person, self.token(person, "device")

    def token(self, person: Person, kind: Kind) -> str:
        """A new token for somebody."""
        token = secrets.new_token()
        lasts = secrets.DEVICE if kind == "device" else secrets.BROWSER
        self.book.give_token(person.id, kind, secrets.hashed(token), secrets.ends_at(lasts))
        return token

    def holder(self, token: str) -> Person | None:
        """Whose token this is."""
        return self.book.holder(secrets.hashed(token)) if token else None

    # -- submissions -------------------------------------------------------------------------------------------------

    def submit(self, person: Person, exercise: str, source: str, uses: Mapping[str, str]) -> Accepted:
        """Keep what a student handed in, and grade it. When this returns it is on the disk. Raises Refused."""
        if exercise not in self.course.exercises:
            raise Refused(f"There is no exercise {one_line(exercise, 80)} in {self.course.title}.")
        stray = sorted(set(uses) - set(closure(self.course, exercise)))
        if stray:
            raise Refused(f"A solution of {exercise} does not build on {one_line(stray[0], 80)}.")
        if sum(map(len, (source, *uses.values()))) > MAX_SOURCE:
            raise Refused(f"More than {MAX_SOURCE >> 10} KiB are not graded.", "Submit the exercise's file alone.")
        if not source.strip():
            raise Refused("The file is empty.")
        with self._keys_lock:
            key, suite = self._keys.key(exercise, source, uses), self._keys.suite(exercise)
        submitted, new = self.book.accept(person.id, Task(key, exercise, source, suite, uses))
        if new:
            self.graders.add(key)
        return Accepted(submitted, self.receipt(submitted), new)

    def receipt(self, one: Submitted) -> str:
        """The signature under a submission."""
        return secrets.receipt(self._receipts, one.id, one.person, one.exercise, one.source_sha256, one.at)

    def submitted(self, asking: Person, id: int) -> Submitted | None:
        """One submission, where it is theirs or they teach. Of another's it does not even say that there is one."""
        found = self.book.submitted(id)
        if found is None or (asking.role != "teacher" and found.person != asking.id):
            return None
        return found


def name_of(text: str) -> str:
    """A person's name as it is kept. Raises UsageError where nothing is left of it."""
    return _named(text, MAX_NAME, "A name")


def nickname_of(text: str) -> str:
    """A nickname as it is kept. Raises UsageError where nothing is left of it."""
    return _named(text, MAX_NICKNAME, "A nickname")


def _named(text: str, limit: int, what: str) -> str:
    line = one_line(text, limit)
    if not any(char.isalnum() for char in line):
        raise UsageError(f"{what} has a letter or a digit in it.")
    return line
