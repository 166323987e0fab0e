"""What a thread over there keeps from one chunk or lane to the next: a loop, and the resources that were entered in it."""

from __future__ import annotations

import asyncio
import os
import selectors
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from multiprocessing import util
from time import perf_counter, thread_time
from typing import Any


class _ClockedSelector(selectors.DefaultSelector):
    """Knows how long it has waited: the rest is what the inputs cost."""

    waited = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        start = perf_counter()
        try:
            return super().select(timeout)
        finally:
            self.waited += perf_counter() - start


class Home:
    """A loop, and the resources that were entered in it."""

    def __init__(self, *, uvloop: bool) -> None:
        self._selector = None if uvloop else _ClockedSelector()
        # None of what the finalizer holds may lead back here, or it would come with the end of the process only.
        factory = _new_uvloop if self._selector is None else partial(asyncio.SelectorEventLoop, self._selector)
        self.runner: asyncio.Runner = asyncio.Runner(loop_factory=factory)
        self._resources: dict[str, tuple[AbstractAsyncContextManager[Any], Any]] = {}
        util.Finalize(self, _close_runner, args=(self.runner, self._resources), exitpriority=10)

    def busy(self) -> float:
        """Seconds so far that this thread was not waiting, by a clock that only differences mean something of."""
        return thread_time() if self._selector is None else perf_counter() - self._selector.waited

    async def resource(self, key: str, factory: Callable[[], AbstractAsyncContextManager[Any]]) -> Any:
        """What the factory's context manager gave when it was entered here: once for each key."""
        if key not in self._resources:
            manager = factory()
            self._resources[key] = manager, await manager.__aenter__()
        return self._resources[key][1]

    async def leave(self, key: str) -> None:
        """Leaves the resource of that key, if it was entered here."""
        entered = self._resources.pop(key, None)
        if entered is not None:
            await entered[0].__aexit__(None, None, None)


def _new_uvloop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()


def _close_runner(runner: asyncio.Runner, resources: dict[str, tuple[AbstractAsyncContextManager[Any], Any]]) -> None:
    async def leave_all() -> None:
        while resources:
            _, (manager, _) = resources.popitem()
            with suppress(Exception):  # nobody is left to be told
                await manager.__aexit__(None, None, None)

    if _a_loop_runs():  # the collector came by in the midst of it: two cannot run in one thread
        threading.Thread(target=_close_runner, args=(runner, resources), daemon=True).start()
        return
    with suppress(Exception):  # likewise: the process or the thread is ending
        if (
            resources
        ):  # not by `runner.run`: it asks which thread this is, which one that is ending does not know any more
            runner.get_loop().run_until_complete(leave_all())
        runner.close()


def _a_loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


#: Loops of a parent that this process was forked from: closing them would reach into the parent.
_lost: list[Any] = []


class _Here(threading.local):
    def __init__(self) -> None:
        self.homes: dict[bool, Home] = {}
        self._process = os.getpid()

    def home(self, *, uvloop: bool) -> Home:
        if self._process != os.getpid():  # forked: these loops are the parent's
            _lost.append(self.homes)
            self.homes, self._process = {}, os.getpid()
        if uvloop not in self.homes:
            self.homes[uvloop] = Home(uvloop=uvloop)
        return self.homes[uvloop]


#: What this thread keeps.
here: _Here = _Here()


def leave_resource(key: str, number: int, *, uvloop: bool) -> None:  # noqa: ARG001 - the number keeps two calls apart on Dask
    """Leaves the resource of a call of a verb, if the worker that this lands on has entered it."""
    home = here.homes.get(uvloop)
    if home is not None:
        home.runner.run(home.leave(key))
