"""What a verb has made is freed by reference counts alone: with the collector off nothing of it stays."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from typing import ClassVar

import pytest

from corral import ItemCancelled, _turn, gather_tg, join_tg, map_tg, spawn, stream_tg
from tests.children import cancels_itself, end_of, others, turns


class Big:
    """Something worth freeing; every one that was made is on record."""

    made: ClassVar[weakref.WeakSet[Big]] = weakref.WeakSet()

    def __init__(self) -> None:
        self.made.add(self)


@pytest.fixture(autouse=True)
def without_collector() -> Iterator[None]:
    gc.collect()
    Big.made.clear()
    gc.disable()
    yield
    gc.enable()


async def holds(_: object = None, after: int = 1) -> Big:
    """Returns something big, and had another in its frame."""
    mine = Big()
    await turns(after)
    assert mine
    return Big()


async def breaks(_: object = None, after: int = 1) -> None:
    """Fails with something big in its frame."""
    mine = Big()
    await turns(after)
    raise ValueError(str(mine))


async def stuck(_: object = None) -> None:
    mine = Big()
    await asyncio.Event().wait()
    assert mine


async def streamed(fn, count: int = 3, **kwargs) -> None:
    async with stream_tg(fn, range(count), limit=2, **kwargs) as results:
        async for outcome in results:
            assert outcome


RUNS = {
    "gather_tg": lambda fn: gather_tg(fn(), fn()),
    "gather_tg of many": lambda fn: gather_tg(fn(), fn(), *others(6)),
    "gather_tg with limit": lambda fn: gather_tg(fn(), fn(), fn(), limit=1),
    "join_tg": lambda fn: join_tg(fn(), fn()),
    "map_tg": lambda fn: map_tg(fn, range(3), limit=2),
    "map_tg with timeout": lambda fn: map_tg(fn, range(3), limit=2, timeout=60),
    "stream_tg": streamed,
}


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("after", [0, 1, 3])
async def test_results(run: str, after: int) -> None:
    """Results belong to the caller alone: when he drops them they are gone, frames of inputs at once."""
    results = await RUNS[run](lambda item=None: holds(item, after))
    assert len(Big.made) == (0 if results is None else sum(isinstance(thing, Big) for thing in results))
    del results
    assert not Big.made


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("after", [0, 1, 3])
async def test_failures(run: str, after: int) -> None:
    """Exceptions, their frames and what those hold are gone when the caller has handled them."""
    try:
        await RUNS[run](lambda item=None: breaks(item, after))
    except* ValueError:
        pass
    await turns(2)
    assert not Big.made


@pytest.mark.parametrize("run", RUNS)
async def test_cancelled_from_inside(run: str) -> None:
    """The same of `ItemCancelled`, its cause, and the frames of both."""

    async def child(_=None):
        mine = Big()
        await cancels_itself()
        assert mine

    try:
        await RUNS[run](child)
    except* ItemCancelled:
        pass
    await turns(2)
    assert not Big.made


@pytest.mark.parametrize("run", RUNS)
async def test_cancelled_from_outside(run: str) -> None:
    """A verb that was cancelled leaves nothing, once its Task is gone."""

    async def caller():
        await RUNS[run](stuck)

    task = asyncio.ensure_future(caller())
    await turns(5)
    assert Big.made
    task.cancel()
    assert await end_of(task)
    del task
    await turns(2)
    assert not Big.made


async def fails_if_odd(item: tuple[int, Big]) -> Big:
    await turns(1)
    if item[0] % 2:
        raise ValueError
    return item[1]


@pytest.mark.parametrize("end", [0.0, 3600.0], ids=["a look at each", "none"])
@pytest.mark.parametrize("verb", ["map_tg", "gather_tg"])
async def test_an_err_keeps_no_other_outcome(monkeypatch: pytest.MonkeyPatch, verb: str, end: float) -> None:
    """An `Err` that is kept keeps its own error and input: no frame of the engine leads from there to the other results."""
    monkeypatch.setattr(_turn, "SLICE", end)
    items = [(n, Big()) for n in range(8)]
    if verb == "map_tg":
        outcomes = await map_tg(fails_if_odd, items, limit=3, on_error="collect")
    else:
        outcomes = await gather_tg(*map(fails_if_odd, items), on_error="collect")
    kept = outcomes[1]
    del outcomes, items
    await turns(1)
    assert len(Big.made) == 1
    del kept
    await turns(1)
    assert not Big.made


async def test_an_error_keeps_no_results() -> None:
    """An error that is kept keeps nothing of what the other inputs had come to."""

    async def fn(item):
        await turns(1)
        if item == 5:
            raise ValueError
        return Big()

    with pytest.raises(ExceptionGroup) as caught:
        await map_tg(fn, range(10), limit=1)
    kept = caught.value.exceptions[0]
    del caught
    await turns(1)
    assert kept
    assert not Big.made


@pytest.mark.parametrize("run", RUNS)
async def test_an_error_that_ends_its_task(run: str) -> None:
    """The same where nobody handles the error and the caller's Task ends with it."""

    async def caller():
        mine = Big()
        await RUNS[run](breaks)
        assert mine

    task = asyncio.ensure_future(caller())
    error = await end_of(task)
    assert isinstance(error, ExceptionGroup)
    del error, task
    await turns(2)
    assert not Big.made


async def test_inputs() -> None:
    """An input is let go when it is done, while the others run."""
    seen = []

    async def fn(item):
        await turns(1)
        seen.append(len(Big.made))

    await map_tg(fn, (Big() for _ in range(50)), limit=3)
    assert max(seen) <= 4
    assert not Big.made


async def test_arguments_of_gather() -> None:
    """`gather_tg` lets go of each coroutine as its result takes its place."""
    states = []

    async def child(n):
        mine = Big()
        states.append(len(Big.made))
        await turns(1)
        assert mine

    await gather_tg(*map(child, range(100)), limit=3)
    assert max(states) <= 4


@pytest.mark.parametrize("on_error", ["group", "first"])
async def test_raised_in_a_stream(on_error: str) -> None:
    """A failing stream, and a consumer's error that carries its note, are freed as well."""
    try:
        await streamed(breaks, on_error=on_error)
    except* ValueError:
        pass
    try:
        async with stream_tg(breaks, range(2), limit=2):
            await turns(5)
            raise KeyError
    except KeyError:
        pass
    await turns(2)
    assert not Big.made


async def test_spawned() -> None:
    """What was spawned is let go when it has ended, failed ones when the handler has seen them."""
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    spawn(holds())
    spawn(breaks())
    await turns(5)
    assert not Big.made


async def test_sources() -> None:
    """A source, sync or async, is let go with its verb, though it failed."""

    def source():
        mine = Big()
        yield 1
        raise ValueError(str(mine))

    async def async_source():
        mine = Big()
        yield 1
        raise ValueError(str(mine))

    for items in (source, async_source):
        try:
            await map_tg(lambda _: turns(1), items(), limit=2)
        except* ValueError:
            pass
        await turns(2)
        assert not Big.made


async def test_left_undelivered() -> None:
    """Outcomes that nobody took go when the block is left, although the stream itself is still held."""
    async with stream_tg(holds, range(4), limit=2) as results:
        await turns(9)
        assert Big.made
    assert not Big.made
    assert results


async def test_raised_by_leaving_a_stream() -> None:
    """A failure that leaving the block raises is freed with the last reference to it."""
    with pytest.raises(ExceptionGroup):
        async with stream_tg(breaks, range(2), limit=2):
            await turns(9)
    assert not Big.made
