"""A running verb is held until it returns: nothing that it started can be collected, whoever holds its caller.

`asyncio.gather` and `asyncio.TaskGroup` lose such a tree (gh-91887); the first test shows that on this interpreter.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import weakref

import pytest

from corral import gather_tg, join_tg, map_tg, stream_tg
from corral._supervision import anchored
from tests.children import fails, others, returns, turns


class Pair:
    """Two children that wait on each other, held by nobody but their own Tasks."""

    def __init__(self) -> None:
        self.events = asyncio.Event(), asyncio.Event()

    async def child(self, n: int) -> int:
        await self.events[n].wait()
        return n


async def collect() -> None:
    """What an unlucky program sees: full collections between any two steps."""
    for _ in range(5):
        await turns(1)
        gc.collect()


async def fate_of(run) -> str:
    """Whether a fire-and-forget parent, held by nobody, lives to see its children end."""
    seen: list[str] = []
    pairs: weakref.WeakSet[Pair] = weakref.WeakSet()

    async def parent() -> None:
        pair = Pair()
        pairs.add(pair)
        await run(pair)
        seen.append("ended")

    asyncio.get_running_loop().set_exception_handler(lambda *_: seen.append("destroyed"))
    asyncio.ensure_future(parent())
    await turns(5)
    await collect()
    for pair in tuple(pairs):
        for event in pair.events:
            event.set()
        del pair, event
    await turns(15)
    asyncio.get_running_loop().set_exception_handler(None)
    return seen[0] if seen else "lost without a word"


async def in_a_stream(pair: Pair) -> None:
    async with stream_tg(pair.child, range(2), limit=2) as results:
        assert [outcome.value async for outcome in results] == [0, 1]


async def in_the_body_of_a_stream(pair: Pair) -> None:
    async with stream_tg(returns, itertools.count(), limit=2):
        await pair.child(0)


async def from_an_async_source(pair: Pair) -> None:
    async def source():
        await pair.child(0)
        yield 0

    await map_tg(returns, source(), limit=2)


RUNS = {
    "gather_tg": lambda pair: gather_tg(pair.child(0), pair.child(1)),
    "gather_tg of many": lambda pair: gather_tg(pair.child(0), *others(8), pair.child(1)),
    "join_tg": lambda pair: join_tg(pair.child(0), pair.child(1)),
    "map_tg": lambda pair: map_tg(pair.child, range(2), limit=2),
    "stream_tg": in_a_stream,
    "body of a stream_tg": in_the_body_of_a_stream,
    "async source": from_an_async_source,
}


@pytest.mark.asyncio(loop_factories=["stock", "uvloop", "eager"])
async def test_gather_loses_the_tree() -> None:
    """The hazard is real: a tree that waits only on itself is collected under `asyncio.gather`."""
    assert await fate_of(lambda pair: asyncio.gather(pair.child(0), pair.child(1))) in {
        "destroyed",
        "lost without a word",
    }


@pytest.mark.parametrize("run", RUNS)
async def test_nothing_is_lost(run: str) -> None:
    """Inputs of a fire-and-forget parent that wait only on each other live through full collections, and so does the parent."""
    assert await fate_of(RUNS[run]) == "ended"


@pytest.mark.parametrize("run", RUNS)
async def test_let_go_when_it_returns(run: str) -> None:
    """A verb is held while it runs and not longer."""
    pair = Pair()
    task = asyncio.ensure_future(RUNS[run](pair))
    await turns(5)
    assert len(anchored) == 1
    for event in pair.events:
        event.set()
    await task
    assert not anchored


async def test_let_go_when_it_fails() -> None:
    """A verb that fails, is cancelled, closed, or never had anything to do is let go."""
    with pytest.raises(ExceptionGroup):
        await gather_tg(fails(ValueError()), *others(8))
    with pytest.raises(ExceptionGroup):
        await gather_tg(fails(ValueError()))
    with pytest.raises(ExceptionGroup):
        await map_tg(lambda _: fails(ValueError()), range(3), limit=2)
    assert await map_tg(returns, [], limit=2) == []
    assert not anchored
    for cancel in (True, False):
        task = asyncio.ensure_future(map_tg(lambda _: asyncio.Event().wait(), range(3), limit=2))
        await turns(4)
        assert len(anchored) == 1
        if cancel:
            task.cancel()
        else:
            task.get_coro().close()
        await turns(6)
        assert not anchored
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled() or task.exception()


def test_a_deadlocked_tree_lives_until_its_loop_ends(loop_factory) -> None:
    """The price: what waits only on itself is there until its loop ends; the end of the runner cancels it, and lets it go."""
    ended: list[str] = []

    async def child(n):
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(f"child {n}")

    async def parent():
        try:
            await gather_tg(child(0), child(1))
        finally:
            ended.append("parent")

    async def main():
        asyncio.ensure_future(parent())
        await turns(4)
        await collect()
        assert ended == []

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert sorted(ended) == ["child 0", "child 1", "parent"]
    assert not anchored


async def test_the_collector_may_strike_anywhere() -> None:
    """With the collector at its most eager, every verb gives what it should."""
    threshold = gc.get_threshold()
    gc.set_threshold(1, 1, 1)
    try:
        assert await map_tg(returns, range(20), limit=3) == list(range(20))
        assert await gather_tg(*(returns(n) for n in range(20))) == list(range(20))
        async with stream_tg(returns, range(20), limit=3) as results:
            assert [outcome.value async for outcome in results] == list(range(20))
        with pytest.raises(ExceptionGroup):
            await gather_tg(fails(ValueError()), returns(1))
    finally:
        gc.set_threshold(*threshold)
