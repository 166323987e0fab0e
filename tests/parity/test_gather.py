"""The same test for `asyncio.gather`, the blog post's helper over a TaskGroup, and us. Where we differ, an `if` says how."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
import warnings
from contextvars import ContextVar

import pytest

from corral import ItemCancelled
from tests.children import Lazy, cancels_itself, end_of, fails, leaves, returns, turns, waits
from tests.parity.gathers import BARE, GATHERS, THEIRS, mapped, post, settled


async def failure(gather, *aws) -> BaseException:
    """What a call raises; its leaves, if it is a group where a group is due."""
    with pytest.raises(BaseException) as caught:  # which one is what the tests ask
        await gather(*aws)
    if gather not in BARE:
        assert isinstance(caught.value, BaseExceptionGroup)
    return caught.value


@GATHERS
async def test_results_in_order(gather) -> None:
    """A list of the results in the order of the arguments, whichever ends first."""
    results = await gather(returns("a", 5), returns("b", 0), returns("c", 2))
    assert results == ["a", "b", "c"]
    assert type(results) is list


@GATHERS
async def test_nothing(gather) -> None:
    """Of nothing, an empty list."""
    assert await gather() == []


@GATHERS
@pytest.mark.parametrize("count", [1, 2, 4, 5, 50])
async def test_any_number(gather, count: int) -> None:
    """One, a few, many."""
    assert await gather(*(returns(n, n % 3) for n in range(count))) == list(range(count))


@GATHERS
async def test_they_run_at_the_same_time(gather) -> None:
    """Children may wait for each other."""
    first, second = asyncio.Event(), asyncio.Event()

    async def one():
        first.set()
        await second.wait()
        return 1

    async def two():
        await first.wait()
        second.set()
        return 2

    assert await gather(one(), two()) == [1, 2]


@GATHERS
async def test_started_in_order(gather) -> None:
    """They start in the order in which they stand."""
    started = []

    async def child(n):
        started.append(n)
        await turns(1)

    await gather(*map(child, range(20)))
    assert started == list(range(20))


@GATHERS
async def test_tasks_and_futures(gather) -> None:
    """Tasks and Futures are taken, done or pending."""
    loop = asyncio.get_running_loop()
    done, pending = loop.create_future(), loop.create_future()
    done.set_result("done")
    loop.call_soon(pending.set_result, "pending")
    aws = [asyncio.ensure_future(returns("task", 2)), done, pending, asyncio.gather(returns("inner"))]
    if gather is post:  # TaskGroup: "a coroutine was expected"
        error = await failure(gather, *aws)
        assert set(map(type, leaves(error))) == {TypeError}
        await asyncio.gather(*aws)
    else:
        assert await gather(*aws) == ["task", "done", "pending", ["inner"]]


@GATHERS
async def test_objects_with_await(gather) -> None:
    """Objects with `__await__` are taken."""
    lazy = Lazy(returns("lazy"))
    if gather is post:  # TaskGroup: "a coroutine was expected"
        await failure(gather, lazy)
        assert await lazy == "lazy"
    else:
        assert await gather(lazy) == ["lazy"]


@GATHERS
async def test_the_same_twice(gather) -> None:
    """The same coroutine, Task, or Future twice runs once and fills both places."""
    coro = returns("x", 2)
    if gather is post:
        error = await failure(gather, coro, coro)
        assert [str(leaf) for leaf in leaves(error)] == ["cannot reuse already awaited coroutine"]
        return
    if gather is mapped:  # a map calls its function for each input, the same or not
        await failure(gather, coro, coro)
        coro.close()
        return
    assert await gather(coro, returns("y"), coro) == ["x", "y", "x"]
    task = asyncio.ensure_future(returns("z", 2))
    assert await gather(task, task) == ["z", "z"]


@GATHERS
async def test_own_context_each(gather) -> None:
    """Each coroutine runs in its own copy of the caller's context."""
    var = ContextVar("var", default="unset")
    var.set("caller")

    async def child(n):
        before = var.get()
        var.set(n)
        await turns(1)
        return before, var.get()

    assert await gather(child(1), child(2)) == [("caller", 1), ("caller", 2)]
    assert var.get() == "caller"


@GATHERS
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("after", [0, 1, 3])
async def test_one_failure(gather, place: int, after: int, loop_kind: str) -> None:
    """A failure of the first, the middle or the last child is raised: the very exception."""
    error = ValueError("bad")
    aws = [returns(n, 6) for n in range(3)]
    aws[place].close()
    aws[place] = fails(error, after)
    if gather is post and after == 0 and loop_kind == "eager":  # errs, by version: gh-128550, gh-128588
        for aw in aws:
            aw.close()
        return
    assert leaves(await failure(gather, *aws)) == [error]
    await settled()


@GATHERS
async def test_siblings_of_a_failure(gather) -> None:
    """When it raises, the siblings have been cancelled and have finished their cleanup."""
    log: list[str] = []
    await failure(gather, waits(log, "a", cleanup=4), fails(ValueError(), 2), waits(log, "b"))
    if gather is asyncio.gather:  # they run on, with nobody watching
        assert log == []
        await settled()
    assert sorted(log) == ["a cancelled", "a gone", "b cancelled", "b gone"]


