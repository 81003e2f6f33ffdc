"""Search and jump: what is found, in which order, and the keys."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from grader.errors import CourseError
from grader.model import Course, Exercise, State, Topic
from grader.tui.screens.search import Search, line_with, ranked

HOSTILE = "[/][red]a[/b] \x1b[2J \u202e"
STATEMENTS = {
    "gradients/softmax_vjp": "The gradient.\nNothing else.",
    "attention/scaled_dot": "Attention weighs values.\nEach row goes through Softmax once.",
    "attention/multi_head": "Several heads side by side.",
    "bpe/merges": f"Byte pairs.\n{HOSTILE} zebra",
}
TITLES = {
    "gradients/softmax_vjp": "The gradient of softmax",
    "attention/scaled_dot": "Scaled dot-product attention",
    "attention/multi_head": "Multi-head attention",
    "bpe/merges": f"Merges {HOSTILE}",
}


def course(titles: Mapping[str, str] = TITLES) -> Course:
    names = dict.fromkeys(id.partition("/")[0] for id in titles)
    topics = tuple(
        Topic(name, name, tuple(Exercise(id, title) for id, title in titles.items() if id.startswith(f"{name}/")))
        for name in names
    )
    return Course("c", "Course", "1", Path("/nowhere"), topics, {"all": tuple(titles)})


def ids(query: str) -> list[str]:
    return [hit.exercise.id for hit in ranked(query, course().exercises.values())]


def test_nothing_typed_lists_all_in_their_order() -> None:
    assert ids("") == list(TITLES)


def test_ids_and_titles_are_found_without_regard_to_case() -> None:
    assert ids("SOFTMAX") == ["gradients/softmax_vjp"]
    assert ids("attention/mu") == ["attention/multi_head"]
    assert ids("bpe") == ["bpe/merges"]


def test_every_word_has_to_be_there() -> None:
    assert ids("attention head") == ["attention/multi_head"]
    assert ids("softmax head") == []


def test_letters_in_their_order_find_beginnings_of_words() -> None:
    assert ids("mha")[0] == "attention/multi_head"
    assert ids("sdp")[0] == "attention/scaled_dot"
    assert ids("zzz") == []
    assert ids("sftmx") == ["gradients/softmax_vjp"]


def test_a_word_at_its_beginning_comes_before_letters_and_middles() -> None:
    titles = {"t/a": "Unmasked", "t/b": "Mean squared asks", "t/c": "The mask", "t/d": "Nothing"}
    found = [hit.exercise.id for hit in ranked("mask", course(titles).exercises.values())]
    assert found[:2] == ["t/c", "t/a"]
    assert "t/d" not in found


def test_the_letters_found_are_known() -> None:
    hit = ranked("head", course().exercises.values())[0]
    assert "".join(hit.exercise.title[at] for at in hit.in_title) == "head"


def test_the_line_of_a_statement_that_has_the_query() -> None:
    assert line_with("row goes", "One.\n  Each row  goes by.\n") == "Each row goes by."
    assert line_with("goes one", "One.\nEach row goes by.") == "Each row goes by."
    assert line_with("absent", "One.") is None
    long = line_with("needle", f"{'hay ' * 100}needle{' hay' * 100}")
    assert long is not None
    assert "needle" in long
    assert len(long) <= 70


class Reader:
    """Statements that know how often they were read."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts, self.read = texts, list[str]()

    def __call__(self, exercise: str) -> str:
        self.read.append(exercise)
        return self.texts[exercise]


def search(
    steps: Callable[[Pilot[None], Search], Awaitable[None]],
    read: Callable[[str], str],
    of: Course | None = None,
    states: Mapping[str, State] | None = None,
) -> list[str | None]:
    answers: list[str | None] = []

    async def scenario() -> None:
        app: App[None] = App()
        async with app.run_test(size=(80, 24)) as pilot:
            screen = Search(of or course(), states or {}, read)
            app.push_screen(screen, answers.append)
            await pilot.pause()
            await steps(pilot, screen)

    asyncio.run(scenario())
    return answers


async def settle(pilot: Pilot[None]) -> None:
    await pilot.pause()
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


