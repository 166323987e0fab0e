"""Every hazard is reported, and nothing else is, on every kind of loop."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from corral.guard import Report, install, run
from corral.guard.catalogue import CODE_OF
from tests.guard import hazards
from tests.loops import LOOPS

PROGRAM = Path(hazards.__file__)
PROGRAMS = hazards.HAZARDS | hazards.CLEAN

Loop = Callable[[], asyncio.AbstractEventLoop]

# Connections are left open on purpose, and a coroutine is dropped.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore:coroutine 'tick' was never awaited:RuntimeWarning"),
]


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    """What a hazard keeps, it keeps for its own run."""
    yield
    hazards.KEPT.clear()


@pytest.mark.parametrize("name", PROGRAMS)
def test_run_reports_hazards_and_nothing_else(name: str, loop_factory: Loop) -> None:
    """`run` tells each hazard once, by its kind, with a line of the program; of what is right it says nothing."""
    found: list[Report] = []
    run(PROGRAMS[name](), loop_factory=loop_factory, policy=found.append)
    assert [report.kind for report in found] == hazards.EXPECTED.get(name, []), found
    assert all(report.made_at is not None and report.made_at.file == hazards.__file__ for report in found)


@pytest.mark.parametrize("name", PROGRAMS)
def test_install_reports_hazards_and_nothing_else(name: str, loop_factory: Loop) -> None:
    """The same where the whole program is guarded, and the loop is somebody else's."""
    found: list[Report] = []
    with install(policy=found.append), asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(PROGRAMS[name]())
    assert [report.kind for report in found] == hazards.EXPECTED.get(name, []), found


@pytest.mark.parametrize("loop", LOOPS)
def test_programs_report_hazards_and_nothing_else(loop: str) -> None:
    """`python -m corral.guard` tells the same of a program that knows nothing of it."""
    command = [sys.executable, "-W", "ignore::ResourceWarning", "-m", "corral.guard", str(PROGRAM), "all", loop]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = dict(re.findall(r"^# (\w+)\n((?:(?!# ).*\n)*)", done.stderr, re.MULTILINE))
    warned = {name: re.findall(r"LeakWarning: (TG\d+) ", text) for name, text in told.items()}
    expected = {name: [CODE_OF[kind] for kind in hazards.EXPECTED.get(name, [])] for name in PROGRAMS}
    # A waiting gather that nobody has awaited has a code of its own.
    expected["unawaited_gather_that_waits"] = ["TG005", "TG005"]
    assert warned == expected


@pytest.mark.parametrize("name", ["orphan_that_ends", "second_failure", "results_thrown_away", "pending_at_the_end"])
def test_alone_they_are_silent(name: str) -> None:
    """What makes them hazards: asyncio itself says nothing of these, not even in debug mode."""
    command = [sys.executable, "-X", "dev", "-W", "ignore", str(PROGRAM), name, "debug"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == f"# {name}\n"
