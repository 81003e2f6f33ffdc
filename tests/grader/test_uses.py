"""Exercises that build on the learner's own earlier solutions: found by their ids, carried along, and never the reference's."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.course.parse import read_course
from grader.course.uses import closure, gather, imported, of_references
from grader.course.workspace import init
from grader.engine import Engine
from grader.errors import CourseError, UsageError
from grader.model import Course, Submission
from grader.session import Session

MINICOURSE = Path(__file__).parents[1] / "minicourse"
RARE, FREQUENCIES, SLOPE = "words/rare", "words/frequencies", "numbers/slope"
ENTRY = """
[[exercise]]
name = "rare"
title = "Words that occur once"
requires = ["words/frequencies"]
uses = ["words/frequencies"]
hints = ["Count, then choose.", "A sorted list of texts.", "those with the count 1"]
level = "class"
"""
STUB = '''"""# Words that occur once

A list of all the words of `text` (a str) that occur once in it, sorted, counted by your own `words/frequencies`; so many words
are needed for a statement.
"""

from words.frequencies import frequencies


def rare(text):
    raise NotImplementedError("choose from your own counts")
'''
SOLUTION = '''"""Rare words."""

from words.frequencies import frequencies

from grader.marks import alternative, mistake


def rare(text):
    return sorted(word for word, count in frequencies(text).items() if count == 1)


@alternative("With a loop.", of="rare")
def looped(text):
    found = []
    counts = frequencies(text)
    for word in sorted(counts):
        if counts[word] == 1:
            found.append(word)
    return found


@mistake("You keep every word, however often it occurs.", of="rare")
def every_word(text):
    return sorted(frequencies(text))
'''
SUITE = '''from grader.testing import assert_equal


def test_rare(solution):
    """Only words that occur once are there, in the order of the alphabet"""
    assert_equal(solution.rare("the cat and the dog and a bird"), ["a", "bird", "cat", "dog"])


def test_none(solution):
    """Nothing comes of nothing"""
    assert_equal(solution.rare(""), [])
'''
OWN = """def frequencies(text):
    counts = {}
    for word in text.lower().split():
        word = word.strip(".,;:!?-'\\"()")
        if word:
            counts[word] = counts.get(word, 0) + 1
    return counts
"""
RIGHT = """from words.frequencies import frequencies


def rare(text):
    return sorted(word for word, count in frequencies(text).items() if count < 2)
"""


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    root = tmp_path_factory.mktemp("course") / "uses"
    shutil.copytree(MINICOURSE, root)
    with (root / "exercises/words/topic.toml").open("a") as file:
        file.write(ENTRY)
    (root / "exercises/words/rare.py").write_text(STUB)
    (root / "reference/words/rare.py").write_text(SOLUTION)
    (root / "tests/exercises/words/test_rare.py").write_text(SUITE)
    return read_course(root)


@pytest.fixture(scope="module")
def engine(course: Course) -> Iterator[Engine]:
    with Engine(course) as engine:
        yield engine


@pytest.fixture
def session(course: Course, tmp_path: Path) -> Iterator[Session]:
    with Session(init(tmp_path / "ws", course, str(course.root)).workspace) as session:
        yield session


def cli(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "grader.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


# What is imported ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from words.frequencies import frequencies", (FREQUENCIES,)),
        ("from words import frequencies", (FREQUENCIES,)),
        ("import words.frequencies as f, numbers.slope", (FREQUENCIES, SLOPE)),
        ("def f():\n    from numbers.slope import slope", (SLOPE,)),
        ("from .frequencies import frequencies", ()),
        ("# from words.frequencies import frequencies", ()),
        ("from words.vocabulary import frequencies", ()),
        ("def broken(:", ()),
        ("", ()),
    ],
)
def test_imported(source, expected):
    assert imported(source, (FREQUENCIES, SLOPE)) == expected


def test_what_is_imported_by_what_is_imported_comes_along(course):
    asked = []

    def find(id):
        asked.append(id)
        return OWN

    assert gather(course, RARE, RIGHT, find) == {FREQUENCIES: OWN}
    assert asked == [FREQUENCIES]
    assert gather(course, RARE, "def rare(text): ...", find) == {}
    assert closure(course, RARE) == (FREQUENCIES,)
    assert closure(course, FREQUENCIES) == ()


def test_what_is_used_has_to_be_required(course, tmp_path):
    root = tmp_path / "course"
    shutil.copytree(course.root, root)
    file = root / "exercises/words/topic.toml"
    file.write_text(file.read_text().replace(f'uses = ["{FREQUENCIES}"]', f'uses = ["{SLOPE}"]'))
    with pytest.raises(CourseError, match=f'"{SLOPE}" is not required'):
        read_course(root)


# Grading ------------------------------------------------------------------------------------------------------------------


def test_the_learners_own_solution_is_used_and_not_the_references(engine, course):
    assert engine.grade(Submission(RARE, RIGHT, uses={FREQUENCIES: OWN})).passed
    marked = OWN.replace("return counts", "return dict.fromkeys(counts, 1)")
    verdict = engine.grade(Submission(RARE, RIGHT, uses={FREQUENCIES: marked}))
    assert verdict.status == "failed"
    assert verdict.checks[0].diagnosis is not None  # it behaves as the known mistake does
    assert engine.grade(Submission(RARE, SOLUTION, uses=of_references(course, RARE, SOLUTION))).passed


def test_without_it_nothing_stands_in(engine):
    verdict = engine.grade(Submission(RARE, RIGHT))
    assert verdict.status == "error"
    assert "No module named 'words'" in verdict.message


def test_what_one_submission_brought_is_gone_for_the_next(engine):
    assert engine.grade(Submission(RARE, RIGHT, uses={FREQUENCIES: OWN})).passed
    alone = "from words.frequencies import frequencies\n\n\ndef slope(f, x, h):\n    return 1\n"
    verdict = engine.grade(Submission(SLOPE, alone))
    assert verdict.status == "error"
    assert "No module named 'words'" in verdict.message


def test_a_failure_inside_it_names_the_learners_line_in_this_file(engine):
    broken = OWN.replace("    counts = {}", "    raise ValueError(text)")
    check = engine.grade(Submission(RARE, RIGHT, uses={FREQUENCIES: broken})).checks[0]
    assert check.status == "error"
    assert [(frame.file, frame.line) for frame in check.traceback] == [(f"{RARE}.py", 5)]


def test_another_earlier_solution_is_another_seed(engine):
    one, two = (engine.grade(Submission(RARE, RIGHT, uses={FREQUENCIES: text})) for text in (OWN, OWN + "# edited\n"))
    assert one.passed
    assert two.passed
    assert one.seed != two.seed
    assert one.source_sha256 == two.source_sha256


# A workspace --------------------------------------------------------------------------------------------------------------


def test_it_is_done_first(session):
    session.file(RARE).write_text(RIGHT)
    with pytest.raises(UsageError, match=f"{RARE} builds on your own {FREQUENCIES}, which is not passed yet") as raised:
        session.grade(RARE)
    assert FREQUENCIES in raised.value.hint
    session.file(FREQUENCIES).write_text(OWN.replace("+ 1", "+ 2"))
    assert not session.grade(FREQUENCIES).verdict.passed
    with pytest.raises(UsageError):
        session.grade(RARE)
    told = next(each for each in session.verify([RARE]))
    assert not told.graded
    assert "is not passed yet" in told.verdict.message
    session.file(FREQUENCIES).write_text(OWN)
    assert session.grade(FREQUENCIES).verdict.passed
    assert session.grade(RARE).verdict.passed


def test_what_was_passed_counts_and_not_what_was_written_since(session):
    session.file(FREQUENCIES).write_text(OWN)
    assert session.grade(FREQUENCIES).verdict.passed
    session.file(FREQUENCIES).write_text("def frequencies(text):\n    return {}\n")
    assert not session.grade(FREQUENCIES).verdict.passed
    session.file(RARE).write_text(RIGHT)
    assert session.grade(RARE).verdict.passed
    assert {each.exercise.id: each.verdict.passed for each in session.verify([RARE])} == {RARE: True}


def test_what_does_not_import_it_needs_it_not(session):
    session.file(RARE).write_text(OWN + RIGHT.replace("from words.frequencies import frequencies", ""))
    assert session.grade(RARE).verdict.passed


# The command line ---------------------------------------------------------------------------------------------------------


def test_grade_takes_it_from_beside_the_file(course, tmp_path):
    folder = tmp_path / "mine" / "words"
    folder.mkdir(parents=True)
    (folder / "rare.py").write_text(RIGHT)
    command = ("grade", RARE, str(folder / "rare.py"), "--course", str(course.root))
    missing = cli(*command)
    assert missing.returncode == 2
    assert f"{RARE} builds on {FREQUENCIES}, and there is no" in missing.stderr
    (folder / "frequencies.py").write_text("def frequencies(text):\n    return {}\n")
    wrong = cli(*command)
    assert wrong.returncode == 2
    assert "does not pass" in wrong.stderr
    (folder / "frequencies.py").write_text(OWN)
    right = cli(*command, "--json")
    assert right.returncode == 0
    assert json.loads(right.stdout)["status"] == "passed"


def test_a_reference_is_a_submission_and_sound(course):
    root = str(course.root)
    assert cli("grade", RARE, str(course.reference(RARE)), "--course", root).returncode == 0
    assert cli("course", "test", RARE, "--course", root).returncode == 0
    checked = cli("course", "check", RARE, "--course", root, "--seeds", "2")
    assert checked.returncode == 0, checked.stdout
