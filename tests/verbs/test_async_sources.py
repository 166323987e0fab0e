"""Async sources: pulled and closed by one Task of their own, never an input's."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

import pytest

from corral import ItemCancelled, map_tg, stream_tg
from tests.children import Crowd, end_of, notes, returns, turns, waits
from tests.verbs.by_name import POLICIES, VERBS, values

var: ContextVar[str] = ContextVar("var", default="unset")


async def numbers(end: int = 10**9, pause: int = 0, log: list | None = None):
    """An async generator of numbers that tells when it is closed."""
    try:
        for n in range(end):
            await turns(pause)
            yield n
    finally:
        if log is not None:
            await turns(3)
            log.append("closed")


class Paged:
    """An async iterator that is no generator."""

    def __init__(self, end: int) -> None:
        self.next, self.end = 0, end

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self.next == self.end:
            raise StopAsyncIteration
        await turns(self.next % 2)
        self.next += 1
        return self.next - 1


@VERBS
@pytest.mark.parametrize("limit", [1, 3, None])
@pytest.mark.parametrize("pause", [0, 1, 3])
@pytest.mark.parametrize("after", [0, 1, 4])
async def test_every_input_in_order(verb: str, limit: int | None, pause: int, after: int) -> None:
    """Async generators, slow or fast, with slow or fast inputs: every input once, results in order."""
    crowd = Crowd(after)
    assert await values(verb, crowd, numbers(40, pause), limit=limit) == list(range(40))
    assert crowd.started == list(range(40))
    assert limit is None or crowd.most <= limit


@VERBS
@pytest.mark.parametrize("end", [0, 1, 25])
async def test_async_iterators(verb: str, end: int) -> None:
    """Any object with `__aiter__` is a source; an empty one gives nothing."""
    assert await values(verb, returns, Paged(end), limit=4) == list(range(end))


@pytest.mark.usefixtures("endless_slice")
@VERBS
@pytest.mark.parametrize("limit", [1, 5])
async def test_pulled_when_there_is_a_place(verb: str, limit: int) -> None:
    """Pulled and not yet ended are never more than `limit`."""
    crowd, ahead, pulled = Crowd(after=3), [], 0

    async def source():
        nonlocal pulled
        for n in range(50):
            pulled += 1
            ahead.append(pulled - len(crowd.ended))
            yield n

    await values(verb, crowd, source(), limit=limit)
    assert pulled == 50
    assert max(ahead) == limit


@pytest.mark.virtual_time
async def test_inputs_go_on_while_the_source_is_slow() -> None:
    """Inputs run while the source waits for the next one: the times of both overlap."""
    loop = asyncio.get_running_loop()

    async def source():
        for n in range(10):
            await asyncio.sleep(1)
            yield n

    async def fn(item):
        await asyncio.sleep(5)

    begun = loop.time()
    await map_tg(fn, source(), limit=10)
    assert loop.time() - begun == pytest.approx(15)


@VERBS
async def test_one_task_of_its_own(verb: str) -> None:
    """The source sees one and the same Task from its first step to its closing, and no input ever sees that one."""
    seen = {"source": set(), "input": set()}

    async def source():
        try:
            for n in range(20):
                seen["source"].add(asyncio.current_task())
                await turns(n % 2)
                yield n
        finally:
            seen["source"].add(asyncio.current_task())

    async def fn(item):
        seen["input"].add(asyncio.current_task())
        await turns(item % 3)
        if item == 15:
            raise ValueError

    with pytest.raises(ExceptionGroup):
        await values(verb, fn, source(), limit=3)
    assert len(seen["source"]) == 1
    assert not seen["source"] & seen["input"]


@pytest.mark.virtual_time
async def test_its_timeouts_are_its_own() -> None:
    """A timeout that a source holds across its `yield` strikes the source, never an input."""
    crowd = Crowd()

    async def source():
        async with asyncio.timeout(10):
            for n in range(1000):
                await asyncio.sleep(1)
                yield n

    async def fn(item):
        await asyncio.sleep(3)
        return await crowd(item)

    with pytest.raises(TimeoutError) as caught:
        await map_tg(fn, source(), limit=2, on_error="collect")
    assert notes(caught.value) == [f"map_tg: the source failed after {len(crowd.started)} inputs"]
    assert crowd.ended == crowd.started


@VERBS
@POLICIES
async def test_failing(verb: str, on_error: str) -> None:
    """A failing async source ends the verb as a failing source does."""
    crowd, error = Crowd(after=30), OSError("gone")

    async def source():
        for n in range(3):
            yield n
        raise error

    with pytest.raises((OSError, ExceptionGroup)) as caught:
        await values(verb, crowd, source(), limit=10, on_error=on_error)
    assert (caught.value.exceptions[0] if on_error == "group" else caught.value) is error
    assert notes(error) == [f"{verb}: the source failed after 3 inputs"]
    assert len(crowd.ended) == (3 if on_error == "collect" else 0)


@VERBS
async def test_cannot_even_begin(verb: str) -> None:
    """What `__aiter__` raises is the source's failure."""

    class Broken:
        def __aiter__(self):
            raise OSError("no iterator")

    with pytest.raises(ExceptionGroup) as caught:
        await values(verb, returns, Broken(), limit=1)
    assert list(map(repr, caught.value.exceptions)) == ["OSError('no iterator')"]


