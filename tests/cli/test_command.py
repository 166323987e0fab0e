"""The command as a whole: what it says of itself and of its subcommands, how it completes, what it refuses."""

from __future__ import annotations

import os
import re
import subprocess

import pytest
import typer

from corral.cli import unavailable
from corral.cli._app import COMMANDS, application
from tests.cli.command import PROCESS, Corral

# What bash sets when the tab key is pressed, beside the line so far.
BASH = {"_CORRAL_COMPLETE": "complete_bash"}


def plain(text: str) -> str:
    """Without boxes and line breaks, which depend on the width of the terminal."""
    return " ".join(re.sub(r"[╭╮╰╯│─]", " ", text).split())


def completed(line: str) -> list[str]:
    """What bash is offered at the end of a line."""
    words = line.split(" ")
    env = {**os.environ, **BASH, "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run(PROCESS, env=env, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_every_command(corral: Corral, arguments: list[str]) -> None:
    """Without a command, or asked for help, every command is listed with its one line."""
    done = corral(*arguments)
    said = plain(done.out + done.err)
    assert "Gather every coroutine; lose none." in said
    for name, summary in COMMANDS.items():
        assert f"{name} {plain(summary.replace('`', ''))}" in said


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_answers_the_questions(corral: Corral, name: str) -> None:
    """`--help` of each command: the line from the list, what it is for, each option explained, and what the exit status means."""
    command = typer.main.get_command(application(name)).commands[name]  # type: ignore[attr-defined]  # it is a group
    done = corral(name, "--help")
    said = plain(done.out)
    assert (done.status, done.err) == (0, "")
    assert plain(COMMANDS[name].replace("`", "")) in said
    assert "Exit status: 0" in said
    for option in command.params:
        assert option.name == "context" or len((option.help or "").split()) > 1, f"{name}: {option.name} has no help"


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("corral ", list(COMMANDS)),
        ("corral ch", ["check"]),
        ("corral run --lim", ["--limit"]),
        ("corral check --format sa", ["sarif"]),
        ("corral explain TG00", ["TG001", "TG002", "TG003", "TG004", "TG005", "TG006"]),
    ],
)
def test_shell_completes(line: str, offered: list[str]) -> None:
    """The tab key completes commands, options, and values that are known."""
    assert completed(line) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_completion_can_be_had_for_every_shell(corral: Corral, monkeypatch: pytest.MonkeyPatch, shell: str) -> None:
    """`--show-completion` prints a script that asks `corral` itself."""
    monkeypatch.setattr("shellingham.detect_shell", lambda *_: (shell, shell))
    done = corral("--show-completion")
    assert done.status == 0
    assert "_CORRAL_COMPLETE" in done.out


@pytest.mark.parametrize(
    ("module", "install"),
    [
        ("msgspec", "'msgspec', which is not installed: pip install 'corral[cli]'"),
        ("pygls.server", "'pygls', which is not installed: pip install 'corral[lsp]'"),
        ("aiohttp.web", "'aiohttp', which is not installed: pip install aiohttp"),
    ],
)
def test_what_is_not_installed_is_named(module: str, install: str) -> None:
    """A module that is missing is told with what to install: the extra that has it, or the package."""
    assert str(unavailable("run", ModuleNotFoundError(name=module))) == f"`corral run` needs {install}"


def test_unknown_command_is_refused(corral: Corral) -> None:
    """A command that does not exist: exit 2, named, nothing on stdout."""
    done = corral("frobnicate")
    assert (done.status, done.out) == (2, "")
    assert "frobnicate" in done.err
