"""`gradlings course test`: one suite in one process, for an author with a debugger."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

from grader.cli.options import course_option


@click.command("test", context_settings={"ignore_unknown_options": True})
@click.argument("exercise")
@click.option(
    "--solution", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Default: the reference."
)
@click.option("--seed", default=0, show_default=True, help="Varies the random inputs of the suite.")
@course_option
@click.argument("pytest_arguments", nargs=-1, type=click.UNPROCESSED)
def command(
    exercise: str, solution: Path | None, seed: int, course: str | None, pytest_arguments: tuple[str, ...]
) -> None:
    """Run the suite of EXERCISE on the reference, or on any file, under plain pytest in one process.

    No sandbox, no cell: for your own code only. What follows is given to pytest, such as --pdb or -k NAME.
    """
    from grader.course.names import resolve
    from grader.course.read import find_course

    found = find_course(course)
    id = resolve(found, exercise)
    command = [
        *(
            sys.executable,
            "-m",
            "pytest",
            "-c",
            "/dev/null",
            "--import-mode=importlib",
            "--noconftest",
            "-p",
            "no:cacheprovider",
        ),
        *("-p", "grader.testing.plugin", "--seed", str(seed), f"--rootdir={found.root}"),
        *(("--solution", str(solution.resolve())) if solution else ()),
        str(found.suite(id)),
        *pytest_arguments,
    ]
    sys.exit(1 if subprocess.run(command, check=False).returncode else 0)
