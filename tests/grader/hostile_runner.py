"""Grades the hostile corpus with whatever gradlings an interpreter has installed, and says what went wrong.

`python hostile_runner.py CORPUS FOLDER [NAME...]` prints one JSON line a submission, `{"name", "status", "score", "seconds",
"problems"}`; 1 where any has problems. `run_corpus(python, ...)` calls it so from a test. Needs nothing but gradlings itself,
so that it runs in the clean environment of a built wheel as well as in a clone.

A submission begins with a docstring that says what it tries, then headers:

    # exercise: ID
    # status: STATUS      or several, `failed|error`
    # score: FRACTION     such as 1/13; 0 where it is left out
    # says: TEXT          that the verdict holds; any number of times
    # only: MACHINE       such as x86_64
    # variants: N         graded N times, with `{{VARIANT}}` from 0 on

Each is told everything an attacker could hope to know (see `Runner.filled`), and a word, `{{TOKEN}}`, that whatever it writes
carries in its name. Where an attack succeeds it prints BREACH.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import secrets
import subprocess
import sys
import tempfile
import time
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

SECONDS = 1.0
# Every check may take its second, but after two cells that did not come back the rest is not run. The rest is a loaded machine.
WITHIN_S = 25.0
JUDGE_MIB = 1400
SETTLE_S = 10.0
# The engine renews its processes by itself after some hundreds of gradings; here it is to keep them.
RENEW_AFTER = 120
NEEDED = {"landlock", "seccomp", "rlimits", "descriptors"}
SHARED = ("/tmp", "/var/tmp", "/dev/shm")


@dataclass(frozen=True)
class Hostile:
    """One submission of the corpus and what must come of it."""

    name: str
    tries: str
    exercise: str
    status: str
    source: str
    score: Fraction = Fraction(0)
    says: tuple[str, ...] = ()
    only: str = ""
    variants: int = 1

    @property
    def group(self) -> int:
        """The number of the group of attacks it belongs to."""
        return int(self.name[1:3])


@dataclass
class Report:
    """What became of one submission; `problems` is empty where everything held."""

    name: str
    status: str = ""
    score: float = 0.0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


def read_corpus(folder: Path) -> list[Hostile]:
    """Every submission of a folder, by name. Raises ValueError where a header is missing or unknown."""
    return [_read(path) for path in sorted(folder.glob("g*.py"))]


def _read(path: Path) -> Hostile:
    source = path.read_text(encoding="utf-8")
    quoted = source.split('"""', 2)
    if not source.startswith('"""') or len(quoted) != 3:
        raise ValueError(f"{path.name}: the first line must be a docstring that says what it tries")
    headers: dict[str, list[str]] = {}
    for line in quoted[2].lstrip("\n").split("\n"):
        key, colon, value = line.removeprefix("# ").partition(": ")
        if not line.startswith("# ") or not colon:
            break
        headers.setdefault(key, []).append(value.strip())
    unknown = headers.keys() - {"exercise", "status", "score", "says", "only", "variants"}
    if unknown or not headers.keys() >= {"exercise", "status"}:
        raise ValueError(
            f"{path.name}: headers are exercise, status, score, says, only, variants; not {sorted(unknown)}"
        )
    score = Fraction(headers.get("score", ["0"])[0])
    return Hostile(
        path.stem,
        quoted[1].strip(),
        headers["exercise"][0],
        headers["status"][0],
        source,
        score,
        tuple(headers.get("says", ())),
        headers.get("only", [""])[0],
        int(headers.get("variants", ["1"])[0]),
    )


