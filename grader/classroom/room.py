"""What a class does: joining, handing in, looking. No HTTP and no page; asks of each thing whether this person may."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from grader.batch.keys import Keys
from grader.classroom import roster, secrets
from grader.classroom.grading import Graders, Grades
from grader.classroom.names import MAX_NAME, name_of, nickname_of
from grader.course.uses import closure
from grader.engine.core import MAX_SOURCE
from grader.errors import UsageError
from grader.model import Course
from grader.store.classbook import Classbook
from grader.store.classbook.values import Kind, Person, Submitted
from grader.store.gradings import Task
from grader.text import one_line
from grader.verdict_json import to_json

MAX_POINTS = 1000
MAX_REASON = 300
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


@dataclass(frozen=True)
class Enrolled:
    """A line of a roster: who it is, and their invitation where they are new. It is shown this once."""

    person: Person
    code: str | None


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
        self.title = book.setting("title", lambda: one_line(title, MAX_NAME) or course.title)
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
        """A student and their token: of the roster, by an invitation, or, by the class code, a new one.

        Raises WrongCode, or UsageError where a name is none or a nickname is taken.
        """
        if not secrets.same_code(code, self._code):
            return self._by_invitation(code, nickname, listed)
        if not self.is_open:
            raise WrongCode("This class takes nobody by the class code now.", "Ask your teacher for an invitation.")
        name = name_of(name)
        nickname = nickname_of(nickname or name.split()[0])
        if self.book.count("student") >= MAX_STUDENTS:
            raise UsageError(f"This class is full: it has {MAX_STUDENTS} students.")
        person = self.book.join(name, nickname, listed=listed)
        return person, self.token(person, "device")

    def _by_invitation(self, code: str, nickname: str, listed: bool) -> tuple[Person, str]:
        nickname = nickname_of(nickname) if nickname else ""
        person = self.book.take_invitation(secrets.hashed(secrets.typed(code)))
        if person is None:
            raise WrongCode("That is no code of this class, or it was used.", "Ask your teacher for one.")
        try:
            person = self.book.rename(person.id, nickname or None, listed) or person
        except ValueError:
            # They are in; another nickname is a matter of a moment.
            person = self.book.rename(person.id, None, listed) or person
        self.book.log(person.id, "joined by invitation", "")
        return person, self.token(person, "device")

    @property
    def is_open(self) -> bool:
        """Whether the class code lets people in."""
        return self.book.setting("open", lambda: "yes") == "yes"

    def set_open(self, by: Person, is_open: bool) -> None:
        """Let the class code work, or not."""
        self.book.setting("open", lambda: "yes")
        self.book.change_setting("open", "yes" if is_open else "no")
        self.book.log(by.id, "opened the class" if is_open else "closed the class", "")

    def enroll(self, by: Person, text: str) -> list[Enrolled]:
        """Take in a roster, a CSV text: an invitation for everybody who is new. Raises UsageError."""
        lines = roster.read(text)
        codes = [secrets.new_invitation() for _ in lines]
        hashes = [secrets.hashed(secrets.typed(code)) for code in codes]
        found = self.book.enroll([(line.name, line.email, sha) for line, sha in zip(lines, hashes, strict=True)])
        self.book.log(by.id, "took in a roster", f"{sum(new for _, new in found)} new of {len(found)}")
        return [Enrolled(who, code if new else None) for (who, new), code in zip(found, codes, strict=True)]

    def invite(self, by: Person, person: Person) -> str:
        """A new invitation for somebody who lost what they had: all their tokens are worthless from now on."""
        code = secrets.new_invitation()
        self.book.invite(person.id, secrets.hashed(secrets.typed(code)))
        self.book.log(by.id, "invited again", str(person.id))
        return code

    def set_points(self, by: Person, person: Person, exercise: str, points: int | None, reason: str) -> None:
        """Give a student points by hand, or None for those earned. Raises Refused."""
        if exercise not in self.course.exercises:
            raise Refused(f"There is no exercise {one_line(exercise, 80)} in {self.course.title}.")
        if points is not None and not 0 <= points <= MAX_POINTS:
            raise Refused(f"Points are from 0 to {MAX_POINTS}.")
        reason = one_line(reason, MAX_REASON)
        if not reason:
            raise Refused("A reason is missing; the student sees it.")
        self.book.set_points(person.id, exercise, points, reason, self.course.exercises[exercise].points, by.id)

    def erase(self, by: Person, person: Person) -> None:
        """Forget a student with all they left."""
        self.book.erase(person.id, by.id)

    def data_of(self, person: Person) -> Iterator[dict[str, Any]]:
        """All that the class knows of somebody: who they are, how they stand, each submission with source and verdict."""
        yield {"person": asdict(person), "standing": [asdict(one) for one in self.book.standing(person.id)]}
        for line in self.book.submissions(person.id, limit=1 << 31):
            found = self.book.submitted(line.id)
            if found is not None:
                verdict = None if found.verdict is None else msgspec.json.decode(to_json(found.verdict))
                one = asdict(line) | {
                    "receipt": self.receipt(line),
                    "source": self.book.source(line.id),
                    "verdict": verdict,
                }
                yield {"submission": one}

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
