"""The pytest plugin: when it is on, what it lets pass, what it says, and what it leaves alone."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.guard import replaced
from tests.guard.suites import LEAKS, LEAKY, ON


def test_it_is_off(pytester: pytest.Pytester) -> None:
    """Nobody who has not asked for it has a test failed by it."""
    pytester.makeini(ON.replace("corral_guard=true", ""))
    pytester.makepyfile(LEAKY)
    result = pytester.runpytest("-q")
    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line("*corral*")


@pytest.mark.parametrize("option", ["corral_guard=true", "--corral-guard"])
def test_it_is_turned_on(option: str, pytester: pytest.Pytester) -> None:
    """Either the configuration or the command line turns it on."""
    ini, arguments = ("", ["--corral-guard"]) if option.startswith("-") else (option, [])
    pytester.makeini(ON.replace("corral_guard=true", ini))
    pytester.makepyfile(LEAKY)
    pytester.runpytest("-q", *arguments).assert_outcomes(passed=1, failed=1)


def test_off_it_imports_nothing(tmp_path: Path) -> None:
    """In the pytest runs of those who have it installed and do not use it, it costs the import of one small module."""
    (ours,) = (point for point in entry_points(group="pytest11") if point.name == "corral-guard")
    program = (
        f"import sys, pytest; before = set(sys.modules); import {ours.value}\n"
        "print('imported:', *sorted(set(sys.modules) - before))\n"
        "class Check:\n"
        "    def pytest_collection_finish(self): print('loaded:', *sorted(sys.modules))\n"
        f"pytest.main(['-q', '-p', '{ours.value}', '--collect-only', '-c', '/dev/null', '{tmp_path}'], plugins=[Check()])\n"
    )
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=alone)
    said = dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line)
    assert said["imported"] == ours.value
    assert [name for name in said["loaded"].split() if name.partition(".")[0] == "corral"] == []


def test_it_goes_by_another_name_where_plugins_are_not_loaded(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`-p corral.guard.pytest_plugin` is the same plugin."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(LEAKS + "\ndef test_leaky(): asyncio.run(drop())\n")
    result = pytester.runpytest("-q", "-p", "corral.guard.pytest_plugin", "--corral-guard")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*TG001 lost-task*"])


def test_leaks_can_be_allowed_with_a_reason(on: pytest.Pytester) -> None:
    """`allow_leaks` lets a test leak, in a class or module too; without a reason it is a mistake of usage."""
    on.makepyfile(
        LEAKS
        + "\nimport pytest\n@pytest.mark.allow_leaks(reason='the cache outlives us')\nasync def test_leaky(): await drop()\n"
        "@pytest.mark.allow_leaks('shared')\nclass TestAll:\n    async def test_leaky(self): await drop()\n"
    )
    on.runpytest("-q", "--strict-markers").assert_outcomes(passed=2)
    on.makepyfile(LEAKS + "\nimport pytest\n@pytest.mark.allow_leaks\nasync def test_leaky(): await drop()\n")
    result = on.runpytest("-q")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*test_leaky: allow_leaks needs a reason: allow_leaks(reason='...')"])


@pytest.mark.parametrize("pattern", ["heartbeat-*", "Client.beat", "*/client.py", "Client.start"])
def test_known_background_tasks_are_allowed(pattern: str, on: pytest.Pytester) -> None:
    """`corral_guard_allow` takes patterns of task names, coroutines, files and functions."""
    on.makeini(f"{ON}corral_guard_allow =\n    nothing\n    {pattern}\npythonpath=.\n")
    on.makepyfile(
        client="""
import asyncio
class Client:
    async def beat(self):
        await asyncio.sleep(3600)
    def start(self):
        asyncio.create_task(self.beat(), name="heartbeat-1")
"""
    )
    on.makepyfile(
        LEAKS + "\nfrom client import Client\nasync def test_1(): Client().start()\nasync def test_2(): await drop()\n"
    )
    on.runpytest("-q").assert_outcomes(passed=1, failed=1)


def test_fixtures_may_clean_up(on: pytest.Pytester) -> None:
    """What a fixture stops when it is torn down is no leak; nor is what a fixture of many tests has started."""
    on.makepyfile(
        """
import asyncio, pytest, pytest_asyncio

@pytest.fixture
async def server():
    task = asyncio.create_task(asyncio.sleep(3600))
    yield task
    task.cancel()

@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared():
    task = asyncio.create_task(asyncio.sleep(3600))
    yield task
    task.cancel()

@pytest.fixture
async def leaky():
    asyncio.create_task(asyncio.sleep(3600))

