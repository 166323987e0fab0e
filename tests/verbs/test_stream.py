"""`stream_tg`: outcomes while the others run, in a block, bounded."""

from __future__ import annotations

import asyncio
import gc
import itertools

import pytest

from corral import Err, Ok, map_tg, stream_tg
from tests.children import Crowd, end_of, returns, turns

ORDERS = pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "as ready"])


@ORDERS
@pytest.mark.parametrize("limit", [1, 3, None])
@pytest.mark.parametrize("after", [0, 1, 3])
async def test_equals_a_loop(ordered: bool, limit: int | None, after: int) -> None:
    """It gives what `for item in items: await fn(item)` gives: an outcome with index, item and value for each."""
    async with stream_tg(Crowd(after), "abcdefgh", limit=limit, ordered=ordered) as results:
        outcomes = [outcome async for outcome in results]
    assert sorted(outcomes, key=lambda o: o.index) == [Ok(n, c, c) for n, c in enumerate("abcdefgh")]
    if ordered or limit == 1:
        assert outcomes == sorted(outcomes, key=lambda o: o.index)


@ORDERS
async def test_nothing_to_stream(ordered: bool) -> None:
    """Of no inputs come no outcomes."""
    async with stream_tg(returns, [], limit=3, ordered=ordered) as results:
        assert [outcome async for outcome in results] == []


@pytest.mark.virtual_time
@ORDERS
async def test_order(ordered: bool) -> None:
    """`ordered=False` gives outcomes as they are ready; `True` in input order, each as soon as it is next."""
    loop = asyncio.get_running_loop()

    async def fn(delay):
        await asyncio.sleep(delay)

    begun = loop.time()
    async with stream_tg(fn, [5, 1, 3], limit=None, ordered=ordered) as results:
        came = [(outcome.item, round(loop.time() - begun)) async for outcome in results]
    assert came == ([(5, 5), (1, 5), (3, 5)] if ordered else [(1, 1), (3, 3), (5, 5)])


@pytest.mark.parametrize("on_error", ["group", "collect"])
async def test_collect(on_error: str) -> None:
    """Under `collect` it yields `Ok` and `Err`, and cancels nothing; else `Ok` only."""
    crowd = Crowd(failing={1, 3} if on_error == "collect" else ())
    async with stream_tg(crowd, range(5), limit=2, on_error=on_error) as results:
        outcomes = [outcome async for outcome in results]
    assert [type(outcome) for outcome in outcomes if outcome.index not in {1, 3}] == [Ok] * 3
    assert {type(outcomes[1]), type(outcomes[3])} == {Err if on_error == "collect" else Ok}
    assert crowd.cancelled == []


@pytest.mark.usefixtures("endless_slice")
@pytest.mark.parametrize(("limit", "buffer"), [(1, 0), (1, None), (3, 0), (3, 2), (2, None), (5, 20)])
@ORDERS
@pytest.mark.parametrize("after", [0, 1])
async def test_slow_consumer(ordered: bool, limit: int, buffer: int | None, after: int) -> None:
    """Running are never more than `limit`; running and undelivered never more than `limit + buffer`: the source waits."""
    pulled, taken, ahead = 0, 0, []
    crowd = Crowd(after)

    def source():
        nonlocal pulled
        for n in range(40):
            pulled += 1
            ahead.append(pulled - taken)
            yield n

    async with stream_tg(crowd, source(), limit=limit, buffer=buffer, ordered=ordered) as results:
        await turns(20)
        assert len(crowd.ended) == limit + (limit if buffer is None else buffer)
        async for _ in results:
            taken += 1
            await turns(5)
    assert crowd.most <= limit
    assert max(ahead) == limit + (limit if buffer is None else buffer)


async def test_no_buffer_still_runs_ahead() -> None:
    """With `buffer=0`, `limit` inputs still run while the consumer works: only their outcomes are not stored beyond that."""
    crowd = Crowd(after=2)
    async with stream_tg(crowd, range(30), limit=3, buffer=0) as results:
        async for outcome in results:
            await turns(10)
            assert len(crowd.started) <= outcome.index + 1 + 3
            if outcome.index < 27:
                assert len(crowd.ended) == outcome.index + 1 + 3


async def test_a_slow_first_input_holds_the_rest_back() -> None:
    """In order, what is ready behind a slow input waits in the buffer, and no more than that starts."""
    release = asyncio.Event()
    crowd = Crowd()

    async def fn(item):
        if item == 0:
            await release.wait()
        return await crowd(item)

    async with stream_tg(fn, itertools.count(), limit=2, buffer=3) as results:
        await turns(50)
        assert crowd.ended == [1, 2, 3, 4]
        release.set()
        async for outcome in results:
            if outcome.index == 20:
                break


async def test_nothing_delivered_is_kept() -> None:
    """It keeps nothing that it has delivered: memory is flat for ever."""

    class Value:
        pass

    async def fn(item):
        await turns(1)
        return Value()

    def alive():
        return sum(type(thing) is Value for thing in gc.get_objects())

    async with stream_tg(fn, range(500), limit=5, buffer=5) as results:
        async for outcome in results:
            if outcome.index % 100 == 99:
                assert 1 <= alive() <= 1 + 10


