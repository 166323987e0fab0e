"""What a cancellation does, of the caller or of a child, whenever it comes."""

from __future__ import annotations

import asyncio
import sys

import pytest

from corral import ItemCancelled
from tests.children import cancels_itself, end_of, fails, leaves, returns, turns, waits
from tests.parity.gathers import GATHERS, THEIRS, failure, post, settled


@GATHERS
@pytest.mark.asyncio(loop_factories=["stock", "uvloop", "debug"])  # the eager factory has run the caller by then
async def test_cancelled_before_it_started(gather) -> None:
    """Cancelled before its first step, it starts nothing."""
    started = []

    async def child():
        started.append(1)

    aws = [child(), child()]

    async def caller():
        return await gather(*aws)

    task = asyncio.ensure_future(caller())
    task.cancel()
    await end_of(task)
    assert task.cancelled()
    assert started == []
    for aw in aws:
        aw.close()


@GATHERS
async def test_cancelled_while_it_runs(gather) -> None:
    """An outer cancellation cancels the children, waits for their cleanup, and leaves as `CancelledError`."""
    log: list[str] = []

    async def caller():
        await gather(waits(log, "slow", cleanup=5), waits(log, "quick"))

    task = asyncio.ensure_future(caller())
    await turns(4)
    task.cancel()
    await end_of(task)
    assert task.cancelled()
    if gather is asyncio.gather:  # it returns at the first child that has ended
        assert "slow gone" not in log
        await turns(8)
    assert sorted(log) == ["quick cancelled", "quick gone", "slow cancelled", "slow gone"]


@GATHERS
async def test_cancelled_during_the_cleanup(gather) -> None:
    """A cancellation that comes while children clean up after a failure is never swallowed, and they are still waited for."""
    log: list[str] = []

    async def caller():
        try:
            await gather(waits(log, cleanup=20), fails(ValueError("first"), 2))
        except* ValueError:
            log.append("caught")
        await turns(100)

    task = asyncio.ensure_future(caller())
    await turns(10)
    task.cancel()
    await end_of(task)
    await settled()
    assert task.cancelled() == (gather is not post or sys.version_info >= (3, 13))  # before, a TaskGroup swallows it
    assert ("caught" in log) == (gather in THEIRS)  # gather had raised by then, a TaskGroup raises both


@GATHERS
async def test_cancelled_twice(gather) -> None:
    """Each cancellation of the caller cancels the children again; one is enough to end as cancelled."""
    struck = 0

    async def stubborn():
        nonlocal struck
        for _ in range(2):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                struck += 1

    async def caller():
        await gather(stubborn(), stubborn())

    task = asyncio.ensure_future(caller())
    await turns(3)
    task.cancel()
    await turns(3)
    assert struck == 2
    task.cancel()
    await turns(3)
    if gather is post:  # a TaskGroup cancels its children once
        assert struck == 2
        await settled()
    await end_of(task)
    assert struck == 4
    assert task.cancelled()


@GATHERS
async def test_children_that_swallow_the_cancellation(gather) -> None:
    """Children that suppress the cancellation for a while and return are waited for; the caller is cancelled all the same."""
    ended = []

    async def suppresses(value, after):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await turns(after)
        ended.append(value)
        return value

    async def caller():
        return await gather(suppresses(1, 5), suppresses(2, 1))

    task = asyncio.ensure_future(caller())
    await turns(4)
    task.cancel()
    await end_of(task)
    assert task.cancelled()
    assert sorted(ended) == [1, 2]


@GATHERS
async def test_cancellation_that_meets_a_failure(gather) -> None:
    """A child that fails because it was cancelled does not turn the caller's cancellation into a mere failure (gh-116720)."""
    seen = []

    async def fails_in_cleanup():
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("cleanup")

    async def caller():
        try:
            await gather(fails_in_cleanup())
        except asyncio.CancelledError as exc:
            seen.append(exc.__cause__)
            raise
        except Exception as exc:
            seen.append(exc)
        await turns(2)

    task = asyncio.ensure_future(caller())
    await turns(4)
    task.cancel()
    await end_of(task)
    if gather in THEIRS:  # swallowed by gather always, by a TaskGroup on 3.11 and 3.12
        assert task.cancelled() == (gather is post and sys.version_info >= (3, 13))
        return
    assert task.cancelled()
    (cause,) = seen
    assert isinstance(cause, ExceptionGroup)
    assert list(map(repr, cause.exceptions)) == ["ValueError('cleanup')"]


@GATHERS
async def test_the_message_of_a_cancellation(gather) -> None:
    """The caller's `CancelledError` carries the message of its `cancel()`."""
    seen = []

    async def caller():
        try:
            await gather(waits([]), waits([]))
        except asyncio.CancelledError as exc:
            seen.append(exc.args)
            raise

    task = asyncio.ensure_future(caller())
    await turns(4)
    task.cancel("why")
    await end_of(task)
    await settled()
    assert seen == [("why",)]


@pytest.mark.virtual_time
@GATHERS
async def test_a_timeout_around_it(gather) -> None:
    """`asyncio.timeout` around it: the children are cancelled, `TimeoutError` comes out, nothing stays behind."""
    log: list[str] = []
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await gather(waits(log, 1), waits(log, 2))
    assert sorted(log) == ["1 cancelled", "1 gone", "2 cancelled", "2 gone"]
    assert asyncio.current_task().cancelling() == 0


@pytest.mark.virtual_time
@GATHERS
async def test_a_child_that_cancels_itself(gather) -> None:
    """A child that was cancelled from inside fails: the caller, whom nobody cancelled, gets no bare `CancelledError`."""
    log: list[str] = []
    caller = asyncio.current_task()
    aws = [waits(log), cancels_itself()]
    if gather in THEIRS:  # gather raises CancelledError; a TaskGroup waits for ever, for the siblings to end
        with pytest.raises(asyncio.CancelledError if gather is asyncio.gather else TimeoutError):
            async with asyncio.timeout(1):
                await gather(*aws)
        await settled()
    else:
        assert list(map(type, leaves(await failure(gather, *aws)))) == [ItemCancelled]
    assert caller.cancelling() == 0
    assert log == ["child cancelled", "child gone"]


@GATHERS
async def test_a_child_that_awaits_something_cancelled(gather) -> None:
    """The same where the child awaited a Future that somebody had cancelled."""

    async def child():
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    if gather in THEIRS:
        with pytest.raises(asyncio.CancelledError):
            await gather(child(), returns(1))
        await settled()
    else:
        assert list(map(type, leaves(await failure(gather, child(), returns(1, 5))))) == [ItemCancelled]


@GATHERS
async def test_a_child_that_cancels_its_caller(gather) -> None:
    """A child may cancel the caller: that is an outer cancellation like any other."""
    log: list[str] = []
    tasks = []

    async def child():
        tasks[0].cancel()
        await waits(log)

    async def caller():
        tasks.append(asyncio.current_task())
        await gather(child())

    task = asyncio.ensure_future(caller())
    await end_of(task)
    assert task.cancelled()
    assert log == ["child cancelled", "child gone"]


@GATHERS
async def test_cancelled_at_the_top(gather) -> None:
    """A cancellation reaches every level below."""
    log: list[str] = []

    async def level(n):
        await gather(level(n - 1), waits(log, n)) if n else await waits(log, n)

    task = asyncio.ensure_future(level(4))
    await turns(12)
    task.cancel()
    await end_of(task)
    await settled()
    assert sorted(log) == sorted(f"{n} {what}" for n in range(5) for what in ("cancelled", "gone"))
