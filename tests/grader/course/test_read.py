"""A course is read, or a CourseError names the file, the key and the remedy."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.course.order import course_order
from grader.course.read import find_course, lasting_spec, read_course
from grader.errors import CourseError, UsageError
from grader.model import Course, Forbidden, Limits, Warm

MINICOURSE = Path(__file__).parents[2] / "minicourse"
COURSE = "exercises/course.toml"
NUMBERS = "exercises/numbers/topic.toml"
WORDS = "exercises/words/topic.toml"


def test_read_minicourse():
    course = read_course(MINICOURSE)
    assert (course.name, course.title, course.version) == ("mini", "Numbers and words", "1.0")
    assert [topic.name for topic in course.topics] == ["numbers", "words"]
    assert list(course.exercises) == ["numbers/clamp", "numbers/slope", "words/frequencies", "words/vocabulary"]
    assert next(iter(course.paths)) == "towards a vocabulary"
    assert course.warm == Warm(("math", "random"))
    slope = course.exercises["numbers/slope"]
    assert slope.limits == Limits(seconds=2.0)
    assert (slope.suite_version, slope.points, slope.minutes, len(slope.hints)) == (2, 10, 10, 4)
    assert slope.requires == ("numbers/clamp",)
    frequencies = course.exercises["words/frequencies"]
    assert frequencies.data == ("poem.txt",)
    assert frequencies.forbid == (Forbidden("collections.Counter", "the counting is what this exercise is about"),)
    assert course.exercises["words/vocabulary"].aliases == ("words/vocab",)
    for id_ in course.exercises:
        assert course.stub(id_).is_file()
        assert course.reference(id_).is_file()
        assert course.suite(id_).is_file()


# Each: a file, what to replace in it, by what; and the words the error must have, of place, problem and remedy.
BROKEN = [
    (COURSE, 'name = "mini"', 'name = "Mini Course"', ["course.toml: name", "small letters"]),
    (COURSE, 'name = "mini"', "name = 3", ["course.toml: name", "a whole number", "a text in quotes"]),
    (COURSE, 'name = "mini"', 'name = " "', ["course.toml: name", "is empty"]),
    (COURSE, 'name = "mini"\n', "", ["course.toml: name", "is missing", "Add `name = ...`"]),
    (COURSE, 'title = "Numbers and words"\n', "", ["course.toml: title", "is missing"]),
    (COURSE, 'version = "1.0"', "version = 1.0", ["course.toml: version", "a number", "a text in quotes"]),
    (COURSE, "topics =", "topic =", ["course.toml: topics", "is missing"]),
    (COURSE, 'version = "1.0"', 'version = "1.0"\nverson = "2"', ["course.toml: verson", 'Did you mean "version"?']),
    (COURSE, '["numbers", "words"]', '["numbers", "words", "wards"]', ["wards/topic.toml", "no such file"]),
    (COURSE, '["numbers", "words"]', '["numbers"]', ["topics", 'the folder "words"', 'Add "words"']),
    (COURSE, '["numbers", "words"]', '["numbers", "words", "words"]', ["topics", "named twice"]),
    (COURSE, '["numbers", "words"]', '["numbers", "../words"]', ["topics", '"../words" cannot be a topic']),
    (COURSE, '["numbers", "words"]', '["numbers", 4]', ["topics", "item 2 is a whole number"]),
    (COURSE, '["numbers", "words"]', '"numbers"', ["topics", "is a text", "Write a list"]),
    (COURSE, "= [", "= = [", ["course.toml", "no valid TOML", "line 4"]),
    (COURSE, "[warm]", "[warm]\nwarm = 1", ["warm.warm", "is no key here", "code, imports"]),
    (COURSE, 'imports = ["math", "random"]', "imports = [[]]", ["warm.imports", "item 1 is a list"]),
    (COURSE, "[warm]", "[worm]", ["course.toml: worm", 'Did you mean "warm"?']),
    (COURSE, "[warm]", "sealed = 1\n[warm]", ["paths.sealed", "a whole number"]),
    (COURSE, 'version = "1.0"', 'version = "1.0"\nsealed = "yes"', ["sealed", "true or false"]),
    (
        COURSE,
        '"words/frequencies", "words/vocabulary"]\n"e',
        '"words/freqencies"]\n"e',
        ["paths.towards a vocabulary", 'no exercise "words/freqencies"', 'Did you mean "words/frequencies"?'],
    ),
    (
        COURSE,
        '"numbers/clamp", "words/frequencies", ',
        '"words/frequencies", "numbers/clamp", ',
        ["paths.towards a vocabulary", "words/frequencies comes before numbers/clamp"],
    ),
    (COURSE, '"numbers/clamp", "words/fr', '"numbers/clamp", "numbers/clamp", "words/fr', ["paths", "named twice"]),
    (
        COURSE,
        '["numbers/clamp", "numbers/slope", "words/frequencies", "words/vocabulary"]',
        "[]",
        ["paths.everything", "is empty"],
    ),
    (
        COURSE,
        '["numbers/clamp", "numbers/slope", "words/frequencies", "words/vocabulary"]',
        "true",
        ["paths.everything", "is true or false"],
    ),
    (NUMBERS, 'title = "Numbers"\n', "", ["numbers/topic.toml: title", "is missing"]),
    (NUMBERS, "[[exercise]]", "[[exercises]]", ["numbers/topic.toml: exercises", 'Did you mean "exercise"?']),
    (NUMBERS, 'name = "clamp"\n', "", ["exercise 1: name", "is missing"]),
    (NUMBERS, 'name = "clamp"', 'name = "Clamp"', ["exercise 1 (Clamp): name", "small letters"]),
    (NUMBERS, 'name = "clamp"', 'name = "../clamp"', ["exercise 1 (../clamp): name", "small letters"]),
    (NUMBERS, 'name = "clamp"', 'name = "slope"', ["exercise 2 (slope): name", 'two exercises "slope"']),
    (NUMBERS, 'name = "clamp"', 'name = "clomp"', ["(clomp): name", "stub is missing", "numbers/clomp.py"]),
    (NUMBERS, "points = 5", "points = -5", ["(clamp): points", "is -5", "from 0 to 10000"]),
    (NUMBERS, "points = 5", "points = true", ["(clamp): points", "is true or false", "a whole number"]),
    (NUMBERS, "points = 5", "points = 0x" + "f" * 9000, ["(clamp): points", "a very large number"]),
    (NUMBERS, "points = 5", "points = " + "9" * 9000, ["numbers/topic.toml", "beyond what can be read"]),
    (NUMBERS, "points = 5", "points = 1979-05-27", ["(clamp): points", "a date or time"]),
    (NUMBERS, "minutes = 5", "minutes = 0", ["(clamp): minutes", "is 0"]),
    (NUMBERS, "minutes = 5", "minute = 5", ["(clamp): minute", 'Did you mean "minutes"?']),
    (NUMBERS, "suite_version = 2", "suite_version = 0", ["(slope): suite_version"]),
    (NUMBERS, "suite_version = 2", 'level = "done"', ["(slope): level", "draft, class, published"]),
    (NUMBERS, "seconds = 2.0", "seconds = 0.0", ["(slope): limits.seconds", "above 0"]),
    (NUMBERS, "seconds = 2.0", "seconds = nan", ["(slope): limits.seconds", "is nan"]),
    (NUMBERS, "seconds = 2.0", "seconds = inf", ["(slope): limits.seconds", "is inf"]),
    (NUMBERS, "seconds = 2.0", "second = 2.0", ["(slope): limits.second", 'Did you mean "seconds"?']),
    (NUMBERS, "limits = { seconds = 2.0 }", "limits = 2", ["(slope): limits", "a table"]),
    (NUMBERS, '["numbers/clamp"]', '["clamp"]', ["(slope): requires", '"clamp" is no id', "topic/name"]),
    (NUMBERS, '["numbers/clamp"]', '["numbers/clam"]', ["(slope): requires", 'Did you mean "numbers/clamp"?']),
    (NUMBERS, '["numbers/clamp"]', '["words/vocab"]', ["(slope): requires", 'called "words/vocabulary" now']),
    (NUMBERS, '["numbers/clamp"]', '["numbers/clamp", "numbers/clamp"]', ["(slope): requires", "named twice"]),
    (NUMBERS, '["numbers/clamp"]', '["numbers/slope"]', ["(slope): requires", "numbers/slope requires numbers/slope"]),
    (
        NUMBERS,
        'learnt = "Two',
        'requires = ["words/vocabulary"]\nlearnt = "Two',
        [
            "goes in a circle",
            "numbers/clamp requires words/vocabulary requires words/frequencies requires numbers/clamp",
        ],
    ),
    (NUMBERS, 'learnt = "Two', 'aliases = ["numbers/slope"]\nlearnt = "Two', ["(clamp): aliases", "of its own"]),
    (NUMBERS, 'learnt = "Two', 'aliases = ["words/vocab"]\nlearnt = "Two', ["aliases", "an alias of numbers/clamp"]),
    (NUMBERS, 'learnt = "Two', 'aliases = ["vocab"]\nlearnt = "Two', ["(clamp): aliases", "is no id"]),
    (
        NUMBERS,
        'learnt = "Two',
        'equivalent_mutants = { a = 1 }\nlearnt = "Two',
        ["(clamp): equivalent_mutants.a", "a whole number"],
    ),
    (NUMBERS, '"The number must not leave the interval on either side."', '""', ["hints", "item 1 is an empty text"]),
    (WORDS, '["poem.txt"]', '["prose.txt"]', ["(frequencies): data", '"prose.txt" is missing', "words/data/prose.txt"]),
    (WORDS, '["poem.txt"]', '["../topic.toml"]', ["(frequencies): data", "no plain file name"]),
    (WORDS, '["poem.txt"]', '["."]', ["(frequencies): data", "no plain file name"]),
    (WORDS, '["poem.txt"]', f'["{"a" * 300}"]', ["(frequencies): data", "is missing"]),
    (
        WORDS,
        '{ name = "collections.Counter", why',
        '{ names = "collections.Counter", why',
        ["(frequencies): forbid 1: name", "is missing"],
    ),
    (
        WORDS,
        '[{ name = "collections.Counter", why = "the counting is what this exercise is about" }]',
        '["Counter"]',
        ["(frequencies): forbid", "item 1 is a text in quotes", "a table"],
    ),
    (
        WORDS,
        'requires = ["words/frequencies"]',
        'requires = ["words/frequencies"]\nuses = ["numbers/slope"]',
        ["(vocabulary): uses", '"numbers/slope" is not required', 'Add "numbers/slope" to `requires`.'],
    ),
    (
        WORDS,
        'requires = ["words/frequencies"]',
        'requires = ["words/frequencies"]\nuses = ["words"]',
        ["(vocabulary): uses", '"words" is no id', "topic/name"],
    ),
]


@pytest.mark.parametrize(("name", "old", "new", "words"), BROKEN, ids=lambda value: str(value)[:40])
def test_error_names_file_key_and_remedy(course_folder, edit, name, old, new, words):
    edit(name, old, new)
    with pytest.raises(CourseError) as caught:
        read_course(course_folder)
    assert str(course_folder) in caught.value.where
    assert caught.value.hint
    told = f"{caught.value.message} {caught.value.hint}"
    assert [word for word in words if word not in told] == [], told


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("exercises/numbers/clamp.py", ["(clamp): name", "stub is missing"]),
        ("reference/numbers/slope.py", ["(slope): name", "reference is missing", "reference/numbers/slope.py"]),
        ("tests/exercises/words/test_vocabulary.py", ["(vocabulary): name", "suite is missing", "test_vocabulary.py"]),
        ("exercises/words/README.md", ["words/README.md", "no such file"]),
        ("exercises/words/data/poem.txt", ["(frequencies): data", "poem.txt"]),
        ("exercises/words/topic.toml", ["words/topic.toml", "no such file"]),
        ("exercises/course.toml", ["course.toml", "no such file"]),
    ],
)
def test_missing_file_is_named(course_folder, name, words):
    (course_folder / name).unlink()
    with pytest.raises(CourseError) as caught:
        read_course(course_folder)
    told = f"{caught.value.message} {caught.value.hint}"
    assert [word for word in words if word not in told] == [], told


def test_a_course_that_names_its_tags_names_all(course_folder, edit):
    edit(WORDS, 'requires = ["words/frequencies"]', 'requires = ["words/frequencies"]\nroadmap = ["L1"]')
    assert read_course(course_folder).roadmap == {}
    with (course_folder / COURSE).open("a") as file:
        file.write('\n[roadmap]\nL2 = "Word vectors"\n')
    with pytest.raises(CourseError, match="roadmap") as caught:
        read_course(course_folder)
    assert 'there is no "L1"' in caught.value.message
    assert "[roadmap]" in caught.value.hint
    edit(COURSE, "L2 =", "L1 =")
    assert read_course(course_folder).roadmap == {"L1": "Word vectors"}


def test_a_folder_is_no_stub(course_folder):
    (course_folder / "exercises/numbers/clamp.py").unlink()
    (course_folder / "exercises/numbers/clamp.py").mkdir()
    with pytest.raises(CourseError, match="stub is missing"):
        read_course(course_folder)


def test_a_link_out_of_the_data_folder_is_refused(course_folder):
    poem = course_folder / "exercises/words/data/poem.txt"
    poem.unlink()
    poem.symlink_to(MINICOURSE / "README.md")
    with pytest.raises(CourseError, match="a link out of the data folder"):
        read_course(course_folder)


def test_bytes_that_are_no_utf8_are_placed(course_folder):
    (course_folder / COURSE).write_bytes(b'name = "mini"\ntitle = "\xff"\n')
    with pytest.raises(CourseError, match="line 2 is not UTF-8"):
        read_course(course_folder)


def test_sealed_course_needs_no_references_and_suites(course_folder, edit):
    shutil.rmtree(course_folder / "reference")
    shutil.rmtree(course_folder / "tests")
    with pytest.raises(CourseError, match="reference is missing"):
        read_course(course_folder)
    edit(COURSE, 'name = "mini"', 'name = "mini"\nsealed = true')
    assert len(read_course(course_folder).exercises) == 4


def test_course_without_paths_has_one_through_everything(course_folder):
    text = (course_folder / COURSE).read_text()
    (course_folder / COURSE).write_text(
        text.partition("[paths]")[0].replace('"numbers", "words"', '"words", "numbers"')
    )
    course = read_course(course_folder)
    assert course.paths == {"everything": ("numbers/clamp", "words/frequencies", "words/vocabulary", "numbers/slope")}


# The order -----------------------------------------------------------------------------------------------------------


def test_course_order_follows_requires_and_paths():
    course = read_course(MINICOURSE)
    assert course_order(course) == ["numbers/clamp", "numbers/slope", "words/frequencies", "words/vocabulary"]
    assert course_order(course, "towards a vocabulary") == ["numbers/clamp", "words/frequencies", "words/vocabulary"]
    with pytest.raises(UsageError, match='no path "backwards"') as caught:
        course_order(course, "backwards")
    assert '"everything"' in (caught.value.hint or "")


# Any document --------------------------------------------------------------------------------------------------------

KEYS = (
    "name title version topics paths warm sealed exercise requires uses hints points minutes limits forbid roadmap data "
    "aliases learnt suite_version level equivalent_mutants seconds memory_mib output_mib why imports code"
).split()
SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from(["", "numbers", "words/frequencies", "numbers/clamp", "a/b", "..", "draft", "poem.txt", "clamp"]),
    st.text(max_size=20),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=8), inner, max_size=5)
    ),
    max_leaves=15,
)


def toml(value: Any) -> str:
    """A value as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return (
            repr(value) if value == value and abs(value) != float("inf") else {True: "nan"}.get(value != value, "inf")
        )
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(c):08x}" for c in value) + '"'
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return "{" + ", ".join(f"{toml(key)} = {toml(each)}" for key, each in value.items()) + "}"