async def test_1(server): await asyncio.sleep(0)
@pytest.mark.asyncio(loop_scope="module")
async def test_2(shared): await asyncio.sleep(0)
@pytest.mark.asyncio(loop_scope="module")
async def test_3(shared): asyncio.create_task(asyncio.sleep(3600))
@pytest.mark.asyncio(loop_scope="module")
async def test_4(shared): await asyncio.sleep(0)
async def test_5(leaky): await asyncio.sleep(0)
"""
    )
    result = on.runpytest("-v")
    result.assert_outcomes(passed=3, failed=2)
    result.stdout.fnmatch_lines(["*test_3 FAILED*", "*test_4 PASSED*", "*test_5 FAILED*"])


def test_run_stops_at_the_first_leak(on: pytest.Pytester) -> None:
    """`-x` stops at a test that leaks, as at any that fails, and the fixtures are torn down."""
    on.makepyfile(
        LEAKS + "\nimport pytest\n@pytest.fixture(scope='module')\ndef shared():\n    yield\n    print('torn down')\n"
        "async def test_leaky(shared): await drop()\nasync def test_clean(shared): pass\n"
    )
    result = on.runpytest("-q", "-x", "-s")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*torn down*"])


def test_expected_failures_may_be_leaks(on: pytest.Pytester) -> None:
    """A test that is marked to fail fails by its leak, too; one that is skipped in the middle stays skipped."""
    on.makepyfile(
        LEAKS + "\nimport pytest\n@pytest.mark.xfail\nasync def test_1(): await drop()\n"
        "@pytest.mark.xfail\nasync def test_2(): await drop(); assert 0\n"
        "async def test_3():\n    await drop()\n    pytest.skip('enough')\n"
    )
    on.runpytest("-q").assert_outcomes(xfailed=2, skipped=1)


def test_subtests_are_left_alone(on: pytest.Pytester) -> None:
    """The reports of subtests are pytest's business; the test they belong to answers for the leaks, once."""
    on.makepyfile(
        LEAKS
        + "\nasync def test_it(subtests):\n    for number in range(3):\n        with subtests.test(number=number):\n"
        "            await drop()\n            assert number != 1\n"
        "async def test_clean(subtests):\n    with subtests.test():\n        await asyncio.sleep(0)\n"
    )
    result = on.runpytest("-q", "-rA")
    text = result.stdout.str()
    assert "corral guard: 3 leaks, made by 1 line" in text
    assert text.count("assert 1 != 1") >= 1
    result.stdout.fnmatch_lines(["FAILED *::test_it - TG001*"])
    result.stdout.no_fnmatch_line("FAILED *::test_clean*")


def test_another_runner_of_tests_keeps_its_work(on: pytest.Pytester) -> None:
    """Where another plugin runs the tests, it goes on doing so: then the phase in which a leak is found fails."""
    on.makeconftest(
        """
from _pytest.runner import runtestprotocol
def pytest_runtest_protocol(item, nextitem):
    if item.name == "test_4":
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for _ in range(2):
        runtestprotocol(item, nextitem=nextitem)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
"""
    )
    on.makepyfile(
        LEAKS + "\ndef test_1(): asyncio.run(drop())\nasync def test_2(): await drop()\nasync def test_3(): pass\n"
        "async def test_4(): await drop()\n"
    )
    result = on.runpytest("-q")
    # test_1 leaks in its call; of test_2 the call had passed already when its teardown found the leak; test_4 is left to pytest.
    result.assert_outcomes(failed=2 + 1, passed=2 + 2, errors=2)


def test_warnings_are_the_suites_own(on: pytest.Pytester) -> None:
    """Filters work as before: nothing of the guard's warns, and a test that looks for a coroutine's own warning may drop it."""
    on.makeini(ON + "filterwarnings=error\n")
    on.makepyfile(
        LEAKS + "\nimport warnings, pytest\nasync def test_1(): await drop()\n"
        "async def test_2():\n    with pytest.raises(UserWarning): warnings.warn('mine')\n"
        "async def test_3():\n    with warnings.catch_warnings(record=True) as caught:\n        warnings.simplefilter('always')\n"
        "        asyncio.sleep(1)\n    assert [str(each.message)[:30] for each in caught] == [\"coroutine 'sleep' was never aw\"]\n"
        "async def test_4():\n    with pytest.warns(RuntimeWarning, match='never awaited'): asyncio.sleep(1)\n"
        "@pytest.mark.filterwarnings('ignore')\nasync def test_5(): asyncio.sleep(1)\n"
    )
    result = on.runpytest("-q")
    result.assert_outcomes(failed=2, passed=3)
    result.stdout.fnmatch_lines(
        ["*TG005 unawaited-gather: the coroutine sleep was never awaited", "*made at: *:* in test_5"]
    )
    result.stdout.no_fnmatch_line("*LeakWarning*")


def test_fork_and_threads_in_a_test(on: pytest.Pytester) -> None:
    """A child process of a test reports nothing of its parent's; a loop in another thread is guarded like any other."""
    on.makepyfile(
        LEAKS
        + """
import os, threading
async def test_fork():
    task = asyncio.create_task(asyncio.sleep(3600))
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    task.cancel()
def test_thread():
    thread = threading.Thread(target=lambda: asyncio.run(drop()))
    thread.start()
    thread.join()
"""
    )
    on.runpytest("-q", "-W", "ignore::DeprecationWarning").assert_outcomes(passed=1, failed=1)


def test_loop_of_another_thread_is_left_running(on: pytest.Pytester) -> None:
    """A loop that a fixture runs in a thread goes on beyond every test, and what runs on it is nobody's leak."""
    on.makepyfile(
        LEAKS
        + """
import threading, pytest

@pytest.fixture(scope="module", autouse=True)
def background():
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()

def test_1(background): assert background.is_running()

async def test_2(): await drop()
"""
    )
    on.runpytest("-q").assert_outcomes(passed=1, failed=1)


def test_all_is_as_it_was_when_the_run_is_over(on: pytest.Pytester) -> None:
    """The guard of a run ends with it: asyncio is as pytest found it."""
    before = [*replaced.by_an_installation(), *replaced.by_a_block()]
    on.makepyfile(LEAKY)
    on.runpytest("-q").assert_outcomes(passed=1, failed=1)
    assert [*replaced.by_an_installation(), *replaced.by_a_block()] == before
