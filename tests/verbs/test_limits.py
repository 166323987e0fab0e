"""How many run, how many are pulled, and what that costs: by construction, not by luck."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from corral import gather_tg, map_tg, stream_tg
from tests.children import Crowd, others, returns, turns


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


@pytest.mark.parametrize("limit", [100, None])
async def test_inputs_may_wait_for_each_other(limit: int | None) -> None:
    """As long as `limit` has room, inputs that all wait for the last of them never deadlock."""
    came, everybody = 0, asyncio.Event()

    async def meet(item):
        nonlocal came
        came += 1
        if came == 100:
            everybody.set()
        await everybody.wait()
        return item

    assert await map_tg(meet, range(100), limit=limit) == list(range(100))
    came, everybody = 0, asyncio.Event()
    assert await gather_tg(*map(meet, range(100)), limit=limit) == list(range(100))


async def test_each_waits_for_the_next() -> None:
    """A chain in which every input waits for the one after it resolves with `limit=None`."""
    loop = asyncio.get_running_loop()
    links = [loop.create_future() for _ in range(60)]

    async def link(n):
        if n < 59:
            await links[n + 1]
        links[n].set_result(None)
        return n

    assert await map_tg(link, range(60), limit=None) == list(range(60))


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
    assert max(ahead) <= limit


async def test_endless_source() -> None:
    """An endless source ends with the verb."""
    with pytest.raises(ValueError, match="200"):
        await map_tg(Crowd(failing={200}), itertools.count(), limit=10, on_error="first")
    async with stream_tg(returns, itertools.count(), limit=10) as results:
        async for outcome in results:
            if outcome.value == 200:
                break


@pytest.mark.parametrize("limit", [1000, None])
async def test_one_task_for_inputs_that_never_suspend(limit: int | None) -> None:
    """Inputs that finish without suspending cost one Task in all, whatever the limit."""
    tasks = set()

    async def fn(item):
        tasks.add(asyncio.current_task().get_name())  # not the Task itself: a worker whose Task is kept leaves

    await map_tg(fn, range(1000), limit=limit)
    assert len(tasks) == 1


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

    async def run():
        if verb == "map_tg":
            await map_tg(fn, range(100), limit=20)
        elif verb == "gather_tg":
            await gather_tg(*map(fn, range(100)), limit=20)
        else:
            async with stream_tg(fn, range(100), limit=20) as results:
                assert [outcome.value async for outcome in results] == list(range(100))

    select = loop._selector.select

    def counted(timeout=None):
        nonlocal calls
        calls += 1
        return select(timeout)

    running = asyncio.ensure_future(run())
    await turns(30)
    loop._selector.select = counted
    await asyncio.sleep(0.05)
    assert calls <= 5
    loop._selector.select = select
    release.set()
    await running


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


async def test_few_with_a_limit() -> None:
    """A limit below a handful of awaitables is kept too."""
    order = []

    async def child(n):
        order.append(f"{n} starts")
        await turns(2)
        order.append(f"{n} ends")

    await gather_tg(child(0), child(1), child(2), limit=1)
    assert order == [f"{n} {what}" for n in range(3) for what in ("starts", "ends")]
    await gather_tg(*others(3), limit=3)
