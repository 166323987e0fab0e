"""`corral check` in processes of its own: what only a real terminal, a real pipe or a real hook shows."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.cli.command import PROCESS, Corral, process, write
from tests.cli.programs import CLEAN, LOST
from tests.cli.terminal import Terminal
from tests.house.source import ROOT


@pytest.fixture(autouse=True)
def _project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("FORCE_COLOR", "NO_COLOR", "COLUMNS", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def uncovered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What measures the coverage of a process imports half of the standard library into it."""
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)


def on_a_terminal(*arguments: str) -> str:
    """What the command writes on a terminal of its own."""
    terminal = Terminal()
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), terminal.theirs)
    process = subprocess.Popen([*PROCESS, *arguments], **streams)  # type: ignore[call-overload]  # the names are those of its streams
    shown = terminal.read(process)
    assert process.returncode == 1
    return shown


def test_error_stands_in_a_red_box_on_a_terminal() -> None:
    """On a real terminal the error is outlined in red and holds the code."""
    write({"a.py": LOST})
    shown = on_a_terminal("check", "a.py")
    assert "\x1b[31m╭─" in shown
    assert "TG001 lost-task" in shown
    assert re.search(r"\x1b\[[\d;]*31m\^{27}", shown)
    assert "Found 1 error in 1 file of 1." in shown


def test_nothing_is_coloured_for_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    """`NO_COLOR` keeps the box and takes every colour out."""
    monkeypatch.setenv("NO_COLOR", "1")
    write({"a.py": LOST})
    shown = on_a_terminal("check", "a.py")
    assert "╭─" in shown
    assert re.findall(r"\x1b\[[\d;]*3\dm", shown) == []


def test_pipe_that_closes_is_no_crash() -> None:
    """`corral check | head -1` ends without a traceback."""
    write({f"{number}.py": LOST * 20 for number in range(60)})
    command = shlex.join([*PROCESS, "check", "--format", "concise"])
    done = subprocess.run(
        ["sh", "-c", f"{command} | head -1"], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.stdout.startswith("0.py:5:5: error: TG001")
    assert "Traceback" not in done.stderr


def test_output_that_cannot_show_a_character_still_comes() -> None:
    """A terminal of ASCII gets escapes for what it cannot show."""
    write({"ü.py": LOST.replace("work()", "größe()")})
    done = subprocess.run(
        [*PROCESS, "check", "--format", "concise"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        timeout=100,
        check=False,
    )
    assert done.returncode == 1
    assert rb"\xfc.py:5:5: error: TG001" in done.stdout


def test_many_files_over_many_processes_are_one_report(corral: Corral) -> None:
    """Enough source for several processes: every finding is there, once, in order, and a second run answers from the cache alike."""
    files = {f"pkg/m{number:03}.py": LOST + "x = 'y'\n" * 800 for number in range(90)}
    write(files)
    first = process("check", "--format", "json", "--workers", "2")
    found = [(Path(each["filename"]).name, each["code"]) for each in json.loads(first.out)]
    assert found == [(Path(name).name, "TG001") for name in sorted(files)]
    assert corral("check", "--format", "json").out == first.out
    assert corral("check", "--format", "json", "--no-cache", "--workers", "1").out == first.out


def hooks() -> dict[str, dict[str, str]]:
    """`.pre-commit-hooks.yaml`: one level of keys, each with its value as it is written."""
    found: dict[str, dict[str, str]] = {}
    for block in re.split(r"(?m)^- ", (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))[1:]:
        keys = dict(re.findall(r"(?m)^ *([\w-]+): *(.+)$", block))
        found[keys["id"]] = keys
    return found


@pytest.mark.parametrize("name", ["corral-check", "corral-fix"])
def test_pre_commit_hook_runs(name: str, corral: Corral) -> None:
    """The entry of each hook, called as pre-commit calls it, passes clean files and stops at a lost task."""
    write({"a.py": LOST, "b.py": CLEAN})
    hook = hooks()[name]
    program, *arguments = shlex.split(hook["entry"])
    assert program == "corral"
    assert hook["language"] == "python"
    assert hook["require_serial"] == "true"
    assert corral(*arguments, "b.py").status == 0
    done = corral(*arguments, "a.py", "b.py")
    assert ("TG001" in done.out) == (name == "corral-check")
    assert done.status == 1


def test_pre_commit_installs_what_the_command_needs() -> None:
    """pre-commit installs no extras, so the hooks name the distributions that the command imports, with the bounds of the extra."""
    import tomllib

    extra = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"][
        "cli"
    ]
    assert hooks()
    for hook in hooks().values():
        named = json.loads(hook["additional_dependencies"])
        assert set(named) <= set(extra)
        names = {re.split(r"[<>=]", each)[0].replace("-", "_") for each in named}
        assert names == {"typer", "rich", "markdown_it_py", "pygments"}


@pytest.mark.usefixtures("uncovered")
def test_cold_start_imports_little() -> None:
    """What a run does not use it does not import: no rich, no pages, no server, and no parser of TOML where there is no file of it."""
    write({"a.py": "x = 1\n"})
    program = (
        "import sys; from corral.cli import main; main(['check', '--format', 'concise', '-q', '--no-cache']);"
        "print(sorted({'rich.console', 'markdown_it', 'pygments', 'pygls', 'lsprotocol', 'corral.job', 'corral.guard',"
        " 'corral.check.lsp', 'corral.check.report.html', 'tomllib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout == "[]\n"


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The installed command, in a process that tells at its end what it has imported."""
    (ours,) = (point for point in entry_points(group="console_scripts") if point.name == "corral")
    program = (
        f"import sys; from {ours.module} import {ours.attr} as command; status = command();"
        "print('imported:', *sorted(sys.modules), file=sys.stderr); sys.exit(status)"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=100, check=False
    )


def imported(done: subprocess.CompletedProcess[str]) -> set[str]:
    return set(done.stderr.rpartition("imported:")[2].split())


def test_check_never_imports_the_verbs() -> None:
    """The installed command checks without asyncio, cold, warm and where it is typer that answers."""
    write({"a.py": LOST})
    cold, warm = command("check", "--format", "concise"), command("check", "--format", "concise")
    assert cold.stdout == warm.stdout
    assert cold.stdout.startswith("a.py:")
    asked = command("check", "--help")
    assert "--unsafe-fixes" in asked.stdout
    for done, status in ((cold, 1), (warm, 1), (asked, 0)):
        assert done.returncode == status
        assert not imported(done) & {"asyncio", "corral.gather", "corral._engine"}


@pytest.mark.usefixtures("uncovered")
def test_known_files_need_no_rules() -> None:
    """A run that knows every file from last time imports no rule, no parser and none of what starts processes."""
    write({"a.py": LOST, "b.py": "x = 1\n"})
    heavy = {
        "ast",
        "dataclasses",
        "inspect",
        "multiprocessing",
        "tempfile",
        "corral.check.registry",
        "corral.check.fixer",
    }
    assert imported(command("check", "-q", "--format", "concise")) & heavy
    time.sleep(0.15)  # a file that has just been written is not taken as known
    command("check", "-q", "--format", "concise")
    assert not imported(command("check", "-q", "--format", "concise")) & heavy


def test_other_commands_have_the_whole_package() -> None:
    """Only `corral check` does without the verbs: whatever else there is finds the package as anybody would import it."""
    done = command("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("corral ")
    assert {"asyncio", "corral.gather"} <= imported(done)
