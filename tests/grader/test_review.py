"""Reviews on a real workspace and a real database, with a stand-in for the engine and a clock that is set."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from grader.course.read import read_course
from grader.course.workspace import init
from grader.engine import Cancelled
from grader.errors import CourseError, StoreError, UsageError
from grader.model import Check, Course, Step, Submission, Verdict
from grader.review import RATINGS, first_rating
from grader.session import ReviewRow, Session
from grader.store.reviews import FirstPass

MINICOURSE = Path(__file__).parents[1] / "minicourse"
CLAMP, SLOPE, FREQUENCIES, VOCABULARY = "numbers/clamp", "numbers/slope", "words/frequencies", "words/vocabulary"
START = datetime(2026, 1, 10, 18, 0, tzinfo=UTC)
DAY = timedelta(days=1)


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


class StandIn:
    """Grades by the first word of the source's comment; a stub, which has none, is not started."""

    def __init__(self, course: Course) -> None:
        self.course = course
        self.seen: list[Submission] = []
        self.cancelled = False

    def warm(self) -> None: ...

    def grade(self, submission: Submission, on_step: Callable[[Step], None] | None = None) -> Verdict:
        if self.cancelled:
            raise Cancelled
        self.seen.append(submission)
        status = (submission.source.partition("# graded: ")[2].split() or ["not_started"])[0]
        check = Check("one", "One", "passed" if status == "passed" else "failed")
        if on_step:
            on_step(check)
        return Verdict(
            self.course.name,
            submission.exercise,
            status,  # type: ignore[arg-type]
            float(status == "passed"),
            (check,),
            source_sha256=hashlib.sha256(submission.source.encode()).hexdigest(),
            suite_sha256="5" * 64,
            suite_version=self.course.exercises[submission.exercise].suite_version,
        )

    def cancel(self) -> None:
        self.cancelled = True

    def close(self) -> None: ...


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def course_folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MINICOURSE, tmp_path / "course", ignore=shutil.ignore_patterns("__pycache__")))


@pytest.fixture
def root(course_folder: Path, tmp_path: Path) -> Path:
    return init(tmp_path / "work", read_course(course_folder), str(course_folder)).workspace.root


@pytest.fixture
def reopen(root: Path, clock: Clock) -> Iterator[Callable[[], Session]]:
    opened = []

    def open_() -> Session:
        opened.append(Session.open(root, engine_factory=StandIn, clock=clock))
        return opened[-1]

    yield open_
    for session in opened:
        session.close()


@pytest.fixture
def session(reopen: Callable[[], Session]) -> Session:
    return reopen()


def attempt(session: Session, status: str, note: str = "") -> None:
    """Save and grade the exercise itself."""
    session.file(CLAMP).write_text(f"# graded: {status} {note}\n")
    session.grade(CLAMP)


def write(session: Session, status: str, note: str = "") -> None:
    """Save the review."""
    session.review_file(CLAMP).write_text(f"# graded: {status} {note}\n")


def only(session: Session) -> ReviewRow:
    [row] = session.reviews()
    return row


def ratings(root: Path) -> list[tuple[str, int | None]]:
    """The log as it is stored: the rating in words, and the attempt."""
    with closing(sqlite3.connect(root / "progress.db")) as raw:
        found = raw.execute("SELECT rating, attempt FROM review WHERE what = 'rated' ORDER BY sequence").fetchall()
    return [(RATINGS[rating - 1], number) for rating, number in found]


# When it is due ------------------------------------------------------------------------------------------------------


def test_nothing_is_due_before_anything_is_passed(session):
    attempt(session, "failed")
    assert session.reviews() == []


@pytest.mark.parametrize(
    ("passed", "rating"),
    [
        (FirstPass("", False, 0), "good"),
        (FirstPass("", False, 1), "hard"),
        (FirstPass("", True, 0), "again"),
        (FirstPass("", True, 4), "again"),
    ],
)
def test_first_rating(passed, rating):
    assert first_rating(passed) == rating


