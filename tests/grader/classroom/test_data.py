"""What a class knows of somebody: they can have it, and it can be erased, with nothing left behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from grader.errors import UsageError
from grader.store.classbook import open_classbook
from tests.grader.batch.conftest import postgresql
from tests.grader.classroom.conftest import CLAMP, SLOPE, Klass, Make
from tests.grader.classroom.test_pages import SAME, browser

__all__ = ["postgresql"]


def test_everything_as_a_file(klass: Klass) -> None:
    ada = klass.join("Ada Lovelace")
    for source in ("right", "wrong \x00\u202e"):
        klass.submit(ada["token"], source)
    klass.done()
    for path, token in (("/me/data.jsonl", ada["token"]), (f"/students/{ada['id']}/data.jsonl", klass.teacher_token)):
        lines = [json.loads(line) for line in browser(klass, token).get(path).text.splitlines()]
        assert lines[0]["person"]["name"] == "Ada Lovelace"
        assert lines[0]["standing"][0]["attempts"] == 2
        assert sorted(line["submission"]["source"] for line in lines[1:]) == ["right", "wrong \x00\u202e"]
        assert all(line["submission"]["verdict"]["schema"] == 1 for line in lines[1:])


def test_erased_is_erased(klass: Klass, tmp_path: Path) -> None:
    ada, grace = klass.join("Ada Unmistakable", listed=True), klass.join("Grace", listed=True)
    secret = "right, and nobody else's: xylophone"
    klass.submit(ada["token"], secret)
    klass.submit(ada["token"], "right, both")
    klass.submit(ada["token"], "wrong", SLOPE)
    klass.done()
    klass.submit(grace["token"], "right, both")
    klass.submit(grace["token"], "right, alone")
    klass.done()
    assert [row.firsts for row in klass.book.leaderboard()] == [1, 0]
    client = browser(klass, klass.teacher_token)
    path = f"/students/{ada['id']}/erase"
    assert client.post(path, data={"name": "Ada"}, headers=SAME).status_code == 422
    assert klass.book.count("student") == 2
    assert client.post(path, data={"name": "Ada Unmistakable"}, headers=SAME).status_code == 200
    assert klass.book.person(ada["id"]) is None
    assert klass.ask("GET", "/api/me", ada["token"]).status_code == 401
    # What both handed in stays Grace's, and she is the first now.
    assert [(row.nickname, row.firsts) for row in klass.book.leaderboard()] == [("Grace", 1)]
    assert {one.exercise for one in klass.book.submissions(grace["id"])} == {CLAMP}
    assert [klass.book.source(one.id) for one in klass.book.submissions(grace["id"])] == ["right, alone", "right, both"]
    assert klass.book.mistakes(SLOPE) == []
    assert "Unmistakable" not in client.get("/class/log").text
    rows = _everything(klass)
    assert not [row for row in rows if "Unmistakable" in row or "xylophone" in row]
    assert klass.ask("GET", "/api/submissions/1", klass.teacher_token).status_code == 404
    with klass.book._database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"Unmistakable" not in (tmp_path / "class.db").read_bytes()


def test_who_leaves_takes_all_with_them(klass: Klass) -> None:
    ada = klass.join("Ada Lovelace")
    klass.submit(ada["token"], "right")
    klass.done()
    client = browser(klass, ada["token"])
    assert client.post("/me/erase", data={"name": "x"}, headers=SAME).status_code == 422
    assert client.post("/me/erase", data={"name": " Ada Lovelace "}, headers=SAME).status_code == 200
    assert klass.book.count("student") == 0
    teacher = browser(klass, klass.teacher_token)
    assert teacher.post("/me/erase", data={"name": "Teacher"}, headers=SAME).status_code == 422
    assert klass.book.count("teacher") == 1


def test_erased_while_it_is_graded(klass: Klass) -> None:
    ada = klass.join("Ada")
    klass.grader.gate.clear()
    klass.submit(ada["token"], "right")
    person = klass.book.person(ada["id"])
    assert person is not None
    klass.room.erase(klass.book.people("teacher")[0], person)
    klass.grader.gate.set()
    grace = klass.join("Grace")
    klass.submit(grace["token"], "right, later")
    klass.done()
    assert klass.book.standing(grace["id"])[0].passed_at
    assert klass.book.standing(ada["id"]) == []


def _everything(klass: Klass) -> list[str]:
    """Every value of every row, texts unpacked."""
    import zlib

    from sqlalchemy import MetaData

    found: list[str] = []
    engine = klass.book._database.engine
    metadata = MetaData()
    metadata.reflect(engine)
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(table.select()):
                found += [_text(value, zlib) for value in row]
    return found


def _text(value: Any, zlib: Any) -> str:
    return zlib.decompress(value).decode() if isinstance(value, bytes) else str(value)


def test_a_backup_is_the_class_again(klass: Klass, make: Make, tmp_path: Path) -> None:
    ada = klass.join("Ada", listed=True)
    first = klass.submit(ada["token"], "right").json()
    klass.done()
    client = browser(klass, klass.teacher_token)
    answer = client.get("/class/backup.db")
    assert answer.content.startswith(b"SQLite format 3")
    klass.submit(ada["token"], "right, later")
    copy = tmp_path / "copy.db"
    copy.write_bytes(answer.content)
    again = make(place=copy)
    assert again.room.code == klass.room.code
    [line] = again.ask("GET", "/api/submissions", ada["token"]).json()
    assert (line["id"], line["receipt"], line["status"]) == (first["id"], first["receipt"], "passed")
    assert "took a copy of the class" in client.get("/class/log").text
    assert browser(klass, ada["token"]).get("/class/backup.db").status_code == 403


def test_a_class_on_a_server_is_copied_by_its_own_tools(postgresql: str, tmp_path: Path) -> None:
    with open_classbook(postgresql) as book, pytest.raises(UsageError, match="not a SQLite file"):
        book.copy_to(tmp_path / "x.db")