async def test_entered_twice() -> None:
    """A stream is entered once: a second time is a `RuntimeError` with the way out, during the block and after it."""
    stream = stream_tg(returns, range(3), limit=1)
    async with stream:
        with pytest.raises(RuntimeError, match="has been entered before; call stream_tg again"):
            await stream.__aenter__()
    with pytest.raises(RuntimeError, match="has been entered before"):
        async with stream:
            pass


async def test_outside_its_block() -> None:
    """Iterating before the block or after it is a `RuntimeError` that shows the block."""
    stream = stream_tg(returns, range(3), limit=1)
    shown = "outcomes come inside its block only:\n  async with stream_tg"
    with pytest.raises(RuntimeError, match=shown):
        await anext(stream)
    async with stream as results:
        assert results is stream
        assert (await anext(results)).value == 0
    with pytest.raises(RuntimeError, match=shown):
        async for _ in stream:
            pass


async def test_two_steps_at_once() -> None:
    """Two Tasks that wait for the next outcome of one stream: the second gets a `RuntimeError`, the first its outcome."""
    release = asyncio.Event()

    async def fn(item):
        await release.wait()
        return item

    async with stream_tg(fn, range(3), limit=1) as results:
        step = asyncio.ensure_future(anext(results))
        await turns(2)
        with pytest.raises(RuntimeError, match="two tasks wait for the next outcome of one stream"):
            await anext(results)
        release.set()
        assert (await step).value == 0
        assert [outcome.value async for outcome in results] == [1, 2]


async def test_left_while_another_task_steps() -> None:
    """A Task that still waits for an outcome when the block is left is told so, and never hangs."""
    async with stream_tg(lambda _: asyncio.Event().wait(), range(3), limit=1) as results:
        step = asyncio.ensure_future(anext(results))
        await turns(3)
    error = await end_of(step)
    assert type(error) is RuntimeError
    assert "inside its block only" in str(error)


async def test_a_cancelled_step() -> None:
    """A step that is cancelled takes nothing and stops nothing."""
    release = asyncio.Event()

    async def fn(item):
        await release.wait()
        return item

    async with stream_tg(fn, range(5), limit=2) as results:
        for _ in range(3):
            step = asyncio.ensure_future(anext(results))
            await turns(2)
            step.cancel()
            assert type(await end_of(step)) is asyncio.CancelledError
        release.set()
        assert [outcome.value async for outcome in results] == list(range(5))


@pytest.mark.virtual_time
async def test_a_step_with_a_timeout() -> None:
    """`asyncio.timeout` around a step gives up the step, not the stream."""

    async def fn(item):
        await asyncio.sleep(10)
        return item

    async with stream_tg(fn, range(2), limit=2) as results:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3):
                await anext(results)
        assert [outcome.value async for outcome in results] == [0, 1]


async def test_consumed_by_another_task() -> None:
    """The Task that iterates need not be the one that entered the block."""
    async with stream_tg(Crowd(), range(20), limit=3) as results:

        async def consume():
            return [outcome.value async for outcome in results]

        assert await asyncio.create_task(consume()) == list(range(20))


async def test_two_streams_at_once() -> None:
    """Two streams interleaved by one consumer do not disturb each other."""
    one, two = stream_tg(Crowd(1), range(50), limit=3), stream_tg(Crowd(2), range(100, 150), limit=4)
    async with one as left, two as right:
        pairs = [((await anext(left)).value, (await anext(right)).value) for _ in range(50)]
        assert pairs == [(n, n + 100) for n in range(50)]
        with pytest.raises(StopAsyncIteration):
            await anext(left)


async def test_a_stream_of_streams() -> None:
    """A verb inside an input of a stream, and a stream as the source of another."""

    async def source():
        async with stream_tg(Crowd(), range(10), limit=2) as results:
            async for outcome in results:
                yield outcome.value

    async def fn(item):
        return await map_tg(returns, range(item), limit=2)

    async with stream_tg(fn, source(), limit=3) as results:
        assert [len(outcome.value) async for outcome in results] == list(range(10))


async def test_after_the_end() -> None:
    """When all have come, every further step says again that it is over."""
    async with stream_tg(returns, range(2), limit=1) as results:
        assert [outcome.value async for outcome in results] == [0, 1]
        assert [outcome.value async for outcome in results] == []
        assert await anext(results, "nothing") == "nothing"


async def test_never_entered() -> None:
    """A stream that is never entered touches nothing and leaves nothing behind."""

    def source():
        raise AssertionError("touched")
        yield

    stream_tg(returns, source(), limit=1)
    gc.collect()


async def test_a_consumer_that_never_suspends_starves_nobody() -> None:
    """The loop turns while a consumer takes outcomes that are always ready."""
    beats = 0

    async def heartbeat():
        nonlocal beats
        while True:
            await asyncio.sleep(0)
            beats += 1

    beating = asyncio.ensure_future(heartbeat())
    async with stream_tg(lambda item: returns(item, 0), range(1000), limit=10) as results:
        assert len([outcome async for outcome in results]) == 1000
    assert beats > 20
    beating.cancel()
    await asyncio.wait([beating])
