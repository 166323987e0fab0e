"""What a test gets without asking, and what is asked of it.

**Async tests** need no marker and no runner (pytest-asyncio, auto mode): write `async def test_x(): ...`; async fixtures work.

**In `tests/verbs`, `tests/parity` and `tests/contract`** each of them runs once per kind of loop, with the ids `stock`, `uvloop`,
`eager` (3.12+) and `debug` (see `tests/loops.py`); elsewhere once, on the stock loop. There:

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
import functools
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from pytest_asyncio.plugin import PytestAsyncioFunction

from tests.loops import LOOPS, VIRTUAL_LOOPS

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
            item.obj.hypothesis.inner_test = _watched(item.obj.hypothesis.inner_test)
        else:
            item.obj = _watched(item.obj)


def pytest_collection_finish() -> None:
    """Keeps the collector's walk after every test short: what is alive now lives to the end anyway."""
    gc.collect()
    gc.freeze()


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """The same for what a file of tests has imported: Ray and pandas would cost every later test of the verbs its walk."""
    if nextitem is not None and nextitem.path != item.path:
        pytest_collection_finish()


def _watched(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    if hasattr(test, "watched"):  # parametrized tests share one function
        return test

    @functools.wraps(test)
    async def watched(*args: Any, **kwargs: Any) -> None:
        loop = asyncio.get_running_loop()
        reports: list[dict[str, Any]] = []

        def report(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            reports.append(context)

        loop.set_exception_handler(report)
        before = asyncio.all_tasks()
        await test(*args, **kwargs)
        # Before anything else steps: a task that was cancelled but not awaited is still there now, and gone one turn later.
        _no_task_but(before, "was still running when the test ended")
        loop.set_exception_handler(report)
        gc.collect()
        await asyncio.sleep(0)  # the hook that closes a dropped async generator needs one turn to make its task
        _no_task_but(before, "closes an async generator that was dropped without `aclose()`")
        assert not reports, f"reported to the loop's exception handler: {reports}"

    watched.watched = True  # type: ignore[attr-defined]  # a mark on a function
    return watched


def _no_task_but(before: set[asyncio.Task[Any]], complaint: str) -> None:
    left = asyncio.all_tasks() - before
    assert not left, f"{complaint}: {left}"


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
