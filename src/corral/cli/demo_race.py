"""`python -m corral.cli.demo_race NAME N`: the million, one way, in a process of its own; prints what it took as JSON."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from corral.cli.demo_meter import Heartbeat, PeakMemory

T = TypeVar("T")
LIMIT = 1000


async def double(x: int) -> int:
    """The blog post's kind of coroutine: next to nothing, a million times."""
    return 2 * x


def doubled(n: int) -> list[int]:
    """What every way of running `double` over 1 to n has to return."""
    return [2 * x for x in range(1, n + 1)]


async def with_map_tg(n: int) -> list[int]:
    """Ours."""
    from corral import map_tg

    return await map_tg(double, range(1, n + 1), limit=LIMIT)


async def with_gather(n: int) -> list[int]:
    """What everybody writes."""
    return await asyncio.gather(*[double(x) for x in range(1, n + 1)])


async def taskgroup_helper(*coros: Coroutine[Any, Any, T]) -> list[T]:
    """The blog post's `gather_tg`, on `asyncio.TaskGroup`."""
    async with asyncio.TaskGroup() as tg:
        tasks = [tg.create_task(coro) for coro in coros]
    return [task.result() for task in tasks]


async def with_taskgroup(n: int) -> list[int]:
    """What the blog post writes."""
    return await taskgroup_helper(*[double(x) for x in range(1, n + 1)])


RACERS: dict[str, Callable[[int], Awaitable[list[int]]]] = {
    "corral.map_tg": with_map_tg,
    "asyncio.gather": with_gather,
    "TaskGroup helper": with_taskgroup,
}


@dataclass(frozen=True)
class Lap:
    """What one racer took; `failure` says why there are no numbers.

    Args:
        name: A name of `RACERS`.
        seconds: From the call to the list of results.
        peak_bytes: Memory at its highest, above what the process held before.
        freeze_seconds: The longest time for which the loop answered nobody.
        failure: Empty, or how the process ended instead.
    """

    name: str
    seconds: float = 0.0
    peak_bytes: int = 0
    freeze_seconds: float = 0.0
    failure: str = ""


async def lap(name: str, n: int) -> Lap:
    """Run one racer here and now, with a heartbeat beside it."""
    gc.collect()
    memory = PeakMemory()
    async with Heartbeat() as heart:
        began = time.perf_counter()
        results = await RACERS[name](n)
        seconds = time.perf_counter() - began
    peak = memory.above_baseline()
    wrong = "" if results == doubled(n) else "wrong results"
    return Lap(name, seconds, peak, heart.longest_freeze, wrong)


def lap_in_own_process(name: str, n: int) -> Lap:
    """The same in a fresh interpreter, which ends with us even when we are killed.

    Fails: never; a racer that crashed or was killed for its memory comes back with `failure` set.
    """
    command = [sys.executable, "-m", "corral.cli.demo_race", name, str(n)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            assert process.stdout is not None
            lines = process.stdout.read().decode(errors="replace").strip().splitlines()
            status = process.wait()
        finally:
            process.kill()
    if status < 0:
        return Lap(name, failure=f"killed by signal {-status}: out of memory? try a smaller --n")
    if status > 0 or not lines:
        return Lap(name, failure=lines[-1] if lines else f"exit status {status}, and no word why")
    return Lap(**json.loads(lines[-1]))


def end_with_parent() -> None:
    """End this process when its standard input closes, which is what the end of its parent does."""

    def watch() -> None:
        # Not `sys.stdin`: an interpreter that ends while a thread holds its lock aborts.
        while os.read(0, 1024):
            pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    end_with_parent()
    print(json.dumps(asdict(asyncio.run(lap(sys.argv[1], int(sys.argv[2]))))), flush=True)
