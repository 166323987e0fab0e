"""What the pytest plugin says of leaks: the failure, the summary, the baseline of those that are known."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from corral.guard import baseline
from corral.guard.ledger import Ledger
from tests.guard.suites import LEAKS, LEAKY


def test_failure_says_what_where_and_why(on: pytest.Pytester) -> None:
    """The report of a test that leaked has the hazard, the line that made the task, and what it waits on."""
    on.makepyfile(test_it=LEAKY)
    result = on.runpytest("-q")
    result.stdout.fnmatch_lines(
        [
            "*_ test_leaky _*",
            "TG001 lost-task: task '*' (sleep) was still running when the test ended",
            "*made at:  test_it.py:7 in drop",
            "*waits on: sleep(3600)",
            "*read:     corral explain TG001*",
            "FAILED test_it.py::test_leaky - TG001 lost-task: *",
        ]
    )


def test_summary_is_by_line(on: pytest.Pytester) -> None:
    """The section at the end groups leaks by the line that made them, the worst line first, with its source and its tests."""
    on.makepyfile(
        test_it=LEAKS
        + "\n".join(f"async def test_{number}(): await drop()" for number in range(7))
        + "\nasync def test_own(): asyncio.ensure_future(asyncio.sleep(1))\n"
    )
    on.runpytest("-q").stdout.fnmatch_lines(
        [
            "*corral guard: 8 leaks, made by 2 lines*",
            "test_it.py:7 in drop",
            "    asyncio.create_task(asyncio.sleep(3600))",
            "  TG001 lost-task: 7 leaks in 7 tests",
            "    test_it.py::test_0",
            "    and 2 more",
            "test_it.py:* in test_own",
            "  TG001 lost-task: 1 leak in 1 test",
        ]
    )


def test_summary_has_what_nobody_saw_made() -> None:
    """A leak without a line, and one whose file is gone, stand in the summary by what is known of them."""
    lines: list[str] = []
    terminal = SimpleNamespace(section=lambda title, sep: lines.append(title), write_line=lines.append)
    ledger = Ledger()
    ledger.add("test_1", [{"code": "TG001", "hazard": "lost-task"}])
    ledger.add("test_2", [{"code": "TG001", "hazard": "lost-task", "file": "/gone.py", "line": 7, "function": "f"}])
    ledger.print(terminal, None)
    told = "  TG001 lost-task: 1 leak in 1 test"
    first, second = ["/gone.py:7 in f", told, "    test_2"], ["made where nobody saw", told, "    test_1"]
    assert lines == ["corral guard: 2 leaks, made by 2 lines", *first, *second]


def test_baseline_fails_for_new_leaks_only(on: pytest.Pytester) -> None:
    """A baseline is written without failing; then known leaks pass, also when their lines move, and others fail."""
    on.makepyfile(test_it=LEAKY)
    written = on.runpytest("-q", "--corral-baseline=leaks.json", "--corral-write-baseline")
    written.assert_outcomes(passed=2)
    written.stdout.fnmatch_lines(["1 leak written to leaks.json"])
    assert json.loads(Path("leaks.json").read_text())["tests"] == {
        "test_it.py::test_leaky": [{"code": "TG001", "made": "test_it.py drop", "count": 1}]
    }
    on.makepyfile(test_it="# a line more\n" + LEAKY)
    known = on.runpytest("-q", "--corral-baseline=leaks.json")
    known.assert_outcomes(passed=2)
    known.stdout.fnmatch_lines(["1 leak known from leaks.json"])
    on.makepyfile(test_it=LEAKY + "\nasync def test_new(): await drop()\n")
    on.runpytest("-q", "--corral-baseline=leaks.json").assert_outcomes(passed=2, failed=1)
    on.makepyfile(test_it=LEAKY.replace("await drop()", "await drop(); await drop()", 1))
    on.runpytest("-q", "--corral-baseline=leaks.json").assert_outcomes(passed=1, failed=1)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--corral-baseline=none.json"], "*there is no baseline none.json: make it with --corral-write-baseline"),
        (["--corral-baseline=test_it.py"], "*baseline test_it.py: expected a file that --corral-write-baseline wrote*"),
        (
            ["--corral-baseline=old.json"],
            "*baseline old.json: expected a file*(version 1), got ValueError('version 0')",
        ),
        (["--corral-write-baseline"], "*--corral-write-baseline: say where, with --corral-baseline FILE"),
    ],
)
def test_bad_baselines_are_told(arguments: list[str], complaint: str, on: pytest.Pytester) -> None:
    """A baseline that is not there, or is something else, ends the run with a sentence."""
    on.makepyfile(test_it=LEAKY)
    on.makefile(".json", old='{"version": 0, "tests": {}}')
    result = on.runpytest("-q", *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([complaint])


def test_leaks_of_installed_packages_are_known_on_every_machine(tmp_path: Path) -> None:
    """A task that was made outside of the project is known by its file's name, wherever that is installed."""
    path = tmp_path / "leaks.json"
    here, there = (
        {"code": "TG001", "file": f"/{home}/site-packages/client.py", "function": "send"} for home in ("here", "there")
    )
    assert baseline.write(path, [("test_it.py::test_it", here)]) == 1
    known = baseline.read(path)
    assert known.covers("test_it.py::test_it", there)
    assert not known.covers("test_it.py::test_it", there)


@pytest.mark.heavy  # six processes, whose interpreter makes no difference
def test_workers_of_xdist_tell_one_summary(on: pytest.Pytester) -> None:
    """Under pytest-xdist the tests fail where they run; the summary and the baseline are whole."""
    on.makepyfile(test_it=LEAKY + "\nasync def test_other(): await drop()\n")
    two = ("-q", "-n2", "-p", "no:anyio", "-p", "no:hypothesispytest", "-p", "no:timeout")  # what takes long to import
    result = on.runpytest_subprocess(*two, "--corral-baseline=leaks.json", "--corral-write-baseline")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["*corral guard: 2 leaks, made by 1 line*", "2 leaks written to leaks.json"])
    on.makepyfile(test_it=LEAKY + "\nasync def test_other(): await drop(); await drop()\n")
    result = on.runpytest_subprocess(*two, "--corral-baseline=leaks.json")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*corral guard: 1 leak, made by 1 line*", "2 leaks known from leaks.json"])


def test_own_failure_comes_first(on: pytest.Pytester) -> None:
    """A test that fails by itself keeps its traceback, and is one failure; its leaks are told beside it."""
    on.makepyfile(
        "import asyncio\nasync def test_it():\n    asyncio.create_task(asyncio.sleep(3600))\n    assert 1 == 2\n"
    )
    result = on.runpytest("-q")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["E*assert 1 == 2", "*Corral guard, teardown*", "TG001 lost-task: *", "FAILED *assert 1 == 2"]
    )
