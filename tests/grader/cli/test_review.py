"""`gradlings review` on the mini-course: with the real engine once, the rest on passes put into the database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from grader.model import Check, Verdict
from grader.store import open_store

from .conftest import CLAMP, MINICOURSE, RIGHT, WRONG

REVIEW = "review/numbers/clamp.py"
STUB = (MINICOURSE / CLAMP).read_text()


@pytest.fixture
def passed(workspace: Path) -> Path:
    """A workspace in which clamp was passed a week ago and frequencies just now."""
    for exercise, days in (("numbers/clamp", 7), ("words/frequencies", 0)):
        at = datetime.now(UTC) - timedelta(days=days)
        verdict = Verdict("mini", exercise, "passed", 1.0, (Check("one", "One", "passed"),), suite_sha256="s")
        with open_store(workspace / "progress.db", clock=lambda at=at: at) as store:  # type: ignore[misc]
            store.record(exercise, RIGHT, verdict)
    (workspace / CLAMP).write_text(RIGHT)
    return workspace


def test_nothing_to_review_yet(at):
    ran = at("review")
    assert (ran.code, ran.err) == (0, "")
    assert "Nothing to review yet" in ran.out
    assert at("review", "--json").json == {"schema": 1, "due": 0, "reviews": []}


def test_what_is_due_and_what_comes_next(passed, at):
    ran = at("review")
    due, _, later = ran.out.partition("Later\n")
    assert due.startswith("Due\n  numbers/clamp      5 days ago")
    assert later.startswith("  words/frequencies  in 2 days")
    assert "`gradlings review numbers/clamp` begins it." in ran.out
    found = at("review", "--json").json
    assert found["due"] == 1
    assert [(row["exercise"], row["overdue"], row["begun"], row["reviews"]) for row in found["reviews"]] == [
        ("numbers/clamp", True, False, 0),
        ("words/frequencies", False, False, 0),
    ]
    assert found["reviews"][0]["file"] == str(passed / REVIEW)
    assert datetime.fromisoformat(found["reviews"][0]["due"]).tzinfo is not None


def test_a_review_from_the_stub_to_the_next_date(passed, at):
    progress = at("list", "--json").json
    ran = at("review", "clamp")
    assert ran.code == 0
    assert f"{REVIEW} is the blank stub: write it anew." in ran.out
    assert (passed / REVIEW).read_text() == STUB
    assert "under way" in at("review").out
    assert "goes on with it" in at("review").out

    ran = at("review", "clamp", "--grade")
    assert ran.code == 1
    assert f"Write it in {REVIEW}." in ran.out

    (passed / REVIEW).write_text(WRONG)
    ran = at("review", REVIEW, "--grade")
    assert ran.code == 1
    assert "What went wrong: min and max are exchanged" in ran.out
    assert "gradlings hint numbers/clamp" in ran.out
    assert "is as you left it" in at("review", "clamp").out

    (passed / REVIEW).write_text(RIGHT)
    ran = at("review", "clamp", "--grade", "--json")
    assert ran.code == 0
    assert (ran.json["exercise"], ran.json["rating"], ran.json["attempt"]) == ("numbers/clamp", "hard", 4)
    assert ran.json["verdict"]["status"] == "passed"
    assert datetime.fromisoformat(ran.json["due"]) > datetime.now(UTC) + timedelta(days=2)

    again = at("review", "clamp", "--grade")
    assert again.code == 0
    assert "nothing was rated" in again.out

    assert [(row["sequence"], row["kind"]) for row in at("history", "clamp", "--json").json["attempts"]] == [
        (1, "save"), (3, "review"), (4, "review"),
    ]  # fmt: skip
    assert [line.endswith("review") for line in at("history", "clamp").out.splitlines()[:3]] == [False, True, True]
    assert at("list", "--json").json == progress
    assert (passed / CLAMP).read_text() == RIGHT
    exported = at("export", "--format", "json").json
    assert [row["verdict"]["checks"][0]["id"] for row in exported["exercises"] if row["verdict"]] == ["one", "one"]


def test_the_file_of_a_review_is_graded_and_hinted_as_the_review(passed, at):
    at("review", "clamp")
    assert at("hint", REVIEW, "--json").json["exercise"] == "numbers/clamp"
    (passed / REVIEW).write_text(WRONG)
    ran = at("run", REVIEW)
    assert ran.code == 1
    (passed / REVIEW).write_text(RIGHT)
    ran = at("run", REVIEW, "--json")
    assert ran.code == 0
    assert ran.json["rating"] == "again"  # a hint was opened
    assert (passed / CLAMP).read_text() == RIGHT
    assert [row["reviews"] for row in at("review", "--json").json["reviews"] if row["exercise"] == "numbers/clamp"] == [
        1
    ]


def test_give_up(passed, at):
    assert at("review", "clamp", "--give-up").code == 2
    at("review", "clamp")
    ran = at("review", "clamp", "--give-up")
    assert ran.code == 0
    assert "The next one is due tomorrow." in ran.out
    assert "gradlings solution numbers/clamp" in ran.out
    begun = at("review", "clamp", "--json").json
    assert (begun["fresh"], begun["kept"], begun["file"]) == (True, None, str(passed / REVIEW))
    ended = at("review", "clamp", "--give-up", "--json").json
    assert (ended["exercise"], ended["rating"]) == ("numbers/clamp", "again")


def test_again_keeps_what_was_written(passed, at):
    at("review", "clamp")
    (passed / REVIEW).write_text("# half a thought\n")
    ran = at("review", "clamp", "--again")
    assert (passed / REVIEW).read_text() == STUB
    assert "What it held is attempt 3" in ran.out
    assert at("history", "--source", "3").out == "# half a thought\n"
    assert "copy kept (review-kept)" in at("history", "clamp").out


def test_before_it_is_due(passed, at):
    ran = at("review", "frequencies")
    assert ran.code == 0
    assert ran.out.startswith("It is due in 2 days; practising it earlier does no harm.")
    assert (passed / "review/words/data/poem.txt").is_file()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["slope"], "not passed yet"),
        (["no_such"], 'There is no exercise "no_such"'),
        (["--grade"], "Name the exercise"),
        (["--give-up"], "Name the exercise"),
        (["--again"], "Name the exercise"),
        (["clamp", "--grade", "--give-up"], "exclude each other"),
        (["clamp", "--grade"], "is missing"),
    ],
)
def test_wrong_usage(passed, at, args, words):  # noqa: ARG001
    ran = at("review", *args)
    assert ran.code == 2
    assert ran.out == ""
    assert words in ran.err
    assert "Traceback" not in ran.err
