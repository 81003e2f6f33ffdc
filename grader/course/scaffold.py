"""What `init` writes besides the course's own files: a README and the settings of VS Code. No I/O."""

from __future__ import annotations

import sys
from typing import Any

from grader.model import Course

README = """\
# {title}

Your workspace. The files to edit are in `exercises/`, a folder for each topic; each begins with what is
asked.

    gradlings watch            grades every file you save; leave it running beside your editor
    gradlings run              grades the current exercise once
    gradlings hint             the next hint, from the idea to the line
    gradlings list             where you are
    gradlings review           what you passed and should practise again, from a blank stub in `review/`
    gradlings history          everything you had graded; `gradlings restore` brings any of it back

In VS Code, "Run Task" starts the watch, the run button runs the open file, and F5 debugs it.

Your progress is in `progress.db`: keep it when you move or back up this folder. `.gradlings/` holds the stubs
your files were copied from, so that `gradlings update` can tell what you have edited. Nothing you wrote is
ever overwritten.
"""


def scaffold(course: Course) -> dict[str, bytes]:
    """The files by their path in the workspace."""
    return {
        "README.md": README.format(title=course.title).encode(),
        ".gitignore": b".gradlings/grader.lock\n__pycache__/\nprogress.db-*\n",
        ".vscode/settings.json": _json(_settings()),
        ".vscode/launch.json": _json(_launch()),
        ".vscode/tasks.json": _json(_tasks()),
    }


def _settings() -> dict[str, Any]:
    # The interpreter that gradlings runs in has the course's libraries, so the run button can import them.
    return {
        "python.defaultInterpreterPath": sys.executable,
        "python.terminal.activateEnvironment": True,
        "python.testing.pytestEnabled": False,
        # Exercises import earlier ones by their ids: `from attention.masking import ...`.
        "python.analysis.extraPaths": ["./exercises"],
        **{
            f"terminal.integrated.env.{system}": {"PYTHONPATH": "${workspaceFolder}/exercises"}
            for system in ("linux", "osx", "windows")
        },
        "files.exclude": {".gradlings": True, "progress.db*": True, "**/__pycache__": True},
    }


def _launch() -> dict[str, Any]:
    return {
        "version": "0.2.0",
        "configurations": [
            {
                "name": "Debug this exercise",
                "type": "debugpy",
                "request": "launch",
                "program": "${file}",
                "cwd": "${fileDirname}",
                "env": {"PYTHONPATH": "${workspaceFolder}/exercises"},
                "console": "integratedTerminal",
                "justMyCode": True,
            }
        ],
    }


def _tasks() -> dict[str, Any]:
    def task(label: str, *args: str, **more: Any) -> dict[str, Any]:
        return {
            "label": label,
            "type": "process",
            "command": sys.executable,
            "args": ["-m", "grader.cli", *args],
            "options": {"cwd": "${workspaceFolder}"},
            "problemMatcher": [],
            "presentation": {"clear": True, "focus": False},
            **more,
        }

    return {
        "version": "2.0.0",
        "tasks": [
            task("gradlings: grade this file", "run", "${file}", group={"kind": "test", "isDefault": True}),
            task("gradlings: watch", "watch", group={"kind": "build", "isDefault": True}, isBackground=True),
            task("gradlings: hint for this file", "hint", "${file}"),
        ],
    }


def _json(value: dict[str, Any]) -> bytes:
    import json  # only where a workspace is made

    return (json.dumps(value, indent=2) + "\n").encode()
