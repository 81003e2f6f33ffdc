"""`gradlings course check`: proves a course sound."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from grader.cli.options import course_option, json_option


@click.command("check")
@click.argument("exercises", nargs=-1)
@course_option
@json_option
@click.option("--seeds", default=10, show_default=True, help="Seeds under which right solutions must pass.")
@click.option("--no-mutation", is_flag=True, help="Leave out the small edits of the reference.")
@click.option("--jobs", type=int, default=None, help="Engines at once. Default: one a core.")
def command(
    exercises: tuple[str, ...], course: str | None, as_json: bool, seeds: int, no_mutation: bool, jobs: int | None
) -> None:
    """Prove a course sound: grade stub, reference, alternatives, mistakes and mutants of every exercise (or of those named).

    Exit code 0 where nothing is wrong, 1 where something is.
    """
    from grader.authoring.check import check_course
    from grader.cli.output import make_console, print_json
    from grader.course.names import resolve
    from grader.course.read import find_course

    found = find_course(course)
    ids = [resolve(found, text) for text in exercises] or list(found.exercises)
    if as_json:
        reports = check_course(found, ids, jobs=jobs, seeds=seeds, mutation=not no_mutation)
        print_json(
            {
                "schema": 1,
                "course": found.name,
                "exercises": [
                    {**asdict(report), "sound": report.sound, "mutation_score": report.mutation_score}
                    for report in reports
                ],
            }
        )
    else:
        from grader.cli.course_report import progress, show

        with progress() as advance:
            reports = check_course(found, ids, jobs=jobs, seeds=seeds, mutation=not no_mutation, on_progress=advance)
        show(make_console(), reports)
    sys.exit(0 if all(report.sound for report in reports) else 1)
