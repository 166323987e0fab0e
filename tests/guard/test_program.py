"""`python -m corral.guard`: a program as it is, under its own name, with the guard on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from corral.guard.__main__ import main

LEAKY = """
import asyncio, sys

async def main():
    asyncio.create_task(asyncio.sleep(3600), name="left")
    await asyncio.sleep(0)

if __name__ == "__main__":
    print(__name__, sys.argv[1:], sys.path[0])
    asyncio.run(main())
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """In a folder, as a person would."""
    command = [sys.executable, "-m", "corral.guard", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A script, a module and a package that leak."""
    (tmp_path / "script.py").write_text(LEAKY)
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "__main__.py").write_text(LEAKY)
    return tmp_path


def test_script_runs_as_itself(project: Path) -> None:
    """It is `__main__`, has its own arguments and its own folder on the path; its leak is told, and its status is its own."""
    done = run(project, "script.py", "--policy", "mine")
    assert done.stdout == f"__main__ ['--policy', 'mine'] {project}\n"
    assert (
        "script.py:5: LeakWarning: TG001 lost-task: task 'left' (sleep) was still running when its loop ended"
        in done.stderr
    )
    assert done.returncode == 0


def test_package_runs_as_itself(project: Path) -> None:
    """`-m package` runs it as `python -m package` does."""
    done = run(project, "-m", "package", "-m", "mine")
    assert done.stdout == f"__main__ ['-m', 'mine'] {project}\n"
    assert "TG001 lost-task: task 'left'" in done.stderr


@pytest.mark.parametrize(
    ("options", "status", "told"),
    [
        (["--policy=raise"], 1, "TG001 lost-task"),
        (["--policy", "raise"], 1, "TG001 lost-task"),
        (["--policy", "cancel"], 0, ""),
        (["--allow", "left"], 0, ""),
        (["--allow=nothing", "--allow=*/script.py", "--policy=raise"], 0, ""),
        (["--grace", "0.5"], 0, "TG001 lost-task"),
    ],
)
def test_options_are_the_guards(options: list[str], status: int, told: str, project: Path) -> None:
    """Policies, patterns and the grace come before the program; leaks under "raise" make the status 1."""
    done = run(project, *options, "script.py")
    assert done.returncode == status, done.stderr
    assert told in done.stderr if told else not done.stderr


def test_leak_of_a_loop_that_nobody_closes_makes_the_status_1(tmp_path: Path) -> None:
    """Under "raise" it is told when the program is over, with all its lines."""
    path = tmp_path / "script.py"
    path.write_text(
        "import asyncio\nasync def main():\n    global kept\n    kept = asyncio.create_task(asyncio.sleep(0), name='left')\n"
        "loop = asyncio.new_event_loop()\nloop.run_until_complete(main())\n"
    )
    done = run(tmp_path, "--policy=raise", "script.py")
    assert done.returncode == 1
    told = "TG001 lost-task: task 'left' (sleep) was still running when its loop ended\n  made at: "
    assert done.stderr.startswith(told)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("source", "status", "stderr"),
    [
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit()", 0, ""),
        ("import sys; sys.exit('no')", 1, "no\n"),
        (
            "raise ValueError('mine')",
            1,
            "Traceback (most recent call last):\n  File \"{path}\", line 1, in <module>\n    raise ValueError('mine')\nValueError: mine\n",
        ),
        ("import sys; sys.exit(True)", 1, ""),
    ],
)
def test_status_is_the_programs(
    source: str,
    status: int,
    stderr: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It exits as it would alone, and a traceback begins with its own lines."""
    path = tmp_path / "script.py"
    path.write_text(source)
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setattr(sys, "path", sys.path[:])
    assert main([str(path)]) == status
    assert capsys.readouterr().err == stderr.format(path=path)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "expected a program: program.py, or -m package"),
        (["nowhere.py"], "there is no nowhere.py"),
        (["--policy", "explode", "script.py"], "invalid choice: 'explode'"),
        (["--grace", "soon", "script.py"], "invalid float value: 'soon'"),
        (["--grace", "-1", "script.py"], "expected seconds, or None for never, as grace, got -1.0"),
        (["-m"], "expected one argument"),
    ],
)
def test_bad_usage_is_told(
    arguments: list[str],
    complaint: str,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A mistake on the command line is a sentence and the status 2, before the program is touched."""
    monkeypatch.chdir(project)
    try:
        status: object = main(arguments)
    except SystemExit as leaving:  # argparse's way
        status = leaving.code
    written = capsys.readouterr()
    assert status == 2
    assert complaint in written.err
    assert not written.out


def test_module_that_is_not_there_is_told(project: Path) -> None:
    """As `python -m` does."""
    done = run(project, "-m", "nowhere")
    assert done.returncode == 1
    assert "No module named nowhere" in done.stderr


def test_interrupt_is_the_programs(tmp_path: Path) -> None:
    """Ctrl-C reaches the program, which ends as a program that was interrupted does."""
    path = tmp_path / "script.py"
    path.write_text(
        "import asyncio, os, signal\nasync def main():\n    os.kill(os.getpid(), signal.SIGINT)\n"
        "    await asyncio.sleep(60)\nasyncio.run(main())\n"
    )
    done = run(tmp_path, "script.py")
    assert done.returncode in {-2, 130}
    assert done.stderr.splitlines()[-1] == "KeyboardInterrupt"


def test_pytest_can_be_the_program(tmp_path: Path) -> None:
    """`python -m corral.guard -m pytest` guards a run of tests like any other program."""
    (tmp_path / "test_it.py").write_text("import asyncio\ndef test_it():\n    asyncio.run(asyncio.sleep(0))\n")
    done = run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
