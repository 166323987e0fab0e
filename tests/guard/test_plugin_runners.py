"""The pytest plugin under everything that runs async tests: each test that leaks fails, and no other."""

from __future__ import annotations

import json
import re
import sys
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


PLAIN = "@every\ndef test_it(name):\n    asyncio.run(run(name))"
ASYNC = "@every\nasync def test_it(name):\n    await run(name)"
UNITTEST = (
    "def method(name):\n"
    "    async def test(self): await run(name)\n"
    "    return test\n"
    "methods = {f'test_it[{name}]': method(name) for name in [*hazards.HAZARDS, *hazards.CLEAN]}\n"
    "Test = type('Test', (unittest.IsolatedAsyncioTestCase,), methods)"
)
ANYIO = "@pytest.mark.anyio\n" + ASYNC + "\n@pytest.fixture%s\ndef anyio_backend(): return 'asyncio'\n"
LOOP_OF_MODULE = "@pytest.fixture(scope='module', autouse=True)\nasync def opened(anyio_backend): yield"

# How the tests are written for what runs them, by the mode of pytest-asyncio: a process for each mode, and a file for each way.
RUNNERS = {
    "strict": {
        "asyncio_run": PLAIN,
        "unittest": UNITTEST,
        "strict": "@pytest.mark.asyncio\n" + ASYNC,
        "module_loop": "pytestmark = pytest.mark.asyncio(loop_scope='module')\n" + ASYNC,
        "anyio": ANYIO % "",
        "anyio_module_loop": ANYIO % "(scope='module')" + LOOP_OF_MODULE,
    },
    "auto": {"stock": ASYNC, "debug": ASYNC, "uvloop": ASYNC, "eager": ASYNC},
    "session loop": {"stock": ASYNC},
}
if sys.version_info < (3, 12):
    del RUNNERS["auto"]["eager"]

LOOPS = """
import asyncio, uvloop

def debug():
    loop = asyncio.new_event_loop()
    loop.set_debug(True)
    return loop

def eager():
    loop = asyncio.new_event_loop()
    loop.set_task_factory(asyncio.eager_task_factory)
    return loop

KINDS = {"stock": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop, "debug": debug, "eager": eager}

def pytest_asyncio_loop_factories(item):
    return {"only": KINDS[item.path.stem.removeprefix("test_")]}
"""
TELL = """
import gc, json, pathlib

def pytest_collection_finish():
    gc.collect()
    gc.freeze()  # the hazards call the collector again and again: it need not walk pytest each time

def pytest_runtest_logreport(report):
    told = {"id": report.nodeid, "when": report.when, "outcome": report.outcome,
            "text": chr(10).join([str(report.longrepr), *(text for _, text in report.sections)])}
    with pathlib.Path("reports.jsonl").open("a") as file:
        print(json.dumps(told), file=file)
"""


@pytest.mark.parametrize("runners", RUNNERS)
def test_leaks_fail_and_nothing_else(runners: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every hazard fails its test, with the hazard's code and a line of the test; every test that is clean passes."""
    files = RUNNERS[runners]
    pytester.makepyfile(**{f"test_{name}": HEAD + test for name, test in files.items()})
    pytester.makeconftest(TELL + (LOOPS if runners == "auto" else ""))
    mode = "strict" if runners == "strict" else "auto"
    scope = "session" if runners == "session loop" else "function"
    pytester.makeini(
        f"[pytest]\ncorral_guard=true\nasyncio_mode={mode}\nasyncio_default_fixture_loop_scope=function\n"
        f"asyncio_default_test_loop_scope={scope}\n"
    )
    # A process of its own: what the hazards lose is found by the collector there, and not in the middle of a later test.
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    others = ["cacheprovider", "hypothesispytest", "timeout", "xdist", *([] if runners == "strict" else ["anyio"])]
    pytester.runpytest_subprocess("-q", *without(*others), "-W", "ignore")
    every = [json.loads(line) for line in (pytester.path / "reports.jsonl").read_text().splitlines()]
    for name in files:
        _each_as_it_should([report for report in every if report["id"].startswith(f"test_{name}.py::")])


def _each_as_it_should(every: list[dict[str, str]]) -> None:
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
