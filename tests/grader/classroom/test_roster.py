"""Rosters and invitations, closing a class, exports, the log."""

from __future__ import annotations

import contextlib
import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.classroom import roster
from grader.classroom.roster import Line
from grader.errors import UsageError
from tests.grader.classroom.conftest import CLAMP, Klass
from tests.grader.classroom.test_pages import SAME, browser

CANVAS = """Student,ID,SIS User ID,SIS Login ID,Section
"    Points Possible",,,,
"Lovelace, Ada",1,2,ada,A
"Student, Test",,,,
"""
ROSTER = "\ufeffName;Email\nAda Lovelace;ada@x.test\n=Grace Hopper;grace@x.test\nAlan Turing;\n"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("name,email\nAda,a@x\n", [Line("Ada", "a@x")]),
        ("First Name\tSurname\tID number\nAda\tLovelace\t17\n", [Line("Ada Lovelace", "17")]),
        (CANVAS, [Line("Lovelace, Ada", "ada")]),
        ("name\nAda\n\nAda\nGrace\n", [Line("Ada", ""), Line("Grace", "")]),
        ("name,email\nAda,A@x\nAda L,a@X\n", [Line("Ada L", "a@X")]),
        ("last name,email\nLovelace,a@x", [Line("Lovelace", "a@x")]),
        ("name,email\nAda\n", [Line("Ada", "")]),
        ("name,email\nA\x1b[31mda,\u202ea@x\n", [Line("A␛[31mda", "<U+202E>a@x")]),
    ],
)  # fmt: skip
def test_rosters_as_they_come(text: str, lines: list[Line]) -> None:
    assert roster.read(text) == lines


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("name,email\n", "Nobody is on"),
        ("who,where\nAda,x\n", "no column of names"),
        ("name,email\n...,x\n", "Line 2 of the roster: A name has a letter"),
        ('name\n"Ada\n', "no CSV"),
        ("name\n" + "x\n" * 5001, "more than 5000 lines"),
    ],
)
def test_what_is_no_roster(text: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        roster.read(text)
    assert said in raised.value.message


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert roster.read(text)


def test_an_invitation_lets_one_person_in_once(klass: Klass) -> None:
    teacher = klass.book.people("teacher")[0]
    enrolled = klass.room.enroll(teacher, ROSTER)
    assert [(one.person.name, bool(one.code)) for one in enrolled] == [
        ("Ada Lovelace", True), ("=Grace Hopper", True), ("Alan Turing", True),
    ]  # fmt: skip
    given = {
        "code": (enrolled[0].code or "").lower().replace("-", " "),
        "name": "Somebody else",
        "nickname": "countess",
    }
    joined = klass.client.post("/api/join", json=given)
    assert (joined.status_code, joined.json()["name"], joined.json()["nickname"]) == (201, "Ada Lovelace", "countess")
    assert klass.client.post("/api/join", json=given).status_code == 403
    assert klass.book.invited() == {one.person.id for one in enrolled[1:]}
    again = klass.room.enroll(teacher, ROSTER + "Katherine Johnson;kj@x.test\n")
    assert [bool(one.code) for one in again] == [False, False, False, True]
    assert klass.book.count("student") == 4


def test_a_nickname_that_is_taken_does_not_cost_the_invitation(klass: Klass) -> None:
    klass.join("Ada")
    [one] = klass.room.enroll(klass.book.people("teacher")[0], "name\nAda Lovelace\n")
    joined = klass.client.post("/api/join", json={"code": one.code, "name": "x", "nickname": "ada", "listed": True})
    assert (joined.status_code, joined.json()["nickname"], joined.json()["listed"]) == (201, "student1", True)


def test_a_closed_class_takes_invitations_alone(klass: Klass) -> None:
    teacher = klass.book.people("teacher")[0]
    klass.room.set_open(teacher, False)
    refused = klass.client.post("/api/join", json={"code": klass.room.code, "name": "x"})
    assert (refused.status_code, "invitation" in refused.json()["detail"]["hint"]) == (403, True)
    [one] = klass.room.enroll(teacher, "name\nAda\n")
    assert klass.client.post("/api/join", json={"code": one.code, "name": "x"}).status_code == 201
    klass.room.set_open(teacher, True)
    klass.join("Grace")


def test_who_lost_their_way_in_is_invited_again(klass: Klass) -> None:
    ada = klass.join()
    number = klass.submit(ada["token"], "right").json()["id"]
    klass.done()
    page = browser(klass, klass.teacher_token).post(f"/students/{ada['id']}/invite", headers=SAME).text
    code = page.partition("shown this once: <code>")[2][:14]
    assert klass.ask("GET", "/api/me", ada["token"]).status_code == 401
    joined = klass.client.post("/api/join", json={"code": code, "name": "x"}).json()
    assert joined["id"] == ada["id"]
    assert klass.ask("GET", f"/api/submissions/{number}", joined["token"]).json()["status"] == "passed"


def test_the_roster_page(klass: Klass) -> None:
    client = browser(klass, klass.teacher_token)
    page = client.post("/class/roster", data={"text": ROSTER}, headers=SAME).text
    assert page.count("<code>") >= 4
    assert "Invitations" in page
    assert "Invitations" not in client.get("/class/roster").text
    assert client.post("/class/roster", data={"text": "nothing"}, headers=SAME).status_code == 422
    assert "lets nobody in" in client.post("/class/open", data={}, headers=SAME).text
    assert "can join, under any name" in client.post("/class/open", data={"open": "yes"}, headers=SAME).text
    log = client.get("/class/log").text
    assert "took in a roster 3 new of 3" in log
    assert "closed the class" in log
    assert "opened the class" in log


@pytest.mark.parametrize("form", ["plain", "canvas", "moodle"])
def test_results_for_other_programs(klass: Klass, form: str) -> None:
    codes = [one.code for one in klass.room.enroll(klass.book.people("teacher")[0], ROSTER)]
    token = klass.client.post("/api/join", json={"code": codes[1], "name": "x"}).json()["token"]
    klass.submit(token, "right")
    klass.done()
    answer = browser(klass, klass.teacher_token).get(f"/class/results.csv?form={form}")
    assert f"results-{form}.csv" in answer.headers["content-disposition"]
    rows = list(csv.reader(io.StringIO(answer.text)))
    heading = rows[0]
    at = heading.index(CLAMP)
    line = next(row for row in rows if any("Grace" in cell for cell in row))
    assert "'=Grace Hopper" in line
    assert "grace@x.test" in line
    assert line[at] == "5.0"
    assert next(row for row in rows if "Alan Turing" in row)[at] == ""
    if form == "canvas":
        assert rows[1][0].strip() == "Points Possible"
        assert rows[1][at] == "5"
    assert len(rows) == 4 + (form == "canvas")


def test_gradescopes_results_of_one_submission(klass: Klass) -> None:
    number = klass.submit(klass.join()["token"], "wrong").json()["id"]
    klass.done()
    client = browser(klass, klass.teacher_token)
    found = json.loads(client.get(f"/submissions/{number}/results.json").text)
    assert (found["score"], found["tests"][0]["max_score"], found["tests"][0]["status"]) == (0, 5, "failed")
    assert client.get("/submissions/999/results.json").status_code == 404
    assert client.get("/class/results.csv?form=xls").status_code == 404


def test_points_by_hand_stand_until_they_are_taken_back(klass: Klass) -> None:
    ada = klass.join("Ada", listed=True)
    client = browser(klass, klass.teacher_token)
    path = f"/students/{ada['id']}/points"
    given = {"exercise": CLAMP, "points": "3", "reason": "shown to me on <b>paper</b>"}
    assert client.post(path, data=given, headers=SAME).status_code == 200
    assert [(row.points, row.passed) for row in klass.book.leaderboard()] == [(3, 0)]
    klass.submit(ada["token"], "right")
    klass.done()
    assert [(row.points, row.passed) for row in klass.book.leaderboard()] == [(3, 1)]
    page = browser(klass, ada["token"]).get("/me").text
    assert "3 points by the teacher: shown to me on &lt;b&gt;paper&lt;/b&gt;" in page
    row = next(csv.DictReader(io.StringIO(client.get("/class/results.csv").text)))
    assert row[CLAMP] == "3"
    assert "set points numbers/clamp of" in client.get("/class/log").text
    assert client.post(path, data={"exercise": CLAMP, "reason": "a mistake"}, headers=SAME).status_code == 200
    assert [row.points for row in klass.book.leaderboard()] == [5]
    for wrong in ({"points": "-1"}, {"points": "x"}, {"points": "1001"}, {"reason": " "}, {"exercise": "numbers/none"}):
        assert client.post(path, data={**given, **wrong}, headers=SAME).status_code == 422, wrong
    assert client.post("/students/999/points", data=given, headers=SAME).status_code == 404


def test_students_do_none_of_it(klass: Klass) -> None:
    ada = klass.join()
    client = browser(klass, ada["token"])
    for method, path in (
        ("GET", "/class/roster"), ("POST", "/class/roster"), ("POST", "/class/open"), ("GET", "/class/results.csv"),
        ("GET", "/class/log"), ("POST", f"/students/{ada['id']}/invite"),
        ("POST", f"/students/{ada['id']}/points"), ("POST", f"/students/{ada['id']}/erase"), ("GET", "/class/backup.db"),
        ("GET", f"/students/{ada['id']}/data.jsonl"), ("GET", "/submissions/1/results.json"),
    ):  # fmt: skip
        assert (
            client.request(
                method,
                path,
                headers=SAME,
                data={"text": "name\nx\n", "exercise": CLAMP, "points": "5", "reason": "x", "name": "Ada Lovelace"},
            ).status_code
            == 403
        ), path
    assert klass.book.count("student") == 1
