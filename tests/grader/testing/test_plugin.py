"""The authors' plugin: any suite on the reference or on any file, in one pytest process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

MINI = Path(__file__).parents[2] / "minicourse"
RIGHT = "def clamp(x, low, high):\n    return max(low, min(x, high))\n"
WRONG = "def clamp(x, low, high):\n    return min(x, high)\n"
PROBE = '''"""Shows what the fixtures hold."""
import random
from grader.testing import Handle

def test_shown(solution, reference, seed, rng, data, request):
    """A title."""
    assert isinstance(solution, Handle) and isinstance(reference, Handle)
    print("SHOWN", seed, random.random(), rng.random(), sorted(data), solution.frequencies("a b a"))
'''


def ran(suite: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-c", "/dev/null", "--noconftest", "--import-mode=importlib", "-rA"),
            *(
                "-p",
                "no:cacheprovider",
                "-p",
                "grader.testing.plugin",
                "--rootdir",
                str(suite.parent),
                str(suite),
                *options,
            ),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )


@pytest.mark.parametrize(
    ("source", "failed"), [(None, set()), (RIGHT, set()), (WRONG, {"test_inside_and_outside", "test_random_intervals"})]
)
def test_a_suite_runs_on_the_reference_or_on_a_file(source: str | None, failed: set[str], tmp_path: Path) -> None:
    options = []
    if source is not None:
        (tmp_path / "mine.py").write_text(source)
        options = ["--solution", str(tmp_path / "mine.py")]
    done = ran(MINI / "tests" / "exercises" / "numbers" / "test_clamp.py", *options)
    told = {line.split("::")[1].split()[0] for line in done.stdout.splitlines() if line.startswith("FAILED")}
    assert told >= failed
    assert bool(told) == bool(failed) == bool(done.returncode), done.stdout


def test_fixtures_and_seeds(tmp_path: Path) -> None:
    suite = tmp_path / "tests" / "exercises" / "words" / "test_frequencies.py"
    suite.parent.mkdir(parents=True)
    suite.write_text(PROBE)
    (tmp_path / "reference").symlink_to(MINI / "reference")
    (tmp_path / "exercises").symlink_to(MINI / "exercises")
    shown = []
    for options in ([], [], ["--seed", "1"]):
        done = ran(suite, *options)
        assert done.returncode == 0, done.stdout
        shown.append(next(line for line in done.stdout.splitlines() if line.startswith("SHOWN")))
    assert shown[0] == shown[1]
    assert shown[0].endswith("['poem.txt'] {'a': 2, 'b': 1}")
    assert all(a != b for a, b in zip(shown[0].split()[1:4], shown[2].split()[1:4], strict=True))
