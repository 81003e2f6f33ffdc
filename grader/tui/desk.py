"""The session behind the app, on threads of its own: the app's own thread never waits for a disk, a lock or a grading.

One thread answers questions in order (`ask`), another runs the save loop. Each has a session of its own, since a session is
used by one thread at a time. Paints nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from grader.errors import GradlingsError
from grader.saving import Event, SaveLoop
from grader.session import Session

if TYPE_CHECKING:
    from grader.course.workspace import Workspace

T = TypeVar("T")
# At the end of the program, how long to wait for the engine's processes to be ended and the database to be closed.
FAREWELL_SECONDS = 5.0


class Closed(Exception):
    """The desk is closed: the answer is not wanted any more."""


class Desk:
    """Sessions on one workspace.

    `tell` hears the save loop's events and `failed` what ended a thread, both on threads that are not the caller's.
    """

    def __init__(
        self,
        workspace: Workspace,
        tell: Callable[[Event], None],
        failed: Callable[[BaseException], None],
        *,
        poll: bool = False,
        since: float | None = None,
        make_session: Callable[[Workspace], Session] = Session,
    ) -> None:
        self.workspace = workspace
        self._failed = failed
        self._questions: queue.SimpleQueue[tuple[Callable[[Session], Any], Callable[[Any, BaseException | None], None]]]
        self._questions = queue.SimpleQueue()
        self._asked = make_session(workspace)
        self._graded = make_session(workspace)
        self._loop = SaveLoop(self._graded, tell, poll=poll, checks=True, since=since)
        self._closed = threading.Event()
        self._threads = [
            threading.Thread(target=self._answer, name="desk", daemon=True),
            threading.Thread(target=self._grade, name="grading", daemon=True),
        ]

    def start(self) -> None:
        """Start both threads: the store opens and the engine warms up."""
        for thread in self._threads:
            thread.start()

    async def ask(self, question: Callable[[Session], T]) -> T:
        """What `question` returns, asked on the desk's thread. Raises what it raises, and Closed."""
        if self._closed.is_set():
            raise Closed
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def settle(answer: Any, error: BaseException | None) -> None:
            if future.cancelled():
                return
            if error is None:
                future.set_result(answer)
            else:
                future.set_exception(error)

        def done(answer: Any, error: BaseException | None) -> None:
            with contextlib.suppress(RuntimeError):  # the app's loop has ended meanwhile
                loop.call_soon_threadsafe(settle, answer, error)

        self._questions.put((question, done))
        return await future

    def again(self, exercise: str) -> None:
        """Grade the exercise's file as it is."""
        self._loop.again(exercise)

    def grading(self, do: Callable[[Session], None]) -> None:
        """Run `do` on the grading thread's session, between two gradings."""
        self._loop.call(lambda: do(self._graded))

    def close(self) -> None:
        """End the gradings, the engine's processes and both threads. Idempotent; waits a moment for them."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._loop.stop()
        self._questions.put((lambda _: None, lambda _answer, _error: None))
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(FAREWELL_SECONDS)

    def _answer(self) -> None:
        with self._asked as session:
            while True:
                question, done = self._questions.get()
                if self._closed.is_set():
                    done(None, Closed())
                    if self._questions.empty():
                        return
                    continue
                try:
                    answer = question(session)
                except BaseException as error:  # it is raised where it was asked
                    done(None, error)
                else:
                    done(answer, None)

    def _grade(self) -> None:
        try:
            with self._graded:
                self._loop.run()
        except GradlingsError as error:
            self._failed(error)
        except BaseException as error:
            # A grading thread that has died unseen would let the learner wait for ever.
            self._failed(error)
