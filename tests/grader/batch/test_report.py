"""The report: what a teacher sees, in a real browser, and what other programs read; nothing a student wrote is markup."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from grader.batch.collect import collect
from grader.batch.executors import local
from grader.batch.report.drafts import draft_mistake
from grader.batch.report.standings import summarise
from grader.batch.report.tables import file_name
from grader.batch.report.write import write_report
from grader.batch.run import compare, run
from grader.course.read import read_course
from grader.model import Course
from grader.store.ledger_opening import open_ledger
from tests.grader.batch.conftest import EXCHANGED, MINICOURSE, RIGHT, UNNAMED

HOSTILE = "<script>document.title='BREACH'</script><img src=x onerror=\"document.title='BREACH'\">\x1b[31m\u202e"
STUDENTS = {
    "ada": RIGHT,
    "grace": EXCHANGED,
    "kay": EXCHANGED + "# the same mistake\n",
    "=1+1": UNNAMED,
    HOSTILE.replace("/", "|"): f"def clamp(x, low, high):\n    print({HOSTILE!r})\n    raise ValueError({HOSTILE!r})\n",
    "tim": "# mine\n" + UNNAMED,
}


@pytest.fixture(scope="module")
def course() -> Course:
    return read_course(MINICOURSE)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, course: Course) -> Path:
    """A folder with the report on a class of six."""
    root = tmp_path_factory.mktemp("report")
    for name, text in STUDENTS.items():
        (root / "in" / name).mkdir(parents=True)
        (root / "in" / name / "clamp.py").write_text(text)
    (root / "in" / "ada" / "clamp-2.py").write_text(EXCHANGED)
    (root / "in" / "ada" / "notes.py").write_text("")
    with open_ledger(root / "ledger.db") as ledger, local(2) as workers:
        found = collect(root / "in", course)
        ledger.begin(course.name, found.works, found.tasks.values())
        run(ledger, course, str(MINICOURSE), workers, lambda _: None)
        compare(ledger, str(MINICOURSE), workers, lambda: None)
        summary = write_report(root, ledger, course)
    assert (summary.graded, summary.ungraded, summary.refused) == (7, 0, 1)
    return root


class Page(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_needs_nothing_else_and_holds_no_markup_of_students(report: Path) -> None:
    text = (report / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "form"}
    assert all(str(attributes["src"]).startswith("data:") for tag, attributes in page.tags if tag == "img")
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert all(str(a["href"]).startswith("#") for tag, a in page.tags if tag == "a")
    assert "<script>document.title" in page.text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_every_link_leads_somewhere(report: Path) -> None:
    tags = Page((report / "report.html").read_text(encoding="utf-8")).tags
    targets = {attributes["id"] for _, attributes in tags if "id" in attributes}
    assert {str(a["href"])[1:] for tag, a in tags if tag == "a"} <= targets
    assert len([a for _, a in tags if re.fullmatch(r"s\d+", str(a.get("id")))]) == len(STUDENTS)


def test_pictures_say_in_words_what_they_show(report: Path) -> None:
    pictures = [a for tag, a in Page((report / "report.html").read_text(encoding="utf-8")).tags if tag == "img"]
    assert len(pictures) == 4
    said = " ".join(str(a["alt"]) for a in pictures)
    assert "Most are stuck at numbers/clamp: 5 of 6 who handed it in have not passed it." in said
    assert "The commonest named mistake, of 2 students, is in numbers/clamp: min and max are exchanged" in said


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_a_browser_shows_a_page_at_a_time_and_runs_nothing(report: Path) -> None:
    def shown(anchor: str) -> str:
        done = subprocess.run(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=2000", "--dump-dom",
             f"{(report / 'report.html').as_uri()}#{anchor}"],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        return done.stdout

    dom = shown("s0")
    assert "BREACH" not in dom.partition("<title>")[2].partition("</title>")[0]
    assert "Numbers and words: 6 students" in dom


def test_unnamed_failures_that_are_alike_are_drawn_together(report: Path, course: Course) -> None:
    with open_ledger(report / "ledger.db") as ledger:
        found = collect(report / "in", course)
        ledger.begin(course.name, found.works, found.tasks.values())
        (cluster,) = summarise(ledger, course).clusters
    assert cluster.students == ["=1+1", "tim"]
    assert cluster.source == UNNAMED
    reference = (MINICOURSE / "reference/numbers/clamp.py").read_text()
    draft = draft_mistake(reference, cluster.source, 2)
    assert draft == (
        '@mistake("You ... (2 students: what they did, why it is wrong, what should happen).", of="clamp")\n'
        "def seen_2_times(x, low, high):\n    return max(low, min(x + 1, high))\n"
    )


def test_the_draft_is_a_mistake_the_course_can_be_checked_with(tmp_path: Path) -> None:
    root = tmp_path / "course"
    shutil.copytree(MINICOURSE, root)
    reference = root / "reference/numbers/clamp.py"
    reference.write_text(reference.read_text() + "\n\n" + draft_mistake(reference.read_text(), UNNAMED, 2))
    command = "-m grader.cli course check numbers/clamp --no-mutation --seeds 2 --json --course".split()
    done = subprocess.run(
        [sys.executable, *command, root],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert "seen_2_times" in done.stdout
    assert json.loads(done.stdout)["exercises"][0]["sound"] is True


@pytest.mark.parametrize("source", ["", "def clamp(", "x = 1", "\0", RIGHT])
def test_a_draft_of_what_has_none_says_so(source: str) -> None:
    assert draft_mistake((MINICOURSE / "reference/numbers/clamp.py").read_text(), source, 2).startswith(
        "# What they wrote"
    )


def test_csv(report: Path) -> None:
    text = (report / "results.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(text.splitlines()))
    assert {row["student"]: row["status"] for row in rows if row["exercise"]}["ada"] == "passed"
    ada = next(row for row in rows if row["student"] == "ada" and row["exercise"])
    assert (ada["score"], ada["attempts"]) == ("1.0", "2")
    assert next(row for row in rows if row["student"] == "grace")["mistake"].startswith("min and max are exchanged")
    assert next(row for row in rows if row["file"] == "ada/notes.py")["note"] == "it is called after no exercise"
    assert not [cell for row in csv.reader(text.splitlines()) for cell in row if cell.startswith(("=", "+", "-", "@"))]


def test_json_and_junit(report: Path) -> None:
    document = json.loads((report / "results.json").read_text(encoding="utf-8"))
    assert [student["student"] for student in document["students"]][1] == "=1+1"
    ada = next(student for student in document["students"] if student["student"] == "ada")
    assert ada["exercises"][0]["verdict"]["status"] == "passed"
    assert ada["refused"] == [{"file": "ada/notes.py", "reason": "it is called after no exercise"}]
    suites = ElementTree.parse(report / "junit.xml").getroot()
    assert {suite.get("name"): suite.get("failures") for suite in suites}["ada: numbers/clamp"] == "0"
    assert len(suites) == len(STUDENTS)


def test_gradescope(report: Path) -> None:
    lines = (report / "gradescope/students.csv").read_text(encoding="utf-8").splitlines()
    folders = {row["student"]: row["folder"] for row in csv.DictReader(lines)}
    assert len(set(folders.values())) == len(STUDENTS)
    results = json.loads((report / "gradescope" / folders["grace"] / "results.json").read_text())
    (test,) = results["tests"]
    assert test["status"] == "failed"
    assert 0 <= results["score"] == test["score"] < test["max_score"]
    assert "min and max are exchanged" in test["output"]


@pytest.mark.parametrize("name", ["..", "/", "../../x", "", "a" * 300, "CON", "x\0y", "\udcff"])
def test_a_folder_for_any_name(name: str) -> None:
    made = file_name(name)
    assert re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,75}", made)
    assert made != file_name(name + "x")
