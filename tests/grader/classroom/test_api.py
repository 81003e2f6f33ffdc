"""The API: who may what, what is refused, and that what was accepted is kept and graded once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from grader.classroom import secrets
from grader.classroom.limits import MAX_BODY, Buckets
from grader.engine.core import MAX_SOURCE
from grader.store.gradings import Task
from tests.grader.classroom.conftest import CLAMP, SLOPE, Klass, Make

HOSTILE = [
    "'; DROP TABLE person; --",
    '" OR 1=1 --',
    "../../etc/passwd",
    "%2e%2e/x",
    "<script>alert(1)</script>",
    "{{7*7}}",
    "a\x00b",
    "\u202eevil",
    "=HYPERLINK(1)",
    "x" * 5000,
    "",
    "😀" * 30,
]


def test_a_student_joins_hands_in_and_is_seen(klass: Klass) -> None:
    ada = klass.join(listed=True)
    assert (ada["role"], ada["nickname"], ada["course"]) == ("student", "Ada", "mini")
    first = klass.submit(ada["token"], "right").json()
    assert (first["status"], first["exercise"]) == ("waiting", CLAMP)
    klass.done()
    got = klass.ask("GET", f"/api/submissions/{first['id']}", ada["token"]).json()
    assert (got["status"], got["score"], got["verdict"]["status"]) == ("passed", 1.0, "passed")
    assert got["receipt"] == first["receipt"]
    [line] = klass.ask("GET", "/api/leaderboard", ada["token"]).json()
    assert (line["place"], line["nickname"], line["points"], line["firsts"], line["you"]) == (1, "Ada", 5, 1, True)
    assert [one["id"] for one in klass.ask("GET", "/api/submissions", ada["token"]).json()] == [first["id"]]


def test_a_replayed_submission_is_the_same_one(klass: Klass) -> None:
    ada = klass.join()["token"]
    first = klass.submit(ada, "right").json()
    klass.done()
    again = klass.submit(ada, "right").json()
    assert (again["id"], again["at"], again["receipt"]) == (first["id"], first["at"], first["receipt"])
    assert klass.grader.graded == ["right"]


def test_raced_submissions_are_graded_once(klass: Klass) -> None:
    tokens = [klass.join(f"Student {number}")["token"] for number in range(4)]
    klass.grader.gate.clear()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: klass.submit(tokens[n % 4], f"right {n % 8 // 4}"), range(48)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 8
    klass.grader.gate.set()
    klass.done()
    assert sorted(klass.grader.graded) == ["right 0", "right 1"]
    assert [standing.attempts for n in range(2, 6) for standing in klass.book.standing(n)] == [2] * 4


def test_it_is_on_the_disk_before_it_is_acknowledged(make: Make) -> None:
    klass = make(start=False)
    ada = klass.join()["token"]
    assert klass.submit(ada, "right").status_code == 202
    klass.client.__exit__(None, None, None)
    klass.room.close()
    again = make()
    again.done()
    assert [one["status"] for one in again.ask("GET", "/api/submissions", ada).json()] == ["passed"]


def test_what_the_machine_could_not_do_is_no_zero(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from grader.classroom import grading

    monkeypatch.setattr(grading, "RETRY_S", 0.05)
    klass = make()
    klass.grader.faults = 5
    ada = klass.join()["token"]
    number = klass.submit(ada, "right but broken").json()["id"]
    klass.done()
    assert klass.grader.graded == ["right but broken"] * 6
    got = klass.ask("GET", f"/api/submissions/{number}", ada).json()
    assert (got["status"], got["score"], got["trouble"]) == ("passed", 1.0, "")


def test_trouble_is_told_while_it_lasts(make: Make) -> None:
    klass = make()
    klass.grader.faults = 10**6
    ada = klass.join()["token"]
    number = klass.submit(ada, "broken").json()["id"]
    for _ in range(500):
        got = klass.ask("GET", f"/api/submissions/{number}", ada).json()
        if got["trouble"]:
            break
    assert (got["status"], got["score"], got["trouble"]) == ("waiting", 0.0, "the disk is full")
    assert klass.book.standing(2) == []


def test_without_all_protections_nothing_is_graded(make: Make) -> None:
    from grader.classroom.grading import Unprotected
    from tests.grader.classroom.conftest import ByWord

    for held in ((), ("landlock-7", "rlimits"), ("practice",)):
        klass = make(ByWord(held=held), start=False)
        with pytest.raises(Unprotected, match="missing"):
            klass.room.graders.start()
        klass.client.__exit__(None, None, None)
        klass.room.close()


@pytest.mark.parametrize("token", ["", "x", "gl_" + "A" * 32, "gl_" + "ü" * 32, "a b c", "Bearer"])
def test_forged_tokens_open_nothing(klass: Klass, token: str) -> None:
    klass.join()
    for method, path in (
        ("GET", "/api/me"), ("PATCH", "/api/me"), ("GET", "/api/submissions"), ("GET", "/api/submissions/1"),
        ("POST", "/api/submissions"), ("GET", "/api/leaderboard"), ("GET", "/api/class/code"), ("DELETE", "/api/token"),
        ("GET", "/api/events"),
    ):  # fmt: skip
        answer = klass.client.request(method, path, headers={"Authorization": f"Bearer {token}".encode()}, json={})
        assert answer.status_code == 401, (method, path, answer.text)


def test_tokens_are_kept_hashed_and_can_be_given_back(klass: Klass, tmp_path: Any) -> None:
    token = klass.join()["token"]
    for file in tmp_path.iterdir():
        assert token.encode() not in file.read_bytes()
    assert klass.ask("GET", "/api/me", token).status_code == 200
    assert klass.ask("DELETE", "/api/token", token).status_code == 204
    assert klass.ask("GET", "/api/me", token).status_code == 401


def test_a_token_ends(klass: Klass, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import timedelta

    monkeypatch.setattr(secrets, "DEVICE", timedelta(seconds=-1))
    assert klass.ask("GET", "/api/me", klass.join()["token"]).status_code == 401


def test_another_students_things_are_not_there(klass: Klass) -> None:
    ada, grace = klass.join()["token"], klass.join("Grace Hopper")["token"]
    number = klass.submit(ada, "right").json()["id"]
    klass.done()
    mine = klass.ask("GET", f"/api/submissions/{number}", grace)
    nobodys = klass.ask("GET", f"/api/submissions/{number + 1000}", grace)
    assert (mine.status_code, mine.json()) == (nobodys.status_code, nobodys.json()) == (404, mine.json())
    assert klass.ask("GET", "/api/submissions", grace).json() == []
    assert klass.ask("GET", f"/api/submissions/{number}", klass.teacher_token).status_code == 200


def test_what_is_for_teachers_is_not_for_students(klass: Klass) -> None:
    ada = klass.join()["token"]
    assert klass.ask("GET", "/api/class/code", ada).status_code == 403
    assert klass.ask("GET", "/api/class/code", klass.teacher_token).json() == {"code": klass.room.code}


def test_nobody_joins_as_a_teacher(klass: Klass) -> None:
    answer = klass.client.post("/api/join", json={"code": klass.room.code, "name": "x", "role": "teacher"})
    assert answer.status_code == 422
    assert [one.role for one in klass.book.people("teacher")] == ["teacher"]


def test_guessing_the_code_is_slowed_down(klass: Klass) -> None:
    answers = [klass.client.post("/api/join", json={"code": "AAAA-AAAA", "name": "x"}).status_code for _ in range(30)]
    assert set(answers[:10]) == {403}
    assert set(answers[10:]) == {429}
    # The right code waits as well: else a guess could be told from it.
    late = klass.client.post("/api/join", json={"code": klass.room.code, "name": "x"})
    assert (late.status_code, late.headers["retry-after"].isdigit()) == (429, True)
    assert klass.book.count("student") == 0


def test_thousands_of_joins_are_slowed_down(klass: Klass) -> None:
    given = {"code": klass.room.code, "name": "x"}
    codes = [klass.client.post("/api/join", json=given).status_code for _ in range(450)]
    assert 400 <= codes.count(201) < 450
    assert set(codes) == {201, 429}


def test_too_many_submissions_are_slowed_down(make: Make) -> None:
    klass = make(start=False)
    ada, grace = klass.join()["token"], klass.join("Grace")["token"]
    codes = [klass.submit(ada, f"right {number}").status_code for number in range(150)]
    assert 120 <= codes.count(202) < 150
    assert codes[-1] == 429
    assert klass.submit(grace, "right").status_code == 202


def test_guessing_tokens_is_slowed_down(klass: Klass) -> None:
    token = klass.join()["token"]
    codes = [klass.ask("GET", "/api/me", f"gl_{number}").status_code for number in range(80)]
    assert (codes[0], codes[-1]) == (401, 429)
    assert klass.ask("GET", "/api/me", token).status_code == 429


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_every_field(klass: Klass, text: str) -> None:
    token = klass.join()["token"]
    asked = [
        klass.client.post("/api/join", json={"code": text, "name": "x"}),
        klass.client.post("/api/join", json={"code": klass.room.code, "name": text}),
        klass.client.post("/api/join", json={"code": klass.room.code, "name": "x", "nickname": text}),
        klass.ask("PATCH", "/api/me", token, json={"nickname": text}),
        klass.ask("POST", "/api/submissions", token, json={"exercise": text, "source": "right"}),
        klass.ask("POST", "/api/submissions", token, json={"exercise": CLAMP, "source": text}),
        klass.ask("POST", "/api/submissions", token, json={"exercise": CLAMP, "source": "x", "uses": {text: "x"}}),
        klass.ask("GET", "/api/submissions", token, params={"exercise": text}),
        klass.ask("GET", "/api/submissions/1", token, params={"x": text}),
        klass.client.post("/session", data={"token": text}, headers={"Origin": "http://class.test"}),
        klass.ask("POST", "/me", token, data={"nickname": text}),
    ]
    for answer in asked:
        assert answer.status_code < 500, answer.text
    klass.done()
    assert klass.ask("GET", "/api/me", token).status_code == 200
    assert klass.book.count("student") >= 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"exercise": "numbers/none", "source": "x"}, "no exercise numbers/none"),
        ({"exercise": CLAMP, "source": "  \n"}, "empty"),
        ({"exercise": CLAMP, "source": "x" * MAX_SOURCE, "uses": {}}, ""),
        ({"exercise": CLAMP, "source": "x", "uses": {SLOPE: "y"}}, "does not build on numbers/slope"),
        ({"exercise": CLAMP, "source": "x" * (MAX_SOURCE + 1)}, "at most"),
        ({"exercise": CLAMP}, "source"),
        ({"exercise": CLAMP, "source": 1}, "source"),
        ({"exercise": CLAMP, "source": "x", "verdict": "passed"}, "verdict"),
        ([], "The request"),
    ],
)
def test_what_is_not_taken(klass: Klass, given: Any, said: str) -> None:
    token = klass.join()["token"]
    answer = klass.ask("POST", "/api/submissions", token, json=given)
    if not said:
        assert answer.status_code == 202
        return
    assert answer.status_code == 422
    assert said in answer.json()["detail"]["message"]
    # What was sent is not sent back: it may be megabytes, and another's page may show it.
    assert len(answer.content) < 1000


def test_bodies_are_limited_with_and_without_a_length(klass: Klass) -> None:
    token = klass.join()["token"]
    big = b'{"exercise": "numbers/clamp", "source": "' + b"x" * MAX_BODY + b'"}'
    assert klass.ask("POST", "/api/submissions", token, content=big).status_code == 413
    chunks = (big[start : start + 65536] for start in range(0, len(big), 65536))
    assert klass.ask("POST", "/api/submissions", token, content=chunks).status_code == 413


def test_a_client_that_dribbles_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    from grader.classroom import limits

    monkeypatch.setattr(limits, "BODY_S", 0.05)
    told: list[Any] = []

    async def never() -> Any:
        await asyncio.sleep(60)

    async def send(message: Any) -> None:
        told.append(message)

    async def inner(*_: Any) -> None:
        raise AssertionError("nothing of ours sees half a request")

    scope: Any = {"type": "http", "method": "POST", "path": "/api/join", "headers": []}
    asyncio.run(limits.BodyLimit(inner)(scope, never, send))
    assert told[0]["status"] == 408


def test_a_submission_under_way_is_settled_for_both(klass: Klass) -> None:
    ada, grace = klass.join()["token"], klass.join("Grace")["token"]
    klass.grader.gate.clear()
    klass.submit(ada, "right")
    klass.submit(grace, "right")
    klass.grader.gate.set()
    klass.done()
    assert klass.grader.graded == ["right"]
    assert [len(klass.book.standing(number)) for number in (2, 3)] == [1, 1]


def test_a_nickname_is_changed_and_nobodys_else_is_taken(klass: Klass) -> None:
    ada, _ = klass.join()["token"], klass.join("Grace")
    assert klass.ask("PATCH", "/api/me", ada, json={"nickname": "countess", "listed": True}).json()["listed"]
    assert klass.ask("PATCH", "/api/me", ada, json={"nickname": "GRACE"}).status_code == 409
    assert klass.ask("PATCH", "/api/me", ada, json={"nickname": "\u202e"}).status_code in (200, 422)


def test_another_courses_class_is_refused(make: Make) -> None:
    from grader.classroom.room import Room
    from grader.course.read import find_course
    from grader.errors import UsageError

    klass = make(start=False)
    with pytest.raises(UsageError, match="works on the course mini"):
        Room(klass.book, find_course(None))


def test_the_key_of_the_class_changes_the_receipts() -> None:
    one = secrets.receipt("00" * 32, 1, 2, CLAMP, "abc", "t")
    assert one != secrets.receipt("01" * 32, 1, 2, CLAMP, "abc", "t")
    assert (
        len(
            {
                one,
                secrets.receipt("00" * 32, 1, 3, CLAMP, "abc", "t"),
                secrets.receipt("00" * 32, 1, 2, CLAMP, "abc", "u"),
            }
        )
        == 3
    )


def test_codes_are_read_as_people_write_them() -> None:
    code = secrets.new_code()
    assert len(code) == secrets.CODE_LENGTH
    assert secrets.same_code(f" {code[:4].lower()} - {code[4:]} ", code)
    assert not secrets.same_code(code[:-1], code)
    assert not secrets.same_code("", code)


def test_a_bucket_fills_again() -> None:
    now = [0.0]
    bucket = Buckets(burst=2, per_minute=60, clock=lambda: now[0])
    assert [bucket.take("a"), bucket.take("a"), bucket.take("b")] == [0, 0, 0]
    assert 0 < bucket.take("a") <= 1
    assert bucket.wait("a") > 0
    now[0] += 1.0
    assert (bucket.wait("a"), bucket.take("a")) == (0, 0)


def test_a_task_is_kept_with_what_it_builds_on(klass: Klass) -> None:
    key = klass.room._keys.key(CLAMP, "right", {})
    klass.submit(klass.join()["token"], "right")
    assert klass.book.task(key) == Task(key, CLAMP, "right", klass.room._keys.suite(CLAMP))
