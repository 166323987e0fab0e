"""One measurement in a process of its own: reads a spec as JSON from its only argument, prints the result as JSON."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks import scale_cell
from benchmarks.check_cell import measure_check, measure_keystroke
from benchmarks.contenders import BY_NAME, DRAINS, taskgroup_of
from benchmarks.guard_cell import measure_guard, measure_guard_memory
from benchmarks.inputs import WORK, Work, check_results, open_work
from benchmarks.job_cell import measure_job, measure_resume
from corral.cli.demo_meter import Heartbeat, PeakMemory

Result = dict[str, Any]
SETTLE_S = 0.02
SMALL_BATCH = 50
#: The one mode that is not of this module: the runner does without it, which would import what is measured.
IMPORT = "import"


@dataclass(frozen=True)
class Spec:
    """What one cell measures.

    Args:
        mode: Which of `MODES` below.
        contender: A name of `benchmarks.contenders`.
        work: A name of `benchmarks.inputs`, or `http`.
        n: Inputs.
        limit: Inputs running at once, where the contender can hold it.
        loop: `asyncio` or `uvloop`.
        heartbeat: Whether to measure the longest freeze as well.
        url: Of the HTTP server, for `http`.
        seconds: How long to go on repeating a short call; its median is reported.
    """

    mode: str
    contender: str
    work: str = "at_once"
    n: int = 0
    limit: int = 1000
    loop: str = "asyncio"
    heartbeat: bool = True
    url: str | None = None
    seconds: float = 0.0

    def argument(self) -> str:
        return json.dumps(asdict(self))


async def measure_run(spec: Spec, work: Work) -> Result:
    """Time, memory and freeze of one call, from making the coroutines to the list of results."""
    run = BY_NAME[spec.contender].run
    memory = PeakMemory()
    heart = Heartbeat()
    async with heart if spec.heartbeat else nullcontext():
        cpu, began = time.process_time(), time.perf_counter()
        results = await run(work, range(spec.n), spec.limit)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    peak = memory.above_baseline()
    check_results(results, spec.n)
    return {"seconds": seconds, "cpu": cpu, "peak": peak, "freeze": heart.longest_freeze}


async def measure_repeated(spec: Spec, work: Work) -> Result:
    """A call that is too short to be timed once: the median of as many as fit into `spec.seconds`."""
    run = BY_NAME[spec.contender].run
    memory = PeakMemory()
    times: list[float] = []
    stop = time.perf_counter() + spec.seconds
    while not times or time.perf_counter() < stop:
        began = time.perf_counter()
        results = await run(work, range(spec.n), spec.limit)
        times.append(time.perf_counter() - began)
        check_results(results, spec.n)
    times.sort()
    return {"seconds": times[len(times) // 2], "calls": len(times), "peak": memory.above_baseline()}


async def measure_ready(spec: Spec, work: Work) -> Result:
    """As `run`, from the moment the coroutine objects exist; nobody but the call keeps them."""
    import corral

    calls: dict[str, Callable[..., Awaitable[Sequence[int]]]] = {
        "gather_tg": corral.gather_tg,
        "asyncio.gather": asyncio.gather,
        "TaskGroup": taskgroup_of,
    }
    call = calls[spec.contender]
    memory = PeakMemory()
    async with Heartbeat() as heart:
        coros = [work(item) for item in range(spec.n)]
        made = memory.above_baseline()
        await asyncio.sleep(SETTLE_S)
        heart.reset()
        began = time.perf_counter()
        waiting = call(*coros)
        del coros
        results = await waiting
        del waiting
        seconds = time.perf_counter() - began
    peak = memory.above_baseline()
    check_results(results, spec.n)
    return {"seconds": seconds, "peak": peak, "peak_of_coroutines": made, "freeze": heart.longest_freeze}


async def measure_stream(spec: Spec, work: Work) -> Result:
    """A generator in, outcomes counted and dropped."""
    drain = DRAINS[spec.contender]
    source: Iterator[int] = (item for item in range(spec.n))
    memory = PeakMemory()
    async with Heartbeat() as heart:
        began = time.perf_counter()
        count, total = await drain(work, source, spec.limit)
        seconds = time.perf_counter() - began
    peak = memory.above_baseline()
    if (count, total) != (spec.n, spec.n * (spec.n - 1) // 2):
        raise AssertionError(f"wrong results: {count} of {spec.n}, sum {total}")
    return {"seconds": seconds, "peak": peak, "freeze": heart.longest_freeze}


async def measure_three(spec: Spec, work: Work) -> Result:
    """Microseconds from call to result for three coroutines, ours and the helper in turns in the same process."""
    import corral

    times: dict[str, list[float]] = {"ours": [], "helper": []}
    stop = time.perf_counter() + spec.seconds
    while time.perf_counter() < stop:
        for name, call in (("ours", corral.gather_tg), ("helper", taskgroup_of)):
            began = time.perf_counter()
            for _ in range(SMALL_BATCH):
                results = await call(work(0), work(1), work(2))
            times[name].append((time.perf_counter() - began) / SMALL_BATCH)
            check_results(results, 3)
    medians = {name: sorted(all_times)[len(all_times) // 2] for name, all_times in times.items()}
    return {**medians, "calls": len(times["ours"]) * SMALL_BATCH}


async def measure_tasks(spec: Spec, work: Work) -> Result:
    """Tasks made for the inputs: a reuse that has silently stopped shows here."""
    loop = asyncio.get_running_loop()
    made = 0

    def counting(loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **kwargs: Any) -> asyncio.Task[Any]:
        nonlocal made
        made += 1
        return asyncio.Task(coro, loop=loop, **kwargs)

    loop.set_task_factory(counting)  # type: ignore[arg-type]  # typeshed wants a generic protocol nobody's factory meets
    results = await BY_NAME[spec.contender].run(work, range(spec.n), spec.limit)
    loop.set_task_factory(None)
    check_results(results, spec.n)
    return {"tasks": made, "per_million": made * 1_000_000 / spec.n}


async def measure_failure(spec: Spec, work: Work) -> Result:
    """The first of `n` inputs fails after 10 ms, the others take 0.2 s: what still runs when the call has raised?"""
    ran_on = 0

    async def one_fails(item: int) -> int:
        nonlocal ran_on
        await asyncio.sleep(0.2 if item else 0.01)
        if not item:
            raise ValueError(item)
        ran_on += 1
        return item

    mine = asyncio.current_task()
    raised = ""
    try:
        await BY_NAME[spec.contender].run(one_fails, range(spec.n), spec.limit)
    except Exception as error:
        raised = type(error).__name__
    left = sum(task is not mine and not task.done() for task in asyncio.all_tasks())
    before = ran_on
    await asyncio.sleep(0.5)
    return {"left": left, "ran_on": ran_on - before, "raised": raised}


MODES: dict[str, Callable[[Spec, Work], Awaitable[Result]]] = {
    "run": measure_run,
    "repeated": measure_repeated,
    "ready": measure_ready,
    "stream": measure_stream,
    "three": measure_three,
    "tasks": measure_tasks,
    "failure": measure_failure,
    "job": measure_job,
    "resume": measure_resume,
    "guard": measure_guard,
    "guard_memory": measure_guard_memory,
    **scale_cell.MODES,
    "check": measure_check,
    "keystroke": measure_keystroke,
}


async def measure(spec: Spec) -> Result:
    """Warm the contender's imports up with ten inputs, then measure."""
    async with open_work(spec.work, spec.url) as work:
        if spec.contender in BY_NAME:
            await BY_NAME[spec.contender].run(WORK["at_once"], range(10), spec.limit)
        if spec.contender in DRAINS:
            await DRAINS[spec.contender](WORK["at_once"], iter(range(10)), spec.limit)
        gc.collect()
        return await MODES[spec.mode](spec, work)


def main(argument: str) -> None:
    """Measure with stderr closed to bars and logs, but not to a traceback."""
    spec = Spec(**json.loads(argument))
    stderr = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        if spec.loop == "uvloop":
            import uvloop

            result = uvloop.run(measure(spec))
        else:
            result = asyncio.run(measure(spec))
    finally:
        os.dup2(stderr, 2)
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1])
