"""The main screen: what is on the first frame, how exercises are opened, the list, the panes, where the focus is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual.widgets import Footer

from grader.course.workspace import OWN, Workspace
from grader.tui.app import MEMORY
from grader.tui.keys import WORKBENCH
from grader.tui.palette import Commands
from grader.tui.screens.help import HelpScreen
from grader.tui.screens.review import ReviewScreen
from grader.tui.screens.search import Search
from grader.tui.screens.settings import SettingsScreen
from grader.tui.screens.statistics import StatisticsScreen
from grader.tui.widgets.statement import Statement

from .bench import (
    ALL,
    CLAMP,
    FREQUENCIES,
    NARROW,
    SLOPE,
    TITLES,
    VOCABULARY,
    WIDE,
    Bench,
    Recorded,
    copied_course,
    opened,
    play,
    record,
    workspace,
)  # fmt: skip
from .drawing import drawn


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    found = workspace(tmp_path)
    monkeypatch.chdir(found.root)
    return found


def first_frame(place: Workspace, size: tuple[int, int] = WIDE) -> str:
    """What is drawn before anything else is loaded."""
    frames: list[str] = []

    def look(app: Recorded) -> None:
        assert app.desk is None
        frames.append(drawn(app.screen))

    async def run() -> None:
        async with opened(place, size=size, before_ready=look):
            pass

    asyncio.run(run())
    return frames[0]


# The first frame ------------------------------------------------------------------------------------------------------


def test_tree_and_statement_are_there_before_the_desk(place):
    seen = first_frame(place)
    assert all(title in seen for title in TITLES.values())
    assert "Gradients that are too large" in seen
    assert "exercises/numbers/clamp.py" in seen


def test_a_narrow_first_frame_is_the_statement(place):
    seen = first_frame(place, NARROW)
    assert "Gradients that are too large" in seen
    assert TITLES[VOCABULARY] not in seen
    assert "clamp.py" in seen


def test_what_was_known_last_time_is_in_the_first_frame(place):
    record(place, (CLAMP, "passed"), (FREQUENCIES, "failed"))
    assert "✓" not in first_frame(place)
    assert f"✓ {TITLES[CLAMP]}" in first_frame(place)
    assert f"✗ {TITLES[FREQUENCIES]}" in first_frame(place)


@pytest.mark.parametrize(
    "memory",
    [
        "numbers/other\npassed numbers/other",
        "numbers/clamp\npassed numbers/clamp",
        "\n".join([CLAMP, *(f"splendid {id}" for id in ALL)]),
        "",
        "\n\n\n",
        b"\xff\xfe\x00garbage",
    ],
)
def test_a_memory_that_does_not_fit_is_ignored(place, memory):
    data = memory if isinstance(memory, bytes) else memory.encode()
    (place.root / OWN / MEMORY).write_bytes(data)
    seen = first_frame(place)
    assert "✓" not in seen
    assert "Gradients that are too large" in seen


def test_a_memory_that_is_no_file_is_ignored(place):
    (place.root / OWN / MEMORY).mkdir()
    assert "Gradients that are too large" in first_frame(place)


def test_what_was_open_is_open_again(place):
    async def leave(bench: Bench) -> None:
        await bench.press("n")
        await bench.until(lambda: (place.root / OWN / MEMORY).read_text().startswith(f"{FREQUENCIES}\n"))

    play(place, leave)

    async def come_back(bench: Bench) -> None:
        assert bench.open == FREQUENCIES

    play(place, come_back)


# Opening --------------------------------------------------------------------------------------------------------------


def test_opening_by_enter_and_brackets(place):
    async def scenario(bench: Bench) -> None:
        assert bench.open == CLAMP
        await bench.press("right_square_bracket")
        assert bench.open == SLOPE
        assert bench.title().startswith(TITLES[SLOPE])
        assert "slope" in bench.bench.query_one(Statement).statement
        assert "slope.py" in drawn(bench.bench.status)
        await bench.press("left_square_bracket", "left_square_bracket")
        assert bench.open == CLAMP  # there is none above
        bench.bench.exercises.focus()
        await bench.press("j", "enter")
        assert bench.open == SLOPE
        await bench.press("up", "enter")
        assert bench.open == CLAMP
        await bench.press(*["right_square_bracket"] * 9)
        assert bench.open == ALL[-1]

    play(place, scenario)


def test_next_leaves_out_what_is_passed_and_becomes_the_current_one(place):
    record(place, (FREQUENCIES, "passed"))

    async def scenario(bench: Bench) -> None:
        await bench.press("n")
        await bench.until(lambda: bench.open == VOCABULARY)
        assert await bench.asked(lambda session: session.current()) == VOCABULARY
        await bench.press("p")
        assert bench.open == CLAMP
        await bench.press("p")  # nothing before: the one above, where there is one
        assert bench.open == CLAMP

    play(place, scenario)


def test_next_where_all_others_are_passed(place):
    record(place, *((id, "passed") for id in ALL if id != CLAMP))

    async def scenario(bench: Bench) -> None:
        bench.bench.open(CLAMP)
        await bench.press("n")
        await bench.until(lambda: "Every other exercise is passed." in bench.app.told)
        assert bench.open == CLAMP

    play(place, scenario)


def test_search_opens_what_was_found(place):
    async def scenario(bench: Bench) -> None:
        await bench.press("slash")
        await bench.screen(Search)
        await bench.press(*"vocab", "enter")
        await bench.until(lambda: bench.open == VOCABULARY)
        await bench.press("slash")
        await bench.screen(Search)
        await bench.press(*"slope", "escape")
        await bench.until(lambda: bench.app.screen is bench.bench)
        assert bench.open == VOCABULARY

    play(place, scenario)


def test_go_without_any_verdict_stays(place):
    async def scenario(bench: Bench) -> None:
        await bench.press("g")
        assert bench.open == CLAMP

    play(place, scenario)


# The list -------------------------------------------------------------------------------------------------------------


def test_hide_the_list_where_there_is_room_for_both(place):
    async def scenario(bench: Bench) -> None:
        tree, main = bench.bench.exercises, bench.bench.query_one("#main")
        assert tree.display
        assert main.display
        await bench.press("t")
        assert not tree.display
        assert main.display
        assert bench.focus == "statement"
        await bench.press("t")
        assert tree.display
        assert bench.focus == "course"

    play(place, scenario)


def test_the_list_takes_the_place_of_the_rest_where_there_is_not(place):
    async def scenario(bench: Bench) -> None:
        tree, main = bench.bench.exercises, bench.bench.query_one("#main")
        assert not tree.display
        assert bench.focus == "statement"
        await bench.press("t")
        assert tree.display
        assert not main.display
        assert bench.focus == "course"
        await bench.press("j", "enter")
        assert bench.open == SLOPE
        assert main.display
        assert not tree.display
        await bench.until(lambda: bench.focus == "statement", "the focus in what is seen")

    play(place, scenario, size=NARROW)


def test_a_terminal_made_narrow_and_wide_again(place):
    async def scenario(bench: Bench) -> None:
        tree = bench.bench.exercises
        await bench.pilot.resize_terminal(80, 24)
        await bench.until(lambda: not tree.display)
        await bench.press("2")
        assert bench.pane == "checks"
        await bench.pilot.resize_terminal(200, 60)
        await bench.until(lambda: tree.display)
        assert "Gradients" in (await pressed(bench, "1")).seen()

    play(place, scenario)


async def pressed(bench: Bench, key: str) -> Bench:
    await bench.press(key)
    return bench


def test_filter(place):
    record(place, (CLAMP, "passed"), (FREQUENCIES, "passed"))

    async def scenario(bench: Bench) -> None:
        bench.bench.open(SLOPE)
        await bench.press("f")
        await bench.until(lambda: bench.bench.exercises.shown == [SLOPE, VOCABULARY])
        assert TITLES[CLAMP] not in bench.tree
        assert "not passed" in bench.tree
        await bench.press("right_square_bracket")
        assert bench.open == VOCABULARY
        await bench.graded(SLOPE, "passed")
        await bench.until(lambda: bench.bench.exercises.shown == [VOCABULARY])
        await bench.press("f")
        await bench.until(lambda: sorted(bench.bench.exercises.shown) == sorted(ALL))
        assert "not passed" not in bench.tree

    play(place, scenario)


def test_topics_say_how_much_of_them_is_passed(place):
    record(place, (CLAMP, "passed"))

    async def scenario(bench: Bench) -> None:
        assert "Numbers  1/2" in bench.tree
        assert "Words  0/2" in bench.tree
        assert "1/4" in drawn(bench.bench.status)

    play(place, scenario)


# Panes ----------------------------------------------------------------------------------------------------------------


def test_panes_and_where_the_focus_goes(place):
    record(place, (CLAMP, "failed"))

    async def scenario(bench: Bench) -> None:
        await bench.until(lambda: "1/3" in bench.tabs)
        for key, pane in (("2", "checks"), ("3", "hints"), ("4", "history"), ("5", "solution"), ("1", "statement")):
            await bench.press(key)
            await bench.until(lambda pane=pane: bench.focus == pane, pane)
            assert bench.pane == pane

    play(place, scenario)


def test_panes_where_nothing_is_known_yet(place):
    async def scenario(bench: Bench) -> None:
        said = {"2": "Nothing is graded yet", "3": "none is taken yet", "4": "No attempts yet", "5": "closed"}
        for key, text in said.items():
            await bench.press(key)
            await bench.until(lambda text=text: text in bench.seen(), text)
            assert bench.pane is not None
            assert bench.focus is not None

    for size in (WIDE, NARROW):
        play(place, scenario, size=size)


def test_opening_another_exercise_shows_its_statement(place):
    async def scenario(bench: Bench) -> None:
        await bench.press("3", "right_square_bracket")
        assert (bench.pane, bench.open) == ("statement", SLOPE)
        await bench.until(lambda: bench.focus == "statement")

    play(place, scenario)


def test_every_key_does_something_that_is_there(place):
    async def scenario(bench: Bench) -> None:
        screen = bench.bench
        for key in WORKBENCH:
            assert hasattr(screen, f"action_{key.action.partition('(')[0]}"), key.id
            for each in key.keys.split(","):
                assert screen.active_bindings[each].binding.id == key.id

    play(place, scenario)
    ids = [key.id for key in WORKBENCH]
    assert len(set(ids)) == len(ids)


SCREENS = {
    "slash": Search,
    "comma": SettingsScreen,
    "question_mark": HelpScreen,
    "f1": HelpScreen,
    "s": StatisticsScreen,
    "v": ReviewScreen,
}


@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
def test_screens_open_and_close_and_the_focus_is_where_it_was(place, size):
    async def scenario(bench: Bench) -> None:
        await bench.press("3")
        await bench.until(lambda: bench.focus == "hints")
        for key, kind in SCREENS.items():
            await bench.press(key)
            await bench.screen(kind)
            assert bench.seen().strip()
            await bench.press("escape")
            await bench.until(lambda: bench.app.screen is bench.bench, key)
            assert (bench.focus, bench.pane) == ("hints", "hints")

    play(place, scenario, size=size)


# Settings -------------------------------------------------------------------------------------------------------------


def test_keys_remapped_by_id_in_effect_help_and_footer(place, tmp_path):
    (tmp_path / "settings.toml").write_text('[keys]\nnext = "N"\nhint = "ctrl+y"\n')

    async def scenario(bench: Bench) -> None:
        await bench.press("n")
        assert bench.open == CLAMP
        await bench.press("N")
        await bench.until(lambda: bench.open == FREQUENCIES)
        footer = drawn(bench.bench.query_one(Footer))
        assert "N Next" in footer
        assert "n Next" not in footer
        await bench.press("3")
        await bench.until(lambda: "^y or Enter" in bench.seen())
        await bench.press("question_mark")
        helped = drawn(await bench.screen(HelpScreen))
        assert any(line.split()[:3] == ["N", "the", "next"] for line in helped.splitlines())
        await bench.press("escape")

    play(place, scenario)


def test_a_theme_chosen_is_kept(place, tmp_path):
    async def choose(bench: Bench) -> None:
        await bench.press("comma")
        await bench.screen(SettingsScreen)
        await bench.press("escape")
        bench.app.theme = "gradlings-light"
        await bench.until(lambda: "gradlings-light" in (tmp_path / "settings.toml").read_text())

    play(place, choose)

    async def again(bench: Bench) -> None:
        assert bench.app.theme == "gradlings-light"

    play(place, again)


def test_what_is_wrong_with_the_settings_is_told(place, tmp_path):
    (tmp_path / "settings.toml").write_text('theme = "[/no-such]"\ncolour = 3\n')

    async def scenario(bench: Bench) -> None:
        await bench.until(lambda: any('no setting "colour"' in each for each in bench.app.told))
        assert bench.app.theme == "gradlings-dark"

    play(place, scenario)


def test_misspelt_names_of_keys_are_told_and_the_rest_holds(place, tmp_path):
    (tmp_path / "settings.toml").write_text(
        '[keys]\nnxt = "X"\nnext = "N"\ncomparison-worst = "o"\nquit = "Q"\ninterrupt = "ctrl+k"\ncalendar-end = "E"\n'
    )

    async def scenario(bench: Bench) -> None:
        await bench.until(lambda: any('"nxt". Did you mean "next"?' in each for each in bench.app.told))
        assert sum("there is no key called" in each for each in bench.app.told) == 1
        await bench.press("N")
        assert bench.open == FREQUENCIES

    play(place, scenario)


def test_settings_that_cannot_be_kept_are_told(place, tmp_path):
    (tmp_path / "settings.toml").mkdir()

    async def scenario(bench: Bench) -> None:
        bench.app.theme = "gradlings-light"
        await bench.until(lambda: any("could not be kept" in each for each in bench.app.told))

    play(place, scenario)


# The command palette --------------------------------------------------------------------------------------------------


def test_the_palette_has_every_action_and_path(place):
    async def scenario(bench: Bench) -> None:
        hits = [str(hit.text) async for hit in Commands(bench.bench).discover()]
        for key in WORKBENCH:
            assert key.does[:1].upper() + key.does[1:] in hits
        assert {"Path: everything", "Path: towards a vocabulary"} <= set(hits)

    play(place, scenario)


def test_the_palette_runs_actions_and_chooses_paths(place):
    async def scenario(bench: Bench) -> None:
        await bench.press("ctrl+p")
        await bench.pilot.pause()
        await bench.press(*"the next exercise")
        await bench.until(lambda: "The next exercise that is not passed" in bench.seen())
        await bench.press("down", "enter")
        await bench.until(lambda: bench.open == FREQUENCIES)
        await bench.press("ctrl+p")
        await bench.press(*"Path every")
        await bench.until(lambda: "Path: everything" in bench.seen())
        await bench.press("down", "enter")
        await bench.until(lambda: "You are on the path everything now." in bench.app.told)
        assert await bench.asked(lambda session: session.path) == "everything"

    play(place, scenario)


def test_the_list_follows_the_path(place):
    async def scenario(bench: Bench) -> None:
        assert bench.bench.exercises.shown == [CLAMP, SLOPE, FREQUENCIES, VOCABULARY]
        assert await bench.asked(lambda session: session.order()) == [CLAMP, FREQUENCIES, VOCABULARY, SLOPE]
        await bench.press("n")
        await bench.until(lambda: bench.open == FREQUENCIES)

    play(place, scenario)


# Texts of the course --------------------------------------------------------------------------------------------------


def test_titles_with_brackets_are_text(tmp_path):
    course = copied_course(tmp_path)
    for file, before, after in (
        ("exercises/course.toml", 'title = "Numbers and words"', 'title = "Numbers [/b] [words"'),
        ("exercises/numbers/topic.toml", 'title = "Numbers"', 'title = "Numbers [red]x[/]"'),
        (
            "exercises/numbers/topic.toml",
            "Keep a number between two bounds",
            "Keep [/x] in [low, high] [@click=app.exit]",
        ),
        ("exercises/course.toml", '"everything"', '"every[/]thing"'),
    ):
        text = (course / file).read_text()
        assert before in text
        (course / file).write_text(text.replace(before, after))
    place = workspace(tmp_path, course)

    async def scenario(bench: Bench) -> None:
        seen = bench.seen()
        assert "Numbers [/b] [words" in seen
        assert "Numbers [red]x[/]" in seen
        assert seen.count("Keep [/x] in [low, high]") == 2
        await bench.graded(CLAMP, "passed")
        await bench.graded(SLOPE, "failed")
        await bench.press("ctrl+p", *"every[")
        await bench.until(lambda: "every[/]thing" in bench.seen())
        await bench.press("escape")
        await bench.press("x")
        await bench.until(lambda: "Start again: Keep [/x] in [low, high] [@click=app.exit]?" in bench.seen())
        await bench.press("escape")

    play(place, scenario)


def test_an_exercise_whose_statement_cannot_be_read(tmp_path):
    course = copied_course(tmp_path)
    place = workspace(tmp_path, course)
    (course / "exercises/numbers/slope.py").write_text("def (:\n")

    async def scenario(bench: Bench) -> None:
        await bench.press("right_square_bracket")
        assert "cannot be read" in bench.bench.query_one(Statement).statement

    play(place, scenario)
