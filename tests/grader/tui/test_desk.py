"""The session behind the app: questions are answered in order on a thread, saves are graded on another, and both end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from grader.course.workspace import Workspace
from grader.errors import EngineError, UsageError
from grader.saving import Event, Graded, Note, Watching
from grader.session import Session
from grader.tui.desk import Closed, Desk

from .bench import CLAMP, Gate, StandIn, workspace

PATIENCE = 15.0


class Told:
    """What a desk told, from whatever thread."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.errors: list[BaseException] = []
        self.changed = threading.Condition()

    def event(self, event: Event) -> None:
        with self.changed:
            self.events.append(event)
            self.changed.notify_all()

    def error(self, error: BaseException) -> None:
        with self.changed:
            self.errors.append(error)
            self.changed.notify_all()

    def wait(self, condition: Callable[[Told], object]) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: condition(self), PATIENCE), self.events

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def threads(name: str) -> int:
    return sum(thread.name == name for thread in threading.enumerate())


def play(
    tmp_path: Path, scenario: Callable[[Desk, Told, Workspace], Awaitable[None]], gate: Gate | None = None
) -> None:
    """Run a scenario on a started desk; afterwards it is closed and its threads have ended."""
    place, told, gate = workspace(tmp_path), Told(), gate or Gate()
    before = threads("desk"), threads("grading")

    def make(each: Workspace) -> Session:
        return Session(each, engine_factory=lambda course: StandIn(course, gate))

    async def run() -> None:
        desk = Desk(place, told.event, told.error, make_session=make)
        desk.start()
        try:
            await asyncio.wait_for(scenario(desk, told, place), PATIENCE)
        finally:
            gate.open.set()
            desk.close()

    asyncio.run(run())
    assert (threads("desk"), threads("grading")) == before


def test_it_answers_on_a_thread_of_its_own_in_order(tmp_path):
    async def scenario(desk: Desk, _told: Told, _place: Workspace) -> None:
        names, order = [], []

        def question(number: int) -> Callable[[Session], int]:
            def ask(session: Session) -> int:
                names.append(threading.current_thread().name)
                order.append(number)
                return len(session.order()) + number

            return ask

        assert await asyncio.gather(*(desk.ask(question(n)) for n in range(5))) == [4, 5, 6, 7, 8]
        assert order == [0, 1, 2, 3, 4]
        assert set(names) == {"desk"}

    play(tmp_path, scenario)


def test_it_raises_what_the_question_raises_and_goes_on(tmp_path):
    async def scenario(desk: Desk, _told: Told, _place: Workspace) -> None:
        with pytest.raises(UsageError, match="no exercise"):
            await desk.ask(lambda session: session.exercise("no/such"))
        with pytest.raises(ZeroDivisionError):
            await desk.ask(lambda _: 1 // 0)
        with pytest.raises(KeyboardInterrupt):
            await desk.ask(_interrupt)
        assert await desk.ask(lambda _: None) is None

    play(tmp_path, scenario)


def _interrupt(_: Session) -> None:
    raise KeyboardInterrupt


def test_an_answer_that_is_not_waited_for_any_more_hurts_nobody(tmp_path):
    async def scenario(desk: Desk, _told: Told, _place: Workspace) -> None:
        begun, go_on = threading.Event(), threading.Event()

        def slow(_: Session) -> None:
            begun.set()
            go_on.wait(PATIENCE)

        asking = asyncio.create_task(desk.ask(slow))
        await asyncio.to_thread(begun.wait, PATIENCE)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        go_on.set()
        assert await desk.ask(lambda _: 7) == 7

    play(tmp_path, scenario)


def test_every_question_that_waits_hears_that_it_is_closed(tmp_path):
    async def scenario(desk: Desk, _told: Told, _place: Workspace) -> None:
        begun, go_on = threading.Event(), threading.Event()

        def slow(_: Session) -> int:
            begun.set()
            go_on.wait(PATIENCE)
            return 1

        asking = [asyncio.create_task(desk.ask(question)) for question in (slow, slow, slow, lambda _: 2)]
        await asyncio.to_thread(begun.wait, PATIENCE)
        closing = asyncio.create_task(asyncio.to_thread(desk.close))
        await asyncio.to_thread(desk._closed.wait, PATIENCE)
        go_on.set()
        answers = await asyncio.gather(*asking, return_exceptions=True)
        assert answers[0] == 1
        assert [type(each) for each in answers[1:]] == [Closed, Closed, Closed]
        await closing
        with pytest.raises(Closed):
            await desk.ask(lambda _: 3)

    play(tmp_path, scenario)


def test_saves_are_graded_meanwhile(tmp_path):
    gate = Gate()

    async def scenario(desk: Desk, told: Told, place: Workspace) -> None:
        await asyncio.to_thread(told.wait, lambda told: told.of(Watching))
        place.file(CLAMP).write_text("x = 1  # slow\n")
        await asyncio.to_thread(gate.running.wait, PATIENCE)
        # The grading runs, and questions are answered all the same.
        assert await desk.ask(lambda session: session.last_verdict(CLAMP)) is None
        gate.open.set()
        await asyncio.to_thread(told.wait, lambda told: told.of(Graded))
        verdict = await desk.ask(lambda session: session.last_verdict(CLAMP))
        assert verdict is not None
        assert verdict.passed

    play(tmp_path, scenario, gate)


def test_again_and_what_is_to_run_between_gradings(tmp_path):
    async def scenario(desk: Desk, told: Told, place: Workspace) -> None:
        place.file(CLAMP).write_text("x = 1  # failed\n")
        await asyncio.to_thread(told.wait, lambda told: told.of(Watching))
        desk.again(CLAMP)
        await asyncio.to_thread(told.wait, lambda told: told.of(Graded))
        names: list[str] = []
        desk.grading(lambda _: names.append(threading.current_thread().name))
        desk.grading(_refuse)
        await asyncio.to_thread(told.wait, lambda told: told.of(Note))
        assert names == ["grading"]
        assert told.of(Note) == [Note("Not now. Later.")]
        with pytest.raises(UsageError):
            desk.again("no/such")

    play(tmp_path, scenario)


def _refuse(_: Session) -> None:
    raise UsageError("Not now.", "Later.")


@pytest.mark.parametrize("error", [EngineError("The engine is missing.", "Install it."), ZeroDivisionError("a fault")])
def test_what_ends_the_grading_thread_is_told_and_questions_go_on(tmp_path, error):
    def fail() -> None:
        raise error

    async def scenario(desk: Desk, told: Told, _place: Workspace) -> None:
        await asyncio.to_thread(told.wait, lambda told: told.errors)
        assert told.errors == [error]
        assert len(await desk.ask(lambda session: session.order())) == 4

    play(tmp_path, scenario, Gate(warm=fail))


def test_closing_twice_and_without_a_start(tmp_path):
    place, told = workspace(tmp_path), Told()
    desk = Desk(place, told.event, told.error)
    desk.close()
    desk.close()
    assert told.events == []


def test_closing_ends_a_grading_that_runs(tmp_path):
    gate = Gate()

    async def scenario(desk: Desk, told: Told, place: Workspace) -> None:
        await asyncio.to_thread(told.wait, lambda told: told.of(Watching))
        place.file(CLAMP).write_text("x = 1  # slow\n")
        await asyncio.to_thread(gate.running.wait, PATIENCE)
        await asyncio.to_thread(desk.close)
        assert told.of(Graded) == []
        assert told.errors == []

    play(tmp_path, scenario, gate)