@VERBS
async def test_cancelled_from_inside(verb: str) -> None:
    """A source that awaits something cancelled is a failing source; nobody else is cancelled."""

    async def source():
        yield 0
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    with pytest.raises(ItemCancelled, match="the source was cancelled from inside"):
        await values(verb, returns, source(), limit=2, on_error="first")


@VERBS
@pytest.mark.parametrize("how", ["failure", "cancel", "pause"])
async def test_closed_when_the_verb_ends(verb: str, how: str) -> None:
    """An endless async generator is closed, slow cleanup awaited, when an input fails or the caller is cancelled."""
    log = []
    crowd = Crowd(failing={7} if how == "failure" else ())
    task = asyncio.ensure_future(values(verb, crowd, numbers(10**9, int(how == "pause"), log), limit=3))
    if how != "failure":
        await turns(20)
        task.cancel()
    error = await end_of(task)
    assert log == ["closed"]
    assert type(error) is (ExceptionGroup if how == "failure" else asyncio.CancelledError)
    assert crowd.running == 0


async def test_closed_when_the_block_is_left() -> None:
    """Leaving a stream early closes its source, and waits for that."""
    log = []
    async with stream_tg(returns, numbers(log=log), limit=2) as results:
        async for outcome in results:
            if outcome.value == 5:
                break
    assert log == ["closed"]


async def test_iterators_are_left_where_they_stand() -> None:
    """An async iterator that is no generator is not closed: what has not been pulled is still there."""
    items = Paged(100)
    with pytest.raises(ExceptionGroup):
        await map_tg(Crowd(failing={5}), items, limit=1)
    assert await anext(items) in {6, 7}  # one may have been pulled for the place that was free


@VERBS
async def test_that_waits_for_ever(verb: str) -> None:
    """A source that gives nothing more holds nobody: cancelling the caller cancels it."""
    log = []

    async def source():
        yield 0
        await waits(log, "source", cleanup=2)

    task = asyncio.ensure_future(values(verb, returns, source(), limit=3))
    await turns(10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log == ["source cancelled", "source gone"]


async def test_closing_fails() -> None:
    """What an async generator raises while it is closed is a failure of the source, beside the others."""

    async def source():
        try:
            for n in range(100):
                yield n
        finally:
            raise OSError("while closing")

    with pytest.raises(ExceptionGroup) as caught:
        await map_tg(Crowd(failing={0}), source(), limit=1)
    assert list(map(repr, caught.value.exceptions)) == ["ValueError(0)", "OSError('while closing')"]


@VERBS
async def test_context(verb: str) -> None:
    """It runs in a copy of the caller's context; what it sets reaches no input and not the caller."""
    seen = set()

    async def source():
        seen.add(var.get())
        for n in range(5):
            var.set("source")
            yield n

    async def fn(item):
        seen.add(f"input: {var.get()}")

    token = var.set("caller")
    await values(verb, fn, source(), limit=2)
    assert var.get() == "caller"
    var.reset(token)
    assert seen == {"caller", "input: caller"}


@VERBS
async def test_calls_back_into_the_verb(verb: str) -> None:
    """A source may itself be fed by a verb, to any depth."""

    async def source(depth):
        if depth == 0:
            for n in range(10):
                yield n
        else:
            async with stream_tg(returns, source(depth - 1), limit=2) as results:
                async for outcome in results:
                    yield outcome.value

    assert await values(verb, returns, source(5), limit=3) == list(range(10))


async def test_a_queue_as_a_source() -> None:
    """Inputs that come from a queue which the inputs themselves fill: a crawler."""
    queue: asyncio.Queue[int] = asyncio.Queue()
    queue.put_nowait(1)
    left = 1

    async def pages():
        while left:
            yield await queue.get()

    async def visit(page):
        nonlocal left
        await turns(1)
        for child in (2 * page, 2 * page + 1):
            if child < 40:
                left += 1
                queue.put_nowait(child)
        left -= 1
        if not left:
            queue.put_nowait(0)
        return page

    assert sorted(await map_tg(visit, pages(), limit=4))[-39:] == list(range(1, 40))


async def test_cancelled_by_a_stranger() -> None:
    """Somebody who cancels the source's Task behind the verb's back has made a failing source, not a hang."""
    tasks = []

    async def source():
        tasks.append(asyncio.current_task())
        yield 0
        await asyncio.Event().wait()

    mapping = asyncio.ensure_future(map_tg(returns, source(), limit=2))
    await turns(10)
    tasks.pop().cancel()
    with pytest.raises(ExceptionGroup) as caught:
        await mapping
    assert list(map(type, caught.value.exceptions)) == [ItemCancelled]


@pytest.mark.parametrize("ordered", [True, False])
async def test_not_pulled_ahead_of_a_slow_consumer(ordered: bool) -> None:
    """What was pulled and not yet handed out is never more than `limit + buffer`, waiting in front of `fn` included."""
    pulled = 0

    async def source():
        nonlocal pulled
        for n in range(40):
            pulled += 1
            yield n

    async with stream_tg(Crowd(), source(), limit=3, buffer=2, ordered=ordered) as results:
        for taken in range(40):
            await turns(20)
            assert pulled == min(taken + 5, 40)
            await anext(results)