def test_a_first_pass_comes_back_after_days(session, clock):
    attempt(session, "passed")
    row = only(session)
    assert (row.exercise.id, row.overdue, row.begun, row.reviews) == (CLAMP, False, False, 0)
    # FSRS-6 with its own parameters: 2.3 days until it is remembered with a probability of 90 %.
    assert row.stability == pytest.approx(2.3, abs=0.1)
    assert row.due == START + 2 * DAY
    clock.now += 2 * DAY
    assert only(session).overdue


def test_hints_before_the_first_pass_bring_it_back_sooner_and_later_ones_do_not(session, clock):
    attempt(session, "passed")
    plain = only(session)
    clock.now += timedelta(minutes=1)
    session.hint(CLAMP)
    assert only(session) == plain
    for _ in range(2):
        session.hint(FREQUENCIES)
    session.file(FREQUENCIES).write_text("# graded: passed")
    session.grade(FREQUENCIES)
    helped = next(row for row in session.reviews() if row.exercise.id == FREQUENCIES)
    assert helped.stability < plain.stability
    assert helped.due == clock.now + DAY


def test_an_assisted_pass_comes_back_soonest(session):
    for _ in range(4):
        session.hint(CLAMP)
    session.solution(CLAMP, confirm=True)
    attempt(session, "passed")
    assert only(session).stability == pytest.approx(0.2, abs=0.1)
    assert only(session).due == START + DAY


def test_a_later_pass_does_not_make_the_first_one_later(session, clock):
    attempt(session, "passed", "1")
    first = only(session)
    clock.now += 10 * DAY
    attempt(session, "passed", "2")
    assert only(session).due == first.due


def test_what_is_due_in_the_evening_is_there_in_the_morning_of_the_learners_day(session):
    attempt(session, "passed")
    tokyo, lima = timezone(timedelta(hours=9)), timezone(timedelta(hours=-5))
    # Due on 12 January, 18:00 UTC: the 13th in Tokyo, the 12th in Lima.
    for now, overdue in [
        (datetime(2026, 1, 12, 0, 0, tzinfo=UTC), True),
        (datetime(2026, 1, 11, 23, 59, tzinfo=UTC), False),
        (datetime(2026, 1, 12, 23, 59, tzinfo=tokyo), False),
        (datetime(2026, 1, 13, 0, 0, tzinfo=tokyo), True),
        (datetime(2026, 1, 12, 0, 0, tzinfo=lima), True),
    ]:
        assert session.reviews(now)[0].overdue is overdue, now


def test_what_is_due_first_comes_first(session, clock):
    for exercise in (CLAMP, FREQUENCIES, SLOPE):
        clock.now += timedelta(hours=1)
        session.file(exercise).write_text("# graded: passed")
        if exercise == SLOPE:
            session.hint(exercise)
        session.grade(exercise)
    assert [row.exercise.id for row in session.reviews()] == [SLOPE, CLAMP, FREQUENCIES]


def test_an_exercise_no_longer_in_the_course_is_left_out(session):
    attempt(session, "passed")
    session.store.record("numbers/gone", "x", StandIn(session.course).grade(Submission(CLAMP, "# graded: passed")))
    assert [row.exercise.id for row in session.reviews()] == [CLAMP]


def test_a_renamed_exercise_keeps_its_reviews(session, reopen, course_folder):
    attempt(session, "passed")
    session.begin_review(CLAMP)
    write(session, "passed")
    session.grade_review(CLAMP)
    before = only(session)
    for old in ("exercises/numbers/clamp.py", "reference/numbers/clamp.py", "tests/exercises/numbers/test_clamp.py"):
        (course_folder / old).rename(course_folder / old.replace("clamp.py", "limit.py"))
    for topic in ("numbers", "words"):
        file = course_folder / f"exercises/{topic}/topic.toml"
        text = file.read_text().replace("numbers/clamp", "numbers/limit")
        file.write_text(text.replace('name = "clamp"', 'name = "limit"\naliases = ["numbers/clamp"]'))
    file = course_folder / "exercises/course.toml"
    file.write_text(file.read_text().replace("numbers/clamp", "numbers/limit"))
    row = only(reopen())
    assert (row.exercise.id, row.due, row.stability, row.reviews) == (
        "numbers/limit",
        before.due,
        before.stability,
        before.reviews,
    )


# Beginning -----------------------------------------------------------------------------------------------------------


