"""What several commands take: `--json`, `--course`, an exercise; and opening the session they work on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from grader.errors import GradlingsError, UsageError

if TYPE_CHECKING:
    from grader.model import Course
    from grader.session import Session

    StrParamType = click.ParamType[str]
else:
    StrParamType = click.ParamType  # generic since click 8.2 only

F = TypeVar("F", bound=Callable[..., Any])


class ExerciseType(StrParamType):
    """The name of an exercise. Converts nothing, since what it means depends on the course; completes ids."""

    name = "exercise"

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        try:
            course = course_here(ctx.params.get("course"))
        except GradlingsError:
            return []
        exercises = course.exercises.items()
        found = [item for item in exercises if item[0].startswith(incomplete)]
        named = [item for item in exercises if item[1].name.startswith(incomplete)]
        # A name without its topic completes where it can mean one exercise only: several would erase what was typed.
        return [CompletionItem(id, help=exercise.title) for id, exercise in found or (named if len(named) == 1 else [])]


EXERCISE = ExerciseType()


def exercise_argument(*, required: bool = False) -> Callable[[F], F]:
    """The argument EXERCISE."""
    return click.argument("exercise", type=EXERCISE, required=required)


def course_option(command: F) -> F:
    """`--course`: the course to use instead of the workspace's, or of the one shipped."""
    return click.option(
        "--course",
        metavar="DIR",
        help="A course: a folder, or the name of an installed one. Default: the workspace's, else the one shipped.",
    )(command)


def json_option(command: F) -> F:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else (docs/commands.md).")(
        command
    )


def need_extra(what: str, packages: Mapping[str, str], extra: str) -> None:
    """Raise UsageError where one of `packages`, by the module each brings, is not installed."""
    from importlib.util import find_spec  # `list` asks for nothing and starts without it

    missing = [name for module, name in packages.items() if find_spec(module) is None]
    if missing:
        raise UsageError(f"{what} needs {', '.join(missing)}.", f"pip install 'gradlings[{extra}]'")


def open_session(course: str | None) -> Session:
    """The session of the workspace that the current folder is in."""
    from grader.session import Session

    return Session.open(Path.cwd(), course)


def chosen(session: Session, exercise: str | None) -> str:
    """The exercise named, or the current one. Raises UsageError where all are passed and none is named."""
    if exercise is not None:
        return session.resolve(exercise)
    current = session.current()
    if current is None:
        raise UsageError(
            "Every exercise of this course is passed, so there is no current one.",
            "Name one, such as `gradlings run " + next(iter(session.course.exercises)) + "`.",
        )
    return current


def course_here(spec: str | None) -> Course:
    """The course named, else the workspace's if there is one here, else the one shipped. Raises CourseError."""
    from grader.course.read import find_course
    from grader.course.workspace import find_workspace, open_workspace

    if spec is None and find_workspace(Path.cwd()) is not None:
        return open_workspace(Path.cwd()).course
    return find_course(spec)
