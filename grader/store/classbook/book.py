"""A class in its database: settings, people, submissions, standings. One transaction a call, on the disk before it returns.

May be used by several threads. Every method raises StoreError where the database cannot be read or written.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, insert, select, update

from grader.model import Verdict
from grader.store.classbook import erasing, people, standings, submissions
from grader.store.classbook.schema import act, class_setting
from grader.store.classbook.values import Act, Cell, Kind, Person, Role, Row, Standing, Submitted, Total
from grader.store.gradings import Task, read, trouble
from grader.store.sole import Sole, copy_to, transaction


def now() -> str:
    """This instant as the database keeps it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Classbook:
    """An open class."""

    def __init__(self, database: Sole) -> None:
        """For `open_classbook` only."""
        self.name = database.name
        self._database = database
        # Standings are read, reckoned and written: two at once would lose one. Nobody else writes to this database.
        self._recording = threading.Lock()

    def __enter__(self) -> Classbook:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the class and let another program have it."""
        self._database.close()

    def copy_to(self, target: Path) -> None:
        """Copy the class into a new SQLite file while it is in use. UsageError where it is on a server."""
        copy_to(self._database, target)

    # -- settings ----------------------------------------------------------------------------------------------------

    def setting(self, name: str, make: Callable[[], str] | None = None) -> str:
        """A setting; where there is none yet, what `make` makes is kept, or KeyError."""
        with self._transaction() as connection:
            found = connection.scalar(select(class_setting.c.value).where(class_setting.c.name == name))
            if found is not None:
                return str(found)
            if make is None:
                raise KeyError(name)
            value = make()
            connection.execute(insert(class_setting).values(name=name, value=value))
            return value

    def change_setting(self, name: str, value: str) -> None:
        """Change a setting that is there."""
        with self._transaction() as connection:
            connection.execute(update(class_setting).where(class_setting.c.name == name).values(value=value))

    # -- people ------------------------------------------------------------------------------------------------------

    def join(self, name: str, nickname: str, *, role: Role = "student", listed: bool = False) -> Person:
        """A new person. The nickname is made unlike all others by a number behind it."""
        with self._recording, self._transaction() as connection:
            person = people.add(connection, name, nickname, role, listed, now())
            _log(connection, person.id, "joined", role)
            return person

    def erase(self, person: int, by: int | None) -> None:
        """Forget somebody with all they left. That it was done is logged, and not who they were."""
        with self._recording, self._transaction() as connection:
            erasing.erase(connection, person)
            _log(connection, None if by == person else by, "erased a person", "")

    def enroll(self, lines: Sequence[tuple[str, str, str]]) -> list[tuple[Person, bool]]:
        """Take in a roster's lines: name, address, and the hash of an invitation, for those who are new; who is new."""
        found: list[tuple[Person, bool]] = []
        with self._recording, self._transaction() as connection:
            for name, email, sha256 in lines:
                old = people.known(connection, name, email)
                who = old or people.add(connection, name, f"student{len(found) + 1}", "student", False, now(), email)
                if old is None:
                    people.invite(connection, who.id, sha256, now())
                found.append((who, old is None))
        return found

    def invite(self, person: int, sha256: str) -> None:
        """A new invitation for somebody; their tokens and earlier invitations are worthless from now on."""
        with self._transaction() as connection:
            people.drop_tokens(connection, person)
            people.invite(connection, person, sha256, now())

    def take_invitation(self, sha256: str) -> Person | None:
        """Whom the code with this hash invites; once."""
        with self._recording, self._transaction() as connection:
            return people.take_invitation(connection, sha256, now())

    def invited(self) -> set[int]:
        """Who has not used their invitation yet."""
        with self._transaction() as connection:
            return people.invited(connection)

    def person(self, id: int) -> Person | None:
        """Somebody by their number."""
        with self._transaction() as connection:
            return people.by_id(connection, id)

    def people(self, role: Role, limit: int | None = None, after: int = 0) -> list[Person]:
        """Those with this role, in the order they joined: `limit` of them, `after` so many."""
        with self._transaction() as connection:
            return people.with_role(connection, role, limit, after)

    def count(self, role: Role) -> int:
        """How many have this role."""
        with self._transaction() as connection:
            return people.count(connection, role)

    def rename(self, id: int, nickname: str | None = None, listed: bool | None = None) -> Person | None:
        """Change what others see of somebody. None where there is nobody; ValueError where another has the nickname."""
        with self._recording, self._transaction() as connection:
            return people.change(connection, id, nickname, listed)

    def give_token(self, person: int, kind: Kind, sha256: str, ends_at: str) -> None:
        """Let whoever has the token with this hash act as `person` until `ends_at`."""
        with self._transaction() as connection:
            people.add_token(connection, person, kind, sha256, now(), ends_at)

    def holder(self, sha256: str) -> Person | None:
        """Whose token has this hash, where it is still good."""
        with self._transaction() as connection:
            return people.by_token(connection, sha256, now())

    def revoke(self, sha256: str) -> None:
        """Make one token worthless."""
        with self._transaction() as connection:
            people.drop_token(connection, sha256)

    def revoke_all(self, person: int, by: int | None) -> None:
        """Make all tokens of somebody worthless."""
        with self._transaction() as connection:
            people.drop_tokens(connection, person)
            _log(connection, by, "revoked all tokens", str(person))

    # -- submissions -------------------------------------------------------------------------------------------------

    def accept(self, person: int, task: Task) -> tuple[Submitted, bool]:
        """Keep what a student handed in; whether it is new. The same again is the same submission, with its first time."""
        with self._transaction() as connection:
            return submissions.accept(connection, person, task, now())

    def submitted(self, id: int) -> Submitted | None:
        """One submission with its verdict."""
        with self._transaction() as connection:
            return submissions.by_id(connection, id)

    def submissions(self, person: int, exercise: str | None = None, limit: int = 100) -> list[Submitted]:
        """The newest submissions of somebody, without their verdicts; the newest first."""
        with self._transaction() as connection:
            return submissions.of(connection, person, exercise, limit)

    def source(self, id: int) -> str | None:
        """What was handed in with this number."""
        with self._transaction() as connection:
            return submissions.source_of(connection, id)

    def waiting(self) -> list[str]:
        """The keys of accepted gradings that have no verdict, in the order they were accepted."""
        with self._transaction() as connection:
            return submissions.waiting(connection)

    def task(self, key: str) -> Task:
        """What is to be graded under `key`."""
        with self._transaction() as connection:
            return read(connection, key)

    def record(self, key: str, verdict: Verdict, worker: str, points: Mapping[str, int]) -> list[int]:
        """Record what came of a grading and count it for all who handed it in; who they are.

        Where it has a verdict already, that one stays and is counted. `points` are what a pass of each exercise is worth.
        """
        with self._recording, self._transaction() as connection:
            return submissions.record(connection, key, verdict, worker, points)

    def settle(self, key: str, points: Mapping[str, int]) -> list[int] | None:
        """Count a verdict that is there already for those who handed in the same later; None where there is none."""
        with self._recording, self._transaction() as connection:
            return submissions.settle(connection, key, points)

    def trouble(self, key: str, message: str) -> None:
        """Note that a grading could not be done, and why. It goes on waiting."""
        with self._transaction() as connection:
            trouble(connection, key, message)

    # -- standings ---------------------------------------------------------------------------------------------------

    def leaderboard(self, limit: int = 100, after: int = 0) -> list[Row]:
        """Those who want to be seen, from place `after` + 1 on: by points, and among equals who got there first."""
        with self._transaction() as connection:
            return standings.leaderboard(connection, limit, after)

    def place(self, person: int) -> Row | None:
        """The line of one who wants to be seen."""
        with self._transaction() as connection:
            return standings.place(connection, person)

    def standing(self, person: int) -> list[Standing]:
        """How far somebody is with each exercise that they tried."""
        with self._transaction() as connection:
            return standings.of(connection, person)

    def cells(self, people: Sequence[int]) -> list[Cell]:
        """The standings of some students."""
        with self._transaction() as connection:
            return standings.cells(connection, people)

    def set_points(self, person: int, exercise: str, points: int | None, reason: str, worth: int, by: int) -> None:
        """Give points by hand, with the reason, or (None) those that were earned again; `worth` is what a pass gives."""
        told = "what was earned" if points is None else points
        with self._recording, self._transaction() as connection:
            standings.set_points(connection, person, exercise, points, reason, now(), worth)
            _log(connection, by, "set points", f"{exercise} of {person} to {told}: {reason}")

    def totals(self) -> dict[str, Total]:
        """How the class is doing with each exercise that anybody tried."""
        with self._transaction() as connection:
            return standings.totals(connection)

    def mistakes(self, exercise: str) -> list[tuple[str, int]]:
        """The named mistakes in submissions of an exercise and how many students made each, the commonest first."""
        with self._transaction() as connection:
            return standings.mistakes(connection, exercise)

    # -- the log -----------------------------------------------------------------------------------------------------

    def log(self, person: int | None, what: str, about: str) -> None:
        """Note what somebody did."""
        with self._transaction() as connection:
            _log(connection, person, what, about)

    def acts(self, limit: int = 200) -> list[Act]:
        """What was done, the newest first."""
        with self._transaction() as connection:
            rows = connection.execute(
                select(act.c.at, act.c.person, act.c.what, act.c.about).order_by(act.c.id.desc()).limit(limit)
            )
            return [Act(*row) for row in rows]

    def _transaction(self) -> AbstractContextManager[Connection]:
        return transaction(self._database)


def _log(connection: Connection, person: int | None, what: str, about: str) -> None:
    connection.execute(insert(act).values(at=now(), person=person, what=what, about=about))
