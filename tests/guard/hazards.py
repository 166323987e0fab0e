"""The hazards, each as a program: `python hazards.py NAME [LOOP]` runs one, and `python hazards.py all` all of them.

Each function is whole: it makes the hazard happen, and would be written like this by somebody who does not know better. What the
guard is to say of it stands above it. `CLEAN` are their neighbours that are right, of which it is to say nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

Program = Callable[[], Awaitable[object]]

HAZARDS: dict[str, Program] = {}
CLEAN: dict[str, Program] = {}
EXPECTED: dict[str, list[str]] = {}
KEPT: list[object] = []


def hazard(*kinds: str) -> Callable[[Program], Program]:
    """What the guard says of it, in order."""

    def note(program: Program) -> Program:
        HAZARDS[program.__name__] = program
        EXPECTED[program.__name__] = list(kinds)
        return program

    return note


def clean(program: Program) -> Program:
    """Of this it says nothing."""
    CLEAN[program.__name__] = program
    return program


async def collect() -> None:
    """As if the collector came by, and the loop went on."""
    for _ in range(3):
        gc.collect()
        await asyncio.sleep(0)


async def turns(count: int = 40) -> None:
    """Lets the loop go on: turns and not seconds, so that the order of things is the same on every machine."""
    for _ in range(count):
        await asyncio.sleep(0)


async def fail(error: str = "boom", after: int = 0) -> None:
    await turns(after)
    raise ValueError(error)


async def tick(after: int = 1) -> int:
    await turns(after)
    return 1


# --- tasks that nobody holds: the collector may take them, and without the guard it does


@hazard("pending")
async def pending_at_the_end() -> None:
    asyncio.create_task(asyncio.sleep(3600))
    await asyncio.sleep(0)


@hazard("pending")
async def ensure_future_at_the_end() -> None:
    asyncio.ensure_future(asyncio.sleep(3600))
    await asyncio.sleep(0)


@hazard("pending")
async def loop_method_at_the_end() -> None:
    asyncio.get_running_loop().create_task(asyncio.sleep(3600))
    await asyncio.sleep(0)


@hazard("pending")
async def own_future() -> None:
    async def wait() -> None:
        await asyncio.get_running_loop().create_future()

    asyncio.create_task(wait())
    await collect()


@hazard("pending")
async def own_event() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    asyncio.create_task(wait())
    await collect()


@hazard("pending")
async def own_queue() -> None:
    asyncio.create_task(asyncio.Queue[int]().get())
    await collect()


@hazard("pending")
async def own_lock() -> None:
    async def wait() -> None:
        lock = asyncio.Lock()
        await lock.acquire()
        await lock.acquire()

    asyncio.create_task(wait())
    await collect()


@hazard("pending", "pending")
async def child_task() -> None:
    async def parent() -> None:
        await asyncio.create_task(asyncio.Event().wait())

    asyncio.create_task(parent())
    await collect()


@hazard("pending")
async def dead_local_set() -> None:
    def start() -> None:
        background = set()
        task = asyncio.create_task(asyncio.Event().wait())
        background.add(task)
        task.add_done_callback(background.discard)

    start()
    await collect()


@hazard("pending")
async def weak_set() -> None:
    tasks: weakref.WeakSet[asyncio.Task[object]] = weakref.WeakSet()
    tasks.add(asyncio.create_task(asyncio.Event().wait()))
    await collect()


@hazard("pending")
async def dropped_owner() -> None:
    class Client:
        def __init__(self) -> None:
            self.closed = asyncio.Event()
            self.task = asyncio.create_task(self.listen())

        async def listen(self) -> None:
            await self.closed.wait()

    Client()
    await collect()


@hazard("pending")
async def async_generator() -> None:
    async def numbers():
        yield 1
        await asyncio.Event().wait()

    async def read() -> None:
        async for _ in numbers():
            pass

    asyncio.create_task(read())
    await collect()


@hazard("pending")
async def client_connection() -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        KEPT.append(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    _, port = server.sockets[0].getsockname()

    async def listen() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        KEPT.append(writer)
        await reader.read(10)

    asyncio.create_task(listen())
    while len(KEPT) < 2:
        await asyncio.sleep(0.001)
    await collect()
    server.close()


@hazard("pending", "pending")
async def unawaited_gather_that_waits() -> None:
    asyncio.gather(asyncio.Event().wait(), asyncio.Event().wait())
    await collect()


@hazard("pending")
async def shield_whose_outer_was_cancelled() -> None:
    async def outer() -> None:
        await asyncio.shield(asyncio.Event().wait())

    task = asyncio.create_task(outer())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    del task
    await collect()


# --- failures that nobody sees


@hazard("failed")
async def failure_dropped() -> None:
    asyncio.create_task(fail())
    await turns()


@hazard("failed")
async def failure_after_the_handle_is_gone() -> None:
    task = asyncio.create_task(fail(after=5))
    await asyncio.sleep(0)
    del task
    await turns()


@hazard("failed")
async def failure_at_once() -> None:
    async def now() -> None:
        raise ValueError("boom")

    asyncio.create_task(now())
    await turns()


@hazard("failed")
async def failure_kept_in_a_set() -> None:
    tasks = {asyncio.create_task(fail())}
    await turns()
    KEPT.append(tasks)


@hazard("failed")
async def failure_behind_a_discard() -> None:
    tasks: set[asyncio.Task[None]] = set()
    task = asyncio.create_task(fail())
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    del task
    await turns()


@hazard("failed", "failed")
async def failures_behind_wait() -> None:
    tasks = [asyncio.create_task(fail(str(number))) for number in range(2)]
    await asyncio.wait(tasks)
    KEPT.extend(tasks)


@hazard("failed", "pending")
async def sequential_awaits() -> None:
    tasks = [
        asyncio.create_task(fail("first")),
        asyncio.create_task(fail("second", 5)),
        asyncio.create_task(asyncio.sleep(3600)),
    ]
    try:
        for task in tasks:
            await task
    except ValueError:
        await turns()
    del task, tasks


# --- what gather does


@hazard("orphaned")
async def orphan_that_runs_on() -> None:
    try:
        await asyncio.gather(fail(), asyncio.sleep(3600))
    except ValueError:
        await turns()


@hazard("orphaned")
async def orphan_that_ends() -> None:
    try:
        await asyncio.gather(fail(), tick(20))
    except ValueError:
        await turns()


@hazard("orphaned")
async def orphan_made_by_hand() -> None:
    tasks = [asyncio.create_task(fail()), asyncio.create_task(asyncio.sleep(3600))]
    try:
        await asyncio.gather(*tasks)
    except ValueError:
        await turns()


@hazard("orphaned", "orphaned")
async def orphans_of_a_nested_gather() -> None:
    try:
        await asyncio.gather(asyncio.gather(asyncio.sleep(3600), asyncio.sleep(3600)), fail())
    except ValueError:
        await turns()


@hazard("swallowed")
async def second_failure() -> None:
    try:
        await asyncio.gather(fail("first"), fail("second"))
    except ValueError:
        await turns()


@hazard("orphaned", "swallowed")
async def second_failure_later() -> None:
    try:
        await asyncio.gather(fail("first"), fail("second", 20))
    except ValueError:
        await turns()


@hazard("swallowed")
async def failure_while_being_cancelled() -> None:
    async def stubborn() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            raise ValueError("in the cleanup")

    both = asyncio.create_task(gathered(asyncio.sleep(3600), stubborn()))
    await turns()
    both.cancel()
    await asyncio.wait([both])
    await turns()


async def gathered(*coros: Awaitable[object]) -> list[object]:
    return await asyncio.gather(*coros)


@hazard("discarded")
async def results_thrown_away() -> None:
    await asyncio.gather(tick(), fail(), return_exceptions=True)


@hazard("discarded")
async def results_bound_and_never_read() -> None:
    results = await asyncio.gather(tick(), fail(), return_exceptions=True)  # noqa: F841  that is the hazard


@hazard("unawaited")
async def unawaited_gather() -> None:
    asyncio.gather(tick(), tick())
    await turns()


@hazard("unawaited")
async def unawaited_gather_that_fails() -> None:
    asyncio.gather(tick(0), fail(after=5))
    await turns()
    gc.collect()
    await turns(1)


@hazard("unawaited")
async def unawaited_coroutine() -> None:
    tick()
    gc.collect()


# --- threads


@hazard("future")
async def threadsafe_result_dropped() -> None:
    loop = asyncio.get_running_loop()

    def from_a_thread() -> None:
        asyncio.run_coroutine_threadsafe(fail(), loop)

    await asyncio.to_thread(from_a_thread)
    await turns()


@hazard("pending")
async def threadsafe_that_waits() -> None:
    loop = asyncio.get_running_loop()

    def from_a_thread() -> None:
        asyncio.run_coroutine_threadsafe(asyncio.Event().wait(), loop)

    await asyncio.to_thread(from_a_thread)
    await collect()


@hazard("future")
async def executor_result_dropped() -> None:
    def work() -> None:
        raise ValueError("boom")

    with ThreadPoolExecutor(1) as pool:
        asyncio.get_running_loop().run_in_executor(pool, work)
    await turns()
    gc.collect()


# --- what is right


@clean
async def nothing() -> None:
    await asyncio.sleep(0)


@clean
async def awaited_task() -> None:
    await asyncio.create_task(tick())


@clean
async def fire_and_forget_that_ends() -> None:
    asyncio.create_task(tick())
    await turns()


@clean
async def failure_that_is_seen() -> None:
    task = asyncio.create_task(fail())
    with contextlib.suppress(ValueError):
        await task


@clean
async def failure_that_is_seen_later() -> None:
    task = asyncio.create_task(fail())
    await turns()
    assert isinstance(task.exception(), ValueError)


@clean
async def failure_that_a_callback_sees() -> None:
    seen = []
    asyncio.create_task(fail()).add_done_callback(lambda task: seen.append(task.exception()))
    await turns()
    assert len(seen) == 1


@clean
async def cancelled_and_awaited() -> None:
    task = asyncio.create_task(asyncio.sleep(3600))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])


@clean
async def cancelled_and_not_awaited() -> None:
    task = asyncio.create_task(asyncio.sleep(3600))
    await asyncio.sleep(0)
    task.cancel()


@clean
async def gather_that_succeeds() -> None:
    assert await asyncio.gather(tick(), tick()) == [1, 1]


@clean
async def gather_whose_only_failure_is_seen() -> None:
    with contextlib.suppress(ValueError):
        await asyncio.gather(tick(0), fail(after=20))


@clean
async def gather_whose_handler_cancels() -> None:
    tasks = [asyncio.create_task(fail()), asyncio.create_task(asyncio.sleep(3600))]
    try:
        await asyncio.gather(*tasks)
    except ValueError:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@clean
async def gather_whose_handler_waits() -> None:
    tasks = [asyncio.create_task(fail()), asyncio.create_task(tick(20))]
    try:
        await asyncio.gather(*tasks)
    except ValueError:
        await asyncio.wait(tasks)


@clean
async def gather_whose_handler_looks_at_each() -> None:
    tasks = [asyncio.create_task(fail("first")), asyncio.create_task(fail("second"))]
    try:
        await asyncio.gather(*tasks)
    except ValueError:
        await asyncio.wait(tasks)
        assert len([task.exception() for task in tasks]) == 2


@clean
async def results_that_are_read() -> None:
    results = await asyncio.gather(tick(), fail(), return_exceptions=True)
    assert isinstance(results[1], ValueError)


@clean
async def results_that_are_returned() -> None:
    async def both() -> list[object]:
        return await asyncio.gather(tick(), fail(), return_exceptions=True)

    assert len(await both()) == 2


@clean
async def gather_that_is_cancelled() -> None:
    both = asyncio.create_task(gathered(asyncio.sleep(3600), asyncio.sleep(3600)))
    await turns()
    both.cancel()
    await asyncio.wait([both])
    await turns()


@clean
async def task_group_that_fails() -> None:
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail(after=1))
            group.create_task(asyncio.sleep(3600))
    except* ValueError:
        pass


@clean
async def timeouts() -> None:
    for _ in range(2):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0.002)


@clean
async def as_completed() -> None:
    for each in asyncio.as_completed([tick(), fail()]):
        with contextlib.suppress(ValueError):
            await each


@clean
async def threadsafe_result_read() -> None:
    loop = asyncio.get_running_loop()

    def from_a_thread() -> None:
        with contextlib.suppress(ValueError):
            asyncio.run_coroutine_threadsafe(fail(), loop).result(5)

    await asyncio.to_thread(from_a_thread)


@clean
async def threads_and_subprocesses() -> None:
    await asyncio.to_thread(gc.isenabled)
    process = await asyncio.create_subprocess_exec("true")
    assert await process.wait() == 0


@clean
async def server_and_client() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"hello\n")
        assert await reader.readline() == b"hello\n"
        writer.close()
        await writer.wait_closed()


@clean
async def async_generators() -> None:
    async def numbers():
        for number in range(3):
            yield number
            await asyncio.sleep(0)

    async for number in numbers():
        if number:
            break


@clean
async def queue_and_workers() -> None:
    queue: asyncio.Queue[int] = asyncio.Queue()

    async def work() -> None:
        while True:
            await queue.get()
            queue.task_done()

    workers = [asyncio.create_task(work()) for _ in range(2)]
    for number in range(5):
        queue.put_nowait(number)
    await queue.join()
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)


def main(name: str, loop: str = "stock") -> None:
    """Runs one as a program; `all` of them one after another, with a line of its name before each."""
    make = None
    if loop == "uvloop":
        import uvloop

        make = uvloop.new_event_loop
    for each, program in (HAZARDS | CLEAN).items():
        if name in {each, "all"}:
            sys.stderr.write(f"# {each}\n")
            with asyncio.Runner(loop_factory=make, debug=loop == "debug") as runner:
                if loop == "eager":
                    runner.get_loop().set_task_factory(asyncio.eager_task_factory)
                runner.run(program())
            KEPT.clear()


if __name__ == "__main__":
    main(*sys.argv[1:])