def document(values: dict[str, Any]) -> str:
    return "\n".join(f"{toml(key)} = {toml(value)}" for key, value in values.items())


ReadWith = Callable[[str, bytes], Course | CourseError]


@pytest.fixture(scope="module")
def read_with(tmp_path_factory: pytest.TempPathFactory) -> ReadWith:
    """Reads the mini-course with another file of that name: a Course or a CourseError, or the exception that escaped."""
    folder = tmp_path_factory.mktemp("courses") / "one"
    shutil.copytree(MINICOURSE, folder, ignore=shutil.ignore_patterns("__pycache__"))

    def read_checked(name: str, data: bytes) -> Course | CourseError:
        result = read(name, data)
        assert isinstance(result, Course) or (result.hint and str(folder) in result.where)
        return result

    def read(name: str, data: bytes) -> Course | CourseError:
        usual = (folder / name).read_bytes()
        (folder / name).write_bytes(data)
        try:
            return read_course(folder)
        except CourseError as error:
            return error
        finally:
            (folder / name).write_bytes(usual)

    return read_checked


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([COURSE, NUMBERS]), st.binary(max_size=60) | st.text(max_size=60).map(lambda t: t.encode()))
def test_any_bytes_give_a_course_or_a_course_error(read_with, name, data):
    read_with(name, data)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([COURSE, NUMBERS]), st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6))
