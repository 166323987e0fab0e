"""The loop is never blocked for long: what a verb does in one iteration is bounded, whatever the inputs are.

The clock of the slice is replaced by one that only moves when an input works, so that iterations can be counted.
"""

from __future__ import annotations

import asyncio
import itertools

import pytest

from corral import _turn, gather_tg, map_tg, stream_tg


class Clock:
    """Moves when an input works."""

    def __init__(self) -> None:
        self.now = 0.0
        self.looks = 0

    def __call__(self) -> float:
        self.looks += 1
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(_turn, "monotonic", clock)
    return clock


async def longest_freeze(clock: Clock, verb) -> float:
    """The most that the clock moves within one iteration of the loop while the verb runs."""
    longest = 0.0
    task = asyncio.ensure_future(verb)
    before = clock.now
    while not task.done():
        await asyncio.sleep(0)
        longest, before = max(longest, clock.now - before), clock.now
    await task
    return longest


@pytest.mark.parametrize("limit", [1, 50, None])
@pytest.mark.parametrize("after", [0, 1, 2])
@pytest.mark.parametrize("cost", [0.001, 0.004])
async def test_inputs_that_compute(clock: Clock, limit: int | None, after: int, cost: float) -> None:
    """A hundred inputs that compute some milliseconds each: the loop turns after a slice, also while workers are started."""

    async def fn(item):
        clock.now += cost
        for _ in range(after):
            await asyncio.sleep(0)

    freeze = await longest_freeze(clock, map_tg(fn, range(100), limit=limit))
    # What starts within a slice may go on a bit beyond it: by the input that was started last.
    assert freeze <= _turn.SLICE + cost


async def test_gather_of_many(clock: Clock) -> None:
    """The same for coroutines that exist already."""

    async def child():
        clock.now += 0.002

    assert await longest_freeze(clock, gather_tg(*(child() for _ in range(200)))) <= _turn.SLICE + 0.002


async def test_gather_of_very_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first of a hundred thousand starts they are looked through, and the loop turns meanwhile."""
    loop, turns, looks, begun = asyncio.get_running_loop(), itertools.count(), itertools.count(), []
    # Until then each look at the clock finds the slice used up.
    monkeypatch.setattr(_turn, "monotonic", lambda: 0.0 if begun else next(looks) * 2 * _turn.SLICE)

    async def child():
        if not begun:
            begun.append(next(turns))

    def tick():
        if not begun:
            next(turns)
            loop.call_soon(tick)

    tick()
    await gather_tg(*(child() for _ in range(100_000)))
    assert begun[0] > 3


@pytest.mark.parametrize("ordered", [True, False])
async def test_stream(clock: Clock, ordered: bool) -> None:
    """The same for a stream, whose consumer does not suspend either."""

    async def fn(item):
        clock.now += 0.002

    async def consume():
        async with stream_tg(fn, range(200), limit=20, ordered=ordered) as results:
            return [outcome async for outcome in results]

    assert await longest_freeze(clock, consume()) <= _turn.SLICE + 0.002


async def test_two_verbs_share_one_slice(clock: Clock) -> None:
    """Verbs that run at the same time do not get a slice each."""

    async def fn(item):
        clock.now += 0.001

    both = asyncio.gather(*(map_tg(fn, range(100), limit=10) for _ in range(10)))
    assert await longest_freeze(clock, both) <= _turn.SLICE + 0.001 * 10


async def test_async_source_that_never_suspends(clock: Clock) -> None:
    """An async source that yields without ever suspending leaves the loop its turns."""

    async def source():
        for n in range(200):
            clock.now += 0.001
            yield n

    async def fn(item):
        clock.now += 0.001

    assert await longest_freeze(clock, map_tg(fn, source(), limit=1000)) <= _turn.SLICE + 0.002


async def test_short_inputs_are_many_to_a_slice(clock: Clock) -> None:
    """The slice is time, not a number: inputs that cost nothing share one iteration by the thousand."""
    turns = 0

    async def fn(item):
        pass

    task = asyncio.ensure_future(map_tg(fn, range(5_000), limit=10))
    while not task.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns < 5


async def test_short_inputs_are_not_timed_one_by_one(clock: Clock) -> None:
    """A look at the clock costs as much as some inputs do: where they are short there is one for several."""

    async def fn(item):
        clock.now += 1e-6

    await map_tg(fn, range(50_000), limit=10)
    assert clock.looks < 50_000 / 4


async def test_long_inputs_after_short_ones(clock: Clock) -> None:
    """When inputs become long, the loop is held too long for two turns at most, until that is known."""

    async def fn(item):
        clock.now += 1e-6 if item < 20_000 else 0.004

    over = 0
    task = asyncio.ensure_future(map_tg(fn, range(20_200), limit=10))
    before = clock.now
    while not task.done():
        await asyncio.sleep(0)
        over += clock.now - before > _turn.SLICE + 0.004
        before = clock.now
    await task
    assert over <= 2
