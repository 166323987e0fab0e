"""What the standard library keeps to itself is there, on this interpreter, as the guard reads it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import warnings
from asyncio import tasks
from collections.abc import Callable

import pytest

from corral.guard import private

Loop = Callable[[], asyncio.AbstractEventLoop]


async def boom() -> None:
    raise ValueError("boom")


def test_task_tells_its_coroutine(loop_factory: Loop) -> None:
    """A task knows what it runs; what has finished eagerly knows it no more, and asking does not crash."""

    async def main() -> None:
        coro = asyncio.sleep(0.001)
        waits = asyncio.ensure_future(coro)
        assert private.coro_of(waits) is coro
        ended = asyncio.ensure_future(asyncio.sleep(0))
        await asyncio.wait([waits, ended])
        assert private.coro_of(waits) is coro
        done = asyncio.ensure_future(nothing())
        assert private.coro_of(done) is (None if done.done() else done.get_coro())
        await done

    async def nothing() -> None:
        pass

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


def test_task_tells_whether_its_exception_was_retrieved(loop_factory: Loop) -> None:
    """A failure is unread until somebody asks, and can be looked at without becoming read."""

    async def main() -> None:
        task = asyncio.ensure_future(boom())
        for _ in range(3):
            await asyncio.sleep(0)
        assert private.is_unread(task)
        assert isinstance(private.exception_of(task), ValueError)
        assert private.is_unread(task)
        task.exception()
        assert not private.is_unread(task)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


def test_task_tells_what_it_waits_for(loop_factory: Loop) -> None:
    """The future that a task is suspended on, its callbacks, and the children of a gather can be read."""

    async def main() -> None:
        future = asyncio.get_running_loop().create_future()

        async def wait() -> None:
            await future

        task = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        assert private.awaited_by(task) is future
        assert private.callbacks_of(future)
        gathered = asyncio.gather(task, asyncio.sleep(0))
        children = private.children_of(gathered)
        assert children is not None
        assert children[0] is task
        assert not private.made_by_gather(task)
        assert private.made_by_gather(children[1])
        assert any(getattr(each, "__code__", None) is private.GATHER_CALLBACK for each in private.callbacks_of(task))
        future.set_result(None)
        await gathered

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


def test_names_of_the_library_are_there() -> None:
    """`gather` looks its future up in its module, and unawaited coroutines go through `warnings`."""
    assert "_GatheringFuture" in tasks.gather.__code__.co_names
    assert callable(warnings._warn_unawaited_coroutine)  # type: ignore[attr-defined]  # that is what is asked
    assert private.THREADSAFE_CALLBACK.co_name == "callback"
    assert {"future", "coro", "loop"} <= set(private.THREADSAFE_CALLBACK.co_freevars)
    assert {"outer", "children"} <= set(private.GATHER_CALLBACK.co_freevars)
    assert "fs" in private.WAIT.co_varnames


@pytest.mark.parametrize("after", [False, True])
def test_a_thread_s_future_can_change_its_class(after: bool) -> None:
    """The future that `run_coroutine_threadsafe` gives can be made one that remembers, before and after it is done."""

    class Other(concurrent.futures.Future):
        pass

    future: concurrent.futures.Future[int] = concurrent.futures.Future()
    if after:
        future.set_result(1)
    future.__class__ = Other
    if not after:
        future.set_result(1)
    assert future.result(0) == 1