def run_corpus(python: Path, corpus: Path, folder: Path, names: Sequence[str] = ()) -> list[Report]:
    """Grade the corpus with the gradlings of the interpreter `python`, working in the empty `folder`."""
    folder = folder.resolve()
    home, work, tmp = (folder / name for name in ("home", "work", "tmp"))
    for made in (home, work, tmp):
        made.mkdir(parents=True)
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "SYSTEMROOT")}
    done = subprocess.run(
        [str(python), "-P", "-B", str(Path(__file__).resolve()), str(corpus.resolve()), str(folder), *names],
        env={**kept, "HOME": str(home), "TMPDIR": str(tmp), "GRADLINGS_CANARY": "set by the runner"},
        cwd=work,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    reports = [Report(**json.loads(line)) for line in done.stdout.splitlines()]
    if done.returncode not in (0, 1) or "Traceback" in done.stderr:
        raise AssertionError(f"the runner itself failed ({done.returncode}):\n{done.stderr[-3000:]}")
    return reports


class Scene:
    """What lies around a grading: secrets that must not be read, folders that must not change."""

    def __init__(self, folder: Path) -> None:
        self.token = f"hostile{secrets.token_hex(8)}"
        self.secret = f"canary-{secrets.token_hex(16)}"
        self.home, self.work, self.tmp = folder / "home", folder / "work", folder / "tmp"
        (self.home / "secret.txt").write_text(self.secret)
        (self.work / "progress.db").write_text(f"SQLite format 3\0{self.secret}")
        (self.work / "other_student.py").write_text(f"# {self.secret}\n")
        self._shared: list[Path] = []
        for place in SHARED:
            if os.access(place, os.W_OK):
                path = Path(place) / f"gradlings-secret-{self.token[7:15]}"
                path.write_text(self.secret)
                self._shared.append(path)
        self._before = self._snapshot()

    def close(self) -> None:
        """Take back what was put into shared folders."""
        for path in self._shared:
            path.unlink(missing_ok=True)

    def _snapshot(self) -> dict[str, tuple[int, int]]:
        """Everything in our own folders, with size and time."""
        found = {}
        for root in (self.home, self.work, self.tmp, *self._shared):
            for path in (root, *root.rglob("*")):
                if path.exists() and not path.is_dir():
                    status = path.stat()
                    found[str(path)] = (status.st_size, status.st_mtime_ns)
                else:
                    found[str(path)] = (0, 0)
        return found

    def written(self, *roots: Path) -> Iterator[str]:
        """What was written in our folders, or carries the token's name in the shared ones and below `roots`."""
        now = self._snapshot()
        for name in sorted(now.keys() | self._before.keys()):
            if now.get(name) != self._before.get(name):
                yield f"changed or written: {name}"
        for root in (*map(Path, SHARED), Path("/")):
            if os.access(root, os.R_OK):
                yield from (f"written: {root / name}" for name in os.listdir(root) if self.token in name)
        for root in roots:
            yield from (f"written: {path}" for path in root.rglob(f"*{self.token}*"))
        self._before = now


@dataclass(frozen=True, order=True)
class Process:
    """A process of this machine; `started` tells it from a later one of the same number."""

    pid: int
    started: int
    parent: int
    session: int
    state: str


def processes() -> dict[int, Process]:
    """All processes, from /proc."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                rest = (entry / "stat").read_text().rpartition(") ")[2].split()
            except (OSError, UnicodeDecodeError):
                continue
            pid = int(entry.name)
            found[pid] = Process(pid, int(rest[19]), int(rest[1]), int(rest[3]), rest[0])
    return found


def strays(pids: Sequence[int], tmp: Path) -> list[str]:
    """Processes that come from the engine with these processes and are not of it: judge, cell parent and the one cell ahead.

    Known as ours by descent, by session, and (a daemon has neither) by the environment they were started with.
    """
    judge, parent = pids
    alive = processes()
    ahead = [process for process in alive.values() if process.parent == parent]
    ours = set(pids) | ({ahead[0].pid} if len(ahead) == 1 else set())
    mark = f"TMPDIR={tmp}".encode()
    found = []
    for process in alive.values():
        if process.pid in ours or process.pid == os.getpid():
            continue
        related = process.parent in (judge, parent, *ours) or process.session in (judge, parent)
        try:
            marked = mark in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
        except OSError:
            marked = False
        if related or marked:
            found.append(f"process {process.pid} (parent {process.parent}, {process.state}) is left")
    return found


class Runner:
    """One engine for the whole corpus, and what must hold after every submission."""

    def __init__(self, scene: Scene) -> None:
        from grader.course.read import find_course

        course = find_course()
        limits: dict[str, Any] = {"seconds": SECONDS, "memory_mib": 256, "output_mib": 1}
        topics = tuple(
            replace(
                topic, exercises=tuple(replace(item, limits=replace(item.limits, **limits)) for item in topic.exercises)
            )
            for topic in course.topics
        )
        self.scene = scene
        self.course = replace(course, topics=topics)
        self.engine = self.started()
        self.package = Path(sys.modules["grader"].__file__ or "").parent
        self.honest: dict[str, Any] = {}

    def started(self) -> Any:
        """A new engine, warm."""
        from grader.engine import Engine

        self.graded = 0
        engine = Engine(self.course)
        held = {name.partition("-")[0] for name in engine.protections()}
        if NEEDED - held:
            engine.close()
            # Much of the corpus does real harm where nothing holds it: it signals every process there is.
            raise RuntimeError(f"the corpus is run only where a cell is held; missing: {sorted(NEEDED - held)}")
        return engine

    def run(self, hostile: Hostile, variant: int) -> Report:
        """Grade one submission, and look at everything around it."""
        from grader.model import Submission

        report = Report(hostile.name if hostile.variants == 1 else f"{hostile.name}[{variant}]")
        if hostile.exercise not in self.honest:
            self.expect_honest(hostile.exercise, report)
        if self.graded >= RENEW_AFTER:
            self.engine.close()
            self.engine = self.started()
        pids = self.engine.pids
        files = self.digest(hostile.exercise)
        started = time.perf_counter()
        verdict = self.engine.grade(Submission(hostile.exercise, self.filled(hostile, variant)))
        self.graded += 1
        report.seconds = round(time.perf_counter() - started, 3)
        report.status, report.score = verdict.status, verdict.score
        report.problems += judged(hostile, verdict)
        if report.seconds > WITHIN_S:
            report.problems.append(f"the grading took {report.seconds} s")
        report.problems += self.leaks(hostile.exercise, verdict)
        if self.engine.pids != pids:
            report.problems.append("judge or cell parent had to be started again")
        report.problems += self.left(pids)
        report.problems += self.scene.written(self.package, self.course.root / "tests", self.course.root / "reference")
        if self.digest(hostile.exercise) != files:
            report.problems.append("a file of the course was changed")
        self.expect_honest(hostile.exercise, report)
        return report

    def close(self) -> None:
        """End the engine."""
        self.engine.close()

    def filled(self, hostile: Hostile, variant: int) -> str:
        """The source, told everything it could hope to know."""
        judge, parent = self.engine.pids
        known = {
            "SUITE": self.course.suite(hostile.exercise),
            "REFERENCE": self.course.reference(hostile.exercise),
            "COURSE": self.course.root,
            "PACKAGE": self.package,
            "HOME": self.scene.home,
            "WORK": self.scene.work,
            "TMP": self.scene.tmp,
            "VARIANT": variant,
            "JUDGE": judge,
            "PARENT": parent,
            "TOKEN": self.scene.token,
            "SECRET": self.scene.secret,  # for the runner's own tests: what holds it has read it
            "BRACKETS": "[{(lambda: " * 25,  # a submission that does not parse, in a file that does
            "SHM": f"gradlings-secret-{self.scene.token[7:15]}",
        }
        source = hostile.source
        for name, value in known.items():
            source = source.replace("{{" + name + "}}", str(value))
        return source

    def expect_honest(self, exercise: str, report: Report) -> None:
        """The reference passes as it did the first time, and in time."""
        from grader.model import Submission

        pids = self.engine.pids
        busy = self.busy()
        started = time.perf_counter()
        verdict = self.engine.grade(Submission(exercise, self.course.reference(exercise).read_text(encoding="utf-8")))
        seconds = time.perf_counter() - started
        came = (verdict.status, verdict.score, [(c.id, c.status, c.output) for c in verdict.checks])
        expected = self.honest.setdefault(exercise, came)
        if came != expected or verdict.status != "passed":
            report.problems.append(f"the reference of {exercise} came to {came}, before to {expected}")
        if self.engine.pids != pids:  # a process that outlived the submission and not the next one
            report.problems.append("judge or cell parent had to be started again for the reference")
        elif seconds > 5 * SECONDS:
            spent = ", ".join(f"{after - before:.1f}" for after, before in zip(self.busy(), busy, strict=True))
            report.problems.append(f"the reference took {seconds:.1f} s; judge and parent computed {spent} s of it")

    def busy(self) -> list[float]:
        """Processor seconds of judge and cell parent so far: tells a busy grader from a machine that stood still."""
        ticks = os.sysconf("SC_CLK_TCK")
        fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split() for pid in self.engine.pids]
        return [sum(map(int, parts[11:15])) / ticks for parts in fields]

    def leaks(self, exercise: str, verdict: Any) -> Iterator[str]:
        """Secrets in what the verdict shows of the learner's: output and messages."""
        shown = "\n".join(
            [verdict.message, *(text for check in verdict.checks for text in (check.output, check.message))]
        )
        if self.scene.secret in shown:
            yield "the canary was read"
        if "BREACH" in shown:
            yield f"breached: {shown[shown.index('BREACH') :][:300]!r}"
        printed = "\n".join(check.output for check in verdict.checks)
        public = self.course.stub(exercise).read_text(encoding="utf-8")
        for path in (self.course.suite(exercise), self.course.reference(exercise)):
            for line in map(str.strip, path.read_text(encoding="utf-8").splitlines()):
                if len(line) >= 40 and line in printed and line not in public:
                    yield f"a line of {path.name} was read: {line!r}"

    def left(self, pids: Sequence[int]) -> list[str]:
        """What is still running once the next cell is ready; the judge's memory."""
        end = time.monotonic() + SETTLE_S
        while (found := strays(pids, self.scene.tmp)) and time.monotonic() < end:
            time.sleep(0.02)
        for line in Path(f"/proc/{self.engine.pids[0]}/status").read_text().splitlines():
            if line.startswith("VmHWM:") and int(line.split()[1]) >> 10 > JUDGE_MIB:
                found.append(f"the judge once held {int(line.split()[1]) >> 10} MiB")
        return found

    def digest(self, exercise: str) -> list[tuple[str, bytes]]:
        """The course's files of one exercise."""
        paths = (self.course.suite(exercise), self.course.reference(exercise), self.course.stub(exercise))
        return [(str(path), path.read_bytes()) for path in paths]


def judged(hostile: Hostile, verdict: Any) -> Iterator[str]:
    """Where the verdict is not the one declared, or says things no verdict may hold."""
    if verdict.status not in hostile.status.split("|"):
        yield f"status {verdict.status}, expected {hostile.status}: {verdict.message[:300]}"
    if abs(verdict.score - hostile.score) > 1e-9:
        passed = [check.id for check in verdict.checks if check.status == "passed"]
        yield f"score {verdict.score}, expected {hostile.score}; passed: {passed}"
    messages = [verdict.message, *(check.message for check in verdict.checks)]
    texts = [text for text in strings(verdict)]
    for says in hostile.says:
        if not any(says in text for text in texts):
            yield f"no text says {says!r}: {[m[:200] for m in messages if m][:3]}"
    if verdict.status != "passed" and not any(messages):
        yield "no message says what is wrong"
    if any(check.status in ("failed", "error", "timeout") and not check.message for check in verdict.checks):
        yield "a check failed without a message"
    for text in texts:
        bad = [c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in "\n\t"]
        if bad:
            yield f"a text holds {bad[0]!r}: {text[:100]!r}"
            break
    try:
        json.dumps(list(strings(verdict))).encode()
    except UnicodeEncodeError as error:
        yield f"the verdict cannot be written: {error}"


def strings(value: Any) -> Iterator[str]:
    """Every text in a verdict."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.items():
            yield from strings(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from strings(part)
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            yield from strings(getattr(value, name))


def main(arguments: Sequence[str]) -> int:
    """`CORPUS FOLDER [NAME...]`."""
    corpus, folder, *names = arguments
    chosen = [item for item in read_corpus(Path(corpus)) if not names or item.name in names]
    if not chosen:
        raise ValueError(f"no submissions in {corpus}" + (f" of the names {names}" if names else ""))
    scene = Scene(Path(folder))
    os.environ["GRADLINGS_CANARY"] = scene.secret
    worst = 0
    try:
        runner = Runner(scene)
        with contextlib.closing(runner):
            for hostile in chosen:
                for variant in range(hostile.variants if hostile.only in ("", platform.machine()) else 0):
                    report = runner.run(hostile, variant)
                    worst = max(worst, bool(report.problems))
                    print(json.dumps(vars(report)), flush=True)
    finally:
        scene.close()
    return int(worst)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        with tempfile.TemporaryDirectory() as made:
            for result in run_corpus(Path(sys.executable), Path(sys.argv[1]), Path(made) / "run"):
                print(result)
    else:
        sys.exit(main(sys.argv[1:]))