def test_titles_come_first_and_statements_after_with_their_line() -> None:
    async def steps(pilot: Pilot[None], screen: Search) -> None:
        await pilot.press(*"softmax")
        await settle(pilot)
        assert screen.found == ["gradients/softmax_vjp", "attention/scaled_dot"]
        options = screen.query_one(OptionList).options
        assert "Each row goes through Softmax once." in str(options[1].prompt)
        await pilot.press("down", "enter")

    assert search(steps, Reader(STATEMENTS)) == ["attention/scaled_dot"]


def test_statements_are_not_read_before_something_is_typed_and_only_once() -> None:
    read = Reader(STATEMENTS)

    async def steps(pilot: Pilot[None], screen: Search) -> None:
        assert read.read == []
        assert screen.found == list(TITLES)
        await pilot.press(*"zebra")
        await settle(pilot)
        await pilot.press("backspace", "backspace")
        await settle(pilot)

    search(steps, read)
    assert sorted(read.read) == sorted(set(read.read))
    assert "bpe/merges" in read.read


def test_escape_closes_and_enter_on_nothing_does_nothing() -> None:
    async def steps(pilot: Pilot[None], screen: Search) -> None:
        await pilot.press(*"qqqq", "enter")
        await settle(pilot)
        assert screen.is_current
        assert screen.found == []
        assert "nothing found" in (screen.query_one("#search").border_subtitle or "")
        await pilot.press("escape")

    assert search(steps, Reader(STATEMENTS)) == [None]


def test_the_mark_moves_while_the_field_keeps_the_focus() -> None:
    async def steps(pilot: Pilot[None], screen: Search) -> None:
        listed = screen.query_one(OptionList)
        await pilot.press("down", "down", "up", "pagedown", "down", "down", "down")
        assert listed.highlighted == len(TITLES) - 1
        await pilot.press("pageup")
        assert listed.highlighted == 0
        assert isinstance(screen.focused, Input)

    search(steps, Reader(STATEMENTS))


def test_a_click_opens() -> None:
    async def steps(pilot: Pilot[None], _: Search) -> None:
        await pilot.click("#search-list", offset=(5, 2))
        await pilot.pause()

    assert search(steps, Reader(STATEMENTS)) == ["attention/multi_head"]


def test_states_are_told_by_marks() -> None:
    async def steps(_: Pilot[None], screen: Search) -> None:
        marks = [str(option.prompt)[0] for option in screen.query_one(OptionList).options]
        assert marks == ["✓", "✗", "·", "·"]

    search(steps, Reader(STATEMENTS), states={"gradients/softmax_vjp": "passed", "attention/scaled_dot": "failed"})


def test_hostile_titles_and_statements_are_shown_as_they_are() -> None:
    async def steps(pilot: Pilot[None], screen: Search) -> None:
        await pilot.press(*"merg")
        await settle(pilot)
        assert "[/][red]a[/b] ␛[2J <U+202E>" in str(screen.query_one(OptionList).options[0].prompt)
        screen.query_one(Input).value = "zebra"
        await settle(pilot)
        assert "[/][red]a[/b] ␛[2J <U+202E>" in str(screen.query_one(OptionList).options[0].prompt).splitlines()[1]
        screen.query_one(Input).value = HOSTILE
        await settle(pilot)

    search(steps, Reader(STATEMENTS))


def test_a_statement_that_cannot_be_read_is_found_by_its_title() -> None:
    def read(exercise: str) -> str:
        raise CourseError(exercise, "is broken")

    async def steps(pilot: Pilot[None], screen: Search) -> None:
        await pilot.press(*"softmax")
        await settle(pilot)
        assert screen.found == ["gradients/softmax_vjp"]

    search(steps, read)


def test_a_letter_typed_while_statements_are_read_ends_that_reading() -> None:
    many = {f"t/e{n}": f"Title {n}" for n in range(200)}
    texts = {id: f"common words of {id}" for id in many}

    async def steps(pilot: Pilot[None], screen: Search) -> None:
        field = screen.query_one(Input)
        field.value = "common"
        field.value = "e17 words"
        await settle(pilot)
        assert sorted(screen.found) == sorted(id for id in many if "e17" in id)

    search(steps, Reader(texts), course(many))
