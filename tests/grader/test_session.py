"""The use cases on a real workspace and a real database; with a stand-in for the engine, and then with the engine."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from grader.course.read import read_course
from grader.course.workspace import init
from grader.engine import Cancelled
from grader.errors import CourseError, StoreError, UsageError
from grader.model import Check, Course, Step, Submission, Verdict
from grader.session import Session
from grader.store import open_store

MINICOURSE = Path(__file__).parents[1] / "minicourse"
CLAMP, SLOPE, FREQUENCIES, VOCABULARY = "numbers/clamp", "numbers/slope", "words/frequencies", "words/vocabulary"


class StandIn:
    """Grades by the first word of the source's comment: passed, failed, error, not_started or ungraded."""

    def __init__(self, course: Course) -> None:
        self.course = course
        self.seen: list[Submission] = []
        self.warmed = self.cancelled = self.closed = 0
        self.before_verdict: Callable[[], None] = lambda: None

    def warm(self) -> None:
        self.warmed += 1

    def grade(self, submission: Submission, on_step: Callable[[Step], None] | None = None) -> Verdict:
        self.seen.append(submission)
        self.before_verdict()
        if self.cancelled:
            raise Cancelled
        status = submission.source.partition("# ")[2].split()[0]
        check = Check("one", "One", "passed" if status == "passed" else "failed")
        if on_step:
            on_step(check)
        exercise = self.course.exercises[submission.exercise]
        return Verdict(
            self.course.name,
            submission.exercise,
            status,  # type: ignore[arg-type]
            float(status == "passed"),
            (check,),
            source_sha256=hashlib.sha256(submission.source.encode()).hexdigest(),
            suite_sha256="5" * 64,
            suite_version=exercise.suite_version,
        )

    def cancel(self) -> None:
        self.cancelled += 1

    def close(self) -> None:
        self.closed += 1


class StandInPool:
    """Grades backwards, as engines side by side may finish."""

    made: ClassVar[list[StandInPool]] = []

    def __init__(self, course: Course, jobs: int) -> None:
        self.jobs, self.closed, self.engine = jobs, 0, StandIn(course)
        self.made.append(self)

    def grade_all(self, submissions: Iterable[Submission]) -> Iterator[tuple[Submission, Verdict]]:
        for submission in reversed(list(submissions)):
            yield submission, self.engine.grade(submission)

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def course_folder(tmp_path: Path) -> Path:
    shutil.copytree(MINICOURSE, tmp_path / "course", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "course"


@pytest.fixture
def root(course_folder: Path, tmp_path: Path) -> Path:
    return init(tmp_path / "work", read_course(course_folder), str(course_folder)).workspace.root


@pytest.fixture
def reopen(root: Path) -> Iterator[Callable[[], Session]]:
    """Opens sessions of the workspace with the stand-in, and closes them."""
    opened = []

    def open_() -> Session:
        opened.append(Session.open(root, engine_factory=StandIn, pool_factory=StandInPool))
        return opened[-1]

    yield open_
    for session in opened:
        session.close()


@pytest.fixture
def session(reopen: Callable[[], Session]) -> Session:
    return reopen()


def save(session: Session, exercise: str, source: str) -> None:
    session.file(exercise).write_text(source)


def engine(session: Session) -> StandIn:
    session.warm()
    found = session._engine
    assert isinstance(found, StandIn)
    return found


# Naming --------------------------------------------------------------------------------------------------------------


def test_open_outside_of_a_workspace(tmp_path):
    with pytest.raises(UsageError, match="not in a gradlings workspace"):
        Session.open(tmp_path)


def test_resolve(session, root, monkeypatch):
    monkeypatch.chdir(root / "exercises" / "words")
    for text in (
        VOCABULARY,
        "vocabulary",
        "words/vocab",
        "vocabulary.py",
        "exercises/words/vocabulary.py",
        str(session.file(VOCABULARY)),
    ):
        assert session.resolve(text) == VOCABULARY


@pytest.mark.parametrize(
    ("text", "hint"),
    [("words/vocabulry", '"words/vocabulary"'), ("vocabulery", '"vocabulary"'), ("", "list"), ("a.py", "list")],
)
def test_resolve_unknown(session, text, hint):
    with pytest.raises(UsageError) as caught:
        session.resolve(text)
    assert hint in (caught.value.hint or "")


def test_resolve_name_of_two_exercises(course_folder, root):
    topic = course_folder / "exercises/words/topic.toml"
    topic.write_text(topic.read_text() + '\n[[exercise]]\nname = "clamp"\ntitle = "Another"\n')
    for name in ("exercises/words/clamp.py", "reference/words/clamp.py", "tests/exercises/words/test_clamp.py"):
        (course_folder / name).touch()
    with Session.open(root) as session, pytest.raises(UsageError, match="More than one") as caught:
        session.resolve("clamp")
    assert "numbers/clamp, words/clamp" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "act",
    [
        lambda s: s.grade("no/such"),
        lambda s: s.file("no/such"),
        lambda s: s.hint("no/such"),
        lambda s: s.hints("no/such"),
        lambda s: s.solution("no/such"),
        lambda s: s.reset("no/such"),
        lambda s: s.restore("no/such", 1),
        lambda s: s.history("no/such"),
        lambda s: s.set_current("no/such"),
        lambda s: s.next("no/such"),
        lambda s: s.last_verdict("no/such"),
        lambda s: list(s.verify(["no/such"])),
    ],
)
def test_unknown_exercise(session, act):
    session.store.record(CLAMP, "x", StandIn(session.course).grade(Submission(CLAMP, "x # failed")))
    with pytest.raises(UsageError):
        act(session)