@GATHERS
async def test_several_failures(gather) -> None:
    """No failure is lost: not one of the same moment, not one of a cleanup."""

    async def fails_in_cleanup():
        try:
            await waits([])
        finally:
            raise KeyError("cleanup")

    raised = await failure(gather, fails(ValueError("first"), 2), fails_in_cleanup())
    if gather is asyncio.gather:  # which drops it without a word
        await settled()
        assert repr(raised) == "ValueError('first')"
    elif gather in BARE:
        assert repr(raised) == "ValueError('first')"
        assert any("KeyError('cleanup')" in note for note in raised.__notes__)
    else:
        assert sorted(map(repr, raised.exceptions)) == ["KeyError('cleanup')", "ValueError('first')"]


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
async def test_a_given_task_of_somebody_else(gather) -> None:
    """A Task that was given is cancelled with the others, and awaited."""
    log: list[str] = []
    task = asyncio.ensure_future(waits(log, cleanup=3))
    await turns(1)
    if gather is post:  # which takes coroutines only
        await settled()
        return
    await failure(gather, task, fails(ValueError(), 2))
    if gather is asyncio.gather:
        assert not task.done()
        await settled()
    assert task.cancelled()
    assert log == ["child cancelled", "child gone"]


@GATHERS
async def test_a_task_of_another_loop(gather) -> None:
    """A Future of another loop is refused with a `ValueError`, and the coroutine beside it is not leaked."""
    loop = asyncio.new_event_loop()
    foreign, coro = loop.create_future(), returns(1)
    if gather is mapped:  # a map's function returns what it likes: asyncio's own RuntimeError is that input's failure
        assert list(map(type, leaves(await failure(gather, foreign)))) == [RuntimeError]
        coro.close()
    elif gather is post:
        assert list(map(type, leaves(await failure(gather, foreign)))) == [TypeError]
        coro.close()
    else:
        with pytest.raises(ValueError, match=r"loop"):
            await gather(coro, foreign)
        if gather is asyncio.gather:  # has started it, and lets it run on
            await settled()
        else:
            assert inspect.getcoroutinestate(coro) == inspect.CORO_CLOSED
    loop.close()


@GATHERS
async def test_a_bad_argument(gather) -> None:
    """A bad argument in the middle: `TypeError`, nothing has started, no coroutine is leaked as never awaited."""
    started = []

    async def child():
        started.append(1)

    before, after = child(), child()
    if gather is mapped:
        with pytest.raises(TypeError, match="fn must return an awaitable"):
            await gather(42)
        before.close()
        after.close()
    elif gather is post:
        error = await failure(gather, before, 42, after)
        assert list(map(type, leaves(error))) == [TypeError]
        after.close()
    else:
        with pytest.raises(TypeError):
            await gather(before, 42, after)
        if gather is asyncio.gather:  # has started the first, and leaks the last
            await settled()
            after.close()
        else:
            assert inspect.getcoroutinestate(before) == inspect.getcoroutinestate(after) == inspect.CORO_CLOSED
    assert started == [] or gather in THEIRS


@GATHERS
async def test_ten_levels_of_itself(gather) -> None:
    """It may be called from ten levels of itself."""

    async def level(n):
        return await gather(level(n - 1), returns(n)) if n else "bottom"

    result = await level(10)
    for n in range(10, 0, -1):
        result, value = result
        assert value == n
    assert result == "bottom"


@GATHERS
async def test_failure_at_the_bottom(gather) -> None:
    """A failure comes up from the bottom, and every level's siblings are cancelled."""
    log: list[str] = []

    async def level(n):
        if n == 0:
            await fails(ValueError("bottom"), 3)
        await gather(level(n - 1), waits(log, n))

    assert list(map(repr, leaves(await failure(gather, level(5))))) == ["ValueError('bottom')"]
    if gather is asyncio.gather:  # the siblings of all levels run on
        assert log == []
        await settled()
    assert sorted(log) == sorted(f"{n} {what}" for n in range(1, 6) for what in ("cancelled", "gone"))


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


@GATHERS
async def test_shielded_children(gather) -> None:
    """What is shielded inside a child runs on: it is not the verb's own."""
    release = asyncio.Event()

    async def inner():
        await release.wait()
        return "survived"

    task = asyncio.ensure_future(inner())

    async def child():
        await asyncio.shield(task)

    await failure(gather, child(), fails(ValueError(), 2))
    assert not task.done()
    release.set()
    assert await task == "survived"
    await settled()


@GATHERS
async def test_nothing_is_warned_of(gather) -> None:
    """Neither success nor failure nor cancellation ends in a warning, or in a word to the loop's exception handler."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        await gather(returns(1), returns(2))
        await failure(gather, fails(ValueError(1), 1), fails(ValueError(2), 1), returns(3))
        task = asyncio.ensure_future(gather(waits([])))
        await turns(3)
        task.cancel()
        await end_of(task)
        del task
        gc.collect()


@GATHERS
async def test_base_exceptions_of_ones_own(gather) -> None:
    """A `BaseException` that is neither exit nor interrupt is raised as failures are, in a `BaseExceptionGroup`."""

    class Own(BaseException):
        pass

    error = Own("mine")
    log: list[str] = []
    assert leaves(await failure(gather, fails(error, 2), waits(log))) == [error]
    await settled()
    assert log == ["child cancelled", "child gone"]
