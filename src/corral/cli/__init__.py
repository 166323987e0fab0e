"""The command `corral`: each subcommand is a module of this package, imported only when it is asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

# What subcommands import, and the extra of this distribution that brings it.
EXTRAS = {
    "typer": "cli",
    "rich": "cli",
    "markdown_it": "cli",
    "pygments": "cli",
    "msgspec": "cli",
    "pygls": "lsp",
    "lsprotocol": "lsp",
}


class CommandUnavailable(Exception):
    """A subcommand cannot be used in this installation; the message says what to do about it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command `corral` with `argv` (default: `sys.argv[1:]`) and return its exit status.

    Fails: never; 0 is success, 1 findings or failed inputs, 2 a mistake in the call or in the installation.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    chosen = _chosen(arguments)
    try:
        if arguments[:1] == ["check"] and (status := _check(arguments[1:])) is not None:
            return status
        try:
            from corral.cli._app import application
        except ModuleNotFoundError as error:
            raise unavailable(chosen, error) from error
        return int(application(chosen)(arguments, prog_name="corral", obj=arguments))  # which ends in a SystemExit
    except CommandUnavailable as error:
        print(f"corral: {error}", file=sys.stderr)
        return 2
    except SystemExit as stop:
        if stop.code is None or isinstance(stop.code, int):
            return stop.code or 0
        print(stop.code, file=sys.stderr)  # as the interpreter does
        return 1


def _check(arguments: Sequence[str]) -> int | None:
    """`corral check` without typer, which would take longer than the check; None when typer is needed to say something."""
    from corral.cli.check_call import Mistake, perform
    from corral.cli.check_quick import read

    if (call := read(arguments)) is None or "_CORRAL_COMPLETE" in os.environ:
        return None
    try:
        return perform(call)
    except Mistake:
        return None
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Nobody reads any more; what is still in the buffer must not be complained about when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def unavailable(name: str, error: ModuleNotFoundError) -> CommandUnavailable:
    """The error for `corral NAME` when a module that it imports is not there."""
    command = f"corral {name}".rstrip()
    package = (error.name or "?").partition(".")[0]
    extra = EXTRAS.get(package)
    install = f"pip install 'corral[{extra}]'" if extra else f"pip install {package}"
    return CommandUnavailable(f"`{command}` needs {package!r}, which is not installed: {install}")


def _chosen(arguments: Sequence[str]) -> str:
    # Shell completion passes the line typed so far in the environment, and no arguments.
    typed = os.environ.get("_TYPER_COMPLETE_ARGS") or os.environ.get("COMP_WORDS")
    if "_CORRAL_COMPLETE" in os.environ and typed:
        arguments = typed.split()[1:]
    return next((word for word in arguments if not word.startswith("-")), "")