def test_any_document_gives_a_course_or_a_course_error(read_with, name, values):
    read_with(name, document(values).encode())


RIGHT: dict[str, dict[str, Any]] = {
    COURSE: {
        "name": "mini",
        "title": "Mini",
        "version": "1",
        "topics": ["numbers", "words"],
        "sealed": False,
        "paths": {"all": ["numbers/clamp", "words/frequencies"]},
        "warm": {"imports": ["math"], "code": "pass"},
    },
    NUMBERS: {
        "name": "clamp",
        "title": "Clamp",
        "requires": [],
        "hints": ["a"],
        "points": 1,
        "minutes": 1,
        "data": [],
        "limits": {"seconds": 1, "memory_mib": 10, "output_mib": 1},
        "forbid": [{"name": "a", "why": "b"}],
        "roadmap": ["M1"],
        "aliases": ["numbers/clip"],
        "learnt": "x",
        "suite_version": 1,
        "level": "draft",
        "equivalent_mutants": {"m": "why"},
    },
}
SLOPE = {"name": "slope", "title": "Slope", "requires": ["numbers/clamp"]}


def one_key_changed(name: str, key: str, value: Any) -> bytes:
    values = {**RIGHT[name], key: value}
    if name == NUMBERS:
        values = {"title": "Numbers", "exercise": [values, SLOPE]}
    return document(values).encode()


