"""What a test gets without asking, and what is asked of it.

**Async tests** need no marker and no runner (pytest-asyncio, auto mode): write `async def test_x(): ...`; async fixtures work.

**In `tests/verbs`, `tests/parity` and `tests/contract`** each of them runs once per kind of loop, with the ids `stock`, `uvloop`,
`eager` (3.12+) and `debug` (see `tests/loops.py`); elsewhere once, on the stock loop. There (see `tests/watch.py`):

- the fixture `loop_kind` is the name of the kind; a test for some kinds only says
  `@pytest.mark.asyncio(loop_factories=["stock", "eager"])`: a kind that this interpreter has not is skipped;
- the very moment the test function is over no task may be left that was not there when it began, cancelled and unfinished
  ones included;
- nothing may reach the loop's exception handler that the test did not take itself (by setting a handler of its own):
  "exception was never retrieved", "task was destroyed but it is pending", and the like. The collector is run before this is
  looked at; "coroutine was never awaited" fails the test because warnings are errors.

**`@pytest.mark.virtual_time`** gives any async test a loop whose clock jumps to the next timer when nothing is ready:
`await asyncio.sleep(3600)` returns at once. Not on uvloop; not with threads or processes.

**Sync tests** that run loops of their own take the fixture `loop_factory` (one test per kind, same ids), for
`asyncio.Runner(loop_factory=loop_factory)`, or import `LOOPS` from `tests.loops`.

**The fixture `folder`** is an empty folder, the current one; the modules that a test makes and imports there are forgotten.

**`@pytest.mark.heavy`**: Ray, Dask, a browser, crash loops, the demo: runs on one interpreter only. A test that takes longer than
120 s fails; `@pytest.mark.timeout(300)` moves that. `pytester` is there for tests of plugins.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import hypothesis
import pytest
from pytest_asyncio.plugin import PytestAsyncioFunction

from tests.loops import LOOPS, VIRTUAL_LOOPS
from tests.watch import watched

TESTS = Path(__file__).parent
EVERY_LOOP = tuple(TESTS / room for room in ("verbs", "parity", "contract"))

# A slow machine is no failure; a red CI run must be the same run again on the next try.
hypothesis.settings.register_profile("corral", deadline=None, print_blob=True, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("corral")

# A shell starts what runs in its background deaf to Ctrl-C, and every child inherits that: these tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _on_every_loop(item: pytest.Item) -> bool:
    return any(item.path.is_relative_to(room) for room in EVERY_LOOP)


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Which loops an async test runs on: pytest-asyncio asks this for each."""
    loops = VIRTUAL_LOOPS if item.get_closest_marker("virtual_time") else LOOPS
    return loops if _on_every_loop(item) else {"stock": loops["stock"]}


def pytest_itemcollected(item: pytest.Item) -> None:
    """Puts the watch around each async test of the matrix rooms."""
    if isinstance(item, PytestAsyncioFunction) and _on_every_loop(item):
        if hasattr(item.obj, "hypothesis"):
            item.obj.hypothesis.inner_test = watched(item.obj.hypothesis.inner_test)
        else:
            item.obj = watched(item.obj)


def pytest_collection_finish() -> None:
    """Keeps the collector's walk after every test short: what is alive now lives to the end anyway."""
    gc.collect()
    gc.freeze()


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """The same for what a file of tests has imported: Ray and pandas would cost every later test of the verbs its walk."""
    if nextitem is not None and nextitem.path != item.path:
        pytest_collection_finish()


@pytest.fixture
def loop_kind(request: pytest.FixtureRequest) -> str:
    """The kind of loop this test runs on: a key of `LOOPS`."""
    factory = request.getfixturevalue("_asyncio_loop_factory")
    return next(kind for loops in (LOOPS, VIRTUAL_LOOPS) for kind, make in loops.items() if make is factory)


@pytest.fixture(params=LOOPS)
def loop_factory(request: pytest.FixtureRequest) -> Callable[[], asyncio.AbstractEventLoop]:
    """For a sync test that runs loops of its own: each kind in turn."""
    return LOOPS[request.param]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder, the current one, and forgotten with all that was imported from it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(f"{tmp_path}{os.sep}"):
            del sys.modules[name]
