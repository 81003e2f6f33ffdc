"""What is passed, what is next, what a pass unlocks."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.course.read import read_course
from grader.model import Course, Exercise, Progress, Topic
from grader.standing import Standing

COURSE = read_course(Path(__file__).parents[1] / "minicourse")
CLAMP, SLOPE, FREQUENCIES, VOCABULARY = "numbers/clamp", "numbers/slope", "words/frequencies", "words/vocabulary"


def standing(*passed: str, chosen: str | None = None, path: str | None = None) -> Standing:
    known = {id_: Progress(id_, attempts=1, passed_version=9) for id_ in passed}
    return Standing(COURSE, known, path, chosen)


def test_order_is_the_path_then_the_rest():
    assert standing().order == [CLAMP, FREQUENCIES, VOCABULARY, SLOPE]
    assert standing(path="everything").order == [CLAMP, SLOPE, FREQUENCIES, VOCABULARY]
    assert standing(path="a path of an older course").path == "towards a vocabulary"


def test_current_is_the_first_not_passed_or_the_one_set():
    assert standing().current == CLAMP
    assert standing(CLAMP).current == FREQUENCIES
    assert standing(CLAMP, FREQUENCIES, VOCABULARY).current == SLOPE
    assert standing(CLAMP, FREQUENCIES, VOCABULARY, SLOPE).current is None
    assert standing(chosen=SLOPE).current == SLOPE
    assert standing(SLOPE, chosen=SLOPE).current == SLOPE
    assert standing(chosen="no/more").current == CLAMP


def test_following_goes_round_and_ends():
    assert standing().following(CLAMP) == FREQUENCIES
    assert standing(FREQUENCIES).following(CLAMP) == VOCABULARY
    assert standing().following(SLOPE) == CLAMP
    assert standing(CLAMP, FREQUENCIES, VOCABULARY).following(SLOPE) is None


def test_unlocked_needs_all_that_is_required():
    a, b, c = (
        Exercise(f"t/{name}", name, requires=requires)
        for name, requires in [("a", ()), ("b", ()), ("c", ("t/a", "t/b"))]
    )
    course = Course("x", "X", "1", Path("/"), (Topic("t", "T", (a, b, c)),), {"all": ("t/a", "t/b", "t/c")})
    nothing = Standing(course, {})
    assert nothing.with_pass("t/a").unlocked("t/a") == ()
    assert nothing.with_pass("t/a").with_pass("t/b").unlocked("t/b") == ("t/c",)
    assert nothing.with_pass("t/c").with_pass("t/a").with_pass("t/b").unlocked("t/b") == ()
    assert standing().with_pass(CLAMP).unlocked(CLAMP) == (SLOPE, FREQUENCIES)


@pytest.mark.parametrize(
    ("known", "state"),
    [
        (Progress(SLOPE), "not_started"),
        (Progress(SLOPE, hints=2), "not_started"),
        (Progress(SLOPE, attempts=1, last_status="not_started"), "not_started"),
        (Progress(SLOPE, attempts=1, last_status="failed"), "failed"),
        (Progress(SLOPE, attempts=1, last_status="error"), "failed"),
        (Progress(SLOPE, attempts=2, passed_version=1, last_status="passed"), "pending"),
        (Progress(SLOPE, attempts=2, passed_version=2, last_status="passed"), "passed"),
        (Progress(SLOPE, attempts=3, passed_version=2, last_status="failed"), "passed"),
    ],
)
def test_state(known, state):
    assert Standing(COURSE, {SLOPE: known}).state(SLOPE) == state


def test_a_pass_of_an_older_suite_still_counts_as_passed():
    old = Standing(COURSE, {CLAMP: Progress(CLAMP, attempts=1, passed_version=1)})
    assert old.current == FREQUENCIES
    assert CLAMP in old.passed


def test_rows():
    rows = {row.exercise.id: row for row in standing(CLAMP).rows()}
    assert list(rows) == standing().order
    assert [id_ for id_, row in rows.items() if row.current] == [FREQUENCIES]
    assert [id_ for id_, row in rows.items() if row.ready] == [CLAMP, FREQUENCIES, SLOPE]
    assert [id_ for id_, row in rows.items() if not row.on_path] == [SLOPE]
    assert rows[VOCABULARY].progress == Progress(VOCABULARY)


@given(st.sets(st.sampled_from([CLAMP, SLOPE, FREQUENCIES, VOCABULARY])), st.data())
def test_whatever_is_passed_the_next_one_is_not(passed, data):
    now = standing(*passed)
    for following in (now.current, now.following(data.draw(st.sampled_from(now.order)))):
        assert following is None or following not in passed
    assert (now.current is None) == (len(passed) == 4)
