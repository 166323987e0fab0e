"""The two readers of the arguments of `corral check` agree: the quick one, and typer's."""

from __future__ import annotations

import contextlib
import subprocess
import sys

import pytest
import typer
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from corral.cli import check as face
from corral.cli import check_quick
from corral.cli._app import application
from corral.cli.check_call import Call
from tests.cli.command import Corral, write
from tests.cli.programs import LOST

WORDS = [
    *check_quick.FLAGS,
    *check_quick.TAKE,
    *("--select=TG001", "--select=TG001,TG002", "--format=json", "--workers=2", "--config=", "-oout.txt", "-o=out.txt"),
    *(
        "TG001",
        "lost-task",
        "TG01",
        "tg001",
        "ALL",
        "note",
        "warning",
        "json",
        "xml",
        "1",
        "0",
        "-1",
        "+2",
        " 3",
        "01",
        "٣",
    ),
    *("a.py", "-", "--", "", ".", "--help", "-h", "--nope", "--sel", "-qo", "-x", "--quiet=1", "--no-quiet"),
]


def typers(arguments: list[str]) -> Call | None:
    """The call that typer makes of the arguments; None if it complains, or answers by itself."""
    made: list[Call] = []

    def record(call: Call) -> int:
        made.append(call)
        return 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(face, "perform", record)
        with contextlib.suppress(SystemExit):
            application("check")(["check", *arguments], prog_name="corral")
    return made[0] if made else None


@given(st.lists(st.sampled_from(WORDS), max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@example(["--select", "TG001,", "--select", "lost-task", "a.py"])
@example(["--output-file", "--quiet"])
@example(["-o=out.txt", "a.py"])
@example(["-o", "-q", "b.py", "--fix"])
@example(["--select", ""])
@example(["--select=", "x"])
@example(["--format", "json", "--format", "html", "--workers", "٣"])
def test_quick_reader_reads_what_typer_reads(arguments: list[str]) -> None:
    """Where the quick reader does not leave the arguments to typer, it makes the very same call of them."""
    quick = check_quick.read(arguments)
    assert quick is None or quick == typers(arguments)


def test_every_option_is_read_quickly() -> None:
    """No option of the command is one that only typer knows."""
    command = typer.main.get_command(application("check")).commands["check"]  # type: ignore[attr-defined]  # it is a group
    options = {name for parameter in command.params for name in parameter.opts if name.startswith("-")}
    assert options == {*check_quick.FLAGS, *check_quick.TAKE}


def test_check_needs_no_typer(corral: Corral) -> None:
    """A plain call imports neither typer nor what it brings along: the start is most of what a small check takes."""
    write({"a.py": LOST})
    program = (
        "import sys; from corral.cli import main; main(['check', 'a.py', '--format', 'concise', '--no-cache']);"
        "print(sorted({'typer', 'pydantic', 'click', 'rich'} & {name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(("module", "name"), [("rich", "full"), ("markdown_it", "html"), ("pygments", "html")])
def test_what_is_not_installed_is_named(
    corral: Corral, monkeypatch: pytest.MonkeyPatch, module: str, name: str
) -> None:
    """In an installation without the extra, a format that needs it says so; plain text and what programs read need nothing."""
    write({"a.py": LOST})
    for loaded in [each for each in sys.modules if each.startswith((f"{module}.", "corral.check.report."))]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setenv("FORCE_COLOR", "1")
    done = corral("check", "--format", name)
    assert (done.status, done.out) == (2, "")
    assert done.err == f"corral: `corral check` needs '{module}', which is not installed: pip install 'corral[cli]'\n"
    assert corral("check", "--format", "sarif").status == 1
