"""Tasks of the engine that somebody cancels behind its back, and inputs that hear of a cancellation and go on."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from corral import Err, ItemCancelled, Ok, map_tg, stream_tg
from tests.children import Crowd, leaves, turns


def cancel_all_that_await(name: str) -> int:
    """Cancels every Task of a coroutine of that name; how many there were."""
    found = [task for task in asyncio.all_tasks() if task.get_coro().__qualname__ == name]
    for task in found:
        task.cancel()
    return len(found)


async def test_a_source_before_its_first_step() -> None:
    """The Task of an async source that is cancelled before it has taken a step is a source that failed."""

    async def source() -> AsyncIterator[int]:
        yield 1

    asyncio.get_running_loop().call_soon(cancel_all_that_await, "AsyncSource.feed")
    with pytest.raises(ExceptionGroup) as caught:
        await map_tg(turns, source(), limit=2)
    assert list(map(type, leaves(caught.value))) == [ItemCancelled]


@pytest.mark.parametrize("times", [1, 3])
async def test_workers_before_their_first_step(times: int) -> None:
    """However many workers are cancelled before their first step, all inputs run, and as many at a time as before."""
    crowd, loop = Crowd(after=2), asyncio.get_running_loop()

    def strike(left: int) -> None:
        cancel_all_that_await("work")
        if left > 1:
            loop.call_soon(strike, left - 1)

    loop.call_soon(strike, times)
    outcomes = await map_tg(crowd, range(100), limit=5, on_error="collect")
    lost = [outcome.item for outcome in outcomes if isinstance(outcome, Err)]
    assert sorted([*crowd.ended, *lost]) == list(range(100))
    assert crowd.most == 5
    assert len(lost) <= times


async def test_workers_that_wait_for_room() -> None:
    """Workers of a stream that are cancelled while they wait for room are replaced: as many run at a time as before."""
    barrier = asyncio.Barrier(5)

    async def fn(item: int) -> int:
        if item < 50:
            await turns(2)
        else:
            await barrier.wait()
        return item

    async with asyncio.timeout(30), stream_tg(fn, range(200), limit=5) as results:
        for _ in range(10):
            await turns(12)
            assert cancel_all_that_await("work") >= 1
            await anext(results)
        assert [outcome.value async for outcome in results] == list(range(10, 200))


@pytest.mark.parametrize("on_error", ["group", "collect"])
@pytest.mark.parametrize("limit", [1, 3])
async def test_an_input_that_hears_and_goes_on(on_error: Any, limit: int) -> None:
    """The value of an input that caught its cancellation is kept, like that of a Task that did so."""

    async def fn(item: int) -> int:
        asyncio.current_task().cancel()
        try:
            await turns(1)
        except asyncio.CancelledError:
            await turns(1)
        return item

    results = await map_tg(fn, range(9), limit=limit, on_error=on_error)
    assert results == ([Ok(n, n, n) for n in range(9)] if on_error == "collect" else list(range(9)))
    async with stream_tg(fn, range(9), limit=limit, on_error=on_error) as outcomes:
        assert [outcome async for outcome in outcomes] == [Ok(n, n, n) for n in range(9)]


@pytest.mark.skipif(sys.version_info < (3, 13), reason="before 3.13 a Task forgets this, and so do we: gh-117407")
async def test_an_input_that_takes_its_cancellation_back() -> None:
    """The same for one that took its cancellation back."""

    async def fn(item: int) -> int:
        task = asyncio.current_task()
        task.cancel()
        task.uncancel()
        return item

    assert await map_tg(fn, range(9), limit=1) == list(range(9))
