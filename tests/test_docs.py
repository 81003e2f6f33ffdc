"""The documentation is true where a program can tell: links, commands, keys, examples, the transcript."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest

import grader.testing
from grader.authoring.statement import ALTERNATIVES, HINTS, MIN_WORDS, MISTAKES
from grader.cli.app import COMMANDS, gradlings
from grader.course.parse import LEVELS, read_course
from grader.errors import CourseError
from grader.model import Check, Course, Diagnosis, Exercise, Frame, Limits, Verdict
from grader.testing import plugin
from grader.verdict_json import from_json, to_json

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [
    *ROOT.glob("*.md"),
    *DOCS.glob("*.md"),
    *(ROOT / "exercises").glob("*/*.md"),
    ROOT / "tests/minicourse/README.md",
]
AUTHORS = (DOCS / "authors.md").read_text(encoding="utf-8")
VERDICT = (DOCS / "verdict.md").read_text(encoding="utf-8")


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def _code_blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def _table(text: str, heading: str) -> list[list[str]]:
    """The rows of the first table whose first line is `heading`."""
    rows = text.partition(f"\n{heading}\n")[2].splitlines()[1:]
    found = []
    for row in rows:
        if not row.startswith("|"):
            break
        found.append([cell.strip() for cell in row.strip("|").split(" | ")])
    assert found, heading
    return found


def _names(cell: str) -> list[str]:
    """The names in backticks of a table's cell, without their arguments."""
    return [name.partition("(")[0] for name in re.findall(r"`([^`]+)`", cell)]


# Links and commands


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    relative = [link.partition("#")[0] for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in relative if link and not (page.parent / link).exists()] == []


def _commands() -> dict[str, click.Command]:
    """Every command by what is typed, those of a group by both words."""
    found: dict[str, click.Command] = {}
    with click.Context(gradlings) as context:
        for name, command in _within(gradlings, context):
            inner = {f"{name} {sub}": each for sub, each in _within(command, context)}
            found.update(inner or {name: command})
    return found


