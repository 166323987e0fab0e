"""Bugs that other libraries for this have had. Each is a test of ours."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from corral import ItemCancelled, gather_tg, map_tg, stream_tg
from tests.children import Crowd, cancels_itself, end_of, fails, leaves, returns, turns, waits


async def test_a_cancelled_child_is_not_an_empty_result() -> None:
    """A child that awaited something cancelled fails; the result is not quietly `[]`, or shorter."""
    with pytest.raises(ExceptionGroup) as caught:
        await map_tg(lambda n: cancels_itself() if n == 1 else returns(n), range(3), limit=1)
    assert list(map(type, leaves(caught.value))) == [ItemCancelled]


@pytest.mark.parametrize("exit_", [SystemExit(3), KeyboardInterrupt()])
def test_an_exit_is_not_a_value(loop_factory, exit_: BaseException) -> None:
    """`SystemExit` is never a value among the results: the program ends, also under `collect`."""
    with pytest.raises(type(exit_)), asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(map_tg(lambda n: fails(exit_), range(3), limit=2, on_error="collect"))


async def test_break_stops_the_rest() -> None:
    """After `break` no further input runs, nor is pulled."""
    crowd, pulled = Crowd(), []

    def source():
        for n in itertools.count():
            pulled.append(n)
            yield n

    async with stream_tg(crowd, source(), limit=3) as results:
        async for _ in results:
            break
    started = len(crowd.started)
    await turns(10)
    assert (len(crowd.started), crowd.running) == (started, 0)
    assert len(pulled) == started <= 7


async def test_no_task_is_left_after_a_failure() -> None:
    """After a failure there are as many Tasks as before the call, at once."""
    before = asyncio.all_tasks()
    for verb in (
        lambda: map_tg(Crowd(3, failing={5}), itertools.count(), limit=10),
        lambda: gather_tg(*(fails(ValueError(), n) for n in range(20))),
    ):
        with pytest.raises(ExceptionGroup):
            await verb()
        assert asyncio.all_tasks() == before


async def test_outer_cancellation_with_a_bar() -> None:
    """With a progress bar, an outer cancellation is obeyed as without one."""

    class Bar:
        def update(self, n):
            pass

    log: list[str] = []
    task = asyncio.ensure_future(map_tg(lambda n: waits(log, n), range(2), limit=2, progress=Bar()))
    await turns(5)
    task.cancel()
    await end_of(task)
    assert task.cancelled()
    assert sorted(log) == ["0 cancelled", "0 gone", "1 cancelled", "1 gone"]


async def test_a_generator_does_not_cancel_its_consumer() -> None:
    """A failing input inside an async generator never cancels the code that consumes that generator (PEP 789)."""

    async def results():
        async with stream_tg(Crowd(failing={1}), range(3), limit=3) as stream:
            async for outcome in stream:
                yield outcome

    consumer = results()
    await anext(consumer)
    await asyncio.sleep(0.01)  # a task group in the generator would cancel this
    with pytest.raises(ExceptionGroup):
        await anext(consumer)


async def test_nothing_leaks_between_inputs() -> None:
    """What one input leaves in a ContextVar no other finds, though they share a worker. See test_context.py of the verbs."""
    from contextvars import ContextVar

    var = ContextVar("var", default=None)

    async def fn(item):
        before = var.get()
        var.set(item)
        return before

    assert await map_tg(fn, range(100), limit=1) == [None] * 100
