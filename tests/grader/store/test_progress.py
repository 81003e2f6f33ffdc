"""Progress is derived: passes are never revoked, renamed exercises keep their credit, assistance is told apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from grader.model import Progress, Verdict
from grader.store import Store, open_store

MakeVerdict = Callable[..., Verdict]


def test_nothing_is_known_of_what_was_never_tried(store: Store) -> None:
    assert store.progress() == {}


def test_a_pass_stays_a_pass(store: Store, verdict: MakeVerdict) -> None:
    store.record("a/b", "wrong", verdict("failed", 0.5))
    passed = store.record("a/b", "right", verdict("passed"))
    store.record("a/b", "broken", verdict("error", 0.0))
    assert passed is not None
    assert store.progress() == {
        "a/b": Progress("a/b", 3, 1, passed.at, assisted=False, hints=0, best_score=1.0, last_status="error")
    }


def test_a_new_suite_version_leaves_the_old_pass(store: Store, verdict: MakeVerdict) -> None:
    first = store.record("a/b", "x", verdict("passed", version=1))
    store.record("a/b", "x", verdict("failed", version=2, suite="suite-2"))
    assert store.progress()["a/b"].passed_version == 1
    store.record("a/b", "y", verdict("passed", version=2, suite="suite-2"))
    assert first is not None
    assert store.progress()["a/b"].passed_version == 2
    assert store.progress()["a/b"].passed_at == first.at


def test_a_pass_after_the_solution_was_opened_is_assisted(store: Store, verdict: MakeVerdict) -> None:
    store.record("a/b", "x", verdict("failed"))
    assert not store.solution_opened("a/b")
    store.open_solution("a/b")
    store.open_solution("a/b")
    assert store.solution_opened("a/b")
    assert not store.progress()["a/b"].assisted
    store.record("a/b", "y", verdict("passed"))
    assert store.progress()["a/b"].assisted
    store.record("a/b", "z", verdict("passed"))
    assert store.progress()["a/b"].assisted


def test_looking_at_the_solution_after_the_pass_takes_nothing_away(store: Store, verdict: MakeVerdict) -> None:
    store.record("a/b", "x", verdict("passed"))
    store.open_solution("a/b")
    store.record("a/b", "y", verdict("passed", version=2, suite="suite-2"))
    assert store.progress()["a/b"] == Progress(
        "a/b", 2, 2, store.attempt(1).at, assisted=False, best_score=1.0, last_status="passed"
    )


def test_hints_and_opened_solutions_show_before_the_first_attempt(store: Store) -> None:
    store.take_hint("a/b", 1)
    store.take_hint("a/b", 2)
    store.open_solution("a/c")
    assert store.progress() == {"a/b": Progress("a/b", hints=2), "a/c": Progress("a/c")}


def test_kept_copies_do_not_count(store: Store, verdict: MakeVerdict) -> None:
    store.keep("a/b", "draft")
    assert store.progress() == {}
    store.record("a/b", "x", verdict("failed", 0.25))
    store.keep("a/b", "another draft")
    assert store.progress()["a/b"] == Progress("a/b", 1, best_score=0.25, last_status="failed")


def test_renamed_exercises_keep_everything(database: Path, verdict: MakeVerdict) -> None:
    with open_store(database) as store:
        store.record("a/first", "x", verdict("passed"))
        store.take_hint("a/first", 1)
        store.open_solution("a/second")
        store.take_hint("a/second", 1)
        store.take_hint("a/second", 2)
    renamed = {"a/first": "a/second", "a/second": "b/third"}
    with open_store(database, aliases=renamed) as store:
        assert [attempt.exercise for attempt in store.attempts("b/third")] == ["a/first"]
        assert store.last_verdict("b/third") == verdict("passed")
        assert store.hints_taken("b/third") == 2
        assert store.solution_opened("b/third")
        assert store.record("b/third", "x", verdict("passed")) is None
        known = Progress("b/third", 1, 1, store.attempt(1).at, hints=2, best_score=1.0, last_status="passed")
        assert store.progress() == {"b/third": known}
        assert set(store.progress({})) == {"a/first", "a/second"}


def test_aliases_in_a_circle_end(store: Store, verdict: MakeVerdict) -> None:
    store.record("a/a", "x", verdict())
    assert sum(known.attempts for known in store.progress({"a/a": "a/b", "a/b": "a/a"}).values()) == 1


def test_it_is_one_query(store: Store, verdict: MakeVerdict) -> None:
    for number in range(5):
        store.record(f"a/e{number}", "x", verdict())
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    event.listen(store._engine, "before_cursor_execute", note)
    try:
        assert len(store.progress({"a/e0": "a/e1"})) == 4
    finally:
        event.remove(store._engine, "before_cursor_execute", note)
    assert len(asked) == 1


events = st.lists(
    st.tuples(
        st.sampled_from(["a/old", "a/new", "b/x"]),
        st.sampled_from(["passed", "failed", "error", "not_started", "hint", "open", "keep"]),
        st.integers(1, 3),
    ),
    max_size=12,
)


@given(events)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_agrees_with_counting_by_hand(
    store: Store, verdict: MakeVerdict, happened: list[tuple[str, str, int]]
) -> None:
    # One store for all examples, because making one takes longer than an example: each has ids of its own.
    mark = f"e{len(store.attempts())}_{len(store.progress())}_"
    happened = [(mark + exercise, what, version) for exercise, what, version in happened]
    aliases = {f"{mark}a/old": f"{mark}a/new"}
    attempts: dict[str, list[tuple[str, int, bool]]] = defaultdict(list)
    hints: dict[str, set[int]] = defaultdict(set)
    opened: set[str] = set()
    for number, (exercise, what, version) in enumerate(happened):
        name = aliases.get(exercise, exercise)
        if what == "hint":
            store.take_hint(exercise, version)
            hints[name].add(version)
        elif what == "open":
            store.open_solution(name)
            opened.add(name)
        elif what == "keep":
            store.keep(exercise, str(number))
        else:
            store.record(name, str(number), verdict(what, version=version))
            attempts[name].append((what, version, name in opened))
    known = {name: got for name, got in store.progress(aliases).items() if name.startswith(mark)}
    assert set(known) == set(attempts) | set(hints) | opened
    for name, got in known.items():
        passes = [(version, helped) for what, version, helped in attempts[name] if what == "passed"]
        assert got.attempts == len(attempts[name])
        assert got.hints == len(hints[name])
        assert got.passed_version == max((version for version, _ in passes), default=None)
        assert got.assisted == (bool(passes) and all(helped for _, helped in passes))
        assert (got.passed_at is not None) == bool(passes)
        assert got.last_status == (attempts[name][-1][0] if attempts[name] else None)
        assert got.best_score == (1.0 if passes else 0.0)