def test_begin_puts_the_blank_stub_into_the_review_folder(session, root, course_folder):
    attempt(session, "passed")
    mine = session.file(CLAMP).read_bytes()
    begun = session.begin_review(CLAMP)
    assert begun.path == root / "review/numbers/clamp.py" == session.review_file(CLAMP)
    assert (begun.fresh, begun.kept, begun.set_aside) == (True, None, None)
    assert begun.path.read_bytes() == (course_folder / "exercises/numbers/clamp.py").read_bytes()
    assert session.file(CLAMP).read_bytes() == mine
    assert only(session).begun


def test_begin_brings_the_data_that_the_stub_reads(session):
    session.file(FREQUENCIES).write_text("# graded: passed")
    session.grade(FREQUENCIES)
    path = session.begin_review(FREQUENCIES).path
    assert (path.parent / "data/poem.txt").read_bytes() == (
        session.file(FREQUENCIES).parent / "data/poem.txt"
    ).read_bytes()


def test_begin_what_is_not_passed(session):
    attempt(session, "failed")
    with pytest.raises(UsageError, match="not passed yet"):
        session.begin_review(CLAMP)
    assert not session.review_file(CLAMP).exists()
    for act in (session.begin_review, session.grade_review, session.give_up, session.review_file):
        with pytest.raises(UsageError, match="no exercise"):
            act("no/such")


def test_a_pass_in_the_review_folder_is_none_of_the_exercise(session):
    session.review_file(CLAMP).parent.mkdir(parents=True)
    write(session, "passed")
    outcome = session.grade_review(CLAMP)
    assert outcome.verdict.passed
    assert outcome.rating is None
    assert session.progress()[CLAMP].passed_version is None
    assert session.reviews() == []
    with pytest.raises(UsageError, match="not passed yet"):
        session.begin_review(CLAMP)


def test_a_review_half_written_is_kept_unless_asked(session):
    attempt(session, "passed")
    session.begin_review(CLAMP)
    session.review_file(CLAMP).write_text("half a thought")
    begun = session.begin_review(CLAMP)
    assert (begun.fresh, begun.kept) == (False, None)
    assert session.review_file(CLAMP).read_text() == "half a thought"
    begun = session.begin_review(CLAMP, again=True)
    assert begun.fresh
    assert begun.kept is not None
    assert (begun.kept.kind, begun.kept.status) == ("review-kept", "ungraded")
    assert session.source(begun.kept.sequence) == "half a thought"
    assert "half a thought" not in session.review_file(CLAMP).read_text()


def test_begin_again_where_the_file_is_gone(session):
    attempt(session, "passed")
    session.begin_review(CLAMP).path.unlink()
    assert session.begin_review(CLAMP).fresh
    assert session.review_file(CLAMP).is_file()


def test_a_new_review_replaces_what_the_last_one_left(session, clock):
    attempt(session, "passed")
    session.begin_review(CLAMP)
    write(session, "passed")
    passed = session.grade_review(CLAMP).attempt
    clock.now += 20 * DAY
    begun = session.begin_review(CLAMP)
    assert begun.fresh
    assert begun.kept == passed  # in the history already
    assert "graded" not in session.review_file(CLAMP).read_text()


def test_begin_sets_aside_what_is_no_text(session, root):
    attempt(session, "passed")
    session.review_file(CLAMP).parent.mkdir(parents=True)
    session.review_file(CLAMP).write_bytes(b"\xff\0mine")
    begun = session.begin_review(CLAMP)
    assert begun.set_aside is not None
    assert begun.set_aside.is_relative_to(root / ".gradlings/kept/review")
    assert begun.set_aside.read_bytes() == b"\xff\0mine"


@pytest.mark.skipif(os.name != "posix", reason="needs symbolic links")
def test_begin_follows_no_link_out_of_the_workspace(session, root, tmp_path):
    attempt(session, "passed")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (root / "review").symlink_to(elsewhere)
    with pytest.raises(UsageError, match="outside the workspace"):
        session.begin_review(CLAMP)
    assert list(elsewhere.iterdir()) == []
    assert not only(session).begun


