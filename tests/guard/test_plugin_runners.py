"""The pytest plugin under everything that runs async tests: each test that leaks fails, and no other."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from corral.guard.catalogue import CODE_OF
from tests.guard import hazards

HEAD = """
import asyncio, unittest, pytest
from tests.guard import hazards

every = pytest.mark.parametrize("name", [*hazards.HAZARDS, *hazards.CLEAN])
run = lambda name: (hazards.HAZARDS | hazards.CLEAN)[name]()

@pytest.fixture(autouse=True)
def nothing_kept():
    hazards.KEPT.clear()
"""


@dataclass(frozen=True)
class Runner:
    """What runs the tests: how they are written for it, and what pytest is told."""

    test: str
    mode: str = "strict"
    ini: str = ""
    conftest: str = ""


PLAIN = "@every\ndef test_it(name):\n    asyncio.run(run(name))"
ASYNC = "@every\nasync def test_it(name):\n    await run(name)"
FACTORIES = "import asyncio\ndef pytest_asyncio_loop_factories(item):\n    return {'only': %s}"

RUNNERS = {
    "asyncio.run": Runner(PLAIN),
    "auto": Runner(ASYNC, "auto"),
    "strict": Runner("@pytest.mark.asyncio\n" + ASYNC),
    "module loop": Runner("pytestmark = pytest.mark.asyncio(loop_scope='module')\n" + ASYNC),
    "session loop": Runner(ASYNC, "auto", "asyncio_default_test_loop_scope=session"),
    "uvloop": Runner(ASYNC, "auto", conftest="import uvloop\n" + FACTORIES % "uvloop.new_event_loop"),
    "debug": Runner(ASYNC, "auto", "asyncio_debug=true"),
    "anyio": Runner("@pytest.mark.anyio\n" + ASYNC + "\n@pytest.fixture\ndef anyio_backend(): return 'asyncio'"),
    "anyio module loop": Runner(
        "@pytest.mark.anyio\n" + ASYNC + "\n@pytest.fixture(scope='module')\ndef anyio_backend(): return 'asyncio'\n"
        "@pytest.fixture(scope='module', autouse=True)\nasync def opened(anyio_backend): yield"
    ),
    "unittest": Runner(
        "def method(name):\n"
        "    async def test(self): await run(name)\n"
        "    return test\n"
        "methods = {f'test_it[{name}]': method(name) for name in [*hazards.HAZARDS, *hazards.CLEAN]}\n"
        "Test = type('Test', (unittest.IsolatedAsyncioTestCase,), methods)"
    ),
}
if sys.version_info >= (3, 12):
    eager = (
        "import asyncio\ndef eager():\n    loop = asyncio.new_event_loop()\n"
        "    loop.set_task_factory(asyncio.eager_task_factory)\n    return loop\n"
    )
    RUNNERS["eager"] = Runner(ASYNC, "auto", conftest=eager + FACTORIES % "eager")


TELL = """
import json, pathlib

def pytest_runtest_logreport(report):
    told = {"id": report.nodeid, "when": report.when, "outcome": report.outcome,
            "text": chr(10).join([str(report.longrepr), *(text for _, text in report.sections)])}
    with pathlib.Path("reports.jsonl").open("a") as file:
        print(json.dumps(told), file=file)
"""


@pytest.mark.parametrize("name", RUNNERS)
def test_leaks_fail_and_nothing_else(name: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every hazard fails its test, with the hazard's code and a line of the test; every test that is clean passes."""
    runner = RUNNERS[name]
    pytester.makepyfile(HEAD + runner.test)
    pytester.makeconftest(TELL + runner.conftest)
    pytester.makeini(
        f"[pytest]\ncorral_guard=true\nasyncio_mode={runner.mode}\nasyncio_default_fixture_loop_scope=function\n{runner.ini}"
    )
    # A process of its own: what the hazards lose is found by the collector there, and not in the middle of a later test.
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    others = ["cacheprovider", "hypothesispytest", "timeout", "xdist", *([] if name.startswith("anyio") else ["anyio"])]
    pytester.runpytest_subprocess("-q", *without(*others), "-W", "ignore")
    every = [json.loads(line) for line in (pytester.path / "reports.jsonl").read_text().splitlines()]
    calls = [report for report in every if report["when"] == "call"]
    failed = {case(report["id"]): report["text"] for report in calls if report["outcome"] == "failed"}
    assert {case(report["id"]) for report in calls if report["outcome"] == "passed"} == set(hazards.CLEAN)
    assert set(failed) == set(hazards.HAZARDS)
    for hazard, told in failed.items():
        # anyio's plugin fails for some by itself: then what we have to say stands beside.
        codes = {CODE_OF[kind] for kind in hazards.EXPECTED[hazard]}
        assert codes <= set(re.findall(r"TG\d+", told)) or hazard == "unawaited_gather_that_waits"
        assert re.search(r"made at: .*hazards\.py:\d+ in ", told)
    assert [report["id"] for report in every if report["when"] != "call" and report["outcome"] == "failed"] == []


def without(*plugins: str) -> list[str]:
    """Arguments that leave out what these tests have no use for: to import it takes several times as long as to run them."""
    return [word for plugin in plugins for word in ("-p", f"no:{plugin}")]


def case(nodeid: str) -> str:
    """`test_it[name]` is of `name`; pytest-asyncio adds the loop's."""
    return nodeid.partition("[")[2].rstrip("]").removesuffix("-only").removeprefix("only-")
