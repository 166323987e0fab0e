"""What holding a task costs: ways to hold or watch tasks, in turns in one process, and memory after very many."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from corral.cli.demo_meter import PeakMemory
from corral.guard import guard

if TYPE_CHECKING:
    from benchmarks.cell import Spec
    from benchmarks.inputs import Work

BATCH = 100
BATCHES = 10
_FAILS_EVERY = 1_000


@contextlib.asynccontextmanager
async def plain() -> AsyncIterator[None]:
    """Asyncio alone."""
    yield


@contextlib.asynccontextmanager
async def off() -> AsyncIterator[None]:
    """After a guard that was on, and is off."""
    async with guard():
        pass
    yield


@contextlib.asynccontextmanager
async def strong() -> AsyncIterator[None]:
    """A task factory that keeps each task in a set until it is done: holds, and tells nothing."""
    loop = asyncio.get_running_loop()
    held: set[asyncio.Task[Any]] = set()

    def factory(loop: asyncio.AbstractEventLoop, coro: Any, **more: Any) -> asyncio.Task[Any]:
        task = asyncio.Task(coro, loop=loop, **more)
        held.add(task)
        task.add_done_callback(held.discard)
        return task

    loop.set_task_factory(factory)  # type: ignore[arg-type]  # typeshed wants a generic protocol nobody's factory meets
    try:
        yield
    finally:
        loop.set_task_factory(None)


@contextlib.asynccontextmanager
async def debug() -> AsyncIterator[None]:
    """Asyncio's debug mode."""
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    await asyncio.sleep(0)
    try:
        yield
    finally:
        loop.set_debug(False)


def pyleak() -> AbstractAsyncContextManager[Any]:
    """pyleak, told to track where tasks are made."""
    from pyleak import no_task_leaks

    context: AbstractAsyncContextManager[Any] = no_task_leaks(action="raise", enable_creation_tracking=True)
    return context


WAYS: dict[str, Callable[[], AbstractAsyncContextManager[Any]]] = {
    "plain": plain, "guard": guard, "off": off, "strong": strong, "debug": debug, "pyleak": pyleak
}  # fmt: skip


async def make_tasks(work: Work, batches: int) -> None:
    """`create_task`, and two turns of the loop, in which all end: in batches, as a server has a few at a time."""
    for _ in range(batches):
        tasks = [asyncio.create_task(work(number)) for number in range(BATCH)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if not all(task.done() for task in tasks):
            raise AssertionError("wrong results: tasks that have not ended")


async def measure_guard(spec: Spec, work: Work) -> dict[str, Any]:
    """Processor time of a task in seconds, for each way; the median of as many rounds as fit."""
    times: dict[str, list[float]] = {name: [] for name in WAYS}
    stop = time.perf_counter() + spec.seconds
    while not times["plain"] or time.perf_counter() < stop:
        for name, way in WAYS.items():
            gc.collect()  # of what the way before left behind
            async with way():
                await make_tasks(work, 1)
                began = time.process_time()
                await make_tasks(work, BATCHES)
                times[name].append((time.process_time() - began) / (BATCH * BATCHES))
    return {name: sorted(each)[len(each) // 2] for name, each in times.items()}


async def measure_guard_memory(spec: Spec, work: Work) -> dict[str, Any]:
    """Peak memory of `n` tasks under the guard, one in a thousand of them failing and looked at."""

    async def fails(number: int) -> int:
        raise ValueError(number)

    memory = PeakMemory()
    seen = 0
    async with guard(policy="raise"):
        for _ in range(max(1, spec.n // _FAILS_EVERY)):
            await make_tasks(work, _FAILS_EVERY // BATCH)
            task = asyncio.create_task(fails(seen))
            await asyncio.wait([task])
            seen += isinstance(task.exception(), ValueError)
    if seen != max(1, spec.n // _FAILS_EVERY):
        raise AssertionError(f"wrong results: {seen} failures seen")
    return {"peak": memory.above_baseline()}
