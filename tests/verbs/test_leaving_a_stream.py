"""Leaving the block of a stream, by whatever way: what runs is cancelled and awaited, and every error is told once."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import asynccontextmanager, nullcontext

import pytest

from corral import stream_tg
from tests.children import Crowd, end_of, notes, returns, turns, waits


async def busy(item, log):
    if item >= 3:
        await waits(log, item, cleanup=3)
    return item


class Left(Exception):
    pass


@pytest.mark.parametrize("how", ["break", "return", "exception"])
async def test_early(how: str) -> None:
    """By `break`, `return` or an exception: what runs is cancelled and awaited when the block is left; nothing starts anew."""
    log: list[str] = []

    async def consume():
        async with stream_tg(lambda item: busy(item, log), itertools.count(), limit=2) as results:
            async for outcome in results:
                if outcome.index == 2:
                    await turns(3)
                    if how == "exception":
                        raise Left
                    if how == "return":
                        return
                    break

    with pytest.raises(Left) if how == "exception" else nullcontext():
        await consume()
    assert sorted(log) == ["3 cancelled", "3 gone", "4 cancelled", "4 gone"]


async def test_consumers_error_is_as_it_is() -> None:
    """A consumer's own exception leaves the block as it is, never wrapped in a group, without a note if nothing else failed."""
    error = Left("mine")
    with pytest.raises(Left) as caught:
        async with stream_tg(Crowd(), itertools.count(), limit=2) as results:
            async for _ in results:
                raise error
    assert caught.value is error
    assert notes(error) == []


async def test_undelivered_failure_is_raised_by_leaving() -> None:
    """A failure that the consumer stopped too early to see is raised by leaving the block."""
    with pytest.raises(ExceptionGroup) as caught:
        async with stream_tg(Crowd(failing={5}), itertools.count(), limit=2) as results:
            async for outcome in results:
                if outcome.index == 1:
                    await turns(20)
                    break
    assert list(map(repr, caught.value.exceptions)) == ["ValueError(5)"]


async def test_undelivered_failure_and_a_consumers_error() -> None:
    """If the body raised too, the stream's failure becomes a note on that."""
    with pytest.raises(Left) as caught:
        async with stream_tg(Crowd(failing={5}), itertools.count(), limit=2, on_error="first") as results:
            async for outcome in results:
                if outcome.index == 1:
                    await turns(20)
                    raise Left
    assert notes(caught.value) == ["stream_tg: failed too: ValueError(5)"]


async def test_delivered_failure_is_raised_once() -> None:
    """A failure that a step has raised is not raised again by leaving, nor by another step."""
    async with stream_tg(Crowd(failing={1}), range(5), limit=1) as results:
        assert (await anext(results)).value == 0
        with pytest.raises(ExceptionGroup):
            await anext(results)
        with pytest.raises(StopAsyncIteration):
            await anext(results)


async def test_failure_in_a_cleanup_after_leaving() -> None:
    """What an input raises while it is cancelled by the leaving is a failure that leaving raises."""

    async def fn(item):
        try:
            await waits([])
        finally:
            raise KeyError(item)

    with pytest.raises(ExceptionGroup) as caught:
        async with stream_tg(fn, range(2), limit=2):
            await turns(5)
    assert sorted(map(repr, caught.value.exceptions)) == ["KeyError(0)", "KeyError(1)"]


async def test_cancelled_in_the_body() -> None:
    """An outer cancellation of the consumer: what runs is cancelled and awaited, and `CancelledError` leaves as it came."""
    log: list[str] = []

    async def consume():
        async with stream_tg(lambda item: busy(item, log), itertools.count(), limit=2) as results:
            async for _ in results:
                pass

    task = asyncio.ensure_future(consume())
    await turns(20)
    task.cancel("outer")
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert caught.value.args == ("outer",)
    assert sorted(log) == ["3 cancelled", "3 gone", "4 cancelled", "4 gone"]


async def test_cancelled_while_leaving() -> None:
    """Leaving finishes its waiting, then re-raises an outer cancellation that came meanwhile."""
    log: list[str] = []

    async def consume():
        async with stream_tg(lambda _: waits(log, cleanup=6), range(1), limit=2):
            await turns(3)
        raise AssertionError("the cancellation was swallowed")

    task = asyncio.ensure_future(consume())
    await turns(6)
    assert log == ["child cancelled"]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def test_cancelled_while_leaving_with_an_error() -> None:
    """The same when the body had raised: the cancellation wins, and has the body's error as its context."""
    log: list[str] = []

    async def consume():
        async with stream_tg(lambda _: waits(log, cleanup=6), range(1), limit=2):
            await turns(3)
            raise Left

    task = asyncio.ensure_future(consume())
    await turns(6)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    context = caught.value
    while context is not None and not isinstance(context, Left):
        context = context.__context__
    assert isinstance(context, Left)


