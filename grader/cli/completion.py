"""`gradlings completion SHELL`: click's completion script for that shell."""

from __future__ import annotations

import sys

import click

INSTALL = {
    "bash": 'add to ~/.bashrc:  eval "$(gradlings completion bash)"',
    "zsh": 'add to ~/.zshrc:  eval "$(gradlings completion zsh)"',
    "fish": "run once:  gradlings completion fish > ~/.config/fish/completions/gradlings.fish",
}


@click.command("completion")
@click.argument("shell", type=click.Choice(list(INSTALL)))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script of your shell.

    Commands, options and exercises complete. On a terminal it also tells how to install it.
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"click has no completion for {shell}.", ctx)
    script = found(ctx.find_root().command, {}, "gradlings", "_GRADLINGS_COMPLETE").source()
    click.echo(script, nl=False)
    if sys.stdout.isatty():
        click.echo(f"\nTo install it, {INSTALL[shell]}", err=True)