def test_begin_that_cannot_be_recorded_leaves_the_file(session, monkeypatch):
    attempt(session, "passed")
    session.begin_review(CLAMP)
    write(session, "failed")
    monkeypatch.setattr(session.store, "read_only", True)
    with pytest.raises(StoreError, match="none was begun"):
        session.begin_review(CLAMP, again=True)
    assert "graded: failed" in session.review_file(CLAMP).read_text()


def test_begin_where_the_course_has_lost_its_stub(session, course_folder):
    attempt(session, "passed")
    (course_folder / "exercises/numbers/clamp.py").unlink()
    with pytest.raises(CourseError, match=r"clamp\.py: cannot be read"):
        session.begin_review(CLAMP)


def test_review_of_tells_a_reviews_file(session, root, monkeypatch):
    assert session.review_of(root / "review/numbers/clamp.py") == CLAMP
    assert session.review_of(root / "exercises/numbers/clamp.py") is None
    assert session.review_of(root / "review/numbers/other.py") is None
    assert session.exercise_of(root / "review/numbers/clamp.py") is None
    monkeypatch.chdir(root)
    assert session.review_of(Path("review/numbers/clamp.py")) == CLAMP


# Grading -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def going(session: Session, clock: Clock) -> Session:
    """A review that is due, begun."""
    attempt(session, "passed")
    clock.now += 2 * DAY
    session.begin_review(CLAMP)
    return session


def test_right_at_once_is_good_and_stays_longer(going, root, clock):
    write(going, "passed")
    heard: list[Check] = []
    outcome = going.grade_review(CLAMP, heard.append)
    assert [check.id for check in heard] == ["one"]
    assert outcome.verdict.passed
    assert outcome.rating == "good"
    assert outcome.attempt is not None
    assert outcome.attempt.kind == "review"
    assert (outcome.first_pass, outcome.unlocked, outcome.next) == (False, (), FREQUENCIES)
    row = only(going)
    assert (row.begun, row.overdue, row.reviews) == (False, False, 1)
    assert row.due == outcome.due
    assert row.due - clock.now > 5 * DAY  # before it were two
    assert ratings(root) == [("good", outcome.attempt.sequence)]


def test_wrong_before_right_is_hard(going):
    for number in range(2):
        write(going, "failed", str(number))
        assert going.grade_review(CLAMP).rating is None
    assert only(going).begun
    write(going, "passed")
    assert going.grade_review(CLAMP).rating == "hard"


def test_the_stub_saved_again_is_no_attempt(going):
    outcome = going.grade_review(CLAMP)
    assert (outcome.verdict.status, outcome.attempt) == ("not_started", None)
    with going.review_file(CLAMP).open("a") as file:
        file.write("# nothing yet\n")
    assert going.grade_review(CLAMP).attempt is not None
    write(going, "passed")
    assert going.grade_review(CLAMP).rating == "good"


def test_a_stub_newer_than_the_workspace_is_no_attempt_either(session, course_folder):
    attempt(session, "passed")
    (course_folder / "exercises/numbers/clamp.py").write_text("# newer stub\n")
    assert session.begin_review(CLAMP).path.read_text() == "# newer stub\n"
    assert session.grade_review(CLAMP).attempt is None


def test_the_same_mistake_again_in_the_next_review_counts(going, clock):
    write(going, "failed")
    going.grade_review(CLAMP)
    going.give_up(CLAMP)
    clock.now += DAY
    going.begin_review(CLAMP)
    write(going, "failed")
    assert going.grade_review(CLAMP).attempt is not None
    assert going.grade_review(CLAMP).attempt is None
    write(going, "passed")
    assert going.grade_review(CLAMP).rating == "hard"


@pytest.mark.parametrize("help_", ["hint", "solution", "helped"])
def test_right_with_help_is_again(going, clock, help_):
    write(going, "failed")
    going.grade_review(CLAMP)
    if help_ == "hint":
        going.hint(CLAMP)
    elif help_ == "solution":
        going.solution(CLAMP)
    else:
        going.helped(CLAMP, "hint")
    write(going, "passed")
    outcome = going.grade_review(CLAMP)
    assert outcome.rating == "again"
    assert outcome.due == clock.now + DAY