# Grading -------------------------------------------------------------------------------------------------------------


def test_grade_records_before_it_returns(session, root):
    save(session, CLAMP, "x = 1  # failed\n")
    heard: list[Check] = []
    outcome = session.grade(CLAMP, heard.append)
    assert (outcome.verdict.status, outcome.graded, outcome.first_pass) == ("failed", True, False)
    assert [check.id for check in heard] == ["one"]
    assert outcome.attempt is not None
    with open_store(root / "progress.db") as other:
        [attempt] = other.attempts()
        assert attempt == outcome.attempt
        assert other.source(attempt.source_sha256) == "x = 1  # failed\n"
        assert other.verdict(attempt.sequence) == outcome.verdict


def test_grade_repeated_source_is_no_attempt(session):
    save(session, CLAMP, "x = 1  # failed\n")
    assert session.grade(CLAMP).attempt is not None
    again = session.grade(CLAMP)
    assert again.attempt is None
    assert again.verdict.status == "failed"
    assert len(session.history(CLAMP)) == 1


def test_grade_untouched_stub_is_no_attempt(session, course_folder):
    stub = course_folder / "exercises/numbers/clamp.py"
    stub.write_text("x = 1  # failed\n")
    session.reset(CLAMP)
    assert session.grade(CLAMP).attempt is None
    save(session, CLAMP, "x = 1  # failed\n#")
    assert session.grade(CLAMP).attempt is not None


def test_grade_ungraded_is_no_attempt(session):
    save(session, CLAMP, "# ungraded")
    outcome = session.grade(CLAMP)
    assert outcome.attempt is None
    assert outcome.verdict.status == "ungraded"