def _within(command: click.Command, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None, name
            yield name, found


def _documented() -> dict[str, str]:
    """The sections of commands.md by command; `course new|check|test` stands for three."""
    text = (DOCS / "commands.md").read_text(encoding="utf-8")
    found = {}
    for section in text.split("\n### gradlings ")[1:]:
        words = section.splitlines()[0].split()
        many = len(words) > 1 and "|" in words[1] and words[0] == "course"
        for name in [f"{words[0]} {sub}" for sub in words[1].split("|")] if many else words[:1]:
            found[name] = section.partition("\n## ")[0]
    return found


def test_every_command_is_documented_and_there_is_no_other() -> None:
    assert sorted(_documented()) == sorted(_commands())


@pytest.mark.parametrize("name", sorted(_documented()))
def test_options_of_a_documented_command_exist(name: str) -> None:
    known = {option for parameter in _commands()[name].params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", _documented()[name])) - known == set()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_commands_named_on_a_page_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    shown = re.findall(r"`gradlings ([a-z]+)|^ +gradlings ([a-z]+)", text, re.MULTILINE)
    assert {a or b for a, b in shown} - set(COMMANDS) == set()


@pytest.mark.parametrize("page", [DOCS / "commands.md", DOCS / "verdict.md"], ids=_name)
def test_json_examples_are_json(page: Path) -> None:
    blocks = _code_blocks(page.read_text(encoding="utf-8"), "json")
    assert blocks
    for document in (each for block in blocks for each in _documents(block)):
        assert isinstance(document, dict)
        assert document.get("schema") == 1 or "event" in document


def _documents(text: str) -> Iterator[Any]:
    rest = text.strip()
    while rest:
        value, end = json.JSONDecoder().raw_decode(rest)
        yield value
        rest = rest[end:].strip()


# The course format


def _course(folder: Path, course: str, topics: dict[str, str]) -> Course:
    """A course of these documents, with every file that they name."""
    (folder / "exercises").mkdir(parents=True)
    (folder / "exercises" / "course.toml").write_text(course, encoding="utf-8")
    for topic, document in topics.items():
        for part in ("exercises", "reference", "tests/exercises"):
            (folder / part / topic).mkdir(parents=True)
        (folder / "exercises" / topic / "topic.toml").write_text(document, encoding="utf-8")
        (folder / "exercises" / topic / "README.md").write_text("# Topic\n", encoding="utf-8")
        for name in re.findall(r'^name = "(\w+)"', document, re.MULTILINE):
            for file in (f"exercises/{topic}/{name}.py", f"reference/{topic}/{name}.py"):
                (folder / file).write_text("", encoding="utf-8")
            (folder / "tests" / "exercises" / topic / f"test_{name}.py").write_text("", encoding="utf-8")
    return read_course(folder)


GRADIENTS = 'title = "Gradients"\n\n[[exercise]]\nname = "softmax_vjp"\ntitle = "Softmax"\n'
COURSE = 'name = "mine"\ntitle = "Mine"\nversion = "1"\ntopics = ["gradients", "attention"]\n'


def _examples() -> tuple[list[str], list[str]]:
    """The TOML examples of authors.md: of topics, and of a course."""
    blocks = _code_blocks(AUTHORS, "toml")
    return [b for b in blocks if "[[exercise]]" in b], [b for b in blocks if "topics = " in b]


def test_toml_examples_are_read(tmp_path: Path) -> None:
    topics, courses = _examples()
    assert len(topics) >= 2
    assert len(courses) == 1
    for i, example in enumerate(topics):
        read = _course(tmp_path / str(i), COURSE, {"gradients": GRADIENTS, "attention": example})
        assert len(read.topics[1].exercises) == 1
    read = _course(tmp_path / "course", courses[0], {"gradients": GRADIENTS, "attention": topics[0]})
    assert read.paths
    assert read.warm.imports


def _known_keys(tmp_path: Path, course: str, topic: str) -> set[str]:
    """The keys that the reader lists when it meets one that it does not know."""
    with pytest.raises(CourseError, match="is no key here") as caught:
        _course(tmp_path, course, {"gradients": topic, "attention": 'title = "Attention"\n'})
    return set(str(caught.value.hint).rpartition("Known are: ")[2].rstrip(".").split(", "))


def test_every_key_of_an_exercise_is_documented(tmp_path: Path) -> None:
    known = _known_keys(tmp_path, COURSE, GRADIENTS + "unheard_of = 1\n")
    rows = _table(AUTHORS.partition("## topic.toml")[2], "| key | type | default | what it is |")
    assert {name for row in rows for name in _names(row[0])} == known


def test_defaults_of_an_exercise_are_as_documented() -> None:
    usual = Exercise("a/b", "b")
    for row in _table(AUTHORS.partition("## topic.toml")[2], "| key | type | default | what it is |"):
        key, default = _names(row[0])[0], row[2].strip("`")
        if default not in ("required", "below"):
            value = getattr(usual, key)
            assert default == (str(value) if value else {"learnt": "empty"}.get(key, "none")), key


@pytest.mark.parametrize(("key", "extra"), [("limits", "limits = { unheard_of = 1 }\n"),
                                            ("forbid", 'forbid = [{ name = "a", why = "b", unheard_of = 1 }]\n')])  # fmt: skip
def test_every_key_of_limits_and_forbid_is_documented(tmp_path: Path, key: str, extra: str) -> None:
    known = _known_keys(tmp_path, COURSE, GRADIENTS + extra)
    told = next(line for line in AUTHORS.splitlines() if line.startswith(f"Of `{key}`")) + (
        next(line for line in AUTHORS.splitlines() if line.startswith("| `forbid`")) if key == "forbid" else
        AUTHORS.partition("Of `limits`")[2].partition("\n\n")[0]
    )  # fmt: skip
    assert known <= set(_names(told))


def test_default_limits_are_as_documented() -> None:
    told = AUTHORS.partition("Of `limits`")[2].partition("\n\n")[0]
    for field in fields(Limits):
        default = re.search(rf"`{field.name}` \(.*?default ([\d.]+)\)", told, re.DOTALL)
        assert default is not None, field.name
        assert float(default[1]) == getattr(Limits(), field.name)


def test_every_key_of_a_course_is_documented(tmp_path: Path) -> None:
    known = _known_keys(tmp_path, COURSE + "unheard_of = 1\n", GRADIENTS)
    rows = _table(AUTHORS.partition("## course.toml")[2], "| key | type | default | what it is |")
    assert {_names(row[0])[0] for row in rows} == known


def test_levels_are_as_documented() -> None:
    rows = _table(AUTHORS, "| level | words in the statement | hints | mistakes | alternatives | besides |")
    assert tuple(_names(row[0])[0] for row in rows) == LEVELS
    for level, row in zip(LEVELS, rows, strict=True):
        wanted = [MIN_WORDS[level], HINTS[level], MISTAKES[level], ALTERNATIVES[level]]
        assert [int(cell) for cell in row[1:5]] == wanted


def test_every_name_of_the_testing_package_is_documented() -> None:
    rows = _table(AUTHORS, "| name | what it is for |")
    assert {name for row in rows for name in _names(row[0])} == set(grader.testing.__all__)


def test_every_fixture_is_documented() -> None:
    rows = _table(AUTHORS, "| fixture | what it is |")
    made = {name for name in vars(plugin) if not name.startswith(("_", "pytest")) and _is_fixture(vars(plugin)[name])}
    assert {_names(row[0])[0] for row in rows} == made


def _is_fixture(value: object) -> bool:
    return type(value).__name__ == "FixtureFunctionDefinition"


def test_marks_in_examples_are_those_of_the_reference() -> None:
    """What the walk shows is in the exercise that it walks through."""
    reference = (ROOT / "reference/attention/scaled_dot_product.py").read_text(encoding="utf-8")
    messages = re.findall(r'^@(?:mistake|alternative)\((".*?"), of="\w+"', AUTHORS, re.MULTILINE)
    assert len(messages) == 2
    assert [message for message in messages if message not in reference] == []


def test_argued_mutants_in_examples_are_argued_in_the_course() -> None:
    key = re.search(r'equivalent_mutants\]\n(".*?" = ".*?")\n', AUTHORS)
    assert key is not None
    assert key[1] in (ROOT / "exercises/attention/topic.toml").read_text(encoding="utf-8")


# The verdict


def test_verdict_example_is_a_verdict() -> None:
    example = _code_blocks(VERDICT, "json")[0].encode()
    verdict = from_json(example)
    assert json.loads(to_json(verdict)) == json.loads(example)
    assert verdict.checks[0].diagnosis is not None
    assert verdict.checks[0].comparison is not None


@pytest.mark.parametrize(("heading", "kind"), [("## The verdict", Verdict), ("## A check", Check)])
def test_every_key_of_a_verdict_is_documented(heading: str, kind: type[Any]) -> None:
    rows = _table(VERDICT.partition(heading)[2], "| key | type | what it is |")
    assert {_names(row[0])[0] for row in rows} == {field.name for field in fields(kind)}


def test_every_key_within_a_check_is_documented() -> None:
    rows = {
        _names(row[0])[0]: row[2] for row in _table(VERDICT.partition("## A check")[2], "| key | type | what it is |")
    }
    assert {field.name for field in fields(Diagnosis)} <= set(_names(rows["diagnosis"]))
    assert {field.name for field in fields(Frame)} <= set(_names(rows["traceback"]))


def test_every_key_of_a_comparison_is_documented() -> None:
    section = VERDICT.partition("## A comparison")[2]
    documented = {name for row in _table(section, "| key | type | what it is |") for name in _names(row[0])}
    comparison = json.loads(_code_blocks(VERDICT, "json")[0])["checks"][0]["comparison"]
    assert documented == set(comparison)
    assert set(comparison["actual"]) <= set(_names(section))


def test_statuses_are_documented() -> None:
    text = (DOCS / "honesty.md").read_text(encoding="utf-8")
    rows = _table(text, "| status | what it means |")
    assert [_names(row[0])[0] for row in rows] == ["passed", "failed", "not_started", "error", "ungraded"]


# Programs


def _python(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, encoding="utf-8", timeout=100, check=False
    )


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is practice alone")
def test_every_protection_is_documented() -> None:
    script = "from grader.cell.sandbox import Sandbox; print(*Sandbox.prepare().protections)"
    done = _python("-c", script)
    assert done.returncode == 0, done.stderr
    rows = _table((DOCS / "protection.md").read_text(encoding="utf-8"), "| name in a verdict | what it holds |")
    found = {re.sub(r"landlock-\d+", "landlock-N", name) for name in done.stdout.split()}
    assert found <= {_names(row[0])[0] for row in rows}


def test_transcript_of_the_readme_is_what_is_printed(tmp_path: Path) -> None:
    shown = _code_blocks((ROOT / "README.md").read_text(encoding="utf-8"), "")
    transcript = next(block for block in shown if block.startswith("attention/scaled_dot_product"))
    stub = (ROOT / "exercises/attention/scaled_dot_product.py").read_text(encoding="utf-8")
    body = """
    S = Q @ K.transpose(-2, -1) / Q.shape[-1] ** 0.5
    if mask is not None:
        S = S.masked_fill(mask, float("-inf"))
    return torch.softmax(S, dim=-1) @ V
"""
    file = tmp_path / "mine.py"
    file.write_text(
        re.sub(r"\n    raise NotImplementedError\(.*?\)\n", lambda _: body, stub, count=1), encoding="utf-8"
    )
    done = _python("-m", "grader.cli", "grade", "attention/scaled_dot_product", file)
    assert done.returncode == 1, done.stderr
    # `run`, which the page shows, ends with one line more: where the next hint is to be had.
    expected = transcript.rstrip().rpartition("\n\n")[0]
    assert _without_time(done.stdout) == _without_time(expected)


def _without_time(text: str) -> list[str]:
    return [
        line.rstrip() for line in re.sub(r"[\d.]+ m?s$", "", text.rstrip(), count=1, flags=re.MULTILINE).splitlines()
    ]
