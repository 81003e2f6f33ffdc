"""What waits for the thread that grades: the newest save first, none lost, none twice; then calls."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from grader.mailbox import REPEAT_SECONDS, Closed, Mailbox
from grader.watch import Save


def save(exercise: str, state: str = "saved") -> Save:
    return Save(exercise, Path(f"{exercise}.py"), state)  # type: ignore[arg-type]


@pytest.fixture
def cancelled() -> list[int]:
    return []


@pytest.fixture
def box(cancelled: list[int]) -> Mailbox:
    return Mailbox(lambda: cancelled.append(1))


def test_the_newest_comes_first_and_none_is_lost(box):
    for id in ("a", "b", "a", "c"):
        box.put(save(id))
    assert [box.take(0).exercise for _ in range(3)] == ["c", "a", "b"]
    assert box.take(0) is None


def test_a_later_state_replaces_an_earlier_one(box):
    box.put(save("a"))
    box.put(save("a", "gone"))
    assert box.take(0) == save("a", "gone")
    assert box.take(0) is None


def test_a_save_during_a_grading_cancels_it(box, cancelled):
    box.put(save("a"))
    assert cancelled == []
    box.take(0)
    box.put(save("c", "gone"))
    assert cancelled == []
    box.put(save("b"))
    assert cancelled
    box.done()
    ended = len(cancelled)
    box.put(save("d"))
    time.sleep(3 * REPEAT_SECONDS)
    assert len(cancelled) == ended


def test_a_cancellation_is_repeated_until_it_is_noticed(box, cancelled):
    """The grader may not have begun when the first one comes."""
    box.put(save("a"))
    box.take(0)
    box.put(save("a"))
    until = time.monotonic() + 10
    while len(cancelled) < 3:
        assert time.monotonic() < until
        time.sleep(0.01)
    box.done()
    assert box.take(0) == save("a")
    # The next grading is another one: nothing is repeated for it.
    ended = len(cancelled)
    time.sleep(3 * REPEAT_SECONDS)
    assert len(cancelled) == ended


def test_what_was_cancelled_waits_behind_the_newer(box):
    box.put(save("b"))
    box.put_back(save("a"))
    assert [box.take(0).exercise for _ in range(2)] == ["b", "a"]


def test_what_was_cancelled_and_saved_again_is_graded_once(box):
    box.put(save("a", "empty"))
    box.put_back(save("a"))
    assert box.take(0) == save("a", "empty")
    assert box.take(0) is None


def test_saves_come_before_calls(box):
    first, second = (lambda: None), (lambda: None)
    box.call(first)
    box.call(second)
    box.put(save("a"))
    assert [box.take(0), box.take(0), box.take(0), box.take(0)] == [save("a"), first, second, None]


def test_it_waits_for_better_news(box):
    assert not box.newer("a", 0.01)
    box.put(save("b"))
    assert not box.newer("a", 0.01)
    threading.Timer(0.02, lambda: box.put(save("a"))).start()
    assert box.newer("a", 10)
    assert box.take(0) == save("a")


def test_take_waits(box):
    threading.Timer(0.02, lambda: box.put(save("a"))).start()
    assert box.take(10) == save("a")


def test_a_dead_watcher_is_not_waited_for(box):
    threading.Timer(0.02, lambda: box.fail(RuntimeError("dead"))).start()
    with pytest.raises(RuntimeError, match="dead"):
        box.take(10)


def test_closing_wakes_whoever_takes(box):
    threading.Timer(0.02, box.close).start()
    with pytest.raises(Closed):
        box.take(10)


def test_a_closed_one_gives_what_was_to_be_called_and_no_save(box):
    do = lambda: None  # noqa: E731
    box.put(save("a"))
    box.call(do)
    box.close()
    assert box.take(0) is do
    with pytest.raises(Closed):
        box.take(0)


def test_closing_cancels_what_is_graded_until_it_has_ended(box, cancelled):
    box.put(save("a"))
    box.take(0)
    box.close()
    until = time.monotonic() + 10
    while len(cancelled) < 3:
        assert time.monotonic() < until
        time.sleep(0.01)
    box.done()


def test_closing_cancels_nothing_where_nothing_is_graded(box, cancelled):
    box.put(save("a"))
    box.close()
    assert cancelled == []