def test_help_at_another_exercise_or_before_the_review_counts_for_nothing(session, clock):
    attempt(session, "passed")
    session.hint(CLAMP)
    session.solution(CLAMP)
    clock.now += 2 * DAY
    session.begin_review(CLAMP)
    session.hint(FREQUENCIES)
    write(session, "passed")
    assert session.grade_review(CLAMP).rating == "good"


def test_to_begin_again_does_not_wipe_out_how_it_went(going):
    write(going, "failed")
    going.grade_review(CLAMP)
    going.begin_review(CLAMP, again=True)
    write(going, "passed")
    assert going.grade_review(CLAMP).rating == "hard"


def test_what_happened_in_the_last_review_counts_for_nothing_in_this_one(going, clock):
    write(going, "failed")
    going.grade_review(CLAMP)
    going.hint(CLAMP)
    write(going, "passed")
    assert going.grade_review(CLAMP).rating == "again"
    clock.now += DAY
    going.begin_review(CLAMP)
    write(going, "passed")  # the very same text as last time
    outcome = going.grade_review(CLAMP)
    assert outcome.rating == "good"
    assert outcome.attempt is not None
    assert only(going).reviews == 2


def test_give_up(going, root, clock):
    before = only(going)
    row = going.give_up(CLAMP)
    assert (row.begun, row.overdue, row.reviews) == (False, False, 1)
    assert row.due == clock.now + DAY
    assert row.stability < before.stability
    assert only(going) == row
    assert ratings(root) == [("again", None)]
    with pytest.raises(UsageError, match="under way"):
        going.give_up(CLAMP)


def test_a_pass_where_no_review_is_under_way_is_rated_by_nothing(going, root):
    write(going, "passed")
    going.grade_review(CLAMP)
    row = only(going)
    write(going, "passed", "tidied up")
    outcome = going.grade_review(CLAMP)
    assert outcome.verdict.passed
    assert (outcome.rating, outcome.due) == (None, None)
    assert only(going) == row
    assert len(ratings(root)) == 1


@pytest.mark.parametrize("status", ["passed", "failed", "error"])
def test_a_review_never_touches_the_original(going, status):
    attempt(going, "failed", "tried something else afterwards")
    going.set_current(CLAMP)
    known, last = going.progress(), going.last_verdict(CLAMP)
    mine = going.file(CLAMP).read_bytes()
    write(going, status, "review")
    going.grade_review(CLAMP)
    assert going.progress() == known
    assert going.last_verdict(CLAMP) == last
    assert going.file(CLAMP).read_bytes() == mine
    assert going.current() == CLAMP
    assert [row.state for row in going.overview() if row.exercise.id == CLAMP] == ["passed"]


def test_a_review_of_a_pass_in_an_older_version_does_not_bring_it_up_to_date(session, reopen, course_folder):
    session.file(SLOPE).write_text("# graded: passed")
    session.grade(SLOPE)
    topic = course_folder / "exercises/numbers/topic.toml"
    topic.write_text(topic.read_text().replace("suite_version = 2", "suite_version = 3"))
    newer = reopen()
    newer.begin_review(SLOPE)
    newer.review_file(SLOPE).write_text("# graded: passed review")
    assert newer.grade_review(SLOPE).rating == "good"
    assert newer.progress()[SLOPE].passed_version == 2


def test_the_same_text_is_an_attempt_at_each_of_both(going):
    write(going, "failed", "same")
    assert going.grade_review(CLAMP).attempt is not None
    going.file(CLAMP).write_bytes(going.review_file(CLAMP).read_bytes())
    assert going.grade(CLAMP).attempt is not None
    assert going.grade(CLAMP).attempt is None
    assert going.grade_review(CLAMP).attempt is None  # repeated, though the original was graded in between
    assert [each.kind for each in going.history(CLAMP)] == ["save", "review", "save"]


