"""When a worker more is started: if all there wait inside inputs, soon enough that those may wait for each other, and else not."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar

import pytest

from corral import _turn, gather_tg, map_tg, stream_tg
from tests.children import count_workers, turns
from tests.verbs.by_name import values

# In debug mode each of some thousand inputs that wait costs a millisecond, and shows nothing else.
QUICK = pytest.mark.asyncio(loop_factories=["stock", "uvloop", "eager"])


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list with an entry for each worker that was made."""
    return count_workers(monkeypatch)


VAR: ContextVar[int] = ContextVar("VAR")


class Meeting:
    """Inputs from `first` on wait until so many of them have come."""

    def __init__(self, first: int, size: int) -> None:
        self.first, self.size, self.came, self.everybody = first, size, 0, asyncio.Event()

    async def __call__(self, item: int) -> int:
        if item >= self.first:
            self.came += 1
            if self.came == self.size:
                self.everybody.set()
            await self.everybody.wait()
        elif item == self.first // 2:
            await turns(1)  # the slice ends, and has seen that inputs are short
        return item

    def plain(self) -> range:
        return range(self.first + self.size)

    def generator(self) -> Iterator[int]:
        yield from self.plain()

    async def asynchronous(self) -> AsyncIterator[int]:
        for item in self.plain():
            yield item


@QUICK
@pytest.mark.parametrize(
    ("verb", "source"),
    [*itertools.product(["map_tg", "stream_tg"], ["plain", "generator", "asynchronous"]), ("gather_tg", "plain")],
)
async def test_waiting_after_many_that_did_not(verb: str, source: str) -> None:
    """Thousands of short inputs, then some that wait for each other: no matter where those begin, none waits in vain."""
    for first in range(2000, 2009):
        meeting = Meeting(first, 30)
        items = getattr(meeting, source)()
        async with asyncio.timeout(30):
            assert await values(verb, meeting, items, limit=None) == list(meeting.plain())


@pytest.mark.parametrize("limit", [100, None])
@pytest.mark.parametrize("verb", ["map_tg", "stream_tg", "gather_tg"])
async def test_all_wait_for_the_last(verb: str, limit: int | None) -> None:
    """As long as `limit` has room, inputs that all wait for the last of them never deadlock."""
    meeting = Meeting(0, 100)
    async with asyncio.timeout(30):
        assert await values(verb, meeting, meeting.plain(), limit=limit) == list(range(100))


async def test_each_waits_for_the_next() -> None:
    """A chain in which every input waits for the one after it resolves with `limit=None`."""
    loop = asyncio.get_running_loop()
    links = [loop.create_future() for _ in range(60)]

    async def link(n: int) -> int:
        if n < 59:
            await links[n + 1]
        links[n].set_result(None)
        return n

    assert await map_tg(link, range(60), limit=None) == list(range(60))


@QUICK
@pytest.mark.parametrize("size", [1024, 1025, 1500, 2177])
async def test_more_wait_than_there_are_places(size: int) -> None:
    """All of a generator's inputs wait for its last one: the list of results grows in time, wherever it is full."""
    meeting = Meeting(0, size)
    async with asyncio.timeout(60):
        assert await map_tg(meeting, meeting.generator(), limit=None) == list(range(size))


@pytest.mark.parametrize("end", [0.0, 3600.0], ids=["a look at each", "none"])
@pytest.mark.parametrize("limit", [7, None])
async def test_no_worker_more_for_inputs_that_never_wait(
    monkeypatch: pytest.MonkeyPatch, workers: list[int], limit: int | None, end: float
) -> None:
    """Inputs that do not suspend need one worker, also if each of them uses up the slice: who stands aside needs no help."""
    monkeypatch.setattr(_turn, "SLICE", end)

    async def fn(item: int) -> int:
        return item

    assert await map_tg(fn, range(100), limit=limit) == list(range(100))
    assert len(workers) == 1


async def test_one_more_for_one_that_waits(workers: list[int]) -> None:
    """One input that waits costs one worker more, not as many as there might be."""

    async def fn(item: int) -> None:
        await turns(3 * (item == 5))

    await map_tg(fn, range(100), limit=None)
    assert len(workers) == 2


@QUICK
@pytest.mark.usefixtures("endless_slice")
async def test_twice_as_many_each_time(workers: list[int]) -> None:
    """While all wait, 1, 2, 4 … are started at a time, each time in one iteration of the loop, and 256 at most."""
    release, steps = asyncio.Event(), [0]
    running = asyncio.ensure_future(map_tg(lambda _: release.wait(), range(1500), limit=1100))
    while len(workers) < 1100:
        await turns(1)
        if len(workers) > sum(steps):
            steps.append(len(workers) - sum(steps))
    release.set()
    await running
    assert steps == [0, 1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 256, 256, 76]


@pytest.mark.parametrize("count", [5, 6, 9, 20])
async def test_no_more_than_awaitables(workers: list[int], count: int) -> None:
    """What was given is counted: no worker is started that would find nothing."""
    meeting = Meeting(0, count)
    assert await gather_tg(*map(meeting, range(count))) == list(range(count))
    assert len(workers) == count


async def test_no_more_than_pulled(workers: list[int]) -> None:
    """Nor is one for inputs that an async source has not yet given."""
    release = asyncio.Event()

    async def source() -> AsyncIterator[int]:
        for item in range(5):
            await turns(4)
            yield item
        release.set()

    await map_tg(lambda _: release.wait(), source(), limit=50)
    assert len(workers) == 5


@pytest.mark.parametrize("end", [0.0, 3600.0], ids=["a look at each", "none"])
@pytest.mark.parametrize("limit", [1, 10, None])
async def test_successors(monkeypatch: pytest.MonkeyPatch, workers: list[int], limit: int | None, end: float) -> None:
    """Inputs that leave a trace need a worker each, and no crowd of them: who leaves has one successor."""
    monkeypatch.setattr(_turn, "SLICE", end)
    most = 0

    async def fn(item: int) -> int:
        nonlocal most
        most = max(most, len(asyncio.all_tasks()))
        VAR.set(item)
        return item

    assert await map_tg(fn, range(500), limit=limit) == list(range(500))
    assert 500 <= len(workers) <= 505
    assert most <= 5


@pytest.mark.usefixtures("endless_slice")
@pytest.mark.parametrize("limit", [1, 2, 20])
async def test_successors_grow_in_number(limit: int) -> None:
    """Inputs that leave a trace and wait run as many at a time as others."""
    running = most = 0

    async def fn(item: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        VAR.set(item)
        await turns(1)
        running -= 1

    await map_tg(fn, range(300), limit=limit)
    assert most == limit


async def test_room_for_a_source_whose_worker_has_left() -> None:
    """A stream that has room again asks an async source for more, although no worker is there to ask: an input waits for the next."""
    third = asyncio.Event()

    async def fn(item):
        if item == 0:
            VAR.set(item)  # its worker leaves
        elif item == 1:
            await third.wait()
        else:
            third.set()
        return item

    async def source():
        for item in range(3):
            yield item

    async with asyncio.timeout(9), stream_tg(fn, source(), limit=2, buffer=0) as results:
        await turns(9)
        assert [outcome.value async for outcome in results] == [0, 1, 2]
