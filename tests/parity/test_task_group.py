"""Where `asyncio.TaskGroup` errs on some version, or by design, we do not, on any version.

Each case runs on the blog post's helper too, which tells on which versions the TaskGroup errs: a fix in CPython shows here.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import signal
import sys
import weakref

import pytest

from corral import ItemCancelled, gather_tg, map_tg, stream_tg
from tests.children import cancels_itself, end_of, fails, leaves, returns, turns, waits
from tests.parity.gathers import post, tg, tg_many

VERSION = sys.version_info
BEFORE_3_13 = VERSION < (3, 13)
GROUPS = pytest.mark.parametrize("gather", [post, tg, tg_many], ids=lambda gather: gather.__name__)
OURS = pytest.mark.parametrize("gather", [tg, tg_many], ids=lambda gather: gather.__name__)


@GROUPS
async def test_external_cancel_collides_with_child_error(gather) -> None:
    """An outer cancellation that meets a child's failure is never swallowed (gh-116720)."""
    went_on = []

    async def fails_in_cleanup():
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("cleanup")

    async def parent():
        try:
            await gather(fails_in_cleanup())
        except* ValueError:
            pass
        await turns(2)
        went_on.append(True)

    task = asyncio.ensure_future(parent())
    await turns(4)
    task.cancel()
    await end_of(task)
    swallowed = gather is post and BEFORE_3_13
    assert (task.cancelled(), bool(went_on)) == (not swallowed, swallowed)


@GROUPS
@pytest.mark.parametrize("after", range(2, 9))
async def test_cancel_near_a_child_error(gather, after: int) -> None:
    """Whenever an outer cancellation comes, around the moment of a failure: it is never swallowed while the verb runs."""
    inside = True

    async def parent():
        nonlocal inside
        try:
            await gather(fails(ValueError("bad"), 3), waits([], cleanup=2))
        except* ValueError:
            pass
        inside = False
        await turns(50)

    task = asyncio.ensure_future(parent())
    await turns(after)
    was_inside = inside
    task.cancel()
    await end_of(task)
    if gather is not post or not BEFORE_3_13 or not was_inside:
        assert task.cancelled()


@GROUPS
async def test_the_count_of_cancellations(gather) -> None:
    """After a caught failure `cancelling()` is 0: else a later Ctrl-C would arrive as `CancelledError` (gh-116720)."""
    with pytest.raises(ExceptionGroup):
        await gather(fails(ValueError(), 2), waits([]))
    left = asyncio.current_task().cancelling()
    assert left == (1 if gather is post and BEFORE_3_13 else 0)
    while asyncio.current_task().cancelling():
        asyncio.current_task().uncancel()


@GROUPS
async def test_nested_simultaneous_errors(gather) -> None:
    """Two nested verbs that fail in the same iteration: both are heard, and the outer body is cancelled (gh-116720)."""
    heard = []

    async def body():
        try:
            await gather(fails(ValueError("inner"), 3))
        except* ValueError:
            heard.append("inner")
        await turns(20)
        heard.append("body was not cancelled")

    async def parent():
        try:
            await gather(body(), fails(KeyError("outer"), 3))
        except* KeyError:
            heard.append("outer")

    await parent()
    assert heard[-1] == "outer"
    assert "body was not cancelled" not in heard or (gather is post and BEFORE_3_13)


@GROUPS
async def test_a_child_that_cancels_itself(gather) -> None:
    """A child that cancels itself is a failure that says so, not a bare `CancelledError` in a parent whom nobody cancelled."""
    if gather is post:
        with pytest.raises(asyncio.CancelledError):
            await gather(returns(1), cancels_itself())
    else:
        with pytest.raises(ExceptionGroup) as caught:
            await gather(returns(1), cancels_itself())
        assert list(map(type, leaves(caught.value))) == [ItemCancelled]
    assert asyncio.current_task().cancelling() == 0


@OURS
async def test_every_kind_of_argument(gather) -> None:
    """Tasks, Futures, `__await__` and `gather()` are taken; what follows a bad argument is not leaked."""
    future = asyncio.get_running_loop().create_future()
    future.set_result(1)
    assert await gather(future, asyncio.ensure_future(returns(2)), asyncio.gather(returns(3))) == [1, 2, [3]]
    coros = [returns(1), returns(3)]
    with pytest.raises(TypeError):
        await gather(coros[0], 42, coros[1])
    assert {inspect.getcoroutinestate(coro) for coro in coros} == {inspect.CORO_CLOSED}


@GROUPS
async def test_closed_from_outside(gather) -> None:
    """When the parent's coroutine is closed, its children are cancelled; a TaskGroup lets them run on (gh-95571)."""
    log: list[str] = []
    task = asyncio.ensure_future(gather(waits(log, 1), waits(log, 2)))
    await turns(4)
    task.get_coro().close()
    await turns(4)
    if gather is post:
        assert log == []
    else:
        assert sorted(log) == ["1 cancelled", "1 gone", "2 cancelled", "2 gone"]
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for orphan in left:
        orphan.cancel()
    for orphan in left:
        await end_of(orphan)


class Big:
    """Something that a child's frame holds."""


@pytest.mark.parametrize("after", [0, 1])
@GROUPS
async def test_errors_are_freed_at_once(gather, after: int, loop_kind: str) -> None:
    """A failed verb's exceptions, frames and locals are freed without the cyclic collector (gh-124958, gh-128552)."""
    alive: list[weakref.ref] = []

    async def child():
        big = Big()
        alive.append(weakref.ref(big))
        await turns(after)
        raise ValueError

    async def caught() -> None:
        try:
            await gather(child(), child())
        except* ValueError:
            pass

    if gather is post and loop_kind == "eager":
        return  # errs in other ways first, on 3.12 and 3.13.0
    gc.collect()
    gc.disable()
    try:
        await caught()
        await turns(2)
        freed = all(ref() is None for ref in alive)
    finally:
        gc.enable()
    while asyncio.current_task().cancelling():
        asyncio.current_task().uncancel()
    if gather is not post:
        assert freed
    elif VERSION < (3, 12):
        assert not freed  # and never will on 3.11, which gets security fixes only