async def test_cancelled_in_the_body_and_while_leaving() -> None:
    """Of two cancellations the one that the block was left by goes on, with a note of the other."""
    left: list[BaseException] = []

    async def consume():
        try:
            async with stream_tg(lambda _: waits([], cleanup=6), range(1), limit=2) as results:
                await anext(results)
        except asyncio.CancelledError as exc:
            left.append(exc)
            raise

    task = asyncio.ensure_future(consume())
    await turns(3)
    for which in ("one", "two"):
        task.cancel(which)
        await turns(3)
    await end_of(task)
    assert [error.args for error in left] == [("one",)]
    assert notes(left[0]) == ["stream_tg: failed too: CancelledError('two')"]


async def test_an_async_generator_around_a_stream() -> None:
    """An async generator that holds a stream may be closed: `aclose()` waits for what it cancels, like any leaving."""
    log: list[str] = []

    async def values():
        async with stream_tg(lambda item: busy(item, log), itertools.count(), limit=2) as results:
            async for outcome in results:
                yield outcome.value

    generator = values()
    async for value in generator:
        if value == 2:
            await turns(3)
            break
    await generator.aclose()
    assert sorted(log) == ["3 cancelled", "3 gone", "4 cancelled", "4 gone"]


async def test_a_generator_that_no_task_closes() -> None:
    """Closed from a callback there is nothing that could wait: what runs is cancelled, and ends by itself."""
    log: list[str] = []

    async def values():
        async with stream_tg(lambda _: waits(log), range(3), limit=1):
            yield "entered"

    generator = values()
    await anext(generator)
    await turns(3)
    closed: list[type] = []

    def close() -> None:
        try:
            generator.aclose().send(None)
        except StopIteration:
            closed.append(StopIteration)

    asyncio.get_running_loop().call_soon(close)
    await turns(6)
    assert closed == [StopIteration]
    assert log == ["child cancelled", "child gone"]


async def test_a_generator_cannot_cancel_its_consumer() -> None:
    """A failing input of a stream inside a generator raises in the generator's step, never in the consumer's own awaits (PEP 789)."""
    failing = asyncio.Event()

    async def fn(item):
        if item == 1:
            await failing.wait()
            raise ValueError("mine")
        return item

    async def values():
        async with stream_tg(fn, range(3), limit=3, on_error="first") as results:
            async for outcome in results:
                yield outcome.value

    generator = values()
    assert await anext(generator) == 0
    failing.set()
    await turns(10)  # would be cancelled here, were the block a plain task group
    with pytest.raises(ValueError, match="mine"):
        await anext(generator)


async def test_left_at_once() -> None:
    """Leaving before anything has run starts nothing more."""
    crowd = Crowd()
    async with stream_tg(crowd, itertools.count(), limit=10):
        pass
    assert len(crowd.started) <= 1
    assert crowd.ended == []


async def test_left_when_all_is_done() -> None:
    """Leaving with outcomes that nobody took is no error: they are dropped."""
    async with stream_tg(returns, range(10), limit=10, buffer=10) as results:
        await anext(results)
        await turns(30)


@pytest.mark.parametrize("raised", [None, Left], ids=["by break", "by an exception"])
async def test_a_failure_that_meets_a_resource(raised: type[Exception] | None) -> None:
    """The resource is left with what leaves the block, also where that is a failure which the consumer had not seen."""
    left: list[object] = []

    @asynccontextmanager
    async def resource():
        try:
            yield "resource"
        except BaseException as exc:
            left.append(type(exc))
            raise
        finally:
            left.append("left")

    async def fn(item, _):
        raise ValueError(item)

    with pytest.raises(raised or ExceptionGroup):
        async with stream_tg(fn, range(3), limit=1, resource=resource):
            await turns(5)
            if raised:
                raise raised
    assert left == [raised or ExceptionGroup, "left"]


async def test_closed_with_a_resource() -> None:
    """A coroutine that is closed inside the block cannot wait: the resource is told, and what runs is cancelled."""
    left: list[object] = []

    class Resource:
        async def __aenter__(self):
            return self

        async def __aexit__(self, kind, *_):
            left.append(kind)

    log: list[str] = []

    async def consumer():
        async with stream_tg(lambda n, _: waits(log, n), range(3), limit=2, resource=Resource) as results:
            await anext(results)

    task = asyncio.ensure_future(consumer())
    await turns(5)
    task.get_coro().close()
    assert left == [GeneratorExit]
    await turns(5)
    assert sorted(log) == ["0 cancelled", "0 gone", "1 cancelled", "1 gone"]
    task.cancel()
    await end_of(task)


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
