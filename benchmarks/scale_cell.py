"""The cells of `executor=`: two processes beside one, and beside aiomultiprocess; workers that are killed."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from concurrent.futures import BrokenExecutor
from typing import TYPE_CHECKING, Any

import corral
from benchmarks.inputs import check_results

if TYPE_CHECKING:
    from benchmarks.cell import Spec
    from benchmarks.inputs import Work

PROCESSES = 2
HANGS_AFTER_S = 60


async def measure_one_process(spec: Spec, work: Work) -> dict[str, Any]:
    """In this process."""
    began = time.perf_counter()
    results = await corral.map_tg(work, range(spec.n), limit=spec.limit)
    seconds = time.perf_counter() - began
    check_results(results, spec.n)
    return {"seconds": seconds}


async def measure_processes(spec: Spec, work: Work) -> dict[str, Any]:
    """Over a pool whose processes are there: they have run a call before."""
    from corral.scale import OwnPool

    with OwnPool(PROCESSES) as pool:
        await corral.map_tg(work, range(200), limit=spec.limit, executor=pool)
        began = time.perf_counter()
        results = await corral.map_tg(work, range(spec.n), limit=spec.limit, executor=pool)
        seconds = time.perf_counter() - began
    check_results(results, spec.n)
    return {"seconds": seconds}


#: How the results of a pool are taken.
KINDS = ("one by one", "list")


async def measure_end_to_end(spec: Spec, work: Work) -> dict[str, Any]:
    """With the start and the end of the pool; results as a list, or one by one as they come."""
    from corral.scale import OwnPool

    began = time.perf_counter()
    with OwnPool(PROCESSES) as pool:
        if spec.contender == "list":
            results = await corral.map_tg(work, range(spec.n), limit=spec.limit, executor=pool)
        else:
            async with corral.stream_tg(work, range(spec.n), limit=spec.limit, executor=pool) as outcomes:
                results = [ok.value async for ok in outcomes]
    seconds = time.perf_counter() - began
    check_results(results, spec.n)
    return {"seconds": seconds, "rate": spec.n / seconds}


async def measure_aiomultiprocess(spec: Spec, work: Work) -> dict[str, Any]:
    """The same in its own words: `await pool.map(...)` is a list, `async for` over it takes them one by one."""
    from aiomultiprocess import Pool

    began = time.perf_counter()
    async with Pool(PROCESSES, childconcurrency=spec.limit // PROCESSES) as pool:
        if spec.contender == "list":
            results = await pool.map(work, range(spec.n))
        else:
            results = [result async for result in pool.map(work, range(spec.n))]
    seconds = time.perf_counter() - began
    check_results(results, spec.n)
    return {"seconds": seconds, "rate": spec.n / seconds}


async def killed_at_ten(item: int) -> int:
    """As the kernel kills a process that takes too much memory."""
    await asyncio.sleep(0.001)
    if item == 10:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


async def measure_killed(spec: Spec, _: Work) -> dict[str, Any]:
    """A worker of a pool is killed, `spec.n` times: how often was that a clear error, and how often a hang?"""
    from corral.scale import OwnPool

    clear = hangs = 0
    for _ in range(spec.n):
        with OwnPool(PROCESSES) as pool:
            try:
                async with asyncio.timeout(HANGS_AFTER_S):
                    await corral.map_tg(killed_at_ten, range(1000), limit=20, executor=pool)
            except BrokenExecutor as error:
                clear += "input 10: 10" in error.__notes__[-1]
            except TimeoutError:
                hangs += 1
    return {"clear": clear, "hangs": hangs}


MODES = {
    "one_process": measure_one_process,
    "processes": measure_processes,
    "end_to_end": measure_end_to_end,
    "aiomultiprocess": measure_aiomultiprocess,
    "killed": measure_killed,
}
