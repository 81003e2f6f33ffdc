"""Says what `reset` and `restore` did with the learner's file, and where its former content is."""

from __future__ import annotations

import click

from grader.cli.plain import print_json, shown_path
from grader.session import Replaced


def tell(done: Replaced, what: str, as_json: bool) -> None:
    """Print what became of the file: `what` continues its name."""
    kept = done.kept.sequence if done.kept else None
    if as_json:
        print_json(
            {
                "schema": 1,
                "exercise": done.exercise,
                "file": str(done.path),
                "kept": kept,
                "set_aside": str(done.set_aside) if done.set_aside else None,
            }
        )
        return
    click.echo(f"{shown_path(done.path)} {what}.")
    if kept is not None:
        click.echo(f"What it held is attempt {kept}: `gradlings restore {done.exercise} {kept}` brings it back.")
    if done.set_aside is not None:
        click.echo(f"What it held was no text, so it was moved to {shown_path(done.set_aside)}.")
