"""The save loop on real files and a real database, with a stand-in for the engine; and once with the engine."""

from __future__ import annotations

import hashlib
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from grader.course.read import read_course
from grader.course.workspace import init
from grader.engine import Cancelled
from grader.errors import EngineError, UsageError
from grader.mailbox import Mailbox
from grader.model import Check, Course, Step, Submission, Verdict
from grader.saving import Alone, Began, Checked, Event, Followed, Following, Graded, Note, SaveLoop, Trouble, Watching
from grader.session import Outcome, Session

MINICOURSE = Path(__file__).parents[1] / "minicourse"
CLAMP, SLOPE, FREQUENCIES = "numbers/clamp", "numbers/slope", "words/frequencies"
PATIENCE = 20.0
Kind = TypeVar("Kind")


class StandIn:
    """Grades by the words of the source's comment: a status; or `block`, until it is cancelled; `deaf`, until it is closed;
    `broken`, the grader's own trouble."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._cancelled, self._closed = threading.Event(), threading.Event()
        self.running = threading.Event()
        self.warmed = 0

    def warm(self) -> None:
        self.warmed += 1

    def grade(self, submission: Submission, on_step: Callable[[Step], None] | None = None) -> Verdict:
        self._cancelled.clear()
        status = submission.source.partition("# ")[2].split()[0]
        if status in ("block", "deaf"):
            self.running.set()
            assert (self._cancelled if status == "block" else self._closed).wait(PATIENCE)
            raise Cancelled
        if status == "broken":
            raise EngineError("The grader broke.", "Mend it.")
        check = Check("one", "One", "passed" if status == "passed" else "failed")
        if on_step:
            on_step(check)
        return Verdict(
            self._course.name,
            submission.exercise,
            status,  # type: ignore[arg-type]
            float(status == "passed"),
            (check,),
            source_sha256=hashlib.sha256(submission.source.encode()).hexdigest(),
            suite_sha256="5" * 64,
        )

    def cancel(self) -> None:
        self._cancelled.set()

    def close(self) -> None:
        self._closed.set()


class Running:
    """A loop that runs in a thread of its own, and what it tells."""

    def __init__(self, session: Session, **options: Any) -> None:
        self.session = session
        self.events: queue.Queue[Event] = queue.Queue()
        self.loop = SaveLoop(session, self.events.put, **options)
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run)

    def start(self) -> Running:
        self.thread.start()
        return self

    def _run(self) -> None:
        try:
            self.loop.run()
        except BaseException as error:
            self.error = error

    def next(self, kind: type[Kind]) -> Kind:
        """The next event, which must be of this kind."""
        found = self.events.get(timeout=PATIENCE)
        assert isinstance(found, kind), found
        return found

    def verdict(self) -> tuple[str, str]:
        """The next two events, which must be a grading that begins and its verdict: exercise and status."""
        begun, graded = self.next(Began), self.next(Graded)
        assert graded.outcome.exercise.id == begun.exercise
        return begun.exercise, graded.outcome.verdict.status

    def stop(self) -> float:
        """Stop it; how long that took, in seconds."""
        begun = time.monotonic()
        self.loop.stop()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()
        return time.monotonic() - begun


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return init(tmp_path / "work", read_course(MINICOURSE), str(MINICOURSE)).workspace.root


@pytest.fixture
def open_session(root: Path) -> Iterator[Callable[[], Session]]:
    opened: list[Session] = []

    def open_(engine: Callable[[Course], StandIn] | None = StandIn) -> Session:
        opened.append(Session.open(root, engine_factory=engine))
        return opened[-1]

    yield open_
    for session in opened:
        session.close()


@pytest.fixture
def begin(open_session: Callable[[], Session]) -> Iterator[Callable[..., Running]]:
    """Starts loops on sessions of their own, and stops them."""
    begun: list[Running] = []

    def begin_(session: Session | None = None, **options: Any) -> Running:
        begun.append(Running(session or open_session(), **options).start())
        return begun[-1]

    yield begin_
    for each in begun:
        each.stop()


@pytest.fixture
def running(begin: Callable[..., Running]) -> Running:
    """A loop that has said that it watches."""
    found = begin()
    assert found.next(Watching).how == "file events"
    return found


def save(session: Session, exercise: str, source: str) -> None:
    """As most editors do it: a new file in the place of the old."""
    path = session.file(exercise)
    path.with_suffix(".tmp").write_text(source)
    path.with_suffix(".tmp").replace(path)


def standin(session: Session) -> StandIn:
    found = session._engine
    assert isinstance(found, StandIn)
    return found


def test_importing_it_loads_nothing_that_a_first_frame_would_wait_for():
    code = "import sys, grader.saving; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "grader.saving" in loaded
    assert not {"sqlalchemy", "msgspec", "watchfiles", "textual", "rich", "grader.engine"} & set(loaded)


# Saves ---------------------------------------------------------------------------------------------------------------


def test_a_save_is_graded_and_recorded_before_it_is_told(open_session, running):
    assert standin(running.session).warmed == 1
    save(running.session, SLOPE, "# failed")
    assert running.next(Began) == Began(SLOPE)
    outcome = running.next(Graded).outcome
    assert (outcome.exercise.id, outcome.verdict.status) == (SLOPE, "failed")
    [attempt] = open_session().history()
    assert outcome.attempt == attempt


def test_checks_are_told_where_they_are_wanted(begin):
    running = begin(checks=True)
    running.next(Watching)
    save(running.session, CLAMP, "# passed")
    running.next(Began)
    checked = running.next(Checked)
    assert (checked.exercise, checked.check.id) == (CLAMP, "one")
    assert running.next(Graded).outcome.first_pass


def test_polling_is_told(begin):
    running = begin(poll=True)
    assert running.next(Watching).how.startswith("polling every")
    save(running.session, CLAMP, "# passed")
    assert running.verdict() == (CLAMP, "passed")


def test_the_newest_save_of_an_exercise_wins(running):
    save(running.session, CLAMP, "# block")
    running.next(Began)
    assert standin(running.session).running.wait(PATIENCE)
    save(running.session, CLAMP, "# passed")
    assert running.verdict() == (CLAMP, "passed")
    running.stop()
    assert running.events.empty()
    assert [attempt.status for attempt in running.session.history()] == ["passed"]


def test_what_a_newer_save_cancelled_is_graded_after_it(running):
    save(running.session, CLAMP, "# block")
    running.next(Began)
    assert standin(running.session).running.wait(PATIENCE)
    save(running.session, SLOPE, "# failed")
    assert running.verdict() == (SLOPE, "failed")
    assert running.next(Began) == Began(CLAMP)


def test_again_grades_the_file_as_it_is(running):
    save(running.session, CLAMP, "# failed")
    assert running.verdict() == (CLAMP, "failed")
    running.loop.again(CLAMP)
    assert running.verdict() == (CLAMP, "failed")
    assert len(running.session.history()) == 1


def test_what_was_saved_while_the_program_started_is_graded(open_session):
    session = open_session()
    save(session, CLAMP, "# passed")
    running = Running(session, since=time.time() - 60).start()  # every file is younger, but the others are stubs
    running.next(Watching)
    assert running.verdict() == (CLAMP, "passed")
    save(session, SLOPE, "# failed")
    assert running.verdict() == (SLOPE, "failed")
    running.stop()


def test_again_before_it_runs(open_session):
    session = open_session()
    save(session, CLAMP, "# passed")
    running = Running(session)
    running.loop.again(CLAMP)
    running.start()
    running.next(Watching)
    assert running.verdict() == (CLAMP, "passed")
    running.stop()


def test_again_of_what_the_course_does_not_have(running):
    with pytest.raises(UsageError):
        running.loop.again("no/such")


def test_what_is_saved_becomes_the_current_one_until_it_is_passed(open_session, running):
    # Chosen by another face meanwhile; the loop keeps no opinion of its own.
    for chosen in (FREQUENCIES, CLAMP):
        running.loop.call(lambda chosen=chosen: running.session.set_current(chosen))
        save(running.session, SLOPE, f"# failed {chosen}")
        assert running.verdict() == (SLOPE, "failed")
        done = threading.Event()
        running.loop.call(done.set)
        assert done.wait(PATIENCE)
        assert open_session().current() == SLOPE
    save(running.session, FREQUENCIES, "# passed")
    assert running.verdict() == (FREQUENCIES, "passed")
    assert open_session().current() == SLOPE


# Trouble -------------------------------------------------------------------------------------------------------------


def test_a_removed_file_is_told_and_graded_when_it_is_back(running):
    running.session.file(CLAMP).unlink()
    trouble = running.next(Trouble)
    assert trouble.exercise == CLAMP
    assert "removed or renamed" in trouble.message
    assert "gradlings reset numbers/clamp" in (trouble.hint or "")
    save(running.session, CLAMP, "# passed")
    assert running.verdict() == (CLAMP, "passed")


def test_a_file_that_is_away_for_a_moment_is_no_trouble(running, monkeypatch):
    monkeypatch.setattr("grader.saving.SETTLE_SECONDS", PATIENCE)
    newer, waiting = Mailbox.newer, threading.Event()

    def asked(mailbox: Mailbox, exercise: str, within: float) -> bool:
        waiting.set()
        return newer(mailbox, exercise, within)

    monkeypatch.setattr(Mailbox, "newer", asked)
    running.session.file(CLAMP).unlink()
    assert waiting.wait(PATIENCE)
    save(running.session, CLAMP, "# passed")
    assert running.verdict() == (CLAMP, "passed")


@pytest.mark.parametrize("status", ["broken", "ungraded"])
def test_the_graders_own_trouble_is_not_remembered_as_graded(running, status):
    """The next save is graded although it changes nothing: it may find the trouble mended."""
    for _ in range(2):
        save(running.session, CLAMP, f"# {status}")
        running.next(Began)
        if status == "broken":
            assert running.next(Trouble) == Trouble(CLAMP, "The grader broke.", "Mend it.")
        else:
            assert running.next(Graded).outcome.verdict.status == "ungraded"


def test_a_half_written_file_is_not_complained_of(running, monkeypatch):
    monkeypatch.setattr("grader.saving.SETTLE_SECONDS", PATIENCE)
    grade, seen = running.session.grade, threading.Event()

    def graded(*args: Any) -> Outcome:
        try:
            return grade(*args)
        finally:
            seen.set()

    monkeypatch.setattr(running.session, "grade", graded)
    save(running.session, CLAMP, "def f(:")
    assert running.next(Began) == Began(CLAMP)
    assert seen.wait(PATIENCE)
    save(running.session, CLAMP, "# passed")
    assert running.verdict() == (CLAMP, "passed")


def test_a_watcher_that_dies_ends_it(begin, monkeypatch):
    def die(*_: object) -> None:
        raise RuntimeError("dead")

    monkeypatch.setattr("grader.saving.Watcher.run", die)
    running = begin()
    running.thread.join(PATIENCE)
    assert isinstance(running.error, RuntimeError)


def test_a_listener_that_fails_ends_it_and_frees_the_lock(open_session):
    def tell(_: Event) -> None:
        raise BrokenPipeError

    loop = SaveLoop(open_session(), tell)
    with pytest.raises(BrokenPipeError):
        loop.run()
    with open_session().lock() as lock:
        assert lock.enforced
    assert "watcher" not in {thread.name for thread in threading.enumerate()}


# Calls and stopping --------------------------------------------------------------------------------------------------


def test_calls_are_made_on_the_loops_thread_in_their_order(running):
    seen: list[tuple[int, threading.Thread]] = []
    for number in range(3):
        running.loop.call(lambda number=number: seen.append((number, threading.current_thread())))
    _served(running)
    assert seen == [(number, running.thread) for number in range(3)]


def test_a_call_waits_until_the_grading_has_ended(running):
    save(running.session, CLAMP, "# block")
    running.next(Began)
    called = threading.Event()
    running.loop.call(called.set)
    assert standin(running.session).running.wait(PATIENCE)
    assert not called.is_set()
    save(running.session, CLAMP, "# passed")
    assert called.wait(PATIENCE)
    assert running.verdict() == (CLAMP, "passed")


def test_what_a_call_cannot_do_is_told(running):
    running.loop.call(lambda: running.session.set_current("no/such"))
    assert "There is no exercise" in running.next(Note).text
    assert running.thread.is_alive()


def test_stop_when_idle(running):
    assert running.stop() < 1.5
    assert running.error is None
    assert running.events.empty()


@pytest.mark.parametrize("source", ["# block", "# deaf"])
def test_stop_during_a_grading_that_does_not_end(open_session, running, source):
    save(running.session, CLAMP, source)
    running.next(Began)
    assert standin(running.session).running.wait(PATIENCE)
    assert running.stop() < 1.5
    assert running.error is None
    assert running.events.empty()
    assert open_session().history() == []
    assert open_session().lock() is not None


def test_stop_while_the_engine_warms_up(open_session, begin):
    running = begin(open_session(None))
    running.next(Watching)
    save(running.session, CLAMP, "def clamp(x, low, high):\n    return x\n")
    running.next(Began)
    assert running.stop() < 2
    assert running.error is None


def test_stop_makes_the_calls_before_it_and_grades_no_more(running):
    save(running.session, SLOPE, "# failed")
    running.verdict()
    save(running.session, CLAMP, "# deaf")
    running.next(Began)
    assert standin(running.session).running.wait(PATIENCE)
    running.loop.call(lambda: running.session.set_current(FREQUENCIES))
    running.loop.again(SLOPE)
    running.stop()
    assert running.session.current() == FREQUENCIES
    assert running.events.empty()


def test_stop_before_it_runs(open_session):
    running = Running(open_session())
    running.loop.stop()
    running.start()
    running.thread.join(PATIENCE)
    assert not running.thread.is_alive()
    assert running.events.empty()


# Following -----------------------------------------------------------------------------------------------------------


def test_a_second_loop_follows_and_takes_over(running, begin):
    second = begin()
    second.next(Following)
    for source in ("# failed", "# passed", "# failed again"):
        save(running.session, CLAMP, source)
        graded = running.next(Began) and running.next(Graded)
        followed = second.next(Followed)
        assert followed.attempt == graded.outcome.attempt
        assert followed.verdict == graded.outcome.verdict
    running.stop()
    second.next(Alone)
    second.next(Watching)
    save(second.session, CLAMP, "# passed")
    assert second.verdict() == (CLAMP, "passed")


def test_one_that_follows_calls_and_stops_and_grades_nothing(open_session, begin):
    with open_session().lock():
        second = begin()
        second.next(Following)
        _served(second)
        second.loop.again(CLAMP)
        assert CLAMP in second.next(Note).text
        assert second.stop() < 1.5
    assert second.error is None
    assert second.session._engine is None
    assert second.events.empty()


def test_copies_that_were_kept_are_no_verdicts(open_session, begin):
    other = open_session()
    with other.lock():
        second = begin()
        second.next(Following)
        save(other, CLAMP, "# mine")
        other.reset(CLAMP)
        save(other, CLAMP, "# failed")
        other.grade(CLAMP)
        assert second.next(Followed).attempt.status == "failed"


def _served(running: Running) -> None:
    """Until the loop has done all that came before."""
    done = threading.Event()
    running.loop.call(done.set)
    assert done.wait(PATIENCE)