def run_it(loop_factory, main) -> tuple[BaseException | None, list[dict]]:
    """What leaves a runner, and what reaches its loop's exception handler."""
    told: list[dict] = []

    async def watched():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        await main()

    raised = None
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(watched())
    except BaseException as exc:  # which one is the question
        raised = exc.with_traceback(None)
    gc.collect()
    return raised, told


@OURS
@pytest.mark.parametrize("exit_", [SystemExit, KeyboardInterrupt])
def test_exit_loses_no_other_error(loop_factory, gather, exit_) -> None:
    """`SystemExit` and `KeyboardInterrupt` leave through the loop; the other errors are told to it, and nothing spurious (gh-135736)."""

    async def exits_in_cleanup():
        try:
            await asyncio.Event().wait()
        finally:
            raise exit_(3)

    raised, told = run_it(loop_factory, lambda: gather(fails(ValueError("lost?"), 2), exits_in_cleanup()))
    assert type(raised) is exit_
    assert [repr(context["exception"]) for context in told] == ["ValueError('lost?')"]
    assert told[0]["message"] == "gather_tg: ValueError while the program was leaving"


@OURS
@pytest.mark.parametrize("after", [0, 1, 3])
@pytest.mark.parametrize("exit_", [SystemExit, KeyboardInterrupt])
def test_exit_ends_everything(loop_factory, gather, exit_, after: int) -> None:
    """An exit in one child cancels the others and leaves; nothing is reported besides."""
    log: list[str] = []
    raised, told = run_it(loop_factory, lambda: gather(waits(log), fails(exit_(3), after)))
    assert type(raised) is exit_
    assert told == []
    assert log == ["child cancelled", "child gone"]


@pytest.mark.skipif(VERSION < (3, 12), reason="the eager factory came with 3.12")
@pytest.mark.asyncio(loop_factories=["eager"])
@OURS
async def test_eager_failure_at_once(gather) -> None:
    """Eager, first child fails at once: that error and no other, the rest not leaked, no late `CancelledError` (gh-128550, gh-128588)."""
    rest = [returns(1), returns(2)]
    with pytest.raises(ExceptionGroup) as caught:
        await gather(fails(ValueError("bad"), 0), *rest)
    assert list(map(repr, leaves(caught.value))) == ["ValueError('bad')"]
    assert {inspect.getcoroutinestate(coro) for coro in rest} == {inspect.CORO_CLOSED}
    assert asyncio.current_task().cancelling() == 0
    await turns(2)


@pytest.mark.skipif(VERSION < (3, 12), reason="the eager factory came with 3.12")
@pytest.mark.asyncio(loop_factories=["eager"])
@OURS
async def test_eager_nested_failure(gather) -> None:
    """Eager: a child whose own verb fails at once is failed, and its siblings are cancelled, though they started before (gh-155418)."""
    log: list[str] = []
    with pytest.raises(ExceptionGroup) as caught:
        await gather(waits(log), gather(fails(ValueError("bad"), 0), waits(log, "inner")))
    assert list(map(repr, leaves(caught.value))) == ["ValueError('bad')"]
    assert log[:2] in (["child cancelled", "child gone"], [])
    await turns(2)


@pytest.mark.parametrize("beside", [0, 6], ids=["few", "many"])
def test_interrupt_after_a_caught_failure(loop_factory, beside: int) -> None:
    """After a caught failure, Ctrl-C still arrives as `KeyboardInterrupt` (gh-116720)."""

    async def main():
        try:
            await gather_tg(fails(ValueError(), 1), *(returns(1) for _ in range(beside)))
        except* ValueError:
            pass
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(5)

    raised, told = run_it(loop_factory, main)
    assert type(raised) is KeyboardInterrupt
    assert told == []


@pytest.mark.parametrize("verb", ["map_tg", "stream_tg", "gather_tg"])
def test_interrupt(loop_factory, verb: str) -> None:
    """Ctrl-C while a verb runs: everything is cancelled and awaited, and `KeyboardInterrupt` leaves the program."""
    log: list[str] = []

    async def child(item):
        if item == 2:
            await turns(3)
            signal.raise_signal(signal.SIGINT)
        await waits(log, item, cleanup=3)

    async def main():
        if verb == "map_tg":
            await map_tg(child, range(3), limit=None)
        elif verb == "gather_tg":
            await gather_tg(*map(child, range(3)))
        else:
            async with stream_tg(child, range(3), limit=None) as results:
                await anext(results)

    raised, told = run_it(loop_factory, main)
    assert type(raised) is KeyboardInterrupt
    assert told == []
    assert sorted(log) == sorted(f"{n} {what}" for n in range(3) for what in ("cancelled", "gone"))


def test_second_interrupt(loop_factory) -> None:
    """A second Ctrl-C always works, whatever the children do with the first."""
    struck = 0

    async def stubborn():
        nonlocal struck
        while struck < 1:
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                struck += 1
        signal.raise_signal(signal.SIGINT)  # at once, out of whatever runs
        await asyncio.sleep(5)

    async def main():
        asyncio.get_running_loop().call_later(0.02, signal.raise_signal, signal.SIGINT)
        await gather_tg(stubborn(), waits([]))

    raised, _ = run_it(loop_factory, main)
    assert type(raised) is KeyboardInterrupt
    assert struck == 1