def test_the_right_documents_are_right(read_with):
    for name, values in RIGHT.items():
        key = next(iter(values))
        assert isinstance(read_with(name, one_key_changed(name, key, values[key])), Course)


@settings(max_examples=250, deadline=None)
@given(st.data(), st.sampled_from([COURSE, NUMBERS]), VALUES)
def test_one_wrong_value_gives_a_course_or_a_course_error(read_with, data, name, value):
    key = data.draw(st.sampled_from(sorted(RIGHT[name])))
    result = read_with(name, one_key_changed(name, key, value))
    if isinstance(result, Course) and name == NUMBERS:
        # What was accepted is of the type that the model promises.
        exercise = result.topics[0].exercises[0]
        usual = read_course(MINICOURSE).topics[0].exercises[0]
        assert type(getattr(exercise, key)) is type(getattr(usual, key))


# Finding one ---------------------------------------------------------------------------------------------------------


def test_find_by_folder(monkeypatch):
    monkeypatch.chdir(MINICOURSE.parent)
    assert find_course("minicourse").name == "mini"
    assert find_course("./minicourse").root == MINICOURSE
    assert lasting_spec("minicourse") == str(MINICOURSE)
    assert lasting_spec(None) == ""


def test_find_a_folder_that_is_no_course(tmp_path):
    with pytest.raises(CourseError, match="is not the folder of a course"):
        find_course(str(tmp_path))
    with pytest.raises(CourseError) as caught:
        find_course(str(MINICOURSE / "exercises"))
    assert str(MINICOURSE) in (caught.value.hint or "")


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs a package whose entry point "theirs" loads to an expression."""

    def install_(name: str, expression: str) -> None:
        (tmp_path / f"{name}.py").write_text(f"import pathlib\ncourse = {expression}\n")
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[gradlings.courses]\ntheirs = {name}:course\n")
        monkeypatch.syspath_prepend(str(tmp_path))

    return install_


@pytest.mark.parametrize("expression", [repr(str(MINICOURSE)), f"pathlib.Path({str(MINICOURSE)!r})"])
def test_find_by_entry_point(install, expression):
    install(f"brings_a_course_{len(expression)}", expression)
    assert find_course("theirs").name == "mini"
    assert lasting_spec("theirs") == "theirs"


def test_find_by_entry_point_of_a_package(course_folder, monkeypatch):
    (course_folder / "__init__.py").touch()
    info = course_folder.parent / "course-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: course\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[gradlings.courses]\ntheirs = course\n")
    monkeypatch.syspath_prepend(str(course_folder.parent))
    assert find_course("theirs").root == course_folder


@pytest.mark.parametrize(
    ("expression", "words"),
    [("3", "is a int"), ("1 / 0", "does not load \\(ZeroDivisionError"), ("'/nowhere'", "not the folder of a course")],
)
def test_find_by_broken_entry_point(install, expression, words):
    install(f"brings_no_course_{len(expression)}", expression)
    with pytest.raises(CourseError, match=words):
        find_course("theirs")


def test_find_by_unknown_name(install):
    install("brings_one", repr(str(MINICOURSE)))
    with pytest.raises(CourseError, match="no installed course of that name") as caught:
        find_course("thiers")
    assert 'Did you mean "theirs"?' in (caught.value.hint or "")


# What it costs -------------------------------------------------------------------------------------------------------


def test_imports_nothing_heavy():
    heavy = ("torch", "numpy", "pytest", "sqlalchemy", "alembic", "textual", "rich", "msgspec", "watchfiles")
    code = (
        "import sys\nfrom grader.course.read import find_course\n"
        f"find_course({str(MINICOURSE)!r})\nimport grader.course.update, grader.session\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_two_hundred_exercises_take_less_than_50_ms(tmp_path):
    topics = [f"topic_{i}" for i in range(20)]
    (tmp_path / "exercises").mkdir()
    (tmp_path / COURSE).write_text(document({"name": "big", "title": "Big", "version": "1", "topics": topics}))
    one = (MINICOURSE / WORDS).read_text().split("[[exercise]]")[2].split("aliases")[0]
    for topic in topics:
        for folder in ("exercises", "reference", "tests/exercises"):
            (tmp_path / folder / topic).mkdir(parents=True)
        (tmp_path / "exercises" / topic / "README.md").touch()
        text = 'title = "One of many"\n'
        for i in range(10):
            body = one.replace('"vocabulary"', f'"e{i}"').replace("words/frequencies", f"{topic}/e{i - 1}")
            body = body if i else body.replace(f'requires = ["{topic}/e-1"]\n', "")
            text += f"\n[[exercise]]{body}" + "hints = [" + ", ".join(f'"{"a hint " * 12}"' for _ in range(4)) + "]\n"
            for file in (f"exercises/{topic}/e{i}", f"reference/{topic}/e{i}", f"tests/exercises/{topic}/test_e{i}"):
                (tmp_path / f"{file}.py").touch()
        (tmp_path / "exercises" / topic / "topic.toml").write_text(text)
    times = []
    for _ in range(7):
        # Processor time: other programs on this machine do not count.
        started = time.process_time()
        course = read_course(tmp_path)
        times.append(time.process_time() - started)
    assert len(course.exercises) == 200
    assert min(times) < 0.05
