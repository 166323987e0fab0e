"""What becomes of failures, of the siblings of a failing child, and of what was given that is no awaitable."""

from __future__ import annotations

import asyncio
import gc
import inspect
import warnings

import pytest

from tests.children import end_of, fails, leaves, returns, turns, waits
from tests.parity.gathers import BARE, GATHERS, THEIRS, failure, mapped, post, settled


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
async def test_base_exceptions_of_ones_own(gather) -> None:
    """A `BaseException` that is neither exit nor interrupt is raised as failures are, in a `BaseExceptionGroup`."""

    class Own(BaseException):
        pass

    error = Own("mine")
    log: list[str] = []
    assert leaves(await failure(gather, fails(error, 2), waits(log))) == [error]
    await settled()
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
