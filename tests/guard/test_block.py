"""`guard` around a block: what it holds, what it answers for, and that it leaves everything as it was."""

from __future__ import annotations

import _thread
import asyncio
import gc
import threading
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from corral import map_tg
from corral.guard import Report, guard, run
from corral.guard.watch import found
from tests.guard import replaced
from tests.guard.hazards import fail, gathered, tick, turns

Loop = Callable[[], asyncio.AbstractEventLoop]


@pytest.mark.parametrize("guarded", [False, True])
def test_what_nobody_holds_is_held(guarded: bool, loop_factory: Loop) -> None:
    """The client that reads from a connection is gone after a collection; with the guard it gets what the server sends."""
    received: list[bytes] = []
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(greeted(received, guarded=guarded))
    assert received == ([b"hello\n"] if guarded else [])


async def greeted(received: list[bytes], *, guarded: bool) -> None:
    connected, writers = asyncio.Event(), []

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        connected.set()

    async def listen(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        received.append(await reader.readline())
        writer.close()

    async def scene() -> None:
        asyncio.create_task(listen(server.sockets[0].getsockname()[1]))
        await connected.wait()
        await asyncio.sleep(0.01)
        gc.collect()
        writers[0].write(b"hello\n")
        for _ in range(100):
            await asyncio.sleep(0.002)
            if received:
                break
        writers[0].close()
        await asyncio.sleep(0.005)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    if guarded:
        async with guard(policy="raise"):
            await scene()
    else:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # it says that the task was destroyed
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            await scene()
            gc.collect()
    server.close()


@pytest.mark.parametrize("make", ["asyncio.create_task", "asyncio.ensure_future", "loop.create_task", "threadsafe"])
def test_every_way_to_make_a_task_is_held(make: str, loop_factory: Loop) -> None:
    """A task lives until it is done, whoever made it, and is let go of when it is."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        events: list[asyncio.Event] = []
        made: list[weakref.ref[asyncio.Task[None]]] = []

        async def wait() -> None:
            event = asyncio.Event()
            events.append(weakref.proxy(event))
            task = asyncio.current_task()
            assert task is not None
            made.append(weakref.ref(task))
            del task
            await event.wait()

        ways: dict[str, Callable[[], object]] = {
            "asyncio.create_task": lambda: asyncio.create_task(wait()),
            "asyncio.ensure_future": lambda: asyncio.ensure_future(wait()),
            "loop.create_task": lambda: loop.create_task(wait()),
            "threadsafe": lambda: asyncio.run_coroutine_threadsafe(wait(), loop),
        }
        async with guard(policy="raise"):
            if make == "threadsafe":
                await asyncio.to_thread(ways[make])
            else:
                ways[make]()
            await turns()
            gc.collect()
            assert made[0]() is not None
            events[0].set()
            while made[0]() is not None:  # a thread lets go of it in its own time
                await asyncio.sleep(0.001)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


def test_block_leaves_everything_as_it_found_it(loop_factory: Loop) -> None:
    """After the block the loop, `gather` and `warnings` are what they were; inside, the loop's settings tell the truth."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        module = replaced.by_a_block()
        before = replaced.on_loop(loop)
        factory, handler = loop.get_task_factory(), loop.get_exception_handler()
        async with guard():
            assert replaced.on_loop(loop) != before
            assert all(now is not then for now, then in zip(replaced.by_a_block(), module, strict=True))
            assert (loop.get_task_factory(), loop.get_exception_handler()) == (factory, handler)
            await gathered(tick(), tick())
        assert replaced.on_loop(loop) == before == {}
        assert replaced.by_a_block() == module

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


async def test_plain_with_and_async_with_are_the_same() -> None:
    """`with guard():` inside a coroutine reports the same, without waiting: what is about to end has not ended."""
    async with guard(policy=lambda _: None) as waits:
        left = [asyncio.create_task(tick(), name="ends"), asyncio.create_task(asyncio.sleep(3600), name="left")]
    with guard(policy=lambda _: None) as at_once:
        left += [asyncio.create_task(tick(), name="ends"), asyncio.create_task(asyncio.sleep(3600), name="left")]
    assert [(report.kind, report.task) for report in waits.reports] == [("pending", "left")]
    assert [(report.kind, report.task) for report in at_once.reports] == [("pending", "ends"), ("pending", "left")]
    for task in left:
        task.cancel()


async def test_one_timer_is_enough_and_ends_with_the_block() -> None:
    """However many failures wait for their grace, the loop has one timer for them, and none when the block is over."""
    loop = asyncio.get_running_loop()

    def timers() -> int:
        return sum(not handle.cancelled() for handle in loop._scheduled)  # type: ignore[attr-defined]  # the stock loop's

    async with guard(policy=lambda _: None, grace=60) as on:
        tasks = [asyncio.create_task(fail()) for _ in range(10)]
        await turns()
        assert timers() == 1
    assert timers() == 0
    assert len(on.reports) == len(tasks)


async def test_what_ran_before_is_not_told_about() -> None:
    """A block answers for what is made inside it; what ran already is held, and not its business."""
    older = asyncio.create_task(asyncio.sleep(3600))
    async with guard(policy="raise"):
        await asyncio.sleep(0)
    older.cancel()


async def test_blocks_nest() -> None:
    """Each block answers for its own; the inner one's leaks are not told twice."""
    async with guard(policy=lambda _: None) as outer:
        first = asyncio.create_task(asyncio.sleep(3600), name="outer")
        async with guard(policy=lambda _: None) as inner:
            second = asyncio.create_task(asyncio.sleep(3600), name="inner")
        assert replaced.on_loop(asyncio.get_running_loop())
    assert [report.task for report in inner.reports] == ["inner"]
    assert [report.task for report in outer.reports] == ["outer"]
    assert not replaced.on_loop(asyncio.get_running_loop())
    first.cancel()
    second.cancel()


async def test_blocks_may_overlap() -> None:
    """Two tasks with a guard each may leave in any order, and the loop is as it was after the last."""

    async def one(leaves: asyncio.Event) -> None:
        async with guard(policy="raise"):
            await leaves.wait()

    first, second = asyncio.Event(), asyncio.Event()
    both = [asyncio.create_task(one(first)), asyncio.create_task(one(second))]
    await asyncio.sleep(0)
    first.set()
    await turns()
    assert both[0].done()
    second.set()
    await asyncio.gather(*both)
    assert not replaced.on_loop(asyncio.get_running_loop())


async def test_cancellation_goes_through() -> None:
    """A block that is cancelled reports, restores, and raises the cancellation."""
    found: list[Report] = []

    async def block() -> None:
        async with guard(policy=found.append):
            asyncio.create_task(asyncio.sleep(3600), name="left")
            await asyncio.sleep(3600)

    task = asyncio.create_task(block())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert [report.task for report in found] == ["left"]
    assert not replaced.on_loop(asyncio.get_running_loop())
    for each in asyncio.all_tasks() - {asyncio.current_task()}:
        each.cancel()


def test_verbs_are_clean_and_keep_their_speed(loop_factory: Loop) -> None:
    """The verbs leave nothing to report, and their workers are reused under the guard as without it."""

    async def count(*, guarded: bool) -> int:
        loop = asyncio.get_running_loop()
        made, before = 0, loop.get_task_factory()

        def counting(loop: asyncio.AbstractEventLoop, coro: Any, **more: Any) -> Any:
            nonlocal made
            made += 1
            return before(loop, coro, **more) if before is not None else asyncio.Task(coro, loop=loop, **more)

        loop.set_task_factory(counting)
        if guarded:
            async with guard(policy="raise"):
                await map_tg(tick, [0, 1] * 500, limit=10)
        else:
            await map_tg(tick, [0, 1] * 500, limit=10)
        loop.set_task_factory(before)
        return made

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        without, with_guard = runner.run(count(guarded=False)), runner.run(count(guarded=True))
    assert with_guard <= without * 1.05 + 5  # in debug mode there is a task for each input anyway


async def test_nothing_is_kept_of_what_has_ended() -> None:
    """A hundred thousand tasks, a tenth of them failing and looked at, leave nothing behind in the guard."""
    async with guard(policy="raise"):
        watch = found(asyncio.get_running_loop())
        assert watch is not None
        for _ in range(1_000):
            some = [asyncio.create_task(fail() if number % 10 == 0 else tick(0)) for number in range(100)]
            await asyncio.wait(some)
            assert sum(task.exception() is not None for task in some) == 10
            del some
        await turns()
        sizes = [
            len(watch.held),
            len(watch.failures.boxes),
            len(watch.failures._unread),
            len(watch.siblings.of),
        ]
    assert sizes[0] <= 2
    assert max(sizes[1:]) <= 64


def test_run_is_asyncio_run_with_the_guard_on(loop_factory: Loop) -> None:
    """`run` gives what the coroutine returns, raises what it raises, and closes its loop."""
    loops: list[asyncio.AbstractEventLoop] = []

    async def main(error: Exception | None = None) -> int:
        loops.append(asyncio.get_running_loop())
        if error is not None:
            raise error
        return 42

    assert run(main(), loop_factory=loop_factory) == 42
    with pytest.raises(KeyError):
        run(main(KeyError("mine")), loop_factory=loop_factory)
    assert all(loop.is_closed() for loop in loops)


def test_run_says_what_is_wrong() -> None:
    """A function instead of a coroutine, or a loop that runs already: the error shows what to write."""

    async def main() -> None:
        pass

    async def inside() -> None:
        run(main())

    with pytest.raises(ValueError, match=r"expected a coroutine, got .*: write run\(main\(\)\)"):
        run(main)  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(RuntimeError, match=r"write `async with guard\(\): await main\(\)` there"):
        asyncio.run(inside())


def test_guard_needs_a_running_loop() -> None:
    """Outside of a coroutine the error says what to write instead."""
    with (
        pytest.raises(RuntimeError, match=r"no event loop runs in this thread(.|\n)*corral\.guard\.run\(main\(\)\)"),
        guard(),
    ):
        pass


async def test_guard_is_for_one_block() -> None:
    """The same guard entered twice is refused; left without being entered, too."""
    on = guard()
    with on:
        pass
    with pytest.raises(RuntimeError, match="call guard\\(\\) anew for each block"):
        on.__enter__()
    with pytest.raises(RuntimeError, match="left without having been entered"):
        guard().__exit__(None, None, None)


async def test_guard_left_on_another_thread_is_refused() -> None:
    """A block is entered and left on one loop and thread; else it is ended, and the error says how to write it."""
    on = guard()
    on.__enter__()
    errors: list[BaseException] = []

    def leave() -> None:
        try:
            on.__exit__(None, None, None)
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=leave)
    thread.start()
    thread.join()
    assert "expected the same loop and thread" in str(errors[0])
    assert not replaced.on_loop(asyncio.get_running_loop())


def test_bad_options_of_run_leave_no_coroutine_behind() -> None:
    """A mistake in the options is raised at once, and the coroutine that was given is closed."""
    coro = tick()
    with pytest.raises(ValueError, match="policy"):
        run(coro, policy="nonsense")  # type: ignore[arg-type]  # that is the mistake
    assert coro.cr_frame is None


async def test_task_made_out_of_nowhere_is_held() -> None:
    """A thread whose first call is the loop's `create_task` has no line in Python; its task is told all the same."""
    found: list[Report] = []
    loop = asyncio.get_running_loop()
    async with guard(policy=found.append):
        coro = asyncio.Event().wait()
        _thread.start_new_thread(loop.create_task, (coro,))
        while coro.cr_frame is not None and not found and coro.cr_await is None:
            await asyncio.sleep(0.001)
    assert [report.kind for report in found] == ["pending"]
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
