"""`corral check --fix` and `--diff`, as their user calls them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from corral.check import fixer
from corral.check.tool import project_run
from tests.cli.command import Corral, write
from tests.cli.programs import CLEAN, DROPPED, LOST

MENDED = """\
import asyncio

from corral import spawn


async def main() -> None:
    spawn(work())
    await asyncio.sleep(1)
"""
BLOG = """\
import asyncio


async def main():
    t1 = asyncio.create_task(f(1))
    t2 = asyncio.create_task(f(2))
    t3 = asyncio.create_task(f(3))
    return await asyncio.gather(t1, t2, t3)
"""


def test_fix_mends_and_says_so(corral: Corral) -> None:
    """`--fix` writes the safe fixes; what was mended is counted, and is no finding any more."""
    write({"a.py": LOST, "b.py": CLEAN})
    done = corral("check", "--fix")
    assert (done.status, done.out) == (0, "Fixed 1 finding in 1 file.\nNo hazards found in 2 files.\n")
    assert Path("a.py").read_text() == MENDED
    assert Path("b.py").read_text() == CLEAN
    assert corral("check", "--fix", "--diff").status == 0


def test_what_cannot_be_mended_is_left_and_told(corral: Corral) -> None:
    """Findings without a fix, or with an unsafe one, stay findings after `--fix`."""
    write({"a.py": LOST, "b.py": DROPPED, "c.py": BLOG})
    done = corral("check", "--fix", "--format", "concise")
    assert done.status == 1
    assert "Fixed 1 finding in 1 file." in done.out
    assert "b.py:5:5: warning: TG004" in done.out
    assert "c.py:8:18: error: TG002 [+]" in done.out
    assert Path("c.py").read_text() == BLOG


def test_unsafe_fixes_are_made_when_they_are_asked_for(corral: Corral) -> None:
    """`--unsafe-fixes` makes of the well-known pattern the one call that does it all."""
    write({"c.py": BLOG})
    done = corral("check", "--fix", "--unsafe-fixes", "-q")
    assert (done.status, done.out) == (0, "")
    assert "return await gather_tg(f(1), f(2), f(3))\n" in Path("c.py").read_text()


def test_diff_changes_nothing_and_is_a_patch(corral: Corral) -> None:
    """`--diff` prints what `--fix` would change, in a form that `git apply` takes, with status 1 and no file touched."""
    files = {"a.py": LOST, "sub/crlf.py": LOST.replace("\n", "\r\n"), "sub/no_end.py": LOST.rstrip("\n")}
    for name, text in files.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(text.encode())
    done = corral("check", "--diff")
    assert done.status == 1
    assert "Would fix 3 findings in 3 files." in done.err
    assert {name: Path(name).read_bytes().decode() for name in files} == files
    Path("fix.patch").write_bytes(done.out.encode())
    subprocess.run(["git", "apply", "-p0", "fix.patch"], check=True)
    assert Path("a.py").read_text() == MENDED
    assert Path("sub/crlf.py").read_bytes() == MENDED.replace("\n", "\r\n").encode()
    assert Path("sub/no_end.py").read_bytes() == MENDED.rstrip("\n").encode()
    done = corral("check", "--diff")
    assert (done.status, done.out) == (0, "")


def test_hooks_can_ask_for_status_1_when_something_was_mended(corral: Corral) -> None:
    """With `--exit-non-zero-on-fix` a run that mended everything still stops the commit; the next one passes."""
    write({"a.py": LOST})
    assert corral("check", "--fix", "--exit-non-zero-on-fix").status == 1
    assert corral("check", "--fix", "--exit-non-zero-on-fix").status == 0


def test_only_what_is_chosen_is_mended(corral: Corral) -> None:
    """`--select`, `--min-level`, `# noqa` and a rule ignored for the file hold for fixes too."""
    write({"a.py": LOST, "b.py": LOST.replace("work())", "work())  # noqa: TG001"), "c.py": LOST})
    write({"pyproject.toml": "[tool.corral]\nper-file-ignores = { 'c.py' = ['TG001'] }\n"})
    assert corral("check", "--fix", "--select", "TG002").status == 0
    assert Path("a.py").read_text() == LOST
    assert corral("check", "--fix").status == 0
    assert Path("a.py").read_text() == MENDED
    assert "create_task" in Path("b.py").read_text()
    assert Path("c.py").read_text() == LOST


def test_unused_suppression_is_taken_away(corral: Corral) -> None:
    """A comment of ours that suppresses nothing goes; the codes of other checkers in it stay."""
    write({"a.py": "x = 1  # noqa: TG001\ny = 2  # noqa: E501, TG002\n"})
    assert corral("check", "--fix").status == 0
    assert Path("a.py").read_text() == "x = 1\ny = 2  # noqa: E501\n"


def test_standard_input_is_mended_to_standard_output(corral: Corral) -> None:
    """`-` with `--fix` is a filter: mended source goes out, findings and summary go to standard error."""
    done = corral("check", "-", "--fix", "--stdin-filename", "app.py", stdin=LOST.encode())
    assert (done.status, done.out) == (0, MENDED)
    assert done.err == "Fixed 1 finding in 1 file.\nNo hazards found in 1 file.\n"
    done = corral("check", "-", "--fix", stdin=CLEAN.encode())
    assert (done.status, done.out) == (0, CLEAN)
    done = corral("check", "-", "--fix", stdin=b"def f(:\n")
    assert (done.status, done.out) == (1, "def f(:\n")
    assert "TG000" in done.err


def test_standard_input_has_the_name_it_is_given(corral: Corral) -> None:
    """Findings in what `-` reads bear the name, and the name decides which settings hold."""
    done = corral("check", "-", "--stdin-filename", "app.py", "--format", "concise", stdin=LOST.encode())
    assert done.out.startswith("app.py:5:5: error: TG001")
    assert corral("check", "-", "--format", "concise", stdin=LOST.encode()).out.startswith("-:5:5: error: TG001")
    done = corral("check", "-", "--stdin-filename", "tests/test_app.py", "--format", "concise", stdin=LOST.encode())
    assert done.out.startswith("tests/test_app.py:5:5: warning: TG001")
    done = corral("check", "-", "--diff", "--stdin-filename", "app.py", stdin=LOST.encode())
    assert done.status == 1
    assert "\n+    spawn(work())\n" in done.out


@pytest.mark.parametrize("name", ["full", "json", "sarif", "html"])
def test_reports_are_about_what_is_left(corral: Corral, name: str) -> None:
    """After `--fix` every format shows the places as they are in the mended file."""
    write({"a.py": LOST + DROPPED})
    done = corral("check", "--fix", "--format", name)
    assert done.status == 1
    assert "TG004" in done.out
    assert "Nothing keeps the task" not in done.out
    if name == "json":
        assert '"row": 13' in done.out


def test_file_that_somebody_else_changes_meanwhile_is_left_alone(
    corral: Corral, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between reading and writing somebody saves the file: their text stays, and the run says so."""
    write({"a.py": LOST})
    real = fixer.fix_source

    def slow(*arguments: object, **options: object) -> object:
        mended = real(*arguments, **options)  # type: ignore[arg-type]  # passed on as it came
        Path("a.py").write_text("# theirs\n")
        return mended

    monkeypatch.setattr(fixer, "fix_source", slow)
    done = corral("check", "--fix")
    assert done.status == 1
    assert "changed by somebody else" in done.out
    assert Path("a.py").read_text() == "# theirs\n"


def test_file_that_somebody_else_mends_meanwhile_is_left_alone(corral: Corral, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between looking and mending somebody else has mended the file: there is nothing left to change, and nothing is."""
    write({"a.py": LOST})
    real = project_run.ProjectRun.mend

    def late(part: project_run.ProjectRun, **options: bool) -> None:
        Path("a.py").write_text(MENDED)
        real(part, **options)

    monkeypatch.setattr(project_run.ProjectRun, "mend", late)
    assert "Fixed" not in corral("check", "--fix").out
    assert Path("a.py").read_text() == MENDED


def test_disk_that_is_full_leaves_the_file_whole(corral: Corral, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fix that cannot be written is told, the file is as it was, and the other files are mended."""
    write({"a.py": LOST, "b.py": LOST})
    real = project_run.replace_file

    def full(path: str, *arguments: object, **options: object) -> object:
        if path == "a.py":
            raise OSError(28, "No space left on device", path)
        return real(path, *arguments, **options)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(project_run, "replace_file", full)
    done = corral("check", "--fix", "--format", "concise")
    assert done.status == 1
    assert "its fixes cannot be written: No space left on device" in done.out
    assert (Path("a.py").read_text(), Path("b.py").read_text()) == (LOST, MENDED)
