"""Several engines at work side by side."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from grader.engine.core import Engine
from grader.model import Course, Submission, Verdict


class EnginePool:
    """Several engines, each in a thread of its own."""

    def __init__(self, course: Course, jobs: int, **options: Any) -> None:
        self._engines = [Engine(course, **options) for _ in range(max(1, jobs))]

    def __enter__(self) -> EnginePool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def grade_all(self, submissions: Iterable[Submission]) -> Iterator[tuple[Submission, Verdict]]:
        """Each submission with its verdict, as they finish."""
        waiting: queue.SimpleQueue[Submission] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[Submission, Verdict] | BaseException | None] = queue.SimpleQueue()
        count = 0
        for submission in submissions:
            waiting.put(submission)
            count += 1

        def work(engine: Engine) -> None:
            try:
                while True:
                    submission = waiting.get_nowait()
                    done.put((submission, engine.grade(submission)))
            except queue.Empty:
                done.put(None)
            except BaseException as error:
                done.put(error)

        engines = self._engines[: max(1, min(count, len(self._engines)))]
        for engine in engines:
            threading.Thread(target=work, args=(engine,), daemon=True).start()
        running = len(engines)
        while running:
            item = done.get()
            if item is None:
                running -= 1
            elif isinstance(item, BaseException):
                raise item
            else:
                yield item

    def close(self) -> None:
        """End all engines."""
        for engine in self._engines:
            engine.close()
