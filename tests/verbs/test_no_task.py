"""A loop that refuses to make a Task: out of memory, about to close, or under a task factory that raises."""

from __future__ import annotations

import asyncio
import gc
import inspect
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from corral import gather_tg, join_tg, map_tg, spawn
from corral._supervision import anchored
from tests.children import Lazy, returns, turns, waits
from tests.verbs.by_name import POLICIES, VERBS, run


class Refused(Exception):
    """What the loop says instead of making a Task."""


@contextmanager
def refusing(after: int, error: BaseException, which: str = "") -> Iterator[None]:
    """The running loop makes so many Tasks of coroutines with `which` in their name, and then no more."""
    loop, made = asyncio.get_running_loop(), itertools.count()
    before = loop.get_task_factory()

    def factory(loop: asyncio.AbstractEventLoop, coro: Any, **kwargs: Any) -> asyncio.Task[Any]:
        if which in coro.__qualname__ and next(made) >= after:
            raise error
        return before(loop, coro, **kwargs) if before else asyncio.Task(coro, loop=loop, **kwargs)

    loop.set_task_factory(factory)
    try:
        yield
    finally:
        loop.set_task_factory(before)


async def raised_by(call: Callable[[], Any]) -> BaseException | None:
    """What a call raises. Afterwards nothing of it is held, and a moment later none of its tasks is left."""
    before, error = asyncio.all_tasks(), None
    try:
        await call()
    except BaseException as exc:
        error = exc.with_traceback(None)
    if isinstance(error, Exception):
        assert asyncio.all_tasks() <= before
    await turns(4)
    assert asyncio.all_tasks() <= before
    gc.collect()
    assert not anchored
    assert error is None or error.__cause__ is None  # once refused, no other Task is asked for
    return error


async def some() -> AsyncIterator[int]:
    for item in range(20):
        yield item


@POLICIES
@pytest.mark.parametrize("after", [0, 1, 3])
@VERBS
async def test_no_worker(verb: str, after: int, on_error: str) -> None:
    """The error comes bare under every policy, whenever it happens: it is not an input's. What had started is over."""
    error = Refused()
    with refusing(after, error, "work"):
        assert await raised_by(lambda: run(verb, turns, range(20), limit=9, on_error=on_error)) is error


@VERBS
async def test_no_task_for_a_source(verb: str) -> None:
    """The same where the Task that pulls an async source cannot be made; nothing of it is left to be awaited."""
    error = Refused()
    with refusing(0, error, "feed"):
        assert await raised_by(lambda: run(verb, turns, some(), limit=9)) is error


@pytest.mark.parametrize("size", [3, 30])
@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize("verb", [gather_tg, join_tg])
async def test_given_awaitables(verb: Any, after: int, size: int) -> None:
    """What had started is cancelled and waited for; coroutines that had not are closed, and Tasks that were given cancelled."""
    log: list[str] = []
    coros = [waits(log, n) for n in range(size)]
    task = asyncio.ensure_future(waits(log, "task"))
    await turns(1)
    error = Refused()
    with refusing(after, error):
        assert await raised_by(lambda: verb(*coros, task)) is error
    assert {inspect.getcoroutinestate(coro) for coro in coros} == {inspect.CORO_CLOSED}
    assert log[-1] == "task gone"


@pytest.mark.parametrize("make", [returns, lambda n: Lazy(returns(n))], ids=["coroutines", "awaitables"])
@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize("task_at", [0, 3])
async def test_a_few_on_a_plain_loop(monkeypatch: pytest.MonkeyPatch, make: Any, after: int, task_at: int) -> None:
    """The same of a few without a task factory, where each has a Task of its own; a Task that was given may have been reached or not."""
    loop, error, made = asyncio.get_running_loop(), Refused(), itertools.count()
    create = loop.create_task

    def refuse(coro: Any, **kwargs: Any) -> asyncio.Task[Any]:
        if next(made) >= after:
            raise error
        return create(coro, **kwargs)

    log: list[str] = []
    task = asyncio.ensure_future(waits(log, cleanup=2))
    await turns(1)
    aws = [make(n) for n in range(3)]
    given = [*aws[:task_at], task, *aws[task_at:]]
    with monkeypatch.context() as patched:
        patched.setattr(loop, "create_task", refuse)
        assert await raised_by(lambda: gather_tg(*given)) is error
    assert log == ["child cancelled", "child gone"]
    for aw in aws:
        if isinstance(aw, Lazy):
            aw.coro.close()
        else:
            assert inspect.getcoroutinestate(aw) == inspect.CORO_CLOSED


@pytest.mark.parametrize("exit_", [SystemExit, KeyboardInterrupt])
async def test_an_exit_while_a_task_is_made(exit_: Any) -> None:
    """An exit that comes while a worker or a source's Task is made leaves at once; what had started is over a moment later."""
    error = exit_()
    with refusing(0, error, "work"):
        assert await raised_by(lambda: map_tg(turns, range(20), limit=9)) is error
    with refusing(0, error, "feed"):
        assert await raised_by(lambda: map_tg(turns, some(), limit=9)) is error


def test_an_exit_while_a_successor_is_made(loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """The exit leaves through the loop, and nobody is told that the worker's own end was never asked for."""
    kept: list[Any] = []
    told: list[Any] = []

    async def keep(item: int) -> None:
        kept.append(asyncio.current_task())

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        with refusing(1, SystemExit(3), "work"):
            await map_tg(keep, range(5), limit=1)

    with pytest.raises(SystemExit), asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    kept.clear()
    gc.collect()
    assert told == []


async def test_spawn() -> None:
    """`spawn` raises the error, and closes the coroutine."""
    coro, error = returns(1), Refused()
    with refusing(0, error), pytest.raises(Refused):
        spawn(coro)
    assert inspect.getcoroutinestate(coro) == inspect.CORO_CLOSED