@pytest.mark.parametrize(
    ("data", "line", "words"),
    [
        (b"", None, "is empty"),
        (b"\n \n", None, "is empty"),
        (b"\xef\xbb\xbf", None, "is empty"),
        (b"x = 1\ndef f(:\n", 2, "invalid syntax on line 2"),
        (b"x = 1\ny = '\xe4'\n", 2, "not UTF-8 on line 2"),
        (b"x\0", 1, "NUL byte on line 1"),
        (b"x" * (2**20 + 1), None, "larger than 1024 KiB"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_grade_what_is_no_source_is_told_and_not_recorded(session, data, line, words):
    session.file(CLAMP).write_bytes(data)
    outcome = session.grade(CLAMP)
    assert (outcome.graded, outcome.attempt, outcome.verdict.status) == (False, None, "error")
    assert words in outcome.verdict.message
    [check] = outcome.verdict.checks
    assert [frame.line for frame in check.traceback] == ([line] if line else [])
    assert session._engine is None
    assert session.history() == []


def test_grade_ignores_a_byte_order_mark(session):
    session.file(CLAMP).write_bytes(b"\xef\xbb\xbfx = 1  # passed")
    assert session.grade(CLAMP).verdict.passed
    assert engine(session).seen[0].source == "x = 1  # passed"


def test_grade_missing_file(session):
    session.file(CLAMP).unlink()
    with pytest.raises(UsageError, match="is missing") as caught:
        session.grade(CLAMP)
    assert "gradlings update" in (caught.value.hint or "")


def test_first_pass_unlocks_and_goes_on(session):
    save(session, CLAMP, "# passed 1")
    outcome = session.grade(CLAMP)
    assert (outcome.first_pass, outcome.unlocked, outcome.next) == (True, (SLOPE, FREQUENCIES), FREQUENCIES)
    save(session, CLAMP, "# passed 2")
    outcome = session.grade(CLAMP)
    assert (outcome.first_pass, outcome.unlocked, outcome.next) == (False, (), FREQUENCIES)


def test_last_pass_has_no_next(session):
    for exercise in (CLAMP, SLOPE, FREQUENCIES, VOCABULARY):
        save(session, exercise, "# passed")
        outcome = session.grade(exercise)
    assert outcome.next is None
    assert session.current() is None
    assert session.next() is None


def test_cancel_records_nothing(session):
    standin = engine(session)
    save(session, CLAMP, "# passed")
    standin.before_verdict = session.cancel
    with pytest.raises(Cancelled):
        session.grade(CLAMP)
    assert session.history() == []


def test_cancel_before_anything_was_graded(session):
    session.cancel()


def test_verify_grades_all_and_records(session):
    StandInPool.made.clear()
    save(session, CLAMP, "# passed")
    save(session, SLOPE, "def f(:")
    save(session, FREQUENCIES, "# failed")
    session.file(VOCABULARY).unlink()
    outcomes = {outcome.exercise.id: outcome for outcome in session.verify(jobs=7)}
    assert {id_: outcome.verdict.status for id_, outcome in outcomes.items()} == {
        CLAMP: "passed",
        SLOPE: "error",
        FREQUENCIES: "failed",
        VOCABULARY: "error",
    }
    assert [id_ for id_, outcome in outcomes.items() if not outcome.graded] == [VOCABULARY, SLOPE]
    assert "is missing" in outcomes[VOCABULARY].verdict.message
    assert outcomes[CLAMP].first_pass
    assert [(a.exercise, a.kind) for a in session.history()] == [(FREQUENCIES, "verify"), (CLAMP, "verify")]
    [pool] = StandInPool.made
    assert (pool.jobs, pool.closed) == (2, 1)


def test_verify_stopped_early_ends_the_pool(session):
    StandInPool.made.clear()
    for exercise in (CLAMP, SLOPE):
        save(session, exercise, "# passed")
    outcomes = session.verify([CLAMP, SLOPE])
    next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]
    assert StandInPool.made[0].closed == 1


def test_verify_nothing_that_can_be_graded_starts_no_engine(session):
    StandInPool.made.clear()
    save(session, CLAMP, "")
    assert [outcome.graded for outcome in session.verify([CLAMP])] == [False]
    assert StandInPool.made == []


def test_close_ends_the_engine_and_is_idempotent(session):
    standin = engine(session)
    session.close()
    session.close()
    assert (standin.warmed, standin.closed) == (1, 1)


# Where the learner is ------------------------------------------------------------------------------------------------


def test_current_is_kept_until_it_is_passed(session, reopen):
    assert session.current() == CLAMP
    session.set_current(VOCABULARY)
    assert reopen().current() == VOCABULARY
    save(session, VOCABULARY, "# failed")
    session.grade(VOCABULARY)
    assert session.current() == VOCABULARY
    save(session, VOCABULARY, "# passed")
    session.grade(VOCABULARY)
    assert session.current() == CLAMP
    session.set_current(VOCABULARY)  # to do it again
    assert session.current() == VOCABULARY
    assert session.next() == SLOPE


def test_path_is_kept(session, reopen):
    assert session.path == "towards a vocabulary"
    session.set_path("everything")
    other = reopen()
    assert other.path == "everything"
    assert other.order() == [CLAMP, SLOPE, FREQUENCIES, VOCABULARY]
    with pytest.raises(UsageError, match='no path "nowhere"'):
        session.set_path("nowhere")
    assert session.path == "everything"


def test_overview(session):
    save(session, CLAMP, "# passed")
    session.grade(CLAMP)
    save(session, FREQUENCIES, "# failed")
    session.grade(FREQUENCIES)
    session.hint(FREQUENCIES)
    rows = session.overview()
    assert [(row.exercise.id, row.state, row.current) for row in rows] == [
        (CLAMP, "passed", False),
        (FREQUENCIES, "failed", True),
        (VOCABULARY, "not_started", False),
        (SLOPE, "not_started", False),
    ]
    assert (rows[1].progress.attempts, rows[1].progress.hints) == (1, 1)


def test_newer_suite_does_not_revoke_a_pass(session, reopen, course_folder):
    save(session, SLOPE, "# passed")
    session.grade(SLOPE)
    topic = course_folder / "exercises/numbers/topic.toml"
    topic.write_text(topic.read_text().replace("suite_version = 2", "suite_version = 3"))
    newer = reopen()
    row = next(row for row in newer.overview() if row.exercise.id == SLOPE)
    assert (row.state, row.progress.passed_version) == ("pending", 2)
    assert not newer.grade(SLOPE).first_pass


# Help ----------------------------------------------------------------------------------------------------------------


def test_hints_come_in_stages_and_are_kept(session, reopen):
    assert session.hints(CLAMP) == []
    given = [session.hint(CLAMP) for _ in range(5)]
    assert [(hint.number, hint.total, hint.new) for hint in given] == [
        (1, 4, True),
        (2, 4, True),
        (3, 4, True),
        (4, 4, True),
        (4, 4, False),
    ]
    texts = session.exercise(CLAMP).hints
    assert [hint.text for hint in given] == [*texts, texts[-1]]
    assert [hint.text for hint in reopen().hints(CLAMP)] == list(texts)


def test_hints_of_a_course_that_has_fewer_now(session, reopen, course_folder):
    for _ in range(4):
        session.hint(CLAMP)
    topic = course_folder / "exercises/numbers/topic.toml"
    before, _, rest = topic.read_text().partition("hints = [")
    topic.write_text(f'{before}hints = ["only one"]{rest.partition("]")[2]}')
    shorter = reopen()
    assert [hint.text for hint in shorter.hints(CLAMP)] == ["only one"]
    assert (shorter.hint(CLAMP).text, shorter.hint(CLAMP).new) == ("only one", False)


def test_hint_where_there_are_none(reopen, course_folder):
    topic = course_folder / "exercises/numbers/topic.toml"
    before, _, rest = topic.read_text().partition("hints = [")
    topic.write_text(before + rest.partition("]")[2])
    with pytest.raises(UsageError, match="has no hints"):
        reopen().hint(CLAMP)


def test_solution_after_a_pass(session):
    save(session, CLAMP, "# passed")
    session.grade(CLAMP)
    opened = session.solution(CLAMP)
    assert not opened.assisted
    assert "max(low, min(x, high))" in opened.source
    assert "mistake" not in opened.source
    assert not session.progress()[CLAMP].assisted


def test_solution_before_a_pass_takes_hints_and_a_confirmation(session):
    with pytest.raises(UsageError, match="4 of its 4 hints") as caught:
        session.solution(CLAMP, confirm=True)
    assert "gradlings hint numbers/clamp" in (caught.value.hint or "")
    for _ in range(4):
        session.hint(CLAMP)
    with pytest.raises(UsageError, match="not passed yet"):
        session.solution(CLAMP)
    assert session.solution(CLAMP, confirm=True).assisted
    assert session.solution(CLAMP).assisted  # once open it stays open
    save(session, CLAMP, "# passed")
    session.grade(CLAMP)
    assert session.progress()[CLAMP].assisted
    assert session.solution(CLAMP).assisted


def test_solution_of_a_sealed_course(course_folder, root):
    shutil.rmtree(course_folder / "reference")
    toml = course_folder / "exercises/course.toml"
    toml.write_text("sealed = true\n" + toml.read_text())
    with Session.open(root) as session, pytest.raises(UsageError, match="keeps its solutions to itself"):
        session.solution(CLAMP, confirm=True)


def test_solution_that_cannot_be_read(session, course_folder):
    save(session, CLAMP, "# passed")
    session.grade(CLAMP)
    (course_folder / "reference/numbers/clamp.py").write_bytes(b"\xff")
    with pytest.raises(CourseError, match=r"clamp\.py: cannot be read"):
        session.solution(CLAMP)


# History -------------------------------------------------------------------------------------------------------------


def test_reset_keeps_what_was_there(session, course_folder):
    mine = "\ufeffx = 'ü'\r\n# never graded\n"
    session.file(CLAMP).write_bytes(mine.encode())
    replaced = session.reset(CLAMP)
    assert session.file(CLAMP).read_bytes() == (course_folder / "exercises/numbers/clamp.py").read_bytes()
    assert replaced.kept is not None
    assert session.source(replaced.kept.sequence) == mine
    back = session.restore(CLAMP, replaced.kept.sequence)
    assert session.file(CLAMP).read_bytes() == mine.encode()
    assert (back.kept, back.set_aside) == (None, None)  # the stub is nothing of the learner's


def test_reset_where_there_is_nothing_to_keep(session):
    assert session.reset(CLAMP).kept is None
    session.file(CLAMP).unlink()
    assert session.reset(CLAMP).kept is None
    assert session.workspace.untouched(CLAMP, session.workspace.read(CLAMP))
    assert session.history() == []


def test_reset_sets_a_file_aside_that_is_no_text(session):
    session.file(CLAMP).write_bytes(b"\xff\0mine")
    replaced = session.reset(CLAMP)
    assert replaced.kept is None
    assert replaced.set_aside is not None
    assert replaced.set_aside.read_bytes() == b"\xff\0mine"
    assert "def clamp" in session.workspace.read(CLAMP)


def test_reset_to_a_newer_stub_is_untouched(session, course_folder):
    (course_folder / "exercises/numbers/clamp.py").write_text("new stub")
    save(session, CLAMP, "mine")
    session.reset(CLAMP)
    assert session.workspace.untouched(CLAMP, "new stub")
    assert session.update() == []


def test_reset_that_cannot_be_recorded_replaces_nothing(session, monkeypatch):
    def full(*_: object) -> None:
        raise StoreError("disk full")

    save(session, CLAMP, "mine")
    monkeypatch.setattr(type(session.store), "keep", full)
    for act in (lambda: session.reset(CLAMP), lambda: session.restore(CLAMP, 1)):
        with pytest.raises((StoreError, UsageError)):
            act()
        assert session.workspace.read(CLAMP) == "mine"


def test_restore_keeps_what_was_there(session):
    for text in ("# failed 1", "# failed 2"):
        save(session, CLAMP, text)
        session.grade(CLAMP)
    save(session, CLAMP, "half of a thought")
    replaced = session.restore(CLAMP, session.history(CLAMP)[0].sequence)
    assert session.workspace.read(CLAMP) == "# failed 1"
    assert replaced.kept is not None
    assert session.source(replaced.kept.sequence) == "half of a thought"
    assert len(session.history(CLAMP)) == 3
    assert session.restore(CLAMP, session.history(CLAMP)[0].sequence).kept is None


def test_restore_of_another_exercise_or_none(session):
    save(session, CLAMP, "# failed")
    attempt = session.grade(CLAMP).attempt
    assert attempt is not None
    with pytest.raises(UsageError, match="one at numbers/clamp, not at numbers/slope"):
        session.restore(SLOPE, attempt.sequence)
    with pytest.raises(UsageError):
        session.restore(CLAMP, 999)
    with pytest.raises(UsageError):
        session.source(999)
    with pytest.raises(UsageError):
        session.verdict(999)


def test_history_and_verdicts(session):
    for text in ("# failed 1", "# passed 2"):
        save(session, CLAMP, text)
        session.grade(CLAMP)
    save(session, SLOPE, "# failed 3")
    session.grade(SLOPE)
    assert [attempt.status for attempt in session.history(CLAMP)] == ["failed", "passed"]
    assert [attempt.exercise for attempt in session.history(limit=2)] == [CLAMP, SLOPE]
    assert session.verdict(session.history(CLAMP)[0].sequence).status == "failed"
    last = session.last_verdict(CLAMP)
    assert last is not None
    assert last.passed
    assert session.last_verdict(VOCABULARY) is None


def test_update_moves_a_renamed_exercise_and_its_credit(session, reopen, course_folder):
    save(session, VOCABULARY, "# passed")
    session.grade(VOCABULARY)
    session.hint(VOCABULARY)
    session.set_current(VOCABULARY)
    for name in ("exercises/words/{}.py", "reference/words/{}.py", "tests/exercises/words/test_{}.py"):
        (course_folder / name.format("vocabulary")).rename(course_folder / name.format("lexicon"))
    for file in ("exercises/course.toml", "exercises/words/topic.toml"):
        text = (course_folder / file).read_text().replace("words/vocabulary", "words/lexicon").replace('"1.0"', '"2.0"')
        text = text.replace('name = "vocabulary"', 'name = "lexicon"')
        (course_folder / file).write_text(text.replace('["words/vocab"]', '["words/vocab", "words/vocabulary"]'))
    newer = reopen()
    assert ["version 2.0" in notice and "gradlings update" in notice for notice in newer.notices] == [True]
    assert [(change.what, change.exercise) for change in newer.update()] == [("moved", "words/lexicon")]
    assert newer.notices == ()
    assert newer.workspace.read("words/lexicon") == "# passed"
    assert newer.progress()["words/lexicon"].passed_version == 1
    assert newer.progress()["words/lexicon"].hints == 1
    assert newer.current() == "words/lexicon"
    assert newer.resolve("words/vocabulary") == "words/lexicon"
    [attempt] = newer.history("words/lexicon")
    newer.reset("words/lexicon")
    newer.restore("words/lexicon", attempt.sequence)
    assert newer.workspace.read("words/lexicon") == "# passed"


# The rest ------------------------------------------------------------------------------------------------------------


def test_one_grader_a_workspace(session, reopen):
    lock = session.lock()
    assert lock is not None
    assert reopen().lock() is None
    lock.release()
    again = reopen().lock()
    assert again is not None
    again.release()


def test_database_that_is_none(session, root):
    (root / "progress.db").write_bytes(b"no database " * 1000)
    save(session, CLAMP, "# passed")
    with pytest.raises(StoreError) as caught:
        session.grade(CLAMP)
    assert caught.value.hint
    assert (root / "progress.db").read_bytes() == b"no database " * 1000
    assert session.workspace.read(CLAMP) == "# passed"


def test_database_of_a_newer_gradlings_is_read_and_not_written(session, reopen, root):
    save(session, CLAMP, "# passed")
    session.grade(CLAMP)
    session.close()
    with contextlib.closing(sqlite3.connect(root / "progress.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    older = reopen()
    assert [row.state for row in older.overview()][:2] == ["passed", "not_started"]
    assert len(older.notices) == 1
    save(older, FREQUENCIES, "# passed")
    outcome = older.grade(FREQUENCIES)  # the verdict is there, though it cannot be recorded
    assert (outcome.verdict.status, outcome.attempt, outcome.next) == ("passed", None, VOCABULARY)
    save(older, CLAMP, "mine")
    for act in (lambda: older.reset(CLAMP), lambda: older.hint(CLAMP), lambda: older.set_current(CLAMP)):
        with pytest.raises(StoreError) as caught:
            act()
        assert caught.value.hint
    assert older.workspace.read(CLAMP) == "mine"
    assert len(older.history()) == 1


def test_imports_only_what_is_needed(session, root):
    session.store.setting("the database is there")
    heavy = ("sqlalchemy", "alembic", "torch", "numpy", "pytest", "rich", "grader.engine", "grader.store")
    code = (
        "import sys\nfrom pathlib import Path\nfrom grader.session import Session\n"
        f"loaded = lambda: [name for name in {heavy} if name in sys.modules]\n"
        f"with Session.open(Path({str(root)!r})) as session:\n"
        "    session.resolve('clamp'); session.exercise('numbers/clamp'); print(loaded())\n"
        "    session.overview(); session.current(); print(loaded())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "['sqlalchemy', 'grader.store']"]


# With the engine itself ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """One session with the engine for all tests below."""
    folder = tmp_path_factory.mktemp("real")
    init(folder / "work", read_course(MINICOURSE), str(MINICOURSE))
    with Session.open(folder / "work") as session:
        session.warm()
        yield session


def test_engine_says_of_each_stub_that_it_is_not_passed(graded):
    for exercise in graded.course.exercises:
        outcome = graded.grade(exercise)
        assert (outcome.verdict.status, outcome.attempt) == ("not_started", None)


@pytest.mark.parametrize("exercise", [CLAMP, SLOPE, FREQUENCIES, VOCABULARY])
def test_engine_passes_the_reference(graded, exercise):
    save(graded, exercise, graded.course.reference(exercise).read_text())
    outcome = graded.grade(exercise)
    assert outcome.verdict.passed, outcome.verdict
    assert outcome.first_pass
    assert outcome.attempt is not None


def test_engine_names_the_mistake(graded):
    save(graded, SLOPE, "def slope(f, x, h):\n    return (f(x + h) - f(x)) / h\n")
    outcome = graded.grade(SLOPE)
    assert outcome.verdict.status == "failed"
    assert {check.diagnosis.mistake for check in outcome.verdict.checks if check.diagnosis} == {"forward"}
    last = graded.last_verdict(SLOPE)
    assert last is not None
    assert last.checks == outcome.verdict.checks


def test_engine_shows_the_learners_line(graded):
    save(graded, FREQUENCIES, "def frequencies(text):\n    return {}[text]\n")
    outcome = graded.grade(FREQUENCIES)
    frames = [frame for check in outcome.verdict.checks for frame in check.traceback]
    assert {(frame.file, frame.line) for frame in frames} == {("words/frequencies.py", 2)}


def test_engine_is_cancelled_from_another_thread(graded):
    endless = "def slope(f, x, h):\n    while h == 0.25:\n        pass\n    return (f(x + h) - f(x - h)) / (2 * h)\n"
    save(graded, SLOPE, endless)
    before = len(graded.history())
    cancellers = []

    def heard(check: Check) -> None:
        # The first check has passed, so the second one runs, which does not end.
        cancellers.append(threading.Thread(target=graded.cancel))
        cancellers[-1].start()
        assert check.status == "passed"

    with pytest.raises(Cancelled):
        graded.grade(SLOPE, heard)
    assert len(cancellers) == 1
    cancellers[0].join()
    assert len(graded.history()) == before
    save(graded, CLAMP, "def clamp(x, low, high):\n    return sorted([low, x, high])[1]\n")
    assert graded.grade(CLAMP).verdict.passed


def test_engine_verifies_in_parallel(graded):
    for exercise in graded.course.exercises:
        save(graded, exercise, graded.course.reference(exercise).read_text() + "\n# verified")
    save(graded, SLOPE, "def slope(f, x, h):\n    return 0.0\n")
    outcomes = {outcome.exercise.id: outcome for outcome in graded.verify(jobs=2)}
    assert {id_ for id_, outcome in outcomes.items() if outcome.verdict.passed} == {CLAMP, FREQUENCIES, VOCABULARY}
    assert all(outcome.attempt is not None and outcome.attempt.kind == "verify" for outcome in outcomes.values())
