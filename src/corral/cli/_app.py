"""The table of subcommands, and the one of them that was asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Annotated

import typer

from corral.cli import unavailable

# The module `corral.cli.NAME` exposes a function NAME that typer reads; its docstring starts with this line.
COMMANDS = {
    "run": "Run one async function over a million inputs, into a file that survives `kill -9`.",
    "check": "Find lost tasks and orphaned siblings in Python files, and mend them.",
    "demo": "Show what asyncio loses and what Corral keeps, on this machine.",
    "explain": "Show the page of a rule: what it finds, why that is bad, and what to write.",
    "lsp": "Serve the checker to an editor: the language server protocol over stdio.",
}


def application(chosen: str) -> typer.Typer:
    """The typer application in which only the subcommand `chosen` is loaded; the others stand there to be listed."""
    app = typer.Typer(
        name="corral",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        rich_markup_mode="markdown",
    )
    app.callback()(_corral)
    for name, summary in COMMANDS.items():
        if name == chosen:
            app.command(name)(_load(name))
        else:
            app.command(name, help=summary)(_listed)
    return app


def _load(name: str) -> Callable[..., None]:
    try:
        module = importlib.import_module(f"corral.cli.{name}")
    except ModuleNotFoundError as error:
        raise unavailable(name, error) from error
    command: Callable[..., None] = getattr(module, name)
    return command


def _listed() -> None:
    """Stands in the table for a subcommand that was not asked for, and is never called."""


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"corral {version('corral')}")
        raise typer.Exit


def _corral(
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Show the version and stop.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Gather every coroutine; lose none."""
