"""How many run, how many are pulled, and what that costs: by construction, not by luck."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from corral import gather_tg, map_tg, stream_tg
from tests.children import Crowd, returns, turns
from tests.verbs.by_name import values


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
async def test_at_most(limit: int) -> None:
    """Never more than `limit` run at the same time."""
    crowd = Crowd(after=3)
    await map_tg(crowd, range(250), limit=limit)
    assert crowd.most <= limit


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
async def test_as_many_as_that(limit: int) -> None:
    """Where inputs suspend, as many as `limit` do run at the same time: here they wait until that is so."""
    running, full = 0, asyncio.Event()

    async def fn(item):
        nonlocal running
        running += 1
        if running == limit:
            full.set()
        await full.wait()
        running -= 1

    await map_tg(fn, range(250), limit=limit)


@pytest.mark.parametrize("limit", [10, 11, 1000, None])
async def test_limit_of_more_than_there_are(limit: int | None) -> None:
    """A limit beyond the number of inputs is no trouble."""
    assert await map_tg(returns, range(10), limit=limit) == list(range(10))


@pytest.mark.usefixtures("endless_slice")
@pytest.mark.parametrize("limit", [1, 4, 50])
async def test_pulled_when_there_is_a_place(limit: int) -> None:
    """An input is pulled when a place is free and not before: pulled and not yet ended are never more than `limit`."""
    pulled, ahead = 0, []
    crowd = Crowd(after=2)

    def source():
        nonlocal pulled
        for n in range(120):
            pulled += 1
            ahead.append(pulled - len(crowd.ended))
            yield n

    await map_tg(crowd, source(), limit=limit)
    assert pulled == 120
    assert max(ahead) == limit


async def test_endless_source() -> None:
    """An endless source ends with the verb."""
    with pytest.raises(ValueError, match="200"):
        await map_tg(Crowd(failing={200}), itertools.count(), limit=10, on_error="first")
    async with stream_tg(returns, itertools.count(), limit=10) as results:
        async for outcome in results:
            if outcome.value == 200:
                break


async def test_workers_are_not_tasks_per_input() -> None:
    """However many inputs there are, no more Tasks live than `limit`."""
    most = 0

    async def fn(item):
        nonlocal most
        most = max(most, len(asyncio.all_tasks()))
        await turns(1)

    await map_tg(fn, range(100), limit=5)
    assert most <= 1 + 5
    most = 0
    await gather_tg(*map(fn, range(100)), limit=5)
    assert most <= 1 + 5


@pytest.mark.asyncio(loop_factories=["stock", "eager", "debug"])
@pytest.mark.parametrize("verb", ["map_tg", "gather_tg", "stream_tg"])
async def test_waiting_costs_nothing(verb: str) -> None:
    """While all inputs wait, nothing of the verb wakes the loop."""
    loop = asyncio.get_running_loop()
    release = asyncio.Event()
    calls = 0

    async def fn(item):
        await release.wait()
        return item

    select = loop._selector.select

    def counted(timeout=None):
        nonlocal calls
        calls += 1
        return select(timeout)

    running = asyncio.ensure_future(values(verb, fn, range(100), limit=20))
    await turns(30)
    loop._selector.select = counted
    await asyncio.sleep(0.05)
    assert calls <= 5
    loop._selector.select = select
    release.set()
    assert await running == list(range(100))


async def test_a_worker_is_freed_at_once() -> None:
    """A place is taken again in the very iteration in which it became free: one slow input holds back no other."""
    release = asyncio.Event()
    done = []

    async def fn(item):
        if item == 0:
            await release.wait()
        else:
            await turns(1)
        done.append(item)
        if len(done) == 99:
            release.set()

    await map_tg(fn, range(100), limit=2)
    assert done == [*range(1, 100), 0]
