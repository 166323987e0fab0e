"""`spawn` keeps what it fires, and tells at once when it failed; `drain` waits for it."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
import weakref

import pytest

from corral import drain, spawn
from tests.children import end_of, fails, returns, turns, waits


def reports() -> list[dict]:
    """What reaches the loop's exception handler from now on."""
    told: list[dict] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    return told


async def test_returns_none() -> None:
    """It returns `None` on purpose: there is no Task to lose."""
    assert spawn(returns(1)) is None
    await drain()


async def test_from_a_plain_function() -> None:
    """It works from a plain `def`, as long as a loop runs in this thread."""
    seen = []

    async def child():
        seen.append(1)

    def plain():
        spawn(child())

    plain()
    asyncio.get_running_loop().call_soon(plain)
    await turns(2)
    await drain()
    assert seen == [1, 1]


async def test_kept_until_it_ends() -> None:
    """It is held until it ends, though it waits only on what nobody else holds; then it is let go."""
    finished = []
    futures: weakref.WeakSet[asyncio.Future] = weakref.WeakSet()

    async def child():
        future = asyncio.get_running_loop().create_future()
        futures.add(future)
        await future
        finished.append(True)

    spawn(child())
    await turns(2)
    for _ in range(3):
        gc.collect()
        await turns(1)
    (future,) = futures
    future.set_result(None)
    del future
    await drain()
    assert finished == [True]
    gc.collect()
    assert not futures


async def test_failure_is_told_at_once() -> None:
    """A failure goes to the loop's exception handler the moment it happens, with the file and line of the `spawn` call."""
    told = reports()
    error = ValueError("bad")
    spawn(fails(error, 3), name="mail")
    line = inspect.currentframe().f_lineno - 1
    await turns(3)
    assert told == []
    await turns(2)
    (context,) = told
    assert context["exception"] is error
    assert context["message"] == f"spawn: mail, spawned at {__file__}:{line}, failed"
    assert context["task"].get_name() == "mail"


async def test_failure_is_told_once() -> None:
    """It is not told a second time as "never retrieved" when the Task is collected."""
    told = reports()
    spawn(fails(ValueError("bad")))
    await turns(4)
    assert len(told) == 1
    told[0].clear()
    gc.collect()
    await turns(1)
    assert len(told) == 1


async def test_cancelled_is_no_failure() -> None:
    """A spawned Task that is cancelled is nobody's failure."""
    told, log = reports(), []
    spawn(waits(log), name="to be cancelled")
    await turns(1)
    (task,) = [task for task in asyncio.all_tasks() if task.get_name() == "to be cancelled"]
    task.cancel()
    await drain()
    assert log == ["child cancelled", "child gone"]
    assert told == []


async def test_runs_on_after_its_starter() -> None:
    """The Task that spawned may be cancelled or end: what it has spawned runs on."""
    log = []

    async def child():
        await turns(9)
        log.append("ran")

    async def starter():
        spawn(child())
        await asyncio.Event().wait()

    task = asyncio.ensure_future(starter())
    await turns(2)
    task.cancel()
    await end_of(task)
    assert log == []
    await drain()
    assert log == ["ran"]


async def test_default_name() -> None:
    """Without a name the Task has an ordinary one; with one, the one that was given."""
    plain = asyncio.create_task(returns(1, 3))
    before = asyncio.all_tasks()
    spawn(returns(1, 3), name="by name")
    spawn(returns(1, 3))
    names = {task.get_name().rstrip("0123456789") for task in asyncio.all_tasks() - before}
    assert names == {"by name", plain.get_name().rstrip("0123456789")}
    await plain
    await drain()


async def test_spawned_by_the_spawned() -> None:
    """`drain` waits for what the spawned spawn meanwhile, too."""
    log = []

    async def generation(left):
        await turns(2)
        log.append(left)
        if left:
            spawn(generation(left - 1))

    spawn(generation(5))
    await drain()
    assert log == [5, 4, 3, 2, 1, 0]


async def test_drain_of_nothing() -> None:
    """With nothing spawned it returns at once."""
    await drain()
    await drain(timeout=1)


@pytest.mark.virtual_time
async def test_drain_gives_up() -> None:
    """Past its timeout it raises `TimeoutError`, and cancels nothing."""
    log = []

    async def slow():
        await asyncio.sleep(10)
        log.append("ended")

    spawn(slow())
    with pytest.raises(TimeoutError):
        await drain(timeout=3)
    assert log == []
    await drain(timeout=100)
    assert log == ["ended"]


async def test_drain_is_cancelled() -> None:
    """Cancelling `drain` stops the waiting and nothing else."""
    log: list[str] = []
    release = asyncio.Event()

    async def child():
        await release.wait()
        log.append("ended")

    spawn(child())
    draining = asyncio.ensure_future(drain())
    await turns(3)
    draining.cancel()
    assert type(await end_of(draining)) is asyncio.CancelledError
    release.set()
    await drain()
    assert log == ["ended"]


async def test_drain_raises_no_failures() -> None:
    """Failures of the spawned are not raised by `drain`: they have been told."""
    told = reports()
    spawn(fails(ValueError(1)))
    spawn(fails(ValueError(2), 5))
    await drain()
    await turns(1)
    assert [repr(context["exception"]) for context in told] == ["ValueError(1)", "ValueError(2)"]


async def test_drain_inside_a_spawned() -> None:
    """Called from a spawned Task it does not wait for that one."""
    log = []

    async def first():
        await turns(4)
        log.append("first")

    async def last():
        await drain()
        log.append("last")

    spawn(first())
    spawn(last())
    await turns(12)
    assert log == ["first", "last"]


async def test_drain_is_for_this_loop() -> None:
    """It waits for this loop's only: what another loop in another thread has spawned is not its business."""
    started, release = asyncio.Event(), []
    here = asyncio.get_running_loop()

    async def elsewhere():
        there = asyncio.get_running_loop()
        event = asyncio.Event()
        release.append(lambda: there.call_soon_threadsafe(event.set))

        async def child():
            await event.wait()

        spawn(child())
        here.call_soon_threadsafe(started.set)
        await drain()

    other = asyncio.ensure_future(asyncio.to_thread(lambda: asyncio.run(elsewhere())))
    await started.wait()
    await drain(timeout=5)
    release[0]()
    await other


def test_the_end_of_asyncio_run(loop_factory) -> None:
    """`asyncio.run` ends what is still running of the spawned, as it does for any Task; the next run starts with none."""
    log: list[str] = []

    async def main():
        spawn(waits(log))
        await turns(2)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert log == ["child cancelled", "child gone"]
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(drain())


@pytest.mark.parametrize("exit_", [SystemExit(3), KeyboardInterrupt()], ids=["exit", "interrupt"])
def test_exits_leave_through_the_loop(loop_factory, exit_: BaseException) -> None:
    """`SystemExit` and `KeyboardInterrupt` of a spawned coroutine leave through the loop, and are not told as failures too."""
    told: list[dict] = []

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        spawn(fails(exit_))
        await turns(10)

    with pytest.raises(type(exit_)), asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    gc.collect()
    assert told == []


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the eager factory came with 3.12")
@pytest.mark.asyncio(loop_factories=["eager"])
async def test_eager() -> None:
    """Under the eager factory a coroutine that ends, or fails, at once is told and let go like others."""
    told, log = reports(), []

    async def child():
        log.append("ran")

    spawn(child())
    assert log == ["ran"]
    spawn(fails(ValueError("at once"), 0))
    await drain()
    await turns(2)
    assert [repr(context["exception"]) for context in told] == ["ValueError('at once')"]