def test_a_kept_copy_of_one_is_none_of_the_other(going):
    going.file(CLAMP).write_text("same text")
    going.review_file(CLAMP).write_text("same text")
    kept, copy = going.reset(CLAMP).kept, going.begin_review(CLAMP, again=True).kept
    assert kept is not None
    assert copy is not None
    assert (kept.kind, copy.kind) == ("reset", "review-kept")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "review numbers/clamp --again"),
        (b"\n", "--again"),
        (b"def f(:\n", "invalid syntax"),
        (b"\xff", "not UTF-8"),
    ],
)
def test_what_is_no_source_is_told_and_not_recorded(going, data, words):
    going.review_file(CLAMP).write_bytes(data)
    history = going.history()
    outcome = going.grade_review(CLAMP)
    assert (outcome.graded, outcome.attempt, outcome.rating) == (False, None, None)
    assert words in outcome.verdict.message
    assert "reset" not in outcome.verdict.message
    assert going.history() == history
    assert only(going).begun


def test_grade_where_there_is_no_file(going):
    going.review_file(CLAMP).unlink()
    with pytest.raises(UsageError, match="is missing") as caught:
        going.grade_review(CLAMP)
    assert "gradlings review numbers/clamp" in (caught.value.hint or "")


def test_ungraded_and_cancelled_reviews_are_recorded_nowhere(going, root):
    write(going, "ungraded")
    outcome = going.grade_review(CLAMP)
    assert (outcome.verdict.status, outcome.attempt) == ("ungraded", None)
    write(going, "passed")
    going.cancel()
    with pytest.raises(Cancelled):
        going.grade_review(CLAMP)
    assert ratings(root) == []
    assert only(going).begun


def test_a_review_at_which_the_database_can_only_be_read(going, monkeypatch, root):
    write(going, "passed")
    monkeypatch.setattr(going.store, "read_only", True)
    outcome = going.grade_review(CLAMP)
    assert outcome.verdict.passed
    assert (outcome.attempt, outcome.rating) == (None, None)
    assert going.solution(CLAMP).source  # needs nothing written
    assert ratings(root) == []


def test_two_programs_rate_one_review_once(going, reopen, root):
    write(going, "passed")
    other = reopen()
    card = '{"due": "2026-02-01T00:00:00+00:00", "stability": 1.0}'
    assert other.store.end_review(CLAMP, 1, card)
    # This one looked before the other had ended it.
    verdict = StandIn(going.course).grade(Submission(CLAMP, "# graded: passed"))
    assert going.store.record_review(CLAMP, "# graded: passed", verdict, (3, card)) is not None
    assert not going.store.end_review(CLAMP, 1, card)
    assert ratings(root) == [("again", None)]


# Over time -----------------------------------------------------------------------------------------------------------


def test_intervals_grow_with_every_success_and_are_not_left_to_chance(going, clock, monkeypatch):
    monkeypatch.setattr("fsrs.scheduler.random", lambda: pytest.fail("the same history is to give the same dates"))
    gaps = []
    for number in range(5):
        going.begin_review(CLAMP)
        write(going, "passed", str(number))
        due = going.grade_review(CLAMP).due
        assert due is not None
        gaps.append((due - clock.now).days)
        clock.now = due
    assert gaps == sorted(set(gaps))
    assert gaps[0] > 2
    assert gaps[-1] > 365


def test_what_was_forgotten_comes_back_the_sooner(going, clock):
    write(going, "passed")
    due = going.grade_review(CLAMP).due
    assert due is not None
    clock.now = due
    stable = only(going).stability
    going.begin_review(CLAMP)
    row = going.give_up(CLAMP)
    assert row.stability < stable / 2
    assert row.due < clock.now + 4 * DAY


def test_a_clock_that_was_set_back_breaks_nothing(going, clock):
    clock.now -= 30 * DAY
    write(going, "passed")
    outcome = going.grade_review(CLAMP)
    assert outcome.due is not None
    assert outcome.due > clock.now


def test_a_card_that_cannot_be_read_is_told(going, root):
    going.give_up(CLAMP)
    with closing(sqlite3.connect(root / "progress.db")) as raw:
        raw.execute("DROP TRIGGER review_no_update")
        for card in ("", "[]", "{}", '{"due": "2026-01-01T00:00:00+00:00", "stability": null}'):
            raw.execute("UPDATE review SET card = ? WHERE what = 'rated'", (card,))
            raw.commit()
            with pytest.raises(StoreError, match="numbers/clamp") as caught:
                going.reviews()
            assert "--repair" in (caught.value.hint or "")
