"""A wheel built from this repository, installed in a clean environment, in seconds and without a network.

Of the packages installed here the environment gets those that the wheel asks for, and what these ask for in turn, as
links in its own site-packages: no editable install, no development tool, and a dependency that is not declared is missing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parents[2]
SECONDS = 100


@dataclass(frozen=True)
class WheelEnv:
    """The environment: its root, the wheel it was made from, and a home folder of its own."""

    root: Path
    wheel: Path
    home: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.root / "bin" / "python"

    @property
    def package(self) -> Path:
        """The folder in which the package was installed."""
        return next(self.root.glob("lib/python*/site-packages")) / "grader"

    def environment(self) -> dict[str, str]:
        """What a program in it is given: nothing of the tests' own Python."""
        kept = {name: os.environ[name] for name in ("LANG", "TMPDIR") if name in os.environ}
        return {
            **kept,
            "PATH": f"{self.root / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.home),
            "OMP_NUM_THREADS": "1",
        }

    def run(self, *arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run the installed command in `cwd`, as a learner would."""
        command = [self.root / "bin" / "gradlings", *arguments]
        return subprocess.run(
            command,
            cwd=cwd,
            env=self.environment(),
            capture_output=True,
            encoding="utf-8",
            timeout=SECONDS,
            check=False,
        )


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this repository, as `python -m build` makes it."""
    folder = tmp_path_factory.mktemp("dist")
    _do(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, REPOSITORY)
    found = list(folder.glob("*.whl"))
    assert len(found) == 1, found
    return found[0]


@pytest.fixture(scope="session")
def wheel_env(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> WheelEnv:
    """A clean environment with the wheel, and only what it needs."""
    root = tmp_path_factory.mktemp("clean") / "env"
    home = tmp_path_factory.mktemp("home")
    _do(sys.executable, "-m", "venv", "--without-pip", root)
    env = WheelEnv(root, wheel, home)
    for name in sorted(needed(requirements(wheel))):
        _link(distribution(name), env.package.parent)
    pip = [sys.executable, "-m", "pip", "--python", env.python, "--disable-pip-version-check"]
    _do(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel)
    return env


def requirements(wheel: Path) -> list[str]:
    """What the wheel's metadata ask for."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = archive.read(name).decode().splitlines()
    return [line.partition(": ")[2] for line in lines if line.startswith("Requires-Dist: ")]


def needed(asked: list[str]) -> set[str]:
    """The distributions that `asked` leads to, extras left out."""
    found: set[str] = set()
    waiting = list(asked)
    while waiting:
        requirement = Requirement(waiting.pop())
        if requirement.name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        try:
            installed = distribution(requirement.name)
        except PackageNotFoundError:
            # Not for this machine (a package of the graphics card's maker, say): pip left it out as well.
            continue
        assert requirement.specifier.contains(installed.version, prereleases=True), (
            f"{requirement}: {installed.version}"
        )
        found.add(requirement.name)
        waiting += installed.requires or []
    return found


def _link(installed: Distribution, target: Path) -> None:
    for name in _top_level(installed):
        source, link = Path(str(installed.locate_file(name))).resolve(), target / name
        if not link.exists():
            link.symlink_to(source, target_is_directory=source.is_dir())


def _top_level(installed: Distribution) -> Iterator[str]:
    """The entries of site-packages that a distribution has; none that changes how Python starts."""
    names = {file.parts[0] for file in installed.files or []}
    yield from sorted(name for name in names if name not in ("..", "__pycache__") and not name.endswith(".pth"))


def _do(*command: str | Path) -> None:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
